//! The queue engine, which assigns rows to workers. It is behind a trait so that it can be replaced.
//!
//! The implementation is River. It has one job for each row that is not settled. The only argument of a job is the
//! row ID. The row store determines when and how often a row is retried, so the job of a row that is retried does not
//! fail: it is snoozed. River's rescue of long-running jobs is not used, because a row with large documents may take
//! hours: a worker is stale when it stops sending heartbeats, no matter how long its rows take. Its jobs are then
//! completed through River's API, and new jobs are inserted for their rows.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use carium::{Error, ErrorKind};
use riverqueue::{
    BoxError, Client, InsertManyItem, InsertOpts, Job, JobArgs, JobListOrderBy, JobListParams, JobRow,
    JobState, MaintenanceConfig, QueueConfig, Retention, RetryPolicy, RunHandle, Stopper, WorkCancelled,
    WorkContext, WorkError, WorkOutcome, Worker, WorkerTimeout, Workers,
};
use serde::{Deserialize, Serialize};

use crate::database::{Database, Transaction, for_backend, nanoseconds, run_sql, unavailable};
use crate::row_store::RowId;

/// A durable job queue of row IDs, which assigns each row to one worker at a time.
///
/// It may assign a row more than once. The row store and the ledger determine which work remains.
#[async_trait]
pub(crate) trait Engine: Send + Sync {
    /// Adds rows to the queue as part of the transaction.
    async fn enqueue(&self, transaction: &mut Transaction, rows: &[RowId]) -> Result<(), Error>;

    /// Removes rows from the queue as part of the transaction, and returns them:
    /// - those that are assigned to workers that are no longer registered. Results that such a worker reports later have
    ///   no effect on the queue.
    /// - those that have been assigned to `worker` for some time without being in progress there. This happens if the
    ///   connection is lost after an assignment was committed but before the worker received it.
    ///
    /// `now` is the time of the database in nanoseconds.
    async fn reclaim(
        &self,
        transaction: &mut Transaction,
        worker: &str,
        in_progress: &[RowId],
        now: i64,
    ) -> Result<Vec<RowId>, Error>;

    /// Returns the rows that are assigned to a worker. They include rows that were settled in the row store a moment ago.
    async fn running_rows(&self, transaction: &mut Transaction) -> Result<Vec<RowId>, Error>;

    /// Starts to assign rows to `worker`, which must be registered: at most `max_concurrent_rows` at a time.
    fn start(
        &self,
        worker: &str,
        max_concurrent_rows: usize,
        handler: Arc<dyn RowHandler>,
    ) -> Result<Box<dyn EngineRun>, Error>;
}

/// Processes the rows that the engine assigns.
#[async_trait]
pub(crate) trait RowHandler: Send + Sync {
    /// Processes a row. The future is dropped if the worker stops immediately.
    async fn handle(&self, row: RowId) -> Disposition;
}

/// What the engine does with a row after it was processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Remove the row from the queue.
    Finished,
    /// Assign the row again after this time.
    RetryAfter(Duration),
}

/// A running worker of the engine.
#[async_trait]
pub(crate) trait EngineRun: Send {
    /// Stops assigning rows. Rows in progress are finished.
    fn stop(&self);

    /// Cancels the rows in progress.
    fn stop_now(&self);

    /// Waits until the worker has stopped.
    async fn stopped(&mut self) -> Result<(), Error>;
}

/// The name of the River queue.
const QUEUE: &str = "carium";
/// The minimum time between two fetches of jobs. River's default of 100 ms would limit the number of rows per second.
const FETCH_COOLDOWN: Duration = Duration::from_millis(5);
/// How often a worker polls for jobs if it receives no notification of new ones.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How often snoozed jobs are scheduled and the leader is elected.
const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(1);
/// How long completed jobs are kept. The row store has everything that is in them.
const COMPLETED_JOB_RETENTION: Duration = Duration::from_mins(10);
/// Effectively unlimited, because River must never discard a job.
const MAX_JOB_ATTEMPTS: i32 = 32_000;
/// The delay after a job failed for a reason other than its row, such as a panic.
const FAILED_JOB_DELAY: Duration = Duration::from_secs(5);

/// The arguments of a job.
#[derive(Clone, Debug, Deserialize, Serialize, JobArgs)]
#[river(kind = "carium_row")]
struct RowJob {
    row: RowId,
}

/// River in the database of a queue.
pub(crate) struct RiverEngine {
    database: Database,
    /// The client that inserts jobs. Each worker has its own client to fetch jobs.
    client: Client,
}

impl RiverEngine {
    pub(crate) fn new(database: Database) -> Result<Self, Error> {
        let client = for_backend!(Pool, &database.writes, pool => Client::builder(pool.clone())).build();
        Ok(Self { client: client.map_err(engine_error)?, database })
    }
}

/// How long an assignment may be on its way to its worker.
const ASSIGNMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// The number of jobs that are listed at once: the maximum that River allows.
const LIST_LIMIT: u32 = 10_000;

impl RiverEngine {
    /// Lists the jobs that are assigned to a worker. At most [`LIST_LIMIT`] are listed; the others follow when these are
    /// finished.
    async fn running_jobs(&self, transaction: &mut Transaction) -> Result<Vec<JobRow>, Error> {
        let parameters = JobListParams::default()
            .queues([QUEUE])
            .states([JobState::Running])
            // Running jobs are sorted by the time of their assignment. Sorted by ID, all jobs would be read, as with a filter by
            // kind instead of queue.
            .order_by(JobListOrderBy::Time)
            .limit(LIST_LIMIT);
        let list = self.client.jobs().list(parameters);
        let list = for_backend!(Transaction, transaction, transaction => list.tx(&mut *transaction).await);
        Ok(list.map_err(engine_error)?.jobs)
    }
}

#[async_trait]
impl Engine for RiverEngine {
    async fn enqueue(&self, transaction: &mut Transaction, rows: &[RowId]) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let options = InsertOpts::default().with_queue(QUEUE).with_max_attempts(MAX_JOB_ATTEMPTS);
        let jobs = rows.iter().map(|row| InsertManyItem::new(RowJob { row: *row }, options.clone()));
        let request = self.client.insert_many(jobs);
        for_backend!(Transaction, transaction, transaction => request.tx(&mut *transaction).await)
            .map_err(engine_error)?;
        Ok(())
    }

    async fn reclaim(
        &self,
        transaction: &mut Transaction,
        worker: &str,
        in_progress: &[RowId],
        now: i64,
    ) -> Result<Vec<RowId>, Error> {
        let jobs = self.running_jobs(transaction).await?;
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "SELECT id FROM carium_worker";
        let workers: HashSet<String> =
            run_sql!(Transaction(&mut *transaction), query_scalar(sql).fetch_all)?.into_iter().collect();
        let limit = i128::from(now - nanoseconds(ASSIGNMENT_TIMEOUT));
        let mut rows = Vec::new();
        for job in jobs {
            let row = row_of(&job)?;
            let is_lost = |job: &JobRow| {
                job.attempted_at.is_some_and(|at| at.as_nanosecond() < limit) && !in_progress.contains(&row)
            };
            let is_reclaimed = match job.attempted_by.last() {
                Some(id) if id == worker => is_lost(&job),
                Some(id) => !workers.contains(id),
                None => true,
            };
            if !is_reclaimed {
                continue;
            }
            // River discards what the worker reports later for a job that is completed.
            let complete = self.client.jobs().complete(job.id);
            match for_backend!(Transaction, transaction, transaction => complete.tx(&mut *transaction).await)
            {
                Ok(_) => rows.push(row),
                // The worker has finished the job in the meantime.
                Err(riverqueue::Error::JobNotRunning { .. } | riverqueue::Error::NotFound { .. }) => {}
                Err(error) => return Err(engine_error(error)),
            }
        }
        Ok(rows)
    }

    async fn running_rows(&self, transaction: &mut Transaction) -> Result<Vec<RowId>, Error> {
        self.running_jobs(transaction).await?.iter().map(row_of).collect()
    }

    fn start(
        &self,
        worker: &str,
        max_concurrent_rows: usize,
        handler: Arc<dyn RowHandler>,
    ) -> Result<Box<dyn EngineRun>, Error> {
        let mut workers = Workers::new();
        workers.add(JobWorker(handler)).map_err(engine_error)?;
        let maintenance = MaintenanceConfig::default()
            .with_elect_interval(MAINTENANCE_INTERVAL)
            .with_scheduler_interval(MAINTENANCE_INTERVAL)
            .with_completed_job_retention(Retention::DeleteAfter(COMPLETED_JOB_RETENTION));
        let queue = QueueConfig::new(max_concurrent_rows).with_fetch_poll_interval(POLL_INTERVAL);
        let client = for_backend!(Pool, &self.database.writes, pool => Client::builder(pool.clone()))
            .id(worker)
            .workers(workers)
            .without_job_timeout()
            .fetch_cooldown(FETCH_COOLDOWN)
            .maintenance(maintenance)
            .retry_policy(FixedDelay)
            .queue(QUEUE, queue)
            .build()
            .map_err(engine_error)?;
        let run = client.start().map_err(engine_error)?;
        let stopper = run.stopper();
        Ok(Box::new(RiverRun { run, stopper }))
    }
}

/// Passes the jobs of River to a [`RowHandler`].
struct JobWorker(Arc<dyn RowHandler>);

impl Worker<RowJob> for JobWorker {
    type Error = BoxError;

    fn timeout(&self, _: &Job<RowJob>) -> WorkerTimeout {
        WorkerTimeout::Disabled
    }

    async fn work(&self, context: WorkContext, job: Job<RowJob>) -> Result<WorkOutcome, BoxError> {
        tokio::select! {
            biased;
            () = context.cancellation_token().cancelled() => Err(WorkCancelled.into()),
            disposition = self.0.handle(job.args.row) => Ok(match disposition {
                Disposition::Finished => WorkOutcome::Complete,
                Disposition::RetryAfter(delay) => WorkOutcome::Snooze(delay),
            }),
        }
    }
}

/// Retries failed jobs after [`FAILED_JOB_DELAY`].
struct FixedDelay;

impl RetryPolicy for FixedDelay {
    fn next_retry(&self, _: &JobRow, _: &WorkError, _: riverqueue::jiff::Timestamp) -> Duration {
        FAILED_JOB_DELAY
    }
}

struct RiverRun {
    run: RunHandle,
    stopper: Stopper,
}

#[async_trait]
impl EngineRun for RiverRun {
    fn stop(&self) {
        self.stopper.stop();
    }

    fn stop_now(&self) {
        self.stopper.stop_and_cancel();
    }

    async fn stopped(&mut self) -> Result<(), Error> {
        self.run.wait().await.map_err(engine_error)
    }
}

/// Returns the row of a job.
fn row_of(job: &JobRow) -> Result<RowId, Error> {
    let arguments: Result<RowJob, _> = serde_json::from_str(job.encoded_args.get());
    let arguments = arguments
        .map_err(|_| Error::new(ErrorKind::Undecodable, "a job of the queue engine cannot be parsed"))?;
    Ok(arguments.row)
}

fn engine_error(error: riverqueue::Error) -> Error {
    if let riverqueue::Error::Database(error) = error {
        return unavailable(error);
    }
    Error::new(ErrorKind::Unavailable, "the queue engine failed").with_source(error)
}
