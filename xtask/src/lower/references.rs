use serde_json::Value;

use super::each_map;

/// `allOf: [{$ref: …}]` with anything beside it becomes the reference alone. What was said beside it is
/// said of one place: [`crate::rust::docs`] restores the description from the spec itself.
pub(super) fn lower(root: &mut Value) {
    each_map(root, &mut |map| {
        let Some([only]) = map.get("allOf").and_then(Value::as_array).map(Vec::as_slice) else { return };
        let Some(target) = only.get("$ref").cloned() else { return };
        map.clear();
        map.insert("$ref".to_owned(), target);
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn one_reference_in_an_all_of_is_the_reference_and_two_are_not() {
        let mut root = json!({
            "one": {"allOf": [{"$ref": "#/a"}], "default": 1},
            "two": {"allOf": [{"$ref": "#/a"}, {"$ref": "#/b"}]},
        });
        super::lower(&mut root);
        assert_eq!(root["one"], json!({"$ref": "#/a"}));
        assert_eq!(root["two"]["allOf"].as_array().map(Vec::len), Some(2));
    }
}
