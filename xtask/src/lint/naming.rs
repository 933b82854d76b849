//! What must have a name of its own, and which names will not do.

use serde_json::Value;

use super::context::{Context, Reach, is_object};
use super::name_words;
use super::words::Kind;
use crate::finding::Finding;
use crate::spec::{referred_schema, schema_pointer};

/// Names that Rust, the generator or `carium-api` uses in the module of the generated types, or that every
/// Rust program reads as something else.
const TAKEN: &[&str] = &[
    "Attribute",
    "Box",
    "Builder",
    "ByteStream",
    "Change",
    "Client",
    "ClientHooks",
    "ClientInfo",
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Deserialize",
    "Display",
    "Drop",
    "Eq",
    "Err",
    "Error",
    "Fn",
    "From",
    "FromStr",
    "Hash",
    "HashMap",
    "Into",
    "Iterator",
    "Map",
    "None",
    "Ok",
    "OperationInfo",
    "Option",
    "Ord",
    "RequestBuilderExt",
    "ResponseValue",
    "Result",
    "Secret",
    "Self",
    "Send",
    "Serialize",
    "Sized",
    "Some",
    "String",
    "Sync",
    "ToString",
    "Transport",
    "TryFrom",
    "TryInto",
    "Unknown",
    "Uuid",
    "Value",
    "Vec",
];

/// `named-schema`: an object and a list of choices have a name. The generator makes up a name for those
/// that have none, from the way to them, and it changes with the way.
pub(super) fn inline(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.each(Kind::Schema).filter(|node| !node.is_named_schema()) {
        let what = if is_object(node.value) {
            "describes an object in place"
        } else if node.has("enum") {
            "lists its choices in place"
        } else {
            continue;
        };
        context.report(
            out,
            "named-schema",
            &node.pointer,
            format!("{} {what}", context.name(node)),
            "move it under `components/schemas`, and refer to it with `$ref`",
        );
    }
}

/// `named-schema`: an id refers to a named schema of `format: uuid`. Each such schema becomes a type, so
/// that the id of a class cannot stand where that of an appointment belongs. In an answer `x-expect` names
/// it, for there an odd value must not fail the whole.
pub(super) fn ids(context: &Context<'_>, out: &mut Vec<Finding>) {
    let parameters = context
        .each(Kind::Parameter)
        .filter_map(|node| Some((node, super::context::text(node, "name")?, node.value.get("schema")?)));
    let properties = context
        .properties()
        .filter(|node| node.kind == Kind::Schema)
        .map(|node| (node, node.key.as_str(), node.value));
    for (node, name, schema) in parameters.chain(properties) {
        let Some(many) = id_kind(name) else { continue };
        let reach = context.reach(node);
        let schema = if many { schema.get("items").unwrap_or(&Value::Null) } else { schema };
        let refers = referred_schema(schema).is_some_and(|name| is_id(context, name));
        let expects = schema.get("x-expect").and_then(Value::as_str);
        let (fits, mend) = if reach.request {
            (refers, "refer with `$ref` to the schema of the ids of that kind, of `format: uuid`")
        } else if reach.response {
            let expected = expects.is_some_and(|name| is_id(context, name));
            let of_its_own = name == "id" && is_opaque(schema);
            (refers || expected || of_its_own, "write `x-expect:` with the schema of the ids of that kind")
        } else {
            continue;
        };
        if !fits {
            let what = format!("{} is an id of no kind", context.name(node));
            context.report(out, "named-schema", &node.pointer, what, mend);
        }
    }
}

/// `named-schema`: a schema whose name says that it is an id is one of `format: uuid`. The generator makes a
/// type for the ids of one kind of it; without the format it is a text like any other.
pub(super) fn id_schemas(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.each(Kind::Schema).filter(|node| node.is_named_schema()) {
        if id_kind(&node.key) == Some(false) && !is_id(context, &node.key) {
            context.report(
                out,
                "named-schema",
                &node.pointer,
                format!("{} is an id by its name, and not of `format: uuid`", context.name(node)),
                "write `type: string` and `format: uuid`, or give it another name",
            );
        }
    }
}

/// `unused-schema`: every named schema is reached by some operation. The generator writes a type for each,
/// and a type that nothing uses is a promise that nothing keeps.
///
/// While a reference leads nowhere, or something that would hold one has the wrong type, nobody knows what
/// is reached; then this rule waits for that to be mended.
pub(super) fn unused(context: &Context<'_>, out: &mut Vec<Finding>) {
    if out.iter().any(|finding| matches!(finding.rule, "reference" | "shape")) {
        return;
    }
    for (name, _) in context.spec.schemas() {
        if context.reach_of(name) == (Reach { request: false, response: false }) {
            context.report(
                out,
                "unused-schema",
                &schema_pointer(name),
                format!("schema `{name}` is reached by no operation"),
                "refer to it where it belongs, or remove it",
            );
        }
    }
}

/// `schema-name`: the name of a schema is in PascalCase and is not taken. It becomes the name of a Rust
/// type; the generator rewrites one in another case, and two may then become one.
pub(super) fn schema_name(context: &Context<'_>, out: &mut Vec<Finding>) {
    for (name, _) in context.spec.schemas() {
        let (what, mend) = if TAKEN.contains(&name) {
            let what = format!("the name of schema `{name}` is taken in the generated code");
            (what, "say in the name what it is here, as in `ErrorObject`")
        } else if is_pascal_case(name) {
            continue;
        } else {
            let what = format!("the name of schema `{name}` is not in PascalCase");
            (what, "begin each word with a capital and go on in lower case, as in `HttpUrl`")
        };
        context.report(out, "schema-name", &schema_pointer(name), what, mend);
    }
}

/// Whether a name is that of an id (`Some(false)`), of many (`Some(true)`), or of something else.
fn id_kind(name: &str) -> Option<bool> {
    match name_words::of(name).last().map(String::as_str) {
        Some("id") => Some(false),
        Some("ids") => Some(true),
        _ => None,
    }
}

/// Whether a named schema is one of ids.
fn is_id(context: &Context<'_>, name: &str) -> bool {
    let format = context.spec.schema(name).and_then(|schema| schema.get("format"));
    format.and_then(Value::as_str) == Some("uuid")
}

/// Whether a schema is a text that may be anything, or nothing.
fn is_opaque(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("string")
        && schema.get("nullable") == Some(&Value::Bool(true))
        && schema.get("format").is_none()
}

fn is_pascal_case(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_uppercase)
        && bytes.iter().all(u8::is_ascii_alphanumeric)
        && !bytes.windows(2).any(|pair| pair.iter().all(u8::is_ascii_uppercase))
}
