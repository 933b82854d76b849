//! The body of an answer, and how far of it is sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::connection::Scissors;

/// So much is sent at a time at the most.
const CHUNK: usize = 64 * 1024;

/// How a body ends.
#[derive(Debug)]
pub(crate) enum End {
    /// With its last byte.
    Whole,
    /// After so many bytes the connection is closed.
    Cut(u64, Scissors),
    /// After so many bytes nothing more comes.
    Silence(u64),
}

/// A body on its way, chunk by chunk.
#[derive(Debug)]
pub(crate) struct Content {
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
    pub(crate) fn new(mut rest: Bytes, end: End) -> Self {
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
