//! Exit codes, and the error that a command ends with.

use std::error::Error as StdError;
use std::process::ExitCode;

use carium::{Error, ErrorKind};

use crate::stderr;

/// The exit codes. Scripts rely on them: `carium --help` lists them, and the golden files cover them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Success = 0,
    /// Any other error, such as a file that cannot be read or a response that cannot be decoded.
    Other = 1,
    /// The command line is invalid.
    Usage = 2,
    /// The input is invalid. Nothing was sent.
    InvalidInput = 3,
    SignIn = 4,
    /// The service refused the request.
    Refused = 5,
    /// The service is unreachable, overloaded or did not respond in time. Nothing was applied.
    Unavailable = 6,
    /// Some rows are not completed: they failed, have an unknown outcome, changed after they were submitted, have the
    /// key of an earlier row, or are invalid.
    RowsParked = 7,
    /// The operation may have been applied even though no response confirmed it.
    OutcomeUnknown = 8,
    /// The code that shells use for a program that ended on Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// Returns the exit code for an error of the client.
    pub(crate) fn for_error(error: &Error) -> Self {
        if error.may_have_been_applied() {
            return Self::OutcomeUnknown;
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

/// The error of a command: an exit code, one sentence that describes what happened, a hint and the underlying error.
///
/// All of it is printed to stderr and may end up in logs, so it must not contain values of the input, URLs or bodies.
/// The only exception is a name to look up, which the error of a failed lookup quotes.
#[derive(Debug)]
pub(crate) struct CliError {
    exit: Exit,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    is_reported: bool,
}

impl CliError {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None, source: None, is_reported: false }
    }

    /// Creates an error that prints nothing, because its causes were reported one by one.
    pub(crate) fn already_reported(exit: Exit) -> Self {
        Self { is_reported: true, ..Self::new(exit, "") }
    }

    pub(crate) fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Sets the next step for the user, and replaces an earlier one.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Prefixes the message with the thing that the error is about.
    pub(crate) fn with_subject(mut self, subject: &str) -> Self {
        self.message = format!("{subject}: {}", self.message);
        self
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Prints the error to stderr, with its causes if `verbose` is set.
    pub(crate) fn report(&self, verbose: bool) {
        if self.is_reported {
            return;
        }
        stderr::print_error(&self.message);
        if verbose {
            let mut source = self.source.as_deref().map(|source| source as &(dyn StdError + 'static));
            while let Some(error) = source {
                stderr::print(&format!("caused by: {error}"));
                source = error.source();
            }
        }
        if let Some(hint) = &self.hint {
            stderr::print(&format!("hint: {hint}"));
        }
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        let mut cli_error = Self::new(Exit::for_error(&error), error.to_string());
        cli_error.hint = hint_for(&error);
        if let Some(id) = error.request_id() {
            cli_error.message = format!("{} (request {id})", cli_error.message);
        }
        cli_error.with_source(ErrorDetails(error))
    }
}

/// Details of a client error for `--verbose`. The error's own message is printed already and is not repeated.
#[derive(Debug)]
struct ErrorDetails(Error);

impl std::fmt::Display for ErrorDetails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}, after {}", self.0.kind(), stderr::counted(self.0.attempts().into(), "request"))
    }
}

impl StdError for ErrorDetails {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

fn hint_for(error: &Error) -> Option<String> {
    let hint = match error.kind() {
        _ if error.may_have_been_applied() => {
            "check in Carium whether the operation was applied before you run the command again"
        }
        ErrorKind::InvalidInput => {
            "correct the values named above and run the command again; nothing was sent"
        }
        ErrorKind::Unauthenticated => "check the username, password and one-time code with `carium login`",
        ErrorKind::Forbidden => "ask an administrator for permission",
        ErrorKind::NotFound => "check the IDs, and that they belong to this organization and server",
        ErrorKind::Conflict | ErrorKind::Rejected => {
            "correct what the service rejected and run the command again"
        }
        ErrorKind::RateLimited => match error.retry_after() {
            Some(wait) => {
                return Some(match wait.as_secs() {
                    seconds @ 0..=7200 => format!("run the command again in {} seconds", seconds.max(1)),
                    seconds @ 7201..=172_800 => {
                        format!("run the command again in {} hours", seconds.div_ceil(3600))
                    }
                    // More than two days are no useful request.
                    _ => "run the command again later".to_owned(),
                });
            }
            None => "run the command again in a few minutes",
        },
        ErrorKind::Unavailable => "check the base URL and the network, or run the command again later",
        ErrorKind::TimedOut | ErrorKind::Expired => "run the command again later",
        ErrorKind::AlreadyExists => {
            "choose another target with `--to`, or overwrite the file with `--replace`"
        }
        ErrorKind::Io => {
            "check that the file and its directory exist and that you may access them; `-v` shows details"
        }
        ErrorKind::Corrupt => "run the command again; if the error remains, the document itself is damaged",
        ErrorKind::Undecodable => {
            "check that the base URL is the address of the API; if it is, report the request to the vendor"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_outcome_takes_precedence_over_the_error_kind() {
        for (kind, exit) in [
            (ErrorKind::InvalidInput, Exit::InvalidInput),
            (ErrorKind::Unauthenticated, Exit::SignIn),
            (ErrorKind::Conflict, Exit::Refused),
            (ErrorKind::TimedOut, Exit::Unavailable),
            (ErrorKind::Undecodable, Exit::Other),
            (ErrorKind::Canceled, Exit::Interrupted),
        ] {
            assert_eq!(Exit::for_error(&Error::new(kind, "")), exit);
            assert_eq!(Exit::for_error(&Error::new(kind, "").with_unknown_outcome()), Exit::OutcomeUnknown);
        }
    }
}
