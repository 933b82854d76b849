//! Submitting the rows of a file to a queue.

use std::collections::HashMap;
use std::path::Path;

use carium::onboarding::LedgerEntry;
use carium::{Error, ErrorKind};
use futures_util::StreamExt as _;

use crate::OnboardingQueue;
use crate::database::{Transaction, for_backend, unavailable};
use crate::files::{FileSnapshot, read_error};
use crate::row_store::RowFailure;
use crate::rows::{Row, RowError, RowOptions, RowProblems, Rows};
use crate::writer::json;

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
    /// The number of rows with a known key and different content whose earlier version failed before anything was
    /// created. They are on the queue again, with the new content.
    pub corrected: u64,
    /// The number of other rows with a known key and different content. They are not processed, because the patient
    /// may already exist, and a person must decide what to do.
    pub changed: u64,
    /// The number of rows with the same key as an earlier row of the file. They are not processed.
    pub duplicates: u64,
    /// The number of invalid rows. They are not processed.
    pub invalid: u64,
    /// The lines of changed rows: at most the first 1,000.
    pub changed_lines: Vec<u64>,
    /// The lines of duplicate rows: at most the first 1,000.
    pub duplicate_lines: Vec<u64>,
    /// The problems of invalid rows: at most the first 1,000 rows.
    pub problems: Vec<RowProblems>,
}

impl Submission {
    /// Returns the number of rows in the file.
    pub fn rows(&self) -> u64 {
        self.new + self.known + self.corrected + self.changed + self.duplicates + self.invalid
    }
}

/// A row in the row store with the same key as a submitted row.
struct ExistingRow {
    id: i64,
    digest: String,
    state: String,
    failure: Option<String>,
    file: Option<i64>,
    line: i64,
}

type ExistingColumns = (i64, String, String, String, Option<String>, Option<i64>, i64);

impl ExistingRow {
    /// Checks whether the row failed only because its file had changed or was missing.
    fn is_unreadable(&self) -> bool {
        let failure = self.failure.as_deref().and_then(|failure| serde_json::from_str(failure).ok());
        self.state == "failed" && failure == Some(RowFailure::Unreadable)
    }
}

impl OnboardingQueue {
    /// Submits the rows of a file, and puts those with a new key on the queue. Submitting the same file again has no
    /// effect; if the file has grown, only its new rows are added. The file is read as a stream, in chunks of 1,000
    /// rows.
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
            (Some(snapshot.save(&self.0.database, &options).await?), snapshot.length)
        };
        let mut chunk = Vec::with_capacity(CHUNK_SIZE);
        while let Some(row) = rows.next().await {
            match row {
                // Rows that were appended after the snapshot are not covered by its hash. The next submission adds
                // them.
                Ok(row) if row.location.offset + row.location.length > end => break,
                Ok(row) => chunk.push(row),
                Err(RowError::Invalid(problems)) => {
                    submission.invalid += 1;
                    if submission.problems.len() < MAX_LISTED {
                        submission.problems.push(problems);
                    }
                }
                Err(error) => return Err(file_error(error)),
            }
            if chunk.len() == CHUNK_SIZE {
                self.submit_chunk(file, &chunk, &mut submission).await?;
                chunk.clear();
            }
        }
        if !chunk.is_empty() {
            self.submit_chunk(file, &chunk, &mut submission).await?;
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

    async fn submit_chunk(
        &self,
        file: Option<i64>,
        rows: &[Row],
        submission: &mut Submission,
    ) -> Result<(), Error> {
        let keys: Vec<String> = rows.iter().map(|row| row.key.to_string()).collect();
        let mut transaction = self.0.database.begin().await?;
        let mut new = self.insert_rows(&mut transaction, file, rows, &keys).await?;
        let mut to_enqueue: Vec<i64> = new.values().copied().collect();
        to_enqueue.sort_unstable();
        let mut existing_rows = HashMap::new();
        if new.len() < rows.len() {
            existing_rows = find_existing(&mut transaction, &keys).await?;
        }
        let mut counts = Submission::default();
        for (row, key) in rows.iter().zip(&keys) {
            if new.remove(key).is_some() {
                counts.new += 1;
                continue;
            }
            let Some(existing) = existing_rows.get(key) else { continue };
            let line = to_i64(row.location.line);
            if existing.file.is_some() && existing.file == file && existing.line != line {
                counts.duplicates += 1;
                counts.duplicate_lines.push(row.location.line);
            } else if existing.digest != row.digest.to_string()
                && existing.state == "failed"
                && delete_ledger_if_not_applied(&mut transaction, key).await?
            {
                self.replace_row(&mut transaction, existing.id, file, row, key).await?;
                counts.corrected += 1;
                to_enqueue.push(existing.id);
            } else if existing.digest != row.digest.to_string() {
                counts.changed += 1;
                counts.changed_lines.push(row.location.line);
            } else {
                counts.known += 1;
                let was_unreadable = existing.is_unreadable();
                if existing.state != "completed" && (existing.file != file || was_unreadable) {
                    update_location(&mut transaction, existing.id, file, row, was_unreadable).await?;
                }
                if was_unreadable {
                    to_enqueue.push(existing.id);
                }
            }
        }
        self.0.engine.enqueue(&mut transaction, &to_enqueue).await?;
        transaction.commit().await?;
        submission.new += counts.new;
        submission.known += counts.known;
        submission.corrected += counts.corrected;
        submission.changed += counts.changed;
        submission.duplicates += counts.duplicates;
        let remaining = MAX_LISTED.saturating_sub(submission.changed_lines.len());
        submission.changed_lines.extend(counts.changed_lines.into_iter().take(remaining));
        let remaining = MAX_LISTED.saturating_sub(submission.duplicate_lines.len());
        submission.duplicate_lines.extend(counts.duplicate_lines.into_iter().take(remaining));
        Ok(())
    }

    /// Inserts the rows with a new key, and returns their IDs by key.
    async fn insert_rows(
        &self,
        transaction: &mut Transaction,
        file: Option<i64>,
        rows: &[Row],
        keys: &[String],
    ) -> Result<HashMap<String, i64>, Error> {
        let mut encrypted = Vec::with_capacity(rows.len());
        for (row, key) in rows.iter().zip(keys) {
            encrypted.push(self.encrypt(row, key)?);
        }
        let inserted: Vec<(String, i64)> = for_backend!(Transaction, transaction, transaction => {
            let mut query = sqlx::QueryBuilder::new(
                "INSERT INTO carium_row
                    (row_key, digest, file_id, line, byte_offset, byte_length, encrypted, state) ",
            );
            query.push_values(rows.iter().zip(keys).zip(encrypted), |mut values, ((row, key), encrypted)| {
                values.push_bind(key.as_str());
                values.push_bind(row.digest.to_string());
                values.push_bind(file);
                values.push_bind(to_i64(row.location.line));
                values.push_bind(to_i64(row.location.offset));
                values.push_bind(to_i64(row.location.length));
                values.push_bind(encrypted);
                values.push_bind("pending");
            });
            query.push(" ON CONFLICT (row_key) DO NOTHING RETURNING row_key, id");
            query.build_query_as().fetch_all(&mut **transaction).await.map_err(unavailable)?
        });
        Ok(inserted.into_iter().collect())
    }

    /// Encrypts a row for a queue on a server. Returns `None` for a queue in a file.
    fn encrypt(&self, row: &Row, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(cipher) = &self.0.cipher else { return Ok(None) };
        cipher.encrypt(key.as_bytes(), json(row.request.attributes())?.as_bytes()).map(Some)
    }

    /// Replaces the content of an existing row and resets its state.
    async fn replace_row(
        &self,
        transaction: &mut Transaction,
        id: i64,
        file: Option<i64>,
        row: &Row,
        key: &str,
    ) -> Result<(), Error> {
        let encrypted = self.encrypt(row, key)?;
        let sql = "UPDATE carium_row SET digest = $1, file_id = $2, line = $3, byte_offset = $4, byte_length = $5,
                encrypted = $6, state = 'pending', attempts = 0, outcome = NULL, failure = NULL, version = version + 1
            WHERE id = $7";
        for_backend!(Transaction, transaction, transaction => {
            let query = sqlx::query(sql).bind(row.digest.to_string()).bind(file).bind(to_i64(row.location.line));
            let query = query.bind(to_i64(row.location.offset)).bind(to_i64(row.location.length)).bind(encrypted);
            query.bind(id).execute(&mut **transaction).await.map_err(unavailable)?;
        });
        Ok(())
    }
}

/// Deletes the ledger entries of a row if none of its steps can have been applied. Returns whether they were deleted.
async fn delete_ledger_if_not_applied(transaction: &mut Transaction, key: &str) -> Result<bool, Error> {
    for_backend!(Transaction, transaction, transaction => {
        let query = sqlx::query_scalar("SELECT entry FROM carium_ledger WHERE row_key = $1").bind(key);
        let entries: Vec<String> = query.fetch_all(&mut **transaction).await.map_err(unavailable)?;
        let is_not_applied =
            |entry: &String| serde_json::from_str::<LedgerEntry>(entry).is_ok_and(|entry| entry.is_not_applied());
        if !entries.iter().all(is_not_applied) {
            return Ok(false);
        }
        let query = sqlx::query("DELETE FROM carium_ledger WHERE row_key = $1").bind(key);
        query.execute(&mut **transaction).await.map_err(unavailable)?;
        Ok(true)
    })
}

async fn find_existing(
    transaction: &mut Transaction,
    keys: &[String],
) -> Result<HashMap<String, ExistingRow>, Error> {
    let rows: Vec<ExistingColumns> = for_backend!(Transaction, transaction, transaction => {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT id, row_key, digest, state, failure, file_id, line FROM carium_row WHERE row_key IN (",
        );
        let mut list = query.separated(", ");
        for key in keys {
            list.push_bind(key.as_str());
        }
        query.push(")");
        query.build_query_as().fetch_all(&mut **transaction).await.map_err(unavailable)?
    });
    let existing = rows.into_iter().map(|(id, key, digest, state, failure, file, line)| {
        (key, ExistingRow { id, digest, state, failure, file, line })
    });
    Ok(existing.collect())
}

/// Updates the file and location of a row. If `was_unreadable`, also sets the row to pending.
async fn update_location(
    transaction: &mut Transaction,
    id: i64,
    file: Option<i64>,
    row: &Row,
    was_unreadable: bool,
) -> Result<(), Error> {
    let sql = "UPDATE carium_row SET file_id = $1, line = $2, byte_offset = $3, byte_length = $4,
            state = CASE WHEN $5 THEN 'pending' ELSE state END,
            failure = CASE WHEN $5 THEN NULL ELSE failure END,
            version = version + CASE WHEN $5 THEN 1 ELSE 0 END
        WHERE id = $6";
    for_backend!(Transaction, transaction, transaction => {
        let query = sqlx::query(sql).bind(file).bind(to_i64(row.location.line));
        let query = query.bind(to_i64(row.location.offset)).bind(to_i64(row.location.length));
        query.bind(was_unreadable).bind(id).execute(&mut **transaction).await.map_err(unavailable)?;
    });
    Ok(())
}

/// Converts a number to the signed type of the database columns.
fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
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
