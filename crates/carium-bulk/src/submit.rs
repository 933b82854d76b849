//! Submitting the rows of a file to a queue.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use carium::{Error, ErrorKind};
use futures_util::StreamExt as _;

use crate::database::{Transaction, json};
use crate::files::{FileSnapshot, read_error};
use crate::queue::OnboardingQueue;
use crate::row_store::{NewRow, RowState, StoredRow};
use crate::rows::{Row, RowError, RowOptions, RowProblems, Rows};

/// The number of rows in one transaction.
const CHUNK_SIZE: usize = 1000;
/// The maximum number of lines or problems that a [`Submission`] lists of each kind.
const MAX_LISTED: usize = 1000;

/// The result of submitting a file. Every row of the file is counted once: as new, known, corrected, changed,
/// duplicate or invalid.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Submission {
    /// The number of rows with a new key. They are now on the queue.
    pub new: u64,
    /// The number of rows that were submitted before with the same content. Steps that are completed are not run
    /// again.
    pub known: u64,
    /// The number of rows with a known key and different content whose earlier version is failed or pending, without
    /// anything having been created for it. They are on the queue with the new content.
    pub corrected: u64,
    /// The number of other rows with a known key and different content. They are not processed, because the patient
    /// may already exist, and a person must decide what to do.
    pub changed: u64,
    /// The number of rows with the same key as an earlier row of the file. They are not processed.
    pub duplicates: u64,
    /// The number of invalid rows. They are not processed.
    pub invalid: u64,
    /// The number of rows that are skipped. See [`SkipReason`](crate::rows::SkipReason).
    pub skipped: u64,
    /// The lines of changed rows: at most the first 1,000.
    pub changed_lines: Vec<u64>,
    /// The lines of duplicate rows: at most the first 1,000.
    pub duplicate_lines: Vec<u64>,
    /// The problems of invalid rows: at most the first 1,000 rows.
    pub problems: Vec<RowProblems>,
}

impl Submission {
    /// Returns the number of rows in the file, without those that are skipped.
    pub fn rows(&self) -> u64 {
        self.new + self.known + self.corrected + self.changed + self.duplicates + self.invalid
    }
}

impl OnboardingQueue {
    /// Submits the rows of a file, and puts those with a new key on the queue. If the same file is submitted again,
    /// only new and corrected rows, and rows that could not be read from the file before, are put on the queue. The
    /// file is read as a stream, in chunks of 1,000 rows. Detecting duplicate keys takes 20 to 40 bytes of memory per row.
    ///
    /// A queue in a SQLite file stores only the location of each row, so the submitted file must stay in place until
    /// its rows are completed. A queue on a server stores the rows encrypted, and does not need the file again.
    ///
    /// Invalid rows are skipped and reported. To submit all rows or none, call [`validate`](crate::rows::validate)
    /// first.
    ///
    /// # Errors
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the file is not a file of rows, or the header line of a CSV file
    ///   is invalid.
    /// - [`Io`](ErrorKind::Io): the file cannot be read.
    /// - [`Unavailable`](ErrorKind::Unavailable): the database cannot be used.
    /// - [`Conflict`](ErrorKind::Conflict): the queue was opened with [`inspect`](Self::inspect).
    ///
    /// After an error, some rows may already be on the queue. Submit the file again.
    pub async fn submit(&self, path: impl AsRef<Path>, options: RowOptions) -> Result<Submission, Error> {
        self.check_not_inspected()?;
        let path = path.as_ref();
        let mut rows = Rows::open(path, options.clone(), self.0.salt.clone()).await.map_err(file_error)?;
        let mut submission = Submission::default();
        let (file, end) = if self.0.cipher.is_some() {
            (None, u64::MAX)
        } else {
            let snapshot = FileSnapshot::take(path).await?;
            let end = if rows.header().has_offsets_of_file() { snapshot.length } else { u64::MAX };
            (Some(snapshot.save(&self.0.database, &options).await?), end)
        };
        let (mut chunk, mut keys) = (Vec::with_capacity(CHUNK_SIZE), HashSet::new());
        while let Some(row) = rows.next().await {
            match row {
                // Rows that were appended after the snapshot are not covered by its hash. The next submission adds
                // them.
                Ok(row) if row.location.offset + row.location.length > end => break,
                Ok(row) if !keys.insert(row.key.shortened::<16>()) => {
                    submission.duplicates += 1;
                    list(&mut submission.duplicate_lines, row.location.line);
                }
                Ok(row) => chunk.push(self.new_row(file, &row)?),
                Err(RowError::Skipped(..)) => submission.skipped += 1,
                Err(RowError::Invalid(problems)) => {
                    submission.invalid += 1;
                    list(&mut submission.problems, problems);
                }
                Err(error) => return Err(file_error(error)),
            }
            if chunk.len() == CHUNK_SIZE {
                self.submit_chunk(&chunk, &mut submission).await?;
                chunk.clear();
            }
        }
        if !chunk.is_empty() {
            self.submit_chunk(&chunk, &mut submission).await?;
        }
        tracing::info!(
            new = submission.new,
            known = submission.known,
            corrected = submission.corrected,
            changed = submission.changed,
            duplicates = submission.duplicates,
            invalid = submission.invalid,
            "submitted a file"
        );
        Ok(submission)
    }

    /// Converts a row to its stored form. For a queue on a server, the content of the row is encrypted.
    fn new_row(&self, file: Option<i64>, row: &Row) -> Result<NewRow, Error> {
        let (key, digest) = (row.key.to_string(), row.digest.to_string());
        let encrypted = match &self.0.cipher {
            Some(cipher) => Some(cipher.encrypt(key.as_bytes(), json(row.request.attributes())?.as_bytes())?),
            None => None,
        };
        Ok(NewRow { key, digest, file, location: row.location, encrypted })
    }

    /// Submits some rows in one transaction, and counts them.
    async fn submit_chunk(&self, rows: &[NewRow], submission: &mut Submission) -> Result<(), Error> {
        let mut transaction = self.0.database.begin().await?;
        let mut inserted = transaction.insert_rows(rows).await?;
        let stored_rows =
            if inserted.len() < rows.len() { transaction.rows_by_key(rows).await? } else { HashMap::new() };
        for row in rows {
            if inserted.remove(&row.key) {
                submission.new += 1;
            } else if let Some(stored) = stored_rows.get(&row.key) {
                submission.add_known(&mut transaction, stored, row).await?;
            }
        }
        transaction.commit().await
    }
}

impl Submission {
    /// Submits a row whose key is known.
    async fn add_known(
        &mut self,
        transaction: &mut Transaction,
        stored: &StoredRow,
        row: &NewRow,
    ) -> Result<(), Error> {
        if stored.digest != row.digest {
            if transaction.lock_unprocessed_row(stored.id).await?
                && transaction.delete_ledger_if_not_applied(&row.key).await?
            {
                transaction.replace_row(stored.id, row).await?;
                self.corrected += 1;
                return Ok(());
            }
            self.changed += 1;
            list(&mut self.changed_lines, row.location.line);
            return Ok(());
        }
        self.known += 1;
        let was_unreadable = stored.is_unreadable();
        if stored.state != RowState::Completed && (stored.file != row.file || was_unreadable) {
            transaction.move_row(stored.id, row).await?;
        }
        if was_unreadable {
            transaction.set_pending(stored.id).await?;
        }
        Ok(())
    }
}

/// Adds an item unless the list already has [`MAX_LISTED`] items.
fn list<T>(items: &mut Vec<T>, item: T) {
    if items.len() < MAX_LISTED {
        items.push(item);
    }
}

fn file_error(error: RowError) -> Error {
    match error {
        RowError::Io(error) => read_error(&error),
        // The message of a row error contains no values from the file.
        error => {
            Error::new(ErrorKind::InvalidInput, "the file is not a valid file of rows").with_source(error)
        }
    }
}
