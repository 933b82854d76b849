//! What is asked of answers, which is little, and of requests, which is all.

use serde_json::Value;

use super::context::{Context, Reach, is_object};
use super::outline::Node;
use super::words::Kind;
use crate::document::join;
use crate::finding::Finding;
use crate::spec::{referred_schema, schema_pointer, strings};

const RULE: &str = "response-leniency";

/// Words that refuse a value of the right type.
const STRICT: [&str; 15] = [
    "format",
    "pattern",
    "enum",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

/// `response-leniency`: requests and responses share no object schema. What one sends is checked to the
/// letter, what one receives is kept whatever it is; no schema can say both.
pub(super) fn shared(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in object_schemas(context, Reach { request: true, response: true }) {
        let what = format!("{} stands in requests and in responses", context.name(node));
        let mend = "give the responses a schema of their own, with nullable attributes";
        context.report(out, RULE, &node.pointer, what, mend);
    }
}

/// `response-leniency`: no object of an answer refuses members that it does not know. The service may
/// add members with every release; a strict reader fails the whole answer.
pub(super) fn closed(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in object_schemas(context, Reach::RESPONSE) {
        if node.value.get("additionalProperties") == Some(&Value::Bool(false)) {
            let what = format!("{} stands in responses and refuses unknown members", context.name(node));
            let at = node.at("additionalProperties");
            context.report(out, RULE, &at, what, "write `additionalProperties: true`");
        }
    }
}

/// `response-leniency`: no property of an answer refuses a value of its type. The service may send a new
/// choice, another form of a date, an id that is no UUID; one odd value must not fail the others.
pub(super) fn strict(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.each(Kind::Schema) {
        let Some(property) = context.ancestors(node).find(|around| around.via != "items") else {
            continue;
        };
        let owner = context.parent(property);
        let lenient = owner
            .is_some_and(|owner| owner.is_named_schema() && context.reach_of(&owner.key) == Reach::RESPONSE);
        if !(property.is_property() && lenient) {
            continue;
        }
        for word in STRICT.iter().filter(|word| node.has(word)) {
            context.report(
                out,
                RULE,
                &node.at(word),
                format!("`{word}` of {} refuses what the service may send", context.name(node)),
                "remove it, and name the schema that the values are expected to satisfy with `x-expect`",
            );
        }
    }
}

/// `response-leniency`: what an answer may leave out may be `null` in it, there or by what it refers to. A
/// service that stops sending a value does the one or the other.
pub(super) fn nullable(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.properties().filter(|node| node.kind == Kind::Schema) {
        let Some(owner) = context.parent(node) else {
            continue;
        };
        let in_response = owner.is_named_schema() && context.reach_of(&owner.key) == Reach::RESPONSE;
        if !in_response || strings(owner.value.get("required")).any(|name| name == node.key) {
            continue;
        }
        let may_be_null = |schema: &Value| schema.get("nullable") == Some(&Value::Bool(true));
        if !may_be_null(node.value) && !may_be_null(context.referred(node.value)) {
            context.report(
                out,
                RULE,
                &node.pointer,
                format!("{} may be absent from a response, and cannot be `null` there", context.name(node)),
                "write `nullable: true`, there or in the schema that it refers to",
            );
        }
    }
}

/// `response-leniency`: what stands under `attributes` in an answer requires nothing and keeps what it does
/// not know. The pages show requests; of what is answered they say next to nothing.
pub(super) fn attributes(context: &Context<'_>, out: &mut Vec<Finding>) {
    let mut seen = Vec::new();
    for node in context.properties().filter(|node| node.key == "attributes") {
        let Some(name) = referred_schema(node.value) else {
            continue;
        };
        let Some(schema) = context.spec.schema(name).filter(|schema| schema.is_object()) else {
            continue;
        };
        if context.reach_of(name) != Reach::RESPONSE || seen.contains(&name) {
            continue;
        }
        seen.push(name);
        let pointer = schema_pointer(name);
        if schema.get("required").is_some() {
            let what = format!("schema `{name}` requires attributes of a response");
            context.report(out, RULE, &join(&pointer, "required"), what, "remove `required`");
        }
        // `false` and other wrong values are reported as such.
        if schema.get("additionalProperties").is_none() {
            let what = format!("schema `{name}` does not keep the attributes that it does not know");
            context.report(out, RULE, &pointer, what, "write `additionalProperties: true`");
        }
    }
}

/// `request-strictness`: an object of a request refuses members that it does not know. What the service
/// does with a misspelt member nobody says; it is to fail before it is sent.
pub(super) fn open_request(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in object_schemas(context, Reach::REQUEST) {
        let at = match node.value.get("additionalProperties") {
            None => node.pointer.clone(),
            Some(Value::Bool(true)) => node.at("additionalProperties"),
            Some(_) => continue,
        };
        let what = format!("{} stands in requests and takes unknown members", context.name(node));
        context.report(out, "request-strictness", &at, what, "write `additionalProperties: false`");
    }
}

/// The named schemas of objects that are reached from these sides.
fn object_schemas<'c, 'a>(context: &'c Context<'a>, reach: Reach) -> impl Iterator<Item = &'c Node<'a>> {
    context.each(Kind::Schema).filter(move |node| {
        node.is_named_schema() && is_object(node.value) && context.reach_of(&node.key) == reach
    })
}
