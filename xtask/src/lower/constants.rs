use serde_json::{Value, json};

use super::each_object_schema;
use crate::spec::referred_schema;

/// A required property whose schema allows one value is filled in: it is no longer required and has that
/// value by default, so that a generated builder never asks for `type: org-appointments`. It is still sent.
pub(super) fn lower(root: &mut Value) {
    let constants: Vec<(String, Value)> = super::named_schemas(root)
        .filter_map(|(name, schema)| Some((name.clone(), only_value(schema)?.clone())))
        .collect();
    each_object_schema(root, &mut |schema| {
        let mut filled = Vec::new();
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            for (name, property) in properties {
                let constant = referred_schema(property)
                    .and_then(|target| constants.iter().find(|(name, _)| name == target));
                if let Some((target, value)) = constant {
                    *property = json!({
                        "allOf": [{ "$ref": format!("{}{target}", crate::spec::SCHEMA_REF) }],
                        "default": value,
                    });
                    filled.push(name.clone());
                }
            }
        }
        if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|name| !filled.iter().any(|filled| name.as_str() == Some(filled.as_str())));
        }
    });
}

fn only_value(schema: &Value) -> Option<&Value> {
    match schema.get("enum")?.as_array()?.as_slice() {
        [only] => Some(only),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_property_with_one_possible_value_is_filled_in() {
        let mut root = json!({"components": {"schemas": {
            "Kind": {"type": "string", "enum": ["a"]},
            "Data": {
                "properties": {"type": {"$ref": "#/components/schemas/Kind"}, "id": {"type": "string"}},
                "required": ["type", "id"],
            },
        }}});
        super::lower(&mut root);
        let data = &root["components"]["schemas"]["Data"];
        assert_eq!(data["required"], json!(["id"]));
        assert_eq!(data["properties"]["type"]["default"], "a");
        assert_eq!(data["properties"]["type"]["allOf"][0]["$ref"], "#/components/schemas/Kind");
    }
}
