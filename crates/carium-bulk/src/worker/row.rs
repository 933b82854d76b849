//! Processing of one row: reads it, onboards the patient, and stores the outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use carium::Error;
use carium::onboarding::{Onboarding, RowKey, recorded_outcome};

use super::circuit_breaker::{Admission, CircuitBreaker, FailureScope};
use super::conclusion::{Conclusion, NextState};
use super::dispatch::RowEnd;
use super::handle::StopHandle;
use super::load::LoadedRow;
use crate::database::retry;
use crate::ledger::DatabaseLedger;
use crate::queue::QueueInner;
use crate::row_store::{RowId, RowUpdate};
use crate::writer::{WriteRequest, WriteResult};

/// The maximum number of retries to store the outcome of a row. Together with the delays, they take about a minute.
const MAX_STORE_RETRIES: u32 = 24;
const STORE_RETRY_STEP: Duration = Duration::from_millis(200);

/// Processes the rows that are assigned to a worker.
pub(super) struct RowProcessor {
    pub(super) queue: Arc<QueueInner>,
    pub(super) onboarding: Onboarding,
    pub(super) ledger: Arc<DatabaseLedger>,
    pub(super) max_attempts: i64,
    pub(super) parked_limit: ParkedLimit,
    pub(super) breaker: Arc<CircuitBreaker>,
}

/// Stops a worker after it has parked a certain number of rows.
pub(super) struct ParkedLimit {
    remaining: Option<AtomicU64>,
    stop: StopHandle,
}

impl ParkedLimit {
    pub(super) fn new(max_parked: Option<u64>, stop: StopHandle) -> Self {
        Self { remaining: max_parked.map(AtomicU64::new), stop }
    }

    /// Counts a parked row.
    fn count_parked(&self) {
        let Some(remaining) = &self.remaining else { return };
        let before = remaining.fetch_update(Ordering::AcqRel, Ordering::Acquire, |rows| rows.checked_sub(1));
        if before.is_ok_and(|before| before <= 1) {
            self.stop.stop();
        }
    }
}

impl RowProcessor {
    /// Processes a row. An error means that the database failed, and that the result is not stored.
    pub(super) async fn process(&self, loaded: LoadedRow) -> Result<RowEnd, Error> {
        let LoadedRow { stored, request } = loaded;
        let row = stored.id;
        let admission = self.breaker.admit().await?;
        if admission == Admission::Stopping {
            return Ok(RowEnd::NotStored);
        }
        let key = RowKey::new(stored.key.as_str());
        let conclusion = match request {
            Ok(request) => {
                let guard = PermitGuard { ledger: &self.ledger, row: &key };
                let outcome = self.onboarding.run(&key, &request).await;
                drop(guard);
                match outcome {
                    Ok(outcome) => Conclusion::ran(&outcome)?,
                    Err(error) => Conclusion::not_started(&error)?,
                }
            }
            Err(error) => {
                tracing::warn!(row, %error, "could not read the row");
                // An earlier run may have been interrupted.
                Conclusion::unreadable(&error, &recorded_outcome(&*self.ledger, &key).await?)?
            }
        };
        let scope = match &conclusion.suspect {
            Some(failure) => self.breaker.report_failure(row, failure, admission).await,
            None => self.breaker.report_processed(admission).await.map(|()| FailureScope::Row),
        };
        // The outcome is stored even if the state of the circuit could not be: storing it is retried.
        let scope = scope.unwrap_or_else(|error| {
            tracing::warn!(row, %error, "the queue's database failed: the outage could not be stored");
            FailureScope::Run
        });
        let NextState { state, attempts, delay } =
            conclusion.next_state(stored.attempts, self.max_attempts, scope);
        let Conclusion { outcome, failure, is_final, .. } = conclusion;
        let version = stored.version;
        self.store(RowUpdate { row, version, state, attempts, outcome, failure, delay, is_final }).await
    }

    /// Stores the result of a row. If the database fails, it retries for about a minute, because the outcome would
    /// otherwise be lost.
    async fn store(&self, update: RowUpdate) -> Result<RowEnd, Error> {
        let write = || self.queue.writer.execute(WriteRequest::UpdateRow(update.clone()));
        let result = retry(MAX_STORE_RETRIES, STORE_RETRY_STEP, write).await?;
        if let WriteResult::Conflict(_) = result {
            self.requeue_after_conflict(update.row).await?;
        } else if update.state.is_parked() {
            self.parked_limit.count_parked();
        }
        Ok(RowEnd::Stored)
    }

    /// Puts a row back on the queue if it was assigned to another worker in the meantime, because this worker was considered
    /// stale. The outcome of either worker may be out of date. The next run determines the current outcome from the ledger.
    async fn requeue_after_conflict(&self, row: RowId) -> Result<(), Error> {
        let mut transaction = self.queue.database.begin().await?;
        transaction.set_pending(row).await?;
        transaction.commit().await
    }
}

/// Releases the call permits of a row when it is dropped, even if its run was canceled.
struct PermitGuard<'a> {
    ledger: &'a DatabaseLedger,
    row: &'a RowKey,
}

impl Drop for PermitGuard<'_> {
    fn drop(&mut self) {
        self.ledger.release_permits_of(self.row);
    }
}
