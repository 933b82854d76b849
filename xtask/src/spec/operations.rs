//! The operations of a spec, each with its place.

use serde_json::Value;

use super::{Spec, members};
use crate::document::join;

/// The HTTP methods that OpenAPI 3.0 knows, as it writes them.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// One operation.
#[derive(Debug, Clone)]
pub(crate) struct Operation<'a> {
    /// The path template.
    pub(crate) path: &'a str,
    /// The method, in lower case.
    pub(crate) method: &'a str,
    /// Where the operation stands, as a JSON pointer.
    pub(crate) pointer: String,
    /// The operation itself.
    pub(crate) value: &'a Value,
    /// The path item around it, whose parameters it shares.
    pub(crate) item: &'a Value,
    root: &'a Value,
}

impl<'a> Operation<'a> {
    /// The operation's id; empty where there is none, which the linter reports.
    pub(crate) fn id(&self) -> &'a str {
        self.text("operationId").unwrap_or_default()
    }

    /// A member of the operation that is text.
    pub(crate) fn text(&self, member: &str) -> Option<&'a str> {
        self.value.get(member).and_then(Value::as_str)
    }

    /// The tag that names the service; one an operation.
    pub(crate) fn tag(&self) -> Option<&'a str> {
        super::strings(self.value.get("tags")).next()
    }

    /// Whether the operation wants an access token: what it says itself, else what the document says.
    pub(crate) fn needs_token(&self) -> bool {
        let security = self.value.get("security").or_else(|| self.root.get("security"));
        security.and_then(Value::as_array).is_some_and(|schemes| !schemes.is_empty())
    }

    /// The parameters, those of the path item first, each with its pointer; references not followed.
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

    /// The responses, each with its status as written and its pointer; references not followed.
    pub(crate) fn responses(&self) -> impl Iterator<Item = (&'a str, String, &'a Value)> + use<'a> {
        let at = join(&self.pointer, "responses");
        members(self.value.get("responses"))
            .map(move |(status, response)| (status, join(&at, status), response))
    }

    /// The media types of the request's body, each with its pointer; a referred body is not followed.
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
