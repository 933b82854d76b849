//! The heartbeat of a worker, which shows that its rows must not be reclaimed.

use std::sync::Arc;
use std::time::Duration;

use carium::Error;

use crate::database::{for_backend, unavailable};
use crate::limits::CallLimiter;
use crate::queue::QueueInner;
use crate::worker::row::RowsInProgress;

/// How often a worker sends a heartbeat.
pub(super) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);

/// A worker without a heartbeat for this time is stale, and other workers reclaim its rows. It is safe to reclaim
/// rows of a worker that is still running: the ledger prevents that a step is executed twice, so the rows are only
/// checked again.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends the heartbeats of one worker.
pub(crate) struct Heartbeat {
    queue: Arc<QueueInner>,
    limiter: CallLimiter,
    in_progress: RowsInProgress,
    worker_id: String,
}

impl Heartbeat {
    pub(crate) fn new(queue: Arc<QueueInner>, limiter: CallLimiter, in_progress: RowsInProgress) -> Self {
        // The ID is stored and logged, so it contains no names of the machine or the user.
        let worker_id = format!("carium-{}-{:016x}", std::process::id(), fastrand::u64(..));
        Self { queue, limiter, in_progress, worker_id }
    }

    /// Returns the ID of the worker.
    pub(crate) fn worker_id(&self) -> &str {
        &self.worker_id
    }

    /// Sends one heartbeat. This also removes stale workers, puts their rows back on the queue, and negotiates the
    /// worker's share of the calls in flight.
    pub(crate) async fn send(&self) -> Result<(), Error> {
        let share = self.limiter.share();
        let in_progress = self.in_progress.ids();
        let now = self.queue.database.now().await?;
        let mut transaction = self.queue.database.engine.begin().await?;
        let was_unregistered = for_backend!(Transaction, &mut transaction, transaction => {
            let query = sqlx::query("UPDATE carium_worker SET last_heartbeat = $1 WHERE id = $2");
            let query = query.bind(now).bind(&self.worker_id);
            let updated = query.execute(&mut **transaction).await.map_err(unavailable)?.rows_affected();
            let was_unregistered = updated == 0;
            if was_unregistered {
                let query = sqlx::query("INSERT INTO carium_worker (id, last_heartbeat) VALUES ($1, $2)");
                let query = query.bind(&self.worker_id).bind(now);
                query.execute(&mut **transaction).await.map_err(unavailable)?;
            }
            let timeout = i64::try_from(HEARTBEAT_TIMEOUT.as_nanos()).unwrap_or(i64::MAX);
            let query = sqlx::query("DELETE FROM carium_worker WHERE last_heartbeat < $1").bind(now - timeout);
            query.execute(&mut **transaction).await.map_err(unavailable)?;
            was_unregistered
        });
        if was_unregistered {
            share.revoke();
        }
        let engine = &self.queue.engine;
        let mut rows = engine.reclaim_from_stale_workers(&mut transaction).await?;
        rows.extend(engine.reclaim_lost_assignments(&mut transaction, &self.worker_id, &in_progress).await?);
        engine.enqueue(&mut transaction, &rows).await?;
        let new_share = share.negotiate(&self.worker_id, &mut transaction).await?;
        transaction.commit().await?;
        share.apply(new_share);
        if !rows.is_empty() {
            tracing::info!(rows = rows.len(), "reclaimed rows of stale workers or of lost assignments");
        }
        Ok(())
    }

    /// Unregisters the worker. Other workers reclaim its remaining rows at their next heartbeat.
    pub(crate) async fn unregister(&self) {
        let result = for_backend!(Pool, &self.queue.database.engine, pool => {
            let query = sqlx::query("DELETE FROM carium_worker WHERE id = $1").bind(&self.worker_id);
            query.execute(pool).await.map(drop).map_err(unavailable)
        });
        if let Err(error) = result {
            tracing::warn!(%error, "could not unregister the worker: its rows are reclaimed after the heartbeat timeout");
        }
    }
}
