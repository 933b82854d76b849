//! Processing of one row: reads it, onboards the patient, and stores the outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use carium::onboarding::{NextAction, Onboarding, OnboardingOutcome, RowKey, StepFailure, StepOutcome};
use carium::{Error, ErrorKind};

use super::circuit_breaker::{Admission, CircuitBreaker, FailureScope, concerns_service};
use super::dispatch::RowEnd;
use super::handle::StopHandle;
use super::load::LoadedRow;
use crate::database::{json, retry};
use crate::ledger::DatabaseLedger;
use crate::queue::QueueInner;
use crate::row_store::{RowFailure, RowId, RowState, RowUpdate, StoredRow};
use crate::writer::{WriteRequest, WriteResult};

/// The maximum delay between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// The delay after a response with status 429 that does not specify one.
const DEFAULT_RATE_LIMIT_DELAY: Duration = Duration::from_secs(5);
/// The delay before a row is assigned again that was not processed because of an outage.
const UNPROCESSED_DELAY: Duration = Duration::from_secs(1);
/// The maximum number of attempts for a row that the service refuses for a lack of permissions, or whose responses cannot
/// be read.
const MAX_REFUSED_ATTEMPTS: i64 = 3;
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

/// The conclusion from one attempt to process a row.
struct Conclusion {
    next_action: NextAction,
    /// Whether rate limits are the only reason to retry.
    is_rate_limited: bool,
    /// A failure that may concern every row.
    suspect: Option<StepFailure>,
    /// The kind of the failure of a step that was refused, or whose response could not be read.
    refused: Option<ErrorKind>,
    /// The state of the row if it needs a person.
    parked_state: RowState,
    outcome: Option<String>,
    failure: Option<String>,
    is_final: bool,
}

impl Conclusion {
    /// Creates the conclusion of an onboarding that ran and had this outcome.
    fn ran(outcome: &OnboardingOutcome) -> Result<Self, Error> {
        let has_unknown_step = outcome.unknown_steps().next().is_some();
        Ok(Self {
            next_action: outcome.next_action(),
            is_rate_limited: matches!(outcome.next_action(), NextAction::Retry(_))
                && is_only_rate_limited(outcome),
            suspect: failures(outcome).find(|failure| may_concern_run(failure)).cloned(),
            refused: outcome.steps().iter().find_map(|report| match &report.result {
                StepOutcome::Failed(failure) => refused(failure),
                _ => None,
            }),
            parked_state: if has_unknown_step { RowState::Unknown } else { RowState::Failed },
            outcome: Some(json(outcome)?),
            failure: None,
            is_final: outcome.is_complete(),
        })
    }

    /// Creates the conclusion of an onboarding that failed before it sent anything.
    fn not_started(error: &Error) -> Result<Self, Error> {
        let failure = StepFailure::from(error);
        let retry = failure.retryable.then(|| NextAction::Retry(failure.retry_after()));
        let conclusion = Self::failed(&RowFailure::NotStarted(failure))?;
        Ok(Self {
            next_action: retry.unwrap_or(NextAction::NeedsPerson),
            is_rate_limited: error.kind() == ErrorKind::RateLimited,
            suspect: Some(StepFailure::from(error)).filter(may_concern_run),
            refused: refused(&StepFailure::from(error)),
            ..conclusion
        })
    }

    /// Creates the conclusion of an attempt that started no step and whose cause of failure a person must fix.
    fn failed(failure: &RowFailure) -> Result<Self, Error> {
        Ok(Self {
            next_action: NextAction::NeedsPerson,
            is_rate_limited: false,
            suspect: None,
            refused: None,
            parked_state: RowState::Failed,
            outcome: None,
            failure: Some(json(failure)?),
            is_final: false,
        })
    }

    /// Returns the next action and the maximum number of attempts. A refused token, a lack of permissions and an unreadable
    /// response, such as the page of a proxy, are retried: they may concern every row and pass.
    fn retry_if_refused(&self, max_attempts: i64) -> (NextAction, i64) {
        match self.refused {
            Some(ErrorKind::Forbidden | ErrorKind::Undecodable)
                if self.next_action == NextAction::NeedsPerson =>
            {
                (NextAction::Retry(None), max_attempts.min(MAX_REFUSED_ATTEMPTS))
            }
            Some(_) if self.next_action == NextAction::NeedsPerson => (NextAction::Retry(None), max_attempts),
            _ => (self.next_action, max_attempts),
        }
    }
}

/// Returns the failures of the steps.
fn failures(outcome: &OnboardingOutcome) -> impl Iterator<Item = &StepFailure> {
    outcome.steps().iter().filter_map(|report| match &report.result {
        StepOutcome::Failed(failure) => Some(failure),
        StepOutcome::Unknown(unknown) => unknown.failure.as_ref(),
        _ => None,
    })
}

/// Returns the kind of a failure if the token was refused, the permissions are missing, or the response could not be read.
/// The step was not applied.
fn refused(failure: &StepFailure) -> Option<ErrorKind> {
    let kinds = [ErrorKind::Unauthenticated, ErrorKind::Forbidden, ErrorKind::Undecodable];
    Some(failure.kind).filter(|kind| kinds.contains(kind))
}

/// Checks whether a failure may concern every row.
fn may_concern_run(failure: &StepFailure) -> bool {
    concerns_service(failure) || matches!(failure.kind, ErrorKind::Forbidden | ErrorKind::Undecodable)
}

/// Checks whether rate limits are the only reason to retry an outcome that can be retried.
fn is_only_rate_limited(outcome: &OnboardingOutcome) -> bool {
    let is_rate_limit = |failure: &StepFailure| failure.kind == ErrorKind::RateLimited;
    outcome.steps().iter().all(|report| match &report.result {
        StepOutcome::Failed(failure) if failure.retryable => is_rate_limit(failure),
        StepOutcome::Unknown(unknown) if unknown.retryable => {
            unknown.failure.as_ref().is_some_and(is_rate_limit)
        }
        _ => true,
    })
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
        let conclusion = match request {
            Ok(request) => {
                let key = RowKey::new(stored.key.as_str());
                let guard = PermitGuard { ledger: &self.ledger, row: &key };
                let outcome = self.onboarding.run(&key, &request).await;
                drop(guard);
                match outcome {
                    Ok(outcome) => Conclusion::ran(&outcome)?,
                    Err(error) => Conclusion::not_started(&error)?,
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::Canceled | ErrorKind::Unavailable) => {
                return Err(error);
            }
            Err(error) => {
                tracing::warn!(row, %error, "could not read the row");
                Conclusion::failed(&RowFailure::Unreadable)?
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
        self.store(self.decide(&stored, conclusion, scope)).await
    }

    /// Decides the new state of a row and when it is retried.
    fn decide(&self, stored: &StoredRow, conclusion: Conclusion, scope: FailureScope) -> RowUpdate {
        let mut attempts = stored.attempts;
        let (next_action, max_attempts) = conclusion.retry_if_refused(self.max_attempts);
        let (state, delay) = match next_action {
            NextAction::None => (RowState::Completed, Duration::ZERO),
            NextAction::Retry(delay) if scope == FailureScope::Run => {
                (RowState::Pending, add_jitter(delay.unwrap_or_default().max(UNPROCESSED_DELAY)))
            }
            NextAction::Retry(delay) if conclusion.is_rate_limited => {
                (RowState::Pending, add_jitter(delay.unwrap_or(DEFAULT_RATE_LIMIT_DELAY)))
            }
            NextAction::Retry(delay) if attempts + 1 < max_attempts => {
                attempts += 1;
                (RowState::Pending, backoff(attempts).max(delay.unwrap_or_default()))
            }
            NextAction::Retry(_) => {
                attempts += 1;
                (conclusion.parked_state, Duration::ZERO)
            }
            _ => (conclusion.parked_state, Duration::ZERO),
        };
        let Conclusion { outcome, failure, is_final, .. } = conclusion;
        let (row, version) = (stored.id, stored.version);
        RowUpdate { row, version, state, attempts, outcome, failure, delay, is_final }
    }

    /// Stores the result of a row. If the database fails, it retries for about a minute, because the outcome would
    /// otherwise be lost.
    async fn store(&self, update: RowUpdate) -> Result<RowEnd, Error> {
        let write = || self.queue.writer.execute(WriteRequest::UpdateRow(update.clone()));
        let result = retry(MAX_STORE_RETRIES, STORE_RETRY_STEP, write).await?;
        if update.state.is_parked() {
            self.parked_limit.count_parked();
        }
        if let WriteResult::Conflict(_) = result {
            self.requeue_after_conflict(update.row).await?;
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
