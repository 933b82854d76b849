//! An answer, and how far of it is sent.

use bytes::Bytes;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};

use super::fault::StoreResponse;
use super::refusal::Refusal;
use crate::listening::{Content, End};

/// Status, headers and body.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// With a header. What cannot be a header is left out: what is under a key may be named by anyone.
    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }

    pub(super) fn xml(self, document: String) -> Self {
        Self { body: document.into(), ..self }.with(CONTENT_TYPE, "application/xml")
    }

    pub(super) fn send(self, end: End) -> Response<Content> {
        let mut response = Response::new(Content::new(self.body, end));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let answer = Self::new(refusal.status).xml(refusal.document());
        match refusal.outside_of {
            Some(length) => answer.with(CONTENT_RANGE, &format!("bytes */{length}")),
            None => answer,
        }
    }
}

impl From<StoreResponse> for Answer {
    fn from(fault: StoreResponse) -> Self {
        let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let answer = Self { body: fault.body, ..Self::new(status) };
        fault.headers.iter().fold(answer, |answer, (name, value)| {
            match HeaderName::from_bytes(name.as_bytes()) {
                Ok(name) => answer.with(name, value),
                Err(_) => answer,
            }
        })
    }
}
