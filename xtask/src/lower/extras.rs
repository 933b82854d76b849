use serde_json::{Value, json};

use super::{each_object_schema, rust_type};

/// `additionalProperties: true` becomes a map of `Unknown`, so that what the service sends and the spec
/// does not know is kept instead of dropped.
pub(super) fn lower(root: &mut Value) {
    each_object_schema(root, &mut |schema| {
        if let Some(extra) = schema.get_mut("additionalProperties")
            && *extra == Value::Bool(true)
        {
            *extra = json!({ "x-rust-type": rust_type("Unknown", &[]) });
        }
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn open_objects_keep_what_they_do_not_know_and_closed_ones_stay_closed() {
        let mut root = json!({
            "open": {"properties": {}, "additionalProperties": true},
            "closed": {"properties": {}, "additionalProperties": false},
        });
        super::lower(&mut root);
        let extra = &root["open"]["additionalProperties"]["x-rust-type"]["path"];
        assert_eq!(extra, "carium_api::Unknown");
        assert_eq!(root["closed"]["additionalProperties"], false);
    }
}
