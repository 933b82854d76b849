//! Tests the spec against the tables of the vendor's Examples page, which are repeated here by hand. They detect a
//! constraint or mark that was lost in the spec.

use serde_json::{Value, json};

use super::{Mark, Spec, json_schema, strings};

fn spec() -> Spec {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/carium.yaml"));
    Spec::parse("carium.yaml", text).unwrap()
}

/// Field name, required, hidden.
type Row = (&'static str, bool, bool);

const PATIENT: [Row; 10] = [
    ("first-name", true, true),
    ("last-name", true, true),
    ("birth-date", true, true),
    ("gender", true, true),
    ("email", false, true),
    ("mobile-phone", false, true),
    ("locale", false, false),
    ("individual-group-ids", false, false),
    ("username", false, true),
    ("organization-id", true, false),
];

const APPOINTMENT: [Row; 13] = [
    ("organization-id", true, false),
    ("individual-id", true, false),
    ("practitioner-id", true, false),
    ("start-time", true, true),
    ("end-time", true, true),
    ("status-id", true, false),
    ("type-id", true, false),
    ("add-video-channel", true, false),
    ("guest-url", false, true),
    ("host-url", false, true),
    ("description", false, true),
    ("patient-instruction", false, true),
    ("location", false, true),
];

const DOCUMENT: [Row; 7] = [
    ("attachment-content-type", true, false),
    ("attachment-filename", true, true),
    ("class-id", true, false),
    ("name", true, true),
    ("description", false, true),
    ("individual-id", true, false),
    ("organization-id", true, false),
];

const LOGIN: [Row; 9] = [
    ("username", true, true),
    ("password", true, true),
    ("totp-code", false, true),
    ("access-token-expiration-seconds", false, false),
    ("refresh-token-expiration-seconds", false, false),
    ("interactive", false, false),
    ("locale", false, false),
    ("service-document-agreements", false, false),
    ("sticky-access-token-expiration", false, false),
];

#[test]
fn has_every_field_of_the_tables_with_requirement_and_mark() {
    let spec = spec();
    let tables: [(&str, &[Row]); 4] = [
        ("NewPatient", &PATIENT),
        ("NewAppointment", &APPOINTMENT),
        ("NewDocumentReference", &DOCUMENT),
        ("LoginRequest", &LOGIN),
    ];
    for (name, rows) in tables {
        let schema = spec.schema(name).unwrap();
        let properties = schema["properties"].as_object().unwrap();
        assert_eq!(properties.len(), rows.len(), "{name}");
        for (field, required, hidden) in rows {
            let property = &properties[*field];
            let mark = spec.mark(property);
            assert_eq!(strings(schema.get("required")).any(|it| it == *field), *required, "{name} {field}");
            assert_eq!(mark.is_hidden(), *hidden, "{name} {field}");
        }
    }
    // Responses hide the same fields as requests.
    for (response, rows) in [
        ("PatientAttributes", &PATIENT[..]),
        ("AppointmentAttributes", &APPOINTMENT),
        ("DocumentReferenceAttributes", &DOCUMENT),
    ] {
        for (field, _, hidden) in rows {
            let property = &spec.schema(response).unwrap()["properties"][*field];
            assert_eq!(spec.mark(property) == Mark::Phi, *hidden, "{response} {field}");
        }
    }
}

#[test]
fn has_the_expected_retry_classes() {
    let spec = spec();
    let classes: Vec<_> = spec
        .operations()
        .iter()
        .map(|operation| (operation.id(), operation.text("x-retry").unwrap()))
        .collect();
    let expected = [
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
    ];
    assert_eq!(classes, expected);
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
        with(&patient, "middle-name", json!("Q")),
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
        let required = organization.map(|parameter| parameter["required"] == true);
        let expected = match operation.id() {
            "list_document_classes" | "list_document_references" => Some(true),
            "list_practitioners" | "list_appointment_statuses" | "list_appointment_types" => Some(false),
            _ => None,
        };
        assert_eq!(required, expected, "{}", operation.id());
    }
}
