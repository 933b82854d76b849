//! Requests are strict, and responses accept any value.

use serde_json::Value;

use super::outline::{Context, Findings, Kind, Node, is_object};
use crate::json::{is_true, members, strings};
use crate::json_schema::is_limit;
use crate::spec::{CallSides, referred_schema};

/// `request-strictness`: objects in requests reject unknown members. It is not known what the service does with a
/// misspelled member, so the client must not send it.
pub(super) fn requests(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in object_schemas(context, CallSides::REQUEST) {
        let member = match node.value.get("additionalProperties") {
            None => "",
            Some(Value::Bool(true)) => "additionalProperties",
            Some(_) => continue,
        };
        let problem = "is used in requests and allows unknown members";
        findings.add((node, member), problem, "write `additionalProperties: false`");
    }
}

/// `response-leniency`: objects in responses allow unknown members, because the service may add members with every
/// release. So requests and responses cannot share an object schema.
pub(super) fn objects(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in object_schemas(context, CallSides::BOTH) {
        let fix = "write a separate schema for responses, with nullable properties";
        findings.add((node, ""), "is used in requests and in responses", fix);
    }
    for node in object_schemas(context, CallSides::RESPONSE) {
        if node.value.get("additionalProperties") == Some(&Value::Bool(false)) {
            let at = (node, "additionalProperties");
            let problem = "is used in responses and rejects unknown members";
            findings.add(at, problem, "write `additionalProperties: true`");
        }
    }
}

/// `response-leniency`: properties of responses have no constraints. The service may send a new enum value, another
/// date format or an ID that is not a UUID, and one such value must not fail the whole response.
pub(super) fn constraints(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.each(Kind::Schema) {
        let property = context.ancestors(node).find(|ancestor| ancestor.via != "items");
        if !property.is_some_and(|property| is_response_property(context, property)) {
            continue;
        }
        let rejects = |keyword: &str| matches!(keyword, "format" | "enum") || is_limit(keyword);
        for (keyword, _) in members(Some(node.value)).filter(|(keyword, _)| rejects(keyword)) {
            let problem = format!("is part of a response and has `{keyword}`, which rejects some values");
            let fix = "remove it, and name the schema that the values are expected to match with `x-expect`";
            findings.add((node, keyword), problem, fix);
        }
    }
}

/// `response-leniency`: optional properties of responses are nullable, because the service may send `null` instead of
/// omitting a property.
pub(super) fn nullable(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.properties().filter(|node| is_response_property(context, node)) {
        let required = context.parent(node).and_then(|owner| owner.value.get("required"));
        let is_nullable = |schema: &Value| is_true(schema, "nullable");
        if strings(required).any(|name| name == node.key)
            || is_nullable(node.value)
            || is_nullable(context.referenced(node.value))
        {
            continue;
        }
        let problem = "is optional in a response, but cannot be `null`";
        findings.add((node, ""), problem, "write `nullable: true` there, or in the schema that it refers to");
    }
}

/// `response-leniency`: the `attributes` of a response require nothing and keep unknown members. The vendor documents
/// requests, but hardly any response.
pub(super) fn attributes(context: &Context<'_>, findings: &mut Findings<'_>) {
    let names: Vec<_> = context
        .properties()
        .filter(|node| node.key == "attributes")
        .filter_map(|node| referred_schema(node.value))
        .collect();
    for node in object_schemas(context, CallSides::RESPONSE).filter(|node| names.contains(&node.key.as_str()))
    {
        if node.has("required") {
            findings.add((node, "required"), "requires attributes of a response", "remove `required`");
        }
        if !node.has("additionalProperties") {
            let problem = "does not keep unknown attributes of a response";
            findings.add((node, ""), problem, "write `additionalProperties: true`");
        }
    }
}

/// `expectation`: `x-expect` is on a property of a response and names a schema. The generated type reads values as
/// that schema if they match it. Requests are validated against their own schema.
pub(super) fn expectations(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.each(Kind::Schema) {
        let Some(expected) = node.value.get("x-expect") else { continue };
        let property = context.ancestors(node).find(|ancestor| ancestor.via != "items");
        let (problem, fix) = if !property.is_some_and(Node::is_property) || context.usage(node).request {
            ("has `x-expect` outside the properties of a response", "refer to the schema with `$ref`")
        } else if expected.as_str().is_none_or(|name| context.spec.schema(name).is_none()) {
            (
                "expects an unknown schema",
                "write the name of a schema in `components/schemas`, without a path",
            )
        } else {
            continue;
        };
        findings.add((node, "x-expect"), problem, fix);
    }
}

/// Returns the named object schemas that exactly these sides of a call use.
fn object_schemas<'c, 'a>(context: &'c Context<'a>, usage: CallSides) -> impl Iterator<Item = &'c Node<'a>> {
    context.each(Kind::Schema).filter(move |node| {
        node.is_named_schema() && is_object(node.value) && context.schema_usage(&node.key) == usage
    })
}

/// Returns `true` for a property of a named schema that only responses use.
fn is_response_property(context: &Context<'_>, node: &Node<'_>) -> bool {
    let owner = context.parent(node).filter(|owner| owner.is_named_schema());
    node.is_property()
        && node.kind == Kind::Schema
        && owner.is_some_and(|owner| context.schema_usage(&owner.key) == CallSides::RESPONSE)
}
