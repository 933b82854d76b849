//! Assignment of rows to workers.
//!
//! The row store is the queue: a pending row has the time from which it may be processed, and the worker that it is
//! assigned to. An assignment lasts until the worker stores the outcome of the row, or until the worker is stale. A worker
//! is stale when it stops sending heartbeats, no matter how long its rows take.

use carium::Error;

use crate::database::{Database, Pool, Transaction, json, run_sql, sql_for_list, to_i64};
use crate::row_store::RowId;

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
}
