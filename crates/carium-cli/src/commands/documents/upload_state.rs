//! The saved state of an upload, with which a later run of the same command continues.
//!
//! An upload state contains a form that permits uploading the file, so only its owner may read it. It is kept until
//! all files of the command are uploaded: if the command is run again after an interruption, it does not create a
//! document twice.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use carium::documents::{NewDocument, UploadState, UploadStateStore};
use carium::{Error, ErrorKind, wait_for_descriptor};

use crate::directories;
use crate::error::{CliError, Exit};

/// The state file of one upload. It is locked, so no other run of the program can open it at the same time.
#[derive(Debug)]
pub(super) struct UploadStateFile {
    path: PathBuf,
    /// The locked file. `None` when the upload has ended.
    lock: Mutex<Option<File>>,
}

impl UploadStateFile {
    /// Opens the state file for uploading this file as this document to this server, and reads the state that an earlier
    /// run saved. The state is empty if there is none. Blocks the thread.
    pub(super) fn open(
        base_url: &str,
        document: &NewDocument,
        file: &Path,
    ) -> Result<(Self, UploadState), CliError> {
        let failed = |error: io::Error| {
            CliError::new(Exit::Other, "could not open the state file of the upload").with_source(error)
        };
        let name = state_file_name(base_url, document, file).map_err(|error| {
            CliError::new(Exit::InvalidInput, "could not read the file")
                .with_source(error)
                .with_hint("check that it exists and that you may read it")
        })?;
        let directory = directories::private_state_dir("uploads").map_err(failed)?;
        let lock_path = directory.join(format!("{name}.lock"));
        let lock = wait_for_descriptor(|| File::create(&lock_path)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {
                let path = directory.join(format!("{name}.json"));
                let state = read_state(&path)?;
                Ok((Self { path, lock: Mutex::new(Some(lock)) }, state))
            }
            Err(TryLockError::WouldBlock) => {
                let message = "another `carium` process is uploading the same file to the same record";
                Err(CliError::new(Exit::Refused, message).with_hint("wait until it ends, or stop it"))
            }
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Lets other runs of the program open the state file, because the upload has ended.
    pub(super) fn unlock(&self) {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Deletes the state, because the upload is complete or never started.
    pub(super) fn delete(&self) {
        let lock_path = self.path.with_extension("lock");
        // Another run of the program may have opened the state file in the meantime. It needs it.
        if !File::open(&lock_path).is_ok_and(|lock| lock.try_lock().is_ok()) {
            return;
        }
        // If the file cannot be deleted, a later run with the unchanged file finds a complete upload and creates
        // nothing.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(lock_path);
    }
}

fn read_state(path: &Path) -> Result<UploadState, CliError> {
    match wait_for_descriptor(|| fs::read(path)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| {
            CliError::new(Exit::Other, "the state file of an earlier run is invalid").with_hint(format!(
                "check in Carium whether the document exists, then delete {}",
                path.display()
            ))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(UploadState::default()),
        Err(error) => {
            let message = "could not read the state file of an earlier run";
            Err(CliError::new(Exit::Other, message).with_source(error))
        }
    }
}

/// Returns a name that reveals nothing about the document, and that differs if the file has changed.
fn state_file_name(base_url: &str, document: &NewDocument, file: &Path) -> io::Result<String> {
    let file = file.canonicalize()?;
    let metadata = file.metadata()?;
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let attributes = serde_json::to_vec(document.attributes())?;
    Ok(directories::hashed_name([
        base_url.as_bytes(),
        &attributes,
        file.as_os_str().as_encoded_bytes(),
        &metadata.len().to_be_bytes(),
        &modified.as_nanos().to_be_bytes(),
    ]))
}

#[async_trait]
impl UploadStateStore for UploadStateFile {
    async fn save(&self, state: &UploadState) -> Result<(), Error> {
        let (path, state) = (self.path.clone(), state.clone());
        let failed = |error: io::Error| {
            Error::new(ErrorKind::Io, "could not save the state of the upload").with_source(error)
        };
        let result = tokio::task::spawn_blocking(move || write_state(&path, &state)).await;
        result.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(failed)
    }
}

fn write_state(path: &Path, state: &UploadState) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = wait_for_descriptor(|| tempfile::NamedTempFile::new_in(directory))?;
    serde_json::to_writer(&mut file, state)?;
    file.flush()?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
