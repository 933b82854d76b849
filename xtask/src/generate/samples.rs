//! Values that satisfy a schema, with a canary in every marked place.
//!
//! A canary is a text that stands nowhere else: where it turns up, the value that held it has been printed.

use serde_json::{Map, Value, json};

use crate::spec::{Mark, SCHEMA_REF, Spec, referred_schema};

/// How the lenient properties of an answer are filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filling {
    /// As the spec expects.
    Expected,
    /// With what the spec does not expect, which counts as PHI whatever its mark says.
    Odd,
    /// With `null`.
    Null,
    /// Not at all.
    Missing,
}

/// A value, and the canaries in it.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) value: Value,
    pub(super) canaries: Vec<String>,
}

/// A value of a named schema, whole: every property is there.
pub(super) fn sample(spec: &Spec, name: &str, filling: Filling) -> Sample {
    let mut sampler = Sampler { spec, filling, canaries: Vec::new() };
    let reference = json!({ "$ref": format!("{SCHEMA_REF}{name}") });
    let value = sampler.value(&reference, Mark::Silent);
    Sample { value, canaries: sampler.canaries }
}

struct Sampler<'a> {
    spec: &'a Spec,
    filling: Filling,
    canaries: Vec<String>,
}

impl Sampler<'_> {
    fn value(&mut self, schema: &Value, around: Mark) -> Value {
        let own = self.spec.mark(schema);
        let mark = if own == Mark::Silent { around } else { own };
        if let Some(name) = referred_schema(schema).or_else(|| schema.get("x-expect").and_then(Value::as_str))
            && let Some(target) = self.spec.schema(name)
        {
            return self.value(target, mark);
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("object") => self.object(schema, mark),
            Some("array") => json!([self.value(schema.get("items").unwrap_or(&Value::Null), mark)]),
            Some("integer" | "number") => self.number(schema, mark),
            Some("boolean") => json!(true),
            _ => self.text(schema, mark),
        }
    }

    fn object(&mut self, schema: &Value, mark: Mark) -> Value {
        let mut object = Map::new();
        for (name, property) in crate::spec::members(schema.get("properties")) {
            let value = match self.filling {
                Filling::Odd if self.spec.is_lenient(property) => {
                    // A map where a scalar is expected; where a map may be, any map would do, so a text.
                    let kind = self.spec.resolve_schema(property).get("type");
                    let is_map = kind.is_some_and(|kind| kind == "object");
                    if is_map { json!(self.canary()) } else { json!({ "odd": self.canary() }) }
                }
                Filling::Null if self.spec.is_lenient(property) => Value::Null,
                Filling::Missing if self.spec.is_lenient(property) => continue,
                _ => self.value(property, mark),
            };
            object.insert(name.to_owned(), value);
        }
        if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
            let value = self.value(values, mark);
            object.insert("key".to_owned(), value);
        }
        if schema.get("additionalProperties") == Some(&Value::Bool(true)) {
            object.insert("x-beyond-the-spec".to_owned(), json!(self.canary()));
        }
        Value::Object(object)
    }

    /// Within its bounds where there are any; a marked one without a maximum is one that stands nowhere else.
    fn number(&mut self, schema: &Value, mark: Mark) -> Value {
        if mark.is_hidden() && schema.get("maximum").is_none() {
            let number = 7_310_000 + self.canaries.len();
            self.canaries.push(number.to_string());
            return json!(number);
        }
        schema.get("minimum").cloned().unwrap_or_else(|| json!(1))
    }

    fn text(&mut self, schema: &Value, mark: Mark) -> Value {
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            // The value itself is the canary, with the name that the generators make of it.
            let value = values.first().cloned().unwrap_or_default();
            if mark.is_hidden()
                && let Some(text) = value.as_str()
            {
                self.canaries.push(text.to_owned());
                self.canaries.push(capitalized(text));
            }
            return value;
        }
        if !mark.is_hidden() {
            return schema.get("example").cloned().unwrap_or_else(|| match format(schema) {
                Some("uuid") => json!("aa6243fb-e4c1-44a0-ae3c-f4c4ab115002"),
                Some("date-time") => json!("2022-01-01T09:00:00Z"),
                Some("date") => json!("2022-01-01"),
                _ => json!("plain"),
            });
        }
        let number = self.canaries.len();
        match (format(schema), schema.get("pattern")) {
            (Some("date"), _) => self.keep(format!("18{:02}-07-04", number % 100)),
            (Some("date-time"), _) => {
                let day = format!("18{:02}-07-04", number % 100);
                self.canaries.push(day.clone());
                json!(format!("{day}T09:00:00Z"))
            }
            (Some("uuid"), _) => self.keep(format!("00000000-0000-4000-8000-{number:012}")),
            (Some("email"), _) => {
                let canary = self.canary();
                json!(format!("{canary}@example.com"))
            }
            // The one pattern so far is that of a phone number; another needs an example that satisfies it.
            (_, Some(pattern)) if pattern.as_str().is_some_and(|pattern| pattern.starts_with(r"^\+")) => {
                self.keep(format!("+1555{:07}", 9_000_000 + number))
            }
            (_, Some(_)) => {
                let example = schema.get("example").and_then(Value::as_str).unwrap_or_default();
                self.keep(example.to_owned())
            }
            _ => json!(self.canary()),
        }
    }

    fn canary(&mut self) -> String {
        let canary = format!("canary-{:04}", self.canaries.len());
        self.canaries.push(canary.clone());
        canary
    }

    fn keep(&mut self, text: String) -> Value {
        let value = json!(text);
        self.canaries.push(text);
        value
    }
}

fn format(schema: &Value) -> Option<&str> {
    schema.get("format").and_then(Value::as_str)
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = "
components:
  schemas:
    Person:
      type: object
      additionalProperties: true
      properties:
        name: {type: string, nullable: true, x-phi: true}
        phone: {$ref: '#/components/schemas/Phone'}
        city: {type: string, nullable: true, example: Springfield}
    Phone: {type: string, pattern: '^\\+[1-9][0-9]{1,14}$', x-phi: true}
";

    #[test]
    fn every_marked_place_holds_a_canary_and_every_odd_one_too() {
        let spec = Spec::parse("t.yaml", SPEC).unwrap();
        let expected = sample(&spec, "Person", Filling::Expected);
        assert_eq!(expected.canaries.len(), 3, "{expected:?}");
        assert_eq!(expected.value["city"], "Springfield");
        let odd = sample(&spec, "Person", Filling::Odd);
        assert_eq!(odd.canaries.len(), 4, "{odd:?}");
    }
}
