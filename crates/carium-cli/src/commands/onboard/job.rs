//! The main job: a file is checked, submitted and worked on.

use std::path::{Path, PathBuf};

use carium::patients::OrganizationId;
use carium_bulk::rows::RowOptions;
use carium_bulk::{QueueLocation, Submission};
use clap::Args;
use tempfile::TempDir;
use tokio::time::Instant;

use super::options::{Pace, Queue, QueueOption, check_documents, of_queue};
use super::run::{Ended, Run};
use super::summary::{Summary, rows};
use super::{file, place};
use crate::connection::{Connection, connect};
use crate::exit::{CliError, Exit};
use crate::interrupt::unless_interrupted;
use crate::settings::Settings;
use crate::{output, say};

/// A file, and how it is gone about.
#[derive(Args, Debug)]
pub(super) struct Job {
    /// The file of patients: .csv, .ndjson or .jsonl
    #[arg(required = true)]
    file: Option<PathBuf>,
    /// The folder in which the documents lie that rows name [default: that of the file]
    #[arg(long, value_name = "DIR")]
    documents: Option<PathBuf>,
    /// The column by which rows are recognised [default: the username]
    #[arg(long, value_name = "COLUMN")]
    key: Option<String>,
    /// Check the whole file, and do nothing else
    #[arg(long)]
    dry_run: bool,
    /// Stop when so many rows are parked that were not before
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_failures: Option<u64>,
    #[command(flatten)]
    pace: Pace,
}

/// A queue that is open, and what has to be there as long as it is.
struct Opened {
    queue: Queue,
    /// The folder of a queue that ends with the command.
    temporary: Option<TempDir>,
}

impl Job {
    /// Whether anything of it was given, where it need not be.
    pub(super) fn is_given(&self) -> bool {
        let is_named = self.file.is_some() || self.documents.is_some() || self.key.is_some();
        is_named || self.dry_run || self.max_failures.is_some() || self.pace.rate.is_some()
    }

    pub(super) async fn run(self, queue: QueueOption, settings: &Settings) -> Result<(), CliError> {
        let path = self.file.clone().unwrap_or_default();
        let documents = self.documents(&path)?;
        let prepare = async {
            // A sandbox knows its organization; whoever signs in is asked for a password after the file was found right.
            let sandbox = if settings.is_sandbox { Some(connect(settings).await?) } else { None };
            let organization =
                sandbox.as_ref().map_or(settings.organization, |sandbox| sandbox.client.organization());
            let options = self.options(organization);
            let report =
                file::check(&path, options.clone().documents_folder(&documents), settings.format).await?;
            if self.dry_run {
                let found = [("rows", report.rows), ("invalid_rows", report.invalid_rows)];
                let found = found.map(|(name, rows)| (name.to_owned(), rows.into()));
                output::one(settings.format, found.into_iter().collect())?;
                say::line("nothing was sent, as `--dry-run` has it");
                return Ok(None);
            }
            let connection = match sandbox {
                Some(sandbox) => sandbox,
                None => connect(settings).await?,
            };
            // What is wrong with the credentials is wrong with every row.
            connection.client.sign_in().await?;
            let opened = open(&path, &queue, &connection).await?;
            self.pace.set(&opened.queue.bulk).await?;
            Ok::<_, CliError>(Some((connection, options, opened, report.rows)))
        };
        let prepared = unless_interrupted(prepare, false).await?;
        let Some((connection, options, opened, rows)) = prepared else { return Ok(()) };
        let bulk = &opened.queue.bulk;
        let before = bulk.status().await.map_err(of_queue)?;
        let begun = Instant::now();
        let submit = async {
            if rows >= MANY {
                say::line(&format!("submitting {rows} rows"));
            }
            bulk.submit(&path, options).await.map_err(of_queue)
        };
        let submission = unless_interrupted(submit, false).await.map_err(|failure| match failure.exit() {
            Exit::Interrupted if opened.temporary.is_some() => failure.next("nothing was sent"),
            Exit::Interrupted => failure.next("nothing was sent; the same command goes on"),
            _ => failure,
        })?;
        tell(&submission);
        let client = connection.client.clone();
        let run = Run {
            bulk: bulk.clone(),
            pace: self.pace,
            max_parked: self.max_failures,
            stop_when_settled: true,
        };
        let (ended, counts) =
            run.finish(|ledger| client.onboarding(ledger).documents_folder(documents)).await?;
        let summary = Summary {
            queue: &opened.queue,
            is_temporary: opened.temporary.is_some(),
            counts,
            newly_completed: counts.completed.saturating_sub(before.completed),
            submission: Some(&submission),
            took: Some(begun.elapsed()),
        };
        summary.show(settings.format)?;
        summary.explain().await?;
        match ended {
            Ended::Interrupted | Ended::CutOff => {
                let failure = CliError::new(Exit::Interrupted, "interrupted");
                Err(if opened.temporary.is_some() {
                    failure.next("the sandbox is gone, and all that was in it")
                } else {
                    failure.next("the same command goes on where this stopped")
                })
            }
            Ended::TooManyParked => Err(CliError::new(
                Exit::RowsParked,
                "stopped: as many rows are parked as `--max-failures` allows",
            )
            .next("mend what is named above; the same command goes on with the others")),
            Ended::Settled => summary.verdict(),
        }
    }

    fn documents(&self, path: &Path) -> Result<PathBuf, CliError> {
        match &self.documents {
            Some(folder) => check_documents(folder).map(|()| folder.clone()),
            None => Ok(match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
                _ => PathBuf::from("."),
            }),
        }
    }

    fn options(&self, organization: Option<OrganizationId>) -> RowOptions {
        let options = RowOptions::new().organization(organization);
        match &self.key {
            Some(column) => options.key(column),
            None => options,
        }
    }
}

/// Files of so many rows take a while to submit.
const MANY: u64 = 20_000;

async fn open(path: &Path, queue: &QueueOption, connection: &Connection) -> Result<Opened, CliError> {
    let target = connection.target();
    let mut temporary = None;
    let location = match queue.location(connection.is_sandbox())? {
        Some(location) => location,
        None if connection.is_sandbox() => {
            let folder = tempfile::tempdir().map_err(|error| {
                CliError::new(Exit::Other, "there is no place for a temporary queue").because(error)
            })?;
            let location = QueueLocation::Sqlite(folder.path().join("queue.db"));
            temporary = Some(folder);
            location
        }
        None => {
            let (path, target) = (path.to_owned(), target.clone());
            let place = tokio::task::spawn_blocking(move || place::of(&path, &target)).await;
            place.unwrap_or_else(|error| {
                Err(CliError::new(Exit::Other, "the program is ending").because(error))
            })?
        }
    };
    let queue = queue.open(&location, target).await?;
    Ok(Opened { queue, temporary })
}

/// Says what is not new of a file, as far as that is worth a word.
fn tell(submission: &Submission) {
    if submission.known > 0 {
        say::line(&format!(
            "of {}, {} submitted before, and not done twice",
            rows(submission.rows()),
            were(submission.known)
        ));
    }
    let lines = |lines: &[u64], all: u64| {
        let shown: Vec<_> = lines.iter().take(LINES).map(ToString::to_string).collect();
        let word = if all == 1 { "line" } else { "lines" };
        let more = if all > shown.len() as u64 { ", …" } else { "" };
        format!("{word} {}{more}", shown.join(", "))
    };
    if submission.corrected > 0 {
        say::line(&format!("{} that had failed, taken as the file says now", rows(submission.corrected)));
    }
    if submission.changed > 0 {
        say::line(&format!(
            "{} changed since the file was submitted; nothing is done for that: {}",
            rows(submission.changed),
            lines(&submission.changed_lines, submission.changed)
        ));
    }
    if submission.duplicates > 0 {
        say::line(&format!(
            "{} with the key of an earlier one; nothing is done for that: {}",
            rows(submission.duplicates),
            lines(&submission.duplicate_lines, submission.duplicates)
        ));
    }
    for problems in &submission.problems {
        say::line(&problems.to_string());
    }
}

/// How many lines are named.
const LINES: usize = 20;

fn were(count: u64) -> String {
    if count == 1 { "1 was".to_owned() } else { format!("{count} were") }
}
