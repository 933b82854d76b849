//! Parameters.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{RULE, folded};
use crate::finding::Finding;
use crate::lint::context::{Context, operation_name, text};
use crate::lint::words::Kind;

/// `generator-limit`: a parameter is in the path, the query or a header, is written in the plain style of
/// that place, and has a schema. The generator refuses cookies, other styles and `content`; it ignores
/// `explode`, `allowReserved` and `allowEmptyValue`, and sends what they say it is not to.
pub(in crate::lint) fn parameters(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.each(Kind::Parameter) {
        let name = context.name(node);
        let place = text(node, "in").unwrap_or_default();
        let mut refuse = |word: &str, what: String, mend: String| {
            context.report(out, RULE, &node.at(word), what, mend);
        };
        if place == "cookie" {
            let mend = "send it as a header or in the query, or leave it out".to_owned();
            refuse("in", format!("{name} is in a cookie, which the generator refuses"), mend);
        }
        let plain = if place == "query" { "form" } else { "simple" };
        if let Some(style) = text(node, "style").filter(|style| place != "cookie" && *style != plain) {
            let what = format!("{name} has the style `{style}`, which the generator refuses");
            refuse("style", what, format!("remove `style`; it is `{plain}` by itself"));
        }
        if node.has("content") {
            let what = format!("{name} has `content`, which the generator refuses");
            refuse("content", what, "write `schema:` instead".to_owned());
        } else if !node.has("schema") {
            let what = format!("{name} has no schema");
            context.report(out, RULE, &node.pointer, what, "write `schema:` with its type");
        }
        for (word, odd) in [("explode", place != "query"), ("allowReserved", true), ("allowEmptyValue", true)]
        {
            let mut refuse = |word: &str, what: String, mend: String| {
                context.report(out, RULE, &node.at(word), what, mend);
            };
            if node.value.get(word) == Some(&Value::Bool(odd)) {
                refuse(word, format!("`{word}` of {name} is ignored"), format!("remove `{word}`"));
            }
        }
    }
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
            let (Some(name), Some(place)) = (member("name"), member("in")) else { continue };
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
