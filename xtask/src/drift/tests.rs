//! The comparison, on our own spec turned into JSON and changed in one place, and on documents that are invented
//! here in the manner of vendors: nothing in them is the vendor's.

mod odd;
mod problems;

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::compare;
use super::difference::Drift;
use super::report;
use super::vendor::Vendor;
use crate::spec::Spec;

fn spec() -> Spec {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/carium.yaml"));
    Spec::parse("carium.yaml", text).unwrap()
}

fn vendor(document: &Value) -> Vendor {
    Vendor::parse("vendor.json", &document.to_string()).unwrap()
}

/// What differs, a line each: place, side, kind, ours, theirs.
fn lines(drift: &Drift) -> String {
    let mut lines = String::new();
    for it in &drift.differences {
        let side = it.side.map(|side| format!("{side}, ")).unwrap_or_default();
        writeln!(lines, "{}: {side}{}: {} | {}", it.place.name, it.what, it.ours, it.theirs).unwrap();
    }
    lines
}

#[test]
fn our_own_spec_differs_from_itself_in_nothing() {
    let spec = spec();
    let drift = compare::run(&spec, &[vendor(spec.root())]).unwrap();
    assert_eq!(lines(&drift), "");
    assert_eq!(drift.compared.len(), spec.operations().len());
    assert!(drift.not_compared.is_empty());
    assert!(report::text(&drift).ends_with("15 operations compared. No differences."));
    // All that is marked as inferred is in it, too.
    let documented: Vec<_> = drift.documented.iter().map(|it| it.place.name.as_str()).collect();
    for inferred in ["list_practitioners", "PatientAttributes", "query page[number]", "NewDocumentReference"]
    {
        assert!(documented.contains(&inferred), "{inferred} in {documented:?}");
    }
    assert!(!documented.contains(&"login") && !documented.contains(&"UploadInfo"), "{documented:?}");
}

/// A change to our spec, as JSON, and the lines that follow from it.
type Row = (&'static str, fn(&mut Value), &'static str);

fn at<'v>(value: &'v mut Value, pointer: &str) -> &'v mut Value {
    value.pointer_mut(pointer).unwrap_or_else(|| panic!("there is no {pointer}"))
}

fn schema<'v>(root: &'v mut Value, name: &str) -> &'v mut Value {
    at(root, &format!("/components/schemas/{name}"))
}

fn remove(value: &mut Value, pointer: &str, member: &str) {
    let map = at(value, pointer).as_object_mut().unwrap();
    map.shift_remove(member).unwrap_or_else(|| panic!("there is no {member} at {pointer}"));
}

const LOGIN: &str = "/paths/~1identity~1v1~1login~1/post";
const CREATED: &str = "/paths/~1showboat~1v1~1patients~1/post/responses";

const ROWS: &[Row] = &[
    (
        "a path is gone, and another is like it",
        |root| {
            let paths = at(root, "/paths").as_object_mut().unwrap();
            let item = paths.remove("/caredb/v1/org-practitioners/").unwrap();
            paths.insert("/caredb/v1/org-practioners/".to_owned(), item);
        },
        "list_practitioners: path: /caredb/v1/org-practitioners/ | no such path; the nearest is /caredb/v1/org-practioners/\n",
    ),
    (
        "a path is gone",
        |root| remove(root, "/paths", "/identity/v1/resend-invitation/"),
        "resend_invitation: path: /identity/v1/resend-invitation/ | no such path\n",
    ),
    (
        "a path ends without its slash",
        |root| {
            let paths = at(root, "/paths").as_object_mut().unwrap();
            let item = paths.remove("/showboat/v1/patients/").unwrap();
            paths.insert("/showboat/v1/patients".to_owned(), item);
        },
        "create_patient: slash at the end: /showboat/v1/patients/ | /showboat/v1/patients\n",
    ),
    (
        "a method is another",
        |root| {
            let item = at(root, "/paths/~1caredb~1v1~1org-appointments~1{id}~1").as_object_mut().unwrap();
            let patch = item.remove("patch").unwrap();
            item.insert("put".to_owned(), patch);
        },
        "update_appointment: method: PATCH | GET, DELETE, PUT\n",
    ),
    (
        "a field of a request is gone",
        |root| remove(root, "/components/schemas/NewPatient/properties", "locale"),
        "NewPatient.locale: request, missing in theirs: string, optional | no such field\n",
    ),
    (
        "a field of a request is new",
        |root| {
            let fields = at(schema(root, "NewPatient"), "/properties").as_object_mut().unwrap();
            fields.insert("middle-name".to_owned(), json!({"type": "string", "nullable": true}));
        },
        "NewPatient.middle-name: request, new in theirs: no such field | string or null, optional\n",
    ),
    (
        "a field of an answer is new, in both answers of a creation",
        |root| {
            let fields = at(schema(root, "PatientAttributes"), "/properties").as_object_mut().unwrap();
            fields.insert("created-at".to_owned(), json!({"type": "string", "format": "date-time"}));
        },
        "PatientAttributes.created-at: answer, new in theirs: no such field | string (date-time), optional\n",
    ),
    (
        "a field of a request is required",
        |root| at(schema(root, "NewPatient"), "/required").as_array_mut().unwrap().push("locale".into()),
        "NewPatient.locale: request, required: optional | required\n",
    ),
    (
        "a field of a request is no longer required",
        |root| remove(root, "/components/schemas/NewInvitation", "required"),
        "NewInvitation.username: request, required: required | optional\n\
         NewInvitation.notifications: request, required: required | optional\n",
    ),
    (
        "an answer promises what we rely on no more",
        |root| remove(root, "/components/schemas/LoginResponse", "required"),
        "LoginResponse.access-token: answer, required: required | optional\n",
    ),
    (
        "an answer promises more than we rely on",
        |root| {
            let answer = schema(root, "AppointmentStatusAttributes");
            answer["required"] = json!(["name"]);
            remove(answer, "/properties/name", "nullable");
        },
        "",
    ),
    (
        "an answer may be null where we rely on it",
        |root| {
            schema(root, "AppointmentDocument")["properties"]["data"] = json!({
                "allOf": [{"$ref": "#/components/schemas/Appointment"}], "nullable": true
            });
        },
        "Appointment: answer, null: never null | may be null\n",
    ),
    (
        "a request cannot be cleared",
        |root| remove(root, "/components/schemas/AppointmentChanges/properties/location", "nullable"),
        "AppointmentChanges.location: request, null: may be null | never null\n",
    ),
    (
        "a type is another",
        |root| schema(root, "LoginRequest")["properties"]["interactive"]["type"] = "string".into(),
        "LoginRequest.interactive: request, type: boolean | string\n",
    ),
    (
        "a list is one thing",
        |root| {
            let field = &mut schema(root, "NewPatient")["properties"]["individual-group-ids"];
            *field = json!({"$ref": "#/components/schemas/IndividualGroupId"});
        },
        "NewPatient.individual-group-ids: request, type: array | string (uuid)\n",
    ),
    (
        "the items of a list are others",
        |root| {
            let field = &mut schema(root, "NewPatient")["properties"]["individual-group-ids"];
            field["items"] = json!({"type": "integer"});
        },
        "IndividualGroupId: request, type: string (uuid) | integer\n",
    ),
    (
        "a format is another, wherever the type is used",
        |root| remove(root, "/components/schemas/PractitionerId", "format"),
        "PractitionerId: request, format: uuid | none\n\
         PractitionerId: answer, format: uuid | none\n\
         AppointmentAttributes.practitioner-id: answer, format: uuid | none\n",
    ),
    (
        "an enum has a value more, and one less",
        |root| schema(root, "Gender")["enum"] = json!(["male", "female", "pnta", "other", "nonbinary"]),
        "Gender: request, enum: unknown | nonbinary\n\
         PatientAttributes.gender: answer, enum: unknown | nonbinary\n",
    ),
    (
        "an enum has a value more",
        |root| at(schema(root, "NotificationChannel"), "/enum").as_array_mut().unwrap().push("push".into()),
        "NotificationChannel: request, enum: 2 of them, none of its own | push\n",
    ),
    (
        "an enum is none",
        |root| remove(root, "/components/schemas/NotificationChannel", "enum"),
        "NotificationChannel: request, enum: sms, email | any\n",
    ),
    (
        "values are documented that were not",
        |root| schema(root, "Patient")["properties"]["type"]["enum"] = json!(["ui-patients"]),
        "Patient.type: answer, enum: any | ui-patients\n",
    ),
    (
        "the fields of an object are not documented",
        |root| remove(root, "/components/schemas/ErrorSource", "properties"),
        "ErrorSource: answer, fields: pointer, parameter, header | none that are named\n",
    ),
    (
        "nothing is said of a value",
        |root| *schema(root, "DocumentName") = json!({}),
        "DocumentName: request, type: string | anything\n",
    ),
    (
        "a parameter is gone, and another is new",
        |root| at(root, "/components/parameters/PageSize")["name"] = "limit".into(),
        "query page[size]: request, missing in theirs: integer, optional | no such parameter\n",
    ),
    (
        "a parameter is required",
        |root| at(root, "/components/parameters/OrganizationIdFilter")["required"] = true.into(),
        "query organization-id: request, required: optional | required\n",
    ),
    (
        "a parameter of a path is of another type",
        |root| {
            at(root, "/components/parameters/DocumentReferencePath")["schema"] = json!({"type": "integer"});
        },
        "DocumentReferenceId: request, type: string (uuid) | integer\n",
    ),
    (
        "a body is gone",
        |root| remove(root, LOGIN, "requestBody"),
        "login: request, missing in theirs: a body | no body\n",
    ),
    (
        "a body is new",
        |root| {
            let process = "/paths/~1caredb~1v1~1org-document-references~1{id}~1process-upload~1/post";
            at(root, process)["requestBody"] = json!({"content": {"application/json": {"schema": {}}}});
        },
        "process_upload: request, new in theirs: no body | a body, optional\n",
    ),
    (
        "a body may be left out",
        |root| remove(root, &format!("{LOGIN}/requestBody"), "required"),
        "login: request, required: a body, required | optional\n",
    ),
    (
        "a body is of another media type",
        |root| {
            at(root, LOGIN)["requestBody"]["content"] = json!({"multipart/form-data": {"schema": {}}});
        },
        "login: request, media type: JSON | multipart/form-data\n",
    ),
    (
        "it is said with which status a creation answers",
        |root| remove(root, CREATED, "200"),
        "create_patient: answer, missing in theirs: 200 | 201\n",
    ),
    (
        "a status is new",
        |root| at(root, CREATED)["202"] = json!({"description": "Later."}),
        "create_patient: answer, new in theirs: 200, 201 | 202\n",
    ),
    (
        "an answer has no body",
        |root| remove(root, &format!("{LOGIN}/responses/200"), "content"),
        "login 200: answer, missing in theirs: a body | no body of JSON\n",
    ),
];

#[test]
fn each_kind_of_difference_is_found_and_nothing_else() {
    let spec = spec();
    for (what, change, expected) in ROWS {
        let mut document = spec.root().clone();
        change(&mut document);
        let drift = compare::run(&spec, &[vendor(&document)]).unwrap();
        let found = lines(&drift);
        // A parameter that has another name is two differences for each operation that has it.
        let found: String =
            found.split_inclusive('\n').filter(|line| !line.contains(" query limit:")).collect();
        assert_eq!(found, *expected, "{what}");
        assert!(report::text(&drift).lines().count() > drift.differences.len(), "{what}");
    }
}

#[test]
fn what_several_operations_share_is_said_once_with_all_of_them_and_its_line() {
    let spec = spec();
    let mut document = spec.root().clone();
    at(&mut document, "/components/parameters/OrganizationIdFilter")["required"] = true.into();
    let drift = compare::run(&spec, &[vendor(&document)]).unwrap();
    let [difference] = drift.differences.as_slice() else { panic!("{:?}", drift.differences) };
    let lists = ["list_practitioners", "list_appointment_statuses", "list_appointment_types"];
    assert_eq!(difference.operations, lists);
    let line = spec.document.text.lines().nth(difference.line - 1).unwrap();
    assert_eq!(line.trim(), "OrganizationIdFilter:");
    let markdown = report::markdown(&drift);
    let row = format!(
        "| {} | query organization-id | request of {} | required | optional | required |",
        difference.line,
        lists.join(", ").replace('_', "\\_"),
    );
    assert!(markdown.contains(&row), "{markdown}");
}

#[test]
fn what_is_inferred_and_documented_otherwise_says_so() {
    let spec = spec();
    let mut document = spec.root().clone();
    schema(&mut document, "PractitionerAttributes")["properties"]["name"]["type"] = "integer".into();
    let drift = compare::run(&spec, &[vendor(&document)]).unwrap();
    let text = report::text(&drift);
    let outcome = |name: &str| {
        let line = text
            .lines()
            .find(|line| line.contains(&format!(" {name}: ")) && line.ends_with(char::is_alphabetic));
        line.and_then(|line| line.rsplit(": ").next()).map(ToOwned::to_owned)
    };
    assert_eq!(outcome("PractitionerAttributes").as_deref(), Some("see above"), "{text}");
    assert_eq!(outcome("AppointmentTypeAttributes").as_deref(), Some("as we have it"), "{text}");
}
