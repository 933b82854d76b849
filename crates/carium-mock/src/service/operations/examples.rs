//! Operations without a rule of their own: the response is the example of the spec.

use std::sync::LazyLock;

use http::StatusCode;
use serde_json::{Map, Value};

use super::lists::paginate;
use crate::service::message::{ErrorResponse, ParsedRequest, ServiceResult, SuccessResponse};

/// The status and the body of the first successful response of each operation.
static EXAMPLES: LazyLock<Map<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../generated/examples.json")).unwrap_or_default());

/// Returns the example. A list is paged like other lists.
pub(super) fn respond(request: &ParsedRequest<'_>) -> ServiceResult {
    let id = request.operation.id;
    let Some(example) = EXAMPLES.get(id) else {
        let detail = format!("The fake does not implement {id}.");
        return Err(ErrorResponse::new(StatusCode::NOT_FOUND, "not-implemented", detail));
    };
    let body = &example["body"];
    match body["data"].as_array() {
        Some(items) => paginate(request, items.iter(), Value::clone),
        None if body.is_null() => Ok(SuccessResponse::no_content()),
        None if example["status"] == 201 => Ok(SuccessResponse::created(body.clone())),
        None => Ok(SuccessResponse::ok(body.clone())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use bytes::Bytes;
    use carium_api::{Operation, operations};
    use http::Request;

    use super::*;

    fn response(operation: &'static Operation, query: &str) -> (StatusCode, Value) {
        let request = Request::get(format!("https://fake.invalid/?{query}")).body(Bytes::new()).unwrap();
        let Ok(success) = respond(&ParsedRequest::new(operation, &request)) else { panic!("{operation:?}") };
        let response = success.into_response();
        (response.status(), serde_json::from_slice(response.body()).unwrap_or_default())
    }

    #[test]
    fn responds_with_the_example_of_the_spec() {
        let (status, list) = response(&operations::LIST_PRACTITIONERS, "");
        assert_eq!((status, list["data"].as_array().unwrap().len()), (StatusCode::OK, 1));
        let (_, list) = response(&operations::LIST_PRACTITIONERS, "page[offset]=1");
        assert!(list["data"].as_array().unwrap().is_empty(), "the second page");
        let (status, document) = response(&operations::CREATE_PATIENT, "");
        assert!(status.is_success() && document["data"]["id"].is_string());
        assert_eq!(response(&operations::DELETE_APPOINTMENT, "").0, StatusCode::NO_CONTENT);
    }
}
