//! What the command line says of a queue.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use carium::{Error, ErrorKind};
use carium_bulk::{EncryptionKey, Limits, OnboardingQueue, QueueLocation, Target};
use clap::Args;

use super::place;
use crate::exit::{CliError, Exit};

/// Which queue.
#[derive(Args, Debug)]
pub(crate) struct QueueOption {
    /// The queue: a file of SQLite, or the URL of a database of PostgreSQL
    ///
    /// Left out, CARIUM_QUEUE. A password is better in PGPASSWORD or in ~/.pgpass than in the URL, as others on the
    /// machine can read what is written on a command line.
    #[arg(long, global = true, value_name = "FILE.db|URL")]
    queue: Option<OsString>,
    /// Read the key of a queue on a server from this file descriptor rather than from CARIUM_QUEUE_KEY
    #[arg(long, global = true, value_name = "N", hide_short_help = true)]
    queue_key_fd: Option<u32>,
}

/// A queue, and how to name it to a person.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) bulk: OnboardingQueue,
    pub(crate) name: String,
}

impl QueueOption {
    /// Where the queue is, as far as that was said. A sandbox is above the environment: what is set there is not for it.
    pub(crate) fn location(&self, is_sandbox: bool) -> Result<Option<QueueLocation>, CliError> {
        let variable = || std::env::var_os("CARIUM_QUEUE").filter(|text| !text.is_empty() && !is_sandbox);
        let Some(queue) = self.queue.clone().or_else(variable) else { return Ok(None) };
        Ok(Some(match queue.to_str() {
            Some("") => return Err(CliError::new(Exit::Usage, "`--queue` names no queue")),
            Some(text) => QueueLocation::parse(text),
            None => QueueLocation::Sqlite(PathBuf::from(queue)),
        }))
    }

    /// Opens a queue to submit to and to work on, and makes it where there is none.
    pub(crate) async fn open(&self, location: &QueueLocation, target: Target) -> Result<Queue, CliError> {
        let bulk = match location {
            QueueLocation::Postgres(_) => {
                let key = match self.queue_key_fd {
                    Some(descriptor) => EncryptionKey::from_descriptor(descriptor),
                    None => EncryptionKey::from_env(),
                };
                let key = key.map_err(|error| {
                    CliError::from(error).next(
                        "set CARIUM_QUEUE_KEY to what `openssl rand -hex 32` printed when the queue was made, or give \
                         a descriptor: `--queue-key-fd 3 3<FILE`",
                    )
                })?;
                OnboardingQueue::open_encrypted(location, target, &key).await
            }
            _ => OnboardingQueue::open(location, target).await,
        };
        Ok(Queue { bulk: bulk.map_err(of_queue)?, name: name(location) })
    }

    /// Opens the books of a queue that is there.
    pub(crate) async fn books(&self) -> Result<Queue, CliError> {
        let location = match self.location(false)? {
            Some(location) => location,
            None => place::only()?,
        };
        let bulk = OnboardingQueue::open_read_only(&location).await.map_err(of_queue)?;
        Ok(Queue { bulk, name: name(&location) })
    }
}

impl Queue {
    /// How the same queue is named on the next command line.
    pub(crate) fn option(&self) -> String {
        format!("--queue {}", self.name)
    }
}

fn name(location: &QueueLocation) -> String {
    match location {
        QueueLocation::Sqlite(path) => quoted(&path.display().to_string()),
        // It may hold a password.
        _ => "postgres://…".to_owned(),
    }
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-+:@%,=~".contains(letter);
    if path.chars().all(is_plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// Of an error of the queue, how the program ends and what to do.
pub(crate) fn of_queue(error: Error) -> CliError {
    let (exit, next) = match error.kind() {
        ErrorKind::Conflict => (
            Exit::InvalidInput,
            "give another `--queue`, or the base URL, organization, key and version that it was made with",
        ),
        ErrorKind::NotFound => (Exit::InvalidInput, "check `--queue`; `carium onboard FILE` makes one"),
        ErrorKind::InvalidInput => (Exit::InvalidInput, "check `--queue` and what goes with it"),
        ErrorKind::Unavailable => (
            Exit::Other,
            "check that the folder of the queue is there and yours, or that its server can be reached; `-v` says more",
        ),
        _ => return CliError::from(error),
    };
    CliError::new(exit, error.to_string()).because(error).next(next)
}

/// Whether the folder that `--documents` names is there.
pub(crate) fn check_documents(folder: &Path) -> Result<(), CliError> {
    if folder.is_dir() {
        return Ok(());
    }
    Err(CliError::new(Exit::InvalidInput, "the folder for `--documents` is not there").next("check its path"))
}

/// What is kept to: a queue takes a thousandth of a call a second, and that is for no one.
const RATES: std::ops::RangeInclusive<f64> = 1.0 / 60.0..=1_000_000.0;

/// How many calls a second, as it is written: `20/s`, `300/min`, `none`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate(Option<f64>);

impl std::str::FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str =
            "write calls a second or a minute, such as 20/s or 300/min, or none: 1/min to 1000000/s";
        if text == "none" {
            return Ok(Self(None));
        }
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit {
            "s" => 1.0,
            "min" => 60.0,
            _ => return Err(WRONG),
        };
        let rate = number.trim().parse::<f64>().map_err(|_| WRONG)? / seconds;
        if RATES.contains(&rate) { Ok(Self(Some(rate))) } else { Err(WRONG) }
    }
}

/// How much is done at a time.
#[derive(Args, Debug)]
pub(crate) struct Pace {
    /// How many rows this process works on at a time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) concurrency: u16,
    /// How many creating calls are made in a second, by all processes of the queue together [default: as before]
    #[arg(long, value_name = "N/s")]
    pub(crate) rate: Option<Rate>,
}

impl Pace {
    /// Tells the queue the rate, where one was given.
    pub(crate) async fn set(&self, bulk: &OnboardingQueue) -> Result<(), CliError> {
        let Some(Rate(rate)) = self.rate else { return Ok(()) };
        let mut limits: Limits = bulk.limits().await.map_err(of_queue)?;
        limits.max_calls_per_second = rate;
        bulk.set_limits(limits).await.map_err(of_queue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_a_unit() {
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
    fn a_path_is_one_word_to_a_shell() {
        assert_eq!(quoted("/a/b-1.db"), "/a/b-1.db");
        assert_eq!(quoted("it's a b"), r"'it'\''s a b'");
    }
}
