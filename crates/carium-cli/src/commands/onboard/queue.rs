//! The queue of a command: the options that select it, its default location, and its throughput.
//!
//! The default queue of a file is in a directory of the program. It is found by the file's path, so that rows can be
//! added to the file, and by its content, so that the file can be moved or copied. In both cases the rows must reach
//! the queue that records which of them are completed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use carium::{Error, ErrorKind};
use carium_bulk::{EncryptionKey, Limits, OnboardingQueue, QueueLocation, Target};
use clap::Args;
use sha2::{Digest as _, Sha256};

use super::metrics::Metrics;
use super::report;
use crate::directories;
use crate::error::{CliError, Exit};

/// Allowed rates in calls per second. The queue accepts lower rates, but those are too low to be useful.
const ALLOWED_RATES: RangeInclusive<f64> = 1.0 / 60.0..=1_000_000.0;
/// Maximum length of the part of a queue's name that comes from its file.
const MAX_STEM_CHARS: usize = 40;

/// The options that select a queue.
#[derive(Args, Debug)]
pub(super) struct QueueArgs {
    /// Queue: an SQLite file, or the URL of a PostgreSQL database. Defaults to CARIUM_QUEUE
    ///
    /// Pass a password in PGPASSWORD or in ~/.pgpass rather than in the URL, because other users of the machine can
    /// read command lines.
    #[arg(long, global = true, value_name = "FILE.db|URL")]
    queue: Option<OsString>,
    /// Read the encryption key of a queue on a server from this file descriptor instead of CARIUM_QUEUE_KEY
    #[arg(long, global = true, value_name = "N", hide_short_help = true)]
    queue_key_fd: Option<u32>,
}

/// An open queue and its name.
#[derive(Debug)]
pub(super) struct NamedQueue {
    pub(super) handle: OnboardingQueue,
    /// The queue's name in messages and on command lines, without a password.
    pub(super) name: String,
}

impl QueueArgs {
    /// Returns the location of the queue from `--queue` or `CARIUM_QUEUE`. The variable is ignored for a sandbox,
    /// because it names a queue of the real service.
    pub(super) fn location(&self, is_sandbox: bool) -> Result<Option<QueueLocation>, CliError> {
        let from_env = || std::env::var_os("CARIUM_QUEUE").filter(|text| !text.is_empty() && !is_sandbox);
        let Some(queue) = self.queue.clone().or_else(from_env) else { return Ok(None) };
        let location = match queue.to_str() {
            Some("") => return Err(CliError::new(Exit::Usage, "the value of `--queue` is empty")),
            Some(text) => QueueLocation::parse(text),
            None => QueueLocation::Sqlite(PathBuf::from(queue)),
        };
        if !cfg!(feature = "postgres") && matches!(location, QueueLocation::Postgres(_)) {
            let message =
                "the queue is a PostgreSQL database, and this program was built without support for it";
            return Err(CliError::new(Exit::Usage, message)
                .with_hint("build the program with `--features postgres`, or use a file as the queue"));
        }
        Ok(Some(location))
    }

    /// Opens a queue to submit rows to and to process them. Creates the queue if it does not exist.
    pub(super) async fn open(
        &self,
        location: &QueueLocation,
        target: Target,
    ) -> Result<NamedQueue, CliError> {
        let queue = match location {
            QueueLocation::Postgres(_) => {
                let key = match self.queue_key_fd {
                    Some(descriptor) => EncryptionKey::from_descriptor(descriptor),
                    None => EncryptionKey::from_env(),
                };
                let key = key.map_err(|error| {
                    CliError::from(error).with_hint(
                        "set CARIUM_QUEUE_KEY to the key that the queue was created with (for a new queue, run \
                         `openssl rand -hex 32`), or pass a descriptor: `--queue-key-fd 3 3<FILE`",
                    )
                })?;
                OnboardingQueue::open_encrypted(location, target, &key).await
            }
            _ => OnboardingQueue::open(location, target).await,
        };
        Ok(NamedQueue { handle: queue.map_err(queue_error)?, name: display_name(location) })
    }

    /// Opens an existing queue to read its rows, and to resolve or retry them.
    pub(super) async fn inspect(&self) -> Result<NamedQueue, CliError> {
        let location = match self.location(false)? {
            Some(location) => location,
            None => only_queue()?,
        };
        let handle = OnboardingQueue::inspect(&location).await.map_err(queue_error)?;
        Ok(NamedQueue { handle, name: display_name(&location) })
    }
}

impl NamedQueue {
    /// Returns the `--queue` option that selects this queue in another command.
    pub(super) fn option(&self) -> String {
        format!("--queue {}", self.name)
    }

    /// Creates an error about rows of this queue, with the command that lists the parked rows as its hint.
    pub(super) fn row_error(&self, exit: Exit, message: impl Into<String>) -> CliError {
        let hint = format!("to list the parked rows: carium onboard parked {}", self.option());
        CliError::new(exit, message).with_hint(hint)
    }
}

fn display_name(location: &QueueLocation) -> String {
    match location {
        QueueLocation::Sqlite(path) => shell_quoted(&path.display().to_string()),
        // The URL may contain a password.
        _ => "postgres://…".to_owned(),
    }
}

/// Quotes a path for a shell, if necessary.
fn shell_quoted(path: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-+:@%,=~".contains(letter);
    if path.chars().all(is_plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// Converts an error of the queue, with an exit code and a hint that fit queues.
pub(super) fn queue_error(error: Error) -> CliError {
    let (exit, hint) = match error.kind() {
        ErrorKind::Conflict => (
            Exit::InvalidInput,
            "pass another `--queue`, or use the base URL, organization, key and version of the queue",
        ),
        ErrorKind::NotFound => (Exit::InvalidInput, "check `--queue`; `carium onboard FILE` creates a queue"),
        ErrorKind::InvalidInput => (Exit::InvalidInput, "check `--queue` and its key"),
        ErrorKind::Unavailable => (
            Exit::Other,
            "check the directory of the queue, or that its server is reachable; `-v` shows details",
        ),
        _ => return CliError::from(error),
    };
    CliError::new(exit, error.to_string()).with_source(error).with_hint(hint)
}

/// Returns the location of a file's queue for a target: the queue that was used for this file before, or a new one.
/// Reads the file, so the call may block.
pub(super) fn default_location(file: &Path, target: &Target) -> Result<QueueLocation, CliError> {
    let path = queues_dir().and_then(|directory| queue_path(&directory, file, target));
    path.map(QueueLocation::Sqlite).map_err(|error| {
        CliError::new(Exit::Other, "could not choose a location for the queue of this file")
            .with_source(error)
            .with_hint("pass a location: `--queue FILE.db`")
    })
}

/// Returns the location of the only queue in the default directory.
fn only_queue() -> Result<QueueLocation, CliError> {
    let failed =
        |error| CliError::new(Exit::Other, "could not read the directory of queues").with_source(error);
    let entries = queues_dir().and_then(fs::read_dir).map_err(failed)?;
    let mut queues: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| is_queue(path))
        .collect();
    queues.sort();
    match queues.as_slice() {
        [queue] => Ok(QueueLocation::Sqlite(queue.clone())),
        [] => Err(CliError::new(Exit::InvalidInput, "no queue exists yet")
            .with_hint("pass `--queue`; `carium onboard FILE` creates a queue")),
        several => {
            let names: Vec<_> = several
                .iter()
                .map(|path| format!("  --queue {}", shell_quoted(&path.display().to_string())))
                .collect();
            Err(CliError::new(Exit::InvalidInput, "more than one queue exists")
                .with_hint(format!("pass one of these:\n{}", names.join("\n"))))
        }
    }
}

fn queues_dir() -> io::Result<PathBuf> {
    directories::private_state_dir("queues")
}

fn is_queue(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("db"))
}

fn queue_path(directory: &Path, file: &Path, target: &Target) -> io::Result<PathBuf> {
    let file = file.canonicalize()?;
    let organization = target.organization().map(|id| id.to_string()).unwrap_or_default();
    let target = [target.base_url().as_bytes(), organization.as_bytes()];
    let hashed = |identity: &[u8]| directories::hashed_name(target.into_iter().chain([identity]));
    let (path, content) = (hashed(file.as_os_str().as_encoded_bytes()), hashed(&digest(&file)?));
    // An index file for the path and one for the content. Both contain the file name of the queue.
    let index_files = [&path, &content].map(|name| directory.join(format!("{name}.note")));
    let existing = index_files.iter().find_map(|index_file| {
        let queue = directory.join(fs::read_to_string(index_file).ok()?.trim());
        (is_queue(&queue) && queue.parent() == Some(directory) && queue.is_file()).then_some(queue)
    });
    let queue = existing.unwrap_or_else(|| directory.join(format!("{}-{content}.db", sanitized_stem(&file))));
    for index_file in index_files {
        let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
        let name = queue.file_name().unwrap_or_default();
        temporary.write_all(name.as_encoded_bytes())?;
        temporary.persist(index_file)?;
    }
    Ok(queue)
}

fn digest(file: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(file)?;
    let mut digest = Sha256::new();
    let mut block = vec![0; 256 * 1024];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(digest.finalize().to_vec()),
            count => digest.update(&block[..count]),
        }
    }
}

/// Returns the start of a file's name, without its extension. Characters that are special to shells or file systems
/// are replaced.
fn sanitized_stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let sanitized =
        stem.chars().map(|letter| if letter.is_alphanumeric() || letter == '-' { letter } else { '_' });
    sanitized.take(MAX_STEM_CHARS).collect()
}

/// Checks that the directory of `--documents` exists.
pub(super) fn check_documents_dir(directory: &Path) -> Result<(), CliError> {
    if directory.is_dir() {
        return Ok(());
    }
    let message = "the directory of `--documents` does not exist";
    Err(CliError::new(Exit::InvalidInput, message).with_hint("check the path"))
}

/// A maximum rate of calls, written as `20/s`, `300/min` or `none`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate(Option<f64>);

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const INVALID: &str =
            "expected calls per second or minute, such as 20/s or 300/min, from 1/min to 1000000/s, or none";
        if text == "none" {
            return Ok(Self(None));
        }
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit {
            "s" => 1.0,
            "min" => 60.0,
            _ => return Err(INVALID),
        };
        let rate = number.trim().parse::<f64>().map_err(|_| INVALID)? / seconds;
        if ALLOWED_RATES.contains(&rate) { Ok(Self(Some(rate))) } else { Err(INVALID) }
    }
}

/// The options for processing rows.
#[derive(Args, Debug)]
pub(super) struct WorkArgs {
    /// Maximum number of rows that this process handles concurrently. Defaults to 16
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) concurrency: Option<u16>,
    /// Maximum rate of calls that create a patient, invitation, document or appointment: N/s, N/min or none. It
    /// applies to all processes of the queue together. Defaults to the rate stored in the queue
    #[arg(long, value_name = "N/s")]
    pub(super) rate: Option<Rate>,
    /// Stop if the service, or the database of the queue, cannot be used for this long: N, Ns, Nmin or Nh. Rows that
    /// are not done stay pending. Defaults to 1h
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(super) max_outage: Option<Duration>,
    /// Write the report of all rows to this file when the run ends: CSV, or NDJSON if it ends with .ndjson or .jsonl. An
    /// existing file is replaced
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
    /// Write metrics to this file every 5 seconds, as OpenMetrics text: rows by state, calls by status, retries, sign-ins
    /// and outages
    #[arg(long, value_name = "FILE")]
    pub(super) metrics: Option<PathBuf>,
}

/// Parses a duration such as `90s`, `10min` or `1h`. A number without a unit is in seconds.
fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "min" | "m" => 60,
        "h" => 3600,
        _ => return Err("has an unknown unit: use s, min or h, for example `90s` or `1h`"),
    };
    let number: u32 =
        digits.parse().map_err(|_| "is not a whole number with a unit, such as `90s` or `1h`")?;
    Ok(Duration::from_secs(u64::from(number) * unit))
}

impl WorkArgs {
    /// Returns whether one of the options is given.
    pub(super) fn is_given(&self) -> bool {
        let Self { concurrency, rate, max_outage, report, metrics } = self;
        concurrency.is_some()
            || rate.is_some()
            || max_outage.is_some()
            || report.is_some()
            || metrics.is_some()
    }

    /// Checks that the report can be written, and creates the metrics, before a run that may take hours.
    pub(super) fn create_files(&self) -> Result<Option<Metrics>, CliError> {
        if let Some(path) = &self.report {
            report::check_writable(path).map_err(|error| error.with_subject("report"))?;
        }
        let metrics = self.metrics.as_deref().map(Metrics::create).transpose();
        metrics.map_err(|error| error.with_subject("metrics"))
    }

    /// Stores the rate in the queue, if one is given.
    pub(super) async fn apply(&self, queue: &OnboardingQueue) -> Result<(), CliError> {
        let Some(Rate(rate)) = self.rate else { return Ok(()) };
        let mut limits: Limits = queue.limits().await.map_err(queue_error)?;
        limits.max_calls_per_second = rate;
        queue.set_limits(limits).await.map_err(queue_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_durations_with_units() {
        for (text, seconds) in
            [("90", 90), ("90s", 90), ("10min", 600), ("10m", 600), ("2h", 7200), ("0s", 0)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "h", "1d", "-1s", "1.5h", "99999999999s", "1 h", "1hé"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn parses_rates_with_units() {
        for (text, rate) in [
            ("20/s", Some(20.0)),
            ("20", Some(20.0)),
            ("300/min", Some(5.0)),
            ("0.5/s", Some(0.5)),
            ("none", None),
        ] {
            assert_eq!(text.parse(), Ok(Rate(rate)), "{text}");
        }
        for text in ["", "0", "-1/s", "20/h", "inf", "1e300/s", "0.1/min", "NaN/s", "/s", "20/s/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn quotes_paths_for_a_shell() {
        assert_eq!(shell_quoted("/a/b-1.db"), "/a/b-1.db");
        assert_eq!(shell_quoted("it's a b"), r"'it'\''s a b'");
    }

    #[test]
    fn finds_the_queue_of_a_file_by_its_path_and_by_its_content() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let queues = tempfile::tempdir().unwrap();
        let target = Target::sandbox(None);
        let queue_of = |path: &Path| queue_path(queues.path(), path, &target).unwrap();
        let file = write("clinic patients.csv", "one\n");
        let queue = queue_of(&file);
        assert!(queue.file_name().unwrap().to_str().unwrap().starts_with("clinic_patients-"));
        // Opening the queue would create its file.
        fs::write(&queue, "").unwrap();
        assert_eq!(queue_of(&file), queue);
        assert_eq!(queue_of(&write("clinic patients.csv", "one\ntwo\n")), queue, "rows were added");
        fs::create_dir(directory.path().join("copy")).unwrap();
        assert_eq!(queue_of(&write("copy/renamed.csv", "one\ntwo\n")), queue, "the file was copied");
        assert_eq!(
            queue_of(&write("copy/renamed.csv", "one\ntwo\nthree\n")),
            queue,
            "rows were added to the copy"
        );
        assert_ne!(queue_of(&write("other.csv", "other\n")), queue);
        let other = Target::sandbox(Some("8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse().unwrap()));
        assert_ne!(queue_path(queues.path(), &file, &other).unwrap(), queue, "another target");
    }
}
