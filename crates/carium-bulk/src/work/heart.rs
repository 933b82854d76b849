//! A worker's heart: while it beats, the worker's rows are its own.

use std::sync::Arc;
use std::time::Duration;

use carium::Error;

use crate::database::{either, unavailable};
use crate::limits::Gate;
use crate::queue::Parts;
use crate::work::row::AtWork;

/// How long a heart may be silent. What its rows' calls came to is judged by the ledger, so a worker that is taken for
/// dead too soon costs some rows a second look, and no patient a second record.
const SILENCE: Duration = Duration::from_secs(5);

/// The heart of one worker.
pub(crate) struct Heart {
    parts: Arc<Parts>,
    gate: Gate,
    at_work: AtWork,
    worker: String,
}

impl Heart {
    pub(crate) fn new(parts: Arc<Parts>, gate: Gate, at_work: AtWork) -> Self {
        // Of no machine and no user: it is kept, and logged.
        let worker = format!("carium-{}-{:016x}", std::process::id(), fastrand::u64(..));
        Self { parts, gate, at_work, worker }
    }

    /// The name of the worker.
    pub(crate) fn worker(&self) -> &str {
        &self.worker
    }

    /// Beats once: this worker lives, what the dead had is on the queue again, and the shares are fair.
    pub(crate) async fn beat(&self) -> Result<(), Error> {
        let share = self.gate.share();
        let has = self.at_work.rows();
        let now = self.parts.database.now().await?;
        let mut transaction = self.parts.database.engine.begin().await?;
        let was_dead = either!(Transaction, &mut transaction, transaction => {
            let beat = sqlx::query("UPDATE carium_worker SET beat = $1 WHERE id = $2").bind(now).bind(&self.worker);
            let was_dead = beat.execute(&mut **transaction).await.map_err(unavailable)?.rows_affected() == 0;
            if was_dead {
                let born = sqlx::query("INSERT INTO carium_worker (id, beat) VALUES ($1, $2)");
                born.bind(&self.worker).bind(now).execute(&mut **transaction).await.map_err(unavailable)?;
            }
            let silence = i64::try_from(SILENCE.as_nanos()).unwrap_or(i64::MAX);
            let dead = sqlx::query("DELETE FROM carium_worker WHERE beat < $1").bind(now - silence);
            dead.execute(&mut **transaction).await.map_err(unavailable)?;
            was_dead
        });
        if was_dead {
            share.lose();
        }
        let mut rows = self.parts.engine.take_from_the_dead(&mut transaction).await?;
        rows.extend(self.parts.engine.take_what_got_lost(&mut transaction, &self.worker, &has).await?);
        self.parts.engine.enqueue(&mut transaction, &rows).await?;
        let balance = share.balance(&self.worker, &mut transaction).await?;
        transaction.commit().await?;
        share.settle(balance);
        if !rows.is_empty() {
            tracing::info!(rows = rows.len(), "took up what a dead worker had, or none");
        }
        Ok(())
    }

    /// The last of it: what this worker still had is the others' at their next beat.
    pub(crate) async fn end(&self) {
        let ended = either!(Pool, &self.parts.database.engine, pool => {
            let end = sqlx::query("DELETE FROM carium_worker WHERE id = $1").bind(&self.worker);
            end.execute(pool).await.map(drop).map_err(unavailable)
        });
        if let Err(error) = ended {
            tracing::warn!(%error, "the worker could not be signed off: it is taken for dead in some seconds");
        }
    }
}
