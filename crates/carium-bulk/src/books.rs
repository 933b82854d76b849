//! The books, row by row: what came of each, and what a person decides.

use std::path::PathBuf;

use carium::onboarding::{OnboardingOutcome, Resolution, RowKey, Step, StepFailure};
use carium::{Error, ErrorKind};
use futures_util::Stream;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};

use crate::OnboardingQueue;
use crate::database::{Transaction, either, unavailable};

/// The state of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RowState {
    /// It waits for its turn or for another try, or a worker has it.
    Pending,
    /// Everything that it asks for is done.
    Completed,
    /// Something cannot be done until a person has mended it.
    Failed,
    /// Nobody knows whether something was done.
    Unknown,
}

/// Why nothing of a row was begun when it was tried last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RowFailure {
    /// The file that it was submitted from has changed, or is not there. Submit the file again.
    Unreadable,
    /// What it needs could not be had: a document that is not there, a name that means nothing.
    NotStarted(StepFailure),
}

/// A row in the books. It holds ids, kinds of errors and names of fields, and nothing of the patient.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct RowRecord {
    /// Its number in the books: what it is [resolved](OnboardingQueue::resolve) and [tried again](OnboardingQueue::retry) by.
    pub row: i64,
    /// The file that it was submitted from. `None` where rows lie in the database.
    pub file: Option<PathBuf>,
    /// The line of the file on which it begins, counted from 1.
    pub line: u64,
    /// Where it stands.
    pub state: RowState,
    /// How often it was tried and failed in a way that may pass.
    pub attempts: u64,
    /// What came of each of its steps, where it was begun.
    pub outcome: Option<OnboardingOutcome>,
    /// Why nothing was begun.
    pub failure: Option<RowFailure>,
}

/// Which rows are to be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetrySelection {
    /// One, by its number, that is failed or unknown. What is unknown of it is not done again.
    Row(i64),
    /// All that failed.
    Failed,
}

/// How many rows are read, or put on the queue, at a time.
const TOGETHER: i64 = 1000;

type Listed = (i64, Option<String>, i64, String, i64, Option<String>, Option<String>);

impl OnboardingQueue {
    /// Every row, in the order in which they were submitted: a page of them is in memory at a time.
    pub fn report(&self) -> impl Stream<Item = Result<RowRecord, Error>> + Send + '_ {
        self.listed(
            "SELECT r.id, f.path, r.line, r.state, r.tries, r.outcome, r.failure
            FROM carium_row r LEFT JOIN carium_file f ON f.id = r.file_id
            WHERE r.id > $1 ORDER BY r.id LIMIT $2",
        )
    }

    /// The rows that a person has to look at: those that failed, and those of which something is unknown.
    pub fn parked(&self) -> impl Stream<Item = Result<RowRecord, Error>> + Send + '_ {
        self.listed(
            "SELECT r.id, f.path, r.line, r.state, r.tries, r.outcome, r.failure
            FROM carium_row r LEFT JOIN carium_file f ON f.id = r.file_id
            WHERE r.id > $1 AND r.state IN ('failed', 'unknown') ORDER BY r.id LIMIT $2",
        )
    }

    fn listed(&self, list: &'static str) -> impl Stream<Item = Result<RowRecord, Error>> + Send + '_ {
        let pages = stream::try_unfold(Some(0), move |after| async move {
            let Some(after) = after else { return Ok(None) };
            let listed: Vec<Listed> = either!(Pool, &self.0.database.durable, pool => {
                let list = sqlx::query_as(list).bind(after).bind(TOGETHER);
                list.fetch_all(pool).await.map_err(unavailable)?
            });
            let next = listed.last().map(|row| row.0);
            Ok::<_, Error>(Some((stream::iter(listed).map(booked), next)).filter(|_| next.is_some()))
        });
        pages.try_flatten()
    }

    /// Writes down what a person found who looked whether a step was done, and has the row gone on with.
    ///
    /// # Errors
    /// - [`NotFound`](ErrorKind::NotFound): there is no row of this number.
    /// - [`Conflict`](ErrorKind::Conflict): the step is not in doubt, or not any more.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): an invitation has no id, and everything else has one.
    /// - [`Unavailable`](ErrorKind::Unavailable): the database.
    pub async fn resolve(&self, row: i64, step: &Step, resolution: Resolution) -> Result<(), Error> {
        let key: Option<String> = either!(Pool, &self.0.database.durable, pool => {
            let key = sqlx::query_scalar("SELECT row_key FROM carium_row WHERE id = $1").bind(row);
            key.fetch_optional(pool).await.map_err(unavailable)?
        });
        let key = RowKey::new(key.ok_or_else(no_row)?);
        carium::onboarding::resolve(&*self.ledger(), &key, step, resolution).await?;
        self.again(&[row]).await.map(drop)
    }

    /// Has rows tried again, and says how many.
    ///
    /// # Errors
    /// - [`NotFound`](ErrorKind::NotFound): there is no row of this number that is failed or unknown.
    /// - [`Unavailable`](ErrorKind::Unavailable): the database. Some may be on the queue.
    pub async fn retry(&self, which: RetrySelection) -> Result<u64, Error> {
        match which {
            RetrySelection::Row(row) => match self.again(&[row]).await? {
                0 => Err(no_row()),
                rows => Ok(rows),
            },
            RetrySelection::Failed => {
                let (mut all, mut after) = (0, 0);
                loop {
                    let failed =
                        "SELECT id FROM carium_row WHERE state = 'failed' AND id > $1 ORDER BY id LIMIT $2";
                    let failed: Vec<i64> = either!(Pool, &self.0.database.durable, pool => {
                        let failed = sqlx::query_scalar(failed).bind(after).bind(TOGETHER);
                        failed.fetch_all(pool).await.map_err(unavailable)?
                    });
                    let Some(last) = failed.last() else { return Ok(all) };
                    after = *last;
                    all += self.again(&failed).await?;
                }
            }
        }
    }

    /// Puts rows that are parked on the queue.
    async fn again(&self, rows: &[i64]) -> Result<u64, Error> {
        let mut transaction = self.0.database.begin().await?;
        let mut parked = Vec::with_capacity(rows.len());
        for row in rows {
            if unpark(&mut transaction, *row).await? {
                parked.push(*row);
            }
        }
        self.0.engine.enqueue(&mut transaction, &parked).await?;
        transaction.commit().await?;
        Ok(parked.len() as u64)
    }
}

async fn unpark(transaction: &mut Transaction, row: i64) -> Result<bool, Error> {
    let unpark = "UPDATE carium_row SET state = 'pending', tries = 0, failure = NULL, version = version + 1
        WHERE id = $1 AND state IN ('failed', 'unknown')";
    either!(Transaction, transaction, transaction => {
        let unparked = sqlx::query(unpark).bind(row).execute(&mut **transaction).await;
        unparked.map(|unparked| unparked.rows_affected() == 1).map_err(unavailable)
    })
}

fn booked((row, file, line, state, tries, outcome, failure): Listed) -> Result<RowRecord, Error> {
    let unreadable = || Error::new(ErrorKind::Undecodable, "what the books say of a row cannot be read");
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    let state = match state.as_str() {
        "pending" => RowState::Pending,
        "completed" => RowState::Completed,
        "failed" => RowState::Failed,
        "unknown" => RowState::Unknown,
        _ => return Err(unreadable()),
    };
    let outcome =
        outcome.map(|outcome| serde_json::from_str(&outcome)).transpose().map_err(|_| unreadable())?;
    let failure =
        failure.map(|failure| serde_json::from_str(&failure)).transpose().map_err(|_| unreadable())?;
    let (line, tries) = (number(line), number(tries));
    Ok(RowRecord { row, file: file.map(PathBuf::from), line, state, attempts: tries, outcome, failure })
}

fn no_row() -> Error {
    Error::new(ErrorKind::NotFound, "there is no such row, or it is not parked")
}
