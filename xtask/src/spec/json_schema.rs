//! A schema of OpenAPI 3.0 as a schema of JSON Schema, so that a real validator can judge examples.
//!
//! OpenAPI 3.0 took the words of JSON Schema draft 5 and changed two of their meanings: `nullable`
//! stands where JSON Schema writes a list of types, and `exclusiveMinimum` is a flag of `minimum`.

use serde_json::{Map, Value, json};

use super::Spec;

/// The oldest dialect in which `uuid` is a format, and the siblings of a reference count.
const DIALECT: &str = "https://json-schema.org/draft/2019-09/schema";

/// The schema, closed over the named schemas of the spec.
pub(crate) fn json_schema(spec: &Spec, schema: &Value) -> Value {
    let mut translated = translate(schema);
    let components: Map<String, Value> =
        spec.schemas().map(|(name, schema)| (name.to_owned(), translate(schema))).collect();
    if let Some(map) = translated.as_object_mut() {
        map.insert("components".to_owned(), json!({ "schemas": components }));
        map.insert("$schema".to_owned(), DIALECT.into());
    }
    translated
}

/// The schema by itself; what it refers to has to be translated too.
pub(crate) fn translate(schema: &Value) -> Value {
    match schema {
        Value::Array(items) => Value::Array(items.iter().map(translate).collect()),
        Value::Object(map) => translate_map(map),
        other => other.clone(),
    }
}

fn translate_map(map: &Map<String, Value>) -> Value {
    let mut out = Map::new();
    for (word, value) in map {
        match word.as_str() {
            // Names of properties are not words of the language.
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                let properties: Map<_, _> =
                    properties.map(|(name, schema)| (name.clone(), translate(schema))).collect();
                out.insert(word.clone(), Value::Object(properties));
            }
            "example" | "default" | "enum" => {
                out.insert(word.clone(), value.clone());
            }
            "exclusiveMinimum" | "exclusiveMaximum" if value.is_boolean() => {
                let bound = if word == "exclusiveMinimum" { "minimum" } else { "maximum" };
                if value == &Value::Bool(true)
                    && let Some(limit) = map.get(bound)
                {
                    out.insert(word.clone(), limit.clone());
                }
            }
            _ => {
                out.insert(word.clone(), translate(value));
            }
        }
    }
    if map.get("nullable") == Some(&Value::Bool(true)) {
        match map.get("type") {
            Some(Value::String(kind)) => {
                out.insert("type".to_owned(), json!([kind, "null"]));
            }
            _ => return json!({ "anyOf": [{ "type": "null" }, out] }),
        }
        if let Some(Value::Array(values)) = out.get_mut("enum") {
            values.push(Value::Null);
        }
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(schema: &Value, instance: &Value) -> bool {
        let spec =
            Spec::parse("t.yaml", "components: {schemas: {Id: {type: string, format: uuid}}}").unwrap();
        jsonschema::options()
            .should_validate_formats(true)
            .build(&json_schema(&spec, schema))
            .unwrap()
            .is_valid(instance)
    }

    #[test]
    fn nullable_accepts_null_and_only_then() {
        assert!(accepts(&json!({"type": "string", "nullable": true}), &Value::Null));
        assert!(!accepts(&json!({"type": "string"}), &Value::Null));
        assert!(accepts(&json!({"type": "string", "enum": ["a"], "nullable": true}), &Value::Null));
        let id = json!({"allOf": [{"$ref": "#/components/schemas/Id"}], "nullable": true});
        assert!(accepts(&id, &Value::Null) && !accepts(&id, &json!("james")));
    }

    #[test]
    fn exclusive_bounds_are_flags() {
        let schema = json!({"type": "integer", "minimum": 3, "exclusiveMinimum": true});
        assert!(!accepts(&schema, &json!(3)));
        assert!(accepts(&schema, &json!(4)));
    }

    #[test]
    fn references_and_formats_are_followed() {
        let schema = json!({"$ref": "#/components/schemas/Id"});
        assert!(accepts(&schema, &json!("aa6243fb-e4c1-44a0-ae3c-f4c4ab115002")));
        assert!(!accepts(&schema, &json!("james")));
    }

    #[test]
    fn a_property_may_have_the_name_of_a_word() {
        let schema = json!({"type": "object", "properties": {"nullable": {"type": "boolean"}, "enum": {"type": "string"}}});
        assert!(accepts(&schema, &json!({"nullable": true, "enum": "a"})));
    }
}
