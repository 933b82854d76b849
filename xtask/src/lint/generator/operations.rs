//! Operations, apart from their parameters and responses.

use serde_json::Value;

use super::RULE;
use crate::document::join;
use crate::finding::Finding;
use crate::lint::context::{Context, operation_name};
use crate::lint::words::Kind;

/// `generator-limit`: an operation is a GET, PUT, POST, PATCH or DELETE. The generated
/// client has no call for OPTIONS and TRACE, and reads the answer to a HEAD as if it had a body.
pub(in crate::lint) fn methods(context: &Context<'_>, out: &mut Vec<Finding>) {
    for operation in &context.operations {
        if !matches!(operation.method, "get" | "put" | "post" | "patch" | "delete") {
            let method = operation.method.to_uppercase();
            let what = format!("{} is a {method}, which is not generated", operation_name(operation));
            context.report(out, RULE, &operation.pointer, what, "use another method, or leave it out");
        }
    }
}

/// `generator-limit`: no operation calls back. The generator ignores it.
pub(in crate::lint) fn callbacks(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.nodes.iter().filter(|node| node.has("callbacks")) {
        if matches!(node.kind, Kind::Operation | Kind::Components) {
            let what = format!("{} has `callbacks`, which the generator ignores", context.name(node));
            context.report(out, RULE, &node.at("callbacks"), what, "describe them in words, and remove them");
        }
    }
}

/// `generator-limit`: the servers stand at the top. The generated client has one base URL for all calls,
/// and ignores those of a path or an operation.
pub(in crate::lint) fn servers(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.nodes.iter().filter(|node| node.has("servers")) {
        if matches!(node.kind, Kind::PathItem | Kind::Operation) {
            let what = format!("{} has servers of its own, which are ignored", context.name(node));
            context.report(out, RULE, &node.at("servers"), what, "keep `servers` at the top of the document");
        }
    }
}

/// `generator-limit`: the body of a request is required, and its media type has a schema and no `encoding`.
/// A method takes its body always; without a schema the generator fails, at an encoding it panics.
pub(in crate::lint) fn bodies(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.each(Kind::RequestBody) {
        let required = node.value.get("required");
        if required.is_none_or(|required| required == &Value::Bool(false)) {
            let what = format!("{} is optional, and generated methods always send one", context.name(node));
            context.report(out, RULE, &node.pointer, what, "write `required: true`");
        }
    }
    for node in context.each(Kind::MediaType) {
        if node.has("encoding") {
            let what = format!("{} has an `encoding`, at which the generator panics", context.name(node));
            context.report(out, RULE, &join(&node.pointer, "encoding"), what, "remove it");
        }
        if !node.has("schema") {
            let what = format!("{} has no schema, and the generator needs one", context.name(node));
            let mend = "write `schema:` with a `$ref` to a named schema";
            context.report(out, RULE, &node.pointer, what, mend);
        }
    }
}
