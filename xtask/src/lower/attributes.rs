use serde_json::{Map, Value, json};

use super::{become_rust_type, named_schemas};
use crate::spec::{SCHEMA_REF, Spec};

/// In the schemas that answers hold, each property that may be `null`, and each that only expects its
/// values, becomes `Attribute<T>`, where `T` is what is expected. A named schema that may be `null` stops
/// being so: the property that refers to it carries that now.
pub(super) fn lower(spec: &Spec, root: &mut Value) {
    let sides = spec.sides();
    for (name, schema) in named_schemas(root) {
        let Some(schema) = schema.as_object_mut() else { continue };
        if !sides.in_response(name) {
            continue;
        }
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            for property in properties.values_mut() {
                if spec.is_lenient(property)
                    && let Some(property) = property.as_object_mut()
                {
                    let expected = expected(property);
                    become_rust_type(property, "Attribute", &[expected]);
                }
            }
        }
        schema.remove("nullable");
    }
}

/// The schema that the values of a lenient property are expected to satisfy.
fn expected(property: &Map<String, Value>) -> Value {
    if let Some(name) = property.get("x-expect").and_then(Value::as_str) {
        return json!({ "$ref": format!("{SCHEMA_REF}{name}") });
    }
    let mut expected = property.clone();
    // What a person reads about the property stays with the property.
    for word in ["nullable", "description", "example", "x-phi"] {
        expected.remove(word);
    }
    if let Some(items) = expected.get_mut("items").and_then(Value::as_object_mut) {
        *items = match self::expected(items) {
            Value::Object(items) => items,
            _ => Map::new(),
        };
    }
    Value::Object(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = "
paths: {/a/: {get: {responses: {'200': {content: {application/json: {schema: {$ref: '#/components/schemas/Answer'}}}}}}}}
components:
  schemas:
    Answer:
      properties:
        plain: {type: string}
        maybe: {type: string, nullable: true, description: Perhaps.}
        kind: {type: string, nullable: true, x-expect: Kind}
        kinds: {type: array, nullable: true, items: {type: string, x-expect: Kind}}
        more: {$ref: '#/components/schemas/More'}
    Kind: {type: string, enum: [a, b]}
    More: {type: object, nullable: true}
    Request: {properties: {maybe: {type: string, nullable: true}}}
";

    #[test]
    fn lenient_properties_of_answers_become_attributes() {
        let spec = Spec::parse("t.yaml", SPEC).unwrap();
        let mut root = spec.root().clone();
        lower(&spec, &mut root);
        let schemas = &root["components"]["schemas"];
        let answer = &schemas["Answer"]["properties"];
        assert_eq!(answer["plain"], json!({"type": "string"}));
        assert_eq!(answer["maybe"]["description"], "Perhaps.");
        let parameter = |name: &str| &answer[name]["x-rust-type"]["parameters"][0];
        assert_eq!(parameter("maybe"), &json!({"type": "string"}));
        assert_eq!(parameter("kind"), &json!({"$ref": "#/components/schemas/Kind"}));
        assert_eq!(parameter("kinds")["items"], json!({"$ref": "#/components/schemas/Kind"}));
        assert_eq!(parameter("more"), &json!({"$ref": "#/components/schemas/More"}));
        assert_eq!(schemas["More"], json!({"type": "object"}));
        assert_eq!(schemas["Request"]["properties"]["maybe"]["nullable"], true);
    }
}
