//! The queue engine on top of River.
//!
//! River has one job for each row that is not settled. The only argument of a job is the row ID. The row store
//! decides when and how often a row is retried, so jobs do not fail; they are snoozed. River's rescue of long-running
//! jobs is not used, because a row with large documents may take hours: a worker is stale when it stops sending
//! heartbeats, no matter how long its rows take.

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

use super::{Disposition, Engine, EngineRun, RowHandler, RowId};
use crate::database::{Database, Transaction, for_backend, unavailable};
#[cfg(feature = "sqlite")]
use crate::writer::json;

/// The name of the River queue.
const QUEUE: &str = "carium";
/// The minimum time between two fetches of jobs. River's default of 100 ms would limit a worker to a few dozen rows
/// per second.
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
        match transaction {
            #[cfg(feature = "sqlite")]
            Transaction::Sqlite(transaction) => {
                sqlx::query(DELETE_STALE_LEADER).execute(&mut **transaction).await.map_err(unavailable)?;
                let sql = "DELETE FROM river_job WHERE state = 'running' AND kind = 'carium_row'
                    AND coalesce(json_extract(attempted_by, '$[#-1]'), '') NOT IN (SELECT id FROM carium_worker)
                    RETURNING json_extract(args, '$.row')";
                sqlx::query_scalar(sql).fetch_all(&mut **transaction).await.map_err(unavailable)
            }
            #[cfg(feature = "postgres")]
            Transaction::Postgres(transaction) => {
                sqlx::query(DELETE_STALE_LEADER).execute(&mut **transaction).await.map_err(unavailable)?;
                let sql = "DELETE FROM river_job WHERE state = 'running' AND kind = 'carium_row'
                    AND NOT EXISTS (SELECT FROM carium_worker
                        WHERE id = attempted_by[array_upper(attempted_by, 1)])
                    RETURNING (args->>'row')::bigint";
                sqlx::query_scalar(sql).fetch_all(&mut **transaction).await.map_err(unavailable)
            }
        }
    }

    async fn reclaim_lost_assignments(
        &self,
        transaction: &mut Transaction,
        worker: &str,
        in_progress: &[RowId],
    ) -> Result<Vec<RowId>, Error> {
        // Assignments of the last ten seconds may still be on their way to the worker.
        match transaction {
            #[cfg(feature = "sqlite")]
            Transaction::Sqlite(transaction) => {
                let sql = "DELETE FROM river_job WHERE state = 'running' AND kind = 'carium_row'
                    AND json_extract(attempted_by, '$[#-1]') = $1
                    AND attempted_at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-10 seconds')
                    AND json_extract(args, '$.row') NOT IN (SELECT value FROM json_each($2))
                    RETURNING json_extract(args, '$.row')";
                let query = sqlx::query_scalar(sql).bind(worker).bind(json(&in_progress)?);
                query.fetch_all(&mut **transaction).await.map_err(unavailable)
            }
            #[cfg(feature = "postgres")]
            Transaction::Postgres(transaction) => {
                let sql = "DELETE FROM river_job WHERE state = 'running' AND kind = 'carium_row'
                    AND attempted_by[array_upper(attempted_by, 1)] = $1
                    AND attempted_at < now() - interval '10 seconds'
                    AND (args->>'row')::bigint <> ALL ($2)
                    RETURNING (args->>'row')::bigint";
                let query = sqlx::query_scalar(sql).bind(worker).bind(in_progress);
                query.fetch_all(&mut **transaction).await.map_err(unavailable)
            }
        }
    }

    async fn count_running(&self, transaction: &mut Transaction) -> Result<u64, Error> {
        let running: i64 = match transaction {
            #[cfg(feature = "sqlite")]
            Transaction::Sqlite(transaction) => {
                let sql = "SELECT count(*) FROM carium_row WHERE state = 'pending' AND id IN
                    (SELECT json_extract(args, '$.row') FROM river_job WHERE state = 'running' AND kind = 'carium_row')";
                sqlx::query_scalar(sql).fetch_one(&mut **transaction).await.map_err(unavailable)?
            }
            #[cfg(feature = "postgres")]
            Transaction::Postgres(transaction) => {
                let sql = "SELECT count(*) FROM carium_row WHERE state = 'pending' AND id IN
                    (SELECT (args->>'row')::bigint FROM river_job WHERE state = 'running' AND kind = 'carium_row')";
                sqlx::query_scalar(sql).fetch_one(&mut **transaction).await.map_err(unavailable)?
            }
        };
        Ok(u64::try_from(running).unwrap_or(0))
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
