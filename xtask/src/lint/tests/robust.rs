//! Whatever a document holds, the linter says what is wrong with it and does not stop.

use serde_json::{Value, json};

use super::{SPEC, change, spec};
use crate::document::{Document, join};
use crate::finding::Finding;
use crate::spec::Spec;

/// A spec with one of everything that the real one does without, small enough to try every edit.
const SMALL: &str = r"
openapi: 3.0.3
info: {title: T, version: R2025010800, description: D, contact: {name: N}, license: {name: L}}
servers: [{url: 'https://example.com', variables: {v: {default: a, enum: [a]}}}]
tags: [{name: t, description: T, externalDocs: {url: 'https://example.com'}}]
security: [{a: []}]
externalDocs: {url: 'https://example.com'}
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
          links: {l: {}}
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
  links: {}
  callbacks: {}
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

/// Values of every type, none of which fits everywhere; `None` takes the value out.
fn intruders() -> [Option<Value>; 7] {
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
fn no_value_at_any_place_of_a_small_spec_stops_it() {
    assert_every_edit(&spec(SMALL).document, 1, check);
}

/// The stride keeps this to seconds: a run over the real spec takes some 50 ms where nothing is optimized.
/// It shares no factor with the number of intruders, so each of them meets places of every sort.
#[test]
fn no_value_at_many_places_of_the_real_spec_stops_it() {
    assert_every_edit(&spec(SPEC).document, 53, check);
}

#[test]
fn no_value_at_any_place_of_a_json_schema_stops_it() {
    let document = Document::parse("row.schema.json", super::json_schema::SMALL).unwrap();
    assert_every_edit(&document, 1, |document| crate::lint::run_json_schema(&document));
}

fn check(document: Document) -> Vec<Finding> {
    crate::lint::run(&Spec { document })
}

#[test]
fn references_in_circles_of_every_sort_end() {
    for schemas in [
        "{A: {$ref: '#/components/schemas/A'}}",
        "{A: {$ref: '#/components/schemas/B'}, B: {$ref: '#/components/schemas/A'}}",
        "{A: {allOf: [{$ref: '#/components/schemas/A'}], example: 1}}",
        "{A: {anyOf: [{$ref: '#/components/schemas/B'}], example: 1}, B: {not: {$ref: '#/components/schemas/A'}, example: 1}}",
        "{A: {type: array, items: {$ref: '#/components/schemas/A'}, example: [[[]]]}}",
        "{A: {properties: {a: {$ref: '#/components/schemas/A'}}, example: {a: {a: {}}}}}",
        "{A: {$ref: '#'}}",
        "{A: {$ref: '#/components'}, B: {$ref: 3}, C: {$ref: ''}, D: {$ref: 'https://example.com/a.json'}}",
    ] {
        let text = format!(
            "{{openapi: 3.0.3, paths: {{/a/: {{get: {{responses: {{'200': {{content: {{a/b: \
             {{schema: {{$ref: '#/components/schemas/A'}}, example: 1}}}}}}}}}}}}}}, components: {{schemas: {schemas}}}}}"
        );
        assert!(!crate::lint::run(&spec(&text)).is_empty(), "{schemas}");
    }
}

#[test]
fn a_document_that_holds_nothing_is_a_finding() {
    let mut document = spec("{}").document;
    for intruder in intruders().into_iter().flatten() {
        document.value = intruder;
        assert!(!crate::lint::run_json_schema(&document).is_empty(), "{}", document.value);
        assert!(!check(document.clone()).is_empty(), "{}", document.value);
    }
}

fn assert_every_edit(original: &Document, stride: usize, run: impl Fn(Document) -> Vec<Finding>) {
    let mut pointers = Vec::new();
    collect(&original.value, "", &mut pointers);
    let edits = pointers.iter().flat_map(|pointer| intruders().map(|intruder| (pointer, intruder)));
    for (pointer, intruder) in edits.step_by(stride) {
        let mut edited = original.clone();
        change(&mut edited.value, pointer, intruder);
        // Not to panic is all that is asked for.
        let _ = run(edited);
    }
}

/// The pointer of every value below one.
fn collect(value: &Value, pointer: &str, found: &mut Vec<String>) {
    let mut enter = |key: &str, value: &Value| {
        let at = join(pointer, key);
        found.push(at.clone());
        collect(value, &at, found);
    };
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| enter(&index.to_string(), item));
        }
        Value::Object(map) => map.iter().for_each(|(key, member)| enter(key, member)),
        _ => {}
    }
}
