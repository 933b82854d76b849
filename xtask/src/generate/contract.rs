//! What the sandbox checks requests and answers against: the operations, with every schema as JSON Schema.
//!
//! The spec itself is of a dialect that validators do not read, and reading YAML takes longer than a sandbox may
//! take to start. References to parameters and responses are followed here, so that who reads the file needs not.

use serde_json::{Map, Value, json};

use super::Output;
use crate::spec::{Operation, Spec, members, translate};

/// `{operations: {ID: {parameters, request, answers}}, components: {schemas}}`. JSON has no comments, so this file
/// has no header; `--check` guards it like the others.
pub(super) fn output(spec: &Spec) -> Output {
    let operations: Map<_, _> = spec
        .operations()
        .iter()
        .map(|operation| (operation.id().to_owned(), described(spec, operation)))
        .collect();
    let schemas: Map<_, _> =
        spec.schemas().map(|(name, schema)| (name.to_owned(), bare(&translate(schema)))).collect();
    let contract = json!({ "operations": operations, "components": { "schemas": schemas } });
    Output {
        path: "crates/carium-mock/src/generated/contract.json".to_owned(),
        text: format!("{contract:#}\n"),
    }
}

fn described(spec: &Spec, operation: &Operation<'_>) -> Value {
    let parameters = operation.parameters().map(|(_, parameter)| {
        let parameter = spec.resolve(parameter);
        json!({
            "name": parameter.get("name"),
            "in": parameter.get("in"),
            "required": is_true(parameter.get("required")),
            "schema": parameter.get("schema").map(|schema| bare(&translate(schema))),
        })
    });
    let parameters: Vec<_> = parameters.collect();
    let request = operation.value.get("requestBody").map(|body| {
        let body = spec.resolve(body);
        json!({ "required": is_true(body.get("required")), "content": content(body) })
    });
    let answers: Map<_, _> = operation
        .responses()
        .map(|(status, _, response)| (status.to_owned(), content(spec.resolve(response))))
        .collect();
    json!({ "parameters": parameters, "request": request, "answers": answers })
}

fn is_true(value: Option<&Value>) -> bool {
    value == Some(&Value::Bool(true))
}

/// The schema of each media type.
fn content(body: &Value) -> Value {
    let schemas = members(body.get("content")).filter_map(|(media_type, content)| {
        Some((media_type.to_owned(), bare(&translate(content.get("schema")?))))
    });
    Value::Object(schemas.collect())
}

/// The schema without what no value is judged by.
fn bare(schema: &Value) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(bare).collect(),
        Value::Object(map) => {
            let mut out = Map::new();
            for (word, value) in map {
                match word.as_str() {
                    "description" | "example" | "default" | "nullable" => {}
                    word if word.starts_with("x-") => {}
                    // Names of properties are not words of the language, and values of an enum none either.
                    "properties" => {
                        let properties = members(Some(value));
                        let properties = properties.map(|(name, schema)| (name.to_owned(), bare(schema)));
                        out.insert(word.clone(), Value::Object(properties.collect()));
                    }
                    "enum" => {
                        out.insert(word.clone(), value.clone());
                    }
                    _ => {
                        out.insert(word.clone(), bare(value));
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
    fn names_of_properties_stay_and_words_about_them_go() {
        let schema = json!({
            "type": "object",
            "description": "A thing.",
            "x-phi": true,
            "properties": { "description": { "type": "string", "example": "a" }, "x-ray": { "enum": ["x-1"] } },
        });
        let bare = bare(&schema);
        assert_eq!(
            bare,
            json!({
                "type": "object",
                "properties": { "description": { "type": "string" }, "x-ray": { "enum": ["x-1"] } },
            })
        );
    }
}
