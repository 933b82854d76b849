//! Reading a file in blocks, with its digest, off the asynchronous threads.
//!
//! Blocks of 512 KiB: smaller ones cost more for their number, larger ones more for the memory that they are in
//! while they are hashed and sent. The last block is given out only when the source has proved to end there,
//! so that a file which grows while it is read is never sent as if it were whole.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::documents::background::Hashing;
use crate::documents::{ByteStream, Sha256Digest};

/// How much is read at a time.
const BLOCK: usize = 512 * 1024;

/// A file, read whole where it is small.
pub(super) enum Found {
    Small(Bytes),
    Large(File, u64),
}

pub(super) fn open(path: &Path, small: u64) -> io::Result<Found> {
    // Looked at before it is opened: opening a pipe waits for who writes to it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length <= small { whole(file, length).map(Found::Small) } else { Ok(Found::Large(file, length)) }
}

/// All of a reader, which has to be so many bytes.
pub(super) fn whole(mut reader: impl Read, length: u64) -> io::Result<Bytes> {
    let block = read_block(&mut reader, length)?;
    ends_here(&mut reader)?;
    Ok(block.into())
}

pub(super) async fn whole_async(reader: impl AsyncRead + Send, length: u64) -> io::Result<Bytes> {
    // One more than there may be, to see that there is none.
    let mut bytes = Vec::new();
    std::pin::pin!(reader).take(length + 1).read_to_end(&mut bytes).await?;
    match bytes.len() as u64 {
        read if read < length => Err(io::ErrorKind::UnexpectedEof.into()),
        read if read > length => Err(longer()),
        _ => Ok(bytes.into()),
    }
}

/// The bytes of a reader, read on threads for blocking work.
pub(super) fn in_blocks(
    mut reader: impl Read + Send + 'static,
    length: u64,
    digest: oneshot::Sender<Sha256Digest>,
) -> ByteStream<io::Error> {
    let mut left = length;
    ahead(digest, move || {
        let block = read_block(&mut reader, left.min(BLOCK as u64))?;
        left -= block.len() as u64;
        if left == 0 {
            ends_here(&mut reader)?;
        }
        Ok((block.into(), left == 0))
    })
}

/// Bytes that are there, hashed on threads for blocking work.
pub(super) fn in_slices(bytes: Bytes, digest: oneshot::Sender<Sha256Digest>) -> ByteStream<io::Error> {
    let mut left = bytes;
    ahead(digest, move || {
        let block = left.split_to(left.len().min(BLOCK));
        Ok((block, left.is_empty()))
    })
}

/// What gives the blocks of a file, and says which is the last.
type Next = Box<dyn FnMut() -> io::Result<(Bytes, bool)> + Send>;

/// Calls what gives blocks on threads for blocking work, and is one block ahead of who takes them. No thread
/// waits for one that is not wanted. The digest is there before the last block is given out.
fn ahead(
    digest: oneshot::Sender<Sha256Digest>,
    next: impl FnMut() -> io::Result<(Bytes, bool)> + Send + 'static,
) -> ByteStream<io::Error> {
    let ahead = Ahead { reading: go_on(Box::new(next)), hashing: Hashing::sha256(), digest };
    stream::unfold(Some(ahead), |ahead| async {
        match ahead?.next().await {
            Ok((block, ahead)) => Some((Ok(block), ahead)),
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

struct Ahead {
    reading: JoinHandle<io::Result<(Bytes, bool, Next)>>,
    hashing: Hashing,
    digest: oneshot::Sender<Sha256Digest>,
}

fn go_on(mut next: Next) -> JoinHandle<io::Result<(Bytes, bool, Next)>> {
    spawn_blocking(move || next().map(|(block, is_last)| (block, is_last, next)))
}

impl Ahead {
    /// A block, and what comes after it.
    async fn next(self) -> io::Result<(Bytes, Option<Self>)> {
        let (block, is_last, next) = self.reading.await.map_err(|_| ended())??;
        let reading = (!is_last).then(|| go_on(next));
        self.hashing.hash(block.clone()).await.map_err(|_| ended())?;
        if let Some(reading) = reading {
            return Ok((block, Some(Self { reading, ..self })));
        }
        // Who asked for it may be gone.
        let _ = self.digest.send(self.hashing.digest().await.map_err(|_| ended())?);
        Ok((block, None))
    }
}

/// The runtime is shutting down.
fn ended() -> io::Error {
    io::ErrorKind::Interrupted.into()
}

fn read_block(reader: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut block = Vec::with_capacity(usize::try_from(length).unwrap_or(BLOCK).min(BLOCK));
    reader.take(length).read_to_end(&mut block)?;
    if (block.len() as u64) < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(block) }
}

fn ends_here(reader: &mut impl Read) -> io::Result<()> {
    let mut more = [0];
    loop {
        match reader.read(&mut more) {
            Ok(0) => return Ok(()),
            Ok(_) => return Err(longer()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn longer() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "longer than it said")
}

/// What an asynchronous reader gives at a time: little enough to be hashed where it is read.
const ASYNC_BLOCK: usize = 128 * 1024;

/// The bytes of an asynchronous reader, as they come.
pub(super) fn in_async_blocks(
    reader: impl AsyncRead + Send + Unpin + 'static,
    length: u64,
    digest: oneshot::Sender<Sha256Digest>,
) -> ByteStream<io::Error> {
    let reading = Reading { reader, left: length, hasher: Sha256::new(), digest: Some(digest) };
    stream::unfold(Some(reading), |reading| async {
        let mut reading = reading?;
        match reading.next().await {
            Ok(Some(block)) => Some((Ok(block), Some(reading))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

struct Reading<R> {
    reader: R,
    left: u64,
    hasher: Sha256,
    digest: Option<oneshot::Sender<Sha256Digest>>,
}

impl<R: AsyncRead + Unpin> Reading<R> {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        let size = usize::try_from(self.left).unwrap_or(ASYNC_BLOCK).min(ASYNC_BLOCK);
        let mut block = BytesMut::with_capacity(size);
        let read = (&mut self.reader).take(self.left).read_buf(&mut block).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        self.hasher.update(&block);
        if self.left == 0 {
            if self.reader.read(&mut [0]).await? != 0 {
                return Err(longer());
            }
            if let Some(digest) = self.digest.take() {
                // Who asked for it may be gone.
                let _ = digest.send(Sha256Digest::so_far(&self.hasher));
            }
        }
        Ok(Some(block.freeze()))
    }
}
