//! Rows go in: from a file, some thousands at a time.

use std::collections::HashMap;
use std::path::Path;

use carium::onboarding::LedgerEntry;
use carium::{Error, ErrorKind};
use futures_util::StreamExt as _;

use crate::OnboardingQueue;
use crate::books::RowFailure;
use crate::database::{Transaction, either, unavailable};
use crate::files::Submitted;
use crate::rows::{Row, RowError, RowOptions, RowProblems, Rows};
use crate::writer::json;

/// How many rows go into one transaction.
const TOGETHER: usize = 1000;
/// How many lines of each kind are kept.
const KEPT: usize = 1000;

/// What came of submitting a file. Every row of it is new, known, changed, repeated or wrong.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Submission {
    /// Rows that were not known, and are on the queue now.
    pub new: u64,
    /// Rows that were submitted before. What is done for them is not done again.
    pub known: u64,
    /// Rows under a known key that say something else than before, and that had failed before anything was created for
    /// them. They are on the queue again, as they are now.
    pub corrected: u64,
    /// Rows under a known key that say something else than before. Nothing is done for them: what is to become of
    /// the patient who may be there already is for a person to say.
    pub changed: u64,
    /// Rows whose key an earlier row of the file has. Nothing is done for them.
    pub duplicates: u64,
    /// Rows that break a rule. Nothing is done for them.
    pub invalid: u64,
    /// The lines of rows that have changed: the first thousand.
    pub changed_lines: Vec<u64>,
    /// The lines of rows that repeat a key: the first thousand.
    pub duplicate_lines: Vec<u64>,
    /// What is wrong with rows: of the first thousand.
    pub problems: Vec<RowProblems>,
}

impl Submission {
    /// How many rows the file has.
    pub fn rows(&self) -> u64 {
        self.new + self.known + self.corrected + self.changed + self.duplicates + self.invalid
    }
}

/// A row that is there already.
struct Known {
    id: i64,
    digest: String,
    state: String,
    failure: Option<String>,
    file: Option<i64>,
    line: i64,
}

type KnownRow = (i64, String, String, String, Option<String>, Option<i64>, i64);

/// Whether nothing but its file kept a row from being worked on.
fn is_stray(known: &Known) -> bool {
    let failure = known.failure.as_deref().and_then(|failure| serde_json::from_str(failure).ok());
    known.state == "failed" && failure == Some(RowFailure::Unreadable)
}

impl OnboardingQueue {
    /// Submits the rows of a file: puts on the queue what it does not know. The same file twice does nothing twice, and
    /// one that has grown, what is new in it. It is read as a stream; a thousand rows are in memory at a time.
    ///
    /// On SQLite the queue keeps where each row lies in the file, and nothing of what it says: the file stays where it is
    /// until its rows are done. On a server the rows lie sealed in the database, and the file is not needed again.
    ///
    /// Rows that are wrong are left out and reported. To have all or nothing, [validate](crate::rows::validate) first.
    ///
    /// # Errors
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the file as a whole is none of rows; of a CSV file, its first line is
    ///   wrong.
    /// - [`Io`](ErrorKind::Io): it cannot be read. [`Unavailable`](ErrorKind::Unavailable): the database. Rows before
    ///   it may be on the queue: submit the file again.
    pub async fn submit(&self, path: impl AsRef<Path>, options: RowOptions) -> Result<Submission, Error> {
        self.check_is_for_work()?;
        let path = path.as_ref();
        let mut rows = Rows::open(path, options.clone(), self.0.salt.clone()).await.map_err(not_rows)?;
        let mut submission = Submission::default();
        let (file, end) = if self.0.seal.is_some() {
            (None, u64::MAX)
        } else {
            let submitted = Submitted::now(path).await?;
            (Some(submitted.keep(&self.0.database, &options).await?), submitted.length)
        };
        let mut chunk = Vec::with_capacity(TOGETHER);
        while let Some(row) = rows.next().await {
            match row {
                // What was added since the file was hashed is for the next time.
                Ok(row) if row.place.offset + row.place.length > end => break,
                Ok(row) => chunk.push(row),
                Err(RowError::Invalid(problems)) => {
                    submission.invalid += 1;
                    if submission.problems.len() < KEPT {
                        submission.problems.push(problems);
                    }
                }
                Err(error) => return Err(not_rows(error)),
            }
            if chunk.len() == TOGETHER {
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
            "submitted"
        );
        Ok(submission)
    }

    async fn submit_chunk(
        &self,
        file: Option<i64>,
        rows: &[Row],
        told: &mut Submission,
    ) -> Result<(), Error> {
        let keys: Vec<String> = rows.iter().map(|row| row.key.to_string()).collect();
        let mut transaction = self.0.database.begin().await?;
        let mut new = self.insert(&mut transaction, file, rows, &keys).await?;
        let mut to_enqueue: Vec<i64> = new.values().copied().collect();
        to_enqueue.sort_unstable();
        let mut known = HashMap::new();
        if new.len() < rows.len() {
            known = find(&mut transaction, &keys).await?;
        }
        let mut counts = Submission::default();
        for (row, key) in rows.iter().zip(&keys) {
            if new.remove(key).is_some() {
                counts.new += 1;
                continue;
            }
            let Some(there) = known.get(key) else { continue };
            let line = number(row.place.line);
            if there.file.is_some() && there.file == file && there.line != line {
                counts.duplicates += 1;
                counts.duplicate_lines.push(row.place.line);
            } else if there.digest != row.digest.to_string()
                && there.state == "failed"
                && forget(&mut transaction, key).await?
            {
                self.replace(&mut transaction, there.id, file, row, key).await?;
                counts.corrected += 1;
                to_enqueue.push(there.id);
            } else if there.digest != row.digest.to_string() {
                counts.changed += 1;
                counts.changed_lines.push(row.place.line);
            } else {
                counts.known += 1;
                let is_stray = is_stray(there);
                if there.state != "completed" && (there.file != file || is_stray) {
                    relocate(&mut transaction, there.id, file, row, is_stray).await?;
                }
                if is_stray {
                    to_enqueue.push(there.id);
                }
            }
        }
        self.0.engine.enqueue(&mut transaction, &to_enqueue).await?;
        transaction.commit().await?;
        told.new += counts.new;
        told.known += counts.known;
        told.corrected += counts.corrected;
        told.changed += counts.changed;
        told.duplicates += counts.duplicates;
        let room = KEPT.saturating_sub(told.changed_lines.len());
        told.changed_lines.extend(counts.changed_lines.into_iter().take(room));
        let room = KEPT.saturating_sub(told.duplicate_lines.len());
        told.duplicate_lines.extend(counts.duplicate_lines.into_iter().take(room));
        Ok(())
    }

    /// Writes what is not there, and gives the number of each row that was not.
    async fn insert(
        &self,
        transaction: &mut Transaction,
        file: Option<i64>,
        rows: &[Row],
        keys: &[String],
    ) -> Result<HashMap<String, i64>, Error> {
        let mut sealed = Vec::with_capacity(rows.len());
        for (row, key) in rows.iter().zip(keys) {
            sealed.push(self.sealed(row, key)?);
        }
        let inserted: Vec<(String, i64)> = either!(Transaction, transaction, transaction => {
            let mut insert = sqlx::QueryBuilder::new(
                "INSERT INTO carium_row
                    (row_key, digest, file_id, line, place_offset, place_length, sealed, state) ",
            );
            insert.push_values(rows.iter().zip(keys).zip(sealed), |mut values, ((row, key), sealed)| {
                values.push_bind(key.as_str());
                values.push_bind(row.digest.to_string());
                values.push_bind(file);
                values.push_bind(number(row.place.line));
                values.push_bind(number(row.place.offset));
                values.push_bind(number(row.place.length));
                values.push_bind(sealed);
                values.push_bind("pending");
            });
            insert.push(" ON CONFLICT (row_key) DO NOTHING RETURNING row_key, id");
            insert.build_query_as().fetch_all(&mut **transaction).await.map_err(unavailable)?
        });
        Ok(inserted.into_iter().collect())
    }

    /// What a row says, as it lies on a server.
    fn sealed(&self, row: &Row, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(seal) = &self.0.seal else { return Ok(None) };
        seal.seal(key.as_bytes(), json(row.request.attributes())?.as_bytes()).map(Some)
    }

    /// Has a row begin anew, with what it says now.
    async fn replace(
        &self,
        transaction: &mut Transaction,
        id: i64,
        file: Option<i64>,
        row: &Row,
        key: &str,
    ) -> Result<(), Error> {
        let sealed = self.sealed(row, key)?;
        let replace = "UPDATE carium_row SET digest = $1, file_id = $2, line = $3, place_offset = $4, place_length = $5,
                sealed = $6, state = 'pending', tries = 0, outcome = NULL, failure = NULL, version = version + 1
            WHERE id = $7";
        either!(Transaction, transaction, transaction => {
            let replace = sqlx::query(replace).bind(row.digest.to_string()).bind(file).bind(number(row.place.line));
            let replace = replace.bind(number(row.place.offset)).bind(number(row.place.length)).bind(sealed);
            replace.bind(id).execute(&mut **transaction).await.map_err(unavailable)?;
        });
        Ok(())
    }
}

/// Forgets what the ledger has of a row, if it is certain that nothing came of it; says whether it is.
async fn forget(transaction: &mut Transaction, key: &str) -> Result<bool, Error> {
    either!(Transaction, transaction, transaction => {
        let entries = sqlx::query_scalar("SELECT entry FROM carium_ledger WHERE row_key = $1").bind(key);
        let entries: Vec<String> = entries.fetch_all(&mut **transaction).await.map_err(unavailable)?;
        let is_undone = |entry: &String| serde_json::from_str::<LedgerEntry>(entry).is_ok_and(|entry| entry.is_not_applied());
        if !entries.iter().all(is_undone) {
            return Ok(false);
        }
        let forget = sqlx::query("DELETE FROM carium_ledger WHERE row_key = $1").bind(key);
        forget.execute(&mut **transaction).await.map_err(unavailable)?;
        Ok(true)
    })
}

async fn find(transaction: &mut Transaction, keys: &[String]) -> Result<HashMap<String, Known>, Error> {
    let found: Vec<KnownRow> = either!(Transaction, transaction, transaction => {
        let mut find = sqlx::QueryBuilder::new(
            "SELECT id, row_key, digest, state, failure, file_id, line FROM carium_row WHERE row_key IN (",
        );
        let mut list = find.separated(", ");
        for key in keys {
            list.push_bind(key.as_str());
        }
        find.push(")");
        find.build_query_as().fetch_all(&mut **transaction).await.map_err(unavailable)?
    });
    let known = found.into_iter().map(|(id, key, digest, state, failure, file, line)| {
        (key, Known { id, digest, state, failure, file, line })
    });
    Ok(known.collect())
}

/// Notes where a row lies now.
async fn relocate(
    transaction: &mut Transaction,
    id: i64,
    file: Option<i64>,
    row: &Row,
    is_stray: bool,
) -> Result<(), Error> {
    let relocate = "UPDATE carium_row SET file_id = $1, line = $2, place_offset = $3, place_length = $4,
            state = CASE WHEN $5 THEN 'pending' ELSE state END,
            failure = CASE WHEN $5 THEN NULL ELSE failure END,
            version = version + CASE WHEN $5 THEN 1 ELSE 0 END
        WHERE id = $6";
    either!(Transaction, transaction, transaction => {
        let relocate = sqlx::query(relocate).bind(file).bind(number(row.place.line));
        let relocate = relocate.bind(number(row.place.offset)).bind(number(row.place.length));
        relocate.bind(is_stray).bind(id).execute(&mut **transaction).await.map_err(unavailable)?;
    });
    Ok(())
}

/// As databases have numbers.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn not_rows(error: RowError) -> Error {
    match error {
        RowError::Io(error) => {
            let bare =
                error.raw_os_error().map_or_else(|| error.kind().into(), std::io::Error::from_raw_os_error);
            Error::new(ErrorKind::Io, "the file of the rows cannot be read").with_source(bare)
        }
        // What it says quotes nothing.
        error => Error::new(ErrorKind::InvalidInput, "the file is none of rows").with_source(error),
    }
}
