//! `carium worker`.

use std::path::PathBuf;

use carium_bulk::QueueLocation;
use clap::Args;

use super::onboard::options::{Pace, QueueOption, check_documents};
use super::onboard::run::{Ended, Run};
use super::onboard::summary::rows;
use crate::connection::connect;
use crate::exit::{CliError, Exit};
use crate::interrupt::unless_interrupted;
use crate::say;
use crate::settings::Settings;

/// Work on a queue that others submit to
///
/// Any number of workers work on one queue, on a server on any number of machines: none does what another has done, and
/// what a worker had that was killed is taken up by the others. It works until it is interrupted; what is in flight is then
/// finished, and at a second interruption left to be looked at.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium worker --documents /srv/scans --queue-key-fd 3 3<key \\
      --queue postgres://queue.example.com/carium?sslmode=verify-full
  carium worker --queue clinic.db --documents scans --until-settled")]
pub(crate) struct Worker {
    #[command(flatten)]
    queue: QueueOption,
    /// The folder in which the documents lie that rows name
    #[arg(long, value_name = "DIR")]
    documents: Option<PathBuf>,
    /// Stop when no row waits any more
    #[arg(long)]
    stop_when_settled: bool,
    #[command(flatten)]
    pace: Pace,
}

impl Worker {
    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        let location = self.queue.location(settings.is_sandbox)?.ok_or_else(|| {
            CliError::new(Exit::Usage, "nothing says which queue to work on")
                .next("give `--queue`, or set CARIUM_QUEUE")
        })?;
        if let QueueLocation::Sqlite(path) = &location
            && !path.is_file()
        {
            return Err(CliError::new(Exit::InvalidInput, "there is no queue at this place")
                .next("check `--queue`; `carium onboard FILE` makes one"));
        }
        if let Some(folder) = &self.documents {
            check_documents(folder)?;
        }
        let prepare = async {
            let connection = connect(settings).await?;
            connection.client.sign_in().await?;
            let queue = self.queue.open(&location, connection.target()).await?;
            self.pace.set(&queue.bulk).await?;
            Ok::<_, CliError>((connection, queue))
        };
        let (connection, queue) = unless_interrupted(prepare, false).await?;
        say::line(&format!("working on {}; interrupt to stop", queue.name));
        let run = Run {
            bulk: queue.bulk.clone(),
            pace: self.pace,
            max_parked: None,
            stop_when_settled: self.stop_when_settled,
        };
        let documents = self.documents;
        let client = connection.client.clone();
        let ended = run.finish(|ledger| {
            let onboarding = client.onboarding(ledger);
            match documents {
                Some(folder) => onboarding.documents_folder(folder),
                None => onboarding,
            }
        });
        let (ended, counts) = ended.await?;
        match ended {
            // To be interrupted is how it ends.
            Ended::Interrupted => Ok(()),
            Ended::CutOff => Err(CliError::new(Exit::Interrupted, "interrupted")
                .next("what was in flight is looked at by the next worker")),
            Ended::Settled | Ended::TooManyParked => {
                say::line(&format!("{} of {} done", counts.completed, rows(counts.rows())));
                match counts.failed + counts.unknown {
                    0 => Ok(()),
                    parked => {
                        Err(CliError::new(Exit::RowsParked, format!("{} parked for a person", rows(parked)))
                            .next(format!("to look at them: carium onboard parked {}", queue.option())))
                    }
                }
            }
        }
    }
}
