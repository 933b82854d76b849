//! The rules on the real files, on files with one mistake, and on files with arbitrary changes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{API_RULES, JSON_SCHEMA_RULES};

use crate::document::{Document, Finding, report};
use crate::edit::{edit, pointers, set};
use crate::spec::{Sources, Spec};
use crate::workspace;

/// The spec that the tests edit. The real one changes with the API.
const SPEC: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/specs/carium.yaml"));

/// A JSON Schema with everything that the rules check.
const SMALL_JSON_SCHEMA: &str = r##"{
  "$schema": "http://json-schema.org/draft-07/schema#",
  "description": "A row.",
  "type": "object",
  "required": ["email"],
  "properties": {
    "email": {"$ref": "#/definitions/Email"},
    "kind": {"type": "string", "enum": ["a", "b"], "description": "A kind.", "x-hint": "write a or b", "default": "a"}
  },
  "definitions": {
    "Email": {"type": "string", "format": "email", "description": "An email address.", "x-hint": "write an address", "x-phi": true, "examples": ["ada@example.com"]}
  },
  "examples": [{"email": "ada@example.com"}]
}"##;

#[test]
fn files_of_this_workspace_have_no_findings() {
    let root = workspace::root(None);
    let mut findings = super::run(&Sources::read(&root).unwrap());
    findings.extend(super::run(&Sources::read(&root.join("xtask/tests/fixtures")).unwrap()));
    findings.extend(run_json_schema(SMALL_JSON_SCHEMA));
    findings.extend(run_json_schema(r#"{"type": "object", "description": "A row without examples."}"#));
    assert!(findings.is_empty(), "{}", report(&findings));
}

/// Mistakes in the spec and in the small JSON Schema, one a line, each with its finding: `EDIT => RULE POINTER: PART OF THE
/// FINDING (also OTHER RULE)`. An edit is a line as for [`edit`], or `replace [FROM, TO]` for the first occurrence of a text.
/// Pointers have the short form of [`expand`].
const MISTAKES: &str = include_str!("tests/mistakes.txt");
const JSON_SCHEMA_MISTAKES: &str = include_str!("tests/json_schema_mistakes.txt");

/// A value in wrong examples, which no finding may contain.
const CANARY: &str = "canary";

struct Mistake {
    edit: &'static str,
    rule: &'static str,
    pointer: String,
    /// A part of the finding.
    text: &'static str,
    /// Another rule that the mistake violates.
    also: Option<&'static str>,
}

fn mistakes(table: &'static str) -> impl Iterator<Item = Mistake> {
    table.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (edit, expected) = line.split_once(" => ").unwrap();
        let (rule, expected) = expected.split_once(' ').unwrap();
        let (pointer, text) = expected.split_once(": ").unwrap();
        let (text, also) = match text.rsplit_once(" (also ") {
            Some((text, also)) => (text, Some(also.trim_end_matches(')'))),
            None => (text, None),
        };
        Mistake { edit, rule, pointer: expand(pointer), text, also }
    })
}

impl Mistake {
    fn apply(&self, file: &str, text: &str) -> Document {
        let parse = |text: &str| Document::parse(file, text).unwrap_or_else(|finding| panic!("{finding}"));
        let (verb, rest) = self.edit.split_once(' ').unwrap();
        if verb == "replace" {
            let (from, to): (String, String) = serde_json::from_str(rest).unwrap();
            assert!(text.contains(&from), "the document does not contain {from:?}");
            return parse(&text.replacen(&from, &to, 1));
        }
        let mut document = parse(text);
        let (pointer, argument) = rest.split_once(' ').unwrap_or((rest, ""));
        edit(&mut document.value, format!("{verb} {} {argument}", expand(pointer)).trim_end());
        document
    }

    /// Checks that the findings contain the expected one, and only those of other rules that are expected.
    fn check(&self, findings: &[Finding]) -> Result<(), String> {
        let is_expected = |it: &Finding| {
            it.rule == self.rule && it.pointer == self.pointer && it.to_string().contains(self.text)
        };
        let printed = report(findings);
        let problem = if !findings.iter().any(is_expected) {
            "the finding is missing"
        } else if findings.iter().any(|it| it.rule != self.rule && self.also != Some(it.rule)) {
            "other rules are violated"
        } else if self.also.is_some_and(|rule| findings.iter().all(|it| it.rule != rule)) {
            "another rule is not violated"
        } else if printed.contains(CANARY) {
            "the report contains the value of an example"
        } else {
            return Ok(());
        };
        Err(format!("== {}: {problem}\n{printed}", self.edit))
    }
}

/// Expands a short pointer: `schema:Locale/enum` and the like for components, `login:/tags` for a member of an operation,
/// and `document`.
fn expand(pointer: &str) -> String {
    let Some((prefix, rest)) = pointer.split_once(':') else { return pointer.replace("document", "") };
    match prefix {
        "schema" | "parameter" | "response" | "securityScheme" => format!("/components/{prefix}s/{rest}"),
        id => {
            let spec = parse(SPEC);
            let operation = spec.operations().into_iter().find(|operation| operation.id() == id);
            let operation = operation.unwrap_or_else(|| panic!("operation {id} does not exist")).pointer;
            let rest = rest.replace("{json}", "content/application~1json");
            format!("{operation}{}", rest.replace("{api}", "content/application~1vnd.api+json"))
        }
    }
}

#[test]
fn each_mistake_has_its_finding_and_no_other() {
    let of_spec = mistakes(MISTAKES).map(|mistake| {
        let document = mistake.apply("carium.yaml", SPEC);
        mistake.check(&super::run_api(&Spec { document }))
    });
    let of_json_schema = mistakes(JSON_SCHEMA_MISTAKES).map(|mistake| {
        let document = mistake.apply("row.schema.json", SMALL_JSON_SCHEMA);
        mistake.check(&super::run_json_schema(&document))
    });
    let failures: Vec<_> = of_spec.chain(of_json_schema).filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn each_rule_is_violated_by_a_mistake() {
    let tested: BTreeSet<_> =
        mistakes(MISTAKES).chain(mistakes(JSON_SCHEMA_MISTAKES)).map(|mistake| mistake.rule).collect();
    let rules = API_RULES.iter().chain(JSON_SCHEMA_RULES).map(|(name, _)| *name);
    assert_eq!(tested, rules.chain(["openapi", "json-schema"]).collect());
}

#[test]
fn shared_definitions_may_differ_only_in_descriptions_and_examples() {
    let spec = "components: {schemas: {Mail: {type: string, format: email, description: One., x-phi: true}}}";
    let spec = parse(spec);
    let differences = |definition: &str| {
        let text = format!("definitions: {{Mail: {definition}, Own: {{type: string}}}}");
        let findings =
            super::schemas::shared_definitions(&spec, &Document::parse("row.json", &text).unwrap());
        findings.into_iter().map(|finding| finding.pointer).collect::<Vec<_>>()
    };
    assert_eq!(differences("{type: string, format: email, description: Another., x-phi: true}"), [""; 0]);
    let expected = ["/definitions/Mail/x-phi", "/definitions/Mail/minLength"];
    assert_eq!(differences("{type: string, format: email, minLength: 3}"), expected);
}

#[test]
fn shared_properties_with_limits_are_named_definitions() {
    let spec = parse(
        "components: {schemas: {New: {properties: {
            nick: {type: string, maxLength: 9}, free: {type: string}, mail: {$ref: '#/components/schemas/Mail'}}}}}",
    );
    let text =
        "{properties: {nick: {type: string, maxLength: 9}, free: {type: string}, other: {maxLength: 1},
        mail: {$ref: '#/definitions/Mail'}}}";
    let findings = super::schemas::shared_properties(&spec, &Document::parse("row.json", text).unwrap());
    assert_eq!(findings.into_iter().map(|finding| finding.pointer).collect::<Vec<_>>(), ["/properties/nick"]);
}

#[test]
fn free_text_beside_hidden_values_needs_a_mark() {
    for (name, property, expected) in [
        ("pronoun", json!({"type": "string", "description": "D.", "example": "a"}), 1),
        ("pronoun", json!({"type": "string", "x-phi": false, "description": "D.", "example": "a"}), 0),
        ("count", json!({"type": "integer", "description": "D.", "example": 1}), 0),
        ("visit-id", json!({"$ref": "#/components/schemas/AppointmentId"}), 0),
    ] {
        let mut spec = parse(SPEC);
        let pointer = format!("/components/schemas/NewAppointment/properties/{name}");
        set(&mut spec.document.value, &pointer, Some(property));
        let findings = super::run_api(&spec);
        let unmarked = findings.iter().filter(|it| it.rule == "unmarked" && it.pointer == pointer);
        assert_eq!(unmarked.count(), expected, "{name}: {}", report(&findings));
    }
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
    assert_eq!(report(&super::run_api(&spec)), expected);
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
        // A schema without hidden properties.
        let pointer = format!("/components/schemas/PageMeta/properties/{name}");
        let property =
            json!({"type": "string", "nullable": true, "description": "Something.", "example": "a"});
        set(&mut spec.document.value, &pointer, Some(property));
        let findings = super::run_api(&spec);
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
    let run_spec = |document: Document| super::run_api(&Spec { document });
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
        let findings = super::run_api(&spec);
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
        assert!(!super::run_api(&Spec { document: document.clone() }).is_empty(), "{}", document.value);
    }
}

fn parse(text: &str) -> Spec {
    Spec::parse("carium.yaml", text).unwrap_or_else(|finding| panic!("{finding}"))
}

fn run_json_schema(text: &str) -> Vec<Finding> {
    super::run_json_schema(&Document::parse("row.schema.json", text).unwrap())
}

fn assert_no_change_panics(original: &Document, step: usize, run: impl Fn(Document) -> Vec<Finding>) {
    let pointers = pointers(&original.value);
    let changes = pointers.iter().flat_map(|pointer| replacements().map(|value| (pointer, value)));
    for (pointer, value) in changes.step_by(step) {
        let mut changed = original.clone();
        set(&mut changed.value, pointer, value);
        let _ = run(changed);
    }
}

mod fuzz {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_a_spec_or_has_findings(
            text in any::<String>(),
            edits in proptest::collection::vec(
                (any::<prop::sample::Index>(), 0_usize..30, prop_oneof![
                    "[a-z$&*!|>-]{0,5}: ?[0-9\"a-z{\\[-]{0,8}\n?",
                    "[\\[\\]{}\"'\n,:.# 0-9-]{0,6}",
                    Just("{\"$ref\": \"#/definitions/Email\"}".to_owned()),
                    Just("\"$ref\": \"#\"".to_owned()),
                    Just("\u{feff}\0\té".to_owned()),
                ]),
                0..4,
            ),
        ) {
            let mut schema = SMALL_JSON_SCHEMA.to_owned();
            for (index, length, replacement) in &edits {
                let starts: Vec<_> = schema.char_indices().map(|(start, _)| start).chain([schema.len()]).collect();
                let start = index.index(starts.len());
                let end = starts[(start + length).min(starts.len() - 1)];
                schema.replace_range(starts[start]..end, replacement);
            }
            for text in [&text, &schema] {
                match Document::parse("row.schema.json", text) {
                    Ok(document) => {
                        let findings = super::super::run_json_schema(&document);
                        prop_assert!(!edits.is_empty() || text != &schema || findings.is_empty());
                        let _ = (report(&findings), super::super::run_api(&Spec { document }));
                    }
                    Err(finding) => prop_assert!(finding.line >= 1 && !report(&[finding]).is_empty()),
                }
            }
        }
    }
}
