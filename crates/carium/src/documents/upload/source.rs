//! The source of an upload's bytes, and the streams that read and hash it.
//!
//! Large sources are read in blocks of 512 KiB on blocking threads: smaller blocks cost more overhead, larger ones more
//! memory while they are hashed and sent. The last block is yielded only after the source has reported its end, so
//! that a file that grows while it is read is never sent as if it were complete.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use carium_api::Redacted;
use futures_util::stream::{self, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::documents::digest::{BackgroundHasher, Digest, Hasher};
use crate::documents::{ByteStream, Content};
use crate::error::{Error, ErrorKind};
use crate::local_io::{run_blocking, wait_for_descriptor};
use crate::sha256::Sha256Digest;

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

/// Maximum size of a source that is read into memory as a whole.
const MAX_BUFFERED: u64 = 256 * 1024;
const BLOCK: usize = 512 * 1024;
/// The block size for asynchronous readers: small enough to be hashed on the asynchronous thread.
const ASYNC_BLOCK: usize = 128 * 1024;

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

    /// Prepares the source to be sent and hashed.
    pub(super) async fn open(&self, digest: Digest) -> Result<OpenSource, Error> {
        match &self.0 {
            SourceKind::Path(path) => {
                let path = path.clone();
                let opened = run_blocking(move || open_file(&path, digest)).await?;
                opened.map_err(|error| Error::from_io("the file to upload could not be read", &error))
            }
            SourceKind::Bytes(bytes) => Ok(OpenSource::from_bytes(bytes.clone(), digest)),
            SourceKind::Reader { length, reader } => open_reader(*length, reader, digest).await,
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

/// A source that is ready to be sent.
pub(super) struct OpenSource {
    pub(super) length: u64,
    pub(super) content: Content,
    pub(super) digest: SourceDigest,
}

/// The digest of a source, which becomes known when the source has been read to its end. It is `None` if none is
/// computed.
pub(super) enum SourceDigest {
    Known(Option<Sha256Digest>),
    Pending(oneshot::Receiver<Option<Sha256Digest>>),
}

/// The stream's side of a pending [`SourceDigest`].
struct PendingDigest {
    digest: Digest,
    sender: oneshot::Sender<Option<Sha256Digest>>,
}

impl SourceDigest {
    /// Returns the digest, or `None` if the source was not read to its end.
    pub(super) async fn get(self) -> Option<Option<Sha256Digest>> {
        match self {
            Self::Known(digest) => Some(digest),
            Self::Pending(digest) => digest.await.ok(),
        }
    }
}

impl OpenSource {
    /// Prepares bytes in memory. Small ones are hashed here, which is faster than passing them to another thread.
    fn from_bytes(bytes: Bytes, digest: Digest) -> Self {
        let length = bytes.len() as u64;
        if length > MAX_BUFFERED {
            return Self::from_stream(length, digest, move |digest| stream_bytes(bytes, digest));
        }
        let mut hasher = Hasher::new(digest);
        hasher.update(&bytes);
        let digest = SourceDigest::Known(hasher.digest());
        Self { length, content: Content::Bytes(bytes), digest }
    }

    /// Prepares a stream, which is started when its first item is polled, and which sends its digest at the end.
    fn from_stream(
        length: u64,
        digest: Digest,
        start: impl FnOnce(PendingDigest) -> ByteStream<io::Error> + Send + 'static,
    ) -> Self {
        let (sender, receiver) = oneshot::channel();
        let content = stream::once(async move { start(PendingDigest { digest, sender }) }).flatten().boxed();
        Self { length, content: Content::Stream(content), digest: SourceDigest::Pending(receiver) }
    }
}

/// Opens a file, and reads it if it is small. Blocks the thread.
fn open_file(path: &Path, digest: Digest) -> io::Result<OpenSource> {
    // Checked before the file is opened: opening a named pipe blocks until it has a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let file = wait_for_descriptor(|| File::open(path))?;
    let length = file.metadata()?.len();
    if length > MAX_BUFFERED {
        return Ok(OpenSource::from_stream(length, digest, move |digest| {
            stream_reader(file, length, digest)
        }));
    }
    read_exact(file, length).map(|bytes| OpenSource::from_bytes(bytes, digest))
}

async fn open_reader(
    length: u64,
    reader: &Arc<Mutex<SingleUseReader>>,
    digest: Digest,
) -> Result<OpenSource, Error> {
    if i64::try_from(length).is_err() {
        let message = "the length of the source is larger than the maximum size of a file";
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    if length > MAX_BUFFERED {
        let reader = Arc::clone(reader);
        // The reader is taken when the first byte is requested, so that it is still available after a failed
        // connection.
        return Ok(OpenSource::from_stream(length, digest, move |digest| match take(&reader) {
            SingleUseReader::Blocking(reader) => stream_reader(reader, length, digest),
            SingleUseReader::Async(reader) => stream_async_reader(reader, length, digest),
            SingleUseReader::Buffered(bytes) => stream_bytes(bytes, digest),
            SingleUseReader::Consumed => stream::iter([Err(io::ErrorKind::NotFound.into())]).boxed(),
        }));
    }
    let result = match take(reader) {
        SingleUseReader::Blocking(reader) => run_blocking(move || read_exact(reader, length)).await?,
        SingleUseReader::Async(reader) => read_exact_async(reader, length).await,
        SingleUseReader::Buffered(bytes) => Ok(bytes),
        SingleUseReader::Consumed => return Err(already_read()),
    };
    let message = "the source could not be read, or its length is not the announced length";
    let bytes = result.map_err(|error| Error::from_io(message, &error))?;
    *lock(reader) = SingleUseReader::Buffered(bytes.clone());
    Ok(OpenSource::from_bytes(bytes, digest))
}

fn lock(reader: &Mutex<SingleUseReader>) -> MutexGuard<'_, SingleUseReader> {
    reader.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take(reader: &Mutex<SingleUseReader>) -> SingleUseReader {
    std::mem::replace(&mut *lock(reader), SingleUseReader::Consumed)
}

/// Returns the error for a reader that would have to be read a second time.
pub(super) fn already_read() -> Error {
    let message = "the source can be read only once, and has been read; resume the upload with a new source";
    Error::new(ErrorKind::Io, message)
}

/// Reads all bytes of a reader, which must be exactly `length` bytes.
fn read_exact(mut reader: impl Read, length: u64) -> io::Result<Bytes> {
    let block = read_block(&mut reader, length)?;
    expect_end(&mut reader)?;
    Ok(block.into())
}

/// Reads all bytes of an asynchronous reader, which must be exactly `length` bytes.
async fn read_exact_async(reader: impl AsyncRead + Send, length: u64) -> io::Result<Bytes> {
    // One more byte is requested, to detect a reader that is too long.
    let mut bytes = Vec::new();
    std::pin::pin!(reader).take(length + 1).read_to_end(&mut bytes).await?;
    match bytes.len() as u64 {
        read if read < length => Err(io::ErrorKind::UnexpectedEof.into()),
        read if read > length => Err(too_long()),
        _ => Ok(bytes.into()),
    }
}

/// Streams the bytes of a reader, which must be exactly `length` bytes.
fn stream_reader(
    mut reader: impl Read + Send + 'static,
    length: u64,
    digest: PendingDigest,
) -> ByteStream<io::Error> {
    let mut remaining = length;
    read_ahead(digest, move || {
        let block = read_block(&mut reader, remaining.min(BLOCK as u64))?;
        remaining -= block.len() as u64;
        if remaining == 0 {
            expect_end(&mut reader)?;
        }
        Ok((block.into(), remaining == 0))
    })
}

/// Streams bytes in memory.
fn stream_bytes(bytes: Bytes, digest: PendingDigest) -> ByteStream<io::Error> {
    let mut remaining = bytes;
    read_ahead(digest, move || {
        let block = remaining.split_to(remaining.len().min(BLOCK));
        Ok((block, remaining.is_empty()))
    })
}

/// Returns the next block of a source, and whether it is the last one.
type NextBlock = Box<dyn FnMut() -> io::Result<(Bytes, bool)> + Send>;

/// Streams blocks that are read on blocking threads, one block ahead of the consumer. No thread is occupied while the
/// consumer does not poll. The digest is sent before the last block is yielded.
fn read_ahead(
    digest: PendingDigest,
    next_block: impl FnMut() -> io::Result<(Bytes, bool)> + Send + 'static,
) -> ByteStream<io::Error> {
    let PendingDigest { digest, sender } = digest;
    let reading = spawn_read(Box::new(next_block));
    let blocks = ReadAhead { reading, hasher: BackgroundHasher::new(digest), sender };
    stream::try_unfold(Some(blocks), |blocks| async {
        let Some(blocks) = blocks else { return Ok(None) };
        blocks.next().await.map(Some)
    })
    .boxed()
}

struct ReadAhead {
    reading: JoinHandle<io::Result<(Bytes, bool, NextBlock)>>,
    hasher: BackgroundHasher,
    sender: oneshot::Sender<Option<Sha256Digest>>,
}

fn spawn_read(mut next_block: NextBlock) -> JoinHandle<io::Result<(Bytes, bool, NextBlock)>> {
    spawn_blocking(move || next_block().map(|(block, is_last)| (block, is_last, next_block)))
}

impl ReadAhead {
    /// Returns the next block, and the rest of the stream if it was not the last one.
    async fn next(self) -> io::Result<(Bytes, Option<Self>)> {
        let (block, is_last, next_block) = self.reading.await.map_err(|_| interrupted())??;
        let reading = (!is_last).then(|| spawn_read(next_block));
        self.hasher.update(block.clone()).await.map_err(|_| interrupted())?;
        if let Some(reading) = reading {
            return Ok((block, Some(Self { reading, ..self })));
        }
        // The receiver may have been dropped.
        let _ = self.sender.send(self.hasher.digest().await.map_err(|_| interrupted())?);
        Ok((block, None))
    }
}

/// Returns the error for a task that ended early because the runtime is shutting down.
fn interrupted() -> io::Error {
    io::ErrorKind::Interrupted.into()
}

fn read_block(reader: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut block = Vec::with_capacity(usize::try_from(length).unwrap_or(BLOCK).min(BLOCK));
    reader.take(length).read_to_end(&mut block)?;
    if (block.len() as u64) < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(block) }
}

/// Checks that a reader has no more bytes.
fn expect_end(reader: &mut impl Read) -> io::Result<()> {
    let mut byte = [0];
    loop {
        match reader.read(&mut byte) {
            Ok(0) => return Ok(()),
            Ok(_) => return Err(too_long()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "longer than announced")
}

/// Streams the bytes of an asynchronous reader, which must be exactly `length` bytes.
fn stream_async_reader(
    reader: impl AsyncRead + Send + Unpin + 'static,
    length: u64,
    digest: PendingDigest,
) -> ByteStream<io::Error> {
    let PendingDigest { digest, sender } = digest;
    let blocks = AsyncBlocks { reader, remaining: length, hasher: Hasher::new(digest), sender: Some(sender) };
    stream::try_unfold(blocks, |mut blocks| async {
        let block = blocks.next().await?;
        Ok(block.map(|block| (block, blocks)))
    })
    .boxed()
}

struct AsyncBlocks<R> {
    reader: R,
    remaining: u64,
    hasher: Hasher,
    sender: Option<oneshot::Sender<Option<Sha256Digest>>>,
}

impl<R: AsyncRead + Unpin> AsyncBlocks<R> {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.remaining == 0 {
            return Ok(None);
        }
        let size = usize::try_from(self.remaining).unwrap_or(ASYNC_BLOCK).min(ASYNC_BLOCK);
        let mut block = BytesMut::with_capacity(size);
        let read = (&mut self.reader).take(self.remaining).read_buf(&mut block).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.remaining -= read as u64;
        self.hasher.update(&block);
        if self.remaining == 0 {
            if self.reader.read(&mut [0]).await? != 0 {
                return Err(too_long());
            }
            if let Some(sender) = self.sender.take() {
                // The receiver may have been dropped.
                let _ = sender.send(self.hasher.digest());
            }
        }
        Ok(Some(block.freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn large_sources_are_streamed() {
        for (length, is_streamed) in [(0, false), (MAX_BUFFERED, false), (MAX_BUFFERED + 1, true)] {
            let file = tempfile::NamedTempFile::new().unwrap();
            file.as_file().set_len(length).unwrap();
            let bytes = Bytes::from(vec![0; usize::try_from(length).unwrap()]);
            for source in
                [open_file(file.path(), Digest::None).unwrap(), OpenSource::from_bytes(bytes, Digest::None)]
            {
                assert_eq!(matches!(source.content, Content::Stream(_)), is_streamed, "{length} bytes");
                assert_eq!(source.length, length);
            }
        }
    }

    /// A reader that returns these results, and then the end.
    struct Results(Vec<Result<usize, io::ErrorKind>>);

    impl Read for Results {
        fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() { Ok(0) } else { self.0.remove(0).map_err(io::Error::from) }
        }
    }

    #[test]
    fn interrupted_reads_are_repeated() {
        use io::ErrorKind::{Interrupted, InvalidData, PermissionDenied};
        for (results, expected) in [
            (vec![Err(Interrupted), Ok(0)], None),
            (vec![Err(Interrupted), Ok(1)], Some(InvalidData)),
            (vec![Err(PermissionDenied)], Some(PermissionDenied)),
        ] {
            let kind = expect_end(&mut Results(results)).err().map(|error| error.kind());
            assert_eq!(kind, expected);
        }
    }
}
