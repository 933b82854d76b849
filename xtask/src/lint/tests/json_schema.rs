//! The rules on a JSON Schema in a file of its own.

use super::at;
use crate::document::Document;
use crate::finding::{Finding, report};

const ONBOARDING: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/onboarding.schema.json"));

/// A schema with one of each thing that a rule looks at.
pub(super) const SMALL: &str = r##"{
  "$schema": "http://json-schema.org/draft-07/schema#",
  "description": "A row.",
  "type": "object",
  "required": ["email"],
  "properties": {
    "email": {"$ref": "#/definitions/Email"},
    "kind": {"type": "string", "enum": ["a", "b"], "description": "A kind.", "default": "a"}
  },
  "definitions": {
    "Email": {"type": "string", "format": "email", "description": "An e-mail address.", "x-phi": true, "examples": ["ada@example.com"]}
  },
  "examples": [{"email": "ada@example.com"}]
}"##;

fn lint(text: &str) -> Vec<Finding> {
    crate::lint::run_json_schema(&Document::parse("row.schema.json", text).unwrap())
}

#[test]
fn the_schema_of_onboarding_has_no_findings() {
    for text in [ONBOARDING, SMALL] {
        let findings = lint(text);
        assert!(findings.is_empty(), "{}", report(&findings));
    }
}

#[test]
fn each_broken_schema_has_its_finding_and_no_other() {
    for (from, to, rule, pointer, says) in ROWS.iter().copied() {
        assert!(SMALL.contains(from), "{from}");
        let findings = lint(&SMALL.replace(from, to));
        let printed = report(&findings);
        let found = at(&findings, rule, pointer);
        assert!(found.iter().any(|it| it.to_string().contains(says)), "{from} -> {to}: {printed}");
        let companions = if rule == "reference" { &["reference", "unmarked"][..] } else { &[rule][..] };
        assert!(findings.iter().all(|it| companions.contains(&it.rule)), "{from} -> {to}: {printed}");
        assert!(!printed.contains("canary"), "{printed}");
    }
}

/// An edit of the small schema, then the rule, the pointer and a part of the finding that it leads to.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("\"description\": \"A row.\",", "", "description", "", "the schema of the document has no description"),
    (", \"description\": \"A kind.\"", "", "description", "/properties/kind", "property `kind`"),
    (", \"x-phi\": true", "", "unmarked", "/properties/email", "property `email`"),
    ("\"x-phi\": true", "\"x-phi\": 1", "unmarked", "/definitions/Email/x-phi", "neither `true` nor `false`"),
    ("\"enum\"", "\"enums\"", "unknown-keyword", "/properties/kind/enums", "write `enum`"),
    ("\"format\": \"email\"", "\"format\": \"e-mail\"", "unknown-keyword", "/definitions/Email/format", "write `email`"),
    ("#/definitions/Email", "#/definitions/Mail", "reference", "/properties/email/$ref", "leads nowhere"),
    ("#/definitions/Email", "mail.json", "reference", "/properties/email/$ref", "leads out of this document"),
    ("\"default\": \"a\"", "\"default\": \"canary\"", "example-refused", "/properties/kind/default", "the default of property `kind`"),
    ("[\"ada@example.com\"]", "[\"canary\"]", "example-refused", "/definitions/Email/examples/0", "it is not a \"email\""),
    ("[{\"email\": \"ada@example.com\"}]", "[{\"email\": \"canary\"}]", "example-refused", "/examples/0/email", "at `/email`"),
    ("[\"email\"]", "\"email\"", "shape", "/required", "holds text where a list of texts belongs"),
    ("\"object\"", "\"thing\"", "shape", "/type", "the type `thing`, which is none"),
];
