//! Examples: that they are there, and that they are examples of what they stand beside.

mod validators;

use serde_json::{Value, json};

use validators::Validators;

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
    let document = translated(context, &samples);
    let mut validators = Validators::over(&document);
    let mut unread = Vec::new();
    for (index, sample) in samples.iter().enumerate() {
        let Some(validator) = validators.get(&sample.place(index)) else {
            unread.push(sample);
            continue;
        };
        for error in validator.iter_errors(sample.value) {
            let at = error.instance_path().to_string();
            let of = context.name(sample.node);
            let place = if at.is_empty() { at.clone() } else { format!(" at `{at}`") };
            let why = error.masked_with("it");
            let what = format!("the {} of {of} is refused{place}: {why}", sample.word);
            let pointer = format!("{}{at}", sample.pointer);
            let mend = "make it one that the schema accepts, or mend the schema";
            context.report(out, "example-refused", &pointer, what, mend);
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
    /// Where the translated document holds the schema, as a JSON pointer.
    fn place(&self, index: usize) -> String {
        let referred = self.schema.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix('#'));
        match referred {
            Some(pointer) => pointer.to_owned(),
            None if self.is_inline() => format!("/anyOf/{index}"),
            None => self.schema_pointer.clone(),
        }
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
        let Some((schema, schema_pointer)) = schema_of(node) else {
            continue;
        };
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
fn translated(context: &Context<'_>, samples: &[Sample<'_, '_>]) -> Value {
    if context.nodes.first().is_some_and(|node| node.kind == Kind::JsonSchema) {
        return context.spec.root().clone();
    }
    // A sample finds its schema by its own place, so those without one hold it free for them.
    let inline = |sample: &Sample<'_, '_>| {
        if sample.is_inline() { sample.schema.clone() } else { json!({}) }
    };
    let inline: Vec<_> = samples.iter().map(inline).collect();
    json_schema(context.spec, &json!({ "anyOf": inline }))
}

/// A value, or what its `$ref` leads to, with its pointer.
fn followed<'v>(context: &'v Context<'_>, pointer: String, value: &'v Value) -> (String, &'v Value) {
    let target = value.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix('#'));
    match target.and_then(|target| Some((target, context.spec.root().pointer(target)?))) {
        Some((target, found)) => (target.to_owned(), found),
        None => (pointer, value),
    }
}
