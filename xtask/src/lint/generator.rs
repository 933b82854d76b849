//! Limits of the generators: `progenitor` 0.15 for operations, `typify` 0.8 for schemas.
//!
//! At what they do not support, the generators panic without naming an operation or a line, or generate code that
//! does not compile or does not do what the spec says. These rules report it first, with its location. They check the
//! spec as it is written: what [`crate::lower`] rewrites for the generators is allowed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::outline::{Context, Findings, Kind, Node, listed, operation_name};
use crate::json::{is_true, items, join, members, strings, text};
use crate::rust::patterns;
use crate::spec::Operation;

/// Members that the generators do not support, with their effect and a fix.
const UNSUPPORTED: &[(Kind, &[&str], &str, &str)] = &[
    (Kind::PathItem, &["$ref"], "panics", "write the operations of the path here"),
    (
        Kind::PathItem,
        &["head", "options", "trace"],
        "has no method for it",
        "use another method, or remove the operation",
    ),
    (Kind::PathItem, &["servers"], "ignores it", "write `servers` at the top of the document"),
    (Kind::Operation, &["servers"], "ignores it", "write `servers` at the top of the document"),
    (Kind::Operation, &["callbacks"], "ignores it", "describe callbacks in words"),
    (Kind::Response, &["links"], "ignores it", "describe links in words"),
    (Kind::Components, &["callbacks", "links"], "ignores it", "describe callbacks and links in words"),
    (Kind::MediaType, &["encoding"], "panics", "remove it"),
    (
        Kind::Parameter,
        &["style", "explode", "allowReserved", "allowEmptyValue", "content"],
        "supports only the default serialization",
        "remove it, and describe the value with `schema:`",
    ),
    (
        Kind::Schema,
        &["oneOf"],
        "creates an untagged enum",
        "write one object with all properties, each optional",
    ),
    (Kind::Schema, &["not"], "panics", "state what is allowed, and the rest in the description"),
    (Kind::Schema, &["discriminator"], "ignores it", "remove it; the property itself is sufficient"),
];

/// Names that the builder of a call uses for its own methods and variables.
const RESERVED_PARAMETERS: [&str; 8] =
    ["body", "body_map", "client", "new", "request", "response", "send", "url"];

/// Keywords that have a meaning only for some types, with these types.
const KEYWORDS_OF_TYPES: &[(&[&str], &[&str])] = &[
    (&["format"], &["string", "number", "integer"]),
    (&["pattern", "minLength", "maxLength"], &["string"]),
    (&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"], &["number", "integer"]),
    (&["items", "minItems", "maxItems", "uniqueItems"], &["array"]),
    (&["properties", "required", "additionalProperties", "minProperties", "maxProperties"], &["object"]),
];

/// `generator-limit`: no member is unsupported.
pub(super) fn unsupported_members(context: &Context<'_>, findings: &mut Findings<'_>) {
    for (kind, names, effect, fix) in UNSUPPORTED {
        for node in context.nodes.iter().filter(|node| node.kind == *kind) {
            for name in names.iter().filter(|name| node.has(name)) {
                findings.add((node, name), format!("has `{name}`, but the generator {effect}"), *fix);
            }
        }
    }
}

/// `generator-limit`: request bodies are required, because generated methods always send one, and media types have a
/// schema.
pub(super) fn bodies(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.each(Kind::RequestBody) {
        if !is_true(node.value, "required") {
            let problem = "is optional, but generated methods always send it";
            findings.add((node, ""), problem, "write `required: true`");
        }
    }
    for node in context.each(Kind::MediaType).filter(|node| !node.has("schema")) {
        findings.add((node, ""), "has no schema", "add `schema:` with a `$ref` to a named schema");
    }
}

/// `generator-limit`: an operation has a successful response, and all successful responses have the same body, as
/// have all error responses. A generated method has one success type and one error type; the generator panics if
/// there are more.
pub(super) fn responses(context: &Context<'_>, findings: &mut Findings<'_>) {
    for operation in &context.operations {
        for (status, pointer, _) in operation.responses() {
            let (problem, fix) = match status {
                "default" => ("is both success and error for the generator", "write `4XX` and `5XX` instead"),
                "101" => ("switches protocols, which the generator does not support", "remove the operation"),
                _ => continue,
            };
            let message = format!("response `{status}` of {} {problem}", operation_name(operation));
            findings.add_at(&pointer, message, fix);
        }
        let mut report = |problem: &str, fix: &str| {
            findings.add_operation((operation, "responses"), problem, fix);
        };
        let successes = response_schemas(context, operation, &['2']);
        if successes.is_empty() {
            report("has no successful response", "add a response with status `200`, or `2XX` for any");
        }
        let errors = response_schemas(context, operation, &['4', '5']);
        for (kind, schemas) in [("successful", successes), ("error", errors)] {
            if schemas.windows(2).any(|pair| pair[0].1 != pair[1].1) {
                let statuses = listed(schemas.iter().map(|(status, _)| *status));
                let problem = format!("has {kind} responses with different bodies: {statuses}");
                report(&problem, "write the same schema for all of them, or no content for all of them");
            }
        }
    }
}

/// Returns the schemas of the responses in some status classes.
fn response_schemas<'a>(
    context: &'a Context<'_>,
    operation: &Operation<'a>,
    classes: &[char],
) -> Vec<(&'a str, Option<&'a Value>)> {
    operation
        .responses()
        .filter(|(status, ..)| status.starts_with(classes))
        .map(|(status, _, response)| {
            let content = context.spec.resolve(response).get("content");
            (status, members(content).next().and_then(|(_, media_type)| media_type.get("schema")))
        })
        .collect()
}

/// `generator-limit`: parameters are not in cookies, are not lists and do not have a reserved name.
pub(super) fn parameters(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.each(Kind::Parameter) {
        let mut report = |member, problem: &str, fix| findings.add((node, member), problem, fix);
        if node.text("in") == Some("cookie") {
            report("in", "is in a cookie, which the generator does not support", "use a header or the query");
        }
        if node.text("name").is_some_and(|name| RESERVED_PARAMETERS.contains(&name)) {
            report(
                "name",
                "has a name that is reserved in the generated builder",
                "rename it, if the service allows",
            );
        }
        let schema = node.value.get("schema").map(|schema| context.spec.resolve_schema(schema));
        if schema.and_then(|schema| schema.get("type")).is_some_and(|kind| kind == "array") {
            report("schema", "is a list, which the mocks of `carium-mock` cannot match", "send it in a body");
        }
    }
}

/// `generator-limit`: names within one operation, object or enum differ in more than case and punctuation. Otherwise
/// they become the same Rust name, which does not compile or panics.
pub(super) fn name_collisions(context: &Context<'_>, findings: &mut Findings<'_>) {
    const FIX: &str = "rename one of the two";
    for operation in &context.operations {
        // Parameters are arguments of a method, beside one that is named `body`.
        let mut names = BTreeMap::new();
        if operation.value.get("requestBody").is_some() {
            names.insert("body".to_owned(), ("body", ""));
        }
        for (pointer, parameter) in operation.parameters() {
            let parameter = context.spec.resolve(parameter);
            let (Some(name), Some(location)) = (text(parameter, "name"), text(parameter, "in")) else {
                continue;
            };
            match names.insert(folded(name), (name, location)) {
                // A parameter of the operation overrides the same one of the path.
                Some(other) if other != (name, location) => {
                    let message = format!(
                        "parameters `{}` and `{name}` of {} have the same name in Rust",
                        other.0,
                        operation_name(operation)
                    );
                    findings.add_at(&pointer, message, FIX);
                }
                _ => {}
            }
        }
    }
    for node in context.schemas() {
        let properties = members(node.value.get("properties")).map(|(name, _)| name).collect();
        let properties =
            collisions(properties).into_iter().map(|pair| (pair, join(&node.at("properties"), pair.1)));
        let values = collisions(strings(node.value.get("enum")).collect());
        let values = values.into_iter().map(|pair| (pair, node.at("enum")));
        for ((one, other), pointer) in properties.chain(values) {
            let message =
                format!("`{one}` and `{other}` of {} have the same name in Rust", context.name(node));
            findings.add_at(&pointer, message, FIX);
        }
    }
}

/// `generator-limit`: schemas are not combined. The generator turns `anyOf` and a longer `allOf` into untagged enums
/// and merged types. Two forms are allowed: an `allOf` of one `$ref`, which adds keywords to a reference, and an
/// `anyOf` of `required`, which states that some properties must not all be absent.
pub(super) fn combinations(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.schemas() {
        let parts = node.value.get("allOf").and_then(Value::as_array);
        if parts.is_some_and(|parts| !extends_reference(node, parts)) {
            let fix = "write all properties in one schema; use `allOf` only for a single `$ref`";
            findings.add((node, "allOf"), "combines several schemas", fix);
        }
        let requires_some = |parts: &Value| is_choice(parts) && owner(context, node).has("properties");
        if node.value.get("anyOf").is_some_and(|parts| !requires_some(parts)) {
            let fix = "use `anyOf` only for lists of `required`, beside the properties that they name";
            findings.add((node, "anyOf"), "allows several schemas", fix);
        }
    }
}

/// `generator-limit`: objects declare the properties that they require, and do not have a schema for other properties
/// beside declared ones, which would become a flattened map.
pub(super) fn objects(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.schemas() {
        let declared = owner(context, node).value.get("properties");
        for name in strings(node.value.get("required")) {
            if declared.is_none_or(|declared| declared.get(name).is_none()) {
                let problem = format!("requires `{name}`, but does not declare it");
                let fix = format!("declare `{name}` in `properties`, or do not require it");
                findings.add((node, "required"), problem, fix);
            }
        }
        if node.has("properties") && node.value.get("additionalProperties").is_some_and(Value::is_object) {
            let fix = "write `true` or `false`, or move the other properties into a property that is a map";
            let at = (node, "additionalProperties");
            findings.add(at, "has properties and a schema for other properties", fix);
        }
    }
}

/// `generator-limit`: each schema has a type, arrays have items, enums are strings, and keywords fit the type.
/// Without a type the generator panics at a `format` and otherwise accepts any JSON; an enum of numbers becomes a
/// struct.
pub(super) fn types(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.schemas() {
        let mut report = |member, problem: &str, fix: &str| {
            findings.add((node, member), problem, fix);
        };
        let combinations = ["allOf", "anyOf", "oneOf", "not"];
        let is_part = combinations.contains(&node.via);
        let is_combined = combinations.iter().any(|keyword| node.has(keyword)) && !node.has("properties");
        if !node.has("type") && !is_part && !is_combined {
            report("", "has no type", "add `type:`, or a `$ref` to a named schema");
        }
        let Some(kind) = node.text("type") else { continue };
        if kind == "array" && !node.has("items") {
            report("", "is an array without `items`", "add `items:` with a schema");
        }
        let nullable = is_true(node.value, "nullable");
        let is_value = |value: &Value| value.is_string() || (nullable && value.is_null());
        if !items(node.value.get("enum")).all(is_value) {
            report("enum", "has an enum value that is not a string", "write strings, in quotes");
        }
        for (keywords, kinds) in KEYWORDS_OF_TYPES.iter().filter(|(_, kinds)| !kinds.contains(&kind)) {
            for keyword in keywords.iter().filter(|keyword| node.has(keyword)) {
                let problem = format!("has `{keyword}`, which has no meaning for type `{kind}`");
                let fix = format!("remove it, or change the type to {}", listed(kinds.iter().copied()));
                report(keyword, &problem, &fix);
            }
        }
        for (flag, limit) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
            if node.value.get(flag).is_some_and(Value::is_boolean) && !node.has(limit) {
                let problem = format!("has `{flag}` without `{limit}`");
                report(flag, &problem, &format!("add `{limit}:` with the limit, or remove `{flag}`"));
            }
        }
    }
}

/// `generator-limit`: a pattern can be translated into a check without a regex engine.
pub(super) fn patterns(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.schemas() {
        if let Some(Err(problem)) = node.text("pattern").map(patterns::parse) {
            findings.add((node, "pattern"), problem, patterns::SUPPORTED);
        }
    }
}

/// Returns `true` if an `allOf` adds keywords to one `$ref`, or contains one `anyOf`. Structural keywords beside a
/// `$ref` would be lost.
fn extends_reference(node: &Node<'_>, parts: &[Value]) -> bool {
    let [only] = parts else { return false };
    let mut structural = KEYWORDS_OF_TYPES.iter().flat_map(|(keywords, _)| keywords.iter()).chain([&"enum"]);
    match only.get("$ref") {
        Some(_) => !structural.any(|keyword| node.has(keyword)),
        None => only.as_object().is_some_and(|part| part.len() == 1) && only.get("anyOf").is_some(),
    }
}

/// Returns `true` if an `anyOf` only states which properties must not all be absent.
fn is_choice(parts: &Value) -> bool {
    let only_requires =
        |part: &Value| part.as_object().is_some_and(|it| it.len() == 1 && it.contains_key("required"));
    parts.as_array().is_some_and(|parts| parts.iter().all(only_requires))
}

/// Returns the schema that a member of `allOf` or `anyOf` is part of, or the schema itself.
fn owner<'n>(context: &'n Context<'_>, node: &'n Node<'_>) -> &'n Node<'n> {
    context.ancestors(node).find(|ancestor| !matches!(ancestor.via, "allOf" | "anyOf")).unwrap_or(node)
}

/// Returns pairs of names that become the same Rust name.
fn collisions(names: Vec<&str>) -> Vec<(&str, &str)> {
    let mut seen = BTreeMap::new();
    names.into_iter().filter_map(|name| Some((seen.insert(folded(name), name)?, name))).collect()
}

/// Removes case and punctuation from a name.
fn folded(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
