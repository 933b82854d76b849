//! A durable ledger in a local file.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use carium_api::uuid::Uuid;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::memory::EntryTable;
use super::{EntryVersion, Ledger, LedgerEntry};
use crate::error::{Error, ErrorKind};
use crate::local_io;
use crate::onboarding::step::{RowKey, Step};
use crate::sha256::Sha256Digest;

/// A durable ledger in a local file, for programs that onboard patients without a queue.
///
/// Each write appends a record and syncs the file before it returns. While a ledger is open, it cannot be opened
/// again, in this process or another one: a lock is held on a second file, whose name ends with `.lock`. The lock is
/// released when all clones of the ledger are dropped and its last write has ended. File locks are not reliable on
/// network file systems, so keep the file on a local disk.
///
/// The ledger keeps one entry per step in memory, less than a kilobyte each. If a file with many records is opened
/// and most of them are superseded, the superseded records are removed.
///
/// The file contains row keys, states, IDs and salted fingerprints, but no health information and no secrets.
///
/// # Examples
/// ```
/// use std::sync::Arc;
///
/// use carium::onboarding::FileLedger;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("onboarding.ledger");
/// let ledger = Arc::new(FileLedger::open(path).await?);
/// // carium.onboarding(ledger)
/// # drop(ledger);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FileLedger(Arc<OpenLedger>);

struct OpenLedger {
    /// The entries that are on disk. Never locked during I/O.
    table: Mutex<EntryTable>,
    /// Locked by one writer at a time, from the comparison of the current entry until the new entry is on disk.
    file: Mutex<LedgerFile>,
}

impl FileLedger {
    /// Opens a ledger file, or creates it if it does not exist.
    ///
    /// If the process was killed while it wrote the last record, the incomplete record is removed. This is safe: a
    /// call is sent only after the write of its record has returned.
    ///
    /// # Errors
    /// - [`Conflict`](ErrorKind::Conflict): the ledger is already open, in this process or another one.
    /// - [`Corrupt`](ErrorKind::Corrupt): a record is damaged. The message contains the number of its line.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the file is not a ledger, or was written by a newer version.
    /// - [`Io`](ErrorKind::Io): the file cannot be read or written.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let (file, table) = run_blocking(move || LedgerFile::open(&path)).await?;
        Ok(Self(Arc::new(OpenLedger { table: Mutex::new(table), file: Mutex::new(file) })))
    }

    /// Writes an entry if the current entry of the step fulfills a condition. Returns whether it was written.
    async fn write_if(
        &self,
        row: &RowKey,
        step: &Step,
        entry: &LedgerEntry,
        condition: impl FnOnce(Option<&LedgerEntry>) -> bool + Send + 'static,
    ) -> Result<bool, Error> {
        let record = Record { row: row.as_str().to_owned(), step: step.clone(), entry: entry.clone() };
        let ledger = Arc::clone(&self.0);
        run_blocking(move || {
            let mut file = lock(&ledger.file);
            let row = RowKey::new(record.row.as_str());
            if !condition(lock(&ledger.table).get(&row, &record.step)) {
                return Ok(false);
            }
            file.append(&record)?;
            lock(&ledger.table).set(row, record.step, record.entry);
            Ok(true)
        })
        .await
    }
}

#[async_trait]
impl Ledger for FileLedger {
    async fn entries(&self, row: &RowKey) -> Result<Vec<(Step, LedgerEntry)>, Error> {
        Ok(lock(&self.0.table).entries(row))
    }

    async fn insert(
        &self,
        row: &RowKey,
        step: &Step,
        entry: &LedgerEntry,
    ) -> Result<Option<LedgerEntry>, Error> {
        if self.write_if(row, step, entry, |current| current.is_none()).await? {
            return Ok(None);
        }
        Ok(lock(&self.0.table).get(row, step).cloned())
    }

    async fn compare_and_swap(
        &self,
        row: &RowKey,
        step: &Step,
        expected: EntryVersion,
        entry: &LedgerEntry,
    ) -> Result<bool, Error> {
        let is_expected =
            move |current: Option<&LedgerEntry>| current.is_some_and(|entry| entry.version() == expected);
        self.write_if(row, step, entry, is_expected).await
    }

    async fn row_with_id(&self, step: &Step, id: Uuid) -> Result<Option<RowKey>, Error> {
        Ok(lock(&self.0.table).row_with_id(step, id))
    }
}

impl fmt::Debug for FileLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The path is not shown, because it may contain the name of a person.
        f.debug_struct("FileLedger").field("entries", &lock(&self.0.table).iter().count()).finish()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn run_blocking<T: Send + 'static>(
    task: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    local_io::run_blocking(task).await?
}

/// The first line of a ledger file.
const HEADER: &[u8] = b"{\"format\":\"carium-onboarding-ledger\",\"version\":1}\n";

#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

/// Minimum number of superseded records before a file is compacted.
const MIN_SUPERSEDED: usize = 64;

/// An open ledger file. All methods block the thread.
struct LedgerFile {
    file: File,
    /// The length of the header and the complete records. A failed write may have appended more.
    length: u64,
    /// Whether the content of the file is unknown after a failed write. If so, the file must be opened again.
    is_broken: bool,
    /// Holds the lock until it is dropped. The lock is not on the ledger file itself, because compaction replaces it.
    _lock: File,
}

impl LedgerFile {
    fn open(path: &Path) -> Result<(Self, EntryTable), Error> {
        create(path).map_err(|error| io_error(&error))?;
        // All paths that lead to the same file must lead to the same lock.
        let path = path.canonicalize().map_err(|error| io_error(&error))?;
        let lock = acquire_lock(&path)?;
        // Opened only now, because another process may have replaced the file before the lock was acquired.
        let mut file = open_existing(&path).map_err(|error| io_error(&error))?;
        let content = Content::read(&file)?;
        let prepared = prepare(&mut file, &path, &content);
        let length = prepared.map_err(|error| io_error(&error))?;
        let mut opened = Self { file, length, is_broken: false, _lock: lock };
        let entries = content.table.iter().count();
        let superseded = content.records - entries;
        if superseded > entries && superseded >= MIN_SUPERSEDED {
            tracing::debug!(entries, superseded, "compacting the ledger file");
            if let Err(error) = opened.compact(&path, &content.table) {
                tracing::warn!(error.r#type = ?error.kind(), "could not compact the ledger file: it stays as it is");
                opened.reopen(&path).map_err(|error| io_error(&error))?;
            }
        }
        Ok((opened, content.table))
    }

    /// Appends a record and syncs the file.
    fn append(&mut self, record: &Record) -> Result<(), Error> {
        if self.is_broken {
            let message = "an earlier write to the ledger file failed: open the ledger again";
            return Err(Error::new(ErrorKind::Io, message));
        }
        let line = record.to_line().map_err(|error| io_error(&error))?;
        if let Err(error) = self.file.write_all(&line) {
            // The record may be incomplete, as on a full disk.
            let restored = self.file.set_len(self.length);
            let restored = restored.and_then(|()| self.file.seek(SeekFrom::Start(self.length)));
            self.is_broken = restored.is_err();
            return Err(io_error(&error));
        }
        if let Err(error) = self.file.sync_data() {
            // After a failed sync, the operating system may report success for the next one although the record is
            // not on disk.
            self.is_broken = true;
            return Err(io_error(&error));
        }
        self.length += line.len() as u64;
        Ok(())
    }

    /// Replaces the file with one that has no superseded records.
    fn compact(&mut self, path: &Path, table: &EntryTable) -> io::Result<()> {
        let directory = local_io::directory_of(path);
        let mut compacted = tempfile::Builder::new().prefix(".carium-ledger-").tempfile_in(directory)?;
        let mut writer = BufWriter::new(compacted.as_file_mut());
        writer.write_all(HEADER)?;
        for (row, step, entry) in table.iter() {
            let record = Record { row: row.as_str().to_owned(), step: step.clone(), entry: entry.clone() };
            writer.write_all(&record.to_line()?)?;
        }
        writer.flush()?;
        drop(writer);
        compacted.as_file().set_permissions(self.file.metadata()?.permissions())?;
        compacted.as_file().sync_all()?;
        // Windows does not replace a file that is open.
        self.file = compacted.reopen()?;
        self.file = compacted.persist(path)?;
        self.length = self.file.stream_position()?;
        local_io::sync_directory(directory)
    }

    /// Opens the file again, after it may have been replaced.
    fn reopen(&mut self, path: &Path) -> io::Result<()> {
        self.file = open_existing(path)?;
        self.length = self.file.seek(SeekFrom::End(0))?;
        Ok(())
    }
}

fn open_existing(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Creates the file if it does not exist. On Unix, only its owner can read it.
fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Acquires the exclusive lock of the ledger at a canonical path.
fn acquire_lock(path: &Path) -> Result<File, Error> {
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(lock_path);
    let lock = lock.map_err(|error| io_error(&error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            let message = "the ledger file is already open, in another process or in this one";
            Err(Error::new(ErrorKind::Conflict, message))
        }
        Err(TryLockError::Error(error)) => Err(io_error(&error)),
    }
}

/// Removes an incomplete last record, or writes the header of a new file. Returns the length of the file.
fn prepare(file: &mut File, path: &Path, content: &Content) -> io::Result<u64> {
    let length = file.metadata()?.len();
    if content.length < length {
        tracing::warn!(bytes = length - content.length, "removing an incomplete record of the ledger file");
        file.set_len(content.length)?;
        file.sync_data()?;
    }
    file.seek(SeekFrom::Start(content.length))?;
    if content.length == 0 {
        file.write_all(HEADER)?;
        file.sync_all()?;
        local_io::sync_directory(local_io::directory_of(path))?;
    }
    file.stream_position()
}

/// The content of a ledger file.
#[derive(Default)]
struct Content {
    table: EntryTable,
    /// Number of records, including superseded ones.
    records: usize,
    /// The length of the header and all complete records in bytes. 0 if the header is not complete.
    length: u64,
}

impl Content {
    fn read(file: &File) -> Result<Self, Error> {
        let mut content = Self::default();
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        if !read_line(&mut reader, &mut line)? {
            return if HEADER.starts_with(&line) { Ok(content) } else { Err(not_a_ledger()) };
        }
        let header: Header = serde_json::from_slice(&line).map_err(|_| not_a_ledger())?;
        match (header.format.as_str(), header.version) {
            ("carium-onboarding-ledger", 1) => {}
            ("carium-onboarding-ledger", _) => {
                let message = "the ledger file was written by a newer version of this program";
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
            _ => return Err(not_a_ledger()),
        }
        content.length += line.len() as u64;
        while read_line(&mut reader, &mut line)? {
            let Some(record) = Record::from_line(&line) else {
                let message = format!("line {} of the ledger file is damaged", content.records + 2);
                return Err(Error::new(ErrorKind::Corrupt, message));
            };
            content.table.set(RowKey::new(record.row), record.step, record.entry);
            content.records += 1;
            content.length += line.len() as u64;
        }
        Ok(content)
    }
}

/// Reads the next line, including its newline. Returns `false` if there is no complete line, because the rest of the
/// file is empty or an incomplete record.
fn read_line(reader: &mut BufReader<impl Read>, line: &mut Vec<u8>) -> Result<bool, Error> {
    line.clear();
    reader.read_until(b'\n', line).map_err(|error| io_error(&error))?;
    Ok(line.ends_with(b"\n"))
}

/// A record of the file: the entry of a step, which supersedes earlier entries of the same step.
#[derive(Serialize, Deserialize)]
struct Record {
    row: String,
    step: Step,
    entry: LedgerEntry,
}

/// A line of the file. The digest is that of the bytes of the record.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    sha256: Sha256Digest,
    #[serde(borrow)]
    record: &'a RawValue,
}

impl Record {
    fn to_line(&self) -> io::Result<Vec<u8>> {
        let record = to_raw_value(self)?;
        let mut line =
            serde_json::to_vec(&Line { sha256: Sha256Digest::of(record.get().as_bytes()), record: &record })?;
        line.push(b'\n');
        Ok(line)
    }

    /// Reads a record. `None` if the line is damaged.
    fn from_line(line: &[u8]) -> Option<Self> {
        let Line { sha256, record } = serde_json::from_slice(line).ok()?;
        let is_intact = Sha256Digest::of(record.get().as_bytes()) == sha256;
        is_intact.then(|| serde_json::from_str(record.get()).ok()).flatten()
    }
}

fn not_a_ledger() -> Error {
    Error::new(ErrorKind::InvalidInput, "the file is not an onboarding ledger")
}

fn io_error(error: &io::Error) -> Error {
    Error::from_io("the ledger file could not be read or written", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_nothing_after_an_unsuccessful_repair() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let (mut ledger, _) = LedgerFile::open(&path).unwrap();
        // A file that can be neither written nor truncated.
        ledger.file = File::open(&path).unwrap();
        let entry = r#"{"version": "0123456789abcdef0123456789abcdef-0", "state": "intent",
            "request": {"salt": "", "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}}"#;
        let entry: LedgerEntry = serde_json::from_str(entry).unwrap();
        let record = Record { row: "row".to_owned(), step: Step::Patient, entry };
        assert!(ledger.compact(&folder.path().join("missing/ledger"), &EntryTable::default()).is_err());
        assert_eq!(ledger.append(&record).unwrap_err().kind(), ErrorKind::Io);
        ledger.file = OpenOptions::new().append(true).open(&path).unwrap();
        assert!(ledger.append(&record).unwrap_err().to_string().contains("open the ledger again"));
        assert_eq!(std::fs::read(&path).unwrap(), HEADER);
    }
}
