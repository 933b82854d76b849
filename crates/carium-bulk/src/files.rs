//! The submitted files of a queue, from which workers read the rows again if the file has not changed.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use carium::api::Redacted;
use carium::{Error, ErrorKind};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::batch::copy_error;
use crate::database::{Database, json, run_sql, shutting_down, to_i64, to_u64};
use crate::row_store::StoredRow;
use crate::rows::{Header, Row, RowError, RowLocation, RowOptions, Salt, hex};

/// A file as it was submitted: its length and the hash of its content. A file that has only grown since then still
/// matches, because the hash covers only this length.
#[derive(Clone, Debug)]
pub(crate) struct FileSnapshot {
    pub(crate) path: PathBuf,
    pub(crate) length: u64,
    pub(crate) sha256: String,
}

impl FileSnapshot {
    /// Takes a snapshot of the file in its current state.
    pub(crate) async fn take(path: &Path) -> Result<Self, Error> {
        let path = path.to_owned();
        let snapshot = spawn_blocking(move || {
            let path = path.canonicalize()?;
            let length = std::fs::metadata(&path)?.len();
            let sha256 = hash(&path, length)?;
            Ok(Self { path, length, sha256 })
        });
        snapshot.await.map_err(|_| shutting_down())?.map_err(|error| read_error(&error))
    }

    /// Stores the snapshot in the database and returns its ID.
    pub(crate) async fn save(&self, database: &Database, options: &RowOptions) -> Result<i64, Error> {
        let path = self.path.to_str().ok_or_else(|| {
            Error::new(ErrorKind::InvalidInput, "the path of the file is not valid UTF-8: rename the file")
        })?;
        let sql = "INSERT INTO carium_file (path, options, length, sha256) VALUES ($1, $2, $3, $4)
            ON CONFLICT (path, options, length, sha256) DO UPDATE SET length = excluded.length RETURNING id";
        let (options, length) = (json(options)?, to_i64(self.length));
        let mut transaction = database.begin().await?;
        let query = run_sql!(
            Transaction(&mut transaction),
            query_scalar(sql, path, options, length, &self.sha256).fetch_one
        );
        let id = query?;
        transaction.commit().await?;
        Ok(id)
    }

    async fn load(database: &Database, id: i64) -> Result<(Self, RowOptions), Error> {
        let sql = "SELECT path, options, length, sha256 FROM carium_file WHERE id = $1";
        let (path, options, length, sha256): (String, String, i64, String) =
            run_sql!(Pool(&database.reads), query_as(sql, id).fetch_one)?;
        let options = serde_json::from_str(&options);
        let options = options.map_err(|_| {
            Error::new(ErrorKind::Undecodable, "the stored options of a file cannot be parsed")
        })?;
        Ok((Self { path: path.into(), length: to_u64(length), sha256 }, options))
    }
}

/// Returns the SHA-256 hash of the first `length` bytes of a file as hexadecimal digits.
fn hash(path: &Path, length: u64) -> io::Result<String> {
    let mut file = carium::wait_for_descriptor(|| File::open(path))?.take(length);
    let mut hash = Sha256::new();
    let mut block = vec![0; 256 * 1024];
    let mut read = 0;
    loop {
        let count = file.read(&mut block)?;
        if count == 0 {
            break;
        }
        read += count as u64;
        hash.update(&block[..count]);
    }
    if read < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(hex(&hash.finalize()))
}

/// The text of a row in its file. `Debug` shows none of it.
#[non_exhaustive]
pub struct SourceText {
    /// The header line, with a line break. `None` for formats without one.
    pub header: Option<String>,
    /// The row, with a line break.
    pub text: String,
}

impl fmt::Debug for SourceText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceText").finish_non_exhaustive()
    }
}

/// The key of a row as it is in its file, such as a patient number. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct SourceKey(String);

impl SourceKey {
    /// Returns the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SourceKey").field(&Redacted::Phi).finish()
    }
}

/// Reads rows from submitted files. Each file is verified when it is first used, and again when it was modified
/// since. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SourceFiles {
    database: Database,
    salt: Salt,
    verified: Arc<Mutex<HashMap<i64, VerifiedFile>>>,
}

/// A file whose content matches its snapshot.
struct VerifiedFile {
    path: PathBuf,
    header: Header,
    /// The modification time and length of the file when it was verified.
    stamp: (SystemTime, u64),
}

impl SourceFiles {
    pub(crate) fn new(database: Database, salt: Salt) -> Self {
        Self { database, salt, verified: Arc::default() }
    }

    /// Reads rows from their file, in the same order.
    ///
    /// # Errors
    /// - [`Corrupt`](ErrorKind::Corrupt): the file has changed since it was submitted.
    /// - [`Io`](ErrorKind::Io): the file cannot be read.
    pub(crate) async fn read(&self, file: i64, locations: Vec<RowLocation>) -> Vec<Result<Row, Error>> {
        let count = locations.len();
        let rows = async {
            let (path, header) = self.verify(file).await?;
            let read = move || {
                let rows =
                    locations.into_iter().map(|location| header.row(&path, location).map_err(row_error));
                rows.collect()
            };
            spawn_blocking(read).await.map_err(|_| shutting_down())
        };
        rows.await.unwrap_or_else(|error| (0..count).map(|_| Err(copy_error(&error))).collect())
    }

    /// Returns the keys of rows as they are in their files, in the same order. A row has none if its file has no key
    /// column or cannot be read, or if the row is no longer at its place. Files that cannot be read are added to
    /// `unreadable`, and not read again.
    pub(crate) async fn keys(
        &self,
        rows: &[StoredRow],
        unreadable: &mut HashSet<i64>,
    ) -> Vec<Option<SourceKey>> {
        let mut sources: HashMap<i64, (PathBuf, Header)> = HashMap::new();
        for file in rows.iter().filter_map(|row| row.file) {
            if sources.contains_key(&file) || unreadable.contains(&file) {
                continue;
            }
            match self.verify(file).await {
                Ok((path, header)) if header.has_key() => drop(sources.insert(file, (path, header))),
                _ => drop(unreadable.insert(file)),
            }
        }
        if sources.is_empty() {
            return vec![None; rows.len()];
        }
        let rows: Vec<_> = rows.iter().map(|row| (row.file, row.location, row.key.clone())).collect();
        let count = rows.len();
        let read = move || {
            let key = |(file, location, hash): (Option<i64>, RowLocation, String)| {
                let (path, header) = sources.get(&file?)?;
                let text = header.key_text(path, location).ok()??;
                header.is_key(&text, &hash).then_some(SourceKey(text))
            };
            rows.into_iter().map(key).collect()
        };
        spawn_blocking(read).await.unwrap_or_else(|_| vec![None; count])
    }

    /// Returns the text of a row, and the header line of its file.
    pub(crate) async fn text(&self, file: i64, location: RowLocation) -> Result<SourceText, Error> {
        let (path, header) = self.verify(file).await?;
        if header.is_mapped() {
            let message =
                "the rows come from a file with a mapping: correct them in that file, and submit it again";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let read = move || {
            let read = |location| header.text(&path, location).map(|text| text + "\n");
            Ok(SourceText { header: header.location().map(read).transpose()?, text: read(location)? })
        };
        let text = spawn_blocking(read).await.map_err(|_| shutting_down())?;
        text.map_err(|error: io::Error| read_error(&error))
    }

    async fn verify(&self, id: i64) -> Result<(PathBuf, Header), Error> {
        // The lock is held during verification, so that other rows of the file wait instead of hashing it as well.
        let mut verified = self.verified.lock().await;
        if let Some(file) = verified.get(&id)
            && stamp(&file.path).await? == file.stamp
        {
            return Ok((file.path.clone(), file.header.clone()));
        }
        let (snapshot, options) = FileSnapshot::load(&self.database, id).await?;
        let stamp = stamp(&snapshot.path).await?;
        let (path, length) = (snapshot.path.clone(), snapshot.length);
        let sha256 = spawn_blocking(move || hash(&path, length)).await.map_err(|_| shutting_down())?;
        match sha256 {
            Ok(sha256) if sha256 == snapshot.sha256 => {}
            Ok(_) => return Err(file_changed()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(file_changed()),
            Err(error) => return Err(read_error(&error)),
        }
        let header = Header::read(&snapshot.path, options, self.salt.clone()).await;
        let header = header.map_err(row_error)?;
        let path = snapshot.path;
        verified.insert(id, VerifiedFile { path: path.clone(), header: header.clone(), stamp });
        Ok((path, header))
    }
}

/// Returns the modification time and length of a file.
async fn stamp(path: &Path) -> Result<(SystemTime, u64), Error> {
    let metadata = tokio::fs::metadata(path).await;
    let stamp = metadata.and_then(|metadata| Ok((metadata.modified()?, metadata.len())));
    stamp.map_err(|error| read_error(&error))
}

/// Converts the error of a row that was valid when it was submitted.
fn row_error(error: RowError) -> Error {
    match error {
        RowError::Io(error) => read_error(&error),
        _ => file_changed(),
    }
}

pub(crate) fn file_changed() -> Error {
    Error::new(ErrorKind::Corrupt, "the file has changed since the row was submitted: submit the file again")
}

pub(crate) fn read_error(error: &io::Error) -> Error {
    Error::from_io("could not read the file of rows", error)
}
