//! The body of a form with a file: `multipart/form-data`, RFC 7578.
//!
//! Written by hand because of what it must be: the fields in their order, the file last, an exact length, and
//! quick. A small file travels in one buffer with the form around it, a large one in the blocks that it is
//! read in.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::Stream as _;
use http_body::{Body, Frame, SizeHint};

use super::activity::Activity;
use super::{ByteStream, Content, FilePart, UploadForm};

/// What stands around the file.
pub(super) struct Envelope {
    boundary: String,
    head: BytesMut,
    tail: String,
}

impl Envelope {
    pub(super) fn new(form: &UploadForm, file: &FilePart) -> Self {
        // 128 bits at random: a file that has them in it is not to be expected.
        let boundary = format!("carium-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        // Room for a small file too, so that nothing is moved when it is put in.
        let room = if file.length <= ONE_BUFFER as u64 { file.length } else { 0 };
        let mut head = BytesMut::with_capacity(4096 + usize::try_from(room).unwrap_or_default());
        for (name, value) in form.fields().iter() {
            open_part(&mut head, &boundary, name);
            head.put_slice(b"\r\n\r\n");
            head.put_slice(value.as_bytes());
            head.put_slice(b"\r\n");
        }
        open_part(&mut head, &boundary, "file");
        head.put_slice(b"; filename=\"");
        quote(&mut head, &file.name);
        head.put_slice(b"\"\r\nContent-Type: ");
        let is_header = file.media_type.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let media_type = if is_header { &file.media_type } else { "application/octet-stream" };
        head.put_slice(media_type.as_bytes());
        head.put_slice(b"\r\n\r\n");
        let tail = format!("\r\n--{boundary}--\r\n");
        Self { boundary, head, tail }
    }

    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// The whole body, around a file that is there.
    pub(super) fn around(self, file: &[u8]) -> Bytes {
        let mut body = self.head;
        body.reserve(file.len() + self.tail.len());
        body.put_slice(file);
        body.put_slice(self.tail.as_bytes());
        body.freeze()
    }

    /// The body, around a file that comes in blocks.
    pub(super) fn around_blocks(
        self,
        length: u64,
        blocks: ByteStream<io::Error>,
        activity: Arc<Activity>,
    ) -> (FormBody, Sending) {
        let sending = Sending::default();
        let body = FormBody {
            head: Some(self.head.freeze()),
            blocks: Mutex::new(blocks),
            left: length,
            tail: Some(self.tail.into()),
            activity,
            sending: sending.clone(),
        };
        (body, sending)
    }
}

fn open_part(head: &mut BytesMut, boundary: &str, name: &str) {
    head.put_slice(b"--");
    head.put_slice(boundary.as_bytes());
    head.put_slice(b"\r\nContent-Disposition: form-data; name=\"");
    quote(head, name);
    head.put_slice(b"\"");
}

/// As browsers write names (WHATWG, "multipart/form-data encoding algorithm"): UTF-8, with quotes and line breaks
/// percent-encoded. Other controls are too, which browsers leave: no header may hold them.
fn quote(head: &mut BytesMut, name: &str) {
    for byte in name.bytes() {
        match byte {
            b'"' => head.put_slice(b"%22"),
            control @ (0..=0x1f | 0x7f) => head.put_slice(format!("%{control:02X}").as_bytes()),
            other => head.put_u8(other),
        }
    }
}

/// What is known of a body while it is sent, and after.
#[derive(Clone, Debug, Default)]
pub(super) struct Sending(Arc<Mutex<Sent>>);

#[derive(Debug, Default)]
struct Sent {
    /// Why the source failed. What the HTTP client says of it is that the body did.
    failure: Option<io::Error>,
    is_whole: bool,
    is_over: bool,
}

impl Sending {
    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that needs no watching: it is in one buffer.
    pub(super) fn at_once() -> Self {
        let sending = Self::default();
        sending.sent().is_whole = true;
        sending
    }

    pub(super) fn failure(&self) -> Option<io::Error> {
        self.sent().failure.take()
    }

    /// Whether all of the body was handed to the connection.
    pub(super) fn is_whole(&self) -> bool {
        self.sent().is_whole
    }
}

/// Ends a body when it is dropped: who asked has an answer, or has gone, and a connection would go on sending.
pub(super) struct UntilDropped(pub(super) Sending);

impl Drop for UntilDropped {
    fn drop(&mut self) {
        self.0.sent().is_over = true;
    }
}

/// A body whose length is known before it is there.
pub(super) struct FormBody {
    head: Option<Bytes>,
    // A body must be `Sync`, and streams are not. Never locked: there is one who polls.
    blocks: Mutex<ByteStream<io::Error>>,
    left: u64,
    tail: Option<Bytes>,
    activity: Arc<Activity>,
    sending: Sending,
}

impl FormBody {
    fn fail(&mut self, error: io::Error) -> io::Error {
        let told = io::Error::from(error.kind());
        self.sending.sent().failure = Some(error);
        told
    }
}

impl Body for FormBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.activity.note();
        if self.sending.sent().is_over {
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
            Some(Ok(block)) => match self.left.checked_sub(block.len() as u64) {
                Some(left) => {
                    self.left = left;
                    Ok(Frame::data(block))
                }
                None => Err(self.fail(io::Error::new(io::ErrorKind::InvalidData, "longer than it said"))),
            },
            Some(Err(error)) => Err(self.fail(error)),
            None if self.left > 0 => Err(self.fail(io::ErrorKind::UnexpectedEof.into())),
            None => {
                self.sending.sent().is_whole = true;
                return Poll::Ready(self.tail.take().map(|tail| Ok(Frame::data(tail))));
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.tail.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let around = self.head.as_ref().map_or(0, Bytes::len) + self.tail.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(self.left + around as u64)
    }
}

/// How large a file may be to travel in one buffer with its form: a copy of it is cheaper than a stream then.
pub(super) const ONE_BUFFER: usize = 256 * 1024;

/// Takes the bytes of a file that is small enough out of its part.
pub(super) fn small(file: &FilePart) -> Option<Bytes> {
    match &file.content {
        Content::Bytes(bytes) if bytes.len() <= ONE_BUFFER && bytes.len() as u64 == file.length => {
            Some(bytes.clone())
        }
        _ => None,
    }
}
