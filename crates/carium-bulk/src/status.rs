//! The books in numbers.

use carium::Error;

use crate::OnboardingQueue;
use crate::database::{either, unavailable};

/// How many rows are in which state: each row that was ever submitted is in exactly one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowCounts {
    /// They wait for their turn, or for another try.
    pub pending: u64,
    /// A worker has them.
    pub running: u64,
    /// Everything that they ask for is done.
    pub completed: u64,
    /// Something cannot be done: a person has to mend it, and to have it [tried again](OnboardingQueue::retry).
    pub failed: u64,
    /// Nobody knows whether something was done: a person has to look, and to [say so](OnboardingQueue::resolve).
    pub unknown: u64,
}

impl RowCounts {
    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.pending + self.running + self.completed + self.failed + self.unknown
    }
}

impl OnboardingQueue {
    /// How many rows are in which state.
    ///
    /// # Errors
    /// [`Unavailable`](carium::ErrorKind::Unavailable): the database.
    pub async fn status(&self) -> Result<RowCounts, Error> {
        let mut transaction = self.0.database.look().await?;
        let count = "SELECT state, count(*) FROM carium_row GROUP BY state";
        let states: Vec<(String, i64)> = either!(Transaction, &mut transaction, transaction => {
            sqlx::query_as(count).fetch_all(&mut **transaction).await.map_err(unavailable)?
        });
        let running = self.0.engine.running(&mut transaction).await?;
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
