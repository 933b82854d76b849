//! Schemas.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{RULE, folded};
use crate::document::join;
use crate::finding::Finding;
use crate::lint::context::{Context, listed};
use crate::lint::outline::Node;
use crate::lint::words::Kind;
use crate::spec::{members, strings};

/// Words that only some types give a meaning to, with those types.
const WORDS_OF_TYPES: &[(&str, &[&str])] = &[
    ("format", &["string", "number", "integer"]),
    ("pattern", &["string"]),
    ("minLength", &["string"]),
    ("maxLength", &["string"]),
    ("minimum", &["number", "integer"]),
    ("maximum", &["number", "integer"]),
    ("exclusiveMinimum", &["number", "integer"]),
    ("exclusiveMaximum", &["number", "integer"]),
    ("multipleOf", &["number", "integer"]),
    ("items", &["array"]),
    ("minItems", &["array"]),
    ("maxItems", &["array"]),
    ("uniqueItems", &["array"]),
    ("properties", &["object"]),
    ("required", &["object"]),
    ("additionalProperties", &["object"]),
    ("minProperties", &["object"]),
    ("maxProperties", &["object"]),
];

/// `generator-limit`: schemas are not combined. Of `oneOf`, `anyOf` and a longer `allOf` the generator makes
/// enums without tags and merged types that nobody would write; it ignores `discriminator`, and
/// panics at most forms of `not`. An `allOf` with one `$ref` says more of a reference; an `anyOf` over
/// `required`, beside properties, says which may not all be absent: both are lowered before.
pub(in crate::lint) fn combinations(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.each(Kind::Schema) {
        let mut refuse = |word: &str, why: &str, mend: &str| {
            let what = format!("{} {why}", context.name(node));
            context.report(out, RULE, &node.at(word), what, mend);
        };
        if node.has("oneOf") {
            let mend = "write one object with the properties of all, each of them optional";
            refuse("oneOf", "is one of several schemas", mend);
        }
        if node.has("not") {
            refuse("not", "says what it is not", "say what it is, and the rest in its description");
        }
        if node.has("discriminator") {
            let mend = "remove `discriminator`; the property that tells is one like others";
            refuse("discriminator", "has a `discriminator`, which is ignored", mend);
        }
        if node.value.get("allOf").and_then(Value::as_array).is_some_and(|it| !says_more(node, it)) {
            let mend = "write the properties of all parts in one schema; keep `allOf` for a single `$ref`";
            refuse("allOf", "is put together from several schemas", mend);
        }
        let choice = |parts: &Value| is_choice(parts) && owner(context, node).has("properties");
        if node.value.get("anyOf").is_some_and(|parts| parts.is_array() && !choice(parts)) {
            let mend = "keep `anyOf` for lists of `required`, beside the properties that they name";
            refuse("anyOf", "is any of several schemas", mend);
        }
    }
}

/// `generator-limit`: what an object requires it declares, beside properties it has none of a schema for
/// all, and no two of its properties become one in Rust. What is required only has no type; members
/// for all become a flattened map; two fields with one name do not compile.
pub(in crate::lint) fn objects(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.each(Kind::Schema) {
        let declared = owner(context, node).value.get("properties");
        for name in strings(node.value.get("required")) {
            if declared.is_none_or(|declared| declared.is_object() && declared.get(name).is_none()) {
                let what = format!("{} requires `{name}`, which it does not declare", context.name(node));
                let mend = format!("declare `{name}` under `properties`, or do not require it");
                context.report(out, RULE, &node.at("required"), what, mend);
            }
        }
        let for_all = node.value.get("additionalProperties").is_some_and(Value::is_object);
        if for_all && node.has("properties") {
            let what = format!("{} has properties and a schema for all others", context.name(node));
            let mend = "write `true` or `false`, or move the others into a property that is a map";
            context.report(out, RULE, &node.at("additionalProperties"), what, mend);
        }
        let names = members(node.value.get("properties")).map(|(name, _)| name);
        for (before, name) in collisions(names.collect()) {
            let what = format!("`{before}` and `{name}` of {} get one name in Rust", context.name(node));
            let at = join(&node.at("properties"), name);
            context.report(out, RULE, &at, what, "give one of them another name");
        }
    }
}

/// `generator-limit`: an array says what it holds. Otherwise its items have no type.
pub(in crate::lint) fn arrays(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.each(Kind::Schema) {
        if type_of(node) == Some("array") && !node.has("items") {
            let what = format!("{} does not say what it holds", context.name(node));
            context.report(out, RULE, &node.pointer, what, "write `items:` with a schema");
        }
    }
}

/// `generator-limit`: a list of choices has some, all of them texts, and no two differ in case or
/// punctuation only. They become the variants of an enum: of none it makes a type without values, of
/// numbers a struct, and at two with one name it panics.
pub(in crate::lint) fn enums(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.each(Kind::Schema) {
        let Some(choices) = node.value.get("enum").and_then(Value::as_array) else {
            continue;
        };
        let name = context.name(node);
        let nullable = node.value.get("nullable") == Some(&Value::Bool(true));
        let is_odd = |choice: &&Value| !(choice.is_string() || (nullable && choice.is_null()));
        let (what, mend) = if choices.is_empty() {
            (format!("the `enum` of {name} has no choices"), "write at least one, or remove `enum`")
        } else if choices.iter().any(|choice| is_odd(&choice)) {
            (format!("the `enum` of {name} has a choice that is not text"), "write texts, in quotes")
        } else if let Some((one, other)) =
            collisions(strings(node.value.get("enum")).collect()).into_iter().next()
        {
            let what = format!("`{one}` and `{other}` in the `enum` of {name} get one name in Rust");
            (what, "remove one, or write `type: string` and list them in the description")
        } else {
            continue;
        };
        context.report(out, RULE, &node.at("enum"), what, mend);
    }
}

/// `generator-limit`: each word of a schema is one of its type. At some that are not (`format` on an
/// object) the generator panics; the others do nothing.
pub(in crate::lint) fn foreign_words(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.each(Kind::Schema) {
        let Some(kind) = type_of(node) else { continue };
        for (word, kinds) in WORDS_OF_TYPES.iter().filter(|(word, _)| node.has(word)) {
            if !kinds.contains(&kind) {
                let what =
                    format!("{} is of type `{kind}`, for which `{word}` means nothing", context.name(node));
                let mend =
                    format!("remove `{word}`, or write {} for the type", listed(kinds.iter().copied()));
                context.report(out, RULE, &node.at(word), what, mend);
            }
        }
    }
}

/// `generator-limit`: every schema says of which type it is. Without a type the generator panics at a
/// `format`, takes what may be `null` for an array, and gives the rest the type of any JSON.
pub(in crate::lint) fn untyped(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.each(Kind::Schema) {
        let combines = ["allOf", "anyOf", "oneOf", "not"];
        let is_part = combines.contains(&node.via);
        let is_combined = combines.iter().any(|word| node.has(word)) && !node.has("properties");
        if !node.has("type") && !is_part && !is_combined {
            let what = format!("{} has no type", context.name(node));
            context.report(out, RULE, &node.pointer, what, "write `type:`, or a `$ref` to a named schema");
        }
    }
}

fn type_of<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    node.value.get("type").and_then(Value::as_str)
}

/// Whether an `allOf` says more of one `$ref`, or which properties may not all be absent. What else stands
/// beside a `$ref` is lost when the two are lowered.
fn says_more(node: &Node<'_>, parts: &[Value]) -> bool {
    let [only] = parts else { return false };
    let structural = || WORDS_OF_TYPES.iter().map(|(word, _)| *word).chain(["enum"]);
    match only.get("$ref") {
        Some(_) => !structural().any(|word| node.has(word)),
        None => only.as_object().is_some_and(|part| part.len() == 1) && only.get("anyOf").is_some(),
    }
}

/// Whether an `anyOf` only says which properties may not all be absent.
fn is_choice(parts: &Value) -> bool {
    let only_requires =
        |part: &Value| part.as_object().is_some_and(|it| it.len() == 1 && it.contains_key("required"));
    parts.as_array().is_some_and(|parts| parts.iter().all(only_requires))
}

/// The schema that a member of `allOf` or `anyOf` says something of; any other schema itself.
fn owner<'n>(context: &'n Context<'_>, node: &'n Node<'_>) -> &'n Node<'n> {
    context.ancestors(node).find(|around| !matches!(around.via, "allOf" | "anyOf")).unwrap_or(node)
}

/// The names that would become one in Rust: each with the one before it.
fn collisions(names: Vec<&str>) -> Vec<(&str, &str)> {
    let mut seen = BTreeMap::new();
    names.into_iter().filter_map(|name| Some((seen.insert(folded(name), name)?, name))).collect()
}
