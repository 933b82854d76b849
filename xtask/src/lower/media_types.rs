use serde_json::Value;

use super::each_map;

const JSON_API: &str = "application/vnd.api+json";
const JSON: &str = "application/json";

/// `application/vnd.api+json` becomes `application/json`, wherever a `content` has it.
pub(super) fn lower(root: &mut Value) {
    each_map(root, &mut |map| {
        if let Some(content) = map.get_mut("content").and_then(Value::as_object_mut)
            && let Some(body) = content.remove(JSON_API)
        {
            content.insert(JSON.to_owned(), body);
        }
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn the_vendors_media_type_becomes_plain_json_and_others_stay() {
        let mut root = json!({"a": {"content": {"application/vnd.api+json": {"schema": 1}}}, "b": {"content": {"text/html": 2}}});
        super::lower(&mut root);
        assert_eq!(
            root,
            json!({"a": {"content": {"application/json": {"schema": 1}}}, "b": {"content": {"text/html": 2}}})
        );
    }
}
