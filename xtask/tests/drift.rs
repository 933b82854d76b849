//! The comparison with a vendor's file, as a person runs it. The file is invented.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use support::Copy;

/// Signing in, as another service than ours might have it.
const IDENTITY: &str = r##"{
  "openapi": "3.0.2",
  "info": {"title": "Identity (invented)", "version": "9"},
  "servers": [{"url": "https://api.example.com/identity/v1"}],
  "paths": {
    "/login/": {"post": {
      "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Login"}}}},
      "responses": {"200": {"description": "", "content": {"application/vnd.api+json": {"schema": {
        "type": "object", "required": ["access-token"], "properties": {"access-token": {"type": "string"}}
      }}}}}
    }}
  },
  "components": {"schemas": {"Login": {
    "type": "object",
    "required": ["username", "password", "realm"],
    "properties": {
      "username": {"type": "string"}, "password": {"type": "string"}, "totp-code": {"type": "string"},
      "access-token-expiration-seconds": {"type": "integer"}, "refresh-token-expiration-seconds": {"type": "integer"},
      "interactive": {"type": "boolean"}, "locale": {"type": "string", "enum": ["en_US", "es_US"]},
      "service-document-agreements": {"type": "array", "items": {"type": "string", "format": "uuid"}},
      "sticky-access-token-expiration": {"type": "boolean"}, "realm": {"type": "string"}
    }
  }}}
}"##;

#[test]
fn differences_are_said_in_the_terminal_and_in_markdown() {
    let copy = Copy::new();
    copy.write("identity.json", IDENTITY);
    let (vendor, report) = (copy.path("identity.json"), copy.path("drift.md"));
    let said = copy.xtask(&["drift", vendor.to_str().unwrap(), "--markdown", report.to_str().unwrap()]);
    assert!(!said.success);
    assert_eq!(said.err, "the spec differs from what the vendor documents, in 2 places\n");
    assert!(said.out.contains(": LoginRequest.realm [request of login]\n"), "{}", said.out);
    assert!(
        said.out.contains("    new in theirs: ours no such field; theirs string, required\n"),
        "{}",
        said.out
    );
    assert!(said.out.contains(": resend_invitation [resend_invitation]\n"), "{}", said.out);
    assert!(
        said.out.contains("; without a file of their service: create_patient, create_appointment"),
        "{}",
        said.out
    );
    let report = copy.read("drift.md");
    assert!(report.starts_with("# Drift\n\nspecs/carium.yaml (R2025010800) against:\n"), "{report}");
    assert!(
        report.contains(
            "| LoginRequest.realm | request of login | new in theirs | no such field | string, required |\n"
        ),
        "{report}"
    );

    // Nothing differs where the two are the same: the rest of the file is made as ours is.
    let without = IDENTITY.replace(", \"realm\"]", "]").replace(", \"realm\": {\"type\": \"string\"}", "");
    let resend = r#""/resend-invitation/": {"post": {"requestBody": {"required": true, "content": {"application/json": {"schema": {
      "type": "object", "required": ["data"], "properties": {"data": {"type": "object", "required": ["attributes"], "properties": {
        "attributes": {"type": "object", "required": ["username", "notifications"], "properties": {
          "username": {"type": "string"},
          "notifications": {"type": "array", "items": {"type": "string", "enum": ["email", "sms"]}}
      }}}}}}}}}, "responses": {"204": {"description": ""}}}},"#;
    let whole = without.replace("\"paths\": {", &format!("\"paths\": {{{resend}"));
    copy.write("identity.json", &whole);
    let said = copy.xtask(&["drift", vendor.to_str().unwrap()]);
    assert!(said.success, "{}\n{}", said.out, said.err);
    assert!(said.out.ends_with("No differences.\n"), "{}", said.out);
}

#[test]
fn a_file_that_cannot_be_compared_is_one_sentence() {
    let copy = Copy::new();
    copy.write("vendor.json", "openapi: 3.0.0");
    for (name, expected) in [("vendor.json", "is not JSON"), ("missing.json", "cannot be read")] {
        let path = copy.path(name);
        let said = copy.xtask(&["drift", path.to_str().unwrap()]);
        assert!(!said.success && said.err.contains(expected), "{}", said.err);
        assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    }
}
