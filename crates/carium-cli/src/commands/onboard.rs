//! `carium onboard` and `carium worker`: onboarding of many patients with a queue.

mod map;
mod metrics;
mod onboard_file;
mod queue;
mod report;
mod subcommands;
mod summary;
mod worker;

use clap::Args;

use self::onboard_file::OnboardFile;
use self::queue::QueueArgs;
use self::subcommands::QueueCommand;
pub(super) use self::worker::Worker;
use crate::error::{CliError, Exit};
use crate::interrupt::unless_interrupted;
use crate::settings::Settings;

/// Onboard the patients of a file, and manage the rows that need attention
///
/// The file is CSV or NDJSON, with one patient per row. With a mapping, it can have any columns, or be a workbook or
/// FHIR: `carium onboard map FILE` proposes one. First the whole file is validated; if any row is invalid,
/// nothing is sent. Then each patient is created once, invited, given their documents and booked a first appointment,
/// as the row requests. The progress is stored in a queue. After an interruption, a crash or a power failure, run the
/// same command again: it continues where it stopped, and does not retry calls that may have been applied.
///
/// Rows that cannot be completed are parked: `parked` lists them, `resolve` and `retry` return them to the queue.
///
/// If `--queue` and CARIUM_QUEUE are unset, the queue is a file in the program's state directory. It is found by the
/// file's path or by its content. With `--sandbox`, it is a temporary file.
#[derive(Args, Debug)]
#[command(subcommand_negates_reqs = true)]
#[command(override_usage = "carium onboard [OPTIONS] <FILE>\n       carium onboard [OPTIONS] <COMMAND>")]
#[command(after_help = "\
Examples:
  carium --sandbox onboard examples/clinic/patients.csv \\
      --documents examples/clinic/documents
  carium onboard patients.csv --dry-run
  carium onboard map register.xlsx --write mapping.toml
  carium onboard register.xlsx --mapping mapping.toml --problems problems.csv
  carium onboard patients.csv --queue clinic.db --rate 20/s --max-failures 50
  carium onboard parked --queue clinic.db
  carium onboard resolve 17 --not-created --queue clinic.db
  CARIUM_QUEUE_KEY=$(cat key) carium onboard patients.csv \\
      --queue postgres://queue.example.com/carium?sslmode=verify-full")]
pub(crate) struct Onboard {
    #[command(flatten)]
    file: OnboardFile,
    #[command(flatten)]
    queue: QueueArgs,
    #[command(subcommand)]
    command: Option<QueueCommand>,
}

impl Onboard {
    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        let Some(command) = self.command else { return self.file.run(self.queue, settings).await };
        if self.file.is_given() {
            let message = "a file, or an option for files, cannot be combined with a subcommand";
            return Err(CliError::new(Exit::Usage, message).with_hint(
                "write the subcommand first: `carium onboard status --queue FILE.db`; write a file with the name of a \
                 subcommand as `./status`",
            ));
        }
        if let QueueCommand::Map(map) = command {
            return unless_interrupted(map.run(), false).await;
        }
        let run = async { command.run(&self.queue.inspect().await?, settings).await };
        unless_interrupted(run, false).await
    }
}
