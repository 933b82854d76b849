//! An answer, and how far of it is sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};

use super::connection::Scissors;
use super::fault::FaultAnswer;
use super::refusal::Refusal;

/// So much is sent at a time at the most.
const CHUNK: usize = 64 * 1024;

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

impl From<FaultAnswer> for Answer {
    fn from(fault: FaultAnswer) -> Self {
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

/// How a body ends.
#[derive(Debug)]
pub(super) enum End {
    /// With its last byte.
    Whole,
    /// After so many bytes the connection is closed.
    Cut(u64, Scissors),
    /// After so many bytes nothing more comes.
    Silence(u64),
}

/// A body on its way, chunk by chunk.
#[derive(Debug)]
pub(super) struct Content {
    announced: u64,
    rest: Bytes,
    then: Then,
}

#[derive(Debug)]
enum Then {
    End,
    Cut(Scissors),
    Silence,
}

impl Content {
    fn new(mut rest: Bytes, end: End) -> Self {
        let announced = rest.len() as u64;
        let (most, then) = match end {
            End::Whole => (u64::MAX, Then::End),
            End::Cut(most, scissors) => (most, Then::Cut(scissors)),
            End::Silence(most) => (most, Then::Silence),
        };
        rest.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Self { announced, rest, then }
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.rest.is_empty() {
            let length = self.rest.len().min(CHUNK);
            return Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))));
        }
        match &self.then {
            Then::End => Poll::Ready(None),
            // Nothing wakes the body again: hyper writes out what it has, and then the connection is cut.
            Then::Cut(scissors) => {
                scissors.cut_when_written();
                Poll::Pending
            }
            Then::Silence => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && matches!(self.then, Then::End)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}
