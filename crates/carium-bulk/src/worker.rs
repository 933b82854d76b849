//! Workers, which process the rows of a queue. Any number of processes can run workers. Each worker sends heartbeats.

mod circuit_breaker;
mod conclusion;
mod dispatch;
mod handle;
mod heartbeat;
mod load;
mod progress;
mod row;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use carium::Error;
#[cfg(doc)]
use carium::ErrorKind;
use carium::onboarding::{Ledger, Onboarding};
use tokio::sync::watch;

pub use self::handle::{StopHandle, WorkerHandle};
pub use self::progress::WorkProgress;

pub(crate) use self::conclusion::MAX_ROW_DELAY;
pub(crate) use self::heartbeat::current_heartbeats;
pub(crate) use self::progress::ProgressMonitor;

use self::circuit_breaker::CircuitBreaker;
use self::dispatch::Dispatcher;
use self::heartbeat::{HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT, Heartbeat};
use self::row::{ParkedLimit, RowProcessor};
use crate::database::in_time;
use crate::ledger::DatabaseLedger;
use crate::limits::CallLimiter;
use crate::queue::OnboardingQueue;

/// Options of a worker.
#[derive(Clone, Debug)]
#[must_use]
pub struct WorkOptions {
    max_concurrent_rows: NonZeroUsize,
    max_attempts: u32,
    stop_when_settled: bool,
    max_parked: Option<u64>,
    max_outage: Duration,
}

/// How often a worker that stops when all rows are settled checks whether they are, while it has no rows itself.
const SETTLED_INTERVAL: Duration = Duration::from_millis(200);

/// The default of [`WorkOptions::max_outage`].
const DEFAULT_MAX_OUTAGE: Duration = Duration::from_hours(1);

/// The upper bound of [`WorkOptions::max_concurrent_rows`].
const MAX_CONCURRENT_ROWS: usize = 1000;

impl Default for WorkOptions {
    fn default() -> Self {
        Self {
            max_concurrent_rows: NonZeroUsize::MIN.saturating_add(15),
            max_attempts: 10,
            stop_when_settled: false,
            max_parked: None,
            max_outage: DEFAULT_MAX_OUTAGE,
        }
    }
}

impl WorkOptions {
    /// Creates the default options: 16 concurrent rows, 10 attempts per row, and no automatic stop.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the maximum number of rows that this worker processes at a time, from 1 to 1,000. Defaults to 16. Values
    /// outside this range are replaced by the nearest limit.
    pub fn max_concurrent_rows(mut self, rows: usize) -> Self {
        self.max_concurrent_rows =
            NonZeroUsize::new(rows.min(MAX_CONCURRENT_ROWS)).unwrap_or(NonZeroUsize::MIN);
        self
    }

    /// Sets the maximum number of attempts for a row that fails with a retryable error, before the row is parked.
    /// Defaults to 10. 0 counts as 1. Attempts that end with status 429 (rate limited) do not count.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Stops the worker after it has parked this number of rows. Rows in progress are finished, so it may park a few
    /// more. 0 counts as 1.
    pub fn max_parked(mut self, rows: u64) -> Self {
        self.max_parked = Some(rows.max(1));
        self
    }

    /// Sets how long an [outage](crate::Outage) may last before the worker stops. Defaults to 1 hour.
    ///
    /// During an outage, no rows are processed, all of them stay pending, and no attempts are counted. One worker at a
    /// time tries whether it is over, at intervals that grow to a minute. If the service refuses the sign-in, the worker
    /// stops at once, because repeated sign-ins could lock the account. [`WorkerHandle::join`] then returns the error.
    pub fn max_outage(mut self, duration: Duration) -> Self {
        self.max_outage = duration;
        self
    }

    /// Stops the worker when all rows of the queue are settled, that is, completed or parked.
    pub fn stop_when_settled(mut self) -> Self {
        self.stop_when_settled = true;
        self
    }
}

impl OnboardingQueue {
    /// Starts a worker in this process. Any number of processes can run workers on the same queue; with a queue on a
    /// server, they can run on any number of machines.
    ///
    /// `onboarding` creates the [`Onboarding`] that processes the rows. It must use the ledger that it is passed:
    /// `|ledger| carium.onboarding(ledger).documents_folder("scans/")`.
    ///
    /// # Errors
    /// - [`Unavailable`](ErrorKind::Unavailable): the database cannot be used.
    /// - [`Conflict`](ErrorKind::Conflict): the queue was opened with [`inspect`](Self::inspect).
    pub async fn work(
        &self,
        options: WorkOptions,
        onboarding: impl FnOnce(Arc<dyn Ledger>) -> Onboarding + Send,
    ) -> Result<WorkerHandle, Error> {
        self.check_not_inspected()?;
        let queue = Arc::clone(&self.0);
        let limiter = CallLimiter::new(queue.database.clone());
        let ledger = DatabaseLedger::new(Arc::clone(&queue));
        let ledger = Arc::new(ledger.with_limiter(limiter.clone()));
        let onboarding = onboarding(Arc::<DatabaseLedger>::clone(&ledger));
        let stop = StopHandle::new();
        let (database, services) = (queue.database.clone(), onboarding.clone());
        let breaker = CircuitBreaker::new(database, services, stop.clone(), options.max_outage);
        let heartbeat = Heartbeat::new(Arc::clone(&queue), limiter, Arc::clone(&breaker));
        queue.database.restart_outage().await?;
        // The first heartbeat registers the worker, which must happen before rows are assigned to it. It also
        // reclaims the rows of stale workers.
        heartbeat.send().await?;
        let processor = RowProcessor {
            queue: Arc::clone(&queue),
            onboarding,
            ledger,
            max_attempts: options.max_attempts.into(),
            parked_limit: ParkedLimit::new(options.max_parked, stop.clone()),
            breaker: Arc::clone(&breaker),
        };
        let max_concurrent_rows = options.max_concurrent_rows.get();
        let dispatcher = Dispatcher::new(queue, heartbeat.worker_id(), max_concurrent_rows, processor);
        let (progress_sender, progress) = watch::channel(WorkProgress::default());
        let outage = breaker.outage();
        let run = run(
            self.clone(),
            heartbeat,
            breaker,
            dispatcher,
            progress_sender,
            stop.clone(),
            options.stop_when_settled,
        );
        Ok(WorkerHandle::new(stop, progress, outage, tokio::spawn(run)))
    }
}

/// Runs a worker until it is stopped.
async fn run(
    queue: OnboardingQueue,
    heartbeat: Heartbeat,
    breaker: Arc<CircuitBreaker>,
    mut dispatcher: Dispatcher,
    progress: watch::Sender<WorkProgress>,
    stop: StopHandle,
    stop_when_settled: bool,
) -> Result<(), Error> {
    let send_heartbeats = async {
        loop {
            tokio::time::sleep(HEARTBEAT_INTERVAL).await;
            if let Err(error) = in_time(heartbeat.send()).await {
                breaker.report_database_failure(&error, HEARTBEAT_INTERVAL);
                tracing::warn!(%error, "could not send the heartbeat of the worker");
            }
        }
    };
    let monitor_progress = async {
        let mut monitor = ProgressMonitor::new(&queue);
        loop {
            match monitor.measure().await {
                Ok(current) => {
                    progress.send_replace(current);
                }
                Err(error) => tracing::warn!(%error, "could not count the rows of the queue"),
            }
            monitor.pause().await;
        }
    };
    let idle = dispatcher.idle();
    let stop_if_settled = async {
        if !stop_when_settled {
            return;
        }
        loop {
            match queue.0.database.has_pending_rows().await {
                Ok(false) => break,
                Ok(true) => {}
                Err(error) => tracing::warn!(%error, "could not look for pending rows of the queue"),
            }
            // Other workers may process the last rows.
            let _ = tokio::time::timeout(SETTLED_INTERVAL, idle.notified()).await;
        }
        stop.stop();
    };
    let monitor = async {
        tokio::join!(send_heartbeats, monitor_progress, stop_if_settled, breaker.enforce_time_limit());
    };
    tokio::select! {
        () = dispatcher.run(&stop) => {}
        () = monitor => {}
    }
    let result = breaker.take_fatal_error().map_or(Ok(()), Err);
    let unregister = async {
        heartbeat.unregister().await;
        if let Ok(current) = ProgressMonitor::new(&queue).measure().await {
            progress.send_replace(current);
        }
    };
    // Otherwise the other workers notice that this one has ended.
    let _ = tokio::time::timeout(HEARTBEAT_TIMEOUT, unregister).await;
    result
}
