//! The database of a queue: a SQLite file or a PostgreSQL server.
//!
//! Most SQL statements work with both: integers have 64 bits, and parameters are written as `$1`. The differences are
//! in this module, in [`schema`] and in [`assignment`](crate::assignment).

mod error;
mod location;
mod schema;

use std::io;
#[cfg(feature = "sqlite")]
use std::path::Path;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
#[cfg(feature = "sqlite")]
use std::time::SystemTime;
use std::time::{Duration, Instant};

use carium::{Error, ErrorKind};
use sqlx::ConnectOptions as _;
#[cfg(feature = "postgres")]
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
#[cfg(feature = "sqlite")]
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
#[cfg(feature = "postgres")]
use sqlx::{Connection as _, Executor as _, Row as _};

pub(crate) use self::error::{open_error, unavailable};
pub use self::location::QueueLocation;

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("carium-bulk needs a database: enable the feature `sqlite` or `postgres`");

/// Evaluates an expression for the backend in use. The expression is compiled once for each backend.
macro_rules! for_backend {
    ($enum:ident, $value:expr, $name:ident => $body:expr) => {
        match $value {
            #[cfg(feature = "sqlite")]
            $crate::database::$enum::Sqlite($name) => $body,
            #[cfg(feature = "postgres")]
            $crate::database::$enum::Postgres($name) => $body,
        }
    };
}
pub(crate) use for_backend;

/// Runs a statement on a pool or in a transaction of the backend in use, such as
/// `run_sql!(Pool(pool), query_as(sql, bound, bound).fetch_all)?`. `query(…).execute` returns the number of affected
/// rows.
macro_rules! run_sql {
    ($enum:ident($value:expr), query($sql:expr $(, $bound:expr)* $(,)?).execute) => {
        $crate::database::for_backend!($enum, $value, connection => {
            let query = sqlx::query($sql)$(.bind($bound))*;
            let result = query.execute($crate::database::run_sql!(@executor $enum connection)).await;
            result.map(|result| result.rows_affected()).map_err($crate::database::unavailable)
        })
    };
    ($enum:ident($value:expr), $query:ident($sql:expr $(, $bound:expr)* $(,)?).$fetch:ident) => {
        $crate::database::for_backend!($enum, $value, connection => {
            let query = sqlx::$query($sql)$(.bind($bound))*;
            let executor = $crate::database::run_sql!(@executor $enum connection);
            query.$fetch(executor).await.map_err($crate::database::unavailable)
        })
    };
    (@executor Pool $pool:ident) => { $pool };
    (@executor Transaction $transaction:ident) => { &mut **$transaction };
}
pub(crate) use run_sql;

/// SQL with the elements of a JSON array, which is bound to `$1`, as a table with a column `value`. The parts are
/// literals, `list` for the table of JSON values, `values` for the table of plain values, `(from_hex "expression")` for the
/// bytes of hexadecimal digits, and `(text macro!())` for a macro that returns a literal.
macro_rules! sql_for_list {
    ($enum:ident($value:expr), $($part:tt),+ $(,)?) => {
        match $value {
            #[cfg(feature = "sqlite")]
            $crate::database::$enum::Sqlite(_) => concat!($($crate::database::sql_for_list!(@sqlite $part)),+),
            #[cfg(feature = "postgres")]
            $crate::database::$enum::Postgres(_) => {
                concat!($($crate::database::sql_for_list!(@postgres $part)),+)
            }
        }
    };
    (@sqlite list) => { "json_each($1) AS list" };
    (@postgres list) => { "json_array_elements($1::json) AS list" };
    (@sqlite values) => { "json_each($1)" };
    (@postgres values) => { "json_array_elements_text($1::json)" };
    (@sqlite (from_hex $text:literal)) => { concat!("unhex(", $text, ")") };
    (@postgres (from_hex $text:literal)) => { concat!("decode(", $text, ", 'hex')") };
    (@$backend:ident (text $text:expr)) => { $text };
    (@$backend:ident $part:literal) => { $part };
}
pub(crate) use sql_for_list;

/// The maximum time to connect to a server when a queue is opened.
#[cfg(feature = "postgres")]
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum time to wait for a lock (SQLite) or for a connection (PostgreSQL).
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// The maximum time of a statement or a transaction of a worker, including the time that it waits for a lock.
const RESPONSE_TIMEOUT: Duration = Duration::from_mins(1);

/// Ends an operation of a worker with an error if the database does not respond, as a server whose machine was lost.
pub(crate) async fn in_time<T>(operation: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let result = tokio::time::timeout(RESPONSE_TIMEOUT, operation).await;
    result.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Unavailable, "the queue's database did not respond within a minute"))
    })
}

/// The cache of the connection that writes, in KiB. Keys are hashes, so each row changes other pages of their index.
#[cfg(feature = "sqlite")]
const WRITE_CACHE_SIZE: &str = "-4096";

/// The length of the write-ahead log, in pages of 4 KiB, from which its pages are copied to the file. In a large file, most
/// of them differ, and each copy waits for the disk.
#[cfg(feature = "sqlite")]
const PAGES_PER_CHECKPOINT: &str = "8000";

/// Ends the session of a worker that is suspended during a transaction, so that it does not keep its locks.
#[cfg(feature = "postgres")]
const END_IDLE_TRANSACTIONS: &str = "SET idle_in_transaction_session_timeout = '10s'";

/// A pool of connections to the database of a queue. Cheap to clone.
#[derive(Clone)]
pub(crate) enum Pool {
    #[cfg(feature = "sqlite")]
    Sqlite(SqlitePool),
    #[cfg(feature = "postgres")]
    Postgres(PgPool),
}

/// The database of a queue.
#[derive(Clone)]
pub(crate) struct Database {
    /// For reads. With PostgreSQL, this is the same pool as `writes`.
    pub(crate) reads: Pool,
    /// For writes, with a single connection to a SQLite file: several would wait for the lock of the file in SQLite, which
    /// sleeps, and not in the pool.
    ///
    /// The last commits to a SQLite file may be lost in a power cut, which is safe for assignments and heartbeats: rows are
    /// then assigned again, and the ledger determines which work remains. Other data is written in transactions that
    /// [`begin`](Self::begin) begins.
    pub(crate) writes: Pool,
    last_failure: LastFailure,
}

/// The time of the last failure of the database. Older connections to a SQLite file are not used again, because after an
/// error of the disk they can fail even when the disk works again.
#[derive(Clone, Default)]
struct LastFailure(Arc<Mutex<Option<Instant>>>);

impl LastFailure {
    fn record(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Checks whether a connection of this age was opened after the last failure.
    #[cfg(feature = "sqlite")]
    fn is_before_connection(&self, age: Duration) -> bool {
        let last_failure = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last_failure.is_none_or(|failure| failure.elapsed() > age)
    }
}

/// A transaction on either backend.
pub(crate) enum Transaction {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Database {
    /// Connects to a database, creates it if necessary, and updates the schema.
    pub(crate) async fn open(location: &QueueLocation) -> Result<Self, Error> {
        let database = Self::connect(location).await?;
        database.migrate().await?;
        Ok(database)
    }

    /// Connects to the database of an existing queue, and updates the schema.
    pub(crate) async fn open_existing(location: &QueueLocation) -> Result<Self, Error> {
        let not_found = || Error::new(ErrorKind::NotFound, "no queue exists at this location");
        if let QueueLocation::Sqlite(path) = location
            && !path.is_file()
        {
            // Connecting would create the file.
            return Err(not_found());
        }
        let database = Self::connect(location).await?;
        let sql = "SELECT count(*) FROM carium_queue";
        let queues: Result<i64, sqlx::Error> =
            for_backend!(Pool, &database.reads, pool => sqlx::query_scalar(sql).fetch_one(pool).await);
        match queues {
            // The database rejects the query if the table does not exist.
            Ok(0) | Err(sqlx::Error::Database(_)) => Err(not_found()),
            Err(error) => Err(unavailable(error)),
            // A current schema is not written, so that a queue can be read while its disk is full.
            Ok(_) if database.has_current_schema().await? => Ok(database),
            Ok(_) => database.migrate().await.map(|()| database),
        }
    }

    /// Records that the database failed, so that no connection from before the failure is used again.
    pub(crate) fn record_failure(&self) {
        self.last_failure.record();
    }

    async fn connect(location: &QueueLocation) -> Result<Self, Error> {
        match location {
            #[cfg(feature = "sqlite")]
            QueueLocation::Sqlite(path) => {
                check_is_queue_file(path).await?;
                let options = sqlite_options(path).await;
                let last_failure = LastFailure::default();
                let pool = |max_connections| {
                    let last_failure = last_failure.clone();
                    SqlitePoolOptions::new()
                        .max_connections(max_connections)
                        // A transaction that waits for the lock of the file fails first, with the reason.
                        .acquire_timeout(2 * LOCK_TIMEOUT)
                        // A file needs no ping.
                        .test_before_acquire(false)
                        .before_acquire(move |_, connection| {
                            let is_usable = last_failure.is_before_connection(connection.age);
                            Box::pin(async move { Ok(is_usable) })
                        })
                };
                let reads = pool(4).connect_with(options.clone()).await.map_err(open_error)?;
                let options = options
                    .pragma("cache_size", WRITE_CACHE_SIZE)
                    .pragma("wal_autocheckpoint", PAGES_PER_CHECKPOINT);
                let writes = pool(1).connect_with(options).await.map_err(open_error)?;
                Ok(Self { reads: Pool::Sqlite(reads), writes: Pool::Sqlite(writes), last_failure })
            }
            #[cfg(feature = "postgres")]
            QueueLocation::Postgres(text) => {
                let options = location::postgres_options(text)?.disable_statement_logging();
                // A pool repeats a refused connection until its timeout, and does not return the reason.
                let checked = tokio::time::timeout(CONNECT_TIMEOUT, check_sessions(&options)).await;
                checked
                    .unwrap_or_else(|_| Err(open_error(io::Error::from(io::ErrorKind::TimedOut).into())))?;
                let pool = PgPoolOptions::new().max_connections(16).acquire_timeout(LOCK_TIMEOUT);
                let pool = pool.after_connect(|connection, _| {
                    Box::pin(async {
                        connection.execute(sqlx::raw_sql(END_IDLE_TRANSACTIONS)).await.map(drop)
                    })
                });
                let pool = Pool::Postgres(pool.connect_lazy_with(options));
                Ok(Self { reads: pool.clone(), writes: pool, last_failure: LastFailure::default() })
            }
            #[allow(unreachable_patterns, reason = "reachable if a feature is disabled")]
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                "this program was built without support for this kind of database: enable the feature `sqlite` or `postgres` \
                 of `carium-bulk`",
            )),
        }
    }

    /// Begins a write transaction, which is on disk when it was committed.
    pub(crate) async fn begin(&self) -> Result<Transaction, Error> {
        self.writes.begin_with(Durability::Full).await
    }

    /// Begins a write transaction, which in a SQLite file may be lost in a power cut.
    pub(crate) async fn begin_not_durable(&self) -> Result<Transaction, Error> {
        self.writes.begin_with(Durability::Normal).await
    }

    /// Begins a read transaction, all of whose queries see the same snapshot.
    pub(crate) async fn begin_read(&self) -> Result<Transaction, Error> {
        match &self.reads {
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool) => pool.begin().await.map(Transaction::Sqlite).map_err(unavailable),
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => {
                let begin = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";
                pool.begin_with(begin).await.map(Transaction::Postgres).map_err(unavailable)
            }
        }
    }

    /// Returns the time of the database's clock in nanoseconds since 1970. All workers of a queue use this clock.
    #[cfg_attr(
        not(feature = "postgres"),
        allow(clippy::unused_async, reason = "PostgreSQL is queried for the time")
    )]
    pub(crate) async fn now(&self) -> Result<i64, Error> {
        match &self.reads {
            // All workers of a queue in a file are on this machine.
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(_) => {
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                Ok(nanoseconds(since))
            }
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => {
                let now = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint";
                sqlx::query_scalar(now).fetch_one(pool).await.map_err(unavailable)
            }
        }
    }

    /// Checks whether the database stores the rows themselves, encrypted. A server does, because its workers may be
    /// on machines that do not have the submitted file.
    pub(crate) fn stores_rows(&self) -> bool {
        match &self.reads {
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Pool::Postgres(_) => true,
        }
    }

    /// Returns the path of the file, if the database is one.
    #[cfg_attr(
        not(feature = "postgres"),
        allow(clippy::unnecessary_wraps, reason = "a database on a server has no file")
    )]
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match &self.reads {
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool) => Some(pool.connect_options().get_filename().to_owned()),
            #[cfg(feature = "postgres")]
            Pool::Postgres(_) => None,
        }
    }

    pub(crate) async fn close(&self) {
        for_backend!(Pool, &self.writes, pool => pool.close().await);
        for_backend!(Pool, &self.reads, pool => pool.close().await);
    }
}

impl Pool {
    #[cfg_attr(
        not(feature = "sqlite"),
        allow(unused_variables, reason = "PostgreSQL always waits for the disk")
    )]
    async fn begin_with(&self, durability: Durability) -> Result<Transaction, Error> {
        let pool = self.clone();
        // On a separate task, so that a canceled call does not return a connection to the pool with an open transaction.
        let begin = tokio::spawn(async move {
            match pool {
                #[cfg(feature = "sqlite")]
                Self::Sqlite(pool) => pool.begin_with(durability.sqlite()).await.map(Transaction::Sqlite),
                #[cfg(feature = "postgres")]
                Self::Postgres(pool) => pool.begin().await.map(Transaction::Postgres),
            }
        });
        begin.await.map_err(|_| shutting_down())?.map_err(unavailable)
    }
}

/// Whether the commit of a transaction waits until it is on disk. PostgreSQL always waits.
#[derive(Clone, Copy)]
enum Durability {
    Full,
    Normal,
}

impl Durability {
    /// Returns the statements that begin a transaction of SQLite, which takes the lock of the file at once.
    #[cfg(feature = "sqlite")]
    fn sqlite(self) -> &'static str {
        match self {
            Self::Full => "PRAGMA synchronous = FULL; BEGIN IMMEDIATE",
            Self::Normal => "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE",
        }
    }
}

impl Transaction {
    pub(crate) async fn commit(self) -> Result<(), Error> {
        for_backend!(Transaction, self, transaction => transaction.commit().await).map_err(unavailable)
    }
}

/// Connects to a server twice, and checks that the connections are separate sessions. Behind a pooler in transaction mode they
/// are not: a prepared statement of one could be run in place of one of the other.
#[cfg(feature = "postgres")]
async fn check_sessions(options: &PgConnectOptions) -> Result<(), Error> {
    let mut first = PgConnection::connect_with(options).await.map_err(open_error)?;
    let mut second = PgConnection::connect_with(options).await.map_err(open_error)?;
    for (connection, name) in [(&mut first, "first"), (&mut second, "second")] {
        let set = sqlx::AssertSqlSafe(format!("SET carium.session = '{name}'"));
        connection.execute(sqlx::raw_sql(set)).await.map_err(open_error)?;
    }
    let row = first.fetch_one(sqlx::raw_sql("SHOW carium.session")).await.map_err(open_error)?;
    let session: String = row.try_get(0).map_err(open_error)?;
    // An error at the end of a session does not matter.
    let _ = (first.close().await, second.close().await);
    if session == "first" { Ok(()) } else { Err(Error::new(ErrorKind::InvalidInput, error::NO_SESSIONS)) }
}

/// Rejects a database file of another program without changing it.
#[cfg(feature = "sqlite")]
async fn check_is_queue_file(path: &Path) -> Result<(), Error> {
    if length(path) == 0 {
        return Ok(());
    }
    let foreign_tables = match count_foreign_tables(read_only_options(path)).await {
        // A transaction was interrupted, which only a connection that can write may undo. In a queue, this happens before
        // its log of changes is set up; any program that opens the file does the same.
        Err(error) if is_interrupted_transaction(&error) => {
            count_foreign_tables(SqliteConnectOptions::new().filename(path).busy_timeout(LOCK_TIMEOUT)).await
        }
        result => result,
    };
    if foreign_tables.map_err(open_error)? > 0 {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "the file is not a queue: it is a database of another program",
        ));
    }
    Ok(())
}

/// Counts the tables of a file if none of them belongs to a queue.
#[cfg(feature = "sqlite")]
async fn count_foreign_tables(options: SqliteConnectOptions) -> Result<i64, sqlx::Error> {
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
        AND NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'carium_queue')";
    let count = sqlx::query_scalar(sql).fetch_one(&pool).await;
    pool.close().await;
    count
}

/// Checks whether a file has an interrupted transaction, which a connection that cannot write cannot undo.
#[cfg(feature = "sqlite")]
fn is_interrupted_transaction(error: &sqlx::Error) -> bool {
    // SQLITE_READONLY_ROLLBACK
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "776")
}

/// Returns the options to open a file, and creates the file if it does not exist. A file that cannot be written is opened
/// to be read.
#[cfg(feature = "sqlite")]
async fn sqlite_options(path: &Path) -> SqliteConnectOptions {
    let is_new = length(path) == 0;
    if !is_new && is_read_only(path) {
        return read_only_options(path);
    }
    create_private_file(path).await;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(LOCK_TIMEOUT)
        .disable_statement_logging()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        // No temporary files, which would hold parts of the ledger.
        .pragma("temp_store", "MEMORY")
        // In KiB, for each connection. The file is cached by the operating system.
        .pragma("cache_size", "-512")
        // Overwrites deleted data, such as upload forms, where that needs no further writes.
        .pragma("secure_delete", "FAST");
    // In an existing file, this would write to the disk, which may be full.
    if is_new { options.auto_vacuum(SqliteAutoVacuum::Incremental) } else { options }
}

#[cfg(feature = "sqlite")]
fn read_only_options(path: &Path) -> SqliteConnectOptions {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    // Without a log of changes, SQLite needs no further files, which it cannot create in a read-only folder.
    let is_immutable = is_read_only(path) && length(log.as_ref()) == 0;
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(LOCK_TIMEOUT);
    options.disable_statement_logging().read_only(true).immutable(is_immutable)
}

/// Returns the length of a file, or zero if there is none.
#[cfg(feature = "sqlite")]
fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[cfg(feature = "sqlite")]
fn is_read_only(path: &Path) -> bool {
    let opened = std::fs::OpenOptions::new().append(true).open(path);
    opened.is_err_and(|error| {
        matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
    })
}

/// Creates an empty file that only this user can read, unless the file exists. SQLite gives its other files the same
/// permissions. If this fails, SQLite cannot open the file and reports the error. SQLite itself does not create the file, so
/// that a connection that is opened later does not replace a deleted queue by an empty one.
#[cfg(feature = "sqlite")]
async fn create_private_file(path: &Path) {
    let mut options = tokio::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    options.mode(0o600);
    let _ = options.open(path).await;
}

/// Returns the error for a task that was canceled because the runtime is shutting down.
pub(crate) fn shutting_down() -> Error {
    Error::new(ErrorKind::Canceled, "the program is shutting down")
}

/// Converts a number to the signed type of the database columns.
pub(crate) fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Converts a stored number that is never negative.
pub(crate) fn to_u64(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Converts a duration to the unit in which times are stored.
pub(crate) fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// Serializes a value for a database column or a report.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, Error> {
    let json = serde_json::to_string(value);
    json.map_err(|_| Error::new(ErrorKind::InvalidInput, "a value of the queue cannot be written as JSON"))
}

/// Runs an operation until it succeeds, at most `max_retries` times more than once. The delay grows by `step` with each
/// retry.
pub(crate) async fn retry<T, E, F: Future<Output = Result<T, E>>>(
    max_retries: u32,
    step: Duration,
    mut operation: impl FnMut() -> F,
) -> Result<T, E> {
    let mut retries = 0;
    loop {
        match operation().await {
            Err(_) if retries < max_retries => retries += 1,
            result => return result,
        }
        tokio::time::sleep(step * retries).await;
    }
}
