//! The responses of the object store.

use bytes::Bytes;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};

use super::error::S3Error;
use super::fault::StoreResponse;
use crate::listener::{BodyEnd, ResponseBody};

/// A response with its whole body.
#[derive(Debug)]
pub(super) struct BufferedResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl BufferedResponse {
    pub(super) fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// Adds a header. An invalid value is ignored, because it may come from the name of an uploaded file.
    pub(super) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }

    pub(super) fn with_xml(self, document: String) -> Self {
        Self { body: document.into(), ..self }.with_header(CONTENT_TYPE, "application/xml")
    }

    pub(super) fn into_response(self, end: BodyEnd) -> Response<ResponseBody> {
        let mut response = Response::new(ResponseBody::new(self.body, end));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

impl From<S3Error> for BufferedResponse {
    fn from(error: S3Error) -> Self {
        let response = Self::new(error.status).with_xml(error.document());
        match error.object_length {
            Some(length) => response.with_header(CONTENT_RANGE, &format!("bytes */{length}")),
            None => response,
        }
    }
}

impl From<StoreResponse> for BufferedResponse {
    fn from(injected: StoreResponse) -> Self {
        let status = StatusCode::from_u16(injected.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let response = Self { body: injected.body, ..Self::new(status) };
        injected.headers.iter().fold(response, |response, (name, value)| {
            match HeaderName::from_bytes(name.as_bytes()) {
                Ok(name) => response.with_header(name, value),
                Err(_) => response,
            }
        })
    }
}
