//! The comparison, with our own spec after one change, and with invented documents in the style of vendors.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::report::{self, Drift};
use super::vendor::Vendor;
use crate::diff::tests::edit;
use crate::spec::Spec;

fn spec() -> Spec {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/carium.yaml"));
    Spec::parse("carium.yaml", text).unwrap()
}

fn compare(document: &Value) -> Drift {
    let vendor = Vendor::parse("vendor.json", &document.to_string()).unwrap();
    super::compare(&spec(), &[vendor]).unwrap()
}

/// Formats the differences, one a line: name, side, message.
fn lines(drift: &Drift) -> String {
    let mut lines = String::new();
    for it in &drift.differences {
        let side = it.side.map(|side| format!(" ({side})")).unwrap_or_default();
        writeln!(lines, "{}{side}: {}", it.location.name, it.message).unwrap();
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
    assert!(report::markdown(&drift).contains("15 operations."));
    // It documents everything that is marked as inferred.
    let documented: Vec<_> = drift.documented.iter().map(|it| it.location.name.as_str()).collect();
    for inferred in ["list_practitioners", "PatientAttributes", "query page[number]", "NewDocumentReference"]
    {
        assert!(documented.contains(&inferred), "{inferred} in {documented:?}");
    }
    assert!(!documented.contains(&"login") && !documented.contains(&"UploadInfo"), "{documented:?}");
}

/// Cases: a description, edits of our spec, and the differences that follow. `#Name` is a named schema.
const CASES: &str = r##"
# a path is missing, and a similar one exists
rename /paths/~1caredb~1v1~1org-practitioners~1 /caredb/v1/org-practioners/
> list_practitioners: is not documented; the most similar path is `/caredb/v1/org-practioners/`
# a path is missing
remove /paths/~1identity~1v1~1resend-invitation~1
> resend_invitation: is not documented
# a path has no trailing slash
rename /paths/~1showboat~1v1~1patients~1 /showboat/v1/patients
> create_patient: moved from `POST /showboat/v1/patients/` to `POST /showboat/v1/patients`
# another method
rename /paths/~1caredb~1v1~1org-appointments~1{id}~1/patch put
> update_appointment: is not documented; methods of `/caredb/v1/org-appointments/{id}/`: GET, DELETE, PUT
# a parameter is renamed
set /components/parameters/PageSize/name "limit"
> list_practitioners query limit (request): is a new optional property (`integer`)
> list_appointment_statuses query limit (request): is a new optional property (`integer`)
> list_appointment_types query limit (request): is a new optional property (`integer`)
> list_document_classes query limit (request): is a new optional property (`integer`)
> list_document_references query limit (request): is a new optional property (`integer`)
> query page[size] (request): was removed
# a parameter is required
set /components/parameters/OrganizationIdFilter/required true
> query organization-id (request): is now required: the Rust type changes
# a path parameter has another type
set /components/parameters/DocumentReferencePath/schema {"type": "integer"}
> DocumentReferenceId (request): is `integer` instead of `string` of format `uuid`: the Rust type changes
# a body is missing
remove /paths/~1identity~1v1~1login~1/post/requestBody
> login (request): no longer accepts a body
# a body is new
set /paths/~1caredb~1v1~1org-document-references~1{id}~1process-upload~1/post/requestBody {"content": {"application/json": {}}}
> process_upload (request): accepts a body
# a body is optional
remove /paths/~1identity~1v1~1login~1/post/requestBody/required
> login (request): has a body that is now optional
# a body has another media type
set /paths/~1identity~1v1~1login~1/post/requestBody/content {"multipart/form-data": {"schema": {}}}
> login (request): has a new body of media type `multipart/form-data`
> login (request): no longer has a body of media type `JSON`
# a success status is missing
remove /paths/~1showboat~1v1~1patients~1/post/responses/200
> create_patient 200 (response): no longer has a response 200, which becomes an error
# a success status is new
set /paths/~1showboat~1v1~1patients~1/post/responses/202 {"description": "Later."}
> create_patient (response): has a new response 202
# a response has no body
remove /paths/~1identity~1v1~1login~1/post/responses/200/content
> login 200 (response): no longer has a body of media type `JSON`
# a field of a request is missing
remove #NewPatient/properties/locale
> NewPatient.locale (request): was removed
# a field of a request is new
set #NewPatient/properties/middle-name {"type": "string", "nullable": true}
> NewPatient.middle-name (request): is a new optional property (`string`)
# a field of a response is new, in both responses of an operation
set #PatientAttributes/properties/created-at {"type": "string", "format": "date-time"}
> PatientAttributes.created-at (response): is a new optional property (`string`)
# a field of a request is required
set #LoginRequest/required ["username", "password", "locale"]
> LoginRequest.locale (request): is now required: the Rust type changes
# fields of a request are optional
remove #NewInvitation/required
> NewInvitation.username (request): is now optional: the Rust type changes
> NewInvitation.notifications (request): is now optional: the Rust type changes
# a response no longer guarantees what we rely on
remove #LoginAnswer/required
> LoginAnswer.access-token (response): is now optional: the Rust type changes
# a response guarantees more than we rely on
set #AppointmentStatusAttributes/required ["name"]
remove #AppointmentStatusAttributes/properties/name/nullable
# a response may be null where we rely on it
set #AppointmentDocument/properties/data {"allOf": [{"$ref": "#/components/schemas/Appointment"}], "nullable": true}
> Appointment (response): may now be `null`: the Rust type changes
# a field of a request cannot be cleared
remove #AppointmentChanges/properties/location/nullable
> AppointmentChanges.location (request): can no longer be `null`: the Rust type changes
# another type
set #LoginRequest/properties/interactive/type "string"
> LoginRequest.interactive (request): is `string` instead of `boolean`: the Rust type changes
# a list is a single value
set #NewPatient/properties/individual-group-ids {"$ref": "#/components/schemas/IndividualGroupId"}
> NewPatient.individual-group-ids (request): is `string` of format `uuid` instead of `array`: the Rust type changes
# the items of a list have another type
set #NewPatient/properties/individual-group-ids/items {"type": "integer"}
> IndividualGroupId (request): is `integer` instead of `string` of format `uuid`: the Rust type changes
# another format, wherever the type is used
remove #PractitionerId/format
> PractitionerId (request): is `string` instead of `string` of format `uuid`: the Rust type changes
> PractitionerId (response): is `string` instead of `string` of format `uuid`: the Rust type changes
> AppointmentAttributes.practitioner-id (response): is `string` instead of `string` of format `uuid`: the Rust type changes
# an enum has one value more and one less
set #Gender/enum ["male", "female", "pnta", "other", "nonbinary"]
> Gender (request): is a new value (`nonbinary`)
> Gender (request): was removed (`unknown`)
> PatientAttributes.gender (response): is a new value (`nonbinary`)
> PatientAttributes.gender (response): was removed (`unknown`)
# an enum has no fixed values
remove #NotificationChannel/enum
> NotificationChannel (request): no longer has a fixed set of values: the Rust type changes
# values are documented that were not
set #Patient/properties/type/enum ["ui-patients"]
> Patient.type (response): now has a fixed set of values: the Rust type changes
# the fields of an object are not documented
remove #ErrorSource/properties
> ErrorSource (response): is `object without documented properties` instead of `object`: the Rust type changes
# a schema without keywords
set #DocumentName {}
> DocumentName (request): is `any type` instead of `string`: the Rust type changes
"##;

#[test]
fn each_edit_of_our_spec_is_found_and_nothing_else() {
    let spec = spec();
    for case in CASES.trim().split("\n# ") {
        let mut document = spec.root().clone();
        let (expected, edits): (Vec<_>, Vec<_>) =
            case.lines().skip(1).partition(|line| line.starts_with("> "));
        edits.iter().for_each(|line| edit(&mut document, line));
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
    let [difference] = drift.differences.as_slice() else { panic!("{:?}", drift.differences) };
    let line = spec.document.text.lines().nth(difference.line - 1).unwrap();
    assert_eq!(line.trim(), "OrganizationIdFilter:");
    let entry = format!(
        "- carium.yaml:{}: `query organization-id` is now required: the Rust type changes [now-required, break]; \
         request of list_practitioners, list_appointment_statuses, list_appointment_types\n",
        difference.line,
    );
    let report = report::markdown(&drift);
    assert!(report.contains(&entry), "{report}");
}

#[test]
fn inferred_part_that_is_documented_differently_says_so() {
    let mut document = spec().root().clone();
    edit(&mut document, "set #PractitionerAttributes/properties/name/type \"integer\"");
    let report = report::markdown(&compare(&document));
    assert!(report.contains("`PractitionerAttributes` is documented differently, see above;"), "{report}");
    assert!(report.contains("`AppointmentTypeAttributes` is documented as in our spec;"), "{report}");
}

/// A file of one service with a server path, another media type, other names of path parameters, combinations,
/// references with encoded braces, a discriminator, and keywords of OpenAPI 3.1.
fn identity() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Identity (invented)", "version": "1"},
        "servers": [{"url": "https://{host}/identity/{release}", "variables": {
            "host": {"default": "api.example.com"}, "release": {"default": "v1"}
        }}],
        "paths": {
            "x-groups": ["sessions"],
            "/login/": {"post": {
                "parameters": [{"name": "Accept", "in": "header", "schema": {"type": "string"}}],
                "requestBody": {"$ref": "#/components/requestBodies/Login"},
                "responses": {
                    "200": {"description": "", "content": {"application/vnd.api+json; charset=utf-8": {"schema": {
                        "type": "object",
                        "required": ["access-token"],
                        "properties": {"access-token": {"type": "string"}}
                    }}}},
                    "401": {"description": ""}
                }
            }},
            "/resend-invitation/": {"$ref": "#/components/pathItems/resend%2Dinvitation"},
            "/reports/{kind}/": {"get": {"parameters": [{"$ref": "elsewhere.json#/Kind"}], "responses": {}}}
        },
        "components": {
            "pathItems": {"resend-invitation": {"post": {
                "requestBody": {"required": true, "content": {"application/json": {"schema": {
                    "oneOf": [{"$ref": "#/components/schemas/Resend"}]
                }}}},
                "responses": {"204": {"description": ""}}
            }}},
            "requestBodies": {"Login": {"required": true, "content": {"application/vnd.api+json": {"schema": {
                "allOf": [
                    {"$ref": "#/components/schemas/Credentials"},
                    {"type": "object", "properties": {
                        "totp-code": {"type": "string"},
                        "access-token-expiration-seconds": {"type": "integer"},
                        "refresh-token-expiration-seconds": {"type": "integer"},
                        "interactive": {"type": "boolean"},
                        "locale": {"enum": ["en_US", "es_US"]},
                        "service-document-agreements": {"items": {"type": "string", "format": "uuid"}},
                        "sticky-access-token-expiration": {"type": "boolean"}
                    }}
                ]
            }}}}},
            "schemas": {
                "Credentials": {"required": ["username", "password"], "properties": {
                    "username": {"$ref": "#/components/schemas/Name", "description": "Beside a reference."},
                    "password": {"$ref": "#/components/schemas/Name"}
                }},
                "Name": {"type": ["string"]},
                "Resend": {"allOf": [{"$ref": "#/components/schemas/Resource"}, {"properties": {"data": {
                    "required": ["attributes"],
                    "properties": {"attributes": {
                        "required": ["username", "notifications"],
                        "properties": {
                            "username": {"$ref": "#/components/schemas/Name"},
                            "notifications": {"type": "array", "items": {"oneOf": [{"const": "sms"}, {"const": "email"}]}}
                        }
                    }}
                }}}]},
                "Resource": {
                    "discriminator": {"propertyName": "data"},
                    "oneOf": [{"$ref": "#/components/schemas/Resend"}],
                    "required": ["data"]
                }
            }
        }
    })
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
         "schema": {"properties": {"number": number, "size": number, "offset": number}}},
    ]);
    let document = documents("/caredb/v1/org-document-references/", &parameters);
    let expected =
        "list_document_references query page[offset] (request): is a new optional property (`integer`)\n";
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
        assert!(!compare(&login(&json!({"Login": malformed}))).differences.is_empty());
        for member in ["parameters", "requestBody", "responses", "servers"] {
            let mut document = login(&json!({"Login": {}}));
            document["paths"]["/identity/v1/login/"]["post"][member] = malformed.clone();
            document[member] = malformed.clone();
            assert!(!compare(&document).differences.is_empty());
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
