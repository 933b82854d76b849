//! The engine of the queue: what hands rows to workers. Behind a trait, so that it can be changed for another.

mod river;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use carium::Error;

pub(crate) use self::river::River;
use crate::database::Transaction;

/// The number of a row in the queue's books.
pub(crate) type RowId = i64;

/// Hands rows to workers, each to one, until the worker is through with it. Durable; of a row it knows the number.
///
/// It may hand a row out twice: the books and the ledger judge what is still to be done.
#[async_trait]
pub(crate) trait Engine: Send + Sync {
    /// Puts rows on the queue, as a part of the transaction.
    async fn enqueue(&self, transaction: &mut Transaction, rows: &[RowId]) -> Result<(), Error>;

    /// Takes the rows off the queue that were handed to workers who are not in the table of workers any more, as a
    /// part of the transaction. What such a worker says of them later has no effect.
    async fn take_from_the_dead(&self, transaction: &mut Transaction) -> Result<Vec<RowId>, Error>;

    /// Takes the rows off the queue that were handed to this worker some time ago and are not among those that it has, as
    /// a part of the transaction: where the connection was lost at the wrong moment, nobody has them.
    async fn take_what_got_lost(
        &self,
        transaction: &mut Transaction,
        worker: &str,
        has: &[RowId],
    ) -> Result<Vec<RowId>, Error>;

    /// How many rows that wait, by the books, are with a worker now.
    async fn running(&self, transaction: &mut Transaction) -> Result<u64, Error>;

    /// Begins to hand rows out: to this worker, who is in the table of workers, and so many at a time.
    fn start(&self, worker: &str, at_a_time: usize, work: Arc<dyn Work>) -> Result<Box<dyn Running>, Error>;
}

/// What is done with a row.
#[async_trait]
pub(crate) trait Work: Send + Sync {
    /// Works on it. Stopping at once drops the future.
    async fn work(&self, row: RowId) -> Verdict;
}

/// What is to become of a row that was worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is off the queue.
    Finished,
    /// It is handed out again after this time.
    Again(Duration),
}

/// A worker at work.
#[async_trait]
pub(crate) trait Running: Send {
    /// Hands out nothing more. What is with the worker is finished.
    fn stop(&self);

    /// Stops what is with the worker as well.
    fn stop_at_once(&self);

    /// Until it has stopped.
    async fn stopped(&mut self) -> Result<(), Error>;
}
