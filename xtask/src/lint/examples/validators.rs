//! Validators for the schemas of one document, each compiled once and only when it is asked for.

use std::collections::HashMap;

use jsonschema::{Draft, Registry, Validator};
use serde_json::{Value, json};

/// The draft that the schemas are read as: the first that knows the formats `uuid` and `duration`. What
/// stands in them is of draft 7, and means the same in this one.
const DRAFT: Draft = Draft::Draft201909;

/// What the registry calls the document.
const URI: &str = "urn:document";

/// Validators, by the JSON pointers of their schemas.
pub(super) struct Validators {
    /// None where nothing can be looked up at all, so that nothing is compiled.
    registry: Option<Registry<'static>>,
    compiled: HashMap<String, Option<Validator>>,
}

impl Validators {
    /// Validators for the schemas of a document of JSON Schema.
    pub(super) fn over(document: &Value) -> Self {
        let mut document = document.clone();
        // It is known by one name, and read as one draft, whatever it says of itself.
        if let Some(map) = document.as_object_mut() {
            map.remove("$schema");
            map.remove("$id");
        }
        let whole = document.clone();
        disarm(&mut document, &whole);
        let resource = DRAFT.create_resource(document);
        let registry = Registry::new().draft(DRAFT).add(URI, resource);
        let registry = registry.and_then(jsonschema::RegistryBuilder::prepare).ok();
        Self { registry, compiled: HashMap::new() }
    }

    /// The validator for the schema at a JSON pointer; none where the schema cannot be read.
    pub(super) fn get(&mut self, pointer: &str) -> Option<&Validator> {
        let registry = self.registry.as_ref()?;
        let compile = || {
            jsonschema::options()
                .with_draft(DRAFT)
                .with_registry(registry)
                .should_validate_formats(true)
                .offline()
                .build(&json!({ "$ref": format!("{URI}#{}", percent_encoded(pointer)) }))
                .ok()
        };
        self.compiled.entry(pointer.to_owned()).or_insert_with(compile).as_ref()
    }
}

/// Takes out the references that a validator would stumble over: those that lead nowhere and those that
/// lead in a circle. They are reported as such, and the rest of the examples must still be judged.
fn disarm(value: &mut Value, whole: &Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| disarm(item, whole)),
        Value::Object(map) => {
            if map.get("$ref").is_some_and(|reference| !leads_somewhere(reference, whole)) {
                map.remove("$ref");
            }
            map.values_mut().for_each(|member| disarm(member, whole));
        }
        _ => {}
    }
}

fn leads_somewhere(reference: &Value, whole: &Value) -> bool {
    let mut reference = reference;
    // As in [`crate::spec::Spec::resolve`]: far more than anyone writes, and the end of a circle.
    for _ in 0..32 {
        let pointer = reference.as_str().and_then(|it| it.strip_prefix('#'));
        let Some(target) = pointer.and_then(|it| whole.pointer(it)) else {
            return false;
        };
        match target.get("$ref") {
            Some(next) => reference = next,
            None => return true,
        }
    }
    false
}

/// A JSON pointer as the fragment of a URI.
fn percent_encoded(pointer: &str) -> String {
    let mut text = String::new();
    for byte in pointer.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(byte.into());
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}
