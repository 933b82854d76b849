//! River as the engine.
//!
//! What it keeps is bookkeeping: a job for each row that is not done, with the row's number for its arguments. How often
//! and when a row is tried again is decided by the books, so a job never fails by itself; it is snoozed. River's own
//! rescue of jobs that run for too long is not used, as a row may take hours where its documents are large: a worker is
//! dead when its heart does not beat, however long its rows take.

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

use super::{Engine, RowId, Running, Verdict, Work};
use crate::database::{Database, Transaction, either, unavailable};
#[cfg(feature = "sqlite")]
use crate::writer::json;

/// The name of its queue.
const QUEUE: &str = "carium";
/// The least time between two looks for jobs. Its default is a hundred milliseconds, which caps it at some dozens of
/// rows a second.
const COOLDOWN: Duration = Duration::from_millis(5);
/// How often it looks for jobs where nothing tells of new ones.
const POLL: Duration = Duration::from_millis(500);
/// How often jobs that were put off are looked through, and who leads is found anew.
const MAINTENANCE: Duration = Duration::from_secs(1);
/// How long jobs that are done are kept. The books know all that is in them.
const KEPT: Duration = Duration::from_mins(10);
/// Jobs are not given up by it.
const ATTEMPTS: i32 = 32_000;
/// When a job comes again that failed for a reason that is none of the row's: the program's, or the database's.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The arguments of a job.
#[derive(Clone, Debug, Deserialize, Serialize, JobArgs)]
#[river(kind = "carium_row")]
struct RowJob {
    row: RowId,
}

/// River over a queue's database.
pub(crate) struct River {
    database: Database,
    /// Puts jobs on the queue.
    client: Client,
}

impl River {
    pub(crate) fn new(database: Database) -> Result<Self, Error> {
        let client = either!(Pool, &database.engine, pool => Client::builder(pool.clone())).build();
        Ok(Self { client: client.map_err(failed)?, database })
    }
}

/// Takes the lead from whoever is dead: they would keep what was put off waiting until their lease ends.
const DEPOSE: &str = "DELETE FROM river_leader WHERE leader_id NOT IN (SELECT id FROM carium_worker)";

#[async_trait]
impl Engine for River {
    async fn enqueue(&self, transaction: &mut Transaction, rows: &[RowId]) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let options = InsertOpts::default().with_queue(QUEUE).with_max_attempts(ATTEMPTS);
        let jobs = rows.iter().map(|row| InsertManyItem::new(RowJob { row: *row }, options.clone()));
        let request = self.client.insert_many(jobs);
        either!(Transaction, transaction, transaction => request.tx(&mut *transaction).await)
            .map_err(failed)?;
        Ok(())
    }

    async fn take_from_the_dead(&self, transaction: &mut Transaction) -> Result<Vec<RowId>, Error> {
        match transaction {
            #[cfg(feature = "sqlite")]
            Transaction::Sqlite(transaction) => {
                sqlx::query(DEPOSE).execute(&mut **transaction).await.map_err(unavailable)?;
                let taken = "DELETE FROM river_job WHERE state = 'running' AND kind = 'carium_row'
                    AND coalesce(json_extract(attempted_by, '$[#-1]'), '') NOT IN (SELECT id FROM carium_worker)
                    RETURNING json_extract(args, '$.row')";
                sqlx::query_scalar(taken).fetch_all(&mut **transaction).await.map_err(unavailable)
            }
            #[cfg(feature = "postgres")]
            Transaction::Postgres(transaction) => {
                sqlx::query(DEPOSE).execute(&mut **transaction).await.map_err(unavailable)?;
                let taken = "DELETE FROM river_job WHERE state = 'running' AND kind = 'carium_row'
                    AND NOT EXISTS (SELECT FROM carium_worker
                        WHERE id = attempted_by[array_upper(attempted_by, 1)])
                    RETURNING (args->>'row')::bigint";
                sqlx::query_scalar(taken).fetch_all(&mut **transaction).await.map_err(unavailable)
            }
        }
    }

    async fn take_what_got_lost(
        &self,
        transaction: &mut Transaction,
        worker: &str,
        has: &[RowId],
    ) -> Result<Vec<RowId>, Error> {
        // A claim that was committed, and whose answer did not arrive. Ten seconds are for those that are on their way.
        match transaction {
            #[cfg(feature = "sqlite")]
            Transaction::Sqlite(transaction) => {
                let taken = "DELETE FROM river_job WHERE state = 'running' AND kind = 'carium_row'
                    AND json_extract(attempted_by, '$[#-1]') = $1
                    AND attempted_at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-10 seconds')
                    AND json_extract(args, '$.row') NOT IN (SELECT value FROM json_each($2))
                    RETURNING json_extract(args, '$.row')";
                let taken = sqlx::query_scalar(taken).bind(worker).bind(json(&has)?);
                taken.fetch_all(&mut **transaction).await.map_err(unavailable)
            }
            #[cfg(feature = "postgres")]
            Transaction::Postgres(transaction) => {
                let taken = "DELETE FROM river_job WHERE state = 'running' AND kind = 'carium_row'
                    AND attempted_by[array_upper(attempted_by, 1)] = $1
                    AND attempted_at < now() - interval '10 seconds'
                    AND (args->>'row')::bigint <> ALL ($2)
                    RETURNING (args->>'row')::bigint";
                let taken = sqlx::query_scalar(taken).bind(worker).bind(has);
                taken.fetch_all(&mut **transaction).await.map_err(unavailable)
            }
        }
    }

    async fn running(&self, transaction: &mut Transaction) -> Result<u64, Error> {
        let running: i64 = match transaction {
            #[cfg(feature = "sqlite")]
            Transaction::Sqlite(transaction) => {
                let running = "SELECT count(*) FROM carium_row WHERE state = 'pending' AND id IN
                    (SELECT json_extract(args, '$.row') FROM river_job WHERE state = 'running' AND kind = 'carium_row')";
                sqlx::query_scalar(running).fetch_one(&mut **transaction).await.map_err(unavailable)?
            }
            #[cfg(feature = "postgres")]
            Transaction::Postgres(transaction) => {
                let running = "SELECT count(*) FROM carium_row WHERE state = 'pending' AND id IN
                    (SELECT (args->>'row')::bigint FROM river_job WHERE state = 'running' AND kind = 'carium_row')";
                sqlx::query_scalar(running).fetch_one(&mut **transaction).await.map_err(unavailable)?
            }
        };
        Ok(u64::try_from(running).unwrap_or(0))
    }

    fn start(&self, worker: &str, at_a_time: usize, work: Arc<dyn Work>) -> Result<Box<dyn Running>, Error> {
        let mut workers = Workers::new();
        workers.add(RowWorker(work)).map_err(failed)?;
        let maintenance = MaintenanceConfig::default()
            .with_elect_interval(MAINTENANCE)
            .with_scheduler_interval(MAINTENANCE)
            .with_completed_job_retention(Retention::DeleteAfter(KEPT));
        let client = either!(Pool, &self.database.engine, pool => Client::builder(pool.clone()))
            .id(worker)
            .workers(workers)
            .without_job_timeout()
            .fetch_cooldown(COOLDOWN)
            .maintenance(maintenance)
            .retry_policy(AfterFailure)
            .queue(QUEUE, QueueConfig::new(at_a_time).with_fetch_poll_interval(POLL))
            .build()
            .map_err(failed)?;
        let run = client.start().map_err(failed)?;
        let stopper = run.stopper();
        Ok(Box::new(RiverRunning { run, stopper }))
    }
}

/// A worker of jobs.
struct RowWorker(Arc<dyn Work>);

impl Worker<RowJob> for RowWorker {
    type Error = BoxError;

    fn timeout(&self, _: &Job<RowJob>) -> WorkerTimeout {
        WorkerTimeout::Disabled
    }

    async fn work(&self, context: WorkContext, job: Job<RowJob>) -> Result<WorkOutcome, BoxError> {
        tokio::select! {
            biased;
            () = context.cancellation_token().cancelled() => Err(WorkCancelled.into()),
            verdict = self.0.work(job.args.row) => Ok(match verdict {
                Verdict::Finished => WorkOutcome::Complete,
                Verdict::Again(after) => WorkOutcome::Snooze(after),
            }),
        }
    }
}

struct AfterFailure;

impl RetryPolicy for AfterFailure {
    fn next_retry(&self, _: &JobRow, _: &WorkError, _: riverqueue::jiff::Timestamp) -> Duration {
        AFTER_FAILURE
    }
}

struct RiverRunning {
    run: RunHandle,
    stopper: Stopper,
}

#[async_trait]
impl Running for RiverRunning {
    fn stop(&self) {
        self.stopper.stop();
    }

    fn stop_at_once(&self) {
        self.stopper.stop_and_cancel();
    }

    async fn stopped(&mut self) -> Result<(), Error> {
        self.run.wait().await.map_err(failed)
    }
}

fn failed(error: riverqueue::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "the engine of the queue failed").with_source(error)
}
