//! A file as the target of a download.
//!
//! Written, hashed and synced in the background, in pieces of 1 MiB.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use carium_api::types::DocumentReferenceId;
use tempfile::NamedTempFile;
use tokio::task::spawn_blocking;

use super::sink::Sink;
use crate::documents::background::{Background, Hashing};
use crate::documents::{Sha256Digest, file_name, local};
use crate::error::{Error, ErrorKind};

/// How much is gathered before it is written.
const PIECE: usize = 1024 * 1024;
/// How much is written at a time. For more, Linux takes its memory in large pages, which a virtual machine may first
/// have to ask its host for, which costs more than the calls.
const AT_A_TIME: usize = 128 * 1024;
/// How much may be written that is not on its way to the disk. Left to itself the system begins late, and all of it
/// would have to be waited for at the end.
const UNSYNCED: usize = 8 * 1024 * 1024;

pub(super) struct FileSink {
    target: PathBuf,
    replaces: bool,
    /// What the file is called where nothing else is known.
    id: DocumentReferenceId,
    /// What is gathered. Copied, so that the connection's buffer is free for what comes next: new memory for each
    /// read costs more than the copy.
    piece: BytesMut,
    /// The pieces before it, the memory of which is used again.
    used: VecDeque<Bytes>,
    /// `None` until there is something to write.
    place: Background<Option<Place>>,
    hashing: Hashing,
    /// How much was written since the disk was last asked for.
    unsynced: usize,
    /// The same file, while it is there.
    syncing: Background<Arc<OnceLock<File>>>,
}

impl FileSink {
    pub(super) fn new(target: PathBuf, replaces: bool, id: DocumentReferenceId) -> Self {
        Self {
            target,
            replaces,
            id,
            piece: BytesMut::new(),
            used: VecDeque::new(),
            place: Background::new(None),
            hashing: Hashing::sha256(),
            unsynced: 0,
            syncing: Background::new(Arc::default()),
        }
    }

    /// Looks whether the target can be had, before anyone is asked for anything.
    pub(super) async fn look(&self) -> Result<(), Error> {
        let (target, replaces) = (self.target.clone(), self.replaces);
        spawn_blocking(move || look(&target, replaces)).await.map_err(|_| local::ended())?
    }

    /// Syncs the file and gives it its name.
    pub(super) async fn commit(&mut self) -> Result<PathBuf, Error> {
        let place = self.place.take().await?.ok_or_else(local::ended)?;
        // The system tells of a failure once, and it may have told this one.
        self.syncing.take().await?;
        spawn_blocking(move || place.commit()).await.map_err(|_| local::ended())?
    }

    /// Waits until nothing is written any more, and what has no name is removed.
    pub(super) async fn close(&mut self) {
        // It is gone already, or why it could not be written has been told.
        let (place, syncing) = (self.place.take().await, self.syncing.take().await);
        let _ = spawn_blocking(move || drop((syncing, place))).await;
    }

    async fn write_piece(&mut self) -> Result<(), Error> {
        let piece = std::mem::take(&mut self.piece).freeze();
        if piece.is_empty() {
            return Ok(());
        }
        self.piece = self.free();
        self.used.push_back(piece.clone());
        self.unsynced += piece.len();
        self.hashing.hash(piece.clone()).await?;
        self.place.add(move |place| place.as_mut().map_or(Ok(()), |place| place.write(&piece))).await?;
        if self.unsynced >= UNSYNCED && self.syncing.is_idle() {
            self.unsynced = 0;
            let sync = |file: &File| file.sync_data().map_err(|error| cannot(&error));
            self.syncing.add(move |file| file.get().map_or(Ok(()), sync)).await?;
        }
        Ok(())
    }

    /// The memory of the oldest piece, where that is done with.
    fn free(&mut self) -> BytesMut {
        match self.used.pop_front().map(Bytes::try_into_mut) {
            Some(Ok(mut free)) => {
                free.clear();
                free
            }
            Some(Err(in_use)) => {
                self.used.push_front(in_use);
                BytesMut::new()
            }
            None => BytesMut::new(),
        }
    }
}

#[async_trait]
impl Sink for FileSink {
    async fn open(&mut self, name: Option<&str>) -> Result<(), Error> {
        let name = name.and_then(file_name::safe).unwrap_or_else(|| self.id.to_string());
        let (target, replaces) = (self.target.clone(), self.replaces);
        let file = Arc::<OnceLock<File>>::default();
        self.syncing = Background::new(Arc::clone(&file));
        self.place
            .add(move |place| {
                let prepared = place.insert(Place::prepare(&target, &name, replaces)?);
                let same = prepared.file.as_file().try_clone().map_err(|error| cannot(&error))?;
                // It is opened once.
                let _ = file.set(same);
                Ok(())
            })
            .await
    }

    async fn write(&mut self, mut bytes: Bytes) -> Result<(), Error> {
        while !bytes.is_empty() {
            if self.piece.is_empty() {
                self.piece.reserve(PIECE);
            }
            let room = PIECE - self.piece.len();
            let part = bytes.split_to(bytes.len().min(room));
            self.piece.extend_from_slice(&part);
            if part.len() == room {
                self.write_piece().await?;
            }
        }
        Ok(())
    }

    async fn digest(&mut self) -> Result<Sha256Digest, Error> {
        self.write_piece().await?;
        self.hashing.digest().await
    }

    async fn begin_again(&mut self) -> Result<(), Error> {
        self.piece.clear();
        self.hashing = Hashing::sha256();
        self.place.add(|place| place.as_mut().map_or(Ok(()), Place::begin_again)).await
    }
}

/// A file beside its target. Removed when it is dropped without having got its name.
struct Place {
    file: NamedTempFile,
    target: PathBuf,
    replaces: bool,
}

impl Place {
    fn prepare(target: &Path, name: &str, replaces: bool) -> Result<Self, Error> {
        let target = if is_directory(target) { target.join(name) } else { target.to_owned() };
        look(&target, replaces)?;
        let directory = directory_of(&target);
        let file = tempfile::Builder::new()
            .prefix(".carium-")
            .suffix(".part")
            .tempfile_in(directory)
            .map_err(|error| cannot(&error))?;
        Ok(Self { file, target, replaces })
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), Error> {
        let file = self.file.as_file_mut();
        piece.chunks(AT_A_TIME).try_for_each(|part| file.write_all(part)).map_err(|error| cannot(&error))
    }

    fn begin_again(&mut self) -> Result<(), Error> {
        let file = self.file.as_file_mut();
        file.set_len(0).and_then(|()| file.rewind()).map_err(|error| cannot(&error))
    }

    fn commit(self) -> Result<PathBuf, Error> {
        self.file.as_file().sync_all().map_err(|error| cannot(&error))?;
        let named = if self.replaces {
            self.file.persist(&self.target)
        } else {
            self.file.persist_noclobber(&self.target)
        };
        named.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => exists(),
            _ => cannot(&error.error),
        })?;
        sync_directory(directory_of(&self.target)).map_err(|error| cannot(&error))?;
        Ok(self.target)
    }
}

/// `letters/` means the directory, and not a file of that name.
fn is_directory(target: &Path) -> bool {
    let last = target.as_os_str().as_encoded_bytes().last();
    target.is_dir() || last.is_some_and(|last| std::path::is_separator(char::from(*last)))
}

fn look(target: &Path, replaces: bool) -> Result<(), Error> {
    if !is_directory(target) && !replaces && fs::symlink_metadata(target).is_ok() {
        return Err(exists());
    }
    Ok(())
}

fn directory_of(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A name is on the disk when its directory is.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match File::open(directory).and_then(|directory| directory.sync_all()) {
        // A directory that may be written and not read, or a file system that does not sync directories: the file
        // is there, and there is nothing more to be done for it.
        Err(error) if matches!(error.kind(), PermissionDenied | InvalidInput | Unsupported) => Ok(()),
        synced => synced,
    }
}

/// Where directories cannot be opened, the system sees to it.
#[cfg(not(unix))]
fn sync_directory(_directory: &Path) -> io::Result<()> {
    Ok(())
}

fn cannot(error: &io::Error) -> Error {
    local::failed("the document cannot be written to its target", error)
}

fn exists() -> Error {
    Error::new(ErrorKind::AlreadyExists, "there is a file at the target already, and it is kept")
}
