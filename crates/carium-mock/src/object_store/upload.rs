//! The body of an upload, read as it comes and counted.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use hyper::body::{Body as _, Incoming};

use super::call::Record;

/// A body. It is shared, because the parser of forms keeps what it reads from, and what follows a refusal must
/// still be read.
#[derive(Clone)]
pub(super) struct Upload(Arc<Mutex<Reading>>);

struct Reading {
    body: Incoming,
    read: u64,
    most: u64,
    state: State,
    record: Option<Record>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Going,
    Whole,
    /// So much was read as is to be read.
    Enough,
    /// The client has gone.
    ContractViolation,
}

/// There is nothing more to be read, and the body is not whole.
#[derive(Debug)]
pub(super) struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body has ended early")
    }
}

impl std::error::Error for Ended {}

impl Upload {
    /// A body of which so many bytes are read at the most.
    pub(super) fn new(body: Incoming, most: u64, record: Record) -> Self {
        let state = State::Going;
        Self(Arc::new(Mutex::new(Reading { body, read: 0, most, state, record: Some(record) })))
    }

    /// Reads what is still to be read.
    pub(super) async fn read_rest(&mut self) {
        while self.next().await.is_some_and(|read| read.is_ok()) {}
    }

    /// Whether there is no one to answer.
    pub(super) fn broken(&self) -> bool {
        self.lock().state == State::ContractViolation
    }

    /// Whether all was read.
    pub(super) fn whole(&self) -> bool {
        self.lock().state == State::Whole
    }

    /// Goes on reading after the answer, without counting. If the connection were closed with something unread,
    /// the kernel would reset it, and the answer could be lost.
    pub(super) fn discard(mut self) {
        self.lock().record = None;
        if !self.whole() {
            tokio::spawn(async move { self.read_rest().await });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream for Upload {
    type Item = Result<Bytes, Ended>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.lock().poll(cx)
    }
}

impl Reading {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Ended>>> {
        loop {
            match self.state {
                State::Whole => return Poll::Ready(None),
                State::Enough | State::ContractViolation => return Poll::Ready(Some(Err(Ended))),
                State::Going if self.read >= self.most => {
                    self.state = State::Enough;
                    continue;
                }
                State::Going => {}
            }
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            let Some(Ok(frame)) = frame else {
                self.state = if frame.is_none() { State::Whole } else { State::ContractViolation };
                continue;
            };
            let Ok(mut chunk) = frame.into_data() else { continue };
            let room = usize::try_from(self.most - self.read).unwrap_or(usize::MAX);
            chunk.truncate(room);
            self.read += chunk.len() as u64;
            if let Some(record) = &self.record {
                record.note(|call| call.body_read = self.read);
            }
            return Poll::Ready(Some(Ok(chunk)));
        }
    }
}
