//! Requests are strict, and responses accept any value.

use serde_json::Value;

use super::outline::{Context, Kind, Node, Usage, is_object};
use crate::finding::Finding;
use crate::spec::{referred_schema, strings};

const RULE: &str = "response-leniency";

/// Keywords that reject some values of the right type.
const CONSTRAINTS: [&str; 15] = [
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

/// `request-strictness`: objects in requests reject unknown members. It is not known what the service does with a
/// misspelled member, so the client must not send it.
pub(super) fn requests(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for node in object_schemas(context, Usage::REQUEST) {
        let member = match node.value.get("additionalProperties") {
            None => "",
            Some(Value::Bool(true)) => "additionalProperties",
            Some(_) => continue,
        };
        let problem = "is used in requests and allows unknown members";
        context.report(
            findings,
            "request-strictness",
            (node, member),
            problem,
            "write `additionalProperties: false`",
        );
    }
}

/// `response-leniency`: objects in responses allow unknown members, because the service may add members with every
/// release. So requests and responses cannot share an object schema.
pub(super) fn objects(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for node in object_schemas(context, Usage::BOTH) {
        let fix = "write a separate schema for responses, with nullable properties";
        context.report(findings, RULE, (node, ""), "is used in requests and in responses", fix);
    }
    for node in object_schemas(context, Usage::RESPONSE) {
        if node.value.get("additionalProperties") == Some(&Value::Bool(false)) {
            let at = (node, "additionalProperties");
            let problem = "is used in responses and rejects unknown members";
            context.report(findings, RULE, at, problem, "write `additionalProperties: true`");
        }
    }
}

/// `response-leniency`: properties of responses have no constraints. The service may send a new enum value, another
/// date format or an ID that is not a UUID, and one such value must not fail the whole response.
pub(super) fn constraints(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for node in context.each(Kind::Schema) {
        let property = context.ancestors(node).find(|ancestor| ancestor.via != "items");
        if !property.is_some_and(|property| is_response_property(context, property)) {
            continue;
        }
        for keyword in CONSTRAINTS.iter().filter(|keyword| node.has(keyword)) {
            let problem = format!("is part of a response and has `{keyword}`, which rejects some values");
            let fix = "remove it, and name the schema that the values are expected to match with `x-expect`";
            context.report(findings, RULE, (node, keyword), &problem, fix);
        }
    }
}

/// `response-leniency`: optional properties of responses are nullable, because the service may send `null` instead of
/// omitting a property.
pub(super) fn nullable(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for node in context.properties().filter(|node| is_response_property(context, node)) {
        let required = context.parent(node).and_then(|owner| owner.value.get("required"));
        let is_nullable = |schema: &Value| schema.get("nullable") == Some(&Value::Bool(true));
        if strings(required).any(|name| name == node.key)
            || is_nullable(node.value)
            || is_nullable(context.referenced(node.value))
        {
            continue;
        }
        let problem = "is optional in a response, but cannot be `null`";
        let fix = "write `nullable: true` there, or in the schema that it refers to";
        context.report(findings, RULE, (node, ""), problem, fix);
    }
}

/// `response-leniency`: the `attributes` of a response require nothing and keep unknown members. The vendor documents
/// requests, but hardly any response.
pub(super) fn attributes(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let names: Vec<_> = context
        .properties()
        .filter(|node| node.key == "attributes")
        .filter_map(|node| referred_schema(node.value))
        .collect();
    for node in object_schemas(context, Usage::RESPONSE).filter(|node| names.contains(&node.key.as_str())) {
        if node.has("required") {
            let problem = "requires attributes of a response";
            context.report(findings, RULE, (node, "required"), problem, "remove `required`");
        }
        if !node.has("additionalProperties") {
            let problem = "does not keep unknown attributes of a response";
            context.report(findings, RULE, (node, ""), problem, "write `additionalProperties: true`");
        }
    }
}

/// `expectation`: `x-expect` is on a property of a response and names a schema. The generated type reads values as
/// that schema if they match it. Requests are validated against their own schema.
pub(super) fn expectations(context: &Context<'_>, findings: &mut Vec<Finding>) {
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
        context.report(findings, "expectation", (node, "x-expect"), problem, fix);
    }
}

/// Returns the named object schemas that exactly these sides of a call use.
fn object_schemas<'c, 'a>(context: &'c Context<'a>, usage: Usage) -> impl Iterator<Item = &'c Node<'a>> {
    context.each(Kind::Schema).filter(move |node| {
        node.is_named_schema() && is_object(node.value) && context.schema_usage(&node.key) == usage
    })
}

/// Returns `true` for a property of a named schema that only responses use.
fn is_response_property(context: &Context<'_>, node: &Node<'_>) -> bool {
    let owner = context.parent(node).filter(|owner| owner.is_named_schema());
    node.is_property()
        && node.kind == Kind::Schema
        && owner.is_some_and(|owner| context.schema_usage(&owner.key) == Usage::RESPONSE)
}
