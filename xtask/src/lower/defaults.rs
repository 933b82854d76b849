use serde_json::Value;

use super::each_map;

/// Drops every `default` but those that [`super::constants`] has put in, which stand beside an `allOf`:
/// [`super::references`] has left no other `allOf` with one member.
pub(super) fn lower(root: &mut Value) {
    each_map(root, &mut |map| {
        if map.get("type").is_some_and(Value::is_string) {
            map.remove("default");
        }
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_default_of_the_service_goes_and_a_constant_stays() {
        let mut root = json!({
            "locale": {"type": "string", "default": "en_US"},
            "type": {"allOf": [{"$ref": "#/Kind"}], "default": "a"},
            "properties": {"default": {"type": "string"}},
        });
        super::lower(&mut root);
        assert_eq!(root["locale"], json!({"type": "string"}));
        assert_eq!(root["type"]["default"], "a");
        assert!(root["properties"]["default"].is_object(), "a property may have the name");
    }
}
