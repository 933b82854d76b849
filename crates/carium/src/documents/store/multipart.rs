//! The body of a presigned form with a file: `multipart/form-data` (RFC 7578).
//!
//! `reqwest`'s own multipart support is not used, because object stores need the fields in a given order, the file
//! last, and an exact `Content-Length`, and because of its cost: here, a small file and the form around it are sent
//! as one buffer, and a large file is sent in the blocks in which it was read.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::Stream as _;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, timeout_at};

use super::{ByteStream, Content, FilePart, UploadForm};

/// The parts of the body before and after the bytes of the file.
pub(super) struct MultipartForm {
    boundary: String,
    head: BytesMut,
    tail: String,
}

impl MultipartForm {
    pub(super) fn new(form: &UploadForm, file: &FilePart) -> Self {
        // 128 random bits, so that no file contains the boundary by chance.
        let boundary = format!("carium-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        // The capacity includes a small file, so that the buffer is not reallocated when the file is appended.
        let file_capacity = if file.length <= MAX_SINGLE_BUFFER as u64 { file.length } else { 0 };
        let mut head = BytesMut::with_capacity(4096 + usize::try_from(file_capacity).unwrap_or_default());
        for (name, value) in form.fields().iter() {
            write_part_header(&mut head, &boundary, name);
            head.put_slice(b"\r\n\r\n");
            head.put_slice(value.as_bytes());
            head.put_slice(b"\r\n");
        }
        write_part_header(&mut head, &boundary, "file");
        head.put_slice(b"; filename=\"");
        write_escaped(&mut head, &file.name);
        head.put_slice(b"\"\r\nContent-Type: ");
        let is_valid_header = file.media_type.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let media_type = if is_valid_header { &file.media_type } else { "application/octet-stream" };
        head.put_slice(media_type.as_bytes());
        head.put_slice(b"\r\n\r\n");
        let tail = format!("\r\n--{boundary}--\r\n");
        Self { boundary, head, tail }
    }

    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// Returns the whole body with a small file, in one buffer.
    pub(super) fn into_buffer(self, file: &[u8]) -> Bytes {
        let mut body = self.head;
        body.reserve(file.len() + self.tail.len());
        body.put_slice(file);
        body.put_slice(self.tail.as_bytes());
        body.freeze()
    }

    /// Returns a body that streams the file and updates the status.
    pub(super) fn into_body(
        self,
        length: u64,
        blocks: ByteStream<io::Error>,
        status: BodyStatus,
    ) -> MultipartBody {
        MultipartBody {
            head: Some(self.head.freeze()),
            blocks: Mutex::new(blocks),
            remaining: length,
            tail: Some(self.tail.into()),
            status,
        }
    }
}

fn write_part_header(head: &mut BytesMut, boundary: &str, name: &str) {
    head.put_slice(b"--");
    head.put_slice(boundary.as_bytes());
    head.put_slice(b"\r\nContent-Disposition: form-data; name=\"");
    write_escaped(head, name);
    head.put_slice(b"\"");
}

/// Writes a name as browsers do (WHATWG, "multipart/form-data encoding algorithm"): UTF-8, with quotes and line
/// breaks percent-encoded. Other control characters are percent-encoded too, although browsers keep them, because
/// they are not allowed in a header.
fn write_escaped(head: &mut BytesMut, name: &str) {
    for byte in name.bytes() {
        match byte {
            b'"' => head.put_slice(b"%22"),
            control @ (0..=0x1f | 0x7f) => head.put_slice(format!("%{control:02X}").as_bytes()),
            other => head.put_u8(other),
        }
    }
}

/// The status of a body, shared between the HTTP client, which polls the body, and the caller.
#[derive(Clone, Debug)]
pub(super) struct BodyStatus(Arc<Mutex<BodyStatusInner>>);

#[derive(Debug)]
struct BodyStatusInner {
    /// When the body was last polled.
    last_poll: Instant,
    /// The error of the file's source. The HTTP client reports only that the body failed.
    source_error: Option<io::Error>,
    is_sent: bool,
    is_stopped: bool,
}

/// No bytes were transferred within the idle timeout.
#[derive(Debug)]
pub(super) struct IdleTimeout;

impl BodyStatus {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(BodyStatusInner {
            last_poll: Instant::now(),
            source_error: None,
            is_sent: false,
            is_stopped: false,
        })))
    }

    fn inner(&self) -> MutexGuard<'_, BodyStatusInner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the whole body was passed to the connection.
    pub(super) fn set_sent(&self) {
        self.inner().is_sent = true;
    }

    /// Checks whether the whole body was passed to the connection.
    pub(super) fn is_sent(&self) -> bool {
        self.inner().is_sent
    }

    pub(super) fn take_source_error(&self) -> Option<io::Error> {
        self.inner().source_error.take()
    }

    /// Runs a future to completion, or drops it when the body has not been polled for `timeout`.
    pub(super) async fn unless_idle<F: Future>(
        &self,
        timeout: Duration,
        future: F,
    ) -> Result<F::Output, IdleTimeout> {
        let mut future = std::pin::pin!(future);
        loop {
            let deadline = self.inner().last_poll + timeout;
            match timeout_at(deadline, &mut future).await {
                Ok(output) => return Ok(output),
                Err(_) if self.inner().last_poll + timeout > deadline => {}
                Err(_) => return Err(IdleTimeout),
            }
        }
    }
}

/// Stops a body when dropped: when the caller has a response or has been dropped, the connection must not continue to
/// send.
pub(super) struct StopOnDrop(pub(super) BodyStatus);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.inner().is_stopped = true;
    }
}

/// A streamed body whose length is known in advance.
pub(super) struct MultipartBody {
    head: Option<Bytes>,
    // A body must be `Sync`, and the stream is not. The mutex is never locked: only `&mut self` accesses it.
    blocks: Mutex<ByteStream<io::Error>>,
    /// Bytes of the file that have not been sent yet.
    remaining: u64,
    tail: Option<Bytes>,
    status: BodyStatus,
}

impl MultipartBody {
    /// Keeps the error for the caller and returns one of the same kind for the HTTP client.
    fn fail(&mut self, error: io::Error) -> io::Error {
        let for_client = io::Error::from(error.kind());
        self.status.inner().source_error = Some(error);
        for_client
    }
}

impl Body for MultipartBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let is_stopped = {
            let mut status = self.status.inner();
            status.last_poll = Instant::now();
            status.is_stopped
        };
        if is_stopped {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        if let Some(head) = self.head.take() {
            return Poll::Ready(Some(Ok(Frame::data(head))));
        }
        if self.tail.is_none() {
            return Poll::Ready(None);
        }
        let blocks = self.blocks.get_mut().unwrap_or_else(PoisonError::into_inner);
        let block = ready!(Pin::new(blocks).poll_next(context));
        Poll::Ready(Some(match block {
            Some(Ok(block)) => match self.remaining.checked_sub(block.len() as u64) {
                Some(remaining) => {
                    self.remaining = remaining;
                    Ok(Frame::data(block))
                }
                None => Err(self.fail(io::Error::new(io::ErrorKind::InvalidData, "longer than announced"))),
            },
            Some(Err(error)) => Err(self.fail(error)),
            None if self.remaining > 0 => Err(self.fail(io::ErrorKind::UnexpectedEof.into())),
            None => {
                self.status.set_sent();
                return Poll::Ready(self.tail.take().map(|tail| Ok(Frame::data(tail))));
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.tail.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let form = self.head.as_ref().map_or(0, Bytes::len) + self.tail.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(self.remaining + form as u64)
    }
}

/// Maximum size of a file that is sent in one buffer with its form. Up to this size, copying it is cheaper than
/// streaming it.
pub(super) const MAX_SINGLE_BUFFER: usize = 256 * 1024;

/// Returns the bytes of a file if it is small enough to be sent in one buffer.
pub(super) fn single_buffer(file: &FilePart) -> Option<Bytes> {
    match &file.content {
        Content::Bytes(bytes) if bytes.len() <= MAX_SINGLE_BUFFER && bytes.len() as u64 == file.length => {
            Some(bytes.clone())
        }
        _ => None,
    }
}
