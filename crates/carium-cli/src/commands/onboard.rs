//! `carium onboard`: a file of patients, and the queue that they wait on.

mod books;
mod file;
mod job;
pub(crate) mod options;
mod place;
pub(crate) mod run;
pub(crate) mod summary;

use clap::{Args, Subcommand};

use self::job::Job;
use self::options::QueueOption;
use crate::exit::{CliError, Exit};
use crate::settings::Settings;

/// Onboard the patients of a file, and look after those that need it
///
/// The file is CSV or NDJSON, a patient a row. First the whole of it is checked, and nothing is sent where anything is
/// wrong. Then each patient is created once, invited, given their documents and booked a first appointment, as their row
/// says. How far that has come is kept in the queue: after an interruption, a crash or a power cut, the same command goes
/// on where it stopped, and never repeats a call that may have been made.
///
/// What cannot be done is parked for a person: `parked` lists it, `resolve` and `retry` have it gone on with.
///
/// Without `--queue` the queue is a file in the program's own folder, found again by the file's path or by what is in it;
/// with `--sandbox` it ends with the command.
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
    job: Job,
    #[command(flatten)]
    queue: QueueOption,
    #[command(subcommand)]
    books: Option<Books>,
}

/// What is asked of the books of a queue.
#[derive(Debug, Subcommand)]
enum Books {
    /// Count the rows of a queue by their state
    Status(books::Status),
    /// List the rows that wait for a person
    Parked(books::Parked),
    /// Say what became of a call whose answer was lost
    Resolve(books::Resolve),
    /// Have rows tried again that failed
    Retry(books::Again),
    /// Write what became of every row
    Report(books::Report),
}

impl Onboard {
    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        let Some(books) = self.books else { return self.job.run(self.queue, settings).await };
        if self.job.is_given() {
            return Err(CliError::new(Exit::Usage, "a file, or one of its options, and a command do not go together")
                .next("write the command first: `carium onboard status --queue FILE.db`; a file of that name as `./status`"));
        }
        crate::interrupt::unless_interrupted(
            async {
                let queue = self.queue.books().await?;
                match books {
                    Books::Status(status) => status.run(&queue, settings).await,
                    Books::Parked(parked) => parked.run(&queue, settings).await,
                    Books::Resolve(resolve) => resolve.run(&queue, settings).await,
                    Books::Retry(again) => again.run(&queue, settings).await,
                    Books::Report(report) => report.run(&queue, settings).await,
                }
            },
            false,
        )
        .await
    }
}
