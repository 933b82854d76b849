//! Values of the wrong type, and objects without what makes them mean something.

use serde_json::Value;

use super::context::{Context, listed, text};
use super::words::{Holds, Kind};
use crate::document::join;
use crate::finding::Finding;

/// The types of OpenAPI 3.0.
const TYPES: [&str; 6] = ["string", "number", "integer", "boolean", "array", "object"];

/// `shape`: each word holds what it is to hold. The other rules read past what has another type, so
/// without this one a mistake in it would hide every mistake below it.
pub(super) fn shape(context: &Context<'_>, out: &mut Vec<Finding>) {
    if context.nodes.is_empty() {
        context.report(
            out,
            "shape",
            "",
            format!("the document is {} where a map belongs", called(context.spec.root())),
            "begin the file with a map",
        );
    }
    for node in &context.nodes {
        if node.is_reference() {
            continue;
        }
        for (word, holds) in node.kind.words() {
            if let Some(member) = node.value.get(*word) {
                for (pointer, wanted, found) in mismatches(*holds, &node.at(word), member) {
                    let what = format!(
                        "`{word}` of {} holds {} where {wanted} belongs",
                        context.name(node),
                        called(found)
                    );
                    context.report(out, "shape", &pointer, what, format!("write {wanted}"));
                }
            }
        }
        for word in node.kind.required() {
            if node.value.get(*word).is_none() {
                let what = format!("{} has no `{word}`", context.name(node));
                context.report(out, "shape", &node.pointer, what, format!("write `{word}:` there"));
            }
        }
    }
}

/// `shape`: a type is one that JSON has. The generator stops at any other, without saying where.
pub(super) fn types(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.schemas() {
        let wrong = match node.value.get("type") {
            // A list of types is JSON Schema's; in OpenAPI 3.0 it is a matter of its version.
            None | Some(Value::Array(_)) => None,
            Some(Value::String(kind)) if TYPES.contains(&kind.as_str()) => None,
            Some(Value::String(kind)) if node.kind == Kind::JsonSchema && kind == "null" => None,
            Some(Value::String(kind)) => Some(format!("the type `{kind}`, which is none")),
            Some(other) => Some(format!("{} for its type", called(other))),
        };
        if let Some(wrong) = wrong {
            context.report(
                out,
                "shape",
                &node.at("type"),
                format!("{} has {wrong}", context.name(node)),
                format!("write one of {}", listed(TYPES)),
            );
        }
    }
}

/// `shape`: a parameter stands in one of the four places of a request. The parser of the generator stops
/// at any other.
pub(super) fn places(context: &Context<'_>, out: &mut Vec<Finding>) {
    const PLACES: [&str; 4] = ["path", "query", "header", "cookie"];
    for node in context.each(Kind::Parameter) {
        if let Some(place) = text(node, "in").filter(|place| !PLACES.contains(place)) {
            context.report(
                out,
                "shape",
                &node.at("in"),
                format!("{} is said to be in `{place}`, where no parameter is", context.name(node)),
                format!("write one of {}", listed(PLACES)),
            );
        }
    }
}

/// `shape`: a pattern is a regular expression. A validator that cannot read it skips the schema, and the
/// generator stops at it.
pub(super) fn patterns(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.schemas() {
        let Some(pattern) = text(node, "pattern") else {
            continue;
        };
        if !is_pattern(pattern) {
            context.report(
                out,
                "shape",
                &node.at("pattern"),
                format!("the pattern of {} is not a regular expression", context.name(node)),
                "check its brackets and its backslashes; it is one of ECMAScript",
            );
        }
    }
}

/// `shape`: a list of what is required has names, each of them once. OpenAPI 3.0 allows no empty one, and
/// other people's tools refuse it.
pub(super) fn required_lists(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.schemas() {
        let Some(names) = node.value.get("required").and_then(Value::as_array) else {
            continue;
        };
        let twice = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name));
        let wrong = match twice {
            Some(_) => "names something twice",
            None if names.is_empty() => "is empty",
            None => continue,
        };
        let what = format!("`required` of {} {wrong}", context.name(node));
        context.report(out, "shape", &node.at("required"), what, "name each property once, or remove it");
    }
}

fn is_pattern(pattern: &str) -> bool {
    jsonschema::options().offline().build(&serde_json::json!({ "pattern": pattern })).is_ok()
}

/// The places where a member is not what it is to be, with what it is to be.
fn mismatches<'v>(holds: Holds, pointer: &str, value: &'v Value) -> Vec<(String, &'static str, &'v Value)> {
    let one = |fits: bool, wanted| {
        if fits { Vec::new() } else { vec![(pointer.to_owned(), wanted, value)] }
    };
    let each_map = |members: Vec<(String, &'v Value)>| {
        let wrong = members.into_iter().filter(|(_, member)| !member.is_object());
        wrong.map(|(key, member)| (join(pointer, &key), "a map", member)).collect()
    };
    let numbered = |items: &'v [Value]| {
        items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
    };
    match (holds, value) {
        (Holds::Anything, _) => Vec::new(),
        (Holds::Text, _) => one(value.is_string(), "text"),
        (Holds::Flag, _) => one(value.is_boolean(), "`true` or `false`"),
        (Holds::Number, _) => one(value.is_number(), "a number"),
        (Holds::Count, _) => one(value.is_u64(), "a whole number of 0 or more"),
        (Holds::List, _) => one(value.is_array(), "a list"),
        (Holds::Texts, Value::Array(items)) => items
            .iter()
            .enumerate()
            .filter(|(_, item)| !item.is_string())
            .map(|(index, item)| (join(pointer, &index.to_string()), "text", item))
            .collect(),
        (Holds::Texts, _) => one(false, "a list of texts"),
        (Holds::One(_), _) => one(value.is_object(), "a map"),
        (Holds::FlagOr(_), _) => one(value.is_object() || value.is_boolean(), "`true`, `false` or a map"),
        (Holds::Many(_) | Holds::OneOrMany(_), Value::Array(items)) => each_map(numbered(items)),
        (Holds::Many(_), _) => one(false, "a list of maps"),
        (Holds::OneOrMany(_), _) => one(value.is_object(), "a map or a list of maps"),
        (Holds::Map(_), Value::Object(members)) => {
            each_map(members.iter().map(|(key, member)| (key.clone(), member)).collect())
        }
        (Holds::Map(_), _) => one(false, "a map of maps"),
    }
}

/// What to call a value, without showing it.
fn called(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
