use serde_json::{Map, Value, json};

use super::{each_map, rust_type};

/// `additionalProperties: true` becomes a map of `Unknown`, so that what the service sends and the spec does
/// not know is kept instead of dropped, and not printed. So does a free-form map, which says nothing of what
/// it holds.
pub(super) fn lower(root: &mut Value) {
    each_map(root, &mut |schema| {
        let is_open = schema.get("additionalProperties") == Some(&Value::Bool(true));
        if (is_open && has_properties(schema)) || is_free_form(schema) {
            let unknown = json!({ "x-rust-type": rust_type("Unknown", &[]) });
            schema.insert("additionalProperties".to_owned(), unknown);
        }
    });
}

fn has_properties(schema: &Map<String, Value>) -> bool {
    schema.get("properties").is_some_and(Value::is_object)
}

fn is_free_form(schema: &Map<String, Value>) -> bool {
    let says_nothing = match schema.get("additionalProperties") {
        None | Some(Value::Bool(true)) => true,
        Some(Value::Object(values)) => values.is_empty(),
        Some(_) => false,
    };
    schema.get("type").and_then(Value::as_str) == Some("object") && says_nothing && !has_properties(schema)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn open_objects_keep_what_they_do_not_know_and_closed_ones_stay_closed() {
        let mut root = json!({
            "open": {"properties": {}, "additionalProperties": true},
            "closed": {"properties": {}, "additionalProperties": false},
            "free": {"type": "object"},
            "typed": {"type": "object", "additionalProperties": {"type": "string"}},
        });
        super::lower(&mut root);
        let extra = &root["open"]["additionalProperties"]["x-rust-type"]["path"];
        assert_eq!(extra, "carium_api::Unknown");
        assert_eq!(root["closed"]["additionalProperties"], false);
        assert_eq!(&root["free"]["additionalProperties"]["x-rust-type"]["path"], "carium_api::Unknown");
        assert_eq!(root["typed"]["additionalProperties"]["type"], "string");
    }
}
