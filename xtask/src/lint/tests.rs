//! The rules on the real files, on files with one mistake, and on files with arbitrary changes.

mod mistakes;

use serde_json::{Value, json};

use crate::document::{Document, join};
use crate::finding::{Finding, report};
use crate::spec::Spec;

const SPEC: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/carium.yaml"));
const ONBOARDING: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/onboarding.schema.json"));

/// A JSON Schema with everything that the rules check.
const SMALL_JSON_SCHEMA: &str = r##"{
  "$schema": "http://json-schema.org/draft-07/schema#",
  "description": "A row.",
  "type": "object",
  "required": ["email"],
  "properties": {
    "email": {"$ref": "#/definitions/Email"},
    "kind": {"type": "string", "enum": ["a", "b"], "description": "A kind.", "default": "a"}
  },
  "definitions": {
    "Email": {"type": "string", "format": "email", "description": "An email address.", "x-phi": true, "examples": ["ada@example.com"]}
  },
  "examples": [{"email": "ada@example.com"}]
}"##;

#[test]
fn files_of_this_workspace_have_no_findings() {
    let spec = parse(SPEC);
    let onboarding = Document::parse("onboarding.schema.json", ONBOARDING).unwrap();
    let mut findings = super::run(&spec);
    findings.extend(super::run_json_schema(&onboarding));
    findings.extend(super::run_shared(&spec, &onboarding));
    findings.extend(run_json_schema(SMALL_JSON_SCHEMA));
    findings.extend(run_json_schema(r#"{"type": "object", "description": "A row without examples."}"#));
    assert!(findings.is_empty(), "{}", report(&findings));
}

#[test]
fn report_states_location_rule_and_fix() {
    let mut spec = parse(SPEC);
    set(&mut spec.document.value, "/components/schemas/Locale/nulable", Some(json!(true)));
    let line = 1 + SPEC.lines().position(|line| line == "    Locale:").unwrap();
    let expected = format!(
        "carium.yaml:{line}: schema `Locale` has `nulable`, which is not allowed there [openapi]\n    \
         at: /components/schemas/Locale/nulable\n    fix: write `nullable`, or remove it\n1 finding"
    );
    assert_eq!(report(&super::run(&spec)), expected);
}

#[test]
fn names_that_suggest_private_data_need_a_mark() {
    #[rustfmt::skip]
    const SUSPICIOUS: &[&str] = &[
        "dateOfBirth", "birth_date", "dob", "emailAddresses", "phone", "SSN", "patientMRN", "VisitURL", "free-text-note", "comments",
        "access_token", "apiKey", "otp", "signature", "policies", "credentials", "session", "username", "fileName", "reason", "message",
        "title", "location",
    ];
    const HARMLESS: &[&str] =
        &["class-kind", "notifications", "type", "keyboard", "renamed", "tokenized", "discount"];
    for name in SUSPICIOUS.iter().chain(HARMLESS) {
        let mut spec = parse(SPEC);
        let pointer = format!("/components/schemas/NewAppointment/properties/{name}");
        let property = json!({"type": "string", "description": "Something.", "example": "a"});
        set(&mut spec.document.value, &pointer, Some(property));
        let findings = super::run(&spec);
        let expected = usize::from(SUSPICIOUS.contains(name));
        assert_eq!(findings.len(), expected, "{name}: {}", report(&findings));
        assert!(
            findings.iter().all(|it| it.rule == "unmarked" && it.pointer == pointer),
            "{}",
            report(&findings)
        );
    }
}

/// A spec with most objects of OpenAPI, small enough to try every change.
const SMALL_SPEC: &str = r"
openapi: 3.0.3
info: {title: T, version: R2025010800, description: D, contact: {name: N}, license: {name: L}}
servers: [{url: 'https://example.com', variables: {v: {default: a, enum: [a]}}}]
tags: [{name: t, description: T, externalDocs: {url: 'https://example.com'}}]
security: [{a: []}]
paths:
  /a/{id}/:
    summary: S
    parameters: [{$ref: '#/components/parameters/Id'}]
    put:
      operationId: put_a
      description: D
      tags: [t]
      x-retry: idempotent
      x-source: inferred
      requestBody: {$ref: '#/components/requestBodies/B'}
      callbacks: {c: {}}
      responses:
        '200':
          description: D
          headers: {h: {description: D, schema: {type: string}, example: a}}
          content: {application/vnd.api+json: {schema: {$ref: '#/components/schemas/R'}, examples: {e: {$ref: '#/components/examples/E'}}}}
          links: {}
        4XX: {$ref: '#/components/responses/F'}
components:
  parameters:
    Id: {name: id, in: path, required: true, description: D, schema: {$ref: '#/components/schemas/I'}, style: simple, explode: false}
  requestBodies:
    B: {required: true, description: D, content: {application/json: {schema: {$ref: '#/components/schemas/Q'}, example: {a: 1}, encoding: {a: {}}}}}
  responses:
    F: {description: D}
  examples:
    E: {summary: S, value: {attributes: {a-id: b}}}
  headers:
    H: {schema: {type: integer}}
  securitySchemes:
    a: {type: oauth2, flows: {implicit: {authorizationUrl: 'https://example.com', scopes: {}}}}
  schemas:
    I: {type: string, format: uuid, description: D, example: aa6243fb-e4c1-44a0-ae3c-f4c4ab115002}
    Q:
      type: object
      description: D
      required: [a]
      additionalProperties: false
      anyOf: [{required: [a]}, {required: [b]}]
      properties:
        a: {type: integer, minimum: 0, exclusiveMinimum: true, multipleOf: 1, default: 1, description: D}
        b: {type: array, items: {type: string, pattern: '^a'}, minItems: 1, uniqueItems: true, description: D}
        c: {oneOf: [{type: string}, {not: {type: number}}], discriminator: {propertyName: a, mapping: {}}, description: D, xml: {name: n}}
    R:
      type: object
      description: D
      x-source: inferred
      properties:
        attributes: {$ref: '#/components/schemas/A'}
    A:
      type: object
      nullable: true
      description: D
      additionalProperties: true
      properties:
        a-id: {type: string, nullable: true, x-expect: I, x-phi: true, description: D}
        again: {allOf: [{$ref: '#/components/schemas/A'}], nullable: true, description: D}
";

/// Replacements for a value, of which none is valid everywhere. `None` removes the value.
fn replacements() -> [Option<Value>; 7] {
    [
        Some(Value::Null),
        Some(json!(3)),
        Some(json!(-0.5)),
        Some(json!("x")),
        Some(json!([])),
        Some(json!({})),
        None,
    ]
}

#[test]
fn no_change_of_a_document_panics() {
    let run_spec = |document: Document| super::run(&Spec { document });
    assert_no_change_panics(&parse(SMALL_SPEC).document, 1, run_spec);
    let small = Document::parse("row.schema.json", SMALL_JSON_SCHEMA).unwrap();
    assert_no_change_panics(&small, 1, |document| super::run_json_schema(&document));
    // The step has no common factor with the number of replacements, so that each of them is used at places of every
    // kind.
    assert_no_change_panics(&parse(SPEC).document, 53, run_spec);
}

#[test]
fn circular_references_are_findings() {
    for schemas in [
        "{A: {$ref: '#/components/schemas/A'}}",
        "{A: {$ref: '#/components/schemas/B'}, B: {$ref: '#/components/schemas/A'}}",
        "{A: {allOf: [{$ref: '#/components/schemas/A'}], example: 1}}",
        "{A: {anyOf: [{$ref: '#/components/schemas/B'}], example: 1}, B: {not: {$ref: '#/components/schemas/A'}, example: 1}}",
        "{A: {type: array, items: {$ref: '#/components/schemas/A'}, example: [[[]]]}}",
        "{A: {properties: {a: {$ref: '#/components/schemas/A'}}, example: {a: {a: {}}}}}",
        "{A: {$ref: '#'}}",
        "{A: {$ref: '#/components'}, B: {$ref: ''}, C: {$ref: 'https://example.com/a.json'}}",
    ] {
        let mut spec = parse(SPEC);
        let schemas = Document::parse("schemas", schemas).unwrap().value;
        for (name, schema) in schemas.as_object().unwrap() {
            set(&mut spec.document.value, &format!("/components/schemas/{name}"), Some(schema.clone()));
        }
        let findings = super::run(&spec);
        let is_expected = |it: &Finding| matches!(it.rule, "reference" | "recursion");
        assert!(findings.iter().any(is_expected), "{schemas}: {}", report(&findings));
    }
}

#[test]
fn documents_without_content_are_findings() {
    let mut document = parse("{}").document;
    for value in replacements().into_iter().flatten() {
        document.value = value;
        assert!(!super::run_json_schema(&document).is_empty(), "{}", document.value);
        assert!(!super::run(&Spec { document: document.clone() }).is_empty(), "{}", document.value);
    }
}

fn parse(text: &str) -> Spec {
    Spec::parse("carium.yaml", text).unwrap_or_else(|finding| panic!("{finding}"))
}

fn run_json_schema(text: &str) -> Vec<Finding> {
    super::run_json_schema(&Document::parse("row.schema.json", text).unwrap())
}

/// Sets or removes the value at a pointer, whose parent must exist. `-` appends to a list.
fn set(root: &mut Value, pointer: &str, value: Option<Value>) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/").replace("~0", "~");
    let parent = root.pointer_mut(parent).unwrap_or_else(|| panic!("{parent} does not exist"));
    match (parent, value) {
        (Value::Object(map), Some(value)) => {
            map.insert(key, value);
        }
        (Value::Object(map), None) => {
            assert!(map.shift_remove(&key).is_some(), "{pointer} does not exist");
        }
        (Value::Array(items), Some(value)) if key == "-" => items.push(value),
        (Value::Array(items), Some(value)) => items[key.parse::<usize>().unwrap()] = value,
        (Value::Array(items), None) => {
            items.remove(key.parse().unwrap());
        }
        _ => panic!("the parent of {pointer} is neither a map nor a list"),
    }
}

fn assert_no_change_panics(original: &Document, step: usize, run: impl Fn(Document) -> Vec<Finding>) {
    let mut pointers = Vec::new();
    collect_pointers(&original.value, "", &mut pointers);
    let changes = pointers.iter().flat_map(|pointer| replacements().map(|value| (pointer, value)));
    for (pointer, value) in changes.step_by(step) {
        let mut changed = original.clone();
        set(&mut changed.value, pointer, value);
        let _ = run(changed);
    }
}

/// Collects the pointers of all values in a value.
fn collect_pointers(value: &Value, pointer: &str, found: &mut Vec<String>) {
    let members: Vec<_> = match value {
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
        }
        Value::Object(map) => map.iter().map(|(key, member)| (key.clone(), member)).collect(),
        _ => Vec::new(),
    };
    for (key, member) in members {
        let at = join(pointer, &key);
        found.push(at.clone());
        collect_pointers(member, &at, found);
    }
}
