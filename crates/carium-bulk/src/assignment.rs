//! Assignment of rows to workers.
//!
//! The row store is the queue: a pending row has the time from which it may be processed, and the worker that it is
//! assigned to. An assignment lasts until the worker stores the outcome of the row, or until the worker is stale. A worker
//! is stale when it stops sending heartbeats, no matter how long its rows take.

use carium::Error;

use crate::database::{Database, Pool, Transaction, json, nanoseconds, run_sql, sql_for_list, to_i64};
use crate::row_store::RowId;
use crate::worker::MAX_ROW_DELAY;

/// The statement that assigns rows. The condition is that of the index `carium_row_due`. The version is the fencing token:
/// results of an earlier assignment no longer match it.
macro_rules! assign_rows {
    ($index:literal, $lock:literal) => {
        concat!(
            "WITH due AS MATERIALIZED (
                SELECT id FROM carium_row ",
            $index,
            " WHERE state = 'pending' AND worker IS NULL AND next_attempt <= $1 ORDER BY next_attempt, id LIMIT $2 ",
            $lock,
            ") UPDATE carium_row SET worker = $3, version = version + 1 WHERE id IN (SELECT id FROM due) RETURNING id"
        )
    };
}

/// The statement that makes rows due. Its condition is that of the index, too.
macro_rules! advance_rows {
    ($index:literal) => {
        concat!(
            "UPDATE carium_row ",
            $index,
            " SET next_attempt = $1 WHERE state = 'pending' AND worker IS NULL AND next_attempt > $2"
        )
    };
}

impl Database {
    /// Assigns rows that are due to a registered worker, and returns their IDs: at most `limit`, in the order in which they
    /// were submitted, and then those that are retried. After an error, rows may be assigned nevertheless.
    pub(crate) async fn assign_rows(&self, worker: &str, limit: usize) -> Result<Vec<RowId>, Error> {
        let sql = match &self.writes {
            #[cfg(feature = "sqlite")]
            // SQLite would read all pending rows, by the index of their state.
            Pool::Sqlite(_) => assign_rows!("INDEXED BY carium_row_due", ""),
            // Several workers assign different rows at the same time.
            #[cfg(feature = "postgres")]
            Pool::Postgres(_) => assign_rows!("", "FOR UPDATE SKIP LOCKED"),
        };
        let (now, limit) = (self.now().await?, to_i64(limit as u64));
        let mut transaction = self.begin_not_durable().await?;
        let mut rows: Vec<RowId> =
            run_sql!(Transaction(&mut transaction), query_scalar(sql, now, limit, worker).fetch_all)?;
        transaction.commit().await?;
        rows.sort_unstable();
        Ok(rows)
    }

    /// Ends the assignments of a worker, except those of the rows that it processes.
    pub(crate) async fn release_rows(&self, worker: &str, in_progress: &[RowId]) -> Result<u64, Error> {
        let sql = sql_for_list!(
            Pool(&self.writes),
            "UPDATE carium_row SET worker = NULL
            WHERE worker = $2 AND carium_row.id NOT IN (SELECT CAST(value AS BIGINT) FROM ",
            values,
            ")"
        );
        run_sql!(Pool(&self.writes), query(sql, json(&in_progress)?, worker).execute)
    }
}

impl Transaction {
    /// Ends the assignments of workers that are no longer registered, and returns their number. Results that such a worker
    /// stores later have no effect, unless the row is completed.
    pub(crate) async fn release_rows_of_stale_workers(&mut self) -> Result<u64, Error> {
        let sql = "UPDATE carium_row SET worker = NULL
            WHERE worker IS NOT NULL AND worker NOT IN (SELECT id FROM carium_worker)";
        run_sql!(Transaction(self), query(sql).execute)
    }

    /// Makes rows due that would wait longer than any row has to, because the clock was set back since.
    pub(crate) async fn advance_rows_after_clock_change(&mut self, now: i64) -> Result<(), Error> {
        let latest = now.saturating_add(nanoseconds(MAX_ROW_DELAY));
        let sql = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => advance_rows!("INDEXED BY carium_row_due"),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => advance_rows!(""),
        };
        run_sql!(Transaction(self), query(sql, now, latest).execute).map(drop)
    }
}

#[cfg(all(test, feature = "sqlite"))]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::Duration;

    use fastrand::Rng;

    use super::*;
    use crate::database::QueueLocation;
    use crate::row_store::{NewRow, RowState, RowUpdate};
    use crate::rows::RowLocation;

    const WORKERS: [&str; 2] = ["registered", "stale"];
    const OPEN_STATES: [RowState; 3] = [RowState::Pending, RowState::Failed, RowState::Unknown];

    /// A row with the rules that the model of `tests/model.rs` has, too.
    #[derive(Clone, Debug, PartialEq)]
    struct Row {
        state: RowState,
        version: i64,
        attempts: i64,
        worker: String,
    }

    impl Row {
        fn update(&mut self, update: &RowUpdate) -> bool {
            let is_applied =
                self.state != RowState::Completed && (self.version == update.version || update.is_final);
            if is_applied {
                let (state, attempts) = (update.state, update.attempts);
                *self = Self { state, version: self.version + 1, attempts, worker: String::new() };
            }
            is_applied
        }
    }

    async fn stored(database: &Database) -> Vec<Row> {
        let sql = "SELECT id, coalesce(worker, '') FROM carium_row ORDER BY id";
        let workers: Vec<(RowId, String)> = run_sql!(Pool(&database.reads), query_as(sql).fetch_all).unwrap();
        let ids: Vec<_> = workers.iter().map(|(id, _)| *id).collect();
        let rows = database.rows(&ids).await.unwrap();
        let with_worker = rows.into_iter().zip(workers);
        let row = |(row, (_, worker)): (crate::row_store::StoredRow, _)| Row {
            state: row.state,
            version: row.version,
            attempts: row.attempts,
            worker,
        };
        with_worker.map(row).collect()
    }

    #[tokio::test]
    async fn random_operations_follow_the_rules_of_the_model() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&QueueLocation::Sqlite(folder.path().join("queue.db"))).await.unwrap();
        let location = RowLocation { line: 1, offset: 0, length: 1 };
        let new_row = |number| NewRow {
            key: format!("row {number}"),
            digest: String::new(),
            file: None,
            location,
            encrypted: None,
        };
        let mut transaction = database.begin().await.unwrap();
        transaction.insert_rows(&(0..6).map(new_row).collect::<Vec<_>>()).await.unwrap();
        let sql = "INSERT INTO carium_worker (id, last_heartbeat) VALUES ($1, 0)";
        run_sql!(Transaction(&mut transaction), query(sql, WORKERS[0]).execute).unwrap();
        transaction.commit().await.unwrap();
        let mut rows = stored(&database).await;
        let (mut random, mut applied, mut refused) = (Rng::with_seed(1), 0, 0);
        for number in 0..600 {
            let index = random.usize(0..rows.len());
            let (id, worker) = (to_i64(index as u64 + 1), WORKERS[random.usize(0..2)]);
            let operation = random.usize(0..10);
            match operation {
                0..3 => {
                    let is_due = |row: &&Row| row.state == RowState::Pending && row.worker.is_empty();
                    let limit = random.usize(1..4);
                    let assigned = database.assign_rows(worker, limit).await.unwrap();
                    assert_eq!(assigned.len(), rows.iter().filter(is_due).count().min(limit), "{number}");
                    for id in assigned {
                        let row = &mut rows[usize::try_from(id).unwrap() - 1];
                        assert!(is_due(&&*row), "{number}");
                        (row.version, row.worker) = (row.version + 1, worker.to_owned());
                    }
                }
                3..7 => {
                    // Completed rows are rare, because they stay completed.
                    let is_final = random.usize(0..40) == 0;
                    let state = if is_final { RowState::Completed } else { OPEN_STATES[random.usize(0..3)] };
                    let version = rows[index].version - random.i64(0..2);
                    let (attempts, delay) = (random.i64(0..9), Duration::ZERO);
                    let (outcome, failure) = (None, None);
                    let update =
                        RowUpdate { row: id, version, state, attempts, outcome, failure, delay, is_final };
                    let mut transaction = database.begin().await.unwrap();
                    let updated = transaction.update_rows(&[&update], 0).await.unwrap();
                    transaction.commit().await.unwrap();
                    let is_applied = rows[index].update(&update);
                    assert_eq!(updated.contains(&id), is_applied, "{number}");
                    (applied, refused) = (applied + i32::from(is_applied), refused + i32::from(!is_applied));
                }
                7 => {
                    database.release_rows(worker, &[id]).await.unwrap();
                    let others = rows.iter_mut().enumerate().filter(|(other, _)| *other != index);
                    others.filter(|(_, row)| row.worker == worker).for_each(|(_, row)| row.worker.clear());
                }
                8 => {
                    let mut transaction = database.begin().await.unwrap();
                    transaction.release_rows_of_stale_workers().await.unwrap();
                    transaction.commit().await.unwrap();
                    rows.iter_mut().filter(|row| row.worker == WORKERS[1]).for_each(|row| row.worker.clear());
                }
                _ => {
                    let mut transaction = database.begin().await.unwrap();
                    transaction.set_pending(id).await.unwrap();
                    transaction.commit().await.unwrap();
                    let row = &mut rows[index];
                    if row.state != RowState::Completed {
                        (row.state, row.version) = (RowState::Pending, row.version + 1);
                        row.worker.clear();
                    }
                }
            }
            assert_eq!(stored(&database).await, rows, "{number}: {operation}");
        }
        assert!(applied > 50 && refused > 50, "{applied}, {refused}");
    }
}
