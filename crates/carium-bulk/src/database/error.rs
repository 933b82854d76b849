//! Errors of a queue's database: what a person can do about them, and whether they pass by themselves.

use std::io;

use carium::{Error, ErrorKind};

/// A cause that a person can do something about.
struct Cause {
    message: &'static str,
    /// Whether the cause remains until a person does something, so that it is an error to open such a queue.
    is_lasting: bool,
}

const fn passing(message: &'static str) -> Cause {
    Cause { message, is_lasting: false }
}

const fn lasting(message: &'static str) -> Cause {
    Cause { message, is_lasting: true }
}

/// Converts an error of an open database. While the queue is processed, every error may pass.
pub(crate) fn unavailable(error: sqlx::Error) -> Error {
    Error::new(ErrorKind::Unavailable, find_cause(&error).message).with_source(error)
}

/// Converts an error from opening a database.
pub(crate) fn open_error(error: sqlx::Error) -> Error {
    let cause = find_cause(&error);
    let kind = if cause.is_lasting { ErrorKind::InvalidInput } else { ErrorKind::Unavailable };
    Error::new(kind, cause.message).with_source(error)
}

fn find_cause(error: &sqlx::Error) -> Cause {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            // SQLite's codes are numbers. PostgreSQL's have five characters.
            match code.parse().ok().filter(|_| code.len() != 5) {
                Some(code) => sqlite_cause(code),
                None => postgres_cause(&code, error.message()),
            }
        }
        sqlx::Error::Io(error) => connection_cause(error),
        sqlx::Error::Tls(_) => lasting(
            "no encrypted connection to the server of the queue could be made: check its certificate, and `sslmode` and \
             `sslrootcert` of the URL",
        ),
        sqlx::Error::PoolTimedOut => passing(
            "no connection to the server of the queue could be made in time: check that it runs, its load, and its \
             `max_connections`",
        ),
        _ => passing("the queue's database failed"),
    }
}

/// Returns the cause for an extended result code of SQLite, whose last byte is the primary code.
fn sqlite_cause(code: u32) -> Cause {
    match code & 0xff {
        // SQLITE_BUSY, SQLITE_LOCKED
        5 | 6 => passing("the queue is locked by another program: end that program"),
        // SQLITE_READONLY
        8 => lasting("the queue is read-only: check the permissions of its file and its folder"),
        // SQLITE_IOERR
        10 => passing("the disk of the queue failed or is full: check the space and the disk"),
        // SQLITE_CORRUPT
        11 => lasting("the file of the queue is damaged: restore it from a backup"),
        // SQLITE_FULL
        13 => passing("the disk of the queue is full: free some space"),
        // SQLITE_CANTOPEN
        14 => lasting(
            "could not open or create the queue file: check that its folder exists and is writable, and that the path is \
             not a folder",
        ),
        // SQLITE_NOTADB
        26 => lasting("the file is not a queue: it is not a SQLite database"),
        _ => passing("the queue's database failed"),
    }
}

/// The message for a connection pooler in transaction mode.
pub(crate) const NO_SESSIONS: &str = "a connection pooler between the program and the server of the queue does not keep \
    sessions: connect to the server directly, or use the session mode of the pooler";

/// Returns the cause for an SQLSTATE of PostgreSQL.
fn postgres_cause(code: &str, message: &str) -> Cause {
    match code {
        "28P01" | "28000" => lasting(
            "the server of the queue refused the user or the password: check the URL, and PGPASSWORD or ~/.pgpass",
        ),
        "3D000" => {
            lasting("the database of the queue does not exist on its server: create it, or check the URL")
        }
        "42501" => lasting(
            "the user of the queue may not create or use its tables: grant the rights on the database and its schema",
        ),
        "25006" => lasting("the database of the queue is read-only: use the primary server"),
        "53300" => passing("the server of the queue has too many connections: raise its `max_connections`"),
        "53100" => passing("the disk of the queue's server is full: free some space"),
        "57P01" | "57P02" | "57P03" => passing("the server of the queue is starting or shutting down"),
        // A pooler in transaction mode gives each transaction another session.
        "26000" | "42P05" | "08P01" if message.contains("prepared statement") => lasting(NO_SESSIONS),
        _ => passing("the queue's database failed"),
    }
}

fn connection_cause(error: &io::Error) -> Cause {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => passing(
            "the server of the queue refused the connection: check that it runs, and the host and the port of the URL",
        ),
        io::ErrorKind::NotFound => passing("the socket of the queue's server does not exist: check the URL"),
        io::ErrorKind::PermissionDenied => lasting("the socket of the queue's server may not be used"),
        io::ErrorKind::TimedOut => passing("the server of the queue did not respond in time"),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::UnexpectedEof => {
            passing("the connection to the server of the queue was lost")
        }
        // The error of a name that cannot be resolved has no kind.
        _ if error.to_string().contains("lookup address") => {
            lasting("the name of the queue's server cannot be resolved: check the host of the URL")
        }
        _ => passing("the server of the queue could not be reached"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_codes_have_causes() {
        for (code, text, is_lasting) in [
            (13, "is full", false),
            (778, "disk of the queue failed", false),
            (4874, "disk of the queue failed", false),
            (1032, "read-only", true),
            (11, "damaged", true),
            (517, "locked", false),
            (1, "database failed", false),
        ] {
            let cause = sqlite_cause(code);
            assert!(
                cause.message.contains(text) && cause.is_lasting == is_lasting,
                "{code}: {}",
                cause.message
            );
        }
    }

    #[test]
    fn postgres_codes_have_causes() {
        for (code, text, is_lasting) in [
            ("28P01", "refused the user or the password", true),
            ("28000", "refused the user or the password", true),
            ("25006", "read-only", true),
            ("53300", "too many connections", false),
            ("57P03", "starting or shutting down", false),
            ("26000", "does not keep sessions", true),
            ("XX000", "database failed", false),
        ] {
            let cause = postgres_cause(code, "prepared statement \"s\" does not exist");
            assert!(
                cause.message.contains(text) && cause.is_lasting == is_lasting,
                "{code}: {}",
                cause.message
            );
        }
    }

    #[test]
    fn connection_errors_have_causes() {
        let lookup = io::Error::other("failed to lookup address information: Name or service not known");
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        for (error, text, is_lasting) in [(lookup, "resolved", true), (refused, "refused", false)] {
            let cause = connection_cause(&error);
            assert!(cause.message.contains(text) && cause.is_lasting == is_lasting, "{}", cause.message);
        }
    }
}
