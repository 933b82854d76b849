//! Responses: one type of success and one of error for each operation.

use serde_json::Value;

use super::RULE;
use crate::document::join;
use crate::finding::Finding;
use crate::lint::context::{Context, listed, operation_name};
use crate::lint::words::Kind;
use crate::spec::{Operation, members};

/// `generator-limit`: an operation has a success; all its successes have one body, or none; so have its
/// errors; none is a `default`. A generated method returns one type or fails with one other: a
/// second type is an `assert!` in the generator, and a `default` counts as both.
pub(in crate::lint) fn responses(context: &Context<'_>, out: &mut Vec<Finding>) {
    // What is missing, or is no map, is a matter of its shape.
    let has_map = |it: &&Operation<'_>| it.value.get("responses").is_some_and(Value::is_object);
    for operation in context.operations.iter().filter(has_map) {
        let name = operation_name(operation);
        for (status, pointer, _) in operation.responses() {
            let (what, mend) = match status {
                "default" => (
                    format!("{name} has a `default` response, which is success and error at once"),
                    "write `4XX` and `5XX` instead",
                ),
                "101" => {
                    (format!("{name} switches protocols, which is not generated"), "leave the operation out")
                }
                _ => continue,
            };
            context.report(out, RULE, &pointer, what, mend);
        }
        let successes = bodies(context, operation, &['2']);
        if successes.is_empty() {
            let at = join(&operation.pointer, "responses");
            let what = format!("{name} has no response that is a success");
            let mend = "write a response under `200`, or under `2XX` where any will do";
            context.report(out, RULE, &at, what, mend);
        }
        one_type(context, operation, &successes, "a success", out);
        let errors = bodies(context, operation, &['4', '5']);
        one_type(context, operation, &errors, "an error", out);
    }
}

/// `generator-limit`: a response has no links. The generator ignores them.
pub(in crate::lint) fn links(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.nodes.iter().filter(|node| node.has("links") && !node.is_reference()) {
        if matches!(node.kind, Kind::Response | Kind::Components) {
            let what = format!("{} has `links`, which the generator ignores", context.name(node));
            context.report(out, RULE, &node.at("links"), what, "describe them in words, and remove them");
        }
    }
}

/// What the answers of some statuses hold: each status with its schema, or with nothing.
type Bodies<'a> = Vec<(&'a str, Option<&'a Value>)>;

fn bodies<'a>(context: &'a Context<'_>, operation: &Operation<'a>, classes: &[char]) -> Bodies<'a> {
    operation
        .responses()
        .filter(|(status, _, _)| status.starts_with(classes))
        .map(|(status, _, response)| {
            let content = context.spec.resolve(response).get("content");
            (status, members(content).next().and_then(|(_, media_type)| media_type.get("schema")))
        })
        .collect()
}

fn one_type(
    context: &Context<'_>,
    operation: &Operation<'_>,
    bodies: &Bodies<'_>,
    kind: &str,
    out: &mut Vec<Finding>,
) {
    let Some(((_, first), rest)) = bodies.split_first() else {
        return;
    };
    if rest.iter().all(|(_, other)| other == first) {
        return;
    }
    let name = operation_name(operation);
    let statuses = listed(bodies.iter().map(|(status, _)| *status));
    let (what, mend) = if bodies.iter().any(|(_, body)| body.is_none()) {
        let what = format!("{name} has {kind} with a body and one without, among {statuses}");
        (what, "give all of them the same schema, or none of them any content")
    } else {
        let what = format!("{name} has {kind} of one type and one of another, among {statuses}");
        (what, "give all of them the same schema, with what differs as properties that may be absent")
    };
    context.report(out, RULE, &join(&operation.pointer, "responses"), what, mend);
}
