//! `carium worker`.

use std::path::PathBuf;

use carium_bulk::QueueLocation;
use clap::Args;

use super::onboard::options::{QueueArgs, ThroughputArgs, check_documents_dir};
use super::onboard::summary::count_rows;
use super::onboard::work::{StopReason, WorkSession};
use crate::connection::connect;
use crate::error::{CliError, Exit};
use crate::interrupt::unless_interrupted;
use crate::settings::Settings;
use crate::stderr;

/// Process the rows that others submit to a queue
///
/// Any number of workers can process the same queue, and a queue on a server can have workers on several machines.
/// Each row is processed by one worker at a time. If a worker stops responding, the others take over its rows. The
/// command runs until it is interrupted, and finishes the calls in flight first. If it is interrupted twice, it stops
/// immediately, and the next worker checks the calls in flight.
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
    throughput: ThroughputArgs,
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
        let prepare = async {
            let connection = connect(settings).await?;
            connection.client.sign_in().await?;
            let queue = self.queue.open(&location, connection.target()).await?;
            self.throughput.apply(&queue.handle).await?;
            Ok::<_, CliError>((connection, queue))
        };
        let (connection, queue) = unless_interrupted(prepare, false).await?;
        stderr::print(&format!("processing the rows of {}; interrupt to stop", queue.name));
        let session = WorkSession {
            queue: queue.handle.clone(),
            throughput: self.throughput,
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
            StopReason::Settled | StopReason::TooManyParked => {
                stderr::print(&format!("{} of {} completed", counts.completed, count_rows(counts.rows())));
                match counts.failed + counts.unknown {
                    0 => Ok(()),
                    parked => {
                        let verb = if parked == 1 { "is" } else { "are" };
                        let message = format!("{} {verb} parked", count_rows(parked));
                        Err(CliError::new(Exit::RowsParked, message).with_hint(format!(
                            "to list these rows: carium onboard parked {}",
                            queue.option()
                        )))
                    }
                }
            }
        }
    }
}
