//! Command-line options for queues and throughput, shared by `carium onboard` and `carium worker`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use carium::{Error, ErrorKind};
use carium_bulk::{EncryptionKey, Limits, OnboardingQueue, QueueLocation, Target};
use clap::Args;

use super::queue_location;
use crate::error::{CliError, Exit};

/// The options that select a queue.
#[derive(Args, Debug)]
pub(crate) struct QueueArgs {
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
pub(crate) struct NamedQueue {
    pub(crate) handle: OnboardingQueue,
    /// The queue's name in messages and on command lines, without a password.
    pub(crate) name: String,
}

impl QueueArgs {
    /// Returns the location of the queue from `--queue` or `CARIUM_QUEUE`. The variable is ignored for a sandbox,
    /// because it names a queue of the real service.
    pub(crate) fn location(&self, is_sandbox: bool) -> Result<Option<QueueLocation>, CliError> {
        let from_env = || std::env::var_os("CARIUM_QUEUE").filter(|text| !text.is_empty() && !is_sandbox);
        let Some(queue) = self.queue.clone().or_else(from_env) else { return Ok(None) };
        Ok(Some(match queue.to_str() {
            Some("") => return Err(CliError::new(Exit::Usage, "the value of `--queue` is empty")),
            Some(text) => QueueLocation::parse(text),
            None => QueueLocation::Sqlite(PathBuf::from(queue)),
        }))
    }

    /// Opens a queue to submit rows to and to process them. Creates the queue if it does not exist.
    pub(crate) async fn open(
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
    pub(crate) async fn open_read_only(&self) -> Result<NamedQueue, CliError> {
        let location = match self.location(false)? {
            Some(location) => location,
            None => queue_location::only_queue()?,
        };
        let handle = OnboardingQueue::inspect(&location).await.map_err(queue_error)?;
        Ok(NamedQueue { handle, name: display_name(&location) })
    }
}

impl NamedQueue {
    /// Returns the `--queue` option that selects this queue in another command.
    pub(crate) fn option(&self) -> String {
        format!("--queue {}", self.name)
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
pub(super) fn shell_quoted(path: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-+:@%,=~".contains(letter);
    if path.chars().all(is_plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// Converts an error of the queue, with an exit code and a hint that fit queues.
pub(crate) fn queue_error(error: Error) -> CliError {
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

/// Checks that the directory of `--documents` exists.
pub(crate) fn check_documents_dir(directory: &Path) -> Result<(), CliError> {
    if directory.is_dir() {
        return Ok(());
    }
    let message = "the directory of `--documents` does not exist";
    Err(CliError::new(Exit::InvalidInput, message).with_hint("check the path"))
}

/// Allowed rates in calls per second. The queue accepts lower rates, but those are too low to be useful.
const ALLOWED_RATES: std::ops::RangeInclusive<f64> = 1.0 / 60.0..=1_000_000.0;

/// A maximum rate of calls, written as `20/s`, `300/min` or `none`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate(Option<f64>);

impl std::str::FromStr for Rate {
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

/// The options that limit the throughput.
#[derive(Args, Debug)]
pub(crate) struct ThroughputArgs {
    /// Maximum number of rows that this process handles concurrently
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) concurrency: u16,
    /// Maximum rate of creating calls, for all processes of the queue together: N/s, N/min or none. Defaults to the
    /// rate stored in the queue
    #[arg(long, value_name = "N/s")]
    pub(crate) rate: Option<Rate>,
}

impl ThroughputArgs {
    /// Stores the rate in the queue, if one is given.
    pub(crate) async fn apply(&self, queue: &OnboardingQueue) -> Result<(), CliError> {
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
}
