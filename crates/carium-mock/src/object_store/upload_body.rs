//! The body of an upload, read as a stream with a limit and a byte count.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use hyper::body::{Body as _, Incoming};

use super::call_log::CallEntry;

/// The body of an upload. Clones share the same body.
///
/// It is shared because the form parser owns its source, and after an error the rest of the body still has to be
/// read.
#[derive(Clone)]
pub(super) struct UploadBody(Arc<Mutex<BodyReader>>);

struct BodyReader {
    body: Incoming,
    bytes_read: u64,
    max_bytes: u64,
    status: ReadStatus,
    /// The entry that is updated with the number of bytes read, or `None` if the rest of the body is discarded.
    entry: Option<CallEntry>,
}

#[derive(Clone, Copy, PartialEq)]
enum ReadStatus {
    Reading,
    Complete,
    LimitReached,
    /// The client has disconnected.
    Disconnected,
}

/// The error for a body that ended before it was complete.
#[derive(Debug)]
pub(super) struct IncompleteBody;

impl fmt::Display for IncompleteBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request body ended too early")
    }
}

impl std::error::Error for IncompleteBody {}

impl UploadBody {
    /// Creates a body of which at most `max_bytes` are read.
    pub(super) fn new(body: Incoming, max_bytes: u64, entry: CallEntry) -> Self {
        let status = ReadStatus::Reading;
        Self(Arc::new(Mutex::new(BodyReader { body, bytes_read: 0, max_bytes, status, entry: Some(entry) })))
    }

    /// Reads the rest of the body, up to the limit.
    pub(super) async fn read_rest(&mut self) {
        while self.next().await.is_some_and(|chunk| chunk.is_ok()) {}
    }

    /// Checks whether the client has disconnected, so that no response can be sent.
    pub(super) fn is_disconnected(&self) -> bool {
        self.lock().status == ReadStatus::Disconnected
    }

    /// Checks whether the whole body has been read.
    pub(super) fn is_complete(&self) -> bool {
        self.lock().status == ReadStatus::Complete
    }

    /// Reads the rest of the body in the background without counting it. If the connection were closed with unread
    /// data, the kernel would reset it, and the client could lose the response.
    pub(super) fn discard(mut self) {
        self.lock().entry = None;
        if !self.is_complete() {
            tokio::spawn(async move { self.read_rest().await });
        }
    }

    fn lock(&self) -> MutexGuard<'_, BodyReader> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream for UploadBody {
    type Item = Result<Bytes, IncompleteBody>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.lock().poll(cx)
    }
}

impl BodyReader {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, IncompleteBody>>> {
        loop {
            match self.status {
                ReadStatus::Complete => return Poll::Ready(None),
                ReadStatus::LimitReached | ReadStatus::Disconnected => {
                    return Poll::Ready(Some(Err(IncompleteBody)));
                }
                ReadStatus::Reading if self.bytes_read >= self.max_bytes => {
                    self.status = ReadStatus::LimitReached;
                    continue;
                }
                ReadStatus::Reading => {}
            }
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            let Some(Ok(frame)) = frame else {
                self.status = if frame.is_none() { ReadStatus::Complete } else { ReadStatus::Disconnected };
                continue;
            };
            let Ok(mut chunk) = frame.into_data() else { continue };
            let limit = usize::try_from(self.max_bytes - self.bytes_read).unwrap_or(usize::MAX);
            chunk.truncate(limit);
            self.bytes_read += chunk.len() as u64;
            if let Some(entry) = &self.entry {
                entry.update(|call| call.body_bytes_read = self.bytes_read);
            }
            return Poll::Ready(Some(Ok(chunk)));
        }
    }
}
