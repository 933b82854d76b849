use serde_json::{Value, json};

use super::{become_rust_type, named_schemas};
use crate::spec::Spec;

/// In the schemas that requests hold, each property that may be `null` becomes `Change<T>`: keep, clear
/// or set.
pub(super) fn lower(spec: &Spec, root: &mut Value) {
    let sides = spec.sides();
    for (name, schema) in named_schemas(root) {
        if !sides.in_request(name) {
            continue;
        }
        let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
        for property in properties.into_iter().flat_map(|properties| properties.values_mut()) {
            let Some(property) = property.as_object_mut() else { continue };
            if property.get("nullable") == Some(&Value::Bool(true)) {
                let mut set = property.clone();
                for word in ["nullable", "description", "example", "x-phi"] {
                    set.remove(word);
                }
                become_rust_type(property, "Change", &[json!(set)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nullable_property_of_a_request_can_be_kept_cleared_or_set() {
        let spec = Spec::parse(
            "t.yaml",
            "
paths: {/a/: {patch: {requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Update'}}}}}}}
components: {schemas: {Update: {properties: {note: {type: string, nullable: true}, at: {type: string}}}}}
",
        )
        .unwrap();
        let mut root = spec.root().clone();
        lower(&spec, &mut root);
        let properties = &root["components"]["schemas"]["Update"]["properties"];
        assert_eq!(properties["note"]["x-rust-type"]["path"], "carium_api::Change");
        assert_eq!(properties["note"]["x-rust-type"]["parameters"], json!([{"type": "string"}]));
        assert_eq!(properties["at"], json!({"type": "string"}));
    }
}
