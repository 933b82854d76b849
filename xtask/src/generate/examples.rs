//! The example answers of the spec, for the tests that read them.

use serde_json::{Value, json};

use super::Output;
use crate::spec::Spec;

/// A list of `{operation, status, body}`, an entry for each answer of each operation. A range such as
/// `2XX` stands as its first status. JSON has no comments, so this one file has no header; `--check`
/// guards it like the others.
pub(super) fn output(spec: &Spec) -> Output {
    let operations = spec.operations();
    let answers = operations.iter().flat_map(|operation| {
        operation.responses().map(|(status, _, response)| {
            let content = spec.resolve(response).get("content").and_then(Value::as_object);
            let example = content.and_then(|content| content.values().next()?.get("example")).cloned();
            let status = status.replace("XX", "00").parse::<u16>().unwrap_or_default();
            json!({ "operation": operation.id(), "status": status, "body": example })
        })
    });
    let answers = Value::Array(answers.collect());
    Output {
        path: "crates/carium-api/tests/generated/examples.json".to_owned(),
        text: format!("{answers:#}\n"),
    }
}
