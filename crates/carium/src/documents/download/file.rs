//! A file as the target of a download.
//!
//! Written and hashed on a thread for blocking work, in pieces of about 1 MiB: the thread that receives has its
//! hands free for receiving.

use std::fs;
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::types::DocumentReferenceId;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};

use super::sink::Sink;
use crate::documents::{Sha256Digest, file_name, local};
use crate::error::{Error, ErrorKind};

/// How much is gathered before it is written.
const PIECE: usize = 1024 * 1024;
/// How many pieces wait to be written.
const WAITING: usize = 1;

pub(super) struct FileSink {
    target: PathBuf,
    replaces: bool,
    /// What the file is called where nothing else is known.
    id: DocumentReferenceId,
    gathered: Vec<Bytes>,
    length: usize,
    writer: Option<Writer>,
}

/// The thread that writes.
struct Writer {
    orders: mpsc::Sender<Order>,
    thread: JoinHandle<Result<(), Error>>,
}

enum Order {
    Write(Vec<Bytes>),
    Digest(oneshot::Sender<Sha256Digest>),
    BeginAgain,
    /// Everything is there and right.
    Commit(oneshot::Sender<PathBuf>),
}

impl FileSink {
    pub(super) fn new(target: PathBuf, replaces: bool, id: DocumentReferenceId) -> Self {
        Self { target, replaces, id, gathered: Vec::new(), length: 0, writer: None }
    }

    /// Looks whether the target can be had, before anyone is asked for anything.
    pub(super) async fn look(&self) -> Result<(), Error> {
        let (target, replaces) = (self.target.clone(), self.replaces);
        spawn_blocking(move || look(&target, replaces)).await.map_err(|_| local::ended())?
    }

    /// Syncs the file and gives it its name.
    pub(super) async fn commit(&mut self) -> Result<PathBuf, Error> {
        let (sender, path) = oneshot::channel();
        self.order(Order::Commit(sender)).await?;
        match path.await {
            Ok(path) => Ok(path),
            Err(_) => Err(self.why().await),
        }
    }

    /// Waits until nothing is written any more, and what has no name is removed.
    pub(super) async fn close(&mut self) {
        if let Some(Writer { orders, thread }) = self.writer.take() {
            drop(orders);
            // Its error has been told, or does not matter any more.
            let _ = thread.await;
        }
    }

    async fn order(&mut self, order: Order) -> Result<(), Error> {
        self.write_gathered().await?;
        self.send(order).await
    }

    async fn write_gathered(&mut self) -> Result<(), Error> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        self.length = 0;
        let gathered = std::mem::take(&mut self.gathered);
        self.send(Order::Write(gathered)).await
    }

    async fn send(&mut self, order: Order) -> Result<(), Error> {
        let sent = match &self.writer {
            Some(writer) => writer.orders.send(order).await.is_ok(),
            None => false,
        };
        if sent { Ok(()) } else { Err(self.why().await) }
    }

    /// Why the thread has ended.
    async fn why(&mut self) -> Error {
        match self.writer.take() {
            Some(writer) => match writer.thread.await {
                Ok(Err(error)) => error,
                Ok(Ok(())) | Err(_) => local::ended(),
            },
            None => local::ended(),
        }
    }
}

#[async_trait]
impl Sink for FileSink {
    async fn open(&mut self, name: Option<&str>) -> Result<(), Error> {
        let name = name.and_then(file_name::safe).unwrap_or_else(|| self.id.to_string());
        let (target, replaces) = (self.target.clone(), self.replaces);
        let place = spawn_blocking(move || Place::prepare(&target, &name, replaces))
            .await
            .map_err(|_| local::ended())??;
        let (orders, received) = mpsc::channel(WAITING);
        self.writer = Some(Writer { orders, thread: spawn_blocking(move || place.work(received)) });
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.length += bytes.len();
        self.gathered.push(bytes);
        if self.length >= PIECE { self.write_gathered().await } else { Ok(()) }
    }

    async fn digest(&mut self) -> Result<Sha256Digest, Error> {
        let (sender, digest) = oneshot::channel();
        self.order(Order::Digest(sender)).await?;
        match digest.await {
            Ok(digest) => Ok(digest),
            Err(_) => Err(self.why().await),
        }
    }

    async fn begin_again(&mut self) -> Result<(), Error> {
        self.gathered.clear();
        self.length = 0;
        self.send(Order::BeginAgain).await
    }
}

/// A file beside its target. Removed when it is dropped without having got its name.
struct Place {
    file: NamedTempFile,
    target: PathBuf,
    replaces: bool,
    hasher: Sha256,
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
        Ok(Self { file, target, replaces, hasher: Sha256::new() })
    }

    fn work(mut self, mut orders: mpsc::Receiver<Order>) -> Result<(), Error> {
        while let Some(order) = orders.blocking_recv() {
            match order {
                Order::Write(pieces) => {
                    for piece in pieces {
                        self.hasher.update(&piece);
                        self.file.as_file_mut().write_all(&piece).map_err(|error| cannot(&error))?;
                    }
                }
                // Who asked may be gone.
                Order::Digest(sender) => drop(sender.send(Sha256Digest::so_far(&self.hasher))),
                Order::BeginAgain => {
                    self.hasher = Sha256::new();
                    let file = self.file.as_file_mut();
                    file.set_len(0).and_then(|()| file.rewind()).map_err(|error| cannot(&error))?;
                }
                Order::Commit(sender) => {
                    let path = self.commit()?;
                    drop(sender.send(path));
                    return Ok(());
                }
            }
        }
        Ok(())
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
    target.is_dir() || target.as_os_str().as_encoded_bytes().ends_with(b"/")
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
    fs::File::open(directory)?.sync_all()
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
