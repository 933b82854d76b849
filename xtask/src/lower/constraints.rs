use serde_json::Value;

use super::each_map;

/// Drops the constraints over several properties, or over a whole list, that a Rust type cannot hold:
/// `anyOf` whose members only require, alone or inside an `allOf`, `minProperties` and `uniqueItems`.
pub(super) fn lower(root: &mut Value) {
    each_map(root, &mut |map| {
        if map.get("anyOf").is_some_and(|choice| all_have_only(choice, "required")) {
            map.remove("anyOf");
        }
        // The innermost maps come first, so what was such a choice inside is empty by now.
        if let Some(parts) = map.get_mut("allOf").and_then(Value::as_array_mut) {
            parts.retain(|part| part.as_object().is_none_or(|part| !part.is_empty()));
            if parts.is_empty() {
                map.remove("allOf");
            }
        }
        if map.get("type").is_some_and(Value::is_string) {
            map.remove("minProperties");
            map.remove("uniqueItems");
        }
    });
}

fn all_have_only(parts: &Value, word: &str) -> bool {
    let has_only = |part: &Value| part.as_object().is_some_and(|part| part.keys().all(|found| found == word));
    parts.as_array().is_some_and(|parts| parts.iter().all(has_only))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn only_what_rust_cannot_say_is_dropped() {
        let mut root = json!({
            "a": {"type": "object", "minProperties": 1, "allOf": [{"anyOf": [{"required": ["x"]}, {"required": ["y"]}]}]},
            "b": {"anyOf": [{"type": "string"}, {"required": ["y"]}]},
            "c": {"type": "array", "uniqueItems": true, "minItems": 1},
        });
        super::lower(&mut root);
        assert_eq!(root["a"], json!({"type": "object"}));
        assert!(root["b"]["anyOf"].is_array());
        assert_eq!(root["c"], json!({"type": "array", "minItems": 1}));
    }
}
