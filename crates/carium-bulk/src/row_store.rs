//! The row store: the state and outcome of every row, and the decisions of a person about parked rows.

use std::path::PathBuf;

use carium::onboarding::{OnboardingOutcome, Resolution, RowKey, Step, StepFailure};
use carium::{Error, ErrorKind};
use futures_util::Stream;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};

use crate::OnboardingQueue;
use crate::database::{Transaction, for_backend, unavailable};

/// The state of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RowState {
    /// The row waits for a worker or for a retry, or a worker is processing it.
    Pending,
    /// All steps of the row are completed.
    Completed,
    /// A step of the row failed, and a person must fix the cause.
    Failed,
    /// The outcome of a step is unknown, and a person must check it in Carium.
    Unknown,
}

impl RowState {
    const ALL: [Self; 4] = [Self::Pending, Self::Completed, Self::Failed, Self::Unknown];

    /// Returns the name of the state, as in the row store and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// Why no step of a row was started in the last attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RowFailure {
    /// The file that contains the row has changed or is missing. Submit the file again.
    Unreadable,
    /// The row refers to something that does not exist, such as a document file or the name of a practitioner.
    NotStarted(StepFailure),
}

/// A row in the row store. It contains IDs, kinds of errors and names of fields, but no data of the patient.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct RowRecord {
    /// The ID of the row, as used by [`resolve`](OnboardingQueue::resolve) and [`retry`](OnboardingQueue::retry).
    pub row: i64,
    /// The file from which the row was submitted. `None` if the rows are stored in the database.
    pub file: Option<PathBuf>,
    /// The line of the file on which the row begins, counted from 1.
    pub line: u64,
    /// The state of the row.
    pub state: RowState,
    /// The number of attempts that failed with a retryable error.
    pub attempts: u64,
    /// The outcome of each step. `None` if no step was started yet.
    pub outcome: Option<OnboardingOutcome>,
    /// Why no step was started in the last attempt.
    pub failure: Option<RowFailure>,
}

/// The rows that [`OnboardingQueue::retry`] retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetrySelection {
    /// The row with this ID, which must be failed or unknown. Steps with an unknown outcome are not retried.
    Row(i64),
    /// All failed rows.
    Failed,
}

/// The number of rows that are read or enqueued at a time.
const PAGE_SIZE: i64 = 1000;

type RecordColumns = (i64, Option<String>, i64, String, i64, Option<String>, Option<String>);

impl OnboardingQueue {
    /// Returns all rows, in the order in which they were submitted. The stream keeps one page of rows in memory.
    pub fn report(&self) -> impl Stream<Item = Result<RowRecord, Error>> + Send + '_ {
        self.records(
            "SELECT r.id, f.path, r.line, r.state, r.attempts, r.outcome, r.failure
            FROM carium_row r LEFT JOIN carium_file f ON f.id = r.file_id
            WHERE r.id > $1 ORDER BY r.id LIMIT $2",
        )
    }

    /// Returns the parked rows, which a person must look at: those that are failed or unknown.
    pub fn parked(&self) -> impl Stream<Item = Result<RowRecord, Error>> + Send + '_ {
        self.records(
            "SELECT r.id, f.path, r.line, r.state, r.attempts, r.outcome, r.failure
            FROM carium_row r LEFT JOIN carium_file f ON f.id = r.file_id
            WHERE r.id > $1 AND r.state IN ('failed', 'unknown') ORDER BY r.id LIMIT $2",
        )
    }

    /// Streams the results of a query in pages. Its parameters are the last ID of the previous page and the page
    /// size.
    fn records(&self, sql: &'static str) -> impl Stream<Item = Result<RowRecord, Error>> + Send + '_ {
        let pages = stream::try_unfold(Some(0), move |after| async move {
            let Some(after) = after else { return Ok(None) };
            let page: Vec<RecordColumns> = for_backend!(Pool, &self.0.database.durable, pool => {
                let query = sqlx::query_as(sql).bind(after).bind(PAGE_SIZE);
                query.fetch_all(pool).await.map_err(unavailable)?
            });
            let next = page.last().map(|row| row.0);
            Ok::<_, Error>(Some((stream::iter(page).map(parse_record), next)).filter(|_| next.is_some()))
        });
        pages.try_flatten()
    }

    /// Records what a person found out about a step with an unknown outcome, and puts the row back on the queue.
    ///
    /// # Errors
    /// - [`NotFound`](ErrorKind::NotFound): no row has this ID.
    /// - [`Conflict`](ErrorKind::Conflict): the outcome of the step is not unknown, or is no longer unknown.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the resolution has an ID for an invitation, or no ID for another
    ///   step.
    /// - [`Unavailable`](ErrorKind::Unavailable): the database cannot be used.
    pub async fn resolve(&self, row: i64, step: &Step, resolution: Resolution) -> Result<(), Error> {
        let key: Option<String> = for_backend!(Pool, &self.0.database.durable, pool => {
            let query = sqlx::query_scalar("SELECT row_key FROM carium_row WHERE id = $1").bind(row);
            query.fetch_optional(pool).await.map_err(unavailable)?
        });
        let key = RowKey::new(key.ok_or_else(no_row)?);
        carium::onboarding::resolve(&*self.ledger(), &key, step, resolution).await?;
        self.requeue(&[row]).await.map(drop)
    }

    /// Puts parked rows back on the queue, and returns their number.
    ///
    /// # Errors
    /// - [`NotFound`](ErrorKind::NotFound): no failed or unknown row has this ID.
    /// - [`Unavailable`](ErrorKind::Unavailable): the database cannot be used. Some of the rows may be on the queue.
    pub async fn retry(&self, which: RetrySelection) -> Result<u64, Error> {
        match which {
            RetrySelection::Row(row) => match self.requeue(&[row]).await? {
                0 => Err(no_row()),
                rows => Ok(rows),
            },
            RetrySelection::Failed => {
                let (mut requeued, mut after) = (0, 0);
                loop {
                    let sql =
                        "SELECT id FROM carium_row WHERE state = 'failed' AND id > $1 ORDER BY id LIMIT $2";
                    let failed: Vec<i64> = for_backend!(Pool, &self.0.database.durable, pool => {
                        let query = sqlx::query_scalar(sql).bind(after).bind(PAGE_SIZE);
                        query.fetch_all(pool).await.map_err(unavailable)?
                    });
                    let Some(last) = failed.last() else { return Ok(requeued) };
                    after = *last;
                    requeued += self.requeue(&failed).await?;
                }
            }
        }
    }

    /// Puts those of the rows that are parked back on the queue, and returns their number.
    async fn requeue(&self, rows: &[i64]) -> Result<u64, Error> {
        let mut transaction = self.0.database.begin().await?;
        let mut unparked = Vec::with_capacity(rows.len());
        for row in rows {
            if unpark(&mut transaction, *row).await? {
                unparked.push(*row);
            }
        }
        self.0.engine.enqueue(&mut transaction, &unparked).await?;
        transaction.commit().await?;
        Ok(unparked.len() as u64)
    }
}

/// Sets a parked row to pending. Returns `false` if the row is not parked.
async fn unpark(transaction: &mut Transaction, row: i64) -> Result<bool, Error> {
    let sql = "UPDATE carium_row SET state = 'pending', attempts = 0, failure = NULL, version = version + 1
        WHERE id = $1 AND state IN ('failed', 'unknown')";
    for_backend!(Transaction, transaction, transaction => {
        let result = sqlx::query(sql).bind(row).execute(&mut **transaction).await;
        result.map(|result| result.rows_affected() == 1).map_err(unavailable)
    })
}

fn parse_record(columns: RecordColumns) -> Result<RowRecord, Error> {
    let (row, file, line, state, attempts, outcome, failure) = columns;
    let invalid = || Error::new(ErrorKind::Undecodable, "the stored record of a row cannot be parsed");
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    let state = RowState::ALL.into_iter().find(|known| known.as_str() == state).ok_or_else(invalid)?;
    let outcome = outcome.map(|outcome| serde_json::from_str(&outcome)).transpose().map_err(|_| invalid())?;
    let failure = failure.map(|failure| serde_json::from_str(&failure)).transpose().map_err(|_| invalid())?;
    let (line, attempts) = (number(line), number(attempts));
    Ok(RowRecord { row, file: file.map(PathBuf::from), line, state, attempts, outcome, failure })
}

fn no_row() -> Error {
    Error::new(ErrorKind::NotFound, "no row has this ID, or the row is not parked")
}
