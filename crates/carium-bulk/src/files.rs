//! The files that rows were submitted from: what a worker reads them from again, if they are still what they were.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use carium::{Error, ErrorKind};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::database::{Database, either, unavailable};
use crate::rows::{Header, Row, RowError, RowLocation, RowOptions, Salt, read_row};
use crate::writer::json;

/// A file as it was submitted: so many bytes of it, and their hash. One that has grown since is the same still.
#[derive(Clone, Debug)]
pub(crate) struct Submitted {
    pub(crate) path: PathBuf,
    pub(crate) length: u64,
    pub(crate) sha256: String,
}

impl Submitted {
    /// The file as it is now.
    pub(crate) async fn now(path: &Path) -> Result<Self, Error> {
        let path = path.to_owned();
        let read = spawn_blocking(move || {
            let path = path.canonicalize()?;
            let length = std::fs::metadata(&path)?.len();
            let sha256 = hash(&path, length)?;
            Ok(Self { path, length, sha256 })
        });
        read.await.map_err(|_| cut_off())?.map_err(|error| unreadable(&error))
    }

    /// Keeps it in the books, and gives its number.
    pub(crate) async fn keep(&self, database: &Database, options: &RowOptions) -> Result<i64, Error> {
        let path = self.path.to_str().ok_or_else(|| {
            Error::new(ErrorKind::InvalidInput, "the path of the file is not text, and cannot be kept")
        })?;
        let keep = "INSERT INTO carium_file (path, options, length, sha256) VALUES ($1, $2, $3, $4)
            ON CONFLICT (path, options, length, sha256) DO UPDATE SET length = excluded.length RETURNING id";
        let length = i64::try_from(self.length).unwrap_or(i64::MAX);
        either!(Pool, &database.durable, pool => {
            let keep = sqlx::query_scalar(keep).bind(path).bind(json(options)?).bind(length).bind(&self.sha256);
            keep.fetch_one(pool).await.map_err(unavailable)
        })
    }

    async fn kept(database: &Database, id: i64) -> Result<(Self, RowOptions), Error> {
        let kept = "SELECT path, options, length, sha256 FROM carium_file WHERE id = $1";
        let (path, options, length, sha256): (String, String, i64, String) = either!(Pool, &database.durable, pool => {
            sqlx::query_as(kept).bind(id).fetch_one(pool).await.map_err(unavailable)?
        });
        let options = serde_json::from_str(&options);
        let options =
            options.map_err(|_| Error::new(ErrorKind::Undecodable, "how a file is read cannot be read"))?;
        Ok((Self { path: path.into(), length: u64::try_from(length).unwrap_or(0), sha256 }, options))
    }
}

/// The hash of the first bytes of a file, as hexadecimal digits.
fn hash(path: &Path, length: u64) -> io::Result<String> {
    let mut file = File::open(path)?.take(length);
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
    let mut digits = String::with_capacity(64);
    for byte in hash.finalize() {
        write!(digits, "{byte:02x}").map_err(io::Error::other)?;
    }
    Ok(digits)
}

/// Files that rows are read from, each checked when it is first used and whenever it has changed. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Files {
    database: Database,
    salt: Salt,
    checked: Arc<Mutex<HashMap<i64, Checked>>>,
}

struct Checked {
    path: PathBuf,
    header: Header,
    /// When the file was written last, and its length, as they were when it was found unchanged.
    stamp: (SystemTime, u64),
}

impl Files {
    pub(crate) fn new(database: Database, salt: Salt) -> Self {
        Self { database, salt, checked: Arc::default() }
    }

    /// Reads a row again.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt): the file is another by now. [`Io`](ErrorKind::Io): it cannot be read.
    pub(crate) async fn read(&self, file: i64, place: RowLocation) -> Result<Row, Error> {
        let (path, header) = self.checked(file).await?;
        read_row(path, &header, place).await.map_err(|error| match error {
            RowError::Io(error) => unreadable(&error),
            _ => changed(),
        })
    }

    async fn checked(&self, id: i64) -> Result<(PathBuf, Header), Error> {
        // Held while a file is checked: the others wait for the same.
        let mut all = self.checked.lock().await;
        if let Some(checked) = all.get(&id)
            && stamp(&checked.path).await? == checked.stamp
        {
            return Ok((checked.path.clone(), checked.header.clone()));
        }
        let (submitted, options) = Submitted::kept(&self.database, id).await?;
        let stamp = stamp(&submitted.path).await?;
        let (path, length) = (submitted.path.clone(), submitted.length);
        let sha256 = spawn_blocking(move || hash(&path, length)).await.map_err(|_| cut_off())?;
        match sha256 {
            Ok(sha256) if sha256 == submitted.sha256 => {}
            Ok(_) => return Err(changed()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(changed()),
            Err(error) => return Err(unreadable(&error)),
        }
        let header = Header::read(&submitted.path, options, self.salt.clone()).await;
        let header = header.map_err(|error| match error {
            RowError::Io(error) => unreadable(&error),
            _ => changed(),
        })?;
        let path = submitted.path;
        all.insert(id, Checked { path: path.clone(), header: header.clone(), stamp });
        Ok((path, header))
    }
}

async fn stamp(path: &Path) -> Result<(SystemTime, u64), Error> {
    let found = tokio::fs::metadata(path).await.and_then(|found| Ok((found.modified()?, found.len())));
    found.map_err(|error| unreadable(&error))
}

pub(crate) fn changed() -> Error {
    Error::new(ErrorKind::Corrupt, "the file that the row was submitted from has changed: submit it again")
}

fn unreadable(error: &io::Error) -> Error {
    // Its own text may quote the path.
    let bare = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
    Error::new(ErrorKind::Io, "the file of the rows cannot be read").with_source(bare)
}

fn cut_off() -> Error {
    Error::new(ErrorKind::Canceled, "the program is ending")
}
