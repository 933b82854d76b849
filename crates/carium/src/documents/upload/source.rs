//! Where the bytes of an upload come from.

mod read;

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

use crate::documents::{ByteStream, Content, Sha256Digest, local};
use crate::error::{Error, ErrorKind};

/// Where the bytes of an upload come from. `Debug` shows neither a path nor a byte.
///
/// A source that can be read again is sent again after a failure. A reader is one that cannot, unless it is
/// small enough (256 KiB) to be kept: then a failure on the way ends the upload, and it is resumed with
/// another source.
pub struct Source(Kind);

enum Kind {
    Path(PathBuf),
    Bytes(Bytes),
    Reader { length: u64, reader: Arc<Mutex<Once>> },
}

/// A reader that is read once.
enum Once {
    Blocking(Box<dyn Read + Send>),
    Async(Pin<Box<dyn AsyncRead + Send>>),
    /// It was small, and is kept.
    Kept(Bytes),
    Gone,
}

/// A file up to this size is read at once.
const SMALL: u64 = 256 * 1024;

/// A source that is ready to be sent.
pub(super) struct Opened {
    pub(super) length: u64,
    pub(super) content: Content,
    pub(super) digest: Digest,
}

/// The digest of a source, which is known when all of it was read.
pub(super) enum Digest {
    Known(Sha256Digest),
    Coming(oneshot::Receiver<Sha256Digest>),
}

impl Digest {
    /// The digest. `None` where the source was not read to its end.
    pub(super) async fn get(self) -> Option<Sha256Digest> {
        match self {
            Self::Known(digest) => Some(digest),
            Self::Coming(digest) => digest.await.ok(),
        }
    }
}

impl Source {
    /// The file at a path. It is opened when its turn comes, and may not change while it is read.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self(Kind::Path(path.into()))
    }

    /// These bytes.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Bytes(bytes.into()))
    }

    /// What a reader gives, which has to be so many bytes. It is read on a thread for blocking work.
    pub fn reader(reader: impl Read + Send + 'static, length: u64) -> Self {
        Self::once(Once::Blocking(Box::new(reader)), length)
    }

    /// What an asynchronous reader gives, which has to be so many bytes.
    pub fn async_reader(reader: impl AsyncRead + Send + 'static, length: u64) -> Self {
        Self::once(Once::Async(Box::pin(reader)), length)
    }

    fn once(reader: Once, length: u64) -> Self {
        Self(Kind::Reader { length, reader: Arc::new(Mutex::new(reader)) })
    }

    /// Whether there is something to read, still.
    pub(super) fn is_there(&self) -> bool {
        match &self.0 {
            Kind::Path(_) | Kind::Bytes(_) => true,
            Kind::Reader { reader, .. } => !matches!(&*lock(reader), Once::Gone),
        }
    }

    /// Makes it ready to be sent.
    pub(super) async fn open(&self) -> Result<Opened, Error> {
        match &self.0 {
            Kind::Path(path) => {
                let path = path.clone();
                let found =
                    spawn_blocking(move || read::open(&path, SMALL)).await.map_err(|_| local::ended())?;
                match found.map_err(|error| local::failed("the file to upload cannot be read", &error))? {
                    read::Found::Small(bytes) => Ok(whole(bytes)),
                    read::Found::Large(file, length) => Ok(large(file, length)),
                }
            }
            Kind::Bytes(bytes) => Ok(whole(bytes.clone())),
            Kind::Reader { length, reader } => open_once(*length, reader).await,
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Path(_) => "path",
            Kind::Bytes(_) => "bytes",
            Kind::Reader { .. } => "reader",
        };
        write!(f, "Source({kind} {})", Redacted::Phi)
    }
}

fn lock(reader: &Mutex<Once>) -> std::sync::MutexGuard<'_, Once> {
    reader.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that are there. Small ones are quicker hashed here than handed to another thread.
fn whole(bytes: Bytes) -> Opened {
    let length = bytes.len() as u64;
    if length <= SMALL {
        let digest = Digest::Known(Sha256Digest::of(&bytes));
        return Opened { length, content: Content::Bytes(bytes), digest };
    }
    let (sender, digest) = oneshot::channel();
    let start = move || read::in_slices(bytes, sender);
    Opened { length, content: Content::Stream(lazily(start)), digest: Digest::Coming(digest) }
}

fn large(file: File, length: u64) -> Opened {
    let (sender, digest) = oneshot::channel();
    let content = Content::Stream(lazily(move || read::in_blocks(file, length, sender)));
    Opened { length, content, digest: Digest::Coming(digest) }
}

async fn open_once(length: u64, reader: &Arc<Mutex<Once>>) -> Result<Opened, Error> {
    if i64::try_from(length).is_err() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "the source is said to be longer than any file can be",
        ));
    }
    if let Once::Kept(bytes) = &*lock(reader) {
        return Ok(whole(bytes.clone()));
    }
    if length <= SMALL {
        let taken = std::mem::replace(&mut *lock(reader), Once::Gone);
        let bytes = read_whole(taken, length).await?;
        *lock(reader) = Once::Kept(bytes.clone());
        return Ok(whole(bytes));
    }
    let (sender, digest) = oneshot::channel();
    let reader = Arc::clone(reader);
    // It is taken when the first byte is wanted: a connection that is never made leaves it as it is.
    let start = move || match std::mem::replace(&mut *lock(&reader), Once::Gone) {
        Once::Blocking(reader) => read::in_blocks(reader, length, sender),
        Once::Async(reader) => read::in_async_blocks(reader, length, sender),
        Once::Kept(bytes) => read::in_slices(bytes, sender),
        Once::Gone => stream::iter([Err(io::Error::from(io::ErrorKind::NotFound))]).boxed(),
    };
    Ok(Opened { length, content: Content::Stream(lazily(start)), digest: Digest::Coming(digest) })
}

async fn read_whole(reader: Once, length: u64) -> Result<Bytes, Error> {
    let read = match reader {
        Once::Blocking(reader) => {
            spawn_blocking(move || read::whole(reader, length)).await.map_err(|_| local::ended())?
        }
        Once::Async(reader) => read::whole_async(reader, length).await,
        Once::Kept(bytes) => Ok(bytes),
        Once::Gone => return Err(gone()),
    };
    read.map_err(|error| local::failed("the source cannot be read as it was announced", &error))
}

/// The error where a source is wanted again that can be read only once.
pub(super) fn gone() -> Error {
    let what = "the source can be read only once, and was; resume from the state with another one";
    Error::new(ErrorKind::Io, what)
}

/// A stream that is begun when it is asked for its first item.
fn lazily(start: impl FnOnce() -> ByteStream<io::Error> + Send + 'static) -> ByteStream<io::Error> {
    stream::once(async move { start() }).flatten().boxed()
}
