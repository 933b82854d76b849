//! What all workers of a queue share: how many calls a second they make, and how many at a time.
//!
//! Both are kept in the database. A call each would cost more than the call, so a worker takes turns for some calls
//! at a time, and has a share of the calls in flight for as long as its heart beats.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use carium::{Error, ErrorKind};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use crate::database::{Database, Transaction, either, unavailable};

/// What all workers of a queue together keep to, on however many machines.
///
/// They count the calls that create something: a patient, an invitation, a document, an appointment. Lists, and files
/// on their way to the object store, are not among them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// How many calls begin in a second. `None`: as many as will.
    pub max_calls_per_second: Option<f64>,
    /// How many calls are under way at a time. `None`: as many as there are rows at work.
    pub max_in_flight: Option<u32>,
}

impl Limits {
    /// None.
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// So many calls a second.
    #[must_use]
    pub fn max_calls_per_second(mut self, calls: f64) -> Self {
        self.max_calls_per_second = Some(calls);
        self
    }

    /// So many calls at a time.
    #[must_use]
    pub fn max_in_flight(mut self, calls: u32) -> Self {
        self.max_in_flight = Some(calls);
        self
    }
}

const SECOND: f64 = 1e9;

impl Database {
    /// Keeps the limits, from now on and for everyone.
    pub(crate) async fn set_limits(&self, limits: Limits) -> Result<(), Error> {
        let rates = 0.001..=1_000_000.0;
        if limits.max_calls_per_second.is_some_and(|rate| !rates.contains(&rate))
            || limits.max_in_flight == Some(0)
        {
            let what =
                "a limit is out of range: from 0.001 to 1000000 calls a second, and at least 1 at a time";
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        #[allow(clippy::cast_possible_truncation, reason = "at the most a thousand seconds, in nanoseconds")]
        let spacing = limits.max_calls_per_second.map(|rate| (SECOND / rate) as i64);
        let set = "UPDATE carium_limit SET spacing = $1, in_flight = $2";
        either!(Pool, &self.durable, pool => {
            let set = sqlx::query(set).bind(spacing).bind(limits.max_in_flight.map(i64::from));
            set.execute(pool).await.map_err(unavailable)?;
        });
        Ok(())
    }

    /// The limits.
    pub(crate) async fn limits(&self) -> Result<Limits, Error> {
        let limits = "SELECT spacing, in_flight FROM carium_limit";
        let (spacing, in_flight): (Option<i64>, Option<i64>) = either!(Pool, &self.durable, pool => {
            sqlx::query_as(limits).fetch_one(pool).await.map_err(unavailable)?
        });
        #[allow(clippy::cast_precision_loss, reason = "a rate, to be shown")]
        let per_second = spacing.map(|spacing| SECOND / spacing as f64);
        Ok(Limits {
            max_calls_per_second: per_second,
            max_in_flight: in_flight.and_then(|limit| u32::try_from(limit).ok()),
        })
    }

    /// Takes turns for so many calls, one after another: how long it is to the first, and how long from each to the
    /// next. `None` where there is no limit.
    async fn take_turns(&self, calls: i64) -> Result<Option<(Duration, Duration)>, Error> {
        let now = self.now().await?;
        let take = "UPDATE carium_limit
            SET next_call = (CASE WHEN next_call > $1 THEN next_call ELSE $1 END) + $2 * spacing
            WHERE spacing IS NOT NULL RETURNING next_call, spacing";
        // With the engine's connections: turns that are lost with the power are as good as taken.
        let taken: Option<(i64, i64)> = either!(Pool, &self.engine, pool => {
            sqlx::query_as(take).bind(now).bind(calls).fetch_optional(pool).await.map_err(unavailable)?
        });
        let nanoseconds = |count: i64| Duration::from_nanos(u64::try_from(count).unwrap_or(0));
        Ok(taken.map(|(next, spacing)| (nanoseconds(next - calls * spacing - now), nanoseconds(spacing))))
    }
}

/// How much of a second's calls a worker takes turns for at once.
const AT_ONCE: Duration = Duration::from_millis(100);
/// How soon a worker without a limit looks whether there is one by now.
const UNLIMITED: Duration = Duration::from_secs(1);

/// Where a worker's calls wait for their turn. Cheap to clone; the clones are one.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Parts>);

struct Parts {
    database: Database,
    turns: Mutex<Turns>,
    share: Arc<Share>,
}

#[derive(Default)]
struct Turns {
    taken: VecDeque<Instant>,
    /// How many to take next.
    calls: i64,
    unlimited_until: Option<Instant>,
}

/// What a call is let through with, until it is dropped.
pub(crate) struct Permit {
    _in_flight: Option<OwnedSemaphorePermit>,
    _wanting: Wanting,
}

impl Gate {
    pub(crate) fn new(database: Database) -> Self {
        Self(Arc::new(Parts { database, turns: Mutex::default(), share: Arc::new(Share::new()) }))
    }

    /// Waits for a call's turn.
    pub(crate) async fn enter(&self) -> Result<Permit, Error> {
        let permit = self.0.share.permit().await?;
        if let Some(turn) = self.turn().await? {
            sleep_until(turn).await;
        }
        Ok(permit)
    }

    async fn turn(&self) -> Result<Option<Instant>, Error> {
        // Held while turns are taken: the others wait for the same ones.
        let mut turns = self.0.turns.lock().await;
        if let Some(turn) = turns.taken.pop_front() {
            return Ok(Some(turn));
        }
        if turns.unlimited_until.is_some_and(|until| Instant::now() < until) {
            return Ok(None);
        }
        let calls = turns.calls.max(1);
        let Some((wait, spacing)) = self.0.database.take_turns(calls).await? else {
            turns.unlimited_until = Some(Instant::now() + UNLIMITED);
            return Ok(None);
        };
        let first = Instant::now() + wait;
        let calls = u32::try_from(calls).unwrap_or(1);
        turns.taken.extend((0..calls).map(|index| first + spacing * index));
        let at_once = AT_ONCE.as_nanos() / spacing.as_nanos().max(1);
        turns.calls = i64::try_from(at_once).unwrap_or(i64::MAX).clamp(1, 10_000);
        Ok(turns.taken.pop_front())
    }

    /// This worker's share of the calls in flight.
    pub(crate) fn share(&self) -> &Share {
        &self.0.share
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}

/// A worker's share of the calls in flight: what all have together is never more than the limit.
pub(crate) struct Share {
    calls: Arc<Semaphore>,
    /// How many calls it is for; below zero where there is no limit.
    size: AtomicI64,
    /// How many calls are under way or wait, and how many that were at the most since the last beat.
    wanted: AtomicI64,
    peak: AtomicI64,
}

const NO_LIMIT: i64 = -1;

impl Share {
    fn new() -> Self {
        let (size, wanted, peak) = Default::default();
        Self { calls: Arc::new(Semaphore::new(0)), size, wanted, peak }
    }

    async fn permit(self: &Arc<Self>) -> Result<Permit, Error> {
        let wanted = self.wanted.fetch_add(1, Ordering::AcqRel) + 1;
        self.peak.fetch_max(wanted, Ordering::AcqRel);
        let wanting = Wanting(Arc::clone(self));
        if self.size.load(Ordering::Acquire) == NO_LIMIT {
            return Ok(Permit { _in_flight: None, _wanting: wanting });
        }
        let permit = Arc::clone(&self.calls).acquire_owned().await;
        let permit = permit.map_err(|_| Error::new(ErrorKind::Canceled, "the worker has stopped"))?;
        Ok(Permit { _in_flight: Some(permit), _wanting: wanting })
    }

    /// Brings this worker's share towards what is fair, at a beat of its heart. The row of the worker is there.
    ///
    /// Whoever wants more takes what is free, and gives back what is more than fair while another has too little.
    pub(crate) async fn balance(
        &self,
        worker: &str,
        transaction: &mut Transaction,
    ) -> Result<Balance, Error> {
        let wanted = self.peak.swap(self.wanted.load(Ordering::Acquire), Ordering::AcqRel);
        let (limit, workers, others, starving): (Option<i64>, i64, i64, i64) = either!(Transaction, transaction, transaction => {
            let seen = "SELECT limits.in_flight,
                        (SELECT count(*) FROM carium_worker),
                        (SELECT CAST(coalesce(sum(share), 0) AS BIGINT) FROM carium_worker WHERE id <> $1),
                        (SELECT count(*) FROM carium_worker WHERE id <> $1 AND share < wanted
                            AND share * (SELECT count(*) FROM carium_worker) < limits.in_flight)
                    FROM carium_limit limits";
            sqlx::query_as(seen).bind(worker).fetch_one(&mut **transaction).await.map_err(unavailable)?
        });
        let Some(limit) = limit else { return Ok(Balance { size: NO_LIMIT, to_add: 0 }) };
        if self.size.load(Ordering::Acquire) == NO_LIMIT {
            self.lose();
        }
        let now = self.size.load(Ordering::Acquire);
        let fair = (limit + workers - 1) / workers.max(1);
        let most = if starving > 0 { wanted.min(fair) } else { wanted };
        let aim = most.min(limit - others).max(0);
        let size = if aim < now {
            // Only what no call holds can be given back.
            let given_back = self.calls.forget_permits(usize::try_from(now - aim).unwrap_or(0));
            now - i64::try_from(given_back).unwrap_or(0)
        } else {
            aim
        };
        // What was given back is, whether or not the transaction is committed.
        self.size.store(size.min(now), Ordering::Release);
        either!(Transaction, transaction, transaction => {
            let share = sqlx::query("UPDATE carium_worker SET share = $1, wanted = $2 WHERE id = $3");
            let share = share.bind(size).bind(wanted).bind(worker);
            share.execute(&mut **transaction).await.map_err(unavailable)?;
        });
        Ok(Balance { size, to_add: usize::try_from(size - now).unwrap_or(0) })
    }

    /// What was agreed on is committed.
    pub(crate) fn settle(&self, balance: Balance) {
        self.size.store(balance.size, Ordering::Release);
        if balance.size == NO_LIMIT {
            // Whoever waits still is let through.
            let missing = Semaphore::MAX_PERMITS / 2;
            self.calls.add_permits(missing.saturating_sub(self.calls.available_permits()));
        } else {
            self.calls.add_permits(balance.to_add);
        }
    }

    /// Others have taken this worker for dead, and its share with it.
    pub(crate) fn lose(&self) {
        self.calls.forget_permits(Semaphore::MAX_PERMITS);
        self.size.store(0, Ordering::Release);
    }
}

/// A call that is under way, or waits.
struct Wanting(Arc<Share>);

impl Drop for Wanting {
    fn drop(&mut self) {
        self.0.wanted.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A share that was agreed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Balance {
    size: i64,
    to_add: usize,
}
