//! Dispatch of a worker: has rows assigned to it, and processes a limited number of them at a time.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use carium::Error;
use futures_util::FutureExt as _;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use super::handle::{Phase, StopHandle};
use super::load::{LoadedRow, RowLoader};
use super::row::RowProcessor;
use crate::database::in_time;
use crate::queue::QueueInner;
use crate::row_store::RowId;

/// The time between two assignments, so that rows which end in the meantime are replaced together, unless half of them end
/// sooner.
const ASSIGNMENT_INTERVAL: Duration = Duration::from_millis(5);
/// How often a worker looks for rows that are due, while there are fewer than it could process.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// The delay before a row is assigned again, and before rows are assigned, after the queue's database failed.
const DATABASE_RETRY_DELAY: Duration = Duration::from_secs(2);
/// The delay before a row whose processing panicked is assigned again.
const PANIC_DELAY: Duration = Duration::from_secs(5);

/// Processes the rows of a queue, as one of its workers.
pub(super) struct Dispatcher {
    queue: Arc<QueueInner>,
    worker_id: String,
    max_concurrent_rows: usize,
    loader: RowLoader,
    processor: Arc<RowProcessor>,
    in_progress: HashSet<RowId>,
    tasks: JoinSet<(RowId, RowEnd)>,
    /// Whether rows may be assigned to this worker that it does not process. This happens if the connection is lost after an
    /// assignment was committed.
    may_have_other_rows: bool,
    /// Whether more rows were due than could be processed.
    may_have_due_rows: bool,
    next_assignment: Instant,
    /// Notified when no row is in progress and none is due.
    idle: Arc<Notify>,
}

/// How the processing of a row ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowEnd {
    /// The result is stored, which ends the assignment.
    Stored,
    /// The row is still assigned to the worker.
    NotStored,
}

impl Dispatcher {
    /// Creates a dispatcher for a registered worker.
    pub(super) fn new(
        queue: Arc<QueueInner>,
        worker_id: &str,
        max_concurrent_rows: usize,
        processor: RowProcessor,
    ) -> Self {
        Self {
            loader: RowLoader::new(Arc::clone(&queue)),
            queue,
            worker_id: worker_id.to_owned(),
            max_concurrent_rows,
            processor: Arc::new(processor),
            in_progress: HashSet::new(),
            tasks: JoinSet::new(),
            may_have_other_rows: false,
            may_have_due_rows: false,
            next_assignment: Instant::now(),
            idle: Arc::default(),
        }
    }

    /// Returns what is notified when no row is in progress and none is due. There may be rows of other workers, and rows that
    /// are due later.
    pub(super) fn idle(&self) -> Arc<Notify> {
        Arc::clone(&self.idle)
    }

    /// Processes rows until the worker is stopped. Rows in progress are then finished, or canceled if the worker is stopped
    /// immediately.
    pub(super) async fn run(&mut self, stop: &StopHandle) {
        loop {
            let has_capacity = self.in_progress.len() < self.max_concurrent_rows;
            tokio::select! {
                biased;
                () = stop.reached(Phase::Stopping) => break,
                Some(ended) = self.tasks.join_next() => self.end_row(&ended),
                () = sleep_until(self.next_assignment), if has_capacity => tokio::select! {
                    biased;
                    // The database may not respond.
                    () = stop.reached(Phase::Stopping) => break,
                    () = self.start_rows() => {}
                },
            }
        }
        loop {
            tokio::select! {
                biased;
                () = stop.reached(Phase::Stopped) => return self.tasks.shutdown().await,
                ended = self.tasks.join_next() => match ended {
                    Some(ended) => self.end_row(&ended),
                    None => return,
                },
            }
        }
    }

    /// Starts as many rows as are due and as may be processed.
    async fn start_rows(&mut self) {
        let capacity = self.max_concurrent_rows.saturating_sub(self.in_progress.len());
        let assigned = self.assign_rows(capacity).await;
        self.may_have_due_rows = matches!(assigned, Ok(assigned) if assigned == capacity);
        let delay = match assigned {
            Ok(_) if self.may_have_due_rows => ASSIGNMENT_INTERVAL,
            Ok(_) => {
                self.may_have_other_rows = true;
                POLL_INTERVAL
            }
            Err(error) => {
                tracing::warn!(%error, "the queue's database failed: rows are assigned later");
                self.may_have_other_rows = true;
                DATABASE_RETRY_DELAY
            }
        };
        self.next_assignment = Instant::now() + delay;
    }

    /// Has rows assigned to the worker, starts them, and returns their number.
    async fn assign_rows(&mut self, limit: usize) -> Result<usize, Error> {
        let database = &self.queue.database;
        if self.may_have_other_rows {
            let in_progress: Vec<RowId> = self.in_progress.iter().copied().collect();
            in_time(database.release_rows(&self.worker_id, &in_progress)).await?;
            self.may_have_other_rows = false;
        }
        let mut rows = in_time(database.assign_rows(&self.worker_id, limit)).await?;
        let assigned = rows.len();
        if assigned == 0 {
            return Ok(0);
        }
        // A row that is still in progress was assigned to another worker in between, because this worker was considered stale.
        // It is processed again when this worker has stored its result.
        rows.retain(|row| !self.in_progress.contains(row));
        for loaded in self.loader.load(&rows).await? {
            let row = loaded.stored.id;
            self.in_progress.insert(row);
            self.tasks.spawn(process(Arc::clone(&self.processor), loaded).map(move |end| (row, end)));
        }
        Ok(assigned)
    }

    fn end_row(&mut self, ended: &Result<(RowId, RowEnd), JoinError>) {
        // Panics were caught, and tasks are canceled only when the worker stops.
        if let Ok((row, end)) = ended {
            self.in_progress.remove(row);
            self.may_have_other_rows |= *end == RowEnd::NotStored;
        }
        if self.may_have_due_rows {
            if self.in_progress.len() <= self.max_concurrent_rows / 2 {
                self.next_assignment = Instant::now();
            }
        } else if self.in_progress.is_empty() {
            self.idle.notify_one();
        }
    }
}

async fn process(processor: Arc<RowProcessor>, loaded: LoadedRow) -> RowEnd {
    let row = loaded.stored.id;
    match AssertUnwindSafe(processor.process(loaded)).catch_unwind().await {
        Ok(Ok(end)) => return end,
        Ok(Err(error)) => {
            tracing::warn!(row, %error, "the queue's database failed: the row is retried later");
            sleep(DATABASE_RETRY_DELAY).await;
        }
        Err(_) => {
            tracing::error!(row, "the processing of a row panicked: it is retried later");
            sleep(PANIC_DELAY).await;
        }
    }
    RowEnd::NotStored
}
