//! The circuit breaker of a queue: it pauses the processing of rows while a condition lasts that every row would fail
//! for, and lets one attempt at a time find out when it is over.
//!
//! The workers of a queue share the state of the circuit through the database. The heartbeat of each worker reads it.
//! An outage of the database itself is known to the worker only.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use carium::onboarding::{Onboarding, StepFailure};
use carium::{Error, ErrorKind};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::handle::{Phase, StopHandle};
use crate::database::{Database, to_u64};
use crate::outage::{Outage, StoredOutage};
use crate::row_store::RowId;

/// The delay before the first attempt to find out whether an outage is over. It doubles up to [`MAX_DELAY`].
const FIRST_DELAY: Duration = Duration::from_secs(1);
const MAX_DELAY: Duration = Duration::from_mins(1);
/// The maximum delay while the service answers, but every row fails.
const MAX_DELAY_IF_ANSWERED: Duration = Duration::from_secs(10);
/// The upper bound for a delay that the service requests.
pub(super) const MAX_REQUESTED_DELAY: Duration = Duration::from_mins(15);
/// If this many different rows fail and none succeeds in between, the cause does not concern the rows, even if the
/// service answers other calls.
const MAX_FAILING_ROWS: usize = 10;
/// A successful check of the service is not repeated within this time.
const CHECK_VALIDITY: Duration = Duration::from_secs(1);

/// Whether a row may be processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Admitted,
    /// As the attempt to find out whether an outage is over.
    AdmittedAsAttempt,
    /// The worker is stopping.
    Stopping,
}

/// What the failure of a row concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureScope {
    Row,
    Run,
}

/// The state of the circuit as this worker knows it.
#[derive(Clone, Debug, Default)]
struct Circuit {
    /// The outage that the workers share, and when its next attempt is due and the time limit is reached.
    shared: Option<(StoredOutage, Instant, Instant)>,
    /// The outage of the queue's database.
    database: Option<(Outage, Instant)>,
}

impl Circuit {
    fn outage(&self) -> Option<Outage> {
        let database = self.database.as_ref().map(|(outage, _)| outage.clone());
        database.or_else(|| self.shared.as_ref().map(|(outage, ..)| outage.to_outage()))
    }

    /// Checks whether the outages are the same. The times that are derived from them are not compared.
    fn is_same(&self, other: &Self) -> bool {
        let stored = |circuit: &Self| circuit.shared.as_ref().map(|(outage, ..)| outage.clone());
        stored(self) == stored(other) && self.database == other.database
    }
}

pub(super) struct CircuitBreaker {
    database: Database,
    onboarding: Onboarding,
    stop: StopHandle,
    max_outage: Duration,
    circuit: watch::Sender<Circuit>,
    outage: watch::Sender<Option<Outage>>,
    /// Allows one check of the service at a time, and has the time of the last successful one.
    last_check: tokio::sync::Mutex<Option<Instant>>,
    /// The rows that failed since the last one that did not.
    failing_rows: Mutex<HashSet<RowId>>,
    /// The rows that were refused as attempts during the current outage.
    refused_attempts: Mutex<HashSet<RowId>>,
    /// The error that the worker ends with.
    fatal: Mutex<Option<Error>>,
}

impl CircuitBreaker {
    pub(super) fn new(
        database: Database,
        onboarding: Onboarding,
        stop: StopHandle,
        max_outage: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            database,
            onboarding,
            stop,
            max_outage,
            circuit: watch::Sender::default(),
            outage: watch::Sender::default(),
            last_check: tokio::sync::Mutex::default(),
            failing_rows: Mutex::default(),
            refused_attempts: Mutex::default(),
            fatal: Mutex::default(),
        })
    }

    /// Returns a receiver of the outage that pauses the worker.
    pub(super) fn outage(&self) -> watch::Receiver<Option<Outage>> {
        self.outage.subscribe()
    }

    /// Returns the error that stopped the worker.
    pub(super) fn take_fatal_error(&self) -> Option<Error> {
        lock(&self.fatal).take()
    }

    /// Waits until a row may be processed.
    pub(super) async fn admit(&self) -> Result<Admission, Error> {
        let mut circuit = self.circuit.subscribe();
        loop {
            let current = circuit.borrow_and_update().clone();
            if current.database.is_none() && current.shared.is_none() {
                return Ok(Admission::Admitted);
            }
            let due = match (&current.database, &current.shared) {
                (None, Some((_, due, _))) => Some(*due),
                // The heartbeat finds out whether the database is available again.
                _ => None,
            };
            tokio::select! {
                biased;
                () = self.stop.reached(Phase::Stopping) => return Ok(Admission::Stopping),
                _ = circuit.changed() => {}
                () = sleep_until_if_any(due) => {
                    if let Some((outage, ..)) = &current.shared
                        && self.attempt(outage).await?
                    {
                        return Ok(Admission::AdmittedAsAttempt);
                    }
                }
            }
        }
    }

    /// Claims the attempt that is due, and checks the service. Returns whether a row is to be tried.
    async fn attempt(&self, outage: &StoredOutage) -> Result<bool, Error> {
        let delay = backoff(outage.attempts);
        let claimed = self.database.claim_attempt(outage, delay).await?;
        if claimed {
            tracing::info!(attempt = outage.attempts + 1, "checking whether the outage is over");
            if let Err(failure) = self.check_service().await {
                if is_sign_in(&failure) {
                    return Ok(false);
                }
                let delay = delay.max(requested_delay(&failure));
                self.database.update_outage(&failure, delay).await?;
                self.refresh().await?;
                return Ok(false);
            }
        }
        self.refresh().await?;
        Ok(claimed)
    }

    /// Sends a call that changes nothing. An error means that the service cannot be used.
    async fn check_service(&self) -> Result<(), StepFailure> {
        let Err(error) = self.onboarding.check_service().await else { return Ok(()) };
        let failure = StepFailure::from(&error);
        if is_sign_in(&failure) {
            self.stop_with(failure.kind, &failure.message);
            return Err(failure);
        }
        // Any other answer of the service shows that it works. The page of a proxy is none.
        let is_answer = !concerns_service(&failure) && failure.kind != ErrorKind::Undecodable;
        if is_answer { Ok(()) } else { Err(failure) }
    }

    /// Records that the service processed a row, whatever the result.
    pub(super) async fn report_processed(&self, admission: Admission) -> Result<(), Error> {
        lock(&self.failing_rows).clear();
        if admission == Admission::AdmittedAsAttempt {
            self.database.end_outage().await?;
            tracing::info!("the outage is over");
            self.refresh().await?;
        }
        Ok(())
    }

    /// Records the failure of a row that may concern the whole run, and finds out whether it does.
    pub(super) async fn report_failure(
        &self,
        row: RowId,
        failure: &StepFailure,
        admission: Admission,
    ) -> Result<FailureScope, Error> {
        if is_sign_in(failure) {
            self.stop_with(failure.kind, &failure.message);
            return Ok(FailureScope::Run);
        }
        let outage = self.circuit.borrow().shared.clone();
        if let Some((outage, ..)) = outage {
            if admission != Admission::AdmittedAsAttempt {
                return Ok(FailureScope::Run);
            }
            let delay = backoff(outage.attempts).min(MAX_DELAY_IF_ANSWERED).max(requested_delay(failure));
            self.database.update_outage(failure, delay).await?;
            self.refresh().await?;
            // The service answers, so the failure may concern the row. Refused permissions, and responses and files that
            // cannot be read, more likely concern all rows. A row that is refused again concerns itself: otherwise rows that
            // are all refused would never be parked. Rows that were not an attempt yet come first.
            let concerns_all = may_concern_all_rows(failure.kind)
                && (failure.kind != ErrorKind::Forbidden || lock(&self.refused_attempts).insert(row));
            return Ok(if concerns_all { FailureScope::Run } else { FailureScope::Row });
        }
        let failing_rows = {
            let mut failing_rows = lock(&self.failing_rows);
            failing_rows.insert(row);
            failing_rows.len()
        };
        let mut last_check = self.last_check.lock().await;
        if self.circuit.borrow().shared.is_some() {
            // Another row has found out meanwhile.
            return Ok(FailureScope::Run);
        }
        let is_valid = last_check.is_some_and(|at| at.elapsed() < CHECK_VALIDITY);
        let checked = if is_valid { Ok(()) } else { self.check_service().await };
        match checked {
            Err(cause) => self.begin_outage(&cause).await.map(|()| FailureScope::Run),
            Ok(()) if failing_rows >= MAX_FAILING_ROWS => {
                self.begin_outage(failure).await.map(|()| FailureScope::Run)
            }
            Ok(()) => {
                if !is_valid {
                    *last_check = Some(Instant::now());
                }
                Ok(FailureScope::Row)
            }
        }
    }

    async fn begin_outage(&self, failure: &StepFailure) -> Result<(), Error> {
        if is_sign_in(failure) {
            return Ok(());
        }
        let delay = FIRST_DELAY.max(requested_delay(failure));
        let outage = StoredOutage::new(failure, self.database.now().await?, delay);
        self.database.begin_outage(&outage).await?;
        tracing::warn!(
            error.r#type = ?failure.kind,
            message = failure.message,
            "an outage concerns every row: processing is paused"
        );
        self.refresh().await
    }

    /// Reads the shared state of the circuit.
    async fn refresh(&self) -> Result<(), Error> {
        let outage = self.database.outage().await?;
        let now = self.database.now().await?;
        self.update(outage, now);
        Ok(())
    }

    /// Sets the shared state of the circuit, as it was at this time of the database's clock. The database works.
    pub(super) fn update(&self, outage: Option<StoredOutage>, now: i64) {
        let until = |time: i64| {
            let remaining = Duration::from_nanos(to_u64(time.saturating_sub(now)));
            Instant::now() + remaining.min(MAX_REQUESTED_DELAY)
        };
        let shared = outage.map(|outage| {
            let lasted = Duration::from_nanos(to_u64(now.saturating_sub(outage.since)));
            let give_up = Instant::now() + self.max_outage.saturating_sub(lasted);
            let due = until(outage.next_attempt);
            (outage, due, give_up)
        });
        if shared.is_none() && self.circuit.borrow().shared.is_some() {
            lock(&self.refused_attempts).clear();
            lock(&self.failing_rows).clear();
        }
        self.set(Circuit { shared, database: None });
    }

    /// Records that the queue's database failed.
    pub(super) fn report_database_failure(&self, error: &Error, next_attempt: Duration) {
        self.database.record_failure();
        let mut circuit = self.circuit.borrow().clone();
        let now = SystemTime::now();
        let (since, give_up) = match &circuit.database {
            Some((outage, give_up)) => (outage.since, *give_up),
            None => (now, Instant::now() + self.max_outage),
        };
        let message = match self.database.file() {
            Some(file) => format!("{error} ({})", file.display()),
            None => error.to_string(),
        };
        let (kind, next_attempt) = (error.kind(), now + next_attempt);
        circuit.database = Some((Outage { kind, message, since, next_attempt }, give_up));
        self.set(circuit);
    }

    fn set(&self, circuit: Circuit) {
        let outage = circuit.outage();
        self.outage.send_if_modified(|current| {
            let is_changed = *current != outage;
            *current = outage;
            is_changed
        });
        self.circuit.send_if_modified(|current| {
            let is_changed = !current.is_same(&circuit);
            if is_changed {
                *current = circuit;
            }
            is_changed
        });
    }

    /// Stops the worker when an outage has lasted too long.
    pub(super) async fn enforce_time_limit(&self) {
        let mut circuit = self.circuit.subscribe();
        loop {
            let current = circuit.borrow_and_update().clone();
            let shared = current.shared.as_ref().map(|(.., give_up)| *give_up);
            let database = current.database.as_ref().map(|(_, give_up)| *give_up);
            let give_up = shared.into_iter().chain(database).min();
            tokio::select! {
                _ = circuit.changed() => {}
                () = sleep_until_if_any(give_up) => {
                    let outage = self.outage.borrow().clone();
                    if let Some(outage) = outage {
                        self.stop_with(outage.kind, &outage.message);
                    }
                    return;
                }
            }
        }
    }

    /// Stops the worker. A refused sign-in does so at once, because repeated ones could lock the account.
    fn stop_with(&self, kind: ErrorKind, message: &str) {
        lock(&self.fatal).get_or_insert_with(|| {
            Error::new(kind, format!("the run was stopped, and its rows stay pending: {message}"))
        });
        self.stop.stop();
    }
}

/// Waits until a time, or forever if there is none.
async fn sleep_until_if_any(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Returns the time until the next attempt after this number of attempts.
fn backoff(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).min(16);
    FIRST_DELAY.saturating_mul(1 << doublings).min(MAX_DELAY)
}

fn requested_delay(failure: &StepFailure) -> Duration {
    failure.retry_after().unwrap_or_default().min(MAX_REQUESTED_DELAY)
}

/// Checks whether the service refused to sign in.
pub(super) fn is_sign_in(failure: &StepFailure) -> bool {
    failure.kind == ErrorKind::Unauthenticated && failure.operation.as_deref() == Some("login")
}

/// Checks whether a failure is one that an unavailable service causes for every row.
pub(super) fn concerns_service(failure: &StepFailure) -> bool {
    matches!(
        failure.kind,
        ErrorKind::Unavailable | ErrorKind::TimedOut | ErrorKind::RateLimited | ErrorKind::Unauthenticated
    )
}

/// Checks whether an error of this kind may concern every row although the service answers: missing permissions, and responses
/// and files that cannot be read.
pub(super) fn may_concern_all_rows(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Forbidden | ErrorKind::Undecodable | ErrorKind::Io)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circuits_with_other_outages_differ() {
        let outage = |message: &str| Outage {
            kind: ErrorKind::Io,
            message: message.to_owned(),
            since: SystemTime::UNIX_EPOCH,
            next_attempt: SystemTime::UNIX_EPOCH,
        };
        let stored = StoredOutage {
            kind: ErrorKind::Unavailable,
            message: "refused".to_owned(),
            since: 1,
            next_attempt: 2,
            attempts: 0,
        };
        let now = Instant::now();
        let database = |message| Circuit { shared: None, database: Some((outage(message), now)) };
        let shared = |time| Circuit { shared: Some((stored.clone(), time, time)), database: None };
        let circuits = [Circuit::default(), database("full"), database("failed"), shared(now)];
        for (left, circuit) in circuits.iter().enumerate() {
            for (right, other) in circuits.iter().enumerate() {
                assert_eq!(circuit.is_same(other), left == right, "{left} {right}");
            }
        }
        assert!(shared(now).is_same(&shared(now + FIRST_DELAY)), "derived times are not compared");
    }

    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn a_row_that_is_refused_again_concerns_itself() {
        use FailureScope::{Row, Run};

        let folder = tempfile::TempDir::new().unwrap();
        let location = crate::QueueLocation::Sqlite(folder.path().join("queue.db"));
        let database = Database::open(&location).await.unwrap();
        let ledger = Arc::new(carium::onboarding::MemoryLedger::new());
        let onboarding = carium_mock::FakeCarium::new().client().onboarding(ledger);
        let breaker = CircuitBreaker::new(database, onboarding, StopHandle::new(), MAX_DELAY);
        for kind in [ErrorKind::Forbidden, ErrorKind::Io] {
            let failure = StepFailure::from(&Error::new(kind, "m"));
            let attempt = async |row| {
                breaker.report_failure(row, &failure, Admission::AdmittedAsAttempt).await.unwrap()
            };
            let second = if kind == ErrorKind::Forbidden { Row } else { Run };
            for _ in 0..2 {
                breaker.begin_outage(&failure).await.unwrap();
                assert_eq!([attempt(1).await, attempt(2).await, attempt(1).await], [Run, Run, second]);
                breaker.report_processed(Admission::AdmittedAsAttempt).await.unwrap();
            }
        }
    }
}
