//! Test data for the redaction test: every type, with a canary in each marked property.
//!
//! A canary is a text that occurs nowhere else. If it appears in output, the marked value was printed. The data is
//! generated so that a new type cannot be forgotten. `crates/carium-api/tests/redaction.rs` has the macros that it calls.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::{Map, Value, json};
use syn::{File, Ident};

use super::files::{Header, Output};
use crate::json::{is_true, members, text};
use crate::lower::hand_written_type;
use crate::rust;
use crate::spec::{Mark, SCHEMA_REF, Sources, Spec, referred_schema};

pub(super) fn output(sources: &Sources, header: &Header) -> Output {
    let onboarding = Spec::of_json_schema(&sources.onboarding);
    let shared: BTreeSet<&str> = sources.api.schemas().map(|(name, _)| name).collect();
    let own = |name: &str| !shared.contains(name);
    let mut checks = of_types(&sources.api, "types", |_| true);
    checks.extend(of_types(&onboarding, "onboarding", own));
    checks.extend(of_calls(&sources.api));
    let traits = call_traits(&sources.api);
    let mut file: File = syn::parse_quote! {
        //! Every generated type, filled with canaries.

        use carium_api::{#(#traits as _,)* onboarding, types};

        #[allow(clippy::too_many_lines)]
        pub(crate) fn check_all() {
            #(#checks)*
        }
    };
    rust::docs::tidy(&mut file);
    Output::code("crates/carium-api/tests/generated/canaries.rs", &header.both, &file)
}

/// Returns the traits of the calls with a body, which are named after the tags of the spec.
fn call_traits(spec: &Spec) -> BTreeSet<Ident> {
    let operations = spec.operations().into_iter().filter(|it| it.value.get("requestBody").is_some());
    operations.filter_map(|operation| operation.tag().map(rust::calls::trait_name)).collect()
}

fn of_types(spec: &Spec, module: &str, wanted: impl Fn(&str) -> bool) -> Vec<TokenStream> {
    let (module, sides) = (format_ident!("{module}"), spec.sides());
    let mut checks = Vec::new();
    for (name, schema) in spec.schemas().filter(|(name, _)| wanted(name) && hand_written_type(name).is_none())
    {
        let ident = format_ident!("{name}");
        let is_document = schema.get("properties").is_some();
        let check = if is_document { quote!(crate::document!) } else { quote!(crate::value!) };
        for filling in [Filling::Expected, Filling::Unexpected, Filling::Null, Filling::Missing] {
            let Sample { value, canaries } = sample(spec, name, filling);
            // Only responses have lenient properties, and many schemas have none.
            let is_same = || value == sample(spec, name, Filling::Expected).value;
            if filling != Filling::Expected && (!sides.of(name).response || is_same()) {
                continue;
            }
            let text = value.to_string();
            checks.push(quote!(#check(#module::#ident, #text, [#(#canaries),*]);));
        }
    }
    checks
}

/// Returns a check for the builder of each call with a body.
fn of_calls(spec: &Spec) -> Vec<TokenStream> {
    let operations = spec.operations();
    operations
        .iter()
        .filter_map(|operation| {
            let schema = operation.request_content().next()?.get("schema")?;
            let name = referred_schema(schema)?;
            let Sample { value, canaries } = sample(spec, name, Filling::Expected);
            let (text, method, ident) =
                (value.to_string(), format_ident!("{}", operation.id()), format_ident!("{name}"));
            Some(quote!(crate::call!(#method, types::#ident, #text, [#(#canaries),*]);))
        })
        .collect()
}

/// How to fill the lenient properties of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filling {
    /// With a value of the expected type.
    Expected,
    /// With a value of another type, which is treated as PHI regardless of its mark.
    Unexpected,
    /// With `null`.
    Null,
    /// Omitted.
    Missing,
}

/// A value and its canaries.
#[derive(Debug)]
struct Sample {
    value: Value,
    canaries: Vec<String>,
}

/// Returns a value of a named schema with all its properties.
fn sample(spec: &Spec, name: &str, filling: Filling) -> Sample {
    let mut sampler = Sampler { spec, filling, canaries: Vec::new() };
    let reference = json!({ "$ref": format!("{SCHEMA_REF}{name}") });
    let value = sampler.value(&reference, Mark::Unmarked);
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
        let mark = if own == Mark::Unmarked { around } else { own };
        if let Some(name) = referred_schema(schema).or_else(|| text(schema, "x-expect"))
            && let Some(target) = self.spec.schema(name)
        {
            return self.value(target, mark);
        }
        match text(schema, "type") {
            Some("object") => self.object(schema, mark),
            Some("array") => json!([self.value(schema.get("items").unwrap_or(&Value::Null), mark)]),
            Some("integer" | "number") => self.number(schema, mark),
            Some("boolean") => json!(true),
            _ => self.string(schema, mark),
        }
    }

    fn object(&mut self, schema: &Value, mark: Mark) -> Value {
        let mut object = Map::new();
        for (name, property) in members(schema.get("properties")) {
            let value = match self.filling {
                Filling::Unexpected if self.spec.is_lenient(property) => {
                    // A map if a scalar is expected, and a text if a map is expected.
                    let kind = self.spec.resolve_schema(property).get("type");
                    let is_map = kind.is_some_and(|kind| kind == "object");
                    if is_map { json!(self.canary()) } else { json!({ "unexpected": self.canary() }) }
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
        if is_true(schema, "additionalProperties") {
            object.insert("x-beyond-the-spec".to_owned(), json!(self.canary()));
        }
        Value::Object(object)
    }

    /// Returns the minimum, or a unique number if the property is marked and has no maximum.
    fn number(&mut self, schema: &Value, mark: Mark) -> Value {
        if mark.is_hidden() && schema.get("maximum").is_none() {
            let number = 7_310_000 + self.canaries.len();
            self.canaries.push(number.to_string());
            return json!(number);
        }
        schema.get("minimum").cloned().unwrap_or_else(|| json!(1))
    }

    fn string(&mut self, schema: &Value, mark: Mark) -> Value {
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            // The value is the canary, together with the variant name that the generators derive from it.
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
            return schema.get("example").cloned().unwrap_or_else(|| match text(schema, "format") {
                Some("uuid") => json!("aa6243fb-e4c1-44a0-ae3c-f4c4ab115002"),
                Some("date-time") => json!("2022-01-01T09:00:00Z"),
                Some("date") => json!("2022-01-01"),
                _ => json!("plain"),
            });
        }
        let number = self.canaries.len();
        match (text(schema, "format"), schema.get("pattern")) {
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
            // The only pattern so far is that of a phone number. Any other needs an example that matches it.
            (_, Some(pattern)) if pattern.as_str().is_some_and(|pattern| pattern.starts_with(r"^\+")) => {
                self.keep(format!("+1555{:07}", 9_000_000 + number))
            }
            (_, Some(_)) => {
                let example = text(schema, "example").unwrap_or_default();
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
    fn fills_marked_and_unexpected_properties_with_canaries() {
        let spec = Spec::parse("t.yaml", SPEC).unwrap();
        let expected = sample(&spec, "Person", Filling::Expected);
        assert_eq!(expected.canaries.len(), 3, "{expected:?}");
        assert_eq!(expected.value["city"], "Springfield");
        let unexpected = sample(&spec, "Person", Filling::Unexpected);
        assert_eq!(unexpected.canaries.len(), 4, "{unexpected:?}");
    }
}
