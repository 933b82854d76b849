//! Path templates and their parameters.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::outline::{Context, Kind, operation_name};
use crate::finding::Finding;
use crate::spec::Operation;

const RULE: &str = "path-parameter";

/// `path-slash`: each path ends with a slash, as the paths of the service do. Without it the service responds with
/// 404 or a redirect, which the client does not follow. Two slashes in a row become one in the generated code.
pub(super) fn path_slash(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for node in context.each(Kind::PathItem) {
        if !node.key.ends_with('/') {
            let fix = format!("write `{}/`", node.key);
            context.report(findings, "path-slash", (node, ""), "does not end with a slash", fix);
        }
        if node.key.contains("//") {
            context.report(
                findings,
                "path-slash",
                (node, ""),
                "has two slashes in a row",
                "remove one of them",
            );
        }
    }
}

/// `path-parameter`: the braces of each path match, and no two paths match the same requests. The generator panics
/// otherwise.
pub(super) fn templates(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let mut paths_by_shape: BTreeMap<String, &str> = BTreeMap::new();
    for node in context.each(Kind::PathItem) {
        let path = &node.key;
        match parameter_names(path) {
            Err(problem) => {
                context.report(findings, RULE, (node, ""), problem, "write each parameter as `{name}`");
            }
            Ok(names) => {
                let shape = names
                    .iter()
                    .fold(path.clone(), |shape, name| shape.replace(&format!("{{{name}}}"), "{}"));
                if let Some(other) = paths_by_shape.insert(shape, path) {
                    let problem = format!("matches the same requests as `{other}`");
                    context.report(findings, RULE, (node, ""), &problem, "merge the two paths");
                }
            }
        }
    }
}

/// `path-parameter`: the parameters in a path and the declared ones are the same. The generator panics at a parameter
/// that is only declared, and generates code that does not compile for one that is only in the path.
pub(super) fn declarations(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for operation in &context.operations {
        let Ok(in_path) = parameter_names(operation.path) else { continue };
        let declared = declared_parameters(context, operation);
        for name in in_path.iter().filter(|name| !declared.iter().any(|(_, declared)| declared == *name)) {
            let problem = format!("does not declare the path parameter `{name}`");
            let fix = format!("declare a parameter `{name}` with `in: path` and `required: true`");
            context.report_operation(findings, RULE, (operation, ""), &problem, fix);
        }
        for (pointer, name) in declared.iter().filter(|(_, name)| !in_path.contains(name)) {
            let message = format!(
                "{} declares the path parameter `{name}`, which is not in its path",
                operation_name(operation)
            );
            let fix = format!("add `{{{name}}}` to the path, or remove the parameter");
            findings.push(context.document().finding(RULE, pointer, message, fix));
        }
    }
}

/// `path-parameter`: no list declares a parameter twice. Only one of them would be sent.
pub(super) fn duplicates(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    for node in context.nodes.iter().filter(|node| node.kind == Kind::Parameter) {
        let Some(owner) = context.parent(node).filter(|owner| owner.kind != Kind::Components) else {
            continue;
        };
        let parameter = context.spec.resolve(node.value);
        let member = |name: &str| parameter.get(name).and_then(Value::as_str);
        let identity = (owner.pointer.as_str(), member("name"), member("in"));
        if identity.1.is_some() && !seen.insert(identity) {
            context.report(findings, RULE, (node, ""), "is declared twice", "remove one of the two");
        }
    }
}

/// Returns the path parameters that are declared for an operation, with their pointers.
fn declared_parameters<'a>(context: &'a Context<'a>, operation: &Operation<'a>) -> Vec<(String, &'a str)> {
    operation
        .parameters()
        .map(|(pointer, parameter)| (pointer, context.spec.resolve(parameter)))
        .filter(|(_, parameter)| parameter.get("in").and_then(Value::as_str) == Some("path"))
        .filter_map(|(pointer, parameter)| Some((pointer, parameter.get("name")?.as_str()?)))
        .collect()
}

/// Returns the names of the parameters in a path template, or the problem of its braces.
fn parameter_names(path: &str) -> Result<Vec<&str>, &'static str> {
    let mut names = Vec::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').ok_or("has a brace that is not closed")?;
        if before.contains('}') || name.is_empty() || name.contains(['{', '/']) {
            return Err("has braces that do not match");
        }
        if names.contains(&name) {
            return Err("contains a parameter twice");
        }
        names.push(name);
        rest = behind;
    }
    if rest.contains('}') { Err("has braces that do not match") } else { Ok(names) }
}
