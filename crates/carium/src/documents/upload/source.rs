//! The source of an upload's bytes.

mod blocks;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use carium_api::Redacted;
use futures_util::stream::{self, StreamExt as _};
use tokio::io::AsyncRead;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use crate::documents::{ByteStream, Content, Sha256Digest, local_io};
use crate::error::{Error, ErrorKind};

/// The source of an upload's bytes. `Debug` shows neither a path nor content.
///
/// A path or bytes can be read again, so a failed attempt is retried. A reader can be read only once, unless it has
/// at most 256 KiB and is kept in memory: if a transfer fails after its first byte was read, the upload ends with an
/// error and can be resumed with a new source.
pub struct UploadSource(SourceKind);

enum SourceKind {
    Path(PathBuf),
    Bytes(Bytes),
    Reader { length: u64, reader: Arc<Mutex<SingleUseReader>> },
}

/// A reader that can be read only once.
enum SingleUseReader {
    Blocking(Box<dyn Read + Send>),
    Async(Pin<Box<dyn AsyncRead + Send>>),
    /// The content of a small reader, kept in memory.
    Buffered(Bytes),
    Consumed,
}

/// Maximum size of a file that is read into memory as a whole.
const MAX_BUFFERED: u64 = 256 * 1024;

/// A source that is ready to be sent.
pub(super) struct OpenSource {
    pub(super) length: u64,
    pub(super) content: Content,
    pub(super) digest: SourceDigest,
}

/// The digest of a source, which becomes known when the source has been read to its end.
pub(super) enum SourceDigest {
    Known(Sha256Digest),
    Pending(oneshot::Receiver<Sha256Digest>),
}

impl SourceDigest {
    /// Returns the digest, or `None` if the source was not read to its end.
    pub(super) async fn get(self) -> Option<Sha256Digest> {
        match self {
            Self::Known(digest) => Some(digest),
            Self::Pending(digest) => digest.await.ok(),
        }
    }
}

impl UploadSource {
    /// Reads the file at a path. The file is opened when its transfer starts and must not change while it is read.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self(SourceKind::Path(path.into()))
    }

    /// Uses these bytes.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self(SourceKind::Bytes(bytes.into()))
    }

    /// Reads exactly `length` bytes from a blocking reader, on a thread for blocking work.
    pub fn reader(reader: impl Read + Send + 'static, length: u64) -> Self {
        Self::single_use(SingleUseReader::Blocking(Box::new(reader)), length)
    }

    /// Reads exactly `length` bytes from an asynchronous reader.
    pub fn async_reader(reader: impl AsyncRead + Send + 'static, length: u64) -> Self {
        Self::single_use(SingleUseReader::Async(Box::pin(reader)), length)
    }

    fn single_use(reader: SingleUseReader, length: u64) -> Self {
        Self(SourceKind::Reader { length, reader: Arc::new(Mutex::new(reader)) })
    }

    /// Checks whether the source can be read: `false` for a reader that has already been read.
    pub(super) fn is_available(&self) -> bool {
        match &self.0 {
            SourceKind::Path(_) | SourceKind::Bytes(_) => true,
            SourceKind::Reader { reader, .. } => !matches!(&*lock(reader), SingleUseReader::Consumed),
        }
    }

    /// Prepares the source to be sent.
    pub(super) async fn open(&self) -> Result<OpenSource, Error> {
        match &self.0 {
            SourceKind::Path(path) => {
                let path = path.clone();
                let opened = spawn_blocking(move || blocks::open(&path, MAX_BUFFERED))
                    .await
                    .map_err(|_| local_io::shutting_down())?;
                match opened
                    .map_err(|error| local_io::error("the file to upload could not be read", &error))?
                {
                    blocks::OpenedFile::Buffered(bytes) => Ok(open_bytes(bytes)),
                    blocks::OpenedFile::Large(file, length) => Ok(open_file(file, length)),
                }
            }
            SourceKind::Bytes(bytes) => Ok(open_bytes(bytes.clone())),
            SourceKind::Reader { length, reader } => open_reader(*length, reader).await,
        }
    }
}

impl fmt::Debug for UploadSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            SourceKind::Path(_) => "path",
            SourceKind::Bytes(_) => "bytes",
            SourceKind::Reader { .. } => "reader",
        };
        write!(f, "UploadSource({kind} {})", Redacted::Phi)
    }
}

fn lock(reader: &Mutex<SingleUseReader>) -> std::sync::MutexGuard<'_, SingleUseReader> {
    reader.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Prepares bytes in memory. Small ones are hashed here, which is faster than passing them to another thread.
fn open_bytes(bytes: Bytes) -> OpenSource {
    let length = bytes.len() as u64;
    if length <= MAX_BUFFERED {
        let digest = SourceDigest::Known(Sha256Digest::of(&bytes));
        return OpenSource { length, content: Content::Bytes(bytes), digest };
    }
    let (sender, digest) = oneshot::channel();
    let start = move || blocks::from_bytes(bytes, sender);
    OpenSource { length, content: Content::Stream(lazy_stream(start)), digest: SourceDigest::Pending(digest) }
}

fn open_file(file: File, length: u64) -> OpenSource {
    let (sender, digest) = oneshot::channel();
    let content = Content::Stream(lazy_stream(move || blocks::from_reader(file, length, sender)));
    OpenSource { length, content, digest: SourceDigest::Pending(digest) }
}

async fn open_reader(length: u64, reader: &Arc<Mutex<SingleUseReader>>) -> Result<OpenSource, Error> {
    if i64::try_from(length).is_err() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "the length of the source is larger than the maximum size of a file",
        ));
    }
    if let SingleUseReader::Buffered(bytes) = &*lock(reader) {
        return Ok(open_bytes(bytes.clone()));
    }
    if length <= MAX_BUFFERED {
        let taken = std::mem::replace(&mut *lock(reader), SingleUseReader::Consumed);
        let bytes = read_to_buffer(taken, length).await?;
        *lock(reader) = SingleUseReader::Buffered(bytes.clone());
        return Ok(open_bytes(bytes));
    }
    let (sender, digest) = oneshot::channel();
    let reader = Arc::clone(reader);
    // The reader is taken when the first byte is requested, so that it is still available after a failed connection.
    let start = move || match std::mem::replace(&mut *lock(&reader), SingleUseReader::Consumed) {
        SingleUseReader::Blocking(reader) => blocks::from_reader(reader, length, sender),
        SingleUseReader::Async(reader) => blocks::from_async_reader(reader, length, sender),
        SingleUseReader::Buffered(bytes) => blocks::from_bytes(bytes, sender),
        SingleUseReader::Consumed => stream::iter([Err(io::Error::from(io::ErrorKind::NotFound))]).boxed(),
    };
    Ok(OpenSource {
        length,
        content: Content::Stream(lazy_stream(start)),
        digest: SourceDigest::Pending(digest),
    })
}

async fn read_to_buffer(reader: SingleUseReader, length: u64) -> Result<Bytes, Error> {
    let result = match reader {
        SingleUseReader::Blocking(reader) => spawn_blocking(move || blocks::read_exact(reader, length))
            .await
            .map_err(|_| local_io::shutting_down())?,
        SingleUseReader::Async(reader) => blocks::read_exact_async(reader, length).await,
        SingleUseReader::Buffered(bytes) => Ok(bytes),
        SingleUseReader::Consumed => return Err(already_read()),
    };
    let message = "the source could not be read, or its length is not the announced length";
    result.map_err(|error| local_io::error(message, &error))
}

/// Returns the error for a reader that would have to be read a second time.
pub(super) fn already_read() -> Error {
    let message = "the source can be read only once, and has been read; resume the upload with a new source";
    Error::new(ErrorKind::Io, message)
}

/// Returns a stream that is started when its first item is polled.
fn lazy_stream(start: impl FnOnce() -> ByteStream<io::Error> + Send + 'static) -> ByteStream<io::Error> {
    stream::once(async move { start() }).flatten().boxed()
}
