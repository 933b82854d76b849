//! How the program ends: by which code, and with what words.

use std::error::Error as StdError;
use std::process::ExitCode;

use carium::{Error, ErrorKind};

use crate::say;

/// The exit codes. Scripts rely on them: they are told in `carium --help`, and tests hold them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    /// Whatever has no code of its own: a file that cannot be read, an answer that nobody understands.
    Other = 1,
    Usage = 2,
    InvalidInput = 3,
    SignIn = 4,
    Refused = 5,
    /// The service cannot be reached, has no time, or gave no answer in time. Nothing was done.
    Unavailable = 6,
    /// Rows of a file wait for a person: they failed, are unknown, or say something else than before.
    RowsParked = 7,
    /// There is no answer, and it may have been done: someone has to look before it is tried again.
    MayHaveHappened = 8,
    /// As shells have it of a program that ended on Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    pub(crate) fn of(error: &Error) -> Self {
        if error.may_have_been_applied() {
            return Self::MayHaveHappened;
        }
        match error.kind() {
            ErrorKind::InvalidInput => Self::InvalidInput,
            ErrorKind::Unauthenticated => Self::SignIn,
            ErrorKind::Forbidden
            | ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::Rejected
            | ErrorKind::Expired => Self::Refused,
            ErrorKind::RateLimited | ErrorKind::Unavailable | ErrorKind::TimedOut => Self::Unavailable,
            ErrorKind::Canceled => Self::Interrupted,
            _ => Self::Other,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked for: one sentence, what to do next, and what is behind it.
///
/// All of it is printed, and may be logged by whoever runs the program: no value, no URL, no body.
#[derive(Debug)]
pub(crate) struct CliError {
    exit: Exit,
    what: String,
    next: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    is_silent: bool,
}

impl CliError {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), next: None, source: None, is_silent: false }
    }

    /// Of several things, each of which was told already.
    pub(crate) fn told(exit: Exit) -> Self {
        Self { is_silent: true, ..Self::new(exit, "") }
    }

    /// Says what to do next, in place of what was said before.
    pub(crate) fn next(mut self, what: impl Into<String>) -> Self {
        self.next = Some(what.into());
        self
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says of what it is, in front.
    pub(crate) fn of(mut self, subject: &str) -> Self {
        self.what = format!("{subject}: {}", self.what);
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Tells it to the person.
    pub(crate) fn report(&self, verbose: bool) {
        if self.is_silent {
            return;
        }
        say::error(&self.what);
        if verbose {
            let mut source = self.source.as_deref().map(|source| source as &(dyn StdError + 'static));
            while let Some(error) = source {
                say::line(&format!("caused by: {error}"));
                source = error.source();
            }
        }
        if let Some(next) = &self.next {
            say::line(&format!("next: {next}"));
        }
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        let mut failure = Self::new(Exit::of(&error), error.to_string());
        failure.next = next_after(&error);
        if let Some(id) = error.request_id() {
            failure.what = format!("{} (request {id})", failure.what);
        }
        failure.because(Behind(error))
    }
}

/// What was behind an error, without the error itself, which was told.
#[derive(Debug)]
struct Behind(Error);

impl std::fmt::Display for Behind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}, after {} requests", self.0.kind(), self.0.attempts())
    }
}

impl StdError for Behind {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

fn next_after(error: &Error) -> Option<String> {
    if error.may_have_been_applied() {
        return Some("look on the platform whether it is there before you run this again".to_owned());
    }
    let next = match error.kind() {
        ErrorKind::InvalidInput => "mend what is named above and run it again; nothing was sent",
        ErrorKind::Unauthenticated => {
            "check username, password and one-time code, and where they come from, with `carium login`"
        }
        ErrorKind::Forbidden => "ask whoever manages the account to allow it",
        ErrorKind::NotFound => "check the ids, and that they are of this organization and this server",
        ErrorKind::Conflict | ErrorKind::Rejected => "mend what the service refuses and run it again",
        ErrorKind::RateLimited => {
            return Some(match error.retry_after() {
                Some(wait) => format!("run it again in {} seconds", wait.as_secs().max(1)),
                None => "run it again in some minutes".to_owned(),
            });
        }
        ErrorKind::Unavailable => "check the base URL and the network, or run it again later",
        ErrorKind::TimedOut | ErrorKind::Expired => "run it again later",
        ErrorKind::AlreadyExists => "choose another target with `--to`, or replace it with `--replace`",
        ErrorKind::Io => "check that the file and its folder are there and yours; `-v` says more",
        ErrorKind::Corrupt => "run it again; if that does not help, the document itself is damaged",
        ErrorKind::Undecodable => {
            "check that the base URL is that of the API; if it is, tell the vendor the request"
        }
        _ => return None,
    };
    Some(next.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubt_comes_before_every_other_code() {
        for (kind, exit) in [
            (ErrorKind::InvalidInput, Exit::InvalidInput),
            (ErrorKind::Unauthenticated, Exit::SignIn),
            (ErrorKind::Conflict, Exit::Refused),
            (ErrorKind::TimedOut, Exit::Unavailable),
            (ErrorKind::Undecodable, Exit::Other),
            (ErrorKind::Canceled, Exit::Interrupted),
        ] {
            assert_eq!(Exit::of(&Error::new(kind, "")), exit);
            assert_eq!(Exit::of(&Error::new(kind, "").with_unknown_outcome()), Exit::MayHaveHappened);
        }
    }
}
