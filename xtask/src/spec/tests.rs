//! The spec compared with the vendor's Examples page, whose tables are repeated by hand to detect a constraint or a mark
//! that was lost; and the privacy marks of a small spec.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Mark, Spec};
use crate::json::{is_true, strings};
use crate::json_schema::json_schema;

/// The tables of requests: `# REQUEST RESPONSE` with the names of the schemas, followed by the fields with `required` and
/// `hidden`, where they apply.
const TABLES: &str = include_str!("tests/examples_page.txt");

fn spec() -> Spec {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/carium.yaml"));
    Spec::parse("carium.yaml", text).unwrap()
}

#[test]
fn has_every_field_of_the_tables_with_requirement_and_mark() {
    let spec = spec();
    for table in TABLES.trim_start_matches("# ").split("\n# ") {
        let (schemas, rows) = table.split_once('\n').unwrap();
        let (request, response) =
            schemas.split_once(' ').map_or((schemas, None), |(one, two)| (one, Some(two)));
        let schema = spec.schema(request).unwrap();
        // The spec may have further optional fields.
        let required = rows.lines().filter(|row| row.contains("required")).count();
        assert_eq!(strings(schema.get("required")).count(), required, "{request}");
        for row in rows.lines() {
            let (field, flags) = row.split_once(' ').unwrap_or((row, ""));
            let (required, hidden) = (flags.contains("required"), flags.contains("hidden"));
            let mark = |schema| spec.mark(spec.property(schema, field).unwrap());
            assert_eq!(strings(schema.get("required")).any(|it| it == field), required, "{request} {field}");
            assert_eq!(mark(request).is_hidden(), hidden, "{request} {field}");
            // Responses hide the same fields as requests.
            if let Some(response) = response {
                assert_eq!(mark(response) == Mark::Phi, hidden, "{response} {field}");
            }
        }
    }
}

#[test]
fn operations_of_the_page_have_the_expected_retry_classes() {
    let spec = spec();
    let classes: BTreeMap<_, _> = spec
        .operations()
        .iter()
        .map(|operation| (operation.id(), operation.text("x-retry").unwrap()))
        .collect();
    for (operation, expected) in [
        ("login", "create"),
        ("resend_invitation", "create"),
        ("create_patient", "create"),
        ("create_appointment", "create"),
        ("get_appointment", "safe"),
        ("update_appointment", "idempotent"),
        ("delete_appointment", "idempotent"),
        ("list_practitioners", "safe"),
        ("list_appointment_statuses", "safe"),
        ("list_appointment_types", "safe"),
        ("list_document_classes", "safe"),
        ("create_document_reference", "create"),
        ("list_document_references", "safe"),
        ("process_upload", "idempotent"),
        ("get_download_info", "safe"),
    ] {
        assert_eq!(classes.get(operation), Some(&expected), "{operation}");
    }
}

#[test]
fn rejects_values_that_the_page_does_not_allow() {
    let spec = spec();
    let accepts = |name: &str, value: &Value| {
        let schema = json!({ "$ref": format!("#/components/schemas/{name}") });
        let options = jsonschema::options().should_validate_formats(true);
        options.build(&json_schema(&spec, &schema)).unwrap().is_valid(value)
    };
    let with = |base: &Value, field: &str, value: Value| {
        let mut changed = base.clone();
        changed[field] = value;
        changed
    };
    let without = |base: &Value, field: &str| {
        let mut changed = base.clone();
        changed.as_object_mut().unwrap().remove(field);
        changed
    };
    let patient = json!({
        "first-name": "James", "last-name": "Reece", "birth-date": "1980-07-04", "gender": "male",
        "email": "james.reece@example.com", "organization-id": "8d25a2a6-8219-40d1-a34f-c24ec69f4f72",
    });
    assert!(accepts("NewPatient", &patient));
    assert!(accepts("NewPatient", &with(&without(&patient, "email"), "mobile-phone", json!("+15551234567"))));
    for broken in [
        without(&patient, "email"),
        without(&patient, "first-name"),
        with(&patient, "gender", json!("martian")),
        with(&patient, "locale", json!("fr_CA")),
        with(&patient, "birth-date", json!("1980-02-30")),
        with(&patient, "email", json!("no-at-sign")),
        with(&patient, "mobile-phone", json!("555 1234")),
        with(&patient, "organization-id", json!("1")),
        with(&patient, "first-name", json!("")),
        with(&patient, "drill-name", json!("Q")),
    ] {
        assert!(!accepts("NewPatient", &broken), "{broken}");
    }
    let login = json!({"username": "username", "password": "password"});
    assert!(accepts("LoginRequest", &with(&login, "access-token-expiration-seconds", json!(3600))));
    for seconds in [0, 3601] {
        assert!(!accepts("LoginRequest", &with(&login, "access-token-expiration-seconds", json!(seconds))));
    }
    let invitation = json!({"username": "example@example.com", "notifications": ["sms", "email"]});
    assert!(accepts("NewInvitation", &invitation));
    for channels in [json!([]), json!(["fax"]), json!(["sms", "sms"])] {
        assert!(!accepts("NewInvitation", &with(&invitation, "notifications", channels)));
    }
    assert!(!accepts("AppointmentChanges", &json!({})));
    assert!(accepts("AppointmentChanges", &json!({"location": null})));
    assert!(!accepts("AppointmentChanges", &json!({"start-time": null})));
    let unexpected =
        json!({"gender": "martian", "birth-date": "once", "organization-id": "", "email": null, "x": [1]});
    assert!(accepts("PatientAttributes", &unexpected), "responses accept any value");
}

#[test]
fn lists_require_an_organization_as_on_the_page() {
    let spec = spec();
    for operation in spec.operations() {
        let organization = operation
            .parameters()
            .map(|(_, parameter)| spec.resolve(parameter))
            .find(|parameter| parameter["name"] == "organization-id");
        let required = organization.map(|parameter| is_true(parameter, "required"));
        let expected = match operation.id() {
            "list_document_classes" | "list_document_references" => Some(true),
            "list_practitioners" | "list_appointment_statuses" | "list_appointment_types" => Some(false),
            _ => continue,
        };
        assert_eq!(required, expected, "{}", operation.id());
    }
}

#[test]
fn inherits_marks_and_hiding_takes_precedence() {
    let spec =
        "components: {schemas: {Mail: {type: string, x-phi: true}, Free: {type: string, x-phi: false}}}";
    let spec = Spec::parse("t.yaml", spec).unwrap();
    let mail = json!({"$ref": "#/components/schemas/Mail"});
    for (schema, mark) in [
        (json!({"type": "string"}), Mark::Unmarked),
        (json!({"type": "string", "x-secret": false}), Mark::Plain),
        (mail.clone(), Mark::Phi),
        (json!({"allOf": [mail], "x-phi": false}), Mark::Phi),
        (json!({"type": "array", "items": mail}), Mark::Phi),
        (json!({"type": "object", "additionalProperties": mail}), Mark::Phi),
        (json!({"allOf": [{"$ref": "#/components/schemas/Free"}], "x-secret": true}), Mark::Secret),
    ] {
        assert_eq!(spec.mark(&schema), mark, "{schema}");
    }
}
