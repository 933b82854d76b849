//! Rows are worked on: by any number of processes, each with a heart that beats.

mod heart;
mod progress;
mod row;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use carium::onboarding::{Ledger, Onboarding};
use carium::{Error, ErrorKind};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use self::progress::WorkProgress;

use self::heart::Heart;
use self::row::{AtWork, Patience, RowWork};
use crate::OnboardingQueue;
use crate::engine::Running;
use crate::files::Files;
use crate::ledger::BulkLedger;
use crate::limits::Gate;

/// How a process works.
#[derive(Clone, Debug)]
#[must_use]
pub struct WorkOptions {
    max_concurrent_rows: NonZeroUsize,
    tries: u32,
    stop_when_settled: bool,
    max_parked: Option<u64>,
}

/// The most rows that are worked on at a time.
const MOST_AT_A_TIME: usize = 1000;

impl Default for WorkOptions {
    fn default() -> Self {
        Self {
            max_concurrent_rows: NonZeroUsize::MIN.saturating_add(15),
            tries: 10,
            stop_when_settled: false,
            max_parked: None,
        }
    }
}

impl WorkOptions {
    /// 16 rows at a time, 10 tries each, until it is stopped.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many rows this process works on at a time: 1 to 1000. Left out, 16.
    pub fn max_concurrent_rows(mut self, rows: usize) -> Self {
        self.max_concurrent_rows = NonZeroUsize::new(rows.min(MOST_AT_A_TIME)).unwrap_or(NonZeroUsize::MIN);
        self
    }

    /// How often a row is tried that fails in a way that may pass, before it is parked. Left out, 10. Being asked to
    /// wait (429) is no try.
    pub fn max_attempts(mut self, tries: u32) -> Self {
        self.tries = tries.max(1);
        self
    }

    /// Stops by itself when this process has parked so many rows. What is in flight then is finished, so that it may be
    /// some more.
    pub fn max_parked(mut self, rows: u64) -> Self {
        self.max_parked = Some(rows);
        self
    }

    /// Stops by itself when no row waits any more. Rows that are parked do not count as waiting.
    pub fn stop_when_settled(mut self) -> Self {
        self.stop_when_settled = true;
        self
    }
}

/// A process at work. Dropped, it stops at once.
#[must_use]
pub struct WorkerHandle {
    stop: StopHandle,
    progress: watch::Receiver<WorkProgress>,
    run: JoinHandle<Result<(), Error>>,
}

/// Stops a process at work, from wherever it is asked to. Cheap to clone.
#[derive(Clone)]
pub struct StopHandle(Arc<watch::Sender<Stage>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Working,
    /// What is in flight is finished.
    Stopping,
    Stopped,
}

impl StopHandle {
    /// Takes up no more rows, and finishes those that are in flight.
    pub fn stop(&self) {
        self.0.send_if_modified(|stage| {
            let is_working = *stage == Stage::Working;
            if is_working {
                *stage = Stage::Stopping;
            }
            is_working
        });
    }

    /// Stops at once, as by a signal that comes a second time. What is in flight is left as by a process that is killed:
    /// the ledger says of each call whether it may have been made.
    pub fn stop_now(&self) {
        self.0.send_replace(Stage::Stopped);
    }

    async fn reached(&self, stage: Stage) {
        // The sender is in `self`: it is there.
        let _ = self.0.subscribe().wait_for(|now| *now >= stage).await;
    }
}

impl fmt::Debug for StopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StopHandle").field(&*self.0.borrow()).finish()
    }
}

impl WorkerHandle {
    /// What stops it.
    pub fn stop(&self) -> StopHandle {
        self.stop.clone()
    }

    /// How far the queue has come, again and again while this works: for a progress bar, or an exporter of metrics.
    pub fn progress(&self) -> watch::Receiver<WorkProgress> {
        self.progress.clone()
    }

    /// Until it has stopped.
    ///
    /// # Errors
    /// The engine, or the database at the end.
    pub async fn stopped(mut self) -> Result<(), Error> {
        let run = (&mut self.run).await;
        run.unwrap_or_else(|_| Err(Error::new(ErrorKind::Canceled, "the worker was cut off")))
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        self.stop.stop_now();
    }
}

impl fmt::Debug for WorkerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerHandle").field("stop", &self.stop).finish_non_exhaustive()
    }
}

impl OnboardingQueue {
    /// Begins to work on rows in this process. Any number of processes may, on a server on any number of machines.
    ///
    /// `onboarding` makes what rows are onboarded with, over the ledger that it is given:
    /// `|ledger| carium.onboarding(ledger).documents_folder("scans/")`.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable): the database, or the engine.
    pub async fn work(
        &self,
        options: WorkOptions,
        onboarding: impl FnOnce(Arc<dyn Ledger>) -> Onboarding + Send,
    ) -> Result<WorkerHandle, Error> {
        self.check_is_for_work()?;
        let parts = Arc::clone(&self.0);
        let gate = Gate::new(parts.database.clone());
        let ledger = BulkLedger::new(parts.database.clone(), parts.writer.clone()).behind(gate.clone());
        let ledger = Arc::new(ledger);
        let onboarding = onboarding(Arc::<BulkLedger>::clone(&ledger));
        let at_work = AtWork::default();
        let heart = Heart::new(Arc::clone(&parts), gate, at_work.clone());
        // Before anything is handed out: what the dead had is taken up, and this worker is among the living.
        heart.beat().await?;
        let stop = StopHandle(Arc::new(watch::Sender::new(Stage::Working)));
        let files = Files::new(parts.database.clone(), parts.salt.clone());
        let work = RowWork {
            parts: Arc::clone(&parts),
            onboarding,
            ledger,
            files,
            at_work,
            tries: options.tries.into(),
            patience: Patience::new(options.max_parked, stop.clone()),
        };
        let running =
            parts.engine.start(heart.worker(), options.max_concurrent_rows.get(), Arc::new(work))?;
        let (progress, seen) = watch::channel(WorkProgress::default());
        let bulk = self.clone();
        let run = run(bulk, heart, running, progress, stop.clone(), options.stop_when_settled);
        Ok(WorkerHandle { stop, progress: seen, run: tokio::spawn(run) })
    }
}

/// How often the heart beats.
const BEAT: Duration = Duration::from_secs(1);

async fn run(
    bulk: OnboardingQueue,
    heart: Heart,
    mut running: Box<dyn Running>,
    progress: watch::Sender<WorkProgress>,
    stop: StopHandle,
    stop_when_settled: bool,
) -> Result<(), Error> {
    let beats = async {
        loop {
            tokio::time::sleep(BEAT).await;
            if let Err(error) = heart.beat().await {
                tracing::warn!(%error, "the heart of the worker missed a beat");
            }
        }
    };
    let watches = async {
        let mut watch = progress::Watch::new(&bulk);
        loop {
            match watch.look().await {
                Ok(now) => {
                    let is_settled = now.counts.pending + now.counts.running == 0;
                    progress.send_replace(now);
                    if stop_when_settled && is_settled {
                        stop.stop();
                    }
                }
                Err(error) => tracing::warn!(%error, "the books cannot be read"),
            }
            watch.pause().await;
        }
    };
    let ends = async {
        stop.reached(Stage::Stopping).await;
        running.stop();
        tokio::select! {
            ended = running.stopped() => return ended,
            () = stop.reached(Stage::Stopped) => {}
        }
        running.stop_at_once();
        running.stopped().await
    };
    let ended = tokio::select! {
        ended = ends => ended,
        () = async { tokio::join!(beats, watches); } => Ok(()),
    };
    heart.end().await;
    if let Ok(now) = progress::Watch::new(&bulk).look().await {
        progress.send_replace(now);
    }
    ended
}
