//! Translates OpenAPI 3.0 schemas to JSON Schema, so that a validator can check examples; and the keywords that limit
//! values.
//!
//! OpenAPI 3.0 uses the keywords of JSON Schema draft 5 with two differences: `nullable` replaces a list of types, and
//! `exclusiveMinimum` is a flag of `minimum`.

use serde_json::{Map, Value, json};

use crate::spec::Spec;

/// The oldest dialect with the format `uuid` and with siblings of references.
const DIALECT: &str = "https://json-schema.org/draft/2019-09/schema";

/// Keywords that limit values: lower bounds, upper bounds, flags, and rules that cannot be compared.
pub(crate) const LOWER_BOUNDS: [&str; 4] = ["minLength", "minItems", "minProperties", "minimum"];
pub(crate) const UPPER_BOUNDS: [&str; 4] = ["maxLength", "maxItems", "maxProperties", "maximum"];
pub(crate) const FLAGS: [&str; 3] = ["exclusiveMinimum", "exclusiveMaximum", "uniqueItems"];
const RULES: [&str; 3] = ["pattern", "multipleOf", "const"];

/// Whether a keyword limits the values of a type.
pub(crate) fn is_limit(keyword: &str) -> bool {
    [&LOWER_BOUNDS[..], &UPPER_BOUNDS, &FLAGS, &RULES].iter().any(|keywords| keywords.contains(&keyword))
}

/// Translates a schema and includes the named schemas of the spec.
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

/// Translates a schema without the schemas that it refers to.
pub(crate) fn translate(schema: &Value) -> Value {
    match schema {
        Value::Array(items) => Value::Array(items.iter().map(translate).collect()),
        Value::Object(map) => translate_map(map),
        other => other.clone(),
    }
}

fn translate_map(map: &Map<String, Value>) -> Value {
    let mut out = Map::new();
    for (keyword, value) in map {
        match keyword.as_str() {
            // Names of properties are not keywords.
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                let properties: Map<_, _> =
                    properties.map(|(name, schema)| (name.clone(), translate(schema))).collect();
                out.insert(keyword.clone(), Value::Object(properties));
            }
            "example" | "default" | "enum" => {
                out.insert(keyword.clone(), value.clone());
            }
            "exclusiveMinimum" | "exclusiveMaximum" if value.is_boolean() => {
                let bound = if keyword == "exclusiveMinimum" { "minimum" } else { "maximum" };
                if value == &Value::Bool(true)
                    && let Some(limit) = map.get(bound)
                {
                    out.insert(keyword.clone(), limit.clone());
                }
            }
            _ => {
                out.insert(keyword.clone(), translate(value));
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
    fn only_nullable_schemas_accept_null() {
        assert!(accepts(&json!({"type": "string", "nullable": true}), &Value::Null));
        assert!(!accepts(&json!({"type": "string"}), &Value::Null));
        assert!(accepts(&json!({"type": "string", "enum": ["a"], "nullable": true}), &Value::Null));
        let id = json!({"allOf": [{"$ref": "#/components/schemas/Id"}], "nullable": true});
        assert!(accepts(&id, &Value::Null) && !accepts(&id, &json!("james")));
    }

    #[test]
    fn translates_exclusive_bounds() {
        let schema = json!({"type": "integer", "minimum": 3, "exclusiveMinimum": true});
        assert!(!accepts(&schema, &json!(3)));
        assert!(accepts(&schema, &json!(4)));
    }

    #[test]
    fn validates_references_and_formats() {
        let schema = json!({"$ref": "#/components/schemas/Id"});
        assert!(accepts(&schema, &json!("aa6243fb-e4c1-44a0-ae3c-f4c4ab115002")));
        assert!(!accepts(&schema, &json!("james")));
    }

    #[test]
    fn property_may_have_the_name_of_a_keyword() {
        let schema = json!({"type": "object", "properties": {"nullable": {"type": "boolean"}, "enum": {"type": "string"}}});
        assert!(accepts(&schema, &json!({"nullable": true, "enum": "a"})));
    }
}
