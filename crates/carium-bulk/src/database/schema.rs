//! The tables of a queue, and how an older set of them becomes the newest.

use std::time::Duration;

use carium::{Error, ErrorKind};
use riverqueue::migrate::MIGRATION_VERSION_LATEST;
#[cfg(feature = "postgres")]
use riverqueue::migrate::PostgresMigrator;
#[cfg(feature = "sqlite")]
use riverqueue::migrate::SqliteMigrator;

use super::{Database, Pool, Transaction, either, unavailable};

/// What each version adds. Never edited once it was released, only added to.
const VERSIONS: &[&[&str]] = &[&[
    // What the queue is for. One row, made with the queue.
    "CREATE TABLE carium_queue (
        only_one BIGINT PRIMARY KEY CHECK (only_one = 1),
        base_url TEXT NOT NULL,
        organization TEXT,
        salt {bytes} NOT NULL,
        key_check {bytes}
    )",
    // The files whose rows were submitted: what a worker reads them from.
    "CREATE TABLE carium_file (
        id {serial},
        path TEXT NOT NULL,
        options TEXT NOT NULL,
        length BIGINT NOT NULL,
        sha256 TEXT NOT NULL,
        UNIQUE (path, options, length, sha256)
    )",
    // The books: every row that was ever submitted, and what came of it.
    "CREATE TABLE carium_row (
        id {serial},
        row_key TEXT NOT NULL UNIQUE,
        digest TEXT NOT NULL,
        file_id BIGINT,
        line BIGINT NOT NULL,
        place_offset BIGINT NOT NULL,
        place_length BIGINT NOT NULL,
        sealed {bytes},
        state TEXT NOT NULL CHECK (state IN ('pending', 'completed', 'failed', 'unknown')),
        tries BIGINT NOT NULL DEFAULT 0,
        version BIGINT NOT NULL DEFAULT 0,
        outcome TEXT,
        failure TEXT
    )",
    "CREATE INDEX carium_row_state ON carium_row (state, id)",
    // What was intended, and what came of it: one entry for each step of each row.
    "CREATE TABLE carium_ledger (
        row_key TEXT NOT NULL,
        step TEXT NOT NULL,
        mark TEXT NOT NULL,
        entry TEXT NOT NULL,
        PRIMARY KEY (row_key, step)
    )",
    // Who is at work, when they were last heard of, and their share of the calls in flight.
    "CREATE TABLE carium_worker (
        id TEXT PRIMARY KEY,
        beat BIGINT NOT NULL,
        share BIGINT NOT NULL DEFAULT 0,
        wanted BIGINT NOT NULL DEFAULT 0
    )",
    // What all workers share. No interval and no in_flight: no limit.
    "CREATE TABLE carium_limit (
        only_one BIGINT PRIMARY KEY CHECK (only_one = 1),
        spacing BIGINT,
        in_flight BIGINT,
        next_call BIGINT NOT NULL DEFAULT 0
    )",
    "INSERT INTO carium_limit (only_one) VALUES (1)",
]];

/// The table that says which version it is.
const VERSION: &str = "CREATE TABLE IF NOT EXISTS carium_version (
    only_one BIGINT PRIMARY KEY CHECK (only_one = 1), version BIGINT NOT NULL
)";

/// Any number: what those who migrate one server's database at the same time wait for each other on.
#[cfg(feature = "postgres")]
const LOCK: i64 = 0x0063_6172_6975_6d01;

impl Database {
    /// Makes the tables, or what is missing of them.
    pub(super) async fn migrate(&self) -> Result<(), Error> {
        self.migrate_engine().await?;
        let mut transaction = self.begin().await?;
        match &mut transaction {
            // It has begun as the one that writes.
            #[cfg(feature = "sqlite")]
            Transaction::Sqlite(_) => {}
            #[cfg(feature = "postgres")]
            Transaction::Postgres(transaction) => {
                let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK);
                lock.execute(&mut **transaction).await.map_err(unavailable)?;
            }
        }
        let version: i64 = either!(Transaction, &mut transaction, transaction => {
            sqlx::query(VERSION).execute(&mut **transaction).await.map_err(unavailable)?;
            let version = sqlx::query_scalar("SELECT version FROM carium_version");
            version.fetch_optional(&mut **transaction).await.map_err(unavailable)?.unwrap_or(0)
        });
        let known = VERSIONS.len() as u64;
        let version = u64::try_from(version).unwrap_or(u64::MAX);
        if version > known {
            return Err(newer());
        }
        if version < known {
            for statement in
                VERSIONS.iter().skip(usize::try_from(version).unwrap_or(usize::MAX)).copied().flatten()
            {
                transaction.define(statement).await?;
            }
            either!(Transaction, &mut transaction, transaction => {
                let note = "INSERT INTO carium_version (only_one, version) VALUES (1, $1)
                    ON CONFLICT (only_one) DO UPDATE SET version = excluded.version";
                let note = sqlx::query(note).bind(i64::try_from(known).unwrap_or(i64::MAX));
                note.execute(&mut **transaction).await.map_err(unavailable)?;
            });
        }
        transaction.commit().await
    }

    /// Makes the engine's tables.
    async fn migrate_engine(&self) -> Result<(), Error> {
        let failed = |error: riverqueue::migrate::Error| {
            Error::new(ErrorKind::Unavailable, "the queue's tables cannot be made").with_source(error)
        };
        // Another process may be at the same, and the engine's own migrations do not wait for one another.
        let mut tries = 0;
        loop {
            let migrated = match &self.durable {
                #[cfg(feature = "sqlite")]
                Pool::Sqlite(pool) => {
                    let migrator = SqliteMigrator::new(pool.clone());
                    refuse_newer(&migrator.existing_versions().await.map_err(failed)?)?;
                    migrator.migrate_up().await
                }
                #[cfg(feature = "postgres")]
                Pool::Postgres(pool) => {
                    let migrator = PostgresMigrator::new(pool.clone());
                    refuse_newer(&migrator.existing_versions().await.map_err(failed)?)?;
                    migrator.migrate_up().await
                }
            };
            match migrated {
                Ok(_) => return Ok(()),
                Err(error) if tries == TRIES => return Err(failed(error)),
                Err(_) => tries += 1,
            }
            tokio::time::sleep(Duration::from_millis(100) * tries).await;
        }
    }
}

/// How often the engine's migrations are begun again.
const TRIES: u32 = 10;

impl Transaction {
    /// Makes a table or an index.
    async fn define(&mut self, statement: &str) -> Result<(), Error> {
        let (bytes, serial) = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => ("BLOB", "INTEGER PRIMARY KEY"),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => ("BYTEA", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
        };
        let statement = statement.replace("{bytes}", bytes).replace("{serial}", serial);
        // All of it stands in this file.
        let statement = sqlx::AssertSqlSafe(statement);
        either!(Transaction, self, transaction => {
            sqlx::query(statement).execute(&mut **transaction).await.map_err(unavailable)?;
        });
        Ok(())
    }
}

fn refuse_newer(versions: &[i64]) -> Result<(), Error> {
    if versions.iter().any(|version| *version > MIGRATION_VERSION_LATEST) { Err(newer()) } else { Ok(()) }
}

fn newer() -> Error {
    Error::new(ErrorKind::Conflict, "the queue was made by a newer version of this program: use that one")
}
