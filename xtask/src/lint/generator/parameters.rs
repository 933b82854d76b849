//! Parameters.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{RULE, folded};
use crate::finding::Finding;
use crate::lint::context::{Context, operation_name, text};
use crate::lint::outline::Node;
use crate::lint::words::Kind;
use crate::spec::Spec;

/// `generator-limit`: a parameter is in the path, the query or a header, is written in the plain style of
/// that place, and has a schema. The generator refuses cookies, other styles and `content`; it ignores
/// `explode`, `allowReserved` and `allowEmptyValue`, and sends what they say it is not to.
pub(in crate::lint) fn parameters(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.each(Kind::Parameter) {
        for (word, what, mend) in limits(context.spec, node) {
            let pointer = word.map_or_else(|| node.pointer.clone(), |word| node.at(word));
            let what = format!("{} {what}", context.name(node));
            context.report(out, RULE, &pointer, what, mend);
        }
    }
}

/// Names that the builder of a call has for its own methods and variables.
const RESERVED: [&str; 8] = ["body", "body_map", "client", "new", "request", "response", "send", "url"];

fn text_of<'v>(value: &'v Value, word: &str) -> Option<&'v str> {
    value.get(word).and_then(Value::as_str)
}

/// What the generator cannot take of a parameter: the word at fault, where it is one, what is wrong with the
/// parameter, and how to mend it.
fn limits<'n>(spec: &Spec, node: &'n Node<'_>) -> Vec<(Option<&'n str>, String, String)> {
    let place = text(node, "in").unwrap_or_default();
    let plain = if place == "query" { "form" } else { "simple" };
    let mut limits = Vec::new();
    let mut add = |word, what: &str, mend: &str| limits.push((word, what.to_owned(), mend.to_owned()));
    if place == "cookie" {
        let what = "is in a cookie, which the generator refuses";
        add(Some("in"), what, "send it as a header or in the query, or leave it out");
    } else if let Some(style) = text(node, "style").filter(|style| *style != plain) {
        let what = format!("has the style `{style}`, which the generator refuses");
        add(Some("style"), &what, &format!("remove `style`; it is `{plain}` by itself"));
    }
    if let Some(name) = text(node, "name").filter(|name| RESERVED.contains(name)) {
        let what = format!("has the name `{name}`, which the generated builder has for something else");
        add(Some("name"), &what, "give it another name, if the service takes one");
    }
    if let Some(schema) = node.value.get("schema") {
        if spec.mark(schema).is_hidden() || spec.mark(node.value).is_hidden() {
            let what = "is marked, and a URL or a header is logged on the way";
            add(None, what, "send it in a body, or write `x-phi: false` where it may be printed");
        }
        if text_of(spec.resolve_schema(schema), "type") == Some("array") {
            add(
                Some("schema"),
                "is a list, which the helpers of the mock crate cannot match",
                "send it in a body",
            );
        }
    }
    if node.has("content") {
        let what = "has `content`, which the generator refuses";
        add(Some("content"), what, "write `schema:` instead");
    } else if !node.has("schema") {
        add(None, "has no schema", "write `schema:` with its type");
    }
    // In the query lists are exploded by themselves, elsewhere they are not.
    let odd = [("explode", place != "query"), ("allowReserved", true), ("allowEmptyValue", true)];
    for (word, odd) in odd {
        if node.value.get(word) == Some(&Value::Bool(odd)) {
            add(Some(word), &format!("has `{word}`, which is ignored"), &format!("remove `{word}`"));
        }
    }
    limits
}

/// `generator-limit`: the parameters of an operation become arguments of one method, each with a name of
/// its own, beside one named `body`. Two with one name do not compile.
pub(in crate::lint) fn collisions(context: &Context<'_>, out: &mut Vec<Finding>) {
    for operation in &context.operations {
        let mut seen: BTreeMap<String, (&str, &str)> = BTreeMap::new();
        if operation.value.get("requestBody").is_some() {
            seen.insert("body".to_owned(), ("body", ""));
        }
        for (pointer, parameter) in operation.parameters() {
            let parameter = context.spec.resolve(parameter);
            let member = |word: &str| parameter.get(word).and_then(Value::as_str);
            let (Some(name), Some(place)) = (member("name"), member("in")) else {
                continue;
            };
            match seen.insert(folded(name), (name, place)) {
                // The same one again overrides that of the path; twice in a list is reported elsewhere.
                None => {}
                Some(before) if before == (name, place) => {}
                Some((before, _)) => {
                    let name = format!("parameters `{before}` and `{name}` of {}", operation_name(operation));
                    let what = format!("{name} get one name in Rust");
                    context.report(out, RULE, &pointer, what, "give one of them another name");
                }
            }
        }
    }
}
