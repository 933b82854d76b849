//! Resources that the spec does not contain, at paths that a test registers.

use std::collections::HashMap;
use std::sync::Arc;

use http::{Method, StatusCode};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::message::{ErrorResponse, ParsedRequest, SuccessResponse};
use super::operations::Applied;
use super::operations::lists::paginate;
use super::quirks::Quirk;
use super::routing::{Route, route, segments};
use super::state::ServiceState;

/// Returns the body of the response to an action, given the ID of the item and the body of the request.
pub(crate) type Action = dyn Fn(&str, &Value) -> Value + Send + Sync;

/// An action with the item and the body that it was requested for.
pub(super) struct ActionCall {
    action: Arc<Action>,
    id: String,
    body: Value,
}

impl ActionCall {
    pub(super) fn run(self) -> SuccessResponse {
        SuccessResponse::ok((self.action)(&self.id, &self.body))
    }
}

/// The resources at one path.
#[derive(Default)]
pub(crate) struct ResourceCollection {
    /// The attributes by ID, in order of creation.
    pub(crate) items: IndexMap<String, Map<String, Value>>,
    pub(crate) actions: HashMap<String, Arc<Action>>,
}

/// The collections by path, without leading and trailing slashes.
#[derive(Default)]
pub(crate) struct ResourceCollections(HashMap<String, ResourceCollection>);

impl ResourceCollections {
    /// Returns the collection at a path, which is created if necessary.
    pub(crate) fn at(&mut self, path: &str) -> &mut ResourceCollection {
        self.0.entry(segments(path).join("/")).or_default()
    }

    /// Returns the path of the collection that a request refers to, and the rest of the path.
    pub(crate) fn find<'a>(&self, path: &'a str) -> Option<(String, Vec<&'a str>)> {
        let segments = segments(path);
        (1..=segments.len()).rev().find_map(|length| {
            let (collection, rest) = segments.split_at_checked(length)?;
            let collection = collection.join("/");
            (rest.len() <= 2 && self.0.contains_key(&collection)).then(|| (collection, rest.to_vec()))
        })
    }

    /// Returns the method and the template of a request, such as `GET /caredb/v1/org-care-teams/{id}/`.
    pub(super) fn call_name(&self, method: &Method, path: &str) -> Option<String> {
        let (collection, rest) = self.find(path)?;
        let item = if rest.is_empty() { "" } else { "{id}/" };
        let action = rest.get(1).map(|action| format!("{action}/")).unwrap_or_default();
        Some(format!("{method} /{collection}/{item}{action}"))
    }
}

/// Applies a request to a registered resource.
pub(super) fn apply(state: &mut ServiceState, request: &ParsedRequest<'_>) -> Result<Applied, ErrorResponse> {
    let path = request.path();
    let Some((collection, rest)) = state.resources.find(path).filter(|_| path.ends_with('/')) else {
        if matches!(route(request.method(), path), Route::MethodNotAllowed(_)) {
            return Err(method_not_allowed());
        }
        let detail = "The path is not in the spec, and no resource is registered for it.";
        return Err(ErrorResponse::new(StatusCode::NOT_FOUND, "unknown-path", detail));
    };
    let resource_type = collection.rsplit('/').next().unwrap_or_default().to_owned();
    let resource = |id: &str, attributes: &Map<String, Value>| json!({"id": id, "type": resource_type, "attributes": attributes});
    let result = match (request.method(), rest.as_slice()) {
        (&Method::GET, []) => {
            let items = state.resources.at(&collection).items.iter();
            let items = items.filter(|(_, attributes)| matches_filters(request, attributes));
            paginate(request, items, |(id, attributes)| resource(id, attributes))
        }
        (&Method::POST, []) => {
            let (_, attributes) = requested_resource(request, &resource_type)?;
            let id = state.next_id().to_string();
            let created = json!({"data": resource(&id, &attributes)});
            state.resources.at(&collection).items.insert(id, attributes);
            Ok(SuccessResponse::created(created))
        }
        (&Method::GET, [id]) => {
            let attributes = state.resources.at(&collection).items.get(*id).ok_or_else(not_found)?;
            Ok(SuccessResponse::ok(json!({"data": resource(id, attributes)})))
        }
        (&Method::PATCH, [id]) => {
            let (requested_id, changes) = requested_resource(request, &resource_type)?;
            match requested_id {
                None if state.quirks.has(Quirk::UpdateRequiresId) => {
                    return Err(invalid("/data/id", "The ID of the item is missing."));
                }
                Some(other) if other != *id => {
                    let error = invalid("/data/id", "The ID is not that of the URL.");
                    return Err(error.with_status(StatusCode::CONFLICT));
                }
                _ => {}
            }
            let attributes = state.resources.at(&collection).items.get_mut(*id).ok_or_else(not_found)?;
            attributes.extend(changes);
            Ok(SuccessResponse::ok(json!({"data": resource(id, attributes)})))
        }
        (&Method::DELETE, [id]) => {
            state.resources.at(&collection).items.shift_remove(*id).ok_or_else(not_found)?;
            Ok(SuccessResponse::no_content())
        }
        (&Method::GET | &Method::POST, [id, action]) => {
            let body = if request.has_body() { request.body::<Value>()? } else { Value::Null };
            let collection = state.resources.at(&collection);
            if !collection.items.contains_key(*id) {
                return Err(not_found());
            }
            let action = collection.actions.get(*action).ok_or_else(not_found)?;
            let (action, id) = (Arc::clone(action), (*id).to_owned());
            return Ok(Applied::Action(ActionCall { action, id, body }));
        }
        _ => Err(method_not_allowed()),
    };
    result.map(Applied::Response)
}

fn method_not_allowed() -> ErrorResponse {
    let detail = "The resource does not support the method.";
    ErrorResponse::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}

fn not_found() -> ErrorResponse {
    ErrorResponse::not_found("item")
}

fn invalid(pointer: &str, detail: &str) -> ErrorResponse {
    ErrorResponse::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail).with_pointer(pointer.to_owned())
}

/// Returns the ID and the attributes of the resource in the body.
fn requested_resource(
    request: &ParsedRequest<'_>,
    resource_type: &str,
) -> Result<(Option<String>, Map<String, Value>), ErrorResponse> {
    let mut body: Value = request.body()?;
    if body.pointer("/data/type").and_then(Value::as_str) != Some(resource_type) {
        return Err(invalid("/data/type", "The type is missing or is not that of the path."));
    }
    let id = body.pointer("/data/id").and_then(Value::as_str).map(str::to_owned);
    match body.pointer_mut("/data/attributes").map(Value::take) {
        Some(Value::Object(attributes)) => Ok((id, attributes)),
        _ => Err(invalid("/data/attributes", "The attributes are missing or not an object.")),
    }
}

/// Checks whether the attributes match every `filter[name]` and every bare parameter, except those of paging.
fn matches_filters(request: &ParsedRequest<'_>, attributes: &Map<String, Value>) -> bool {
    let mut filters = request.parameters().filter(|(name, _)| !name.starts_with("page["));
    filters.all(|(name, value)| {
        let name = name.strip_prefix("filter[").and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        match attributes.get(name) {
            Some(Value::String(text)) => text == value,
            Some(other) => serde_json::from_str::<Value>(value).is_ok_and(|value| value == *other),
            None => false,
        }
    })
}
