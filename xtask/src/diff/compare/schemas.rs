//! Compares schemas.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{At, Comparison, both, differing, text_of};
use crate::diff::change::Effect::{Addition, Behavior, Break, Safety, Wording};
use crate::json::{is_true, join, members, strings, text};
use crate::json_schema::{FLAGS, LOWER_BOUNDS, UPPER_BOUNDS, is_limit};
use crate::spec::{CallSides, Mark, referred_schema, schema_pointer};

/// Keywords that determine the Rust type.
const TYPE: [&str; 4] = ["type", "format", "$ref", "x-expect"];

/// Formats whose Rust type is `String`.
const STRING_FORMATS: [&str; 4] = ["email", "uri", "hostname", "password"];

const RUST_TYPE_CHANGES: &str = "the Rust type changes";

impl Comparison<'_> {
    /// Compares the named schemas that `filter` accepts.
    pub(super) fn schemas(&mut self, filter: impl Fn(&str) -> bool) {
        let [old, new] = [self.old, self.new].map(|spec| spec.root().pointer("/components/schemas"));
        for (name, was, is) in both(old, new) {
            if was == is || !filter(name) {
                continue;
            }
            let pointer = schema_pointer(name);
            let operations = self.operations_using(&pointer);
            let at = At { pointer, place: name.to_owned(), sides: self.schema_sides(name), operations };
            match (was, is) {
                (Some(was), Some(is)) => self.schema(&at, was, is),
                (None, _) => self.note(&at, "schema-added", Addition, "is a new type"),
                (_, None) => self.note(&at, "schema-removed", Break, "was removed"),
            }
        }
    }

    pub(super) fn schema(&mut self, at: &At, was: &Value, is: &Value) {
        let (types, refers) = ([was, is].map(TypeKeywords::of), [was, is].map(referred_schema));
        if types[0] != types[1] {
            self.type_(at, types);
        }
        let differences = differing(was, is);
        if refers[0] != refers[1] || differences.iter().any(|(keyword, _, _)| is_mark(keyword)) {
            self.mark(at, was, is);
        }
        let of_object = |keyword: &str| matches!(keyword, "properties" | "required");
        if differences.iter().any(|(keyword, _, _)| of_object(keyword)) {
            self.properties(at, was, is);
        }
        for (keyword, before, after) in differences {
            match keyword {
                keyword if TYPE.contains(&keyword) || is_mark(keyword) || of_object(keyword) => {}
                "nullable" if is_true(was, keyword) == is_true(is, keyword) => self.wording(at, keyword),
                "nullable" => {
                    let verb = if is_true(is, keyword) { "may now be" } else { "can no longer be" };
                    let message = format!("{verb} `null`: {RUST_TYPE_CHANGES}");
                    self.note(&at.inside(keyword), "nullable", Break, message);
                }
                "enum" => self.values(&at.inside(keyword), before, after),
                "items" => match (before, after) {
                    (Some(before), Some(after)) => {
                        let at = At { place: format!("{}[]", at.place), ..at.inside(keyword) };
                        self.schema(&at, before, after);
                    }
                    _ => self.other(at, keyword),
                },
                "additionalProperties" => self.additional_properties(&at.inside(keyword), before, after),
                "default" => {
                    let message =
                        format!("has the default {} instead of {}", text_of(after), text_of(before));
                    self.note(&at.inside(keyword), "default", Behavior, message);
                }
                // A reference with other keywords beside it is compared as that reference.
                "allOf" if refers.iter().any(Option::is_some) => {}
                "allOf" | "anyOf" | "oneOf" | "not" => {
                    let message = "has other conditions, which may reject more values";
                    self.note(&at.inside(keyword), "condition", Break, message);
                }
                keyword if is_limit(keyword) => self.limit(at, keyword, [was, is]),
                _ => self.other(at, keyword),
            }
        }
    }

    fn type_(&mut self, at: &At, [was, is]: [TypeKeywords<'_>; 2]) {
        let message = format!("is {} instead of {}", is.describe(), was.describe());
        let is_string =
            |words: &TypeKeywords<'_>| words.format.is_none_or(|format| STRING_FORMATS.contains(&format));
        let only_format_differs = TypeKeywords { format: None, ..was } == TypeKeywords { format: None, ..is };
        if !(only_format_differs && is.kind == Some("string") && is_string(&was) && is_string(&is)) {
            self.note(at, "type", Break, format!("{message}: {RUST_TYPE_CHANGES}"));
        } else if is.format.is_none() {
            self.note(at, "limit", Addition, format!("{message}: more values are accepted"));
        } else {
            self.note(at, "limit", Break, format!("{message}: some values are no longer accepted"));
        }
    }

    /// Compares whether a value may be printed. A changed mark of a referenced schema is reported for that schema only.
    fn mark(&mut self, at: &At, was: &Value, is: &Value) {
        let own = [was, is].map(Mark::own);
        let effective = [(self.old, was), (self.new, is)].map(|(spec, schema)| spec.mark(schema));
        let name = |mark| if mark == Mark::Secret { "a secret" } else { "health information" };
        match effective {
            [was, is] if was.is_hidden() && !is.is_hidden() => {
                let message = format!("was marked as {} and will be printed", name(was));
                self.note(at, "mark-removed", Safety, message);
            }
            [was, Mark::Secret] if was != Mark::Secret => {
                self.note(at, "mark-added", Break, format!("is now marked as a secret: {RUST_TYPE_CHANGES}"));
            }
            [Mark::Secret, Mark::Phi] => {
                let message = format!("is marked as health information, not a secret: {RUST_TYPE_CHANGES}");
                self.note(at, "mark-changed", Break, message);
            }
            [was, is] if !was.is_hidden() && is.is_hidden() => {
                let message = format!("is now marked as {}, and no longer printed", name(is));
                self.note(at, "mark-added", Behavior, message);
            }
            _ if own[0] != own[1]
                || was.get("x-phi") != is.get("x-phi")
                || was.get("x-secret") != is.get("x-secret") =>
            {
                self.note(at, "wording", Wording, "has another notation of whether it may be printed");
            }
            _ => {}
        }
    }

    /// Compares the values of an enum. Enums are open in Rust (`#[non_exhaustive]`, and `Attribute` in responses), so a
    /// new value does not break callers.
    fn values(&mut self, at: &At, was: Option<&Value>, is: Option<&Value>) {
        let (Some(Value::Array(old)), Some(Value::Array(new))) = (was, is) else {
            let verb = if is.is_some() { "now has" } else { "no longer has" };
            self.note(at, "type", Break, format!("{verb} a fixed set of values: {RUST_TYPE_CHANGES}"));
            return;
        };
        let begin = self.changes.len();
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        for (index, value) in new.iter().enumerate().filter(|(_, value)| !old.contains(value)) {
            let value = plain(value);
            let at = At { place: format!("{}.{value}", at.place), ..at.inside(&index.to_string()) };
            self.note(&at, "value-added", Addition, format!("is a new value (`{value}`)"));
        }
        for value in old.iter().filter(|value| !new.contains(value)) {
            let value = plain(value);
            let at = At { place: format!("{}.{value}", at.place), ..at.clone() };
            self.note(&at, "value-removed", Break, format!("was removed (`{value}`)"));
        }
        if self.changes.len() == begin {
            self.note(at, "value-order", Behavior, "has its values in another order, also in Rust");
        }
    }

    fn properties(&mut self, at: &At, was: &Value, is: &Value) {
        let [old, new] = [was, is].map(|schema| strings(schema.get("required")).collect::<BTreeSet<_>>());
        for (name, before, after) in both(was.get("properties"), is.get("properties")) {
            let pointer = join(&join(&at.pointer, "properties"), name);
            let at = At { pointer, place: format!("{}.{name}", at.place), ..at.clone() };
            let (was_required, is_required) = (old.contains(name), new.contains(name));
            match (before, after) {
                (None, _) if is_required => {
                    let message = if at.sides == CallSides::RESPONSE {
                        "is a new required property: responses without it cannot be read"
                    } else {
                        "is a new required property: requests without it are rejected"
                    };
                    self.note(&at, "property-added", Break, message);
                }
                (None, _) => self.note(&at, "property-added", Addition, "is a new optional property"),
                (_, None) => self.note(&at, "property-removed", Break, "was removed"),
                (Some(before), Some(after)) => {
                    if was_required != is_required {
                        let (kind, verb) = if is_required {
                            ("now-required", "required")
                        } else {
                            ("now-optional", "optional")
                        };
                        self.note(&at, kind, Break, format!("is now {verb}: {RUST_TYPE_CHANGES}"));
                    }
                    if before != after {
                        self.schema(&at, before, after);
                    }
                }
            }
        }
        let properties: BTreeSet<&str> = [was, is]
            .into_iter()
            .flat_map(|schema| members(schema.get("properties")))
            .map(|(name, _)| name)
            .collect();
        if old.symmetric_difference(&new).any(|name| !properties.contains(name)) {
            let message = "requires other members, which it does not describe";
            self.note(&at.inside("required"), "condition", Break, message);
        }
    }

    fn additional_properties(&mut self, at: &At, was: Option<&Value>, is: Option<&Value>) {
        let is_schema = |value: Option<&Value>| value.is_some_and(Value::is_object);
        if let (Some(was @ Value::Object(_)), Some(is @ Value::Object(_))) = (was, is) {
            self.schema(at, was, is);
        } else if !is_schema(was)
            && !is_schema(is)
            && (is == Some(&Value::Bool(true)) || was == Some(&Value::Bool(false)))
        {
            self.note(at, "open", Addition, "may now have additional properties");
        } else {
            let message = format!("allows additional properties {} instead of {}", text_of(is), text_of(was));
            self.note(at, "closed", Break, message);
        }
    }

    /// Compares a limit of two schemas, the old one first.
    fn limit(&mut self, at: &At, keyword: &str, schemas: [&Value; 2]) {
        let [was, is] = schemas.map(|schema| schema.get(keyword));
        let message = format!("has `{keyword}` {} instead of {}", text_of(is), text_of(was));
        let is_own_type = |schema: &Value| STRING_LIMITS.iter().any(|limit| schema.get(limit).is_some());
        let [old, new] = schemas;
        let is_other_type = STRING_LIMITS.contains(&keyword) && is_own_type(old) != is_own_type(new)
            // The minimum determines which integer type is generated.
            || keyword == "minimum" && text(new, "type") == Some("integer");
        let at = &at.inside(keyword);
        if is_other_type {
            self.note(at, "limit", Break, format!("{message}: {RUST_TYPE_CHANGES}"));
        } else if is_stricter(keyword, was, is) {
            self.note(at, "limit", Break, format!("{message}: some values are no longer accepted"));
        } else {
            self.note(at, "limit", Addition, format!("{message}: more values are accepted"));
        }
    }
}

/// The keywords that determine the Rust type of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TypeKeywords<'s> {
    refers: Option<&'s str>,
    kind: Option<&'s str>,
    format: Option<&'s str>,
    expects: Option<&'s str>,
}

impl<'s> TypeKeywords<'s> {
    fn of(schema: &'s Value) -> Self {
        let refers = referred_schema(schema).or_else(|| text(schema, "$ref"));
        let [kind, format, expects] = ["type", "format", "x-expect"].map(|keyword| text(schema, keyword));
        Self { refers, kind, format, expects }
    }

    fn describe(self) -> String {
        let named = self.refers.or(self.expects);
        let name = named.or(self.kind).unwrap_or("any type");
        match self.format.filter(|_| named.is_none()) {
            Some(format) => format!("`{name}` of format `{format}`"),
            None => format!("`{name}`"),
        }
    }
}

fn is_mark(keyword: &str) -> bool {
    matches!(keyword, "x-phi" | "x-secret")
}

/// With any of these, the generators write a type of its own instead of `String`.
const STRING_LIMITS: [&str; 3] = ["minLength", "maxLength", "pattern"];

/// Whether fewer values are accepted than before, or possibly fewer.
fn is_stricter(keyword: &str, was: Option<&Value>, is: Option<&Value>) -> bool {
    let Some(is) = is else { return false };
    match (was.and_then(Value::as_f64), is.as_f64()) {
        (Some(was), Some(is)) if LOWER_BOUNDS.contains(&keyword) => is > was,
        (Some(was), Some(is)) if UPPER_BOUNDS.contains(&keyword) => is < was,
        _ => !FLAGS.contains(&keyword) || is != &Value::Bool(false),
    }
}
