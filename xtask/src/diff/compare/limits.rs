//! What values a schema takes beyond its type.

use serde_json::Value;

use super::{At, Comparison, text_of};
use crate::diff::change::Effect;

/// How a word limits values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    /// The larger, the fewer values.
    Lower,
    /// The smaller, the fewer values.
    Upper,
    /// `true` allows fewer values.
    Flag,
    /// Two of them cannot be compared.
    Rule,
}

const LIMITS: [(&str, Limit); 14] = [
    ("minLength", Limit::Lower),
    ("minItems", Limit::Lower),
    ("minProperties", Limit::Lower),
    ("minimum", Limit::Lower),
    ("maxLength", Limit::Upper),
    ("maxItems", Limit::Upper),
    ("maxProperties", Limit::Upper),
    ("maximum", Limit::Upper),
    ("exclusiveMinimum", Limit::Flag),
    ("exclusiveMaximum", Limit::Flag),
    ("uniqueItems", Limit::Flag),
    ("pattern", Limit::Rule),
    ("multipleOf", Limit::Rule),
    ("const", Limit::Rule),
];

/// Words that make the generators write a type of its own where there is one, and a plain `String` where there is
/// none.
const MAKE_A_TYPE: [&str; 3] = ["minLength", "maxLength", "pattern"];

/// Whether a word limits values.
pub(super) fn is_limit(word: &str) -> bool {
    LIMITS.iter().any(|(limit, _)| *limit == word)
}

impl Comparison<'_> {
    /// A limit that is another. `schemas` are those that have it, the old one first.
    pub(super) fn limit(&mut self, at: &At, word: &str, schemas: [&Value; 2]) {
        let [was, is] = schemas.map(|schema| schema.get(word));
        let said = format!("`{word}` is {}, was {}", text_of(is), text_of(was));
        let makes_a_type = |schema: &Value| MAKE_A_TYPE.iter().any(|word| schema.get(word).is_some());
        let [old, new] = schemas;
        let is_other_type = MAKE_A_TYPE.contains(&word) && makes_a_type(old) != makes_a_type(new)
            // Which integer of Rust it is follows from where it begins.
            || word == "minimum" && new.get("type").and_then(Value::as_str) == Some("integer");
        let at = &at.inside(word);
        if is_other_type {
            self.note(at, "limit", Effect::Break(at.reach), format!("{said}: the type in Rust is another"));
        } else if is_stricter(word, was, is) {
            let what = format!("{said}: values that were taken are not any more");
            self.note(at, "limit", Effect::Break(at.reach), what);
        } else {
            self.note(at, "limit", Effect::Addition, format!("{said}: more values are taken"));
        }
    }
}

/// Whether fewer values are taken. Where that cannot be told they are.
fn is_stricter(word: &str, was: Option<&Value>, is: Option<&Value>) -> bool {
    let Some((_, limit)) = LIMITS.iter().find(|(name, _)| *name == word) else { return true };
    let Some(is) = is else { return false };
    let number = |value: &Value| value.as_f64();
    match (limit, was) {
        (Limit::Lower | Limit::Upper, Some(was)) => match (number(was), number(is)) {
            (Some(was), Some(is)) if *limit == Limit::Lower => is > was,
            (Some(was), Some(is)) => is < was,
            _ => true,
        },
        (Limit::Flag, _) => is != &Value::Bool(false),
        (Limit::Lower | Limit::Upper | Limit::Rule, _) => true,
    }
}
