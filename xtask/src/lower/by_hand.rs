use serde_json::Value;

use super::{become_rust_type, each_map, replace_references};

/// Named schemas for which `carium-api` has a type written by hand, under the schema's name or another.
const TYPES: [(&str, &str); 3] =
    [("BirthDate", "BirthDate"), ("DateTime", "DateTime"), ("UploadData", "FormFields")];

/// The type written by hand that stands for a named schema.
pub(crate) fn has_type_by_hand(schema: &str) -> Option<&'static str> {
    TYPES.iter().find(|(name, _)| *name == schema).map(|(_, rust)| *rust)
}

/// Every reference to a named schema that has a type written by hand becomes that type; a string that is a
/// secret becomes `Secret`.
pub(super) fn lower(root: &mut Value) {
    replace_references(root, |name| has_type_by_hand(name).map(str::to_owned));
    each_map(root, &mut |map| {
        let is_secret = map.get("x-secret") == Some(&Value::Bool(true));
        if is_secret && map.get("type").and_then(Value::as_str) == Some("string") {
            become_rust_type(map, "Secret", &[]);
        }
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn known_names_and_secret_strings_become_types_written_by_hand() {
        let mut root = json!({"components": {"schemas": {
            "DateTime": {"type": "string", "format": "date-time"},
            "Login": {"properties": {
                "password": {"type": "string", "x-secret": true},
                "name": {"type": "string"},
                "at": {"$ref": "#/components/schemas/DateTime"},
            }},
        }}});
        super::lower(&mut root);
        let schemas = &root["components"]["schemas"];
        assert_eq!(
            schemas["DateTime"],
            serde_json::Value::Null,
            "it would be a type beside the one written by hand"
        );
        assert_eq!(schemas["Login"]["properties"]["at"]["x-rust-type"]["path"], "carium_api::DateTime");
        assert_eq!(schemas["Login"]["properties"]["password"]["x-rust-type"]["path"], "carium_api::Secret");
        assert_eq!(schemas["Login"]["properties"]["name"], json!({"type": "string"}));
    }
}
