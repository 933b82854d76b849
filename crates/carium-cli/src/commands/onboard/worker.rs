//! Processing the rows of a queue, and `carium worker`.

use std::path::PathBuf;
use std::sync::Arc;

use carium::onboarding::{Ledger, Onboarding};
use carium_bulk::{OnboardingQueue, QueueLocation, RowCounts, WorkOptions};
use clap::Args;
use tokio::time::interval;

use super::metrics::{self, Metrics};
use super::queue::{QueueArgs, WorkArgs, check_documents_dir, queue_error};
use super::report;
use crate::connection::connect_with_interceptor;
use crate::error::{CliError, Exit};
use crate::interrupt::{interrupted, unless_interrupted};
use crate::settings::Settings;
use crate::stderr::{self, RowProgressBar, counted};

/// Process the rows that others submit to a queue
///
/// Any number of workers can process the same queue, and a queue on a server can have workers on several machines.
/// Each row is processed by one worker at a time. If a worker stops responding, the others take over its rows. The
/// command runs until it is interrupted. It then finishes the calls in flight. If it is interrupted a second time, it
/// stops immediately, and the next worker checks the calls that were in flight.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium worker --documents /srv/scans --queue-key-fd 3 3<key \\
      --queue postgres://queue.example.com/carium?sslmode=verify-full
  carium worker --queue clinic.db --documents scans --until-settled")]
pub(crate) struct Worker {
    #[command(flatten)]
    queue: QueueArgs,
    /// Directory of the documents that the rows name
    #[arg(long, value_name = "DIR")]
    documents: Option<PathBuf>,
    /// Stop when no row is pending
    #[arg(long)]
    until_settled: bool,
    #[command(flatten)]
    work: WorkArgs,
}

impl Worker {
    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        let location = self.queue.location(settings.is_sandbox)?.ok_or_else(|| {
            CliError::new(Exit::Usage, "the queue to process is not set")
                .with_hint("pass `--queue`, or set CARIUM_QUEUE")
        })?;
        if let QueueLocation::Sqlite(path) = &location
            && !path.is_file()
        {
            return Err(CliError::new(Exit::InvalidInput, "the queue does not exist")
                .with_hint("check `--queue`; `carium onboard FILE` creates a queue"));
        }
        if let Some(directory) = &self.documents {
            check_documents_dir(directory)?;
        }
        let metrics = self.work.create_files()?;
        let interceptor = metrics.as_ref().map(Metrics::interceptor);
        let prepare = async {
            let connection = connect_with_interceptor(settings, interceptor).await?;
            connection.client.sign_in().await?;
            let queue = self.queue.open(&location, connection.target()).await?;
            self.work.apply(&queue.handle).await?;
            Ok::<_, CliError>((connection, queue))
        };
        let (connection, queue) = unless_interrupted(prepare, false).await?;
        stderr::print(&format!("processing the rows of {}; interrupt to stop", queue.name));
        let session = WorkSession {
            queue: queue.handle.clone(),
            work: self.work,
            metrics,
            max_parked: None,
            stop_when_settled: self.until_settled,
        };
        let documents = self.documents;
        let client = connection.client.clone();
        let (stop_reason, counts) = session
            .run(|ledger| {
                let onboarding = client.onboarding(ledger);
                match documents {
                    Some(directory) => onboarding.documents_folder(directory),
                    None => onboarding,
                }
            })
            .await?;
        match stop_reason {
            // An interruption is the normal way to stop a worker.
            StopReason::Interrupted => Ok(()),
            StopReason::Aborted => Err(CliError::new(Exit::Interrupted, "interrupted")
                .with_hint("the next worker checks the calls that were in flight")),
            StopReason::Failed(error) => Err(error),
            StopReason::Settled | StopReason::TooManyParked => {
                stderr::print(&format!(
                    "{} of {} completed",
                    counts.completed,
                    counted(counts.rows(), "row")
                ));
                match counts.parked() {
                    0 => Ok(()),
                    1 => Err(queue.row_error(Exit::RowsParked, "1 row is parked")),
                    parked => Err(queue.row_error(Exit::RowsParked, format!("{parked} rows are parked"))),
                }
            }
        }
    }
}

/// Processes the rows of a queue in this process, with a progress bar, until all are settled or the program is
/// interrupted.
pub(super) struct WorkSession {
    pub(super) queue: OnboardingQueue,
    pub(super) work: WorkArgs,
    pub(super) metrics: Option<Metrics>,
    /// Stops when this many rows are newly parked.
    pub(super) max_parked: Option<u64>,
    pub(super) stop_when_settled: bool,
}

/// The reason why a session ended.
#[derive(Debug)]
pub(super) enum StopReason {
    /// No row is pending.
    Settled,
    TooManyParked,
    /// The program was interrupted once. Calls in flight were finished.
    Interrupted,
    /// The program was interrupted twice. The outcome of calls in flight is unknown.
    Aborted,
    /// An outage lasted too long, the sign-in was refused, or the engine of the queue failed.
    Failed(CliError),
}

impl WorkSession {
    /// Processes rows until the session ends. Returns the reason and the row counts at the end.
    pub(super) async fn run(
        self,
        onboarding: impl FnOnce(Arc<dyn Ledger>) -> Onboarding + Send,
    ) -> Result<(StopReason, RowCounts), CliError> {
        let mut options = WorkOptions::new();
        if let Some(max_outage) = self.work.max_outage {
            options = options.max_outage(max_outage);
        }
        if let Some(concurrency) = self.work.concurrency {
            options = options.max_concurrent_rows(concurrency.into());
        }
        if self.stop_when_settled {
            options = options.stop_when_settled();
        }
        if let Some(max_parked) = self.max_parked {
            options = options.max_parked(max_parked);
        }
        let before = self.queue.status().await.map_err(queue_error)?;
        let worker = self.queue.work(options, onboarding).await.map_err(queue_error)?;
        let (stop, mut progress, mut outage) = (worker.stop_handle(), worker.progress(), worker.outage());
        let mut bar = RowProgressBar::new();
        let mut write_metrics = interval(metrics::WRITE_INTERVAL);
        let mut reason = StopReason::Settled;
        let mut stopped = std::pin::pin!(worker.join());
        let result = loop {
            tokio::select! {
                result = &mut stopped => break result,
                () = interrupted() => {
                    if matches!(reason, StopReason::Settled) {
                        bar.print("finishing the calls in flight; interrupt again to stop immediately");
                        reason = StopReason::Interrupted;
                        stop.stop();
                    } else {
                        bar.print("stopping immediately; the next run checks the calls without a response");
                        reason = StopReason::Aborted;
                        stop.stop_now();
                    }
                }
                Ok(()) = progress.changed() => {
                    let progress = progress.borrow_and_update();
                    bar.update(&progress);
                    if let Some(metrics) = &self.metrics {
                        metrics.set_rows(&progress.counts);
                    }
                }
                Ok(()) = outage.changed() => {
                    let outage = outage.borrow_and_update();
                    bar.set_outage(outage.as_ref());
                    if let Some(metrics) = &self.metrics {
                        metrics.set_outage(outage.is_some());
                    }
                }
                _ = write_metrics.tick(), if self.metrics.is_some() => self.write_metrics(&bar).await,
            }
        };
        bar.clear();
        if let Err(error) = result {
            let hint = "correct the cause, then run the same command again: it continues with the rows that are not done";
            let exit = Exit::for_error(&error);
            reason = StopReason::Failed(queue_error(error).with_exit(exit).with_hint(hint));
        }
        let counts = match self.queue.status().await {
            Ok(counts) => counts,
            Err(error) => {
                return Err(match reason {
                    // The outage of the queue's database lasts.
                    StopReason::Failed(cause) => cause,
                    _ => queue_error(error),
                });
            }
        };
        if let Some(metrics) = &self.metrics {
            metrics.set_rows(&counts);
            self.write_metrics(&bar).await;
        }
        if let Some(path) = &self.work.report
            && let Err(error) = report::write_file(&self.queue, path).await
        {
            let error = error.with_subject("report");
            match reason {
                StopReason::Settled => reason = StopReason::Failed(error),
                // The run ended for another reason, which decides the exit code.
                _ => stderr::print(error.message()),
            }
        }
        let newly_parked = counts.parked().saturating_sub(before.parked());
        let has_open_rows = counts.pending + counts.running > 0;
        if matches!(reason, StopReason::Settled)
            // A person may have retried the parked rows in the meantime.
            && self.max_parked.is_some_and(|maximum| newly_parked >= maximum || has_open_rows)
        {
            reason = StopReason::TooManyParked;
        }
        Ok((reason, counts))
    }

    /// Writes the metrics. A run does not end because its metrics cannot be written.
    async fn write_metrics(&self, bar: &RowProgressBar) {
        if let Some(metrics) = &self.metrics
            && let Err(error) = metrics.write().await
        {
            bar.print(&format!("metrics: {}", error.message()));
        }
    }
}
