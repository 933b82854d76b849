//! The way from a spec that is true to the vendor to one that the generators understand.
//!
//! The spec says what the service does; `progenitor` 0.15 and `typify` 0.8 know a part of what OpenAPI
//! can say. Rather than bending the spec, each thing that they cannot take is rewritten here, on a copy,
//! by one small function. What is lost on the way is either restored in the generated syntax tree
//! (see [`crate::rust`]) or kept by a type of `carium-api` written by hand.
//!
//! | lowering | rewrites | because |
//! | --- | --- | --- |
//! | [`media_types`](media_types::lower) | `application/vnd.api+json` to `application/json` | only the latter counts as JSON; the other becomes an untyped stream of bytes |
//! | [`references`](references::lower) | an `allOf` with one reference to that reference | a reference with something said beside it becomes a type of its own otherwise |
//! | [`constants`](constants::lower) | a required property with one possible value to one that has it by default | the caller would have to write the value out every time |
//! | [`defaults`](defaults::lower) | drops other `default`s | defaults are the service's to fill in: a generated one would be sent, and go stale |
//! | [`constraints`](constraints::lower) | drops `anyOf` over `required`, `minProperties`, `uniqueItems` | Rust's types cannot say them; `anyOf` becomes an enum that nobody wants. The domain crate checks them, and what the generators pass over by themselves: `maximum`, `minItems`, `format: email`, `minLength` of a secret |
//! | [`by_hand`](by_hand::lower) | named schemas that `carium-api` has a type for, and secrets, to that type | `DateTime` reads two forms, a form keeps its order, a secret is wiped |
//! | [`attributes`](attributes::lower) | nullable and `x-expect` properties of answers to `Attribute<T>` | an `Option` loses the difference between `null` and nothing, and fails the document for one odd value |
//! | [`changes`](changes::lower) | nullable properties of requests to `Change<T>` | an `Option` can keep or set a field, but not clear it |
//! | [`descriptions`](descriptions::lower) | brackets, bare URLs and blocks of code in descriptions | rustdoc takes them for links, warnings and tests |
//! | [`extras`](extras::lower) | `additionalProperties: true` to a map of `Unknown` | the generators drop what they do not know; answers keep it, and never print it |

mod attributes;
mod by_hand;
mod changes;
mod constants;
mod constraints;
mod defaults;
mod descriptions;
mod extras;
mod media_types;
mod references;

use serde_json::{Map, Value, json};

use crate::spec::{SCHEMA_REF, Spec};

pub(crate) use by_hand::has_type_by_hand;
pub(crate) use descriptions::for_rustdoc;

/// The crate that the generated code is a part of, as paths in it begin.
const CRATE: &str = "carium_api";

/// The spec as the generators are to see it.
pub(crate) fn lower(spec: &Spec) -> Value {
    let mut root = spec.root().clone();
    // Attributes and changes look at `nullable`, `x-expect` and marks, so what stands in the way of
    // those comes before them, and what they would hide comes before too.
    media_types::lower(&mut root);
    references::lower(&mut root);
    constants::lower(&mut root);
    defaults::lower(&mut root);
    constraints::lower(&mut root);
    attributes::lower(spec, &mut root);
    changes::lower(spec, &mut root);
    by_hand::lower(&mut root);
    extras::lower(&mut root);
    descriptions::lower(&mut root);
    root
}

/// A JSON Schema, read as a spec, as `typify` is to see it. Schemas that the API's spec has under the same
/// name become the types that are generated from there.
pub(crate) fn lower_json_schema(schema: &Spec, api: &Spec) -> Value {
    let mut root = schema.root().clone();
    references::lower(&mut root);
    defaults::lower(&mut root);
    constraints::lower(&mut root);
    by_hand::lower(&mut root);
    extras::lower(&mut root);
    descriptions::lower(&mut root);
    replace_references(&mut root, |name| api.schema(name).map(|_| format!("types::{name}")));
    root
}

/// A schema that stands for a type of `carium-api` written by hand, with its parameters.
fn rust_type(name: &str, parameters: &[Value]) -> Value {
    json!({
        "crate": CRATE,
        "version": "*",
        "path": format!("{CRATE}::{name}"),
        "parameters": parameters,
    })
}

/// Replaces a schema by a type written by hand, keeping what is said about it for people.
fn become_rust_type(schema: &mut Map<String, Value>, name: &str, parameters: &[Value]) {
    let description = schema.remove("description");
    schema.clear();
    if let Some(description) = description {
        schema.insert("description".to_owned(), description);
    }
    schema.insert("x-rust-type".to_owned(), rust_type(name, parameters));
}

/// Makes every reference to the named schemas that a function knows the type of `carium-api` that it
/// names, and drops those schemas.
fn replace_references(root: &mut Value, rust: impl Fn(&str) -> Option<String>) {
    if let Some(Value::Object(schemas)) = root.pointer_mut("/components/schemas") {
        schemas.retain(|name, _| rust(name).is_none());
    }
    each_map(root, &mut |map| {
        let target = map.get("$ref").and_then(Value::as_str);
        if let Some(rust) = target.and_then(|target| target.strip_prefix(SCHEMA_REF)).and_then(&rust) {
            map.remove("$ref");
            become_rust_type(map, &rust, &[]);
        }
    });
}

/// Calls a function with every map below a value, the innermost first. Examples hold data, not schemas,
/// and are passed over.
fn each_map(value: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each_map(item, visit)),
        Value::Object(map) => {
            for (name, member) in map.iter_mut() {
                if !matches!(name.as_str(), "example" | "examples") {
                    each_map(member, visit);
                }
            }
            visit(map);
        }
        _ => {}
    }
}

/// Calls a function with every map that has properties, the innermost first.
fn each_object_schema(value: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    each_map(value, &mut |map| {
        if map.get("properties").is_some_and(Value::is_object) {
            visit(map);
        }
    });
}

/// The named schemas of a document.
fn named_schemas(root: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    root.pointer_mut("/components/schemas").and_then(Value::as_object_mut).into_iter().flatten()
}
