//! Words of OpenAPI 3.1, and words of 3.0 with the values of 3.1.

use super::RULE;
use crate::finding::Finding;
use crate::lint::context::Context;
use crate::lint::words::Kind;

/// `generator-limit`: no word is one of OpenAPI 3.1. The generator reads 3.0, where they mean nothing; a
/// list of types, and a number for `exclusiveMinimum`, stop its parser.
pub(in crate::lint) fn later_words(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.nodes.iter().filter(|node| !node.is_reference()) {
        for word in node.kind.later_words().iter().filter(|word| node.has(word)) {
            let what = format!("{} has `{word}`, a word of OpenAPI 3.1", context.name(node));
            context.report(out, RULE, &node.at(word), what, instead(word));
        }
    }
    for node in context.each(Kind::Schema) {
        if node.value.get("type").is_some_and(serde_json::Value::is_array) {
            let what = format!("{} has a list of types, as in OpenAPI 3.1", context.name(node));
            let mend = "write one type, with `nullable: true` where it may be `null`";
            context.report(out, RULE, &node.at("type"), what, mend);
        }
        for (word, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
            let Some(value) = node.value.get(word) else {
                continue;
            };
            let name = context.name(node);
            if !value.is_boolean() {
                let what = format!("`{word}` of {name} is not a flag, which it is in OpenAPI 3.0");
                let mend = format!("write the bound as `{bound}`, and `{word}: true` beside it");
                context.report(out, RULE, &node.at(word), what, mend);
            } else if !node.has(bound) {
                let what = format!("`{word}` of {name} has no `{bound}` beside it");
                let mend = format!("write `{bound}:` with the bound, or remove `{word}`");
                context.report(out, RULE, &node.at(word), what, mend);
            }
        }
    }
}

fn instead(word: &str) -> &'static str {
    match word {
        "const" => "write `enum` with one value",
        "examples" => "write one `example`",
        "$defs" => "move the schemas to `components/schemas`",
        "webhooks" => "describe them in words, and remove them",
        _ => "remove it, and say in the description what it would have said",
    }
}
