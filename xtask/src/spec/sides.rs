//! Determines which named schemas are used by requests and which by responses.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{SCHEMA_REF, Spec};

/// The named schemas that requests and responses use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sides {
    request: BTreeSet<String>,
    response: BTreeSet<String>,
}

impl Sides {
    /// Returns `true` if a request body or parameter can contain a value of this schema.
    pub(crate) fn in_request(&self, name: &str) -> bool {
        self.request.contains(name)
    }

    /// Returns `true` if a response can contain a value of this schema.
    pub(crate) fn in_response(&self, name: &str) -> bool {
        self.response.contains(name)
    }
}

pub(super) fn of(spec: &Spec) -> Sides {
    let mut sides = Sides::default();
    for operation in spec.operations() {
        for (_, parameter) in operation.parameters() {
            reach(spec, parameter, &mut sides.request);
        }
        if let Some(body) = operation.value.get("requestBody") {
            reach(spec, body, &mut sides.request);
        }
        for (_, _, response) in operation.responses() {
            reach(spec, response, &mut sides.response);
        }
    }
    sides
}

/// Collects the names of the schemas below a value, following references and `x-expect`. Other references are collected,
/// too, so that circular references end.
fn reach(spec: &Spec, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| reach(spec, item, found)),
        Value::Object(map) => {
            for (member, value) in map {
                match (member.as_str(), value.as_str()) {
                    ("$ref", Some(target)) => {
                        if let Some(name) = target.strip_prefix(SCHEMA_REF) {
                            visit(spec, name, found);
                        } else if found.insert(target.to_owned())
                            && let Some(component) =
                                target.strip_prefix('#').and_then(|at| spec.root().pointer(at))
                        {
                            reach(spec, component, found);
                        }
                    }
                    ("x-expect", Some(name)) => visit(spec, name, found),
                    // Names of properties are not keywords.
                    ("properties", _) => {
                        value
                            .as_object()
                            .into_iter()
                            .flatten()
                            .for_each(|(_, schema)| reach(spec, schema, found));
                    }
                    // Examples contain data, not schemas.
                    ("example" | "examples", _) => {}
                    _ => reach(spec, value, found),
                }
            }
        }
        _ => {}
    }
}

fn visit(spec: &Spec, name: &str, found: &mut BTreeSet<String>) {
    if found.insert(name.to_owned())
        && let Some(schema) = spec.schema(name)
    {
        reach(spec, schema, found);
    }
}
