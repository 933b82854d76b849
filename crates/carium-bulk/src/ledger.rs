//! The ledger of a queue, stored in its database.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use carium::onboarding::{EntryState, EntryVersion, Ledger, LedgerEntry, RowKey, Step};
use carium::{Error, ErrorKind};

use crate::database::{Database, for_backend, unavailable};
use crate::limits::{CallLimiter, CallPermit};
use crate::writer::{WriteRequest, WriteResult, Writer};

/// The ledger of a queue: the permanent record of the intent and the result of every step.
///
/// The ledger of a worker also applies the call limits, because it is called just before each limited call. An intent
/// means that the call may have been made. The wait for a limit therefore comes before the intent is written;
/// otherwise, rows that only waited would have an unknown outcome after a crash.
pub(crate) struct DatabaseLedger {
    database: Database,
    writer: Writer,
    limiter: Option<CallLimiter>,
    /// The permits of the calls in flight.
    permits: Mutex<HashMap<(RowKey, Step), CallPermit>>,
}

impl DatabaseLedger {
    /// Creates a ledger without call limits.
    pub(crate) fn new(database: Database, writer: Writer) -> Self {
        Self { database, writer, limiter: None, permits: Mutex::default() }
    }

    /// Applies call limits to the steps of this ledger.
    pub(crate) fn with_limiter(self, limiter: CallLimiter) -> Self {
        Self { limiter: Some(limiter), ..self }
    }

    /// Waits for a permit before an intent is written.
    async fn acquire_permit(&self, row: &RowKey, step: &Step, entry: &LedgerEntry) -> Result<(), Error> {
        let Some(limiter) = self.limiter.as_ref().filter(|_| entry.state() == EntryState::Intent) else {
            return Ok(());
        };
        let permit = limiter.acquire().await?;
        let mut permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
        permits.insert((row.clone(), step.clone()), permit);
        Ok(())
    }

    /// Releases the permit of a step, unless its call is in flight now.
    fn release_permit(&self, row: &RowKey, step: &Step, is_in_flight: bool) {
        if !is_in_flight && self.limiter.is_some() {
            let mut permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
            permits.remove(&(row.clone(), step.clone()));
        }
    }

    /// Releases all permits of a row, after its run has ended for any reason.
    pub(crate) fn release_permits_of(&self, row: &RowKey) {
        if self.limiter.is_some() {
            let mut permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
            permits.retain(|(other, _), _| other != row);
        }
    }
}

#[async_trait]
impl Ledger for DatabaseLedger {
    async fn entries(&self, row: &RowKey) -> Result<Vec<(Step, LedgerEntry)>, Error> {
        let sql = "SELECT step, entry FROM carium_ledger WHERE row_key = $1";
        let entries: Vec<(String, String)> = for_backend!(Pool, &self.database.durable, pool => {
            sqlx::query_as(sql).bind(row.as_str()).fetch_all(pool).await.map_err(unavailable)?
        });
        entries.into_iter().map(|(step, entry)| Ok((step.parse()?, parse_entry(&entry)?))).collect()
    }

    async fn insert(
        &self,
        row: &RowKey,
        step: &Step,
        entry: &LedgerEntry,
    ) -> Result<Option<LedgerEntry>, Error> {
        self.acquire_permit(row, step, entry).await?;
        let request =
            WriteRequest::InsertEntry { row: row.clone(), step: step.clone(), entry: entry.clone() };
        let result = self.writer.write(request).await;
        let is_in_flight = entry.state() == EntryState::Intent && matches!(result, Ok(WriteResult::Written));
        self.release_permit(row, step, is_in_flight);
        match result? {
            WriteResult::Written => Ok(None),
            WriteResult::Conflict(Some(existing)) => parse_entry(&existing).map(Some),
            WriteResult::Conflict(None) => {
                Err(Error::new(ErrorKind::Unavailable, "a ledger entry of the queue has disappeared"))
            }
        }
    }

    async fn compare_and_swap(
        &self,
        row: &RowKey,
        step: &Step,
        expected: EntryVersion,
        entry: &LedgerEntry,
    ) -> Result<bool, Error> {
        self.acquire_permit(row, step, entry).await?;
        let (row_key, step_key, new_entry) = (row.clone(), step.clone(), entry.clone());
        let request =
            WriteRequest::CompareAndSwapEntry { row: row_key, step: step_key, expected, entry: new_entry };
        let result = self.writer.write(request).await;
        let is_written = matches!(result, Ok(WriteResult::Written));
        self.release_permit(row, step, entry.state() == EntryState::Intent && is_written);
        result.map(|_| is_written)
    }
}

fn parse_entry(entry: &str) -> Result<LedgerEntry, Error> {
    let entry = serde_json::from_str(entry);
    // The message of the parser's error is dropped because it may contain parts of the entry.
    entry.map_err(|_| Error::new(ErrorKind::Undecodable, "a ledger entry of the queue cannot be parsed"))
}

impl fmt::Debug for DatabaseLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseLedger").finish_non_exhaustive()
    }
}
