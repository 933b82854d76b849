//! Lowering: rewrites the spec into the subset of OpenAPI that the generators support.
//!
//! The spec describes the service as it is. `progenitor` 0.15 and `typify` 0.8 support only part of OpenAPI. Each
//! function below rewrites one unsupported construct on a copy of the spec. The lost information is restored in the
//! generated syntax tree (see [`crate::rust`]) or is part of a hand-written type of `carium-api`.
//!
//! | lowering | rewrites | because |
//! | --- | --- | --- |
//! | [`media_types`] | `application/vnd.api+json` to `application/json` | only the latter is treated as JSON; the former becomes an untyped byte stream |
//! | [`references`] | an `allOf` with one reference to that reference | otherwise the reference becomes a separate type |
//! | [`constants`] | a required property with a single allowed value to one with a default | otherwise the caller has to set the value |
//! | [`defaults`] | removes all other `default`s | the service applies its own defaults; a generated default would be sent and become outdated |
//! | [`constraints`] | removes `anyOf` over `required`, `minProperties`, `uniqueItems` | Rust types cannot express them, and `anyOf` becomes an unwanted enum. The domain crate checks them, together with the constraints that the generators ignore: `maximum`, `minItems`, `format: email`, `minLength` of a secret |
//! | [`attributes`] | nullable and `x-expect` properties of responses to `Attribute<T>` | an `Option` does not distinguish `null` from absent, and one unexpected value makes the document unreadable |
//! | [`changes`] | nullable properties of requests to `Change<T>` | an `Option` can keep or set a property, but not clear it |
//! | [`hand_written_types`] | named schemas with a type in `carium-api`, and secrets, to that type | `DateTime` reads two formats, forms keep their order, secrets are wiped |
//! | [`extras`] | `additionalProperties: true` to a map of `Unknown` | the generators drop unknown members; responses keep them and never print them |
//! | [`descriptions`] | brackets, bare URLs and code blocks in descriptions | rustdoc treats them as links, warnings and doctests |

use serde_json::{Map, Value, json};

use crate::json::only_item;
use crate::spec::{SCHEMA_REF, Spec, referred_schema};

/// The crate that contains the generated code, as the first segment of its paths.
const CRATE: &str = "carium_api";

/// Named schemas with a hand-written type in `carium-api`, and the name of that type.
const HAND_WRITTEN_TYPES: [(&str, &str); 3] =
    [("BirthDate", "BirthDate"), ("DateTime", "DateTime"), ("UploadData", "FormFields")];

/// Returns the hand-written type for a named schema.
pub(crate) fn hand_written_type(schema: &str) -> Option<&'static str> {
    HAND_WRITTEN_TYPES.iter().find(|(name, _)| *name == schema).map(|(_, rust)| *rust)
}

/// Lowers an OpenAPI document for `progenitor`.
pub(crate) fn lower(spec: &Spec) -> Value {
    let mut root = spec.root().clone();
    // `attributes` and `changes` read `nullable`, `x-expect` and marks, so they run after the functions that simplify
    // schemas and before those that replace them.
    media_types(&mut root);
    references(&mut root);
    constants(&mut root);
    defaults(&mut root);
    constraints(&mut root);
    attributes(spec, &mut root);
    changes(spec, &mut root);
    hand_written_types(&mut root);
    extras(&mut root);
    descriptions(&mut root);
    root
}

/// Lowers a JSON Schema for `typify`. Schemas that the API's spec also has become the types generated from the spec.
pub(crate) fn lower_json_schema(schema: &Spec, api: &Spec) -> Value {
    let mut root = schema.root().clone();
    references(&mut root);
    defaults(&mut root);
    constraints(&mut root);
    hand_written_types(&mut root);
    extras(&mut root);
    descriptions(&mut root);
    replace_references(&mut root, |name| api.schema(name).map(|_| format!("types::{name}")));
    root
}

/// Replaces `application/vnd.api+json` by `application/json` in every `content`.
fn media_types(root: &mut Value) {
    each_map(root, &mut |map| {
        if let Some(content) = map.get_mut("content").and_then(Value::as_object_mut)
            && let Some(body) = content.remove("application/vnd.api+json")
        {
            content.insert("application/json".to_owned(), body);
        }
    });
}

/// Replaces `allOf: [{$ref: …}]` and its siblings by the reference. [`crate::rust::docs`] restores the description.
fn references(root: &mut Value) {
    each_map(root, &mut |map| {
        let Some(only) = only_item(map.get("allOf")) else { return };
        let Some(target) = only.get("$ref").cloned() else { return };
        map.clear();
        map.insert("$ref".to_owned(), target);
    });
}

/// Makes a required property with a single allowed value optional, with that value as its default. The generated builder
/// then sends it without asking for it, for example `type: org-appointments`.
fn constants(root: &mut Value) {
    let constants: Vec<(String, Value)> = named_schemas(root)
        .filter_map(|(name, schema)| Some((name.clone(), only_item(schema.get("enum"))?.clone())))
        .collect();
    each_map(root, &mut |schema| {
        let mut filled = Vec::new();
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            for (name, property) in properties {
                let constant = referred_schema(property)
                    .and_then(|target| constants.iter().find(|(name, _)| name == target));
                if let Some((target, value)) = constant {
                    *property = json!({
                        "allOf": [{ "$ref": format!("{SCHEMA_REF}{target}") }],
                        "default": value,
                    });
                    filled.push(name.clone());
                }
            }
        }
        if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|name| !filled.iter().any(|filled| name.as_str() == Some(filled.as_str())));
        }
    });
}

/// Removes every `default` except those that [`constants`] added. Those are beside an `allOf`, and [`references`] has
/// left no other `allOf` with one member.
fn defaults(root: &mut Value) {
    each_map(root, &mut |map| {
        if map.get("type").is_some_and(Value::is_string) {
            map.remove("default");
        }
    });
}

/// Removes constraints over several properties or over a whole list, which a Rust type cannot express: `anyOf` whose
/// members only require properties, alone or inside an `allOf`, `minProperties` and `uniqueItems`.
fn constraints(root: &mut Value) {
    each_map(root, &mut |map| {
        if map.get("anyOf").is_some_and(|choice| all_have_only(choice, "required")) {
            map.remove("anyOf");
        }
        // The innermost maps are visited first, so such a choice inside the `allOf` is already empty.
        if let Some(parts) = map.get_mut("allOf").and_then(Value::as_array_mut) {
            parts.retain(|part| part.as_object().is_none_or(|part| !part.is_empty()));
            if parts.is_empty() {
                map.remove("allOf");
            }
        }
        if map.get("type").is_some_and(Value::is_string) {
            map.remove("minProperties");
            map.remove("uniqueItems");
        }
    });
}

fn all_have_only(parts: &Value, keyword: &str) -> bool {
    let has_only =
        |part: &Value| part.as_object().is_some_and(|part| part.keys().all(|found| found == keyword));
    parts.as_array().is_some_and(|parts| parts.iter().all(has_only))
}

/// Replaces each property of a response schema that is nullable or has `x-expect` by `Attribute<T>` of the expected type.
/// A nullable named schema is no longer nullable, because the properties that refer to it are attributes.
fn attributes(spec: &Spec, root: &mut Value) {
    let sides = spec.sides();
    for (name, schema) in named_schemas(root) {
        let Some(schema) = schema.as_object_mut() else { continue };
        if !sides.of(name).response {
            continue;
        }
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            for property in properties.values_mut() {
                if spec.is_lenient(property)
                    && let Some(property) = property.as_object_mut()
                {
                    let expected = expected_schema(property);
                    become_rust_type(property, "Attribute", &[expected]);
                }
            }
        }
        schema.remove("nullable");
    }
}

/// Returns the schema that the values of a lenient property are expected to match.
fn expected_schema(property: &Map<String, Value>) -> Value {
    if let Some(name) = property.get("x-expect").and_then(Value::as_str) {
        return json!({ "$ref": format!("{SCHEMA_REF}{name}") });
    }
    let mut expected = without_annotations(property);
    if let Some(items) = expected.get_mut("items").and_then(Value::as_object_mut)
        && let Value::Object(expected_items) = expected_schema(items)
    {
        *items = expected_items;
    }
    Value::Object(expected)
}

/// Returns a schema without the keywords that describe the property rather than its value.
fn without_annotations(property: &Map<String, Value>) -> Map<String, Value> {
    let mut schema = property.clone();
    for keyword in ["nullable", "description", "example", "x-phi"] {
        schema.remove(keyword);
    }
    schema
}

/// Replaces each nullable property of a request schema by `Change<T>`.
fn changes(spec: &Spec, root: &mut Value) {
    let sides = spec.sides();
    for (name, schema) in named_schemas(root) {
        if !sides.of(name).request {
            continue;
        }
        let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
        for property in properties.into_iter().flat_map(|properties| properties.values_mut()) {
            let Some(property) = property.as_object_mut() else { continue };
            if property.get("nullable") == Some(&Value::Bool(true)) {
                let value = Value::Object(without_annotations(property));
                become_rust_type(property, "Change", &[value]);
            }
        }
    }
}

/// Replaces references to schemas with a hand-written type by that type, and secret strings by `Secret`.
fn hand_written_types(root: &mut Value) {
    replace_references(root, |name| hand_written_type(name).map(str::to_owned));
    each_map(root, &mut |map| {
        let is_secret = map.get("x-secret") == Some(&Value::Bool(true));
        if is_secret && map.get("type").and_then(Value::as_str) == Some("string") {
            become_rust_type(map, "Secret", &[]);
        }
    });
}

/// Replaces `additionalProperties: true` and free-form maps by a map of `Unknown`, so that unknown members are kept and
/// not printed.
fn extras(root: &mut Value) {
    each_map(root, &mut |schema| {
        let is_open = schema.get("additionalProperties") == Some(&Value::Bool(true));
        if (is_open && has_properties(schema)) || is_free_form(schema) {
            let unknown = json!({ "x-rust-type": rust_type("Unknown", &[]) });
            schema.insert("additionalProperties".to_owned(), unknown);
        }
    });
}

fn has_properties(schema: &Map<String, Value>) -> bool {
    schema.get("properties").is_some_and(Value::is_object)
}

fn is_free_form(schema: &Map<String, Value>) -> bool {
    let allows_any_member = match schema.get("additionalProperties") {
        None | Some(Value::Bool(true)) => true,
        Some(Value::Object(values)) => values.is_empty(),
        Some(_) => false,
    };
    schema.get("type").and_then(Value::as_str) == Some("object")
        && allows_any_member
        && !has_properties(schema)
}

/// Escapes descriptions for rustdoc.
fn descriptions(root: &mut Value) {
    each_map(root, &mut |map| {
        for keyword in ["description", "summary"] {
            if let Some(Value::String(text)) = map.get_mut(keyword) {
                *text = for_rustdoc(text);
            }
        }
    });
}

/// Escapes a description for rustdoc, which treats brackets as links to items, warns about bare URLs, and runs code
/// blocks without a language as tests.
pub(crate) fn for_rustdoc(text: &str) -> String {
    let mut fenced = false;
    let lines = text.lines().map(|line| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return if fenced && line.trim() == "```" {
                line.replace("```", "```text")
            } else {
                line.to_owned()
            };
        }
        if fenced { line.to_owned() } else { escape_line(line) }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Escapes the parts of a line that are not between backticks.
fn escape_line(line: &str) -> String {
    let parts = line.split('`').enumerate();
    let parts = parts.map(|(at, part)| if at % 2 == 1 { part.to_owned() } else { escape_text(part) });
    parts.collect::<Vec<_>>().join("`")
}

fn escape_text(text: &str) -> String {
    // A Markdown link is left as it is.
    if text.contains("](") {
        return text.to_owned();
    }
    let escaped = text.replace('[', r"\[").replace(']', r"\]");
    let words = escaped.split(' ').map(|word| {
        let url = word.trim_end_matches(['.', ',', ')', ';']);
        if url.starts_with("https://") || url.starts_with("http://") {
            word.replacen(url, &format!("<{url}>"), 1)
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Returns the `x-rust-type` of a hand-written type of `carium-api` with its type parameters.
fn rust_type(name: &str, parameters: &[Value]) -> Value {
    json!({
        "crate": CRATE,
        "version": "*",
        "path": format!("{CRATE}::{name}"),
        "parameters": parameters,
    })
}

/// Replaces a schema by a hand-written type and keeps its description.
fn become_rust_type(schema: &mut Map<String, Value>, name: &str, parameters: &[Value]) {
    let description = schema.remove("description");
    schema.clear();
    if let Some(description) = description {
        schema.insert("description".to_owned(), description);
    }
    schema.insert("x-rust-type".to_owned(), rust_type(name, parameters));
}

/// Replaces references to the named schemas for which `rust` returns a type, and removes these schemas.
fn replace_references(root: &mut Value, rust: impl Fn(&str) -> Option<String>) {
    if let Some(Value::Object(schemas)) = root.pointer_mut("/components/schemas") {
        schemas.retain(|name, _| rust(name).is_none());
    }
    each_map(root, &mut |map| {
        let target = map.get("$ref").and_then(Value::as_str);
        if let Some(rust) = target.and_then(|target| target.strip_prefix(SCHEMA_REF)).and_then(&rust) {
            map.remove("$ref");
            become_rust_type(map, &rust, &[]);
        }
    });
}

/// Calls a function with every map below a value, innermost first. Examples are skipped, because they contain data.
fn each_map(value: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each_map(item, visit)),
        Value::Object(map) => {
            for (name, member) in map.iter_mut() {
                if !matches!(name.as_str(), "example" | "examples") {
                    each_map(member, visit);
                }
            }
            visit(map);
        }
        _ => {}
    }
}

/// Returns the named schemas of a document.
fn named_schemas(root: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    root.pointer_mut("/components/schemas").and_then(Value::as_object_mut).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_the_vendor_media_type_only() {
        let mut root = json!({"a": {"content": {"application/vnd.api+json": {"schema": 1}}}, "b": {"content": {"text/html": 2}}});
        media_types(&mut root);
        let expected = json!({"a": {"content": {"application/json": {"schema": 1}}}, "b": {"content": {"text/html": 2}}});
        assert_eq!(root, expected);
    }

    #[test]
    fn replaces_all_of_with_one_reference_only() {
        let mut root = json!({
            "one": {"allOf": [{"$ref": "#/a"}], "default": 1},
            "two": {"allOf": [{"$ref": "#/a"}, {"$ref": "#/b"}]},
        });
        references(&mut root);
        assert_eq!(root["one"], json!({"$ref": "#/a"}));
        assert_eq!(root["two"]["allOf"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn property_with_one_allowed_value_gets_a_default() {
        let mut root = json!({"components": {"schemas": {
            "Kind": {"type": "string", "enum": ["a"]},
            "Data": {
                "properties": {"type": {"$ref": "#/components/schemas/Kind"}, "id": {"type": "string"}},
                "required": ["type", "id"],
            },
        }}});
        constants(&mut root);
        let data = &root["components"]["schemas"]["Data"];
        assert_eq!(data["required"], json!(["id"]));
        assert_eq!(data["properties"]["type"]["default"], "a");
        assert_eq!(data["properties"]["type"]["allOf"][0]["$ref"], "#/components/schemas/Kind");
    }

    #[test]
    fn removes_defaults_of_the_service_and_keeps_constants() {
        let mut root = json!({
            "locale": {"type": "string", "default": "en_US"},
            "type": {"allOf": [{"$ref": "#/Kind"}], "default": "a"},
            "properties": {"default": {"type": "string"}},
        });
        defaults(&mut root);
        assert_eq!(root["locale"], json!({"type": "string"}));
        assert_eq!(root["type"]["default"], "a");
        assert!(root["properties"]["default"].is_object(), "a property named `default` is kept");
    }

    #[test]
    fn removes_only_constraints_that_rust_cannot_express() {
        let mut root = json!({
            "a": {"type": "object", "minProperties": 1, "allOf": [{"anyOf": [{"required": ["x"]}, {"required": ["y"]}]}]},
            "b": {"anyOf": [{"type": "string"}, {"required": ["y"]}]},
            "c": {"type": "array", "uniqueItems": true, "minItems": 1},
        });
        constraints(&mut root);
        assert_eq!(root["a"], json!({"type": "object"}));
        assert!(root["b"]["anyOf"].is_array());
        assert_eq!(root["c"], json!({"type": "array", "minItems": 1}));
    }

    #[test]
    fn lenient_response_properties_become_attributes() {
        let spec = "
paths: {/a/: {get: {responses: {'200': {content: {application/json: {schema: {$ref: '#/components/schemas/Response'}}}}}}}}
components:
  schemas:
    Response:
      properties:
        plain: {type: string}
        maybe: {type: string, nullable: true, description: Perhaps.}
        kind: {type: string, nullable: true, x-expect: Kind}
        kinds: {type: array, nullable: true, items: {type: string, x-expect: Kind}}
        more: {$ref: '#/components/schemas/More'}
    Kind: {type: string, enum: [a, b]}
    More: {type: object, nullable: true}
    Request: {properties: {maybe: {type: string, nullable: true}}}
";
        let spec = Spec::parse("t.yaml", spec).unwrap();
        let mut root = spec.root().clone();
        attributes(&spec, &mut root);
        let schemas = &root["components"]["schemas"];
        let response = &schemas["Response"]["properties"];
        assert_eq!(response["plain"], json!({"type": "string"}));
        assert_eq!(response["maybe"]["description"], "Perhaps.");
        let parameter = |name: &str| &response[name]["x-rust-type"]["parameters"][0];
        assert_eq!(parameter("maybe"), &json!({"type": "string"}));
        assert_eq!(parameter("kind"), &json!({"$ref": "#/components/schemas/Kind"}));
        assert_eq!(parameter("kinds")["items"], json!({"$ref": "#/components/schemas/Kind"}));
        assert_eq!(parameter("more"), &json!({"$ref": "#/components/schemas/More"}));
        assert_eq!(schemas["More"], json!({"type": "object"}));
        assert_eq!(schemas["Request"]["properties"]["maybe"]["nullable"], true);
    }

    #[test]
    fn nullable_request_properties_become_changes() {
        let spec = "
paths: {/a/: {patch: {requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Update'}}}}}}}
components: {schemas: {Update: {properties: {note: {type: string, nullable: true}, at: {type: string}}}}}
";
        let spec = Spec::parse("t.yaml", spec).unwrap();
        let mut root = spec.root().clone();
        changes(&spec, &mut root);
        let properties = &root["components"]["schemas"]["Update"]["properties"];
        assert_eq!(properties["note"]["x-rust-type"]["path"], "carium_api::Change");
        assert_eq!(properties["note"]["x-rust-type"]["parameters"], json!([{"type": "string"}]));
        assert_eq!(properties["at"], json!({"type": "string"}));
    }

    #[test]
    fn known_names_and_secret_strings_become_hand_written_types() {
        let mut root = json!({"components": {"schemas": {
            "DateTime": {"type": "string", "format": "date-time"},
            "Login": {"properties": {
                "password": {"type": "string", "x-secret": true},
                "name": {"type": "string"},
                "at": {"$ref": "#/components/schemas/DateTime"},
            }},
        }}});
        hand_written_types(&mut root);
        let schemas = &root["components"]["schemas"];
        assert_eq!(schemas["DateTime"], Value::Null, "no second type is generated");
        assert_eq!(schemas["Login"]["properties"]["at"]["x-rust-type"]["path"], "carium_api::DateTime");
        assert_eq!(schemas["Login"]["properties"]["password"]["x-rust-type"]["path"], "carium_api::Secret");
        assert_eq!(schemas["Login"]["properties"]["name"], json!({"type": "string"}));
    }

    #[test]
    fn open_objects_keep_unknown_members_and_closed_ones_stay_closed() {
        let mut root = json!({
            "open": {"properties": {}, "additionalProperties": true},
            "closed": {"properties": {}, "additionalProperties": false},
            "free": {"type": "object"},
            "typed": {"type": "object", "additionalProperties": {"type": "string"}},
        });
        extras(&mut root);
        let extra = &root["open"]["additionalProperties"]["x-rust-type"]["path"];
        assert_eq!(extra, "carium_api::Unknown");
        assert_eq!(root["closed"]["additionalProperties"], false);
        assert_eq!(&root["free"]["additionalProperties"]["x-rust-type"]["path"], "carium_api::Unknown");
        assert_eq!(root["typed"]["additionalProperties"]["type"], "string");
    }

    #[test]
    fn escapes_only_what_rustdoc_would_misread() {
        for (text, expected) in [
            (
                "Plain, `filter[…]` and [a link](https://example.com).",
                "Plain, `filter[…]` and [a link](https://example.com).",
            ),
            ("By filter[x] or https://example.com.", r"By filter\[x\] or <https://example.com>."),
            ("```\ncode[0]\n```", "```text\ncode[0]\n```"),
        ] {
            assert_eq!(for_rustdoc(text), expected);
        }
    }
}
