//! A file as the target of a download.
//!
//! Written and hashed in the background, in pieces of about 1 MiB.

use std::fs;
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::types::DocumentReferenceId;
use tempfile::NamedTempFile;
use tokio::task::spawn_blocking;

use super::sink::Sink;
use crate::documents::background::{Background, Hashing};
use crate::documents::{Sha256Digest, file_name, local};
use crate::error::{Error, ErrorKind};

/// How much is gathered before it is written.
const PIECE: usize = 1024 * 1024;
/// How many chunks, however small.
const MOST_GATHERED: usize = 256;

pub(super) struct FileSink {
    target: PathBuf,
    replaces: bool,
    /// What the file is called where nothing else is known.
    id: DocumentReferenceId,
    gathered: Vec<Bytes>,
    length: usize,
    /// `None` until there is something to write.
    place: Background<Option<Place>>,
    hashing: Hashing,
}

impl FileSink {
    pub(super) fn new(target: PathBuf, replaces: bool, id: DocumentReferenceId) -> Self {
        let (place, hashing) = (Background::new(None), Hashing::sha256());
        Self { target, replaces, id, gathered: Vec::new(), length: 0, place, hashing }
    }

    /// Looks whether the target can be had, before anyone is asked for anything.
    pub(super) async fn look(&self) -> Result<(), Error> {
        let (target, replaces) = (self.target.clone(), self.replaces);
        spawn_blocking(move || look(&target, replaces)).await.map_err(|_| local::ended())?
    }

    /// Syncs the file and gives it its name.
    pub(super) async fn commit(&mut self) -> Result<PathBuf, Error> {
        let place = self.place.take().await?.ok_or_else(local::ended)?;
        spawn_blocking(move || place.commit()).await.map_err(|_| local::ended())?
    }

    /// Waits until nothing is written any more, and what has no name is removed.
    pub(super) async fn close(&mut self) {
        // It is gone already, or why it could not be written has been told.
        if let Ok(place) = self.place.take().await {
            let _ = spawn_blocking(move || drop(place)).await;
        }
    }

    async fn write_gathered(&mut self) -> Result<(), Error> {
        self.length = 0;
        let pieces = std::mem::take(&mut self.gathered);
        if pieces.is_empty() {
            return Ok(());
        }
        self.hashing.hash(pieces.clone()).await?;
        self.place.add(move |place| place.as_mut().map_or(Ok(()), |place| place.write(&pieces))).await
    }
}

#[async_trait]
impl Sink for FileSink {
    async fn open(&mut self, name: Option<&str>) -> Result<(), Error> {
        let name = name.and_then(file_name::safe).unwrap_or_else(|| self.id.to_string());
        let (target, replaces) = (self.target.clone(), self.replaces);
        self.place
            .add(move |place| {
                *place = Some(Place::prepare(&target, &name, replaces)?);
                Ok(())
            })
            .await
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.length += bytes.len();
        self.gathered.push(bytes);
        if self.length >= PIECE || self.gathered.len() >= MOST_GATHERED {
            return self.write_gathered().await;
        }
        Ok(())
    }

    async fn digest(&mut self) -> Result<Sha256Digest, Error> {
        self.write_gathered().await?;
        self.hashing.digest().await
    }

    async fn begin_again(&mut self) -> Result<(), Error> {
        self.gathered.clear();
        self.length = 0;
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

    fn write(&mut self, pieces: &[Bytes]) -> Result<(), Error> {
        let file = self.file.as_file_mut();
        pieces.iter().try_for_each(|piece| file.write_all(piece)).map_err(|error| cannot(&error))
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
    match fs::File::open(directory).and_then(|directory| directory.sync_all()) {
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
