//! Exports the example responses of the spec for tests.

use serde_json::{Value, json};

use super::Output;
use crate::spec::Spec;

/// Returns a list of `{operation, status, body}`, one entry per response of each operation. A range such as `2XX` is
/// represented by its first status. The file has no header, because JSON has no comments.
pub(super) fn output(spec: &Spec) -> Output {
    let operations = spec.operations();
    let responses = operations.iter().flat_map(|operation| {
        operation.responses().map(|(status, _, response)| {
            let content = spec.resolve(response).get("content").and_then(Value::as_object);
            let example = content.and_then(|content| content.values().next()?.get("example")).cloned();
            let status = status.replace("XX", "00").parse::<u16>().unwrap_or_default();
            json!({ "operation": operation.id(), "status": status, "body": example })
        })
    });
    let responses = Value::Array(responses.collect());
    Output {
        path: "crates/carium-api/tests/generated/examples.json".to_owned(),
        text: format!("{responses:#}\n"),
    }
}
