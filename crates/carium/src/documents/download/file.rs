//! A file as the target of a download, written, hashed and synced in the background.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use carium_api::types::DocumentReferenceId;
use tempfile::NamedTempFile;

use super::batch::{BatchTurn, RunningTurn};
use super::pipeline::{DownloadSink, write_error};
use super::request::DownloadRequest;
use crate::documents::blocking::JobQueue;
use crate::documents::digest::{BackgroundHasher, Digest};
use crate::documents::file_name;
use crate::error::{Error, ErrorKind};
use crate::local_io::{directory_of, run_blocking, shutting_down, sync_directory, wait_for_descriptor};
use crate::sha256::Sha256Digest;

/// Bytes are collected up to this size before they are written and hashed.
const PIECE: usize = 1024 * 1024;
/// Maximum size of one write call. For larger writes, Linux allocates large pages, which a virtual machine may first
/// have to request from its host. That costs more than the additional calls.
const MAX_WRITE: usize = 128 * 1024;
/// The file is synced after this many bytes. Otherwise the operating system starts to write to the disk late, and the
/// sync at the end has to wait for all of it.
const SYNC_INTERVAL: usize = 8 * 1024 * 1024;

pub(super) struct FileSink {
    target: PathBuf,
    overwrite: bool,
    skip_sync: bool,
    digest: Digest,
    batch: Option<RunningTurn>,
    file_name_template: Option<String>,
    /// The fallback for the file name.
    id: DocumentReferenceId,
    /// The bytes of the next piece. They are copied, so that the connection can reuse its read buffer: allocating a
    /// buffer for each read costs more than the copy.
    piece: BytesMut,
    /// Earlier pieces, whose buffers are reused.
    used_pieces: VecDeque<Bytes>,
    /// The temporary file. `None` until the sink is opened.
    file: JobQueue<Option<PartFile>>,
    hasher: BackgroundHasher,
    unsynced_bytes: usize,
    /// A second handle to the temporary file, which is set when the file has been created. It has its own queue, so
    /// that syncing does not delay writing.
    sync_handle: JobQueue<Arc<OnceLock<File>>>,
}

impl FileSink {
    pub(super) fn new(target: PathBuf, request: &DownloadRequest) -> Self {
        Self {
            target,
            overwrite: request.overwrite,
            skip_sync: request.skip_sync,
            digest: request.digest,
            batch: request.batch.clone().map(BatchTurn::run),
            file_name_template: request.file_name_template.clone(),
            id: request.id,
            piece: BytesMut::new(),
            used_pieces: VecDeque::new(),
            file: JobQueue::new(None),
            hasher: BackgroundHasher::new(request.digest),
            unsynced_bytes: 0,
            sync_handle: JobQueue::new(Arc::default()),
        }
    }

    /// Checks whether the target can be written, before any request is sent.
    pub(super) async fn check_target(&self) -> Result<(), Error> {
        let (target, overwrite) = (self.target.clone(), self.overwrite);
        run_blocking(move || check_target(&target, overwrite)).await?
    }

    /// Syncs the file unless that is skipped, renames it to its target, and returns the target's path.
    pub(super) async fn commit(&mut self) -> Result<PathBuf, Error> {
        let file = self.file.take().await?.ok_or_else(shutting_down)?;
        // The operating system reports a failed sync only once, which may have been to the background sync.
        self.sync_handle.take().await?;
        let skip_sync = self.skip_sync;
        run_blocking(move || file.commit(skip_sync)).await?
    }

    /// Waits for the background jobs and removes a file that was not committed.
    pub(super) async fn close(&mut self) {
        // Errors are ignored: either the value has already been taken, or its error has already been returned.
        let (file, sync_handle) = (self.file.take().await, self.sync_handle.take().await);
        let _ = run_blocking(move || drop((sync_handle, file))).await;
    }

    async fn write_piece(&mut self) -> Result<(), Error> {
        let piece = std::mem::take(&mut self.piece).freeze();
        if piece.is_empty() {
            return Ok(());
        }
        self.piece = self.reuse_buffer();
        self.used_pieces.push_back(piece.clone());
        self.unsynced_bytes += piece.len();
        self.hasher.update(piece.clone()).await?;
        self.file.push(move |file| file.as_mut().map_or(Ok(()), |file| file.write(&piece))).await?;
        if !self.skip_sync && self.unsynced_bytes >= SYNC_INTERVAL && self.sync_handle.is_idle() {
            self.unsynced_bytes = 0;
            let sync = |file: &File| file.sync_data().map_err(|error| write_error(&error));
            self.sync_handle.push(move |file| file.get().map_or(Ok(()), sync)).await?;
        }
        Ok(())
    }

    /// Returns the buffer of the oldest piece if it is no longer in use, and a new one otherwise.
    fn reuse_buffer(&mut self) -> BytesMut {
        match self.used_pieces.pop_front().map(Bytes::try_into_mut) {
            Some(Ok(mut buffer)) => {
                buffer.clear();
                buffer
            }
            Some(Err(in_use)) => {
                self.used_pieces.push_front(in_use);
                BytesMut::new()
            }
            None => BytesMut::new(),
        }
    }
}

#[async_trait]
impl DownloadSink for FileSink {
    async fn open(&mut self, name: Option<&str>) -> Result<(), Error> {
        let id = self.id.to_string();
        let name = name.and_then(file_name::sanitize).unwrap_or_else(|| id.clone());
        let name = match &self.file_name_template {
            // The ID is inserted first, so that nothing is replaced within the other name.
            Some(template) => {
                let text = template.replace("{id}", &id).replace("{filename}", &name);
                file_name::sanitize(&text).unwrap_or(name)
            }
            None => name,
        };
        let (target, overwrite) = (self.target.clone(), self.overwrite);
        let target =
            run_blocking(move || if is_directory(&target) { target.join(name) } else { target }).await?;
        let target = match self.batch.take() {
            Some(turn) => turn.choose_target(&target).await,
            None => target,
        };
        let sync_handle = Arc::<OnceLock<File>>::default();
        self.sync_handle = JobQueue::new(Arc::clone(&sync_handle));
        self.file
            .push(move |file| {
                let part_file = file.insert(PartFile::create(target, overwrite)?);
                let handle = wait_for_descriptor(|| part_file.file.as_file().try_clone());
                let handle = handle.map_err(|error| write_error(&error))?;
                // Cannot fail: the sink is opened once.
                let _ = sync_handle.set(handle);
                Ok(())
            })
            .await
    }

    async fn write(&mut self, mut bytes: Bytes) -> Result<(), Error> {
        while !bytes.is_empty() {
            if self.piece.is_empty() {
                self.piece.reserve(PIECE);
            }
            let capacity = PIECE - self.piece.len();
            let part = bytes.split_to(bytes.len().min(capacity));
            self.piece.extend_from_slice(&part);
            if part.len() == capacity {
                self.write_piece().await?;
            }
        }
        Ok(())
    }

    async fn digest(&mut self) -> Result<Option<Sha256Digest>, Error> {
        self.write_piece().await?;
        self.hasher.digest().await
    }

    async fn restart(&mut self) -> Result<bool, Error> {
        self.piece.clear();
        self.hasher = BackgroundHasher::new(self.digest);
        self.file.push(|file| file.as_mut().map_or(Ok(()), PartFile::truncate)).await?;
        Ok(true)
    }
}

/// A temporary file in the target's directory. Removed when dropped, unless it was committed.
struct PartFile {
    file: NamedTempFile,
    target: PathBuf,
    overwrite: bool,
}

impl PartFile {
    fn create(target: PathBuf, overwrite: bool) -> Result<Self, Error> {
        check_target(&target, overwrite)?;
        let directory = directory_of(&target);
        let mut builder = tempfile::Builder::new();
        builder.prefix(".carium-").suffix(".part");
        let file = wait_for_descriptor(|| builder.tempfile_in(directory));
        let file = file.map_err(|error| write_error(&error))?;
        Ok(Self { file, target, overwrite })
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), Error> {
        let file = self.file.as_file_mut();
        piece.chunks(MAX_WRITE).try_for_each(|part| file.write_all(part)).map_err(|error| write_error(&error))
    }

    fn truncate(&mut self) -> Result<(), Error> {
        let file = self.file.as_file_mut();
        file.set_len(0).and_then(|()| file.rewind()).map_err(|error| write_error(&error))
    }

    fn commit(self, skip_sync: bool) -> Result<PathBuf, Error> {
        if !skip_sync {
            self.file.as_file().sync_all().map_err(|error| write_error(&error))?;
        }
        let renamed = if self.overwrite {
            self.file.persist(&self.target)
        } else {
            self.file.persist_noclobber(&self.target)
        };
        renamed.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => target_exists(),
            _ => write_error(&error.error),
        })?;
        if !skip_sync {
            sync_directory(directory_of(&self.target)).map_err(|error| write_error(&error))?;
        }
        Ok(self.target)
    }
}

/// Checks whether a target is a directory: it is one on disk, or its path ends with a separator, as in `letters/`.
fn is_directory(target: &Path) -> bool {
    let last = target.as_os_str().as_encoded_bytes().last();
    target.is_dir() || last.is_some_and(|last| std::path::is_separator(char::from(*last)))
}

fn check_target(target: &Path, overwrite: bool) -> Result<(), Error> {
    if !is_directory(target) && !overwrite && fs::symlink_metadata(target).is_ok() {
        return Err(target_exists());
    }
    Ok(())
}

fn target_exists() -> Error {
    Error::new(ErrorKind::AlreadyExists, "a file already exists at the target; it was not overwritten")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_few_pieces_of_a_file_are_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("letter.pdf");
        let id = "00000000-0000-4000-8000-000000000001".parse().unwrap();
        let mut sink = FileSink::new(target.clone(), &DownloadRequest::new(id));
        sink.open(None).await.unwrap();
        let mut written = 0;
        for length in [1, 2, PIECE / 3, PIECE, PIECE * 5 / 2, 7].repeat(6) {
            sink.write(Bytes::from(vec![b'x'; length])).await.unwrap();
            written += length;
            assert_eq!(sink.piece.len(), written % PIECE, "small parts are collected");
            // Each of the two queues has two waiting pieces and one in progress.
            assert!(sink.used_pieces.len() <= 8, "{}", sink.used_pieces.len());
        }
        assert!(sink.digest().await.unwrap().is_some());
        assert_eq!(sink.commit().await.unwrap(), target);
        assert_eq!(fs::metadata(&target).unwrap().len(), written as u64);
    }
}
