//! The comparison, with the spec of the fixtures after one change, and with invented documents in the style of vendors.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Drift;
use super::vendor::Vendor;
use crate::edit::edit;
use crate::spec::Spec;

fn spec() -> Spec {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/specs/carium.yaml"));
    Spec::parse("carium.yaml", text).unwrap()
}

fn compare(document: &Value) -> Drift {
    let vendor = Vendor::parse("vendor.json", &document.to_string()).unwrap();
    super::compare(&spec(), &[vendor]).unwrap()
}

fn report(drift: &Drift) -> String {
    super::report(&spec(), &["vendor.json".to_owned()], drift)
}

/// Formats the differences, one a line: name, side, message.
fn lines(drift: &Drift) -> String {
    let mut lines = String::new();
    for change in &drift.changes {
        let side = match (change.sides.request, change.sides.response) {
            (true, true) => "",
            (true, false) => " (request)",
            (false, _) => " (response)",
        };
        writeln!(lines, "{}{side}: {}", change.place, change.message).unwrap();
    }
    lines
}

#[test]
fn our_spec_does_not_differ_from_itself() {
    let spec = spec();
    let drift = compare(spec.root());
    assert_eq!(lines(&drift), "");
    assert_eq!(drift.compared.len(), spec.operations().len());
    assert!(drift.not_compared.is_empty());
    assert!(report(&drift).contains(": 15 operations compared\n\nNo differences."));
    // It documents everything that is marked as inferred.
    let documented: Vec<_> = drift.documented.iter().map(|(_, it)| it.name.as_str()).collect();
    for inferred in ["PageLinks", "PatientAttributes", "query filter[class-id]", "NewDocumentReference"] {
        assert!(documented.contains(&inferred), "{inferred} in {documented:?}");
    }
    assert!(!documented.contains(&"login") && !documented.contains(&"UploadInfo"), "{documented:?}");
}

/// Cases: a description, edits of our spec, and the differences that follow.
const CASES: &str = include_str!("tests/edits.txt");

#[test]
fn each_edit_of_our_spec_is_found_and_nothing_else() {
    let spec = spec();
    for case in CASES.trim().split("\n# ") {
        let mut document = spec.root().clone();
        let (expected, edits): (Vec<_>, Vec<_>) =
            case.lines().skip(1).partition(|line| line.starts_with("> "));
        for line in edits {
            edit(&mut document, line);
        }
        let drift = compare(&document);
        let found: Vec<_> = lines(&drift).lines().map(|line| format!("> {line}")).collect();
        assert_eq!(found, expected, "{case}");
    }
}

#[test]
fn shared_part_is_one_difference_with_all_operations_and_its_line() {
    let spec = spec();
    let mut document = spec.root().clone();
    edit(&mut document, "set /components/parameters/OrganizationIdFilter/required true");
    let drift = compare(&document);
    let [change] = drift.changes.as_slice() else { panic!("{:?}", drift.changes) };
    assert_eq!(
        change.operations,
        ["list_practitioners", "list_appointment_statuses", "list_appointment_types"]
    );
    let line = spec.document.text.lines().nth(change.line - 1).unwrap();
    assert_eq!(line.trim(), "OrganizationIdFilter:");
}

#[test]
fn inferred_part_that_is_documented_differently_says_so() {
    let mut document = spec().root().clone();
    edit(&mut document, "set #PractitionerAttributes/properties/name/type \"integer\"");
    let report = report(&compare(&document));
    assert!(report.contains("\n  PractitionerAttributes is documented differently, see above\n"), "{report}");
    assert!(report.contains("\n  AppointmentTypeAttributes is documented as in our spec\n"), "{report}");
}

/// Returns a document of one service with a server path, another media type, other names of path parameters, combinations,
/// references with encoded braces, a discriminator, and keywords of OpenAPI 3.1.
fn identity() -> Value {
    serde_json::from_str(include_str!("tests/identity.json")).unwrap()
}

#[test]
fn unusual_file_is_read_and_only_its_service_is_compared() {
    let drift = compare(&identity());
    assert_eq!(drift.compared, ["login", "resend_invitation"]);
    assert_eq!(drift.not_compared.len(), 13);
    assert_eq!(lines(&drift), "");
}

#[test]
fn every_notation_of_null_is_understood() {
    for notation in [
        json!({"type": ["string", "null"]}),
        json!({"type": "string", "nullable": true}),
        json!({"oneOf": [{"type": "string"}, {"type": "null"}]}),
        json!({"anyOf": [{"$ref": "#/components/schemas/Name"}, {"type": "null"}]}),
        json!({"allOf": [{"$ref": "#/components/schemas/Name"}], "nullable": true}),
    ] {
        let mut document = identity();
        document["components"]["schemas"]["Credentials"]["properties"]["password"] = notation.clone();
        let expected = "LoginRequest.password (request): may now be `null`: the Rust type changes\n";
        assert_eq!(lines(&compare(&document)), expected, "{notation}");
    }
}

/// Returns a document with one list, at any path, with any parameters.
fn documents(path: &str, parameters: &Value) -> Value {
    let mut document = spec().root().clone();
    let mut item = document["paths"]["/caredb/v1/org-document-references/"].clone();
    item["get"]["parameters"] = parameters.clone();
    document["paths"] = json!({ path: item });
    document
}

/// Returns the differences without those of the service's other operations, which the document does not contain.
fn differences_of_list(document: &Value) -> String {
    let lines = lines(&compare(document));
    lines.split_inclusive('\n').filter(|line| !line.contains(": is not documented")).collect()
}

#[test]
fn object_parameter_is_one_parameter_for_each_member() {
    let id = json!({"type": "string", "format": "uuid"});
    let number = json!({"type": "integer"});
    let parameters = json!([
        {"name": "organization-id", "in": "query", "required": true, "schema": id},
        {"name": "filter", "in": "query", "style": "deepObject",
         "schema": {"properties": {"individual-id": id, "class-id": id}}},
        {"name": "page", "in": "query", "style": "deepObject",
         "schema": {"properties": {"limit": number, "offset": number, "number": number}}},
    ]);
    let document = documents("/caredb/v1/org-document-references/", &parameters);
    let expected =
        "list_document_references query page[number] (request): is a new optional property (`integer`)\n";
    assert_eq!(differences_of_list(&document), expected);
}

#[test]
fn server_url_may_contain_part_of_the_path_or_a_prefix() {
    let spec = spec();
    let parameters = &spec.root()["paths"]["/caredb/v1/org-document-references/"]["get"]["parameters"];
    for (server, path) in [
        ("https://api.example.com/caredb/v1", "/org-document-references/"),
        ("/caredb/", "/v1/org-document-references/"),
        ("//api.example.com/caredb?x=1", "/v1/org-document-references/"),
        ("https://api.example.com/gateway", "/caredb/v1/org-document-references/"),
        ("https://api.example.com", "/caredb/v1/org-document-references/"),
    ] {
        let mut document = documents(path, parameters);
        document["servers"] = json!([{ "url": server }]);
        assert_eq!(differences_of_list(&document), "", "{server}");
        // The same for the servers of a path item.
        document["servers"] = json!([]);
        document["paths"][path]["servers"] = json!([{ "url": server }]);
        assert_eq!(differences_of_list(&document), "", "{server}");
    }
}

#[test]
fn path_parameters_are_matched_by_position() {
    let mut document = spec().root().clone();
    let paths = document["paths"].as_object_mut().unwrap();
    let mut item = paths.remove("/caredb/v1/org-appointments/{id}/").unwrap();
    item["parameters"] = json!([
        {"name": "appointment_id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"}}
    ]);
    paths.insert("/caredb/v1/org-appointments/{appointment_id}/".to_owned(), item);
    assert_eq!(lines(&compare(&document)), "");
}

#[test]
fn alternatives_have_what_they_have_in_common() {
    let mut document = identity();
    document["components"]["schemas"]["Name"] =
        json!({"oneOf": [{"type": "string", "format": "email"}, {"type": "string", "format": "phone"}]});
    assert_eq!(lines(&compare(&document)), "");
    document["components"]["schemas"]["Name"] = json!({"oneOf": [{"type": "string"}, {"type": "integer"}]});
    let lines = lines(&compare(&document));
    assert!(lines.contains("Username (request): is `integer or string` instead of `string`:"), "{lines}");
}

/// Returns a file with one schema for the body of a login.
fn login(schemas: &Value) -> Value {
    json!({
        "openapi": "3.0.1",
        "paths": {"/identity/v1/login/": {"post": {
            "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Login"}}}},
            "responses": {}
        }}},
        "components": {"schemas": schemas}
    })
}

#[test]
fn file_that_cannot_be_compared_is_an_error_of_one_line() {
    let one = json!({"$ref": "#/components/schemas/Login"});
    let nested = "[".repeat(100_000);
    for (text, expected) in [
        ("openapi: 3.0.0", "is not JSON ("),
        ("", "is not JSON ("),
        (nested.as_str(), "is not JSON ("),
        ("[]", "is not an OpenAPI document"),
        (r#"{"swagger": "2.0", "paths": {}}"#, "has version 2.0; only OpenAPI 3 is supported"),
        (r#"{"openapi": 3, "paths": {}}"#, "is not an OpenAPI document"),
        (r#"{"openapi": "3.0.0"}"#, "documents no paths"),
        (r#"{"openapi": "3.0.0", "paths": {"/billing/v1/bills/": {}}}"#, "has no path of our services"),
        (&login(&json!({})).to_string(), "`#/components/schemas/Login` does not exist"),
        (
            &login(&json!({"Login": {"$ref": "login.json"}})).to_string(),
            "the reference `login.json` leads to another file",
        ),
        (&login(&json!({"Login": one})).to_string(), "`#/components/schemas/Login` leads back to itself"),
        (&login(&json!({"Login": {"allOf": [one]}})).to_string(), "leads back to itself"),
    ] {
        let vendor = Vendor::parse("vendor.json", text);
        let error = vendor.and_then(|vendor| super::compare(&spec(), &[vendor])).unwrap_err();
        assert!(error.starts_with("vendor.json") && error.contains(expected), "{error}");
        assert!(!error.contains('\n') && error.len() < 250, "{error}");
    }
}

#[test]
fn malformed_parts_are_ignored() {
    for malformed in
        [json!(7), json!("x"), json!([1]), json!(null), json!({"allOf": 3, "properties": [], "type": {}})]
    {
        assert!(!compare(&login(&json!({"Login": malformed}))).changes.is_empty());
        for member in ["parameters", "requestBody", "responses", "servers"] {
            let mut document = login(&json!({"Login": {}}));
            document["paths"]["/identity/v1/login/"]["post"][member] = malformed.clone();
            document[member] = malformed.clone();
            assert!(!compare(&document).changes.is_empty());
        }
    }
}

#[test]
fn schema_may_contain_itself() {
    let tree = json!({"type": "object", "properties": {
        "username": {"$ref": "#/components/schemas/Login"},
        "children": {"type": "array", "items": {"$ref": "#/components/schemas/Login"}}
    }});
    let lines = lines(&compare(&login(&json!({"Login": tree}))));
    assert!(lines.contains("Username (request): is `object` instead of `string`"), "{lines}");
}
