//! What a schema says of a value, with its references and combinations worked out.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::api::{Api, reference};
use crate::spec::{members, strings};

/// What a schema says of a value. What is inside of it stays as written, until it is asked for in turn.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Shape {
    /// The types of JSON that the value can have; none where that is not said.
    pub(super) types: BTreeSet<String>,
    /// Whether it can be `null`.
    pub(super) null: bool,
    pub(super) format: Option<String>,
    /// The values of an enum.
    pub(super) values: Option<Vec<Value>>,
    /// The schemas of the properties of an object.
    pub(super) fields: Map<String, Value>,
    pub(super) required: BTreeSet<String>,
    /// The schema of the items of an array.
    pub(super) items: Option<Value>,
}

/// The way to a schema through references.
#[derive(Default)]
struct Trail<'a> {
    references: Vec<&'a str>,
    /// How many of them there were when the innermost alternative began.
    before_alternative: usize,
}

impl Shape {
    /// What a schema says.
    ///
    /// # Errors
    /// A reference leads nowhere, out of the file, or in a circle.
    pub(super) fn of(api: &Api, schema: &Value) -> Result<Self, String> {
        read(api, schema, &mut Trail::default())
    }

    /// Whether nothing is said at all.
    pub(super) fn says_nothing(&self) -> bool {
        self.types.is_empty()
    }

    /// Whether more is said than that there is something.
    pub(super) fn documents(&self) -> bool {
        let is_bare_object = self.types.iter().eq(["object"]) && self.fields.is_empty();
        !self.says_nothing() && !is_bare_object
    }

    /// The shape in a few words.
    pub(super) fn in_words(&self) -> String {
        let types: Vec<_> = self.types.iter().map(String::as_str).collect();
        let mut words = if types.is_empty() { "anything".to_owned() } else { types.join(" or ") };
        if let Some(format) = &self.format {
            words.push_str(&format!(" ({format})"));
        }
        if self.null {
            words.push_str(" or null");
        }
        words
    }

    /// What is said by this one and the other at once.
    fn and(mut self, other: Self) -> Self {
        if self.types.is_empty() {
            self.types = other.types;
        } else if self.types.intersection(&other.types).next().is_some() {
            self.types.retain(|it| other.types.contains(it));
        }
        // `nullable` beside a reference is how OpenAPI 3.0 makes something that is referred to nullable.
        self.null |= other.null;
        self.format = self.format.or(other.format);
        self.values = match (self.values, other.values) {
            (Some(mut one), Some(other)) => {
                one.retain(|value| other.contains(value));
                Some(one)
            }
            (one, other) => one.or(other),
        };
        merge(&mut self.fields, other.fields, "allOf");
        self.required.extend(other.required);
        self.items = combined(self.items, other.items, "allOf");
        self
    }

    /// What is said by this one or the other.
    fn or(mut self, other: Self) -> Self {
        if self.types.is_empty() || other.types.is_empty() {
            self.types.clear();
        } else {
            self.types.extend(other.types);
        }
        self.null |= other.null;
        self.format = self.format.filter(|format| other.format.as_ref() == Some(format));
        self.values = self.values.zip(other.values).map(|(mut one, other)| {
            let more = other.into_iter().filter(|value| !one.contains(value)).collect::<Vec<_>>();
            one.extend(more);
            one
        });
        merge(&mut self.fields, other.fields, "anyOf");
        self.required.retain(|it| other.required.contains(it));
        self.items = combined(self.items, other.items, "anyOf");
        self
    }
}

fn merge(fields: &mut Map<String, Value>, others: Map<String, Value>, word: &str) {
    for (name, schema) in others {
        let merged = combined(fields.remove(&name), Some(schema), word);
        fields.extend(merged.map(|schema| (name, schema)));
    }
}

fn combined(one: Option<Value>, other: Option<Value>, word: &str) -> Option<Value> {
    match (one, other) {
        (Some(one), Some(other)) if one == other => Some(one),
        (Some(one), Some(other)) => Some(json!({ word: [one, other] })),
        (one, other) => one.or(other),
    }
}

fn read<'a>(api: &'a Api, schema: &'a Value, trail: &mut Trail<'a>) -> Result<Shape, String> {
    let mut shape = own(schema);
    if let Some(reference) = reference(schema) {
        match trail.references.iter().position(|seen| *seen == reference) {
            // Who is one of several and refers to all of them is what those that came before it say already.
            Some(at) if at < trail.before_alternative => {}
            Some(_) => return Err(api.circle(reference)),
            None => {
                trail.references.push(reference);
                shape = shape.and(read(api, api.target(reference)?, trail)?);
                trail.references.pop();
            }
        }
    }
    // What an answer of ours is expected to be. A vendor's file has no such word.
    let expected = schema.get("x-expect").and_then(Value::as_str);
    if let Some(expected) = expected.and_then(|name| api.root.pointer("/components/schemas")?.get(name)) {
        shape = shape.and(read(api, expected, trail)?);
    }
    for part in list(schema, "allOf") {
        shape = shape.and(read(api, part, trail)?);
    }
    for word in ["oneOf", "anyOf"] {
        let before = std::mem::replace(&mut trail.before_alternative, trail.references.len());
        let mut either: Option<Shape> = None;
        for part in list(schema, word) {
            if is_null(part) {
                shape.null = true;
                continue;
            }
            if reference(part).is_some_and(|it| trail.references.contains(&it)) {
                continue;
            }
            let part = read(api, part, trail)?;
            either = Some(match either {
                Some(others) => others.or(part),
                None => part,
            });
        }
        trail.before_alternative = before;
        if let Some(either) = either {
            shape = shape.and(either);
        }
    }
    Ok(shape)
}

fn list<'a>(schema: &'a Value, word: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    schema.get(word).and_then(Value::as_array).into_iter().flatten()
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

/// What a schema says itself, by the words of OpenAPI 3.0 and of 3.1.
fn own(schema: &Value) -> Shape {
    let text = |word: &str| schema.get(word).and_then(Value::as_str).map(ToOwned::to_owned);
    let mut shape = Shape {
        types: strings(schema.get("type")).map(ToOwned::to_owned).chain(text("type")).collect(),
        null: schema.get("nullable") == Some(&Value::Bool(true)),
        format: text("format"),
        values: schema.get("enum").and_then(Value::as_array).cloned(),
        fields: members(schema.get("properties")).map(|(name, it)| (name.to_owned(), it.clone())).collect(),
        required: strings(schema.get("required")).map(ToOwned::to_owned).collect(),
        items: schema.get("items").cloned(),
    };
    if let Some(only) = schema.get("const") {
        shape.values = Some(vec![only.clone()]);
    }
    shape.null |= shape.types.remove("null");
    if let Some(values) = &mut shape.values {
        shape.null |= values.contains(&Value::Null);
        values.retain(|value| !value.is_null());
    }
    if shape.types.is_empty() {
        let implied = if !shape.fields.is_empty() {
            vec!["object"]
        } else if shape.items.is_some() {
            vec!["array"]
        } else {
            shape.values.iter().flatten().filter_map(type_of).collect()
        };
        shape.types = implied.into_iter().map(ToOwned::to_owned).collect();
    }
    shape
}

fn type_of(value: &Value) -> Option<&'static str> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    })
}
