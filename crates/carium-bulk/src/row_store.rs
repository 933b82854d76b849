//! The row store: the database table with the state and outcome of every row, and all statements on it.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use carium::onboarding::{OnboardingOutcome, StepFailure};
use carium::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

#[cfg(doc)]
use crate::OnboardingQueue;
use crate::database::{
    Database, Transaction, for_backend, json, nanoseconds, run_sql, sql_for_list, to_i64, to_u64, unavailable,
};
use crate::files::SourceKey;
use crate::rows::RowLocation;

/// The ID of a row in the row store.
pub(crate) type RowId = i64;

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

    /// Returns the name of the state, as it is stored and reported.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    fn parse(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(invalid_record)
    }

    /// Checks whether a row in this state waits for a person.
    pub(crate) fn is_parked(self) -> bool {
        matches!(self, Self::Failed | Self::Unknown)
    }
}

/// Why no step of a row was started in the last attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RowFailure {
    /// The file that contains the row has changed or is missing. Submit the file again.
    Unreadable,
    /// An input of the row is invalid or could not be read or looked up, such as a document file that does not exist
    /// or an unknown name of a practitioner.
    NotStarted(StepFailure),
}

/// A row in the row store. It contains IDs, kinds of errors and names of fields, but no data of the patient except the
/// [key](Self::key), which `Debug` does not show.
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
    /// The key of the row in its file, such as a patient number, to join the result to the system that the file comes
    /// from. `None` if the file has no key column, cannot be read or has changed. It is read from the file, because
    /// the queue stores only its hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<SourceKey>,
    /// The state of the row.
    pub state: RowState,
    /// The number of attempts that failed with a retryable error, except those that ended with status 429.
    pub attempts: u64,
    /// The outcome of each step. `None` if no step was started yet.
    pub outcome: Option<OnboardingOutcome>,
    /// Why no step was started in the last attempt.
    pub failure: Option<RowFailure>,
}

/// The number of rows in each state. Every submitted row is in exactly one state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowCounts {
    /// Rows that wait for a worker or for a retry.
    pub pending: u64,
    /// Rows that a worker is processing.
    pub running: u64,
    /// Rows whose steps are all completed.
    pub completed: u64,
    /// Rows with a step that failed. A person must fix the cause and [retry](OnboardingQueue::retry) them.
    pub failed: u64,
    /// Rows with a step whose outcome is unknown. A person must check it in Carium and
    /// [resolve](OnboardingQueue::resolve) it.
    pub unknown: u64,
}

impl RowCounts {
    /// Returns the total number of rows.
    pub fn rows(&self) -> u64 {
        self.unsettled() + self.settled()
    }

    /// Returns the number of rows that are completed or parked.
    pub(crate) fn settled(&self) -> u64 {
        self.completed + self.failed + self.unknown
    }

    /// Returns the number of rows that wait for a person: failed or unknown.
    pub fn parked(&self) -> u64 {
        self.failed + self.unknown
    }

    /// Returns the number of rows that a worker has yet to finish.
    pub(crate) fn unsettled(&self) -> u64 {
        self.pending + self.running
    }
}

/// A row as it is stored, without its content.
pub(crate) struct StoredRow {
    pub(crate) id: RowId,
    pub(crate) key: String,
    pub(crate) digest: String,
    /// The submitted file, for a queue in a file.
    pub(crate) file: Option<i64>,
    path: Option<String>,
    pub(crate) location: RowLocation,
    pub(crate) state: RowState,
    pub(crate) attempts: i64,
    /// The fencing token, which changes with each assignment and with each update of the state.
    pub(crate) version: i64,
    outcome: Option<String>,
    failure: Option<String>,
}

/// The query for the rows that meet a condition, with the columns of [`StoredColumns`].
macro_rules! select_rows {
    ($condition:literal) => {
        concat!(
            "SELECT r.id, row_key, digest, file_id, path, line, byte_offset, byte_length, state, attempts, version,
                outcome, failure
            FROM carium_row r LEFT JOIN carium_file f ON f.id = file_id ",
            $condition
        )
    };
}

type StoredColumns = (
    RowId,
    String,
    String,
    Option<i64>,
    Option<String>,
    i64,
    i64,
    i64,
    String,
    i64,
    i64,
    Option<String>,
    Option<String>,
);

impl StoredRow {
    fn from_columns(columns: StoredColumns) -> Result<Self, Error> {
        let (id, key, digest, file, path, line, offset, length, state, attempts, version, outcome, failure) =
            columns;
        let location = RowLocation { line: to_u64(line), offset: to_u64(offset), length: to_u64(length) };
        let state = RowState::parse(&state)?;
        Ok(Self { id, key, digest, file, path, location, state, attempts, version, outcome, failure })
    }

    /// Checks whether the row failed only because its file had changed or was missing.
    pub(crate) fn is_unreadable(&self) -> bool {
        let failure = self.failure.as_deref().and_then(|failure| serde_json::from_str(failure).ok());
        self.state == RowState::Failed && failure == Some(RowFailure::Unreadable)
    }

    pub(crate) fn into_record(self, key: Option<SourceKey>) -> Result<RowRecord, Error> {
        let outcome = self.outcome.map(|outcome| serde_json::from_str(&outcome)).transpose();
        let failure = self.failure.map(|failure| serde_json::from_str(&failure)).transpose();
        Ok(RowRecord {
            row: self.id,
            file: self.path.map(PathBuf::from),
            line: self.location.line,
            key,
            state: self.state,
            attempts: to_u64(self.attempts),
            outcome: outcome.map_err(|_| invalid_record())?,
            failure: failure.map_err(|_| invalid_record())?,
        })
    }
}

fn invalid_record() -> Error {
    Error::new(ErrorKind::Undecodable, "the stored record of a row cannot be parsed")
}

/// The content of a row to be stored.
pub(crate) struct NewRow {
    pub(crate) key: String,
    pub(crate) digest: String,
    /// The submitted file, for a queue in a file.
    pub(crate) file: Option<i64>,
    pub(crate) location: RowLocation,
    /// The row itself, for a queue on a server.
    pub(crate) encrypted: Option<Vec<u8>>,
}

/// The result of processing a row.
#[derive(Clone, Debug)]
pub(crate) struct RowUpdate {
    pub(crate) row: RowId,
    /// The version of the row when the worker read it. If it has changed since, the row was processed by another
    /// worker or put back on the queue.
    pub(crate) version: i64,
    pub(crate) state: RowState,
    pub(crate) attempts: i64,
    pub(crate) outcome: Option<String>,
    pub(crate) failure: Option<String>,
    /// The time until the row may be assigned again, if it is pending.
    pub(crate) delay: Duration,
    /// Whether to update the row even if its version has changed. Set for completed rows, because a completed row
    /// stays completed.
    pub(crate) is_final: bool,
}

/// The number of rows that are read or enqueued at a time.
pub(crate) const PAGE_SIZE: i64 = 1000;

const PENDING: &str = RowState::Pending.as_str();
const COMPLETED: &str = RowState::Completed.as_str();
const FAILED: &str = RowState::Failed.as_str();
const UNKNOWN: &str = RowState::Unknown.as_str();

impl Database {
    pub(crate) async fn row(&self, id: RowId) -> Result<Option<StoredRow>, Error> {
        Ok(self.rows(&[id]).await?.pop())
    }

    /// Returns the rows with these IDs.
    pub(crate) async fn rows(&self, ids: &[RowId]) -> Result<Vec<StoredRow>, Error> {
        let sql = sql_for_list!(
            Pool(&self.reads),
            (text select_rows!("WHERE r.id IN (SELECT CAST(value AS BIGINT) FROM ")),
            values,
            ")"
        );
        let rows: Vec<StoredColumns> = run_sql!(Pool(&self.reads), query_as(sql, json(&ids)?).fetch_all)?;
        rows.into_iter().map(StoredRow::from_columns).collect()
    }

    /// Returns the encrypted contents of the rows with these IDs, by ID, for a queue on a server.
    pub(crate) async fn encrypted_rows(&self, ids: &[RowId]) -> Result<HashMap<RowId, Vec<u8>>, Error> {
        let sql = sql_for_list!(
            Pool(&self.reads),
            "SELECT id, encrypted FROM carium_row WHERE encrypted IS NOT NULL
                AND carium_row.id IN (SELECT CAST(value AS BIGINT) FROM ",
            values,
            ")"
        );
        let rows: Vec<(RowId, Vec<u8>)> = run_sql!(Pool(&self.reads), query_as(sql, json(&ids)?).fetch_all)?;
        Ok(rows.into_iter().collect())
    }

    /// Returns a page of the rows after an ID.
    pub(crate) async fn rows_after(&self, after: RowId, only_parked: bool) -> Result<Vec<StoredRow>, Error> {
        let rows: Vec<StoredColumns> = if only_parked {
            // One condition on both states would sort all parked rows for each page.
            let sql = select_rows!(
                "WHERE r.id IN (
                    SELECT id FROM (SELECT id FROM carium_row WHERE state = $3 AND id > $1 ORDER BY id LIMIT $2) AS failed
                    UNION ALL
                    SELECT id FROM (SELECT id FROM carium_row WHERE state = $4 AND id > $1 ORDER BY id LIMIT $2) AS unknown
                ) ORDER BY r.id LIMIT $2"
            );
            run_sql!(Pool(&self.reads), query_as(sql, after, PAGE_SIZE, FAILED, UNKNOWN).fetch_all)?
        } else {
            let sql = select_rows!("WHERE r.id > $1 ORDER BY r.id LIMIT $2");
            run_sql!(Pool(&self.reads), query_as(sql, after, PAGE_SIZE).fetch_all)?
        };
        rows.into_iter().map(StoredRow::from_columns).collect()
    }

    /// Checks whether a row waits for a worker or is in progress. Fast for any number of rows.
    pub(crate) async fn has_pending_rows(&self) -> Result<bool, Error> {
        let sql = "SELECT id FROM carium_row WHERE state = $1 LIMIT 1";
        let pending: Option<RowId> = run_sql!(Pool(&self.reads), query_scalar(sql, PENDING).fetch_optional)?;
        Ok(pending.is_some())
    }

    /// Returns the IDs of a page of the failed rows after an ID.
    pub(crate) async fn failed_rows(&self, after: RowId) -> Result<Vec<RowId>, Error> {
        let sql = "SELECT id FROM carium_row WHERE state = $1 AND id > $2 ORDER BY id LIMIT $3";
        run_sql!(Pool(&self.reads), query_scalar(sql, FAILED, after, PAGE_SIZE).fetch_all)
    }
}

impl Transaction {
    /// Counts the rows in each state.
    pub(crate) async fn count_rows(&mut self) -> Result<RowCounts, Error> {
        let sql = "SELECT count(*) FROM carium_row WHERE worker IS NOT NULL";
        let running: i64 = run_sql!(Transaction(&mut *self), query_scalar(sql).fetch_one)?;
        let sql = "SELECT state, count(*) FROM carium_row GROUP BY state";
        let states: Vec<(String, i64)> = run_sql!(Transaction(self), query_as(sql).fetch_all)?;
        let mut counts = RowCounts::default();
        for (state, rows) in states {
            let count = match RowState::parse(&state)? {
                RowState::Pending => &mut counts.pending,
                RowState::Completed => &mut counts.completed,
                RowState::Failed => &mut counts.failed,
                RowState::Unknown => &mut counts.unknown,
            };
            *count = to_u64(rows);
        }
        counts.running = to_u64(running).min(counts.pending);
        counts.pending -= counts.running;
        Ok(counts)
    }

    /// Inserts the rows whose key is new, and returns these keys.
    pub(crate) async fn insert_rows(&mut self, rows: &[NewRow]) -> Result<HashSet<String>, Error> {
        let inserted: Vec<String> = for_backend!(Transaction, self, transaction => {
            let mut query = sqlx::QueryBuilder::new(
                "INSERT INTO carium_row
                    (row_key, digest, file_id, line, byte_offset, byte_length, encrypted, state) ",
            );
            query.push_values(rows, |mut values, row| {
                values.push_bind(&row.key);
                values.push_bind(&row.digest);
                values.push_bind(row.file);
                values.push_bind(to_i64(row.location.line));
                values.push_bind(to_i64(row.location.offset));
                values.push_bind(to_i64(row.location.length));
                values.push_bind(&row.encrypted);
                values.push_bind(PENDING);
            });
            query.push(" ON CONFLICT (row_key) DO NOTHING RETURNING row_key");
            query.build_query_scalar().fetch_all(&mut **transaction).await.map_err(unavailable)?
        });
        Ok(inserted.into_iter().collect())
    }

    /// Returns the stored rows with the keys of these rows, by key.
    pub(crate) async fn rows_by_key(&mut self, rows: &[NewRow]) -> Result<HashMap<String, StoredRow>, Error> {
        let stored: Vec<StoredColumns> = for_backend!(Transaction, self, transaction => {
            let mut query = sqlx::QueryBuilder::new(select_rows!("WHERE row_key IN ("));
            let mut list = query.separated(", ");
            for row in rows {
                list.push_bind(&row.key);
            }
            query.push(")");
            query.build_query_as().fetch_all(&mut **transaction).await.map_err(unavailable)?
        });
        let rows = stored.into_iter().map(|columns| {
            let row = StoredRow::from_columns(columns)?;
            Ok((row.key.clone(), row))
        });
        rows.collect()
    }

    /// Locks a row that failed or is pending, and that is not assigned to a worker. Returns whether it is such a row.
    pub(crate) async fn lock_unprocessed_row(&mut self, id: RowId) -> Result<bool, Error> {
        let sql = "UPDATE carium_row SET version = version + 1
            WHERE id = $1 AND state IN ($2, $3) AND worker IS NULL";
        let updated = run_sql!(Transaction(self), query(sql, id, PENDING, FAILED).execute)?;
        Ok(updated > 0)
    }

    /// Replaces the content of a row, and resets its state.
    pub(crate) async fn replace_row(&mut self, id: RowId, row: &NewRow) -> Result<(), Error> {
        let sql =
            "UPDATE carium_row SET digest = $1, encrypted = $2, state = $3, attempts = 0, outcome = NULL,
            failure = NULL, next_attempt = 0, version = version + 1 WHERE id = $4";
        let encrypted = row.encrypted.as_deref();
        run_sql!(Transaction(&mut *self), query(sql, &row.digest, encrypted, PENDING, id).execute)?;
        self.move_row(id, row).await
    }

    /// Updates the file and the location of a row.
    pub(crate) async fn move_row(&mut self, id: RowId, row: &NewRow) -> Result<(), Error> {
        let sql =
            "UPDATE carium_row SET file_id = $1, line = $2, byte_offset = $3, byte_length = $4 WHERE id = $5";
        let [line, offset, length] =
            [row.location.line, row.location.offset, row.location.length].map(to_i64);
        run_sql!(Transaction(self), query(sql, row.file, line, offset, length, id).execute).map(drop)
    }

    /// Sets a parked row to pending. Returns `false` if the row is not parked.
    pub(crate) async fn unpark(&mut self, id: RowId) -> Result<bool, Error> {
        let sql = "UPDATE carium_row SET state = $1, attempts = 0, failure = NULL, next_attempt = 0, version = version + 1
            WHERE id = $2 AND state IN ($3, $4)";
        let updated = run_sql!(Transaction(self), query(sql, PENDING, id, FAILED, UNKNOWN).execute)?;
        Ok(updated == 1)
    }

    /// Sets a row to pending unless it is completed, ends its assignment, and keeps its attempts.
    pub(crate) async fn set_pending(&mut self, id: RowId) -> Result<(), Error> {
        let sql = "UPDATE carium_row SET state = $1, failure = NULL, worker = NULL, next_attempt = 0,
            version = version + 1 WHERE id = $2 AND state <> $3";
        run_sql!(Transaction(self), query(sql, PENDING, id, COMPLETED).execute).map(drop)
    }

    /// Stores the results of processing different rows, and ends their assignments. Returns the rows that were updated. The
    /// others were changed, or assigned to another worker. `now` is the time of the database in nanoseconds.
    pub(crate) async fn update_rows(
        &mut self,
        updates: &[&RowUpdate],
        now: i64,
    ) -> Result<HashSet<RowId>, Error> {
        let sql = sql_for_list!(
            Transaction(self),
            "UPDATE carium_row SET state = value->>1, attempts = CAST(value->>2 AS BIGINT),
                outcome = coalesce(value->>3, outcome), failure = value->>4, worker = NULL,
                next_attempt = CAST(value->>5 AS BIGINT), version = version + 1 FROM ",
            list,
            " WHERE carium_row.id = CAST(value->>0 AS BIGINT) AND state <> $2
                AND (version = CAST(value->>6 AS BIGINT) OR value->>7 = 'final') RETURNING carium_row.id"
        );
        let list: Vec<_> = updates
            .iter()
            .map(|update| {
                let RowUpdate { row, version, state, attempts, outcome, failure, delay, is_final } = update;
                let next_attempt = now.saturating_add(nanoseconds(*delay));
                let is_final = is_final.then_some("final");
                (row, state.as_str(), attempts, outcome, failure, next_attempt, version, is_final)
            })
            .collect();
        let updated: Vec<RowId> =
            run_sql!(Transaction(self), query_scalar(sql, json(&list)?, COMPLETED).fetch_all)?;
        Ok(updated.into_iter().collect())
    }
}
