//! The operations of a spec with their locations.

use serde_json::Value;

use super::{Spec, members};
use crate::document::join;

/// The HTTP methods of OpenAPI 3.0.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// An operation.
#[derive(Debug, Clone)]
pub(crate) struct Operation<'a> {
    /// The path template.
    pub(crate) path: &'a str,
    /// The method in lowercase.
    pub(crate) method: &'a str,
    /// The JSON pointer of the operation.
    pub(crate) pointer: String,
    /// The operation object.
    pub(crate) value: &'a Value,
    /// The path item, whose parameters also apply.
    pub(crate) item: &'a Value,
    root: &'a Value,
}

impl<'a> Operation<'a> {
    /// Returns the operation ID. It is empty if missing, which the linter reports.
    pub(crate) fn id(&self) -> &'a str {
        self.text("operationId").unwrap_or_default()
    }

    /// Returns a string member of the operation.
    pub(crate) fn text(&self, member: &str) -> Option<&'a str> {
        self.value.get(member).and_then(Value::as_str)
    }

    /// Returns the tag, which is the name of the service.
    pub(crate) fn tag(&self) -> Option<&'a str> {
        super::strings(self.value.get("tags")).next()
    }

    /// Returns whether the operation needs an access token, according to its own `security` or that of the document.
    pub(crate) fn needs_token(&self) -> bool {
        let security = self.value.get("security").or_else(|| self.root.get("security"));
        security.and_then(Value::as_array).is_some_and(|schemes| !schemes.is_empty())
    }

    /// Returns the parameters with their pointers, those of the path item first. References are not resolved.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (String, &'a Value)> + use<'a> {
        let list = |owner: &'a Value, pointer: &str| {
            let at = join(pointer, "parameters");
            owner
                .get("parameters")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .enumerate()
                .map(move |(index, parameter)| (join(&at, &index.to_string()), parameter))
        };
        let item_pointer = join("/paths", self.path);
        list(self.item, &item_pointer).chain(list(self.value, &self.pointer))
    }

    /// Returns the responses with status and pointer. References are not resolved.
    pub(crate) fn responses(&self) -> impl Iterator<Item = (&'a str, String, &'a Value)> + use<'a> {
        let at = join(&self.pointer, "responses");
        members(self.value.get("responses"))
            .map(move |(status, response)| (status, join(&at, status), response))
    }

    /// Returns the media types of the request body with their pointers. A referenced body is not resolved.
    pub(crate) fn request_content(&self) -> impl Iterator<Item = (&'a str, String, &'a Value)> + use<'a> {
        let at = join(&join(&self.pointer, "requestBody"), "content");
        members(self.value.get("requestBody").and_then(|body| body.get("content")))
            .map(move |(media_type, content)| (media_type, join(&at, media_type), content))
    }
}

pub(super) fn of(spec: &Spec) -> Vec<Operation<'_>> {
    let mut operations = Vec::new();
    for (path, item) in members(spec.root().get("paths")) {
        for (method, value) in members(Some(item)) {
            if METHODS.contains(&method) {
                let pointer = join(&join("/paths", path), method);
                operations.push(Operation { path, method, pointer, value, item, root: spec.root() });
            }
        }
    }
    operations
}
