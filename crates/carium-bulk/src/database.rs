//! The database of a queue: a file of SQLite, or a server of PostgreSQL.
//!
//! What the two are asked is written once: numbers are of 64 bits, texts are texts, parameters are `$1`. Where they
//! differ, the difference stands here, in [`schema`] and in the engine.

mod schema;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
#[cfg(feature = "sqlite")]
use std::time::SystemTime;

use carium::{Error, ErrorKind};
use sqlx::ConnectOptions as _;
#[cfg(feature = "postgres")]
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
#[cfg(feature = "sqlite")]
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("carium-bulk needs a database: switch on the feature `sqlite` or `postgres`");

/// Does the same with whichever database it is: the body is compiled once for each.
macro_rules! either {
    ($of:ident, $database:expr, $name:ident => $body:expr) => {
        match $database {
            #[cfg(feature = "sqlite")]
            $crate::database::$of::Sqlite($name) => $body,
            #[cfg(feature = "postgres")]
            $crate::database::$of::Postgres($name) => $body,
        }
    };
}
pub(crate) use either;

/// Where a queue is kept.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueLocation {
    /// In a file of SQLite, which is made where there is none. For any number of processes of one machine.
    File(PathBuf),
    /// On a server of PostgreSQL, by its URL. For any number of machines.
    Server(String),
}

impl QueueLocation {
    /// Of the text that an operator gives: a URL (`postgres://` or `postgresql://`), else the path of a file.
    pub fn parse(text: &str) -> Self {
        let is_url = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
        if is_url { Self::Server(text.to_owned()) } else { Self::File(text.into()) }
    }
}

impl fmt::Debug for QueueLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            // It may hold a password.
            Self::Server(_) => f.debug_tuple("Server").finish_non_exhaustive(),
        }
    }
}

/// How long one waits for another's transaction before it is an error.
const LOCKED: Duration = Duration::from_secs(30);

/// Connections to a queue's database. Cheap to clone.
#[derive(Clone)]
pub(crate) enum Pool {
    #[cfg(feature = "sqlite")]
    Sqlite(SqlitePool),
    #[cfg(feature = "postgres")]
    Postgres(PgPool),
}

/// A database, with connections of two kinds.
#[derive(Clone)]
pub(crate) struct Database {
    /// What is written with these is on the disk when the commit returns.
    pub(crate) durable: Pool,
    /// For the engine's own bookkeeping, which may be lost with the power: what it loses is done again, and judged
    /// by the ledger. The same as the others on PostgreSQL, whose commits cost less.
    pub(crate) engine: Pool,
}

/// A transaction that is to write.
pub(crate) enum Transaction {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Database {
    /// Connects, and brings the schema up to date.
    pub(crate) async fn open(location: &QueueLocation) -> Result<Self, Error> {
        let database = Self::connect(location).await?;
        database.migrate().await?;
        Ok(database)
    }

    /// The same of one in which there is a queue already.
    pub(crate) async fn open_existing(location: &QueueLocation) -> Result<Self, Error> {
        let missing = || Error::new(ErrorKind::NotFound, "there is no queue at this place");
        if let QueueLocation::File(path) = location
            && !path.is_file()
        {
            // To connect would make it.
            return Err(missing());
        }
        let database = Self::connect(location).await?;
        let made: Result<i64, sqlx::Error> = either!(Pool, &database.durable, pool => {
            sqlx::query_scalar("SELECT count(*) FROM carium_queue").fetch_one(pool).await
        });
        match made {
            // An error of the database's own: it has no such table.
            Ok(0) | Err(sqlx::Error::Database(_)) => Err(missing()),
            Err(error) => Err(unavailable(error)),
            Ok(_) => database.migrate().await.map(|()| database),
        }
    }

    async fn connect(location: &QueueLocation) -> Result<Self, Error> {
        match location {
            #[cfg(feature = "sqlite")]
            QueueLocation::File(path) => {
                refuse_another_programs(path).await?;
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .auto_vacuum(SqliteAutoVacuum::Incremental)
                    .busy_timeout(LOCKED)
                    .disable_statement_logging();
                let pool = |synchronous, connections| {
                    let options = options.clone().synchronous(synchronous);
                    SqlitePoolOptions::new().max_connections(connections).connect_with(options)
                };
                let durable = pool(SqliteSynchronous::Full, 4).await.map_err(not_opened)?;
                let engine = pool(SqliteSynchronous::Normal, 4).await.map_err(unavailable)?;
                Ok(Self { durable: Pool::Sqlite(durable), engine: Pool::Sqlite(engine) })
            }
            #[cfg(feature = "postgres")]
            QueueLocation::Server(url) => {
                // What the URL has that cannot be read may be the password.
                let options: PgConnectOptions = url.parse().map_err(|_| {
                    Error::new(ErrorKind::InvalidInput, "the URL of the queue's database cannot be read")
                })?;
                let options = options.disable_statement_logging();
                let pool = PgPoolOptions::new().max_connections(16).acquire_timeout(LOCKED);
                let pool = Pool::Postgres(pool.connect_with(options).await.map_err(unavailable)?);
                Ok(Self { durable: pool.clone(), engine: pool })
            }
            #[allow(unreachable_patterns, reason = "reached where a feature is off")]
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                "this program was built without the database that was asked for",
            )),
        }
    }

    /// Begins a transaction that writes, and that is on the disk when it is committed.
    pub(crate) async fn begin(&self) -> Result<Transaction, Error> {
        self.durable.begin().await
    }

    /// Begins a transaction that only reads: all of it sees the same.
    pub(crate) async fn look(&self) -> Result<Transaction, Error> {
        match &self.durable {
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool) => pool.begin().await.map(Transaction::Sqlite).map_err(unavailable),
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => {
                let begin = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";
                pool.begin_with(begin).await.map(Transaction::Postgres).map_err(unavailable)
            }
        }
    }

    /// The time by the database's clock, in nanoseconds since 1970: one clock for all of a queue's workers.
    #[cfg_attr(not(feature = "postgres"), allow(clippy::unused_async, reason = "a server is asked for it"))]
    pub(crate) async fn now(&self) -> Result<i64, Error> {
        match &self.durable {
            // All of its workers are on this machine.
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(_) => {
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                Ok(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
            }
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => {
                let now = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint";
                sqlx::query_scalar(now).fetch_one(pool).await.map_err(unavailable)
            }
        }
    }

    /// Whether rows lie in the database itself, sealed: its workers may be on machines that have not got the file.
    pub(crate) fn is_shared(&self) -> bool {
        match &self.durable {
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Pool::Postgres(_) => true,
        }
    }

    pub(crate) async fn close(&self) {
        either!(Pool, &self.engine, pool => pool.close().await);
        either!(Pool, &self.durable, pool => pool.close().await);
    }
}

impl Pool {
    pub(crate) async fn begin(&self) -> Result<Transaction, Error> {
        // On a task of their own, so that one that is given up leaves no connection in a transaction.
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => {
                let begun = riverqueue::database::begin_sqlite_write(pool).await;
                begun.map(Transaction::Sqlite).map_err(unavailable)
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => {
                let begun = riverqueue::database::begin_postgres(pool).await;
                begun.map(Transaction::Postgres).map_err(unavailable)
            }
        }
    }
}

impl Transaction {
    pub(crate) async fn commit(self) -> Result<(), Error> {
        either!(Transaction, self, transaction => transaction.commit().await).map_err(unavailable)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}

/// Refuses a file that has other tables than those of a queue, and leaves it as it is.
#[cfg(feature = "sqlite")]
async fn refuse_another_programs(path: &std::path::Path) -> Result<(), Error> {
    if std::fs::metadata(path).map_or(0, |found| found.len()) == 0 {
        return Ok(());
    }
    let options = SqliteConnectOptions::new().filename(path).read_only(true).disable_statement_logging();
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(not_opened)?;
    // The engine's tables come first: a queue that was not made to its end has these.
    let others = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
        AND NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name LIKE 'river_%' OR name = 'carium_queue')";
    let others: Result<i64, sqlx::Error> = sqlx::query_scalar(others).fetch_one(&pool).await;
    pool.close().await;
    if others.map_err(not_opened)? > 0 {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "the file is another program's database, and no queue",
        ));
    }
    Ok(())
}

/// Why a file cannot be opened as a queue.
#[cfg(feature = "sqlite")]
fn not_opened(error: sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default();
    let what = match &*code {
        "26" => "the file is no queue",
        "14" => {
            "the file of the queue cannot be opened or made: its folder is not there, or not yours, or it is a folder"
        }
        _ => return unavailable(error),
    };
    Error::new(ErrorKind::InvalidInput, what).with_source(error)
}

/// What the database fails with. Its words name tables and columns; what is in them is not health information.
pub(crate) fn unavailable(error: sqlx::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "the queue's database failed").with_source(error)
}
