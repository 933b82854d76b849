//! What the service is asked, read as strictly as the contract is.

use carium_api::Operation;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, Request, StatusCode, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::form_urlencoded;

use super::answer::{MEDIA_TYPE, Refusal};

/// A request for an operation.
pub(crate) struct Asked<'a> {
    pub(crate) operation: &'static Operation,
    uri: &'a Uri,
    query: Vec<(String, String)>,
    headers: &'a HeaderMap,
    body: &'a [u8],
}

impl<'a> Asked<'a> {
    pub(crate) fn new(operation: &'static Operation, request: &'a Request<impl AsRef<[u8]>>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        Self {
            operation,
            uri: request.uri(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: request.headers(),
            body: request.body().as_ref(),
        }
    }

    /// The origin that it was sent to: of its URL, or, over HTTP, the host that it names.
    pub(crate) fn origin(&self) -> Option<String> {
        if let (Some(scheme), Some(authority)) = (self.uri.scheme(), self.uri.authority()) {
            return Some(format!("{scheme}://{authority}"));
        }
        Some(format!("http://{}", self.header(HOST.as_str())?))
    }

    /// The access token that it carries.
    pub(crate) fn token(&self) -> Option<&str> {
        self.header(AUTHORIZATION.as_str())?.strip_prefix("Bearer ")
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether an answer can be read by who asks.
    pub(crate) fn check_accept(&self) -> Result<(), Refusal> {
        let accept = self.header(ACCEPT.as_str()).unwrap_or("*/*");
        let takes = |range: &str| {
            let range = range.split(';').next().unwrap_or_default().trim();
            [MEDIA_TYPE, "application/*", "*/*"].contains(&range)
        };
        if accept.split(',').any(takes) {
            return Ok(());
        }
        let detail = format!("Answers are {MEDIA_TYPE}.");
        Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", detail))
    }

    /// The id in the path.
    pub(crate) fn id<T: std::str::FromStr>(&self, what: &str) -> Result<T, Refusal> {
        let template = self.operation.path.split('/').filter(|segment| !segment.is_empty());
        // Two of the vendor's programs write a double slash.
        let mut segments =
            self.uri.path().split('/').filter(|segment| !segment.is_empty()).collect::<Vec<_>>();
        let behind = segments.len().saturating_sub(template.clone().count());
        segments.drain(..behind);
        let found = template.zip(segments).find(|(template, _)| template.starts_with('{'));
        found.and_then(|(_, segment)| segment.parse().ok()).ok_or_else(|| Refusal::not_found(what))
    }

    /// The parameters of the query, each once.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A parameter of the query.
    pub(crate) fn parameter<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let mut values = self.parameters().filter(|(each, _)| *each == name).map(|(_, value)| value);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Refusal::parameter(name, "It is given twice."));
        }
        value.parse().map(Some).map_err(|_| Refusal::parameter(name, "It cannot be read."))
    }

    /// The body, as the contract has it.
    pub(crate) fn body<T: DeserializeOwned + Serialize>(&self) -> Result<T, Refusal> {
        let media_type = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if !["application/json", MEDIA_TYPE].contains(&media_type) {
            let detail = "Requests are application/json.";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail));
        }
        let mut reader = serde_json::Deserializer::from_slice(self.body);
        let request = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            if error.inner().is_syntax() || error.inner().is_eof() {
                return Refusal::new(StatusCode::BAD_REQUEST, "invalid-json", "The body is not JSON.");
            }
            let pointer = match path.as_str() {
                "." => String::new(),
                path => format!("/{}", path.replace(['.', '['], "/").replace(']', "")),
            };
            // What the reader says may quote a value; where it is, is enough.
            let detail = "It is missing, unknown, or not of the form that the contract asks for.";
            Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail).at(pointer)
        })?;
        match self.surplus_null(&request) {
            None => Ok(request),
            Some(pointer) => {
                let detail = "It is null, which is not the same here as not being there.";
                Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail).at(pointer))
            }
        }
    }

    /// Where the body has a `null` that means nothing. The reader takes one wherever a member may be missing; it would
    /// write none there.
    fn surplus_null(&self, request: &impl Serialize) -> Option<String> {
        if !self.body.windows(4).any(|part| part == b"null") {
            return None;
        }
        let (given, understood) =
            (serde_json::from_slice(self.body).ok()?, serde_json::to_value(request).ok()?);
        null_without(&given, Some(&understood))
    }
}

/// The JSON pointer of a null in one value that the other does not have.
fn null_without(given: &Value, understood: Option<&Value>) -> Option<String> {
    match given {
        Value::Null => understood.is_none().then(String::new),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            let below = null_without(item, understood.and_then(|it| it.get(index)))?;
            Some(format!("/{index}{below}"))
        }),
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            let below = null_without(member, understood.and_then(|it| it.get(name)))?;
            Some(format!("/{name}{below}"))
        }),
        _ => None,
    }
}
