//! Path templates and the parameters that they name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::context::{Context, operation_name, text};
use super::words::Kind;
use crate::finding::Finding;
use crate::spec::Operation;

const RULE: &str = "path-parameter";

/// `path-slash`: every path ends with a slash and has none twice in a row. The slash is a part of the paths
/// of the service; without it the answer is a 404 or a redirect, and no redirect is followed. The generator
/// makes one slash of two.
pub(super) fn path_slash(context: &Context<'_>, out: &mut Vec<Finding>) {
    for item in context.each(Kind::PathItem) {
        let path = &item.key;
        if !path.ends_with('/') {
            let what = format!("path `{path}` does not end with a slash");
            context.report(out, "path-slash", &item.pointer, what, format!("write `{path}/`"));
        }
        if path.contains("//") {
            let what = format!("path `{path}` has two slashes in a row");
            context.report(out, "path-slash", &item.pointer, what, "keep one of them");
        }
    }
}

/// `path-parameter`: a path begins with a slash, its braces match, and it stands here itself. The parser of
/// the generator drops the first kind without a word; the generator panics at the others.
pub(super) fn templates(context: &Context<'_>, out: &mut Vec<Finding>) {
    let mut shapes: BTreeMap<String, &str> = BTreeMap::new();
    for item in context.each(Kind::PathItem) {
        let path = &item.key;
        if !path.starts_with('/') {
            let what = format!("path `{path}` does not begin with a slash");
            context.report(out, RULE, &item.pointer, what, format!("write `/{path}`"));
        }
        if item.has("$ref") {
            let what = format!("path `{path}` stands somewhere else, by a `$ref`");
            context.report(out, RULE, &item.at("$ref"), what, "write its operations here");
        }
        match names(path) {
            Err(wrong) => {
                let what = format!("path `{path}` {wrong}");
                context.report(out, RULE, &item.pointer, what, "write each parameter as `{name}`");
            }
            Ok(names) => {
                let shape = names
                    .iter()
                    .fold(path.clone(), |shape, name| shape.replace(&format!("{{{name}}}"), "{}"));
                if let Some(other) = shapes.insert(shape, path) {
                    let what = format!("paths `{other}` and `{path}` answer to the same requests");
                    context.report(out, RULE, &item.pointer, what, "make one path of the two");
                }
            }
        }
    }
}

/// `path-parameter`: the parameters that a path names and those that are declared for it are the same. The
/// generator panics at one that is declared only, and writes a call that does not compile for one that is
/// named only.
pub(super) fn agreement(context: &Context<'_>, out: &mut Vec<Finding>) {
    for operation in &context.operations {
        let Ok(named) = names(operation.path) else {
            continue;
        };
        let declared = declared(context, operation);
        for name in named.iter().filter(|name| !declared.iter().any(|(_, it)| it == *name)) {
            context.report(
                out,
                RULE,
                &operation.pointer,
                format!("{} does not declare `{name}`, which its path names", operation_name(operation)),
                format!("declare a parameter `{name}` with `in: path` and `required: true`"),
            );
        }
        for (pointer, name) in declared.iter().filter(|(_, name)| !named.contains(name)) {
            context.report(
                out,
                RULE,
                pointer,
                format!("path `{}` does not name the parameter `{name}`", operation.path),
                format!("write `{{{name}}}` in the path, or remove the parameter"),
            );
        }
    }
}

/// `path-parameter`: a parameter in a path is required. A path without it is another path; the generator
/// panics.
pub(super) fn required(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.each(Kind::Parameter).filter(|node| text(node, "in") == Some("path")) {
        let required = node.value.get("required");
        if !required.is_none_or(Value::is_boolean) || required == Some(&Value::Bool(true)) {
            continue;
        }
        let what = format!("{} is in the path and not required", context.name(node));
        context.report(out, RULE, &node.pointer, what, "write `required: true`");
    }
}

/// `path-parameter`: no list of parameters has the same one twice. Only one of them would be sent.
pub(super) fn twice(context: &Context<'_>, out: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    for node in context.nodes.iter().filter(|node| node.kind == Kind::Parameter && node.via == "parameters") {
        let in_components = context.parent(node).is_some_and(|it| it.kind == Kind::Components);
        let parameter = context.spec.resolve(node.value);
        let member = |word: &str| parameter.get(word).and_then(Value::as_str);
        let (Some(name), Some(place), false) = (member("name"), member("in"), in_components) else {
            continue;
        };
        if !seen.insert((node.parent, name, place)) {
            let what = format!("{} is declared twice", context.name(node));
            context.report(out, RULE, &node.pointer, what, "keep one of the two");
        }
    }
}

/// The parameters in the path that are declared for an operation: the pointer and the name of each.
fn declared<'a>(context: &'a Context<'a>, operation: &Operation<'a>) -> Vec<(String, &'a str)> {
    operation
        .parameters()
        .map(|(pointer, parameter)| (pointer, context.spec.resolve(parameter)))
        .filter(|(_, parameter)| parameter.get("in").and_then(Value::as_str) == Some("path"))
        .filter_map(|(pointer, parameter)| Some((pointer, parameter.get("name")?.as_str()?)))
        .collect()
}

/// The parameters that a path names, or what is wrong with its braces.
fn names(path: &str) -> Result<Vec<&str>, &'static str> {
    let mut names = Vec::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').ok_or("has a brace that does not close")?;
        if before.contains('}') || name.is_empty() || name.contains(['{', '/']) {
            return Err("has braces that do not match");
        }
        if names.contains(&name) {
            return Err("names a parameter twice");
        }
        names.push(name);
        rest = behind;
    }
    if rest.contains('}') { Err("has braces that do not match") } else { Ok(names) }
}
