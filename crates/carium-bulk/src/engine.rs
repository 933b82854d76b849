//! The queue engine, which assigns rows to workers. It is behind a trait so that it can be replaced.

mod river;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use carium::Error;

pub(crate) use self::river::RiverEngine;
use crate::database::Transaction;

/// The ID of a row in the row store.
pub(crate) type RowId = i64;

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
