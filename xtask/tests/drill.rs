//! The drill that this workspace is built around: the vendor adds an endpoint, a maintainer edits the spec
//! and runs one command, and the new method is there. Nothing else is edited.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use support::Copy;

const OPERATION: &str = "  /caredb/v1/org-rooms/{id}/:
    parameters:
      - name: id
        in: path
        required: true
        description: The room.
        schema:
          $ref: '#/components/schemas/RoomId'
    put:
      operationId: rename_room
      summary: Rename a room.
      description: Gives a room another name.
      tags: [caredb]
      x-retry: idempotent
      x-source: inferred
      parameters:
        - $ref: '#/components/parameters/OrganizationId'
        - name: x-count
          in: header
          description: How many, at the most. By filter[x], or https://example.com.
          schema:
            type: integer
          example: 3
      requestBody:
        required: true
        content:
          application/json:
            schema:
              $ref: '#/components/schemas/RenameRoomRequest'
            example:
              name: Room 4
              note: null
      responses:
        '200':
          description: The room after the change.
          content:
            application/vnd.api+json:
              schema:
                $ref: '#/components/schemas/RoomDocument'
              example:
                data:
                  id: 2097e072-92f6-4333-99d6-9693d63be652
                  attributes:
                    name: Room 4
        4XX:
          $ref: '#/components/responses/ClientError'
        5XX:
          $ref: '#/components/responses/ServerError'

";

const SCHEMAS: &str = "    RoomId:
      type: string
      format: uuid
      description: The id of a room.
      example: 2097e072-92f6-4333-99d6-9693d63be652
    RenameRoomRequest:
      type: object
      description: Another name for a room.
      x-source: inferred
      required: [name]
      additionalProperties: false
      properties:
        name:
          type: string
          x-phi: false
          description: The name.
          example: Room 4
        score:
          $ref: '#/components/schemas/RoomScore'
        labels:
          $ref: '#/components/schemas/RoomLabels'
        guests:
          $ref: '#/components/schemas/RoomGuests'
        door-code:
          $ref: '#/components/schemas/DoorCode'
        note:
          type: string
          nullable: true
          x-phi: true
          description: A note, in free text.
          example: The one by the stairs
    RoomScore:
      type: integer
      x-phi: true
      description: What a guest thinks of the room.
    RoomLabels:
      type: object
      x-source: inferred
      description: Whatever is written on the door.
      additionalProperties:
        type: string
        x-phi: true
        description: What is written.
    RoomGuests:
      type: array
      description: Who is in the room.
      items:
        $ref: '#/components/schemas/PersonName'
    DoorCode:
      type: string
      x-secret: true
      description: What opens the room.
    RoomDocument:
      type: object
      description: A room, as the service answers.
      x-source: inferred
      required: [data]
      properties:
        data:
          $ref: '#/components/schemas/Room'
    Room:
      type: object
      description: A room on record.
      x-source: inferred
      required: [id]
      properties:
        id:
          $ref: '#/components/schemas/RoomId'
        attributes:
          $ref: '#/components/schemas/RoomAttributes'
    RoomAttributes:
      type: object
      nullable: true
      description: What the service says of a room.
      x-source: inferred
      additionalProperties: true
      properties:
        name:
          type: string
          nullable: true
          x-phi: false
          description: The name.
          example: Room 4
";

/// What a team would write on the day after.
const PROGRAM: &str = r##"
use async_trait::async_trait;
use bytes::Bytes;
use carium_api::{Change, Client, ClientCaredbExt as _, Operation, RetryClass, Transport, TransportError, operations};
use http::{Request, Response};

struct Rooms;

#[async_trait]
impl Transport for Rooms {
    async fn send(
        &self,
        operation: &'static Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        assert_eq!(*operation, operations::RENAME_ROOM);
        assert_eq!(operation.retry, RetryClass::Idempotent);
        assert_eq!(
            request.uri().to_string(),
            "https://api.carium.com/caredb/v1/org-rooms/2097e072-92f6-4333-99d6-9693d63be652/?organization-id=8d25a2a6-8219-40d1-a34f-c24ec69f4f72",
        );
        assert_eq!(request.headers()["x-count"], "3");
        assert_eq!(request.body(), r#"{"name":"Room 4","note":null}"#);
        Ok(Response::new(Bytes::from_static(
            br#"{"data": {"id": "2097e072-92f6-4333-99d6-9693d63be652", "attributes": {"name": "Room 4"}}}"#,
        )))
    }
}

#[tokio::test]
async fn the_new_method_is_there() {
    let client = Client::new("https://api.carium.com".parse().unwrap(), Rooms);
    let room = client
        .rename_room()
        .id("2097e072-92f6-4333-99d6-9693d63be652")
        .organization_id("8d25a2a6-8219-40d1-a34f-c24ec69f4f72")
        .x_count(3_i64)
        .body_map(|body| body.name("Room 4").note(Change::Clear))
        .send()
        .await
        .unwrap();
    let attributes = room.data.attributes.known().unwrap();
    assert_eq!(attributes.name.known().map(String::as_str), Some("Room 4"));
}
"##;

/// Without TLS, which takes most of the time to build and has no part in this.
const MOCK: [&str; 4] = ["check", "--locked", "--package", "carium-mock"];
const TEST: [&str; 9] = [
    "test",
    "--locked",
    "--package",
    "carium-api",
    "--no-default-features",
    "--test",
    "rooms",
    "--test",
    "redaction",
];

#[test]
fn an_endpoint_is_added_by_editing_the_spec_alone() {
    let copy = Copy::new();
    let files = |copy: &Copy| {
        [copy.read("crates/carium-api/src/lib.rs"), copy.read("crates/carium-api/src/client.rs")]
    };
    let by_hand = files(&copy);

    copy.insert_before("specs/carium.yaml", "\ncomponents:\n", OPERATION);
    copy.insert_before("specs/carium.yaml", "    # What JSON:API brings along.\n", SCHEMAS);
    let said = copy.xtask(&["generate"]);
    assert!(said.success, "{}", said.err);
    assert!(copy.xtask(&["generate", "--check"]).success);
    assert_eq!(files(&copy), by_hand);

    copy.write("crates/carium-api/tests/rooms.rs", PROGRAM);
    // The new program, and the test of every type: the new ones are in it without anyone's doing.
    let said = copy.cargo(&TEST);
    assert!(said.success, "{}\n{}", said.out, said.err);
    assert!(said.out.contains("the_new_method_is_there ... ok"), "{}", said.out);
    // The helpers for tests are there too.
    let said = copy.cargo(&MOCK);
    assert!(said.success, "{}", said.err);
    assert!(copy.read("crates/carium-api/tests/generated/canaries.rs").contains("types::RenameRoomRequest"));
}
