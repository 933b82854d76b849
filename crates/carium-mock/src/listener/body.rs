//! A response body that can end early.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::connection::CutSignal;

/// The maximum size of a frame.
const CHUNK: usize = 64 * 1024;

/// How a response body ends.
#[derive(Debug)]
pub(crate) enum BodyEnd {
    /// All bytes are sent.
    Complete,
    /// The connection is closed after this number of bytes.
    Cut(u64, CutSignal),
    /// Nothing more is sent after this number of bytes, and the connection stays open.
    Hang(u64),
}

/// A response body that is sent in chunks and announces its full length even if it ends early.
#[derive(Debug)]
pub(crate) struct ResponseBody {
    announced: u64,
    remaining: Bytes,
    then: AfterBody,
}

/// What happens after the last byte is sent.
#[derive(Debug)]
enum AfterBody {
    End,
    Cut(CutSignal),
    Hang,
}

impl ResponseBody {
    pub(crate) fn new(mut remaining: Bytes, end: BodyEnd) -> Self {
        let announced = remaining.len() as u64;
        let (limit, then) = match end {
            BodyEnd::Complete => (u64::MAX, AfterBody::End),
            BodyEnd::Cut(limit, signal) => (limit, AfterBody::Cut(signal)),
            BodyEnd::Hang(limit) => (limit, AfterBody::Hang),
        };
        remaining.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Self { announced, remaining, then }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.remaining.is_empty() {
            let length = self.remaining.len().min(CHUNK);
            return Poll::Ready(Some(Ok(Frame::data(self.remaining.split_to(length)))));
        }
        match &self.then {
            AfterBody::End => Poll::Ready(None),
            // The body is never woken. While it is pending, hyper flushes its output, and the flush fails.
            AfterBody::Cut(signal) => {
                signal.cut_after_flush();
                Poll::Pending
            }
            AfterBody::Hang => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining.is_empty() && matches!(self.then, AfterBody::End)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}
