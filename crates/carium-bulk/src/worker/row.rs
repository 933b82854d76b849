//! Processing of one row: reads it, onboards the patient, and stores the outcome.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use carium::onboarding::{
    NextAction, Onboarding, OnboardingOutcome, OnboardingRequest, OnboardingRow, RowKey, StepFailure,
    StepOutcome,
};
use carium::{Error, ErrorKind};
use tokio::time::sleep;

use crate::database::{for_backend, unavailable};
use crate::engine::{Disposition, RowHandler, RowId};
use crate::files::{SourceFiles, file_changed};
use crate::ledger::DatabaseLedger;
use crate::queue::QueueInner;
use crate::row_store::RowFailure;
use crate::rows::RowLocation;
use crate::worker::StopHandle;
use crate::writer::{RowUpdate, WriteRequest, WriteResult, json};

/// The maximum delay between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// The delay after a response with status 429 that does not specify one.
const DEFAULT_RATE_LIMIT_DELAY: Duration = Duration::from_secs(5);
/// The delay before a row is assigned again after the queue's database failed.
const DATABASE_RETRY_DELAY: Duration = Duration::from_secs(2);
/// The maximum number of retries to store the outcome of a row. Together with the delays, they take about a minute.
const MAX_STORE_RETRIES: u32 = 24;

/// Processes the rows that the engine assigns to a worker.
pub(super) struct RowProcessor {
    pub(super) queue: Arc<QueueInner>,
    pub(super) onboarding: Onboarding,
    pub(super) ledger: Arc<DatabaseLedger>,
    pub(super) files: SourceFiles,
    pub(super) in_progress: RowsInProgress,
    pub(super) max_attempts: i64,
    pub(super) parked_limit: ParkedLimit,
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

/// The rows that a worker is processing.
#[derive(Clone, Default)]
pub(super) struct RowsInProgress(Arc<Mutex<HashSet<RowId>>>);

impl RowsInProgress {
    /// Adds a row until the guard is dropped.
    fn start(&self, row: RowId) -> InProgressGuard<'_> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(row);
        InProgressGuard(self, row)
    }

    pub(super) fn ids(&self) -> Vec<RowId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

/// Removes a row from [`RowsInProgress`] when it is dropped.
struct InProgressGuard<'a>(&'a RowsInProgress, RowId);

impl Drop for InProgressGuard<'_> {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

/// A row as stored in the row store.
struct StoredRow {
    key: String,
    digest: String,
    location: RowLocation,
    file: Option<i64>,
    encrypted: Option<Vec<u8>>,
    state: String,
    attempts: i64,
    version: i64,
    outcome: Option<String>,
}

type StoredColumns =
    (String, String, Option<i64>, i64, i64, i64, Option<Vec<u8>>, String, i64, i64, Option<String>);

/// The result of one attempt at a row.
enum AttemptResult {
    /// The onboarding ran and had this outcome.
    Ran(OnboardingOutcome),
    /// The onboarding failed before it sent anything.
    NotStarted(Error),
    /// The row could not be read, for example because its file has changed.
    Unreadable(Error),
}

#[async_trait]
impl RowHandler for RowProcessor {
    async fn handle(&self, row: RowId) -> Disposition {
        let _guard = self.in_progress.start(row);
        match self.process(row).await {
            Ok(disposition) => disposition,
            Err(error) => {
                tracing::warn!(row, %error, "the queue's database failed: the row is retried later");
                Disposition::RetryAfter(DATABASE_RETRY_DELAY)
            }
        }
    }
}

impl RowProcessor {
    async fn process(&self, row: RowId) -> Result<Disposition, Error> {
        let Some(stored) = self.load(row).await?.filter(|stored| stored.state == "pending") else {
            // The row was on the queue twice, and is already settled.
            return Ok(Disposition::Finished);
        };
        let result = match self.request(&stored).await {
            Ok(request) => {
                let key = RowKey::new(stored.key.as_str());
                let guard = PermitGuard { ledger: &self.ledger, row: &key };
                let previous_outcome =
                    stored.outcome.as_deref().and_then(|outcome| serde_json::from_str(outcome).ok());
                let outcome = match previous_outcome {
                    Some(previous) => self.onboarding.resume(&key, &request, &previous).await,
                    None => self.onboarding.run(&key, &request).await,
                };
                drop(guard);
                outcome.map_or_else(AttemptResult::NotStarted, AttemptResult::Ran)
            }
            Err(error) if matches!(error.kind(), ErrorKind::Canceled | ErrorKind::Unavailable) => {
                return Err(error);
            }
            Err(error) => AttemptResult::Unreadable(error),
        };
        let (update, disposition) = self.decide(row, &stored, &result)?;
        self.store(row, update, disposition).await
    }

    async fn load(&self, row: RowId) -> Result<Option<StoredRow>, Error> {
        let sql = "SELECT row_key, digest, file_id, line, byte_offset, byte_length, encrypted, state, attempts, version,
            outcome FROM carium_row WHERE id = $1";
        let columns: Option<StoredColumns> = for_backend!(Pool, &self.queue.database.durable, pool => {
            sqlx::query_as(sql).bind(row).fetch_optional(pool).await.map_err(unavailable)?
        });
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(columns.map(|columns| {
            let (key, digest, file, line, offset, length, encrypted, state, attempts, version, outcome) =
                columns;
            let location = RowLocation { line: number(line), offset: number(offset), length: number(length) };
            StoredRow { key, digest, location, file, encrypted, state, attempts, version, outcome }
        }))
    }

    /// Reads the onboarding request of a row from its file, or from the encrypted copy in the database.
    async fn request(&self, stored: &StoredRow) -> Result<OnboardingRequest, Error> {
        match (stored.file, &stored.encrypted, &self.queue.cipher) {
            (_, Some(encrypted), Some(cipher)) => {
                let row = cipher.decrypt(stored.key.as_bytes(), encrypted.clone())?;
                let row = serde_json::from_slice::<OnboardingRow>(&row);
                row.map_err(|_| Error::new(ErrorKind::Corrupt, "the decrypted row cannot be parsed"))?.check()
            }
            (Some(file), _, _) => {
                let row = self.files.read(file, stored.location).await?;
                let is_same = row.key.to_string() == stored.key && row.digest.to_string() == stored.digest;
                if is_same { Ok(row.request) } else { Err(file_changed()) }
            }
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                "the row is encrypted, but the queue was opened without a key",
            )),
        }
    }

    /// Decides the new state of a row and whether it is retried.
    fn decide(
        &self,
        row: RowId,
        stored: &StoredRow,
        result: &AttemptResult,
    ) -> Result<(RowUpdate, Disposition), Error> {
        let mut update = RowUpdate {
            row,
            version: stored.version,
            state: "pending",
            attempts: stored.attempts,
            outcome: None,
            failure: None,
            is_final: false,
        };
        let (next_action, is_rate_limited, has_unknown_step) = match result {
            AttemptResult::Ran(outcome) => {
                update.outcome = Some(json(outcome)?);
                update.is_final = outcome.is_complete();
                let is_rate_limit = |failure: &StepFailure| failure.kind == ErrorKind::RateLimited;
                // Whether rate limits are the only reason to retry.
                let is_rate_limited = outcome.steps().iter().all(|report| match &report.result {
                    StepOutcome::Failed(failure) if failure.retryable => is_rate_limit(failure),
                    StepOutcome::Unknown(unknown) if unknown.retryable => {
                        unknown.failure.as_ref().is_some_and(is_rate_limit)
                    }
                    _ => true,
                });
                (outcome.next_action(), is_rate_limited, outcome.unknown_steps().next().is_some())
            }
            AttemptResult::NotStarted(error) => {
                let failure = StepFailure::from(error);
                let next_action = if failure.retryable {
                    NextAction::Retry(failure.retry_after())
                } else {
                    NextAction::NeedsPerson
                };
                update.failure = Some(json(&RowFailure::NotStarted(failure))?);
                (next_action, error.kind() == ErrorKind::RateLimited, false)
            }
            AttemptResult::Unreadable(error) => {
                tracing::warn!(row, %error, "could not read the row");
                update.failure = Some(json(&RowFailure::Unreadable)?);
                (NextAction::NeedsPerson, false, false)
            }
        };
        let parked_state = if has_unknown_step { "unknown" } else { "failed" };
        let disposition = match next_action {
            NextAction::None => {
                update.state = "completed";
                Disposition::Finished
            }
            NextAction::Retry(delay) if is_rate_limited => {
                Disposition::RetryAfter(add_jitter(delay.unwrap_or(DEFAULT_RATE_LIMIT_DELAY)))
            }
            NextAction::Retry(delay) => {
                update.attempts += 1;
                if update.attempts < self.max_attempts {
                    Disposition::RetryAfter(backoff(update.attempts).max(delay.unwrap_or_default()))
                } else {
                    update.state = parked_state;
                    Disposition::Finished
                }
            }
            _ => {
                update.state = parked_state;
                Disposition::Finished
            }
        };
        Ok((update, disposition))
    }

    /// Stores the result of a row. If the database fails, it retries for about a minute, because the outcome would
    /// otherwise be lost.
    async fn store(
        &self,
        row: RowId,
        update: RowUpdate,
        disposition: Disposition,
    ) -> Result<Disposition, Error> {
        let mut retries: u32 = 0;
        let result = loop {
            match self.queue.writer.write(WriteRequest::UpdateRow(update.clone())).await {
                Ok(result) => break result,
                Err(error) if retries == MAX_STORE_RETRIES => return Err(error),
                Err(_) => retries += 1,
            }
            sleep(Duration::from_millis(200) * retries).await;
        };
        if matches!(update.state, "failed" | "unknown") {
            self.parked_limit.count_parked();
        }
        match result {
            WriteResult::Written => Ok(disposition),
            WriteResult::Conflict(_) => self.requeue_after_conflict(row).await,
        }
    }

    /// Puts a row back on the queue after another worker processed it at the same time, because this worker was
    /// considered stale. Neither worker's outcome is necessarily up to date, so the next run takes it from the
    /// ledger.
    async fn requeue_after_conflict(&self, row: RowId) -> Result<Disposition, Error> {
        let sql = "UPDATE carium_row SET state = 'pending', version = version + 1 WHERE id = $1 AND state <> 'completed'";
        let mut transaction = self.queue.database.begin().await?;
        let is_pending = for_backend!(Transaction, &mut transaction, transaction => {
            let result = sqlx::query(sql).bind(row).execute(&mut **transaction).await;
            result.map_err(unavailable)?.rows_affected() == 1
        });
        if is_pending {
            // The job of this worker was removed when its rows were reclaimed, so a new one is needed.
            self.queue.engine.enqueue(&mut transaction, &[row]).await?;
        }
        transaction.commit().await?;
        Ok(Disposition::Finished)
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

/// Returns the delay after a number of failed attempts: one second, doubled with each attempt up to [`MAX_BACKOFF`],
/// and reduced by up to half at random.
fn backoff(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    let delay = Duration::from_secs(1).saturating_mul(1 << doublings).min(MAX_BACKOFF);
    delay.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// Extends a delay by up to a quarter at random, so that rows do not all retry at the same time.
fn add_jitter(delay: Duration) -> Duration {
    delay + delay.mul_f64(fastrand::f64() / 4.0)
}
