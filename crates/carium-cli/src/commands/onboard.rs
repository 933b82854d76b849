//! `carium onboard`: onboards a file of patients, and manages the rows in its queue.

mod onboard_file;
pub(crate) mod options;
mod parked;
mod queue_location;
mod reason;
mod report;
mod resolve;
mod retry;
mod status;
pub(crate) mod summary;
mod validation;
pub(crate) mod work;

use clap::{Args, Subcommand};

use self::onboard_file::OnboardFile;
use self::options::QueueArgs;
use crate::error::{CliError, Exit};
use crate::settings::Settings;

/// The message after `resolve` and `retry`, which send nothing themselves.
const PROCESSED_LATER: &str =
    "the next `carium onboard` of the same file, or a `carium worker`, processes these rows";

/// Onboard the patients of a file, and manage the rows that need attention
///
/// The file is CSV or NDJSON, with one patient per row. First the whole file is validated; if any row is invalid,
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

/// The commands for the rows of a queue.
#[derive(Debug, Subcommand)]
enum QueueCommand {
    Status(status::Status),
    Parked(parked::ListParked),
    Resolve(resolve::ResolveRow),
    Retry(retry::RetryRows),
    Report(report::WriteReport),
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
        crate::interrupt::unless_interrupted(
            async {
                let queue = self.queue.open_read_only().await?;
                match command {
                    QueueCommand::Status(status) => status.run(&queue, settings).await,
                    QueueCommand::Parked(parked) => parked.run(&queue, settings).await,
                    QueueCommand::Resolve(resolve) => resolve.run(&queue, settings).await,
                    QueueCommand::Retry(retry) => retry.run(&queue, settings).await,
                    QueueCommand::Report(report) => report.run(&queue, settings).await,
                }
            },
            false,
        )
        .await
    }
}
