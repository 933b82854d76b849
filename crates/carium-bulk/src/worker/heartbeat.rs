//! The heartbeat of a worker. While a worker sends heartbeats, other workers do not reclaim its rows.

use std::sync::Arc;
use std::time::Duration;

use carium::Error;

use super::circuit_breaker::CircuitBreaker;
use crate::database::{nanoseconds, run_sql};
use crate::limits::CallLimiter;
use crate::queue::QueueInner;

/// How often a worker sends a heartbeat.
pub(super) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);

/// A worker without a heartbeat for this time is stale, and other workers reclaim its rows. It is safe to reclaim
/// the rows of a worker that is still running: the rows are processed again, but the ledger prevents steps from being
/// executed twice.
pub(super) const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the times of the first and the last heartbeat with which a worker is not stale now. A heartbeat in the future was
/// sent before the clock was set back.
pub(crate) fn current_heartbeats(now: i64) -> (i64, i64) {
    let timeout = nanoseconds(HEARTBEAT_TIMEOUT);
    (now - timeout, now + timeout)
}

/// Sends the heartbeats of one worker.
pub(crate) struct Heartbeat {
    queue: Arc<QueueInner>,
    limiter: CallLimiter,
    breaker: Arc<CircuitBreaker>,
    worker_id: String,
}

impl Heartbeat {
    pub(crate) fn new(queue: Arc<QueueInner>, limiter: CallLimiter, breaker: Arc<CircuitBreaker>) -> Self {
        // The ID is stored and logged, so it contains no names of the machine or the user.
        let worker_id = format!("carium-{}-{:016x}", std::process::id(), fastrand::u64(..));
        Self { queue, limiter, breaker, worker_id }
    }

    /// Returns the ID of the worker.
    pub(crate) fn worker_id(&self) -> &str {
        &self.worker_id
    }

    /// Sends one heartbeat. This also removes stale workers, puts their rows back on the queue, negotiates the worker's
    /// share of the calls in flight, and reads the state of the circuit breaker.
    pub(crate) async fn send(&self) -> Result<(), Error> {
        let share = self.limiter.share();
        let now = self.queue.database.now().await?;
        let mut transaction = self.queue.database.begin_not_durable().await?;
        let worker = &self.worker_id;
        let sql = "UPDATE carium_worker SET last_heartbeat = $1 WHERE id = $2";
        let updated = run_sql!(Transaction(&mut transaction), query(sql, now, worker).execute)?;
        if updated == 0 {
            let sql = "INSERT INTO carium_worker (id, last_heartbeat) VALUES ($1, $2)";
            run_sql!(Transaction(&mut transaction), query(sql, worker, now).execute)?;
        }
        let sql = "DELETE FROM carium_worker WHERE last_heartbeat NOT BETWEEN $1 AND $2";
        let (first, last) = current_heartbeats(now);
        run_sql!(Transaction(&mut transaction), query(sql, first, last).execute)?;
        if updated == 0 {
            // The worker was not registered, so others may use its share.
            share.revoke();
        }
        let reclaimed = transaction.release_rows_of_stale_workers().await?;
        transaction.advance_rows_after_clock_change(now).await?;
        let outage = transaction.outage().await?;
        let new_share = share.negotiate(worker, &mut transaction).await?;
        transaction.commit().await?;
        share.apply(new_share);
        self.breaker.update(outage, now);
        if reclaimed > 0 {
            tracing::info!(rows = reclaimed, "reclaimed the rows of stale workers");
        }
        Ok(())
    }

    /// Unregisters the worker, and ends the assignments of its remaining rows.
    pub(crate) async fn unregister(&self) {
        if let Err(error) = self.delete_worker().await {
            tracing::warn!(%error, "could not unregister the worker: its rows are reclaimed after the heartbeat timeout");
        }
    }

    async fn delete_worker(&self) -> Result<(), Error> {
        let mut transaction = self.queue.database.begin_not_durable().await?;
        let sql = "DELETE FROM carium_worker WHERE id = $1";
        run_sql!(Transaction(&mut transaction), query(sql, &self.worker_id).execute)?;
        transaction.release_rows_of_stale_workers().await?;
        transaction.commit().await
    }
}
