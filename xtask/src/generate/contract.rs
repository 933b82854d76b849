//! Generates JSON files for tests: the JSON Schemas against which the sandbox validates requests and responses, and the
//! example responses, of which the fake returns some.
//!
//! Validators do not support OpenAPI's dialect, and parsing YAML would slow down the start of a sandbox. References to
//! parameters and responses are resolved here.

use serde_json::{Map, Value, json};

use super::files::Output;
use crate::json::{is_true, members};
use crate::json_schema::translate;
use crate::spec::{Operation, Spec};

/// Returns `{operations: {ID: {parameters, request, responses}}, components: {schemas}}`.
pub(super) fn schemas(spec: &Spec) -> Output {
    let operations: Map<_, _> = spec
        .operations()
        .iter()
        .map(|operation| (operation.id().to_owned(), describe(spec, operation)))
        .collect();
    let schemas: Map<_, _> =
        spec.schemas().map(|(name, schema)| (name.to_owned(), validation_only(&translate(schema)))).collect();
    let contract = json!({ "operations": operations, "components": { "schemas": schemas } });
    Output::json("crates/carium-mock/src/generated/spec.json", &contract)
}

/// Returns a list of `{operation, status, body}`, one entry per response of each operation. A range such as `2XX` is
/// represented by its first status.
pub(super) fn examples(spec: &Spec) -> Output {
    let operations = spec.operations();
    let responses = operations.iter().flat_map(|operation| {
        operation.responses().map(|(status, _, response)| {
            let content = spec.resolve(response).get("content").and_then(Value::as_object);
            let example = content.and_then(|content| content.values().next()?.get("example")).cloned();
            let status = status.replace("XX", "00").parse::<u16>().unwrap_or_default();
            json!({ "operation": operation.id(), "status": status, "body": example })
        })
    });
    Output::json("crates/carium-api/tests/generated/examples.json", &Value::Array(responses.collect()))
}

/// Returns `{ID: {status, body}}` with the first successful response of each operation.
pub(super) fn success_examples(spec: &Spec) -> Output {
    let operations = spec.operations();
    let examples = operations.iter().filter_map(|operation| {
        let (status, _, response) = operation.responses().find(|(status, ..)| status.starts_with('2'))?;
        let content = spec.resolve(response).get("content").and_then(Value::as_object);
        let example = content.and_then(|content| content.values().next()?.get("example"));
        let status = status.replace("XX", "00").parse::<u16>().unwrap_or_default();
        Some((operation.id().to_owned(), json!({ "status": status, "body": example })))
    });
    Output::json("crates/carium-mock/src/generated/examples.json", &Value::Object(examples.collect()))
}

fn describe(spec: &Spec, operation: &Operation<'_>) -> Value {
    let parameters = operation.parameters().map(|(_, parameter)| {
        let parameter = spec.resolve(parameter);
        json!({
            "name": parameter.get("name"),
            "in": parameter.get("in"),
            "required": is_true(parameter, "required"),
            "schema": parameter.get("schema").map(|schema| validation_only(&translate(schema))),
        })
    });
    let parameters: Vec<_> = parameters.collect();
    let request = operation.value.get("requestBody").map(|body| {
        let body = spec.resolve(body);
        json!({ "required": is_true(body, "required"), "content": content(body) })
    });
    let responses: Map<_, _> = operation
        .responses()
        .map(|(status, _, response)| (status.to_owned(), content(spec.resolve(response))))
        .collect();
    json!({ "parameters": parameters, "request": request, "responses": responses })
}

/// Returns the schema of each media type.
fn content(body: &Value) -> Value {
    let schemas = members(body.get("content")).filter_map(|(media_type, content)| {
        Some((media_type.to_owned(), validation_only(&translate(content.get("schema")?))))
    });
    Value::Object(schemas.collect())
}

/// Returns a schema without keywords that do not affect validation.
fn validation_only(schema: &Value) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(validation_only).collect(),
        Value::Object(map) => {
            let mut out = Map::new();
            for (keyword, value) in map {
                match keyword.as_str() {
                    "description" | "example" | "default" | "nullable" => {}
                    keyword if keyword.starts_with("x-") => {}
                    // Names of properties and values of an enum are not keywords.
                    "properties" => {
                        let properties = members(Some(value));
                        let properties =
                            properties.map(|(name, schema)| (name.to_owned(), validation_only(schema)));
                        out.insert(keyword.clone(), Value::Object(properties.collect()));
                    }
                    "enum" => {
                        out.insert(keyword.clone(), value.clone());
                    }
                    _ => {
                        out.insert(keyword.clone(), validation_only(value));
                    }
                }
            }
            Value::Object(out)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_property_names_and_removes_annotations() {
        let schema = json!({
            "type": "object",
            "description": "A thing.",
            "x-phi": true,
            "properties": { "description": { "type": "string", "example": "a" }, "x-ray": { "enum": ["x-1"] } },
        });
        let validation_only = validation_only(&schema);
        assert_eq!(
            validation_only,
            json!({
                "type": "object",
                "properties": { "description": { "type": "string" }, "x-ray": { "enum": ["x-1"] } },
            })
        );
    }
}
