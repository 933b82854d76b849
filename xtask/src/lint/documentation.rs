//! Descriptions and examples.

use serde_json::{Map, Value, json};

use super::outline::{Context, Findings, Kind, Node, operation_name};
use crate::json::{join, members, text};
use crate::json_schema::json_schema;

/// `description`: everything with a name has a description. Descriptions become the documentation of the generated
/// code.
pub(super) fn descriptions(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.nodes.iter().filter(|node| needs_description(context, node)) {
        let (member, problem) = match node.text("description") {
            None => ("", "has no description"),
            Some(text) if text.trim().is_empty() => ("description", "has an empty description"),
            Some(_) => continue,
        };
        let fix = "add `description:` with a sentence that says what it is or does";
        findings.add((node, member), problem, fix);
    }
}

fn needs_description(context: &Context<'_>, node: &Node<'_>) -> bool {
    if node.is_reference() {
        return false;
    }
    match node.kind {
        Kind::Info | Kind::Tag | Kind::Operation | Kind::Parameter | Kind::Response => true,
        // A property may inherit the description of the schema that it refers to.
        kind if kind.is_schema() && node.is_property() => {
            node.has("description") || context.referenced(node.value).get("description").is_none()
        }
        kind if kind.is_schema() => node.is_named_schema() || context.parent(node).is_none(),
        _ => false,
    }
}

/// `hint`: every field of an onboarding row has a hint, which is printed with each problem of the field.
pub(super) fn hints(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.properties().filter(|node| node.kind == Kind::JsonSchema) {
        let target = context.referenced(node.value);
        // The rule `reference` reports a reference that leads nowhere.
        if !node.has("x-hint") && target.get("x-hint").is_none() && target.get("$ref").is_none() {
            let fix =
                "add `x-hint` with a text such as \"write a UUID\" that says how to correct a wrong value";
            findings.add((node, ""), "has no hint", fix);
        }
    }
}

/// `example`: the bodies of requests and of successful responses have an example. Tests, documentation and the mock
/// server use it.
pub(super) fn missing_examples(context: &Context<'_>, findings: &mut Findings<'_>) {
    for operation in &context.operations {
        let at = join(&operation.pointer, "requestBody");
        let request = operation.value.get("requestBody").map(|body| ("the request".to_owned(), at, body));
        let responses = operation.responses().filter(|(status, ..)| status.starts_with('2'));
        let responses =
            responses.map(|(status, pointer, response)| (format!("response `{status}`"), pointer, response));
        for (name, pointer, body) in request.into_iter().chain(responses) {
            let (pointer, body) = follow(context, pointer, body);
            for (media_type, content) in members(body.get("content")) {
                if content.get("example").is_none() && content.get("examples").is_none() {
                    let at = join(&join(&pointer, "content"), media_type);
                    let message = format!("{name} of {} has no example", operation_name(operation));
                    findings.add_at(&at, message, "add `example:` beside the schema, with invented data");
                }
            }
        }
    }
}

/// `invalid-example`: examples and defaults match their schema. They are copied into code as they are, and the
/// generator panics at an invalid default. Messages do not contain the value, because it may be real data.
pub(super) fn invalid_examples(context: &Context<'_>, findings: &mut Findings<'_>) {
    let samples = samples(context);
    // Validation needs references that can be resolved, and ends only without recursion.
    let is_blocked = findings.all.iter().any(|finding| matches!(finding.rule, "reference" | "recursion"));
    if samples.is_empty() || is_blocked {
        return;
    }
    let schemas: Vec<_> = samples.iter().map(|sample| sample.schema.clone()).collect();
    let values = Value::Array(samples.iter().map(|sample| sample.value.clone()).collect());
    // One validator for all samples: the schema of a tuple.
    let definitions = context.spec.root().get("definitions").cloned().unwrap_or_else(|| json!({}));
    let schema = json_schema(context.spec, &json!({ "items": schemas, "definitions": definitions }));
    let options = jsonschema::options().should_validate_formats(true).offline();
    let validator = match options.build(&schema) {
        Ok(validator) => validator,
        Err(error) => {
            let message = format!("the examples cannot be validated: {}", error.masked());
            findings.add_at("", message, "correct the schemas");
            return;
        }
    };
    for error in validator.iter_errors(&values) {
        let path = error.instance_path().to_string();
        let path = path.strip_prefix('/').unwrap_or_default();
        let (index, rest) = path.split_once('/').unwrap_or((path, ""));
        let Some(sample) = index.parse::<usize>().ok().and_then(|index| samples.get(index)) else { continue };
        let at = if rest.is_empty() { String::new() } else { format!("/{rest}") };
        let location = if rest.is_empty() { String::new() } else { format!(" at `{at}`") };
        let message = format!(
            "the {} of {} is invalid{location}: {}",
            sample.keyword,
            context.name(sample.node),
            error.masked_with("the value")
        );
        let pointer = format!("{}{at}", sample.pointer);
        findings.add_at(&pointer, message, "correct the value or the schema");
    }
}

/// An example or a default, with the schema that it has to match.
struct Sample<'c, 'a> {
    /// `example` or `default`.
    keyword: &'static str,
    /// The object that contains it.
    node: &'c Node<'a>,
    pointer: String,
    value: &'c Value,
    schema: Value,
}

fn samples<'c, 'a>(context: &'c Context<'a>) -> Vec<Sample<'c, 'a>> {
    let mut samples = Vec::new();
    for node in context.nodes.iter().filter(|node| !node.is_reference()) {
        let Some(schema) = schema_of(node) else { continue };
        let mut add = |keyword, pointer, value| {
            samples.push(Sample { keyword, node, pointer, value, schema: schema.clone() });
        };
        for keyword in ["example", "default"] {
            if let Some(value) = node.value.get(keyword) {
                add(keyword, node.at(keyword), value);
            }
        }
        match node.value.get("examples") {
            // JSON Schema has a list of values, and OpenAPI a map of objects with a value.
            Some(Value::Array(values)) => {
                for (index, value) in values.iter().enumerate() {
                    add("example", join(&node.at("examples"), &index.to_string()), value);
                }
            }
            examples => {
                for (name, example) in members(examples) {
                    let (pointer, example) = follow(context, join(&node.at("examples"), name), example);
                    if let Some(value) = example.get("value") {
                        add("example", join(&pointer, "value"), value);
                    }
                }
            }
        }
    }
    samples
}

/// Returns the schema for the examples of an object.
fn schema_of(node: &Node<'_>) -> Option<Value> {
    match (node.kind, node.kind.section()) {
        (Kind::MediaType | Kind::Parameter | Kind::Header, _) => node.value.get("schema").cloned(),
        // Named schemas are compiled once, for all their samples.
        (Kind::Schema | Kind::JsonSchema, Some(section)) if node.is_named_schema() => {
            Some(json!({ "$ref": format!("#{}", join(section, &node.key)) }))
        }
        (Kind::Schema | Kind::JsonSchema, _) => {
            let members = node.value.as_object()?.iter();
            // These keywords would change the meaning of references.
            let members =
                members.filter(|(name, _)| !matches!(name.as_str(), "$id" | "$schema" | "definitions"));
            Some(Value::Object(
                members.map(|(name, member)| (name.clone(), member.clone())).collect::<Map<_, _>>(),
            ))
        }
        _ => None,
    }
}

/// Follows the `$ref` of a value.
fn follow<'v>(context: &'v Context<'_>, pointer: String, value: &'v Value) -> (String, &'v Value) {
    let target = text(value, "$ref").and_then(|it| it.strip_prefix('#'));
    match target.and_then(|target| Some((target, context.spec.root().pointer(target)?))) {
        Some((target, found)) => (target.to_owned(), found),
        None => (pointer, value),
    }
}
