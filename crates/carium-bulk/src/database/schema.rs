//! The schema of a queue's database and its migrations.

use carium::{Error, ErrorKind};

use super::{Database, Transaction, run_sql, to_i64};

/// The statements that each version adds. Released versions must not be edited; add a new one instead.
const VERSIONS: &[&[&str]] = &[
    &[
        // The target and the salt of the queue: one row, created with the queue.
        "CREATE TABLE carium_queue (
        singleton BIGINT PRIMARY KEY CHECK (singleton = 1),
        base_url TEXT NOT NULL,
        organization TEXT,
        salt {bytes} NOT NULL,
        key_check {bytes}
    )",
        // The submitted files, from which workers read the rows of a queue in a file.
        "CREATE TABLE carium_file (
        id {serial},
        path TEXT NOT NULL,
        options TEXT NOT NULL,
        length BIGINT NOT NULL,
        sha256 TEXT NOT NULL,
        UNIQUE (path, options, length, sha256)
    )",
        // The row store: every submitted row, with its state and outcome. `encrypted` is the row itself, for a queue on a
        // server.
        "CREATE TABLE carium_row (
        id {serial},
        row_key TEXT NOT NULL UNIQUE,
        digest TEXT NOT NULL,
        file_id BIGINT,
        line BIGINT NOT NULL,
        byte_offset BIGINT NOT NULL,
        byte_length BIGINT NOT NULL,
        encrypted {bytes},
        state TEXT NOT NULL CHECK (state IN ('pending', 'completed', 'failed', 'unknown')),
        attempts BIGINT NOT NULL DEFAULT 0,
        version BIGINT NOT NULL DEFAULT 0,
        outcome TEXT,
        failure TEXT
    )",
        "CREATE INDEX carium_row_state ON carium_row (state, id)",
        // The ledger: one entry for each step of each row.
        "CREATE TABLE carium_ledger (
        row_key TEXT NOT NULL,
        step TEXT NOT NULL,
        version TEXT NOT NULL,
        entry TEXT NOT NULL,
        PRIMARY KEY (row_key, step)
    )",
        // The running workers: their last heartbeat, and their share of and demand for calls in flight.
        "CREATE TABLE carium_worker (
        id TEXT PRIMARY KEY,
        last_heartbeat BIGINT NOT NULL,
        share BIGINT NOT NULL DEFAULT 0,
        demand BIGINT NOT NULL DEFAULT 0
    )",
        // The limits of all workers together. NULL means no limit. Times are in nanoseconds.
        "CREATE TABLE carium_limit (
        singleton BIGINT PRIMARY KEY CHECK (singleton = 1),
        call_interval BIGINT,
        max_in_flight BIGINT,
        next_call BIGINT NOT NULL DEFAULT 0
    )",
        "INSERT INTO carium_limit (singleton) VALUES (1)",
    ],
    &[
        // The outage that pauses all workers: one row, or none. Times are in nanoseconds.
        "CREATE TABLE carium_outage (
        singleton BIGINT PRIMARY KEY CHECK (singleton = 1),
        kind TEXT NOT NULL,
        message TEXT NOT NULL,
        since BIGINT NOT NULL,
        next_attempt BIGINT NOT NULL,
        attempts BIGINT NOT NULL
    )",
    ],
    &[
        // The state of an upload whose file is not uploaded yet, with its presigned form. Encrypted in a queue on a server.
        "ALTER TABLE carium_ledger ADD COLUMN upload {bytes}",
    ],
    &[
        // The assignment of rows. A pending row may be assigned from `next_attempt` on, in nanoseconds. `worker` is the worker
        // that it is assigned to. Earlier versions kept both in tables of a job queue, `river_…`, which are no longer used.
        "ALTER TABLE carium_row ADD COLUMN next_attempt BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE carium_row ADD COLUMN worker TEXT",
        "CREATE INDEX carium_row_due ON carium_row (next_attempt, id) WHERE state = 'pending' AND worker IS NULL",
        "CREATE INDEX carium_row_worker ON carium_row (worker) WHERE worker IS NOT NULL",
    ],
];

/// The table that holds the version of the schema.
const CREATE_VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS carium_version (
    singleton BIGINT PRIMARY KEY CHECK (singleton = 1), version BIGINT NOT NULL
)";

/// The ID of the advisory lock that serializes migrations. It is an arbitrary number.
#[cfg(feature = "postgres")]
const MIGRATION_LOCK: i64 = 0x0063_6172_6975_6d01;

impl Database {
    /// Creates or updates the tables.
    pub(super) async fn migrate(&self) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        match &mut transaction {
            // The transaction already holds the write lock.
            #[cfg(feature = "sqlite")]
            Transaction::Sqlite(_) => {}
            #[cfg(feature = "postgres")]
            Transaction::Postgres(transaction) => {
                let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK);
                lock.execute(&mut **transaction).await.map_err(super::unavailable)?;
            }
        }
        run_sql!(Transaction(&mut transaction), query(CREATE_VERSION_TABLE).execute)?;
        let sql = "SELECT version FROM carium_version";
        let version: Option<i64> = run_sql!(Transaction(&mut transaction), query_scalar(sql).fetch_optional)?;
        let version = usize::try_from(version.unwrap_or(0)).unwrap_or(usize::MAX);
        if version > VERSIONS.len() {
            return Err(newer_version());
        }
        if version < VERSIONS.len() {
            for statement in VERSIONS.iter().skip(version).copied().flatten() {
                transaction.execute_ddl(statement).await?;
            }
            let sql = "INSERT INTO carium_version (singleton, version) VALUES (1, $1)
                ON CONFLICT (singleton) DO UPDATE SET version = excluded.version";
            let latest = to_i64(VERSIONS.len() as u64);
            run_sql!(Transaction(&mut transaction), query(sql, latest).execute)?;
        }
        transaction.commit().await
    }

    /// Checks whether all tables have their current versions. Writes nothing.
    pub(super) async fn has_current_schema(&self) -> Result<bool, Error> {
        let sql = "SELECT version FROM carium_version";
        let version: Option<i64> = run_sql!(Pool(&self.reads), query_scalar(sql).fetch_optional)?;
        Ok(version == Some(to_i64(VERSIONS.len() as u64)))
    }
}

impl Transaction {
    /// Executes a statement of [`VERSIONS`] with the types of the backend.
    async fn execute_ddl(&mut self, statement: &str) -> Result<(), Error> {
        let (bytes, serial) = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => ("BLOB", "INTEGER PRIMARY KEY"),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => ("BYTEA", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
        };
        let statement = statement.replace("{bytes}", bytes).replace("{serial}", serial);
        // The statement consists only of constants of this file.
        let statement = sqlx::AssertSqlSafe(statement);
        run_sql!(Transaction(self), query(statement).execute).map(drop)
    }
}

fn newer_version() -> Error {
    Error::new(
        ErrorKind::Conflict,
        "the queue was created by a newer version of this program: update the program",
    )
}
