//! Examples: that they are there, and that they are examples of what they stand beside.

use std::collections::HashMap;

use jsonschema::{Draft, Registry, Validator};
use serde_json::{Value, json};

use super::context::{Context, operation_name};
use super::outline::Node;
use super::words::Kind;
use crate::document::join;
use crate::finding::Finding;
use crate::spec::{json_schema, members};

/// `example`: the body of every request, and of every success that has one, comes with an example. The
/// tests of the generated code, the documentation and the mock server all take theirs from here.
pub(super) fn missing(context: &Context<'_>, out: &mut Vec<Finding>) {
    for operation in &context.operations {
        let at = join(&operation.pointer, "requestBody");
        let request = operation.value.get("requestBody").map(|body| ("the request".to_owned(), at, body));
        let successes = operation
            .responses()
            .filter(|(status, _, _)| status.starts_with('2'))
            .map(|(status, pointer, response)| (format!("response `{status}`"), pointer, response));
        for (body, pointer, value) in request.into_iter().chain(successes) {
            let (pointer, value) = followed(context, pointer, value);
            for (media_type, content) in members(value.get("content")) {
                let has_one = content.get("example").is_some() || content.get("examples").is_some();
                if content.is_object() && !has_one {
                    context.report(
                        out,
                        "example",
                        &join(&join(&pointer, "content"), media_type),
                        format!("{body} of {} has no example", operation_name(operation)),
                        "write `example:` beside the schema, with invented data",
                    );
                }
            }
        }
    }
}

/// `example-refused`: each example, and each default, satisfies the schema that it stands beside. One
/// that does not is copied into a program all the same; a default that does not makes the generator panic.
///
/// The message never shows a value: examples are where real data slips in.
pub(super) fn refused(context: &Context<'_>, out: &mut Vec<Finding>) {
    let samples = samples(context);
    let document = document(context, &samples);
    let Ok(registry) = Registry::new().draft(DRAFT).add(URI, &document).and_then(|it| it.prepare())
    else {
        return;
    };
    let mut validators: HashMap<String, Option<Validator>> = HashMap::new();
    let mut unread = Vec::new();
    for (index, sample) in samples.iter().enumerate() {
        let fragment = sample.place(index);
        let validator =
            validators.entry(fragment).or_insert_with_key(|fragment| compile(&registry, fragment));
        let Some(validator) = validator else {
            unread.push(sample);
            continue;
        };
        for error in validator.iter_errors(sample.value) {
            let at = error.instance_path().to_string();
            let place = if at.is_empty() { String::new() } else { format!(" at `{at}`") };
            context.report(
                out,
                "example-refused",
                &format!("{}{at}", sample.pointer),
                format!(
                    "the {} of {} is refused{place}: {}",
                    sample.word,
                    context.name(sample.node),
                    error.masked_with("it")
                ),
                "make it one that the schema accepts, or mend the schema",
            );
        }
    }
    // A schema that cannot be compiled has been reported already, as a matter of its words, its types or
    // its references. Should it not have been, its examples must not pass for good ones.
    if out.is_empty() {
        for sample in unread {
            let what = format!("the schema of {} is none that a validator reads", context.name(sample.node));
            let mend = "check what each word of the schema holds";
            context.report(out, "shape", &sample.node.pointer, what, mend);
        }
    }
}

/// The draft that the schemas are read as: the first that knows the formats `uuid` and `duration`. Those of
/// draft 7, which the translated words are of, mean the same in it.
const DRAFT: Draft = Draft::Draft201909;

/// What the registry calls the document.
const URI: &str = "urn:spec";

/// A value that a schema is to accept.
struct Sample<'c, 'a> {
    /// What stands in the document for this value: `example` or `default`.
    word: &'static str,
    /// The object beside whose schema it stands.
    node: &'c Node<'a>,
    pointer: String,
    value: &'c Value,
    /// The schema, and where it stands.
    schema: &'c Value,
    schema_pointer: String,
}

impl Sample<'_, '_> {
    /// Where the translated document holds the schema, as the fragment of a URI.
    fn place(&self, index: usize) -> String {
        let referred = self.schema.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix('#'));
        let pointer = match referred {
            Some(pointer) => pointer.to_owned(),
            None if self.is_inline() => format!("/anyOf/{index}"),
            None => self.schema_pointer.clone(),
        };
        percent_encoded(&pointer)
    }

    /// Whether the schema stands outside the named ones.
    fn is_inline(&self) -> bool {
        self.node.kind != Kind::JsonSchema && !self.schema_pointer.starts_with("/components/schemas/")
    }
}

/// Every example and every default of the document.
fn samples<'c, 'a>(context: &'c Context<'a>) -> Vec<Sample<'c, 'a>> {
    let mut samples = Vec::new();
    for node in context.nodes.iter().filter(|node| !node.is_reference()) {
        let Some((schema, schema_pointer)) = schema_of(node) else { continue };
        let mut add = |word, pointer, value| {
            let schema_pointer = schema_pointer.clone();
            samples.push(Sample { word, node, pointer, value, schema, schema_pointer });
        };
        for word in ["example", "default"] {
            if let Some(value) = node.value.get(word) {
                add(word, node.at(word), value);
            }
        }
        match (node.kind, node.value.get("examples")) {
            (Kind::JsonSchema, Some(Value::Array(values))) => {
                for (index, value) in values.iter().enumerate() {
                    add("example", join(&node.at("examples"), &index.to_string()), value);
                }
            }
            (Kind::MediaType | Kind::Parameter | Kind::Header, examples @ Some(_)) => {
                for (name, example) in members(examples) {
                    let pointer = join(&node.at("examples"), name);
                    let (pointer, example) = followed(context, pointer, example);
                    if let Some(value) = example.get("value") {
                        add("example", join(&pointer, "value"), value);
                    }
                }
            }
            _ => {}
        }
    }
    samples
}

/// The schema that the examples of an object are judged by, with its pointer.
fn schema_of<'c>(node: &'c Node<'_>) -> Option<(&'c Value, String)> {
    match node.kind {
        kind if kind.is_schema() => Some((node.value, node.pointer.clone())),
        Kind::MediaType | Kind::Parameter | Kind::Header => {
            let schema = node.value.get("schema").filter(|schema| schema.is_object())?;
            Some((schema, node.at("schema")))
        }
        _ => None,
    }
}

/// The document in JSON Schema, with the schemas of the samples that stand outside the named ones.
fn document(context: &Context<'_>, samples: &[Sample<'_, '_>]) -> Value {
    let is_json_schema = context.nodes.first().is_some_and(|node| node.kind == Kind::JsonSchema);
    let mut document = if is_json_schema {
        context.spec.root().clone()
    } else {
        // A sample finds its schema by its own place, so those without one hold it free for them.
        let inline = samples.iter().map(|sample| match sample.is_inline() {
            true => sample.schema.clone(),
            false => json!({}),
        });
        json_schema(context.spec, &json!({ "anyOf": inline.collect::<Vec<_>>() }))
    };
    // The document is known by one name, and read as one draft, whatever it says of itself.
    if let Some(map) = document.as_object_mut() {
        map.remove("$schema");
        map.remove("$id");
    }
    let whole = document.clone();
    disarm(&mut document, &whole);
    document
}

/// Takes out the references that a validator would stumble over: those that lead nowhere and those that
/// lead in a circle. They are reported as such, and the rest of the examples must still be judged.
fn disarm(value: &mut Value, whole: &Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| disarm(item, whole)),
        Value::Object(map) => {
            if map.get("$ref").is_some_and(|reference| !leads_somewhere(reference, whole)) {
                map.remove("$ref");
            }
            map.values_mut().for_each(|member| disarm(member, whole));
        }
        _ => {}
    }
}

fn leads_somewhere(reference: &Value, whole: &Value) -> bool {
    let mut reference = reference;
    for _ in 0..32 {
        let pointer = reference.as_str().and_then(|it| it.strip_prefix('#'));
        let Some(target) = pointer.and_then(|it| whole.pointer(it)) else { return false };
        match target.get("$ref") {
            Some(next) => reference = next,
            None => return true,
        }
    }
    false
}

fn compile(registry: &Registry<'_>, fragment: &str) -> Option<Validator> {
    jsonschema::options()
        .with_draft(DRAFT)
        .with_registry(registry)
        .should_validate_formats(true)
        .offline()
        .build(&json!({ "$ref": format!("{URI}#{fragment}") }))
        .ok()
}

/// A value, or what its `$ref` leads to, with its pointer.
fn followed<'v>(context: &'v Context<'_>, pointer: String, value: &'v Value) -> (String, &'v Value) {
    let target = value.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix('#'));
    match target.and_then(|target| Some((target, context.spec.root().pointer(target)?))) {
        Some((target, found)) => (target.to_owned(), found),
        None => (pointer, value),
    }
}

fn percent_encoded(pointer: &str) -> String {
    pointer.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => text.push(byte.into()),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
        text
    })
}
