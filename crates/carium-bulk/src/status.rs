//! The number of rows in each state.

use carium::Error;

use crate::OnboardingQueue;
use crate::database::{for_backend, unavailable};

/// The number of rows in each state. Every submitted row is in exactly one state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowCounts {
    /// Rows that wait for a worker or for a retry.
    pub pending: u64,
    /// Rows that a worker is processing.
    pub running: u64,
    /// Rows whose steps are all completed.
    pub completed: u64,
    /// Rows with a step that failed. A person must fix the cause and [retry](OnboardingQueue::retry) them.
    pub failed: u64,
    /// Rows with a step whose outcome is unknown. A person must check it in Carium and
    /// [resolve](OnboardingQueue::resolve) it.
    pub unknown: u64,
}

impl RowCounts {
    /// Returns the total number of rows.
    pub fn rows(&self) -> u64 {
        self.pending + self.running + self.completed + self.failed + self.unknown
    }

    /// Returns the number of parked rows: those that are failed or unknown.
    pub fn parked(&self) -> u64 {
        self.failed + self.unknown
    }
}

impl OnboardingQueue {
    /// Counts the rows in each state.
    ///
    /// # Errors
    /// [`Unavailable`](carium::ErrorKind::Unavailable): the database cannot be used.
    pub async fn status(&self) -> Result<RowCounts, Error> {
        let mut transaction = self.0.database.begin_read().await?;
        let sql = "SELECT state, count(*) FROM carium_row GROUP BY state";
        let states: Vec<(String, i64)> = for_backend!(Transaction, &mut transaction, transaction => {
            sqlx::query_as(sql).fetch_all(&mut **transaction).await.map_err(unavailable)?
        });
        let running = self.0.engine.count_running(&mut transaction).await?;
        transaction.commit().await?;
        let mut counts = RowCounts::default();
        for (state, rows) in states {
            let rows = u64::try_from(rows).unwrap_or(0);
            match state.as_str() {
                "completed" => counts.completed = rows,
                "failed" => counts.failed = rows,
                "unknown" => counts.unknown = rows,
                _ => counts.pending += rows,
            }
        }
        counts.running = running.min(counts.pending);
        counts.pending -= counts.running;
        Ok(counts)
    }
}
