//! Outages: conditions that concern the whole run, and the table in which the workers of a queue share them.

use std::time::{Duration, SystemTime};

use carium::onboarding::StepFailure;
use carium::{Error, ErrorKind};
use serde::Serialize;

use crate::database::{Database, Transaction, json, nanoseconds, run_sql, to_u64};

/// A condition that prevents every row from making progress, such as a service that cannot be reached. While it lasts,
/// no rows are processed, and all of them stay pending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Outage {
    /// The kind of the error that every row would fail with.
    pub kind: ErrorKind,
    /// The message for a person. It contains no values from requests or responses.
    pub message: String,
    /// When the outage was noticed.
    pub since: SystemTime,
    /// When a worker tries next whether the outage is over.
    pub next_attempt: SystemTime,
}

/// An outage as the database has it. Times are in nanoseconds of the database's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredOutage {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) since: i64,
    pub(crate) next_attempt: i64,
    /// The number of attempts so far. It is compared when a worker claims the next one.
    pub(crate) attempts: i64,
}

impl StoredOutage {
    /// Creates an outage that was noticed at this time and has this cause.
    pub(crate) fn new(failure: &StepFailure, now: i64, next_attempt: Duration) -> Self {
        Self {
            kind: failure.kind,
            message: failure.message.clone(),
            since: now,
            next_attempt: now.saturating_add(nanoseconds(next_attempt)),
            attempts: 0,
        }
    }

    pub(crate) fn to_outage(&self) -> Outage {
        let time = |nanoseconds| SystemTime::UNIX_EPOCH + Duration::from_nanos(to_u64(nanoseconds));
        Outage {
            kind: self.kind,
            message: self.message.clone(),
            since: time(self.since),
            next_attempt: time(self.next_attempt),
        }
    }
}

type OutageColumns = (String, String, i64, i64, i64);

const SELECT_OUTAGE: &str = "SELECT kind, message, since, next_attempt, attempts FROM carium_outage";

fn from_columns(columns: OutageColumns) -> StoredOutage {
    let (kind, message, since, next_attempt, attempts) = columns;
    // An unknown kind comes from a newer version.
    let kind = serde_json::from_str(&kind).unwrap_or(ErrorKind::Unavailable);
    StoredOutage { kind, message, since, next_attempt, attempts }
}

impl Database {
    /// Returns the current outage of the queue.
    pub(crate) async fn outage(&self) -> Result<Option<StoredOutage>, Error> {
        let columns: Option<OutageColumns> =
            run_sql!(Pool(&self.reads), query_as(SELECT_OUTAGE).fetch_optional)?;
        Ok(columns.map(from_columns))
    }

    /// Stores an outage, unless another worker has stored one already.
    pub(crate) async fn begin_outage(&self, outage: &StoredOutage) -> Result<(), Error> {
        let sql = "INSERT INTO carium_outage (singleton, kind, message, since, next_attempt, attempts)
            VALUES (1, $1, $2, $3, $4, 0) ON CONFLICT (singleton) DO NOTHING";
        let StoredOutage { kind, message, since, next_attempt, .. } = outage;
        let (kind, message) = (json(kind)?, message.as_str());
        run_sql!(Pool(&self.writes), query(sql, kind, message, since, next_attempt).execute).map(drop)
    }

    /// Claims the next attempt to find out whether an outage is over. Returns `false` if another worker has claimed it.
    pub(crate) async fn claim_attempt(
        &self,
        outage: &StoredOutage,
        next_attempt: Duration,
    ) -> Result<bool, Error> {
        let sql = "UPDATE carium_outage SET attempts = attempts + 1, next_attempt = $1 WHERE attempts = $2";
        let next_attempt = self.now().await?.saturating_add(nanoseconds(next_attempt));
        let claimed = run_sql!(Pool(&self.writes), query(sql, next_attempt, outage.attempts).execute)?;
        Ok(claimed == 1)
    }

    /// Updates the cause of an outage, and when the next attempt is due.
    pub(crate) async fn update_outage(
        &self,
        failure: &StepFailure,
        next_attempt: Duration,
    ) -> Result<(), Error> {
        let sql = "UPDATE carium_outage SET kind = $1, message = $2, next_attempt = $3";
        let next_attempt = self.now().await?.saturating_add(nanoseconds(next_attempt));
        let (kind, message) = (json(&failure.kind)?, failure.message.as_str());
        run_sql!(Pool(&self.writes), query(sql, kind, message, next_attempt).execute).map(drop)
    }

    pub(crate) async fn end_outage(&self) -> Result<(), Error> {
        run_sql!(Pool(&self.writes), query("DELETE FROM carium_outage").execute).map(drop)
    }

    /// Makes the next attempt due at once, and restarts the time limit, because a worker starts.
    pub(crate) async fn restart_outage(&self) -> Result<(), Error> {
        let sql = "UPDATE carium_outage SET since = $1, next_attempt = $1, attempts = 0";
        run_sql!(Pool(&self.writes), query(sql, self.now().await?).execute).map(drop)
    }
}

impl Transaction {
    /// Returns the current outage of the queue.
    pub(crate) async fn outage(&mut self) -> Result<Option<StoredOutage>, Error> {
        let columns: Option<OutageColumns> =
            run_sql!(Transaction(self), query_as(SELECT_OUTAGE).fetch_optional)?;
        Ok(columns.map(from_columns))
    }
}
