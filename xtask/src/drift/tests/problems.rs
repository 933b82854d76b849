//! Files that cannot be compared: each is one sentence.

use serde_json::{Value, json};

use super::super::vendor::Vendor;
use super::{compare, spec};

/// What is said of a file, whether on reading it or on comparing.
fn complaint(text: &str) -> String {
    let compared = Vendor::parse("vendor.json", text).and_then(|vendor| compare::run(&spec(), &[vendor]));
    compared.map(|drift| drift.spec).unwrap_err()
}

/// A file with one schema for the body of a login.
fn login(schemas: &Value) -> String {
    json!({
        "openapi": "3.0.1",
        "paths": {"/identity/v1/login/": {"post": {
            "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Login"}}}},
            "responses": {}
        }}},
        "components": {"schemas": schemas}
    })
    .to_string()
}

#[test]
fn what_is_wrong_with_a_file_is_one_sentence() {
    let one = json!({"$ref": "#/components/schemas/Login"});
    let nested = "[".repeat(100_000);
    for (text, expected) in [
        ("openapi: 3.0.0", "is not JSON ("),
        ("", "is not JSON ("),
        (nested.as_str(), "is not JSON ("),
        ("[]", "is no description of an API"),
        (r#"{"swagger": "2.0", "paths": {}}"#, "is of version 2.0; OpenAPI 3 is understood"),
        (r#"{"openapi": 3, "paths": {}}"#, "is no description of an API"),
        (r#"{"openapi": "3.0.0"}"#, "documents no paths"),
        (r#"{"openapi": "3.0.0", "paths": {"/billing/v1/bills/": {}}}"#, "has no path of our services"),
        (&login(&json!({})), "the reference `#/components/schemas/Login` leads nowhere"),
        (
            &login(&json!({"Login": {"$ref": "login.json"}})),
            "the reference `login.json` leads out of the file",
        ),
        (&login(&json!({"Login": one})), "the reference `#/components/schemas/Login` leads in a circle"),
        (&login(&json!({"Login": {"allOf": [one]}})), "leads in a circle"),
    ] {
        let said = complaint(text);
        assert!(said.starts_with("vendor.json") && said.contains(expected), "{said}");
        assert!(!said.contains('\n') && said.len() < 250, "{said}");
    }
}

#[test]
fn what_is_odd_in_a_file_and_no_matter_is_passed_over() {
    // None of it is well formed, and none of it is a panic.
    for odd in
        [json!(7), json!("x"), json!([1]), json!(null), json!({"allOf": 3, "properties": [], "type": {}})]
    {
        let text = login(&json!({"Login": odd}));
        let vendor = Vendor::parse("vendor.json", &text).unwrap();
        assert!(!compare::run(&spec(), &[vendor]).unwrap().differences.is_empty());
        for member in ["parameters", "requestBody", "responses", "servers"] {
            let mut document: Value = serde_json::from_str(&login(&json!({"Login": {}}))).unwrap();
            document["paths"]["/identity/v1/login/"]["post"][member] = odd.clone();
            document[member] = odd.clone();
            let vendor = Vendor::parse("vendor.json", &document.to_string()).unwrap();
            assert!(!compare::run(&spec(), &[vendor]).unwrap().differences.is_empty());
        }
    }
}

#[test]
fn a_schema_that_holds_itself_is_no_circle() {
    let tree = json!({"type": "object", "properties": {
        "username": {"$ref": "#/components/schemas/Login"},
        "children": {"type": "array", "items": {"$ref": "#/components/schemas/Login"}}
    }});
    let vendor = Vendor::parse("vendor.json", &login(&json!({"Login": tree}))).unwrap();
    let drift = compare::run(&spec(), &[vendor]).unwrap();
    let lines = super::lines(&drift);
    assert!(lines.contains("Username: request, type: string | object\n"), "{lines}");
}
