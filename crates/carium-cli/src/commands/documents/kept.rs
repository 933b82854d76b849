//! How far an upload has come, kept for the next run of the same command.
//!
//! A state holds the right to upload while the file is not there, so it lies where its owner alone can read it. What
//! is filed stays noted until all files of the command are: who runs it again after an interruption files none twice.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use carium::documents::{NewDocument, UploadState, UploadStateStore};
use carium::{Error, ErrorKind};

use crate::exit::{CliError, Exit};
use crate::places;

/// The place of one upload's state. While it is open, no other run of the program has it.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
    _lock: File,
}

impl Kept {
    /// The place for the upload of this file as this document to this server.
    pub(super) fn open(base_url: &str, document: &NewDocument, file: &Path) -> Result<Self, CliError> {
        let wrong = |error: io::Error| {
            CliError::new(Exit::Other, "there is no place to note how far an upload has come").because(error)
        };
        let name = name_of(base_url, document, file).map_err(|error| {
            CliError::new(Exit::InvalidInput, "the file cannot be read")
                .because(error)
                .next("check that it is there and yours")
        })?;
        let folder = places::own_folder("uploads").map_err(wrong)?;
        let lock = File::create(folder.join(format!("{name}.lock"))).map_err(wrong)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: folder.join(format!("{name}.json")), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                let what = "another `carium` is uploading the same file to the same record";
                Err(CliError::new(Exit::Refused, what).next("wait for it, or end it"))
            }
            Err(TryLockError::Error(error)) => Err(wrong(error)),
        }
    }

    /// What an earlier run noted.
    pub(super) fn state(&self) -> Result<UploadState, CliError> {
        match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| {
                CliError::new(Exit::Other, "what an earlier run noted of this upload cannot be read").next(
                    format!("look for the document on the platform, then remove {}", self.path.display()),
                )
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(UploadState::default()),
            Err(error) => {
                Err(CliError::new(Exit::Other, "what an earlier run noted cannot be read").because(error))
            }
        }
    }

    /// Forgets the upload: it is done, or nothing of it was.
    pub(super) fn forget(&self) {
        // What stays is taken for an upload that is done, of a file that has not changed since: told, not repeated.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(self.path.with_extension("lock"));
    }

    fn write(&self, state: &UploadState) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer(&mut file, state)?;
        file.flush()?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        Ok(())
    }
}

/// A name that says nothing of the document, and is another when the file has changed.
fn name_of(base_url: &str, document: &NewDocument, file: &Path) -> io::Result<String> {
    let file = file.canonicalize()?;
    let metadata = file.metadata()?;
    let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let attributes = serde_json::to_vec(document.attributes())?;
    Ok(places::blind_name([
        base_url.as_bytes(),
        &attributes,
        file.as_os_str().as_encoded_bytes(),
        &metadata.len().to_be_bytes(),
        &changed.as_nanos().to_be_bytes(),
    ]))
}

/// The same as the upload takes it.
#[derive(Debug)]
pub(super) struct Store(pub(super) Arc<Kept>);

#[async_trait]
impl UploadStateStore for Store {
    async fn save(&self, state: &UploadState) -> Result<(), Error> {
        let (kept, state) = (Arc::clone(&self.0), state.clone());
        let failed = |error: io::Error| {
            Error::new(ErrorKind::Io, "how far the upload has come cannot be noted").with_source(error)
        };
        let written = tokio::task::spawn_blocking(move || kept.write(&state)).await;
        written.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(failed)
    }
}
