//! The values that a schema describes, with references and combinations worked out.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::vendor::{Api, reference};
use crate::json::{is_true, items, members, strings, text};

/// The values that a schema describes. The schemas of members and items stay as written.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Shape {
    /// The JSON types of the value, without `null`. Empty if unknown.
    pub(super) types: BTreeSet<String>,
    /// Whether the value can be `null`.
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

/// The references that lead to a schema.
#[derive(Default)]
struct Trail<'a> {
    references: Vec<&'a str>,
    /// The number of references before the innermost `oneOf` or `anyOf`.
    before_alternative: usize,
}

impl Shape {
    /// Reads a schema.
    ///
    /// # Errors
    /// A reference cannot be resolved: its target does not exist, is in another file, or refers back to it.
    pub(super) fn read(api: &Api, schema: &Value) -> Result<Self, String> {
        read(api, schema, &mut Trail::default())
    }

    /// Whether the schema describes nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// Whether the schema describes more than an object without properties.
    pub(super) fn is_documented(&self) -> bool {
        let is_bare_object = self.types.iter().eq(["object"]) && self.fields.is_empty();
        !self.is_empty() && !is_bare_object
    }

    /// Returns the shape as a schema without its enum, members and items. Several types are one text.
    pub(super) fn keywords(&self) -> Value {
        let mut schema = json!({});
        if !self.types.is_empty() {
            schema["type"] = self.types.iter().map(String::as_str).collect::<Vec<_>>().join(" or ").into();
        }
        if let Some(format) = &self.format {
            schema["format"] = format.as_str().into();
        }
        if self.null {
            schema["nullable"] = true.into();
        }
        schema
    }

    /// Returns the values that satisfy both.
    fn intersection(mut self, other: Self) -> Self {
        if self.types.is_empty() {
            self.types = other.types;
        } else if !self.types.is_disjoint(&other.types) {
            self.types.retain(|it| other.types.contains(it));
        }
        // In OpenAPI 3.0, `nullable` beside a reference makes its target nullable.
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
        self.items = combine(self.items, other.items, "allOf");
        self
    }

    /// Returns the values that satisfy one or the other.
    fn union(mut self, other: Self) -> Self {
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
        self.items = combine(self.items, other.items, "anyOf");
        self
    }
}

fn merge(fields: &mut Map<String, Value>, others: Map<String, Value>, keyword: &str) {
    for (name, schema) in others {
        let merged = combine(fields.remove(&name), Some(schema), keyword);
        fields.extend(merged.map(|schema| (name, schema)));
    }
}

fn combine(one: Option<Value>, other: Option<Value>, keyword: &str) -> Option<Value> {
    match (one, other) {
        (Some(one), Some(other)) if one == other => Some(one),
        (Some(one), Some(other)) => Some(json!({ keyword: [one, other] })),
        (one, other) => one.or(other),
    }
}

fn read<'a>(api: &'a Api, schema: &'a Value, trail: &mut Trail<'a>) -> Result<Shape, String> {
    let mut shape = own_shape(schema);
    if let Some(reference) = reference(schema) {
        match trail.references.iter().position(|seen| *seen == reference) {
            // An alternative that refers back to the whole adds nothing to the alternatives before it.
            Some(at) if at < trail.before_alternative => {}
            Some(_) => return Err(api.cycle_error(reference)),
            None => {
                trail.references.push(reference);
                shape = shape.intersection(read(api, api.target(reference)?, trail)?);
                trail.references.pop();
            }
        }
    }
    // Only our spec has this keyword: the type that a value of a response should have.
    let expected = text(schema, "x-expect");
    if let Some(expected) = expected.and_then(|name| api.root.pointer("/components/schemas")?.get(name)) {
        shape = shape.intersection(read(api, expected, trail)?);
    }
    for part in items(schema.get("allOf")) {
        shape = shape.intersection(read(api, part, trail)?);
    }
    for keyword in ["oneOf", "anyOf"] {
        let before = std::mem::replace(&mut trail.before_alternative, trail.references.len());
        let mut alternatives: Option<Shape> = None;
        for part in items(schema.get(keyword)) {
            if text(part, "type") == Some("null") {
                shape.null = true;
                continue;
            }
            if reference(part).is_some_and(|it| trail.references.contains(&it)) {
                continue;
            }
            let part = read(api, part, trail)?;
            alternatives = Some(match alternatives {
                Some(others) => others.union(part),
                None => part,
            });
        }
        trail.before_alternative = before;
        if let Some(alternatives) = alternatives {
            shape = shape.intersection(alternatives);
        }
    }
    Ok(shape)
}

/// Reads the keywords of a schema itself, those of OpenAPI 3.0 and of 3.1.
fn own_shape(schema: &Value) -> Shape {
    let mut shape = Shape {
        types: strings(schema.get("type")).chain(text(schema, "type")).map(ToOwned::to_owned).collect(),
        null: is_true(schema, "nullable"),
        format: text(schema, "format").map(ToOwned::to_owned),
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
