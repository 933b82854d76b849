//! What has changed in schemas.

use std::collections::BTreeSet;

use serde_json::Value;

use super::limits::is_limit;
use super::{At, Comparison, both, differing, text_of};
use crate::diff::change::{Effect, Reach, Subject};
use crate::document::join;
use crate::spec::{Mark, members, referred_schema, schema_pointer, strings};

/// Words that make one type of Rust or another.
const TYPE: [&str; 4] = ["type", "format", "$ref", "x-expect"];

/// Formats that say what a text looks like and leave it a text.
const TEXTS: [&str; 4] = ["email", "uri", "hostname", "password"];

impl Comparison<'_> {
    /// The named schemas that are wanted.
    pub(super) fn schemas(&mut self, wanted: impl Fn(&str) -> bool) {
        let [old, new] = [self.old, self.new].map(|spec| spec.root().pointer("/components/schemas"));
        for (name, was, is) in both(old, new) {
            if was == is || !wanted(name) {
                continue;
            }
            let at = At {
                pointer: schema_pointer(name),
                place: name.to_owned(),
                subject: Subject::Schema(name.to_owned()),
                reach: self.reach(name),
            };
            match (was, is) {
                (Some(was), Some(is)) => self.schema(&at, was, is),
                (None, _) => self.note(&at, "schema-added", Effect::Addition, "is a type from now on"),
                (_, None) => {
                    self.note(&at, "schema-removed", Effect::Break(at.reach), "is no type any more");
                }
            }
        }
    }

    pub(super) fn schema(&mut self, at: &At, was: &Value, is: &Value) {
        let (types, refers) = ([was, is].map(TypeWords::of), [was, is].map(referred_schema));
        if types[0] != types[1] {
            self.type_(at, types);
        }
        let differences = differing(was, is);
        if refers[0] != refers[1] || differences.iter().any(|(word, _, _)| is_mark(word)) {
            self.mark(at, was, is);
        }
        let of_object = |word: &str| matches!(word, "properties" | "required");
        if differences.iter().any(|(word, _, _)| of_object(word)) {
            self.properties(at, was, is);
        }
        for (word, before, after) in differences {
            match word {
                word if TYPE.contains(&word) || is_mark(word) || of_object(word) => {}
                "nullable" if is_true(before) == is_true(after) => self.wording(at, word),
                "nullable" => {
                    let what = if is_true(after) { "may be `null`" } else { "is not `null` any more" };
                    let what = format!("{what}: the type in Rust is another");
                    self.note(&at.inside(word), "nullable", Effect::Break(at.reach), what);
                }
                "enum" => self.values(&at.inside(word), before, after),
                "items" => match (before, after) {
                    (Some(before), Some(after)) => self.schema(&at.inside(word), before, after),
                    _ => self.unknown(at, word),
                },
                "additionalProperties" => self.others(&at.inside(word), before, after),
                "default" => {
                    let what = format!("the service fills in {}, was {}", text_of(after), text_of(before));
                    self.note(&at.inside(word), "default", Effect::Behaviour, what);
                }
                // A reference with something said beside it is that reference.
                "allOf" if refers.iter().any(Option::is_some) => {}
                "allOf" | "anyOf" | "oneOf" | "not" => {
                    let what = "the conditions are others, and may be stricter: values may be refused";
                    self.note(&at.inside(word), "condition", Effect::Break(at.reach), what);
                }
                "description" | "title" | "example" | "examples" | "x-source" | "externalDocs"
                | "deprecated" => {
                    self.wording(at, word);
                }
                word if is_limit(word) => self.limit(at, word, [was, is]),
                _ => self.unknown(at, word),
            }
        }
    }

    fn type_(&mut self, at: &At, [was, is]: [TypeWords<'_>; 2]) {
        let said = format!("is {}, was {}", is.said(), was.said());
        let looks = |words: &TypeWords<'_>| words.format.is_none_or(|format| TEXTS.contains(&format));
        let is_same_but_format = TypeWords { format: None, ..was } == TypeWords { format: None, ..is };
        if !(is_same_but_format && is.kind == Some("string") && looks(&was) && looks(&is)) {
            let what = format!("{said}: the type in Rust is another");
            self.note(at, "type", Effect::Break(at.reach), what);
        } else if is.format.is_none() {
            self.note(at, "limit", Effect::Addition, format!("{said}: more values are taken"));
        } else {
            let what = format!("{said}: values that were taken are not any more");
            self.note(at, "limit", Effect::Break(at.reach), what);
        }
    }

    /// What may be printed. What a mark on another schema does to those that refer to it is said of that one.
    fn mark(&mut self, at: &At, was: &Value, is: &Value) {
        let own = [was, is].map(Mark::own);
        let whole = [(self.old, was), (self.new, is)].map(|(spec, schema)| spec.mark(schema));
        let name = |mark| if mark == Mark::Secret { "a secret" } else { "health information" };
        match whole {
            [was, is] if was.is_hidden() && !is.is_hidden() => {
                let what = format!("was {} and is printed from now on", name(was));
                self.note(at, "mark-removed", Effect::Safety(at.reach), what);
            }
            [was, Mark::Secret] if was != Mark::Secret => {
                let what = "is a secret from now on: its type in Rust is another";
                self.note(at, "mark-added", Effect::Break(at.reach), what);
            }
            [Mark::Secret, Mark::Phi] => {
                let what = "was a secret and is health information: its type in Rust is another";
                self.note(at, "mark-changed", Effect::Break(at.reach), what);
            }
            [was, is] if !was.is_hidden() && is.is_hidden() => {
                let what = format!("is {} from now on, and not printed any more", name(is));
                self.note(at, "mark-added", Effect::Behaviour, what);
            }
            _ if own[0] != own[1]
                || was.get("x-phi") != is.get("x-phi")
                || was.get("x-secret") != is.get("x-secret") =>
            {
                let what = "says in another way whether it may be printed";
                self.note(at, "wording", Effect::Wording, what);
            }
            _ => {}
        }
    }

    /// The values of an enum. They are open in Rust (`#[non_exhaustive]`, and `Attribute` in answers), so that one
    /// more breaks nobody.
    fn values(&mut self, at: &At, was: Option<&Value>, is: Option<&Value>) {
        let (Some(Value::Array(old)), Some(Value::Array(new))) = (was, is) else {
            let what =
                if is.is_some() { "is one of a few values" } else { "is one of a few values no longer" };
            let what = format!("{what}: the type in Rust is another");
            self.note(at, "type", Effect::Break(at.reach), what);
            return;
        };
        let begin = self.changes.len();
        let at_value = |value: &Value| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let subject = match &at.subject {
                Subject::Schema(schema) => Subject::Value { schema: schema.clone(), value: text.clone() },
                other => other.clone(),
            };
            (At { place: format!("{}.{text}", at.place), subject, ..at.clone() }, text)
        };
        for (index, value) in new.iter().enumerate().filter(|(_, value)| !old.contains(value)) {
            let (at, text) = at_value(value);
            let what = format!("`{text}` is one of the values from now on");
            self.note(&at.inside(&index.to_string()), "value-added", Effect::Addition, what);
        }
        for value in old.iter().filter(|value| !new.contains(value)) {
            let (at, text) = at_value(value);
            let what = format!("`{text}` is none of the values any more");
            self.note(&at, "value-removed", Effect::Break(at.reach), what);
        }
        if self.changes.len() == begin {
            self.note(
                at,
                "value-order",
                Effect::Behaviour,
                "the values are in another order, and so in Rust",
            );
        }
    }

    fn properties(&mut self, at: &At, was: &Value, is: &Value) {
        let [old, new] = [was, is].map(required);
        for (name, before, after) in both(was.get("properties"), is.get("properties")) {
            let at = at_property(at, name);
            let (was_required, is_required) = (old.contains(name), new.contains(name));
            match (before, after) {
                (None, _) if is_required => {
                    let what = match at.reach {
                        Reach::RESPONSE => "is relied on: an answer without it cannot be read",
                        _ => "is asked for: a request without it is refused",
                    };
                    self.note(&at, "property-added", Effect::Break(at.reach), what);
                }
                (None, _) => {
                    self.note(&at, "property-added", Effect::Addition, "is there, and can be left out");
                }
                (_, None) => {
                    self.note(&at, "property-removed", Effect::Break(at.reach), "is not there any more");
                }
                (Some(before), Some(after)) => {
                    if was_required != is_required {
                        let (kind, what) = if is_required {
                            ("now-required", "is required, could be left out: the type in Rust is another")
                        } else {
                            ("now-optional", "can be left out, was required: the type in Rust is another")
                        };
                        self.note(&at, kind, Effect::Break(at.reach), what);
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
            let what = "other members are required, which it does not describe";
            self.note(&at.inside("required"), "condition", Effect::Break(at.reach), what);
        }
    }

    /// What an object may hold beside its properties.
    fn others(&mut self, at: &At, was: Option<&Value>, is: Option<&Value>) {
        let schema = |value: Option<&Value>| value.is_some_and(Value::is_object);
        if let (Some(was @ Value::Object(_)), Some(is @ Value::Object(_))) = (was, is) {
            self.schema(at, was, is);
        } else if !schema(was) && !schema(is) && (is_true(is) || was == Some(&Value::Bool(false))) {
            self.note(at, "open", Effect::Addition, "may hold more than its properties");
        } else {
            let what =
                format!("what it may hold beside its properties is {}, was {}", text_of(is), text_of(was));
            self.note(at, "closed", Effect::Break(at.reach), what);
        }
    }
}

/// What makes a schema one type of Rust or another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TypeWords<'s> {
    refers: Option<&'s str>,
    kind: Option<&'s str>,
    format: Option<&'s str>,
    expects: Option<&'s str>,
}

impl<'s> TypeWords<'s> {
    fn of(schema: &'s Value) -> Self {
        let word = |name: &str| schema.get(name).and_then(Value::as_str);
        let refers = referred_schema(schema).or_else(|| word("$ref"));
        Self { refers, kind: word("type"), format: word("format"), expects: word("x-expect") }
    }

    fn said(self) -> String {
        let named = self.refers.or(self.expects);
        let name = named.or(self.kind).unwrap_or("of no type");
        match self.format.filter(|_| named.is_none()) {
            Some(format) => format!("`{name}` of format `{format}`"),
            None => format!("`{name}`"),
        }
    }
}

fn at_property(at: &At, name: &str) -> At {
    let subject = match &at.subject {
        Subject::Schema(schema) => Subject::Field { schema: schema.clone(), property: name.to_owned() },
        other => other.clone(),
    };
    let pointer = join(&join(&at.pointer, "properties"), name);
    At { pointer, place: format!("{}.{name}", at.place), subject, ..at.clone() }
}

fn required(schema: &Value) -> BTreeSet<&str> {
    strings(schema.get("required")).collect()
}

fn is_mark(word: &str) -> bool {
    matches!(word, "x-phi" | "x-secret")
}

fn is_true(value: Option<&Value>) -> bool {
    value == Some(&Value::Bool(true))
}
