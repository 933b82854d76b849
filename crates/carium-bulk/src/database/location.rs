//! The location of a queue, as people write it.

use std::fmt;
use std::path::PathBuf;

#[cfg(feature = "postgres")]
use carium::{Error, ErrorKind};
#[cfg(feature = "postgres")]
use sqlx::postgres::PgConnectOptions;

/// The location of a queue's database.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueLocation {
    /// A SQLite file, which is created if it does not exist. Any number of processes on one machine can use it.
    Sqlite(PathBuf),
    /// The URL of a PostgreSQL database, which any number of machines can use.
    Postgres(String),
}

/// The schemes of the URL of a PostgreSQL database.
const POSTGRES_SCHEMES: [&str; 2] = ["postgres:", "postgresql:"];
/// The schemes of the URI of a SQLite file.
const SQLITE_SCHEMES: [&str; 2] = ["file:", "sqlite:"];
/// Keywords that begin a connection string of PostgreSQL's client library.
const LIBPQ_KEYWORDS: [&str; 7] = ["host", "hostaddr", "port", "dbname", "user", "password", "service"];

impl QueueLocation {
    /// Parses a location: the URL of a PostgreSQL database (`postgres://…`), or the path or `file:` URI of a SQLite file.
    ///
    /// A connection string in the form of libpq (`host=… dbname=…`) is taken for the location of a PostgreSQL database, which
    /// cannot be opened in this form.
    pub fn parse(text: &str) -> Self {
        if strip_scheme(text, &POSTGRES_SCHEMES).is_some() || is_libpq_string(text) {
            return Self::Postgres(text.to_owned());
        }
        let Some(uri) = strip_scheme(text, &SQLITE_SCHEMES) else { return Self::Sqlite(text.into()) };
        let path = uri.split_once('?').map_or(uri, |(path, _)| path);
        Self::Sqlite(path.strip_prefix("//").unwrap_or(path).into())
    }
}

/// Returns the text after one of these schemes.
fn strip_scheme<'a>(text: &'a str, schemes: &[&str]) -> Option<&'a str> {
    schemes.iter().find_map(|scheme| {
        let (start, rest) = text.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

fn is_libpq_string(text: &str) -> bool {
    text.trim_start().split_once('=').is_some_and(|(keyword, _)| LIBPQ_KEYWORDS.contains(&keyword.trim_end()))
}

/// Returns the options to connect to a PostgreSQL database.
///
/// # Errors
/// [`InvalidInput`](ErrorKind::InvalidInput): the text is not a URL of a PostgreSQL database.
#[cfg(feature = "postgres")]
pub(super) fn postgres_options(text: &str) -> Result<PgConnectOptions, Error> {
    let invalid = |message| Error::new(ErrorKind::InvalidInput, message);
    let Some(rest) = strip_scheme(text, &POSTGRES_SCHEMES) else {
        return Err(invalid(
            "the location of the queue is a list of keywords: write it as a URL, such as postgres://user@host:5432/database",
        ));
    };
    // In a URL with a user, libpq allows an empty host, which is then that of the parameter `host`.
    let url = match rest.split_once('@') {
        Some((user, address)) if address.is_empty() || address.starts_with(['/', '?']) => {
            format!("postgres:{user}@localhost{address}")
        }
        _ => format!("postgres:{rest}"),
    };
    // The error of the parser is dropped because it may contain the password.
    url.parse().map_err(|_| {
        invalid(
            "the URL of the queue's database is invalid: write it as postgres://user@host:5432/database, and encode special \
             characters of the user and the password, such as @ as %40",
        )
    })
}

impl fmt::Debug for QueueLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            // The URL may contain a password.
            Self::Postgres(_) => f.debug_tuple("Postgres").finish_non_exhaustive(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_paths_or_uris() {
        for (text, path) in [
            ("clinic.db", "clinic.db"),
            ("file:clinic.db", "clinic.db"),
            ("file:///srv/clinic.db?mode=rwc", "/srv/clinic.db"),
            ("sqlite://clinic.db", "clinic.db"),
            ("a=b.db", "a=b.db"),
        ] {
            assert_eq!(QueueLocation::parse(text), QueueLocation::Sqlite(path.into()), "{text}");
        }
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn databases_are_urls() {
        for (text, host, socket) in [
            ("postgres://u@db.example.com:5433/carium", "db.example.com", None),
            ("POSTGRESQL://u:p%40@db.example.com", "db.example.com", None),
            ("postgres://u@/carium?host=/run/postgresql", "localhost", Some("/run/postgresql")),
            ("postgres:///carium?host=/run/postgresql", "localhost", Some("/run/postgresql")),
        ] {
            let QueueLocation::Postgres(url) = QueueLocation::parse(text) else { panic!("{text}") };
            let options = postgres_options(&url).unwrap_or_else(|error| panic!("{text}: {error}"));
            let actual = options.get_socket().map(|path| path.display().to_string());
            assert_eq!(actual.as_deref(), socket, "{text}");
            assert!(socket.is_some() || options.get_host() == host, "{text}");
        }
        for (text, message) in [
            ("host=db.example.com dbname=carium password=canary", "list of keywords"),
            ("user = u", "list of keywords"),
            ("postgres://u:canary@db.example.com:port/x", "is invalid"),
        ] {
            let QueueLocation::Postgres(url) = QueueLocation::parse(text) else { panic!("{text}") };
            let error = postgres_options(&url).unwrap_err();
            assert!(error.to_string().contains(message), "{text}: {error}");
            assert!(!format!("{error:?} {error}").contains("canary"), "{error:?}");
        }
    }
}
