//! The queue engine, which assigns rows to workers. It is behind a trait so that it can be replaced.
//!
//! The implementation is River. It has one job for each row that is not settled. The only argument of a job is the
//! row ID. The row store determines when and how often a row is retried, so the job of a row that is retried does not
//! fail: it is snoozed. River's rescue of long-running jobs is not used, because a row with large documents may take
//! hours: a worker is stale when it stops sending heartbeats, no matter how long its rows take.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use carium::{Error, ErrorKind};
use riverqueue::{
    BoxError, Client, InsertManyItem, InsertOpts, Job, JobArgs, JobRow, MaintenanceConfig, QueueConfig,
    Retention, RetryPolicy, RunHandle, Stopper, WorkCancelled, WorkContext, WorkError, WorkOutcome, Worker,
    WorkerTimeout, Workers,
};
use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;

use crate::database::{Database, Transaction, for_backend, json, run_sql, to_u64};
use crate::row_store::{RowId, RowState};

/// A durable job queue of row IDs, which assigns each row to one worker at a time.
///
/// It may assign a row more than once. The row store and the ledger determine which work remains.
#[async_trait]
pub(crate) trait Engine: Send + Sync {
    /// Adds rows to the queue as part of the transaction.
    async fn enqueue(&self, transaction: &mut Transaction, rows: &[RowId]) -> Result<(), Error>;

    /// Removes from the queue all rows that are assigned to workers that are no longer registered, as part of the
    /// transaction, and returns the rows. Results that such a worker reports later have no effect on the queue.
    async fn reclaim_from_stale_workers(&self, transaction: &mut Transaction) -> Result<Vec<RowId>, Error>;

    /// Removes from the queue all rows that have been assigned to `worker` for some time without being in progress
    /// there, as part of the transaction, and returns the rows. This happens if the connection is lost after an
    /// assignment was committed but before the worker received it.
    async fn reclaim_lost_assignments(
        &self,
        transaction: &mut Transaction,
        worker: &str,
        in_progress: &[RowId],
    ) -> Result<Vec<RowId>, Error>;

    /// Counts the rows that are pending in the row store and assigned to a worker.
    async fn count_running(&self, transaction: &mut Transaction) -> Result<u64, Error>;

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
        let client = for_backend!(Pool, &database.engine, pool => Client::builder(pool.clone())).build();
        Ok(Self { client: client.map_err(engine_error)?, database })
    }
}

/// Ends the leadership of a worker that is no longer registered. Snoozed jobs would otherwise not be scheduled until
/// its lease expires.
const DELETE_STALE_LEADER: &str =
    "DELETE FROM river_leader WHERE leader_id NOT IN (SELECT id FROM carium_worker)";

/// Selects the jobs that are assigned to a worker.
const RUNNING: &str = "state = 'running' AND kind = 'carium_row'";

/// SQL expressions on River's jobs, whose columns have different types in the two backends.
struct JobSql {
    /// The row of the job.
    row: &'static str,
    /// The worker to which the job was last assigned.
    worker: &'static str,
    /// A time to compare with `attempted_at`.
    ten_seconds_ago: &'static str,
    /// The items of the JSON list in the parameter `$2`.
    values_of_list: &'static str,
}

impl Transaction {
    fn job_sql(&self) -> JobSql {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => JobSql {
                row: "json_extract(args, '$.row')",
                worker: "coalesce(json_extract(attempted_by, '$[#-1]'), '')",
                ten_seconds_ago: "strftime('%Y-%m-%d %H:%M:%f', 'now', '-10 seconds')",
                values_of_list: "SELECT value FROM json_each($2)",
            },
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => JobSql {
                row: "(args->>'row')::bigint",
                worker: "coalesce(attempted_by[array_upper(attempted_by, 1)], '')",
                ten_seconds_ago: "now() - interval '10 seconds'",
                values_of_list: "SELECT value::bigint FROM json_array_elements_text($2::json)",
            },
        }
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

    async fn reclaim_from_stale_workers(&self, transaction: &mut Transaction) -> Result<Vec<RowId>, Error> {
        run_sql!(Transaction(&mut *transaction), query(DELETE_STALE_LEADER).execute)?;
        let JobSql { row, worker, .. } = transaction.job_sql();
        let sql = AssertSqlSafe(format!(
            "DELETE FROM river_job WHERE {RUNNING} AND {worker} NOT IN (SELECT id FROM carium_worker) RETURNING {row}"
        ));
        run_sql!(Transaction(transaction), query_scalar(sql).fetch_all)
    }

    async fn reclaim_lost_assignments(
        &self,
        transaction: &mut Transaction,
        worker: &str,
        in_progress: &[RowId],
    ) -> Result<Vec<RowId>, Error> {
        let JobSql { row, worker: job_worker, ten_seconds_ago, values_of_list } = transaction.job_sql();
        // Assignments of the last ten seconds may still be on their way to the worker.
        let sql = AssertSqlSafe(format!(
            "DELETE FROM river_job WHERE {RUNNING} AND {job_worker} = $1 AND attempted_at < {ten_seconds_ago}
            AND {row} NOT IN ({values_of_list}) RETURNING {row}"
        ));
        run_sql!(Transaction(transaction), query_scalar(sql, worker, json(&in_progress)?).fetch_all)
    }

    async fn count_running(&self, transaction: &mut Transaction) -> Result<u64, Error> {
        let row = transaction.job_sql().row;
        let sql = AssertSqlSafe(format!(
            "SELECT count(*) FROM carium_row WHERE state = $1
            AND id IN (SELECT {row} FROM river_job WHERE {RUNNING})"
        ));
        let pending = RowState::Pending.as_str();
        let running: i64 = run_sql!(Transaction(transaction), query_scalar(sql, pending).fetch_one)?;
        Ok(to_u64(running))
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
        let client = for_backend!(Pool, &self.database.engine, pool => Client::builder(pool.clone()))
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

fn engine_error(error: riverqueue::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "the queue engine failed").with_source(error)
}
