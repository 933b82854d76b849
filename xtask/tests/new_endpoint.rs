//! The main promise of this workspace: after the vendor adds an endpoint, a maintainer edits the spec, runs
//! `cargo xtask generate`, and the new method exists.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use support::Copy;

const OPERATION: &str = "  /caredb/v1/org-drills/{id}/:
    parameters:
      - {name: id, in: path, required: true, description: The drill., schema: {$ref: '#/components/schemas/DrillId'}}
    put:
      operationId: rename_drill
      summary: Rename a drill.
      description: Gives a drill another name.
      tags: [caredb]
      x-retry: idempotent
      x-source: inferred
      parameters:
        - $ref: '#/components/parameters/OrganizationId'
        - name: x-count
          in: header
          description: The number of entries. Supports filter[x], see https://example.com.
          schema: {type: integer}
          example: 3
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: '#/components/schemas/RenameDrillRequest'}
            example: {name: Drill 4, note: null}
      responses:
        '200':
          description: The drill after the change.
          content:
            application/vnd.api+json:
              schema: {$ref: '#/components/schemas/DrillDocument'}
              example: {data: {id: 2097e072-92f6-4333-99d6-9693d63be652, attributes: {name: Drill 4}}}
        4XX: {$ref: '#/components/responses/Refused'}
        5XX: {$ref: '#/components/responses/Failed'}

";

/// Schemas of every kind that is marked: a number, a map, a list, a secret and an optional text.
const SCHEMAS: &str = "    DrillId:
      type: string
      format: uuid
      description: The ID of a drill.
      example: 2097e072-92f6-4333-99d6-9693d63be652
    RenameDrillRequest:
      type: object
      description: Another name for a drill.
      x-source: inferred
      required: [name]
      additionalProperties: false
      properties:
        name: {type: string, x-phi: false, description: The name., example: Drill 4}
        score: {$ref: '#/components/schemas/DrillScore'}
        labels: {$ref: '#/components/schemas/DrillLabels'}
        guests: {$ref: '#/components/schemas/DrillGuests'}
        door-code: {$ref: '#/components/schemas/DrillCode'}
        note: {type: string, nullable: true, x-phi: true, description: A note., example: A note}
    DrillScore: {type: integer, x-phi: true, description: A rating.}
    DrillLabels:
      type: object
      x-source: inferred
      description: Labels.
      additionalProperties: {type: string, x-phi: true, description: A label.}
    DrillGuests: {type: array, description: Participants., items: {$ref: '#/components/schemas/PersonName'}}
    DrillCode: {type: string, x-secret: true, description: An access code.}
    DrillDocument:
      type: object
      description: A drill in a response.
      x-source: inferred
      required: [data]
      properties:
        data: {$ref: '#/components/schemas/Drill'}
    Drill:
      type: object
      description: A drill.
      x-source: inferred
      required: [id]
      properties:
        id: {$ref: '#/components/schemas/DrillId'}
        attributes: {$ref: '#/components/schemas/DrillAttributes'}
    DrillAttributes:
      type: object
      nullable: true
      description: The attributes of a drill.
      x-source: inferred
      additionalProperties: true
      properties:
        name: {type: string, nullable: true, x-phi: false, description: The name., example: Drill 4}
";

/// A program that calls the new method.
const PROGRAM: &str = r##"
use async_trait::async_trait;
use bytes::Bytes;
use carium_api::{Change, Client, ClientCaredbExt as _, Operation, RetryClass, Transport, TransportError, operations};
use http::{Request, Response};

struct Drills;

#[async_trait]
impl Transport for Drills {
    async fn send(
        &self,
        operation: &'static Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        assert_eq!(*operation, operations::RENAME_DRILL);
        assert_eq!(operation.retry, RetryClass::Idempotent);
        assert_eq!(
            request.uri().to_string(),
            "https://api.carium.com/caredb/v1/org-drills/2097e072-92f6-4333-99d6-9693d63be652/?organization-id=8d25a2a6-8219-40d1-a34f-c24ec69f4f72",
        );
        assert_eq!(request.headers()["x-count"], "3");
        assert_eq!(request.body(), r#"{"name":"Drill 4","note":null}"#);
        Ok(Response::new(Bytes::from_static(
            br#"{"data": {"id": "2097e072-92f6-4333-99d6-9693d63be652", "attributes": {"name": "Drill 4"}}}"#,
        )))
    }
}

#[tokio::test]
async fn the_new_method_exists() {
    let client = Client::new("https://api.carium.com".parse().unwrap(), Drills);
    let drill = client
        .rename_drill()
        .id("2097e072-92f6-4333-99d6-9693d63be652")
        .organization_id("8d25a2a6-8219-40d1-a34f-c24ec69f4f72")
        .x_count(3_i64)
        .body_map(|body| body.name("Drill 4").note(Change::Clear))
        .send()
        .await
        .unwrap();
    let attributes = drill.data.attributes.known().unwrap();
    assert_eq!(attributes.name.known().map(String::as_str), Some("Drill 4"));
}
"##;

/// Without TLS, which takes most of the build time and does not depend on the spec.
const CHECK_MOCK: [&str; 4] = ["check", "--locked", "--package", "carium-mock"];
const TEST_API: [&str; 9] = [
    "test",
    "--locked",
    "--package",
    "carium-api",
    "--no-default-features",
    "--test",
    "drills",
    "--test",
    "redaction",
];

#[test]
fn endpoint_is_added_by_editing_the_spec_alone() {
    let copy = Copy::new();
    let hand_written = |copy: &Copy| {
        [copy.read("crates/carium-api/src/lib.rs"), copy.read("crates/carium-api/src/client.rs")]
    };
    let before = hand_written(&copy);
    copy.insert_before("specs/carium.yaml", "\ncomponents:\n", OPERATION);
    copy.insert_before("specs/carium.yaml", "    PersonName:\n", SCHEMAS);
    let output = copy.xtask(&["generate"]);
    assert!(output.success, "{}", output.stderr);
    assert!(copy.xtask(&["generate", "--check"]).success);
    assert_eq!(hand_written(&copy), before);

    copy.write("crates/carium-api/tests/drills.rs", PROGRAM);
    // The test `redaction` covers every type, including the new ones.
    let output = copy.cargo(&TEST_API);
    assert!(output.success, "{}\n{}", output.stdout, output.stderr);
    assert!(output.stdout.contains("the_new_method_exists ... ok"), "{}", output.stdout);
    // The test helpers of `carium-mock` compile, too.
    let output = copy.cargo(&CHECK_MOCK);
    assert!(output.success, "{}", output.stderr);
    let canaries = copy.read("crates/carium-api/tests/generated/canaries.rs");
    assert!(canaries.contains("types::RenameDrillRequest"));
}
