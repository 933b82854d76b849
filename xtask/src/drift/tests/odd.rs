//! What vendors' files are like: invented, small, and as odd as large ones.

use serde_json::{Value, json};

use super::{compare, lines, spec, vendor};

/// A file of one service, with a part of the path in `servers`, another media type, other names of path parameters,
/// combinations, references with encoded braces, a discriminator, and the words of OpenAPI 3.1.
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
fn a_file_as_odd_as_they_are_is_read_and_only_its_service_is_compared() {
    let drift = compare::run(&spec(), &[vendor(&identity())]).unwrap();
    assert_eq!(drift.compared, ["login", "resend_invitation"]);
    assert_eq!(drift.not_compared.len(), 13);
    assert_eq!(lines(&drift), "");
}

#[test]
fn what_may_be_null_is_said_in_many_ways() {
    let spec = spec();
    for ways in [
        json!({"type": ["string", "null"]}),
        json!({"type": "string", "nullable": true}),
        json!({"oneOf": [{"type": "string"}, {"type": "null"}]}),
        json!({"anyOf": [{"$ref": "#/components/schemas/Name"}, {"type": "null"}]}),
        json!({"allOf": [{"$ref": "#/components/schemas/Name"}], "nullable": true}),
    ] {
        let mut document = identity();
        document["components"]["schemas"]["Credentials"]["properties"]["password"] = ways.clone();
        let drift = compare::run(&spec, &[vendor(&document)]).unwrap();
        let expected = "LoginRequest.password: request, null: never null | may be null\n";
        assert_eq!(lines(&drift), expected, "{ways}");
    }
}

/// A list, with parameters of every kind, at a path of the record's service.
fn documents(path: &str, parameters: &Value) -> Value {
    let ours = spec();
    let mut item = ours.root()["paths"]["/caredb/v1/org-document-references/"].clone();
    item["get"]["parameters"] = parameters.clone();
    let mut document = ours.root().clone();
    document["paths"] = json!({ path: item });
    document
}

fn of_list(document: &Value) -> String {
    let drift = compare::run(&spec(), &[vendor(document)]).unwrap();
    let lines = lines(&drift);
    // Of the record's other operations there is nothing here.
    lines.split_inclusive('\n').filter(|line| !line.contains(": path: ")).collect()
}

#[test]
fn a_parameter_that_is_an_object_is_one_for_each_of_its_members() {
    let id = json!({"type": "string", "format": "uuid"});
    let number = json!({"type": "integer"});
    let parameters = json!([
        {"name": "organization-id", "in": "query", "required": true, "schema": id},
        {"name": "filter", "in": "query", "style": "deepObject", "schema": {"properties": {"individual-id": id, "class-id": id}}},
        {"name": "page", "in": "query", "style": "deepObject", "schema": {"properties": {"number": number, "size": number, "offset": number}}},
    ]);
    let expected = "list_document_references query page[offset]: request, new in theirs: no such parameter | integer, optional\n";
    assert_eq!(of_list(&documents("/caredb/v1/org-document-references/", &parameters)), expected);
}

#[test]
fn a_server_may_have_a_part_of_the_path_or_one_in_front_of_it() {
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
        assert_eq!(of_list(&document), "", "{server}");
        // The same, said of the path alone.
        document["servers"] = json!([]);
        document["paths"][path]["servers"] = json!([{ "url": server }]);
        assert_eq!(of_list(&document), "", "{server}");
    }
}

#[test]
fn parameters_of_paths_go_by_their_places() {
    let spec = spec();
    let mut document = spec.root().clone();
    let paths = document["paths"].as_object_mut().unwrap();
    let mut item = paths.remove("/caredb/v1/org-appointments/{id}/").unwrap();
    item["parameters"] = json!([
        {"name": "appointment_id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"}}
    ]);
    paths.insert("/caredb/v1/org-appointments/{appointment_id}/".to_owned(), item);
    let drift = compare::run(&spec, &[vendor(&document)]).unwrap();
    assert_eq!(lines(&drift), "");
}

#[test]
fn one_of_several_has_what_they_have_in_common() {
    let mut document = identity();
    let schemas = &mut document["components"]["schemas"];
    schemas["Name"] =
        json!({"oneOf": [{"type": "string", "format": "email"}, {"type": "string", "format": "phone"}]});
    assert_eq!(lines(&compare::run(&spec(), &[vendor(&document)]).unwrap()), "");
    document["components"]["schemas"]["Name"] = json!({"oneOf": [{"type": "string"}, {"type": "integer"}]});
    let lines = lines(&compare::run(&spec(), &[vendor(&document)]).unwrap());
    assert!(lines.contains("Username: request, type: string | integer or string\n"), "{lines}");
}
