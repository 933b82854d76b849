//! Limits that all workers of a queue share: calls per second and calls in flight.
//!
//! Both limits are stored in the database. A database access for every call would be too slow at a high rate. A
//! worker therefore reserves the start times of several calls at once, and holds a share of the calls in flight for
//! as long as it sends heartbeats.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use carium::{Error, ErrorKind};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use crate::database::{Database, Transaction, nanoseconds, run_sql, to_u64};

/// Limits that apply to all workers of a queue together, on any number of machines.
///
/// They apply to calls that create a patient, an invitation, a document or an appointment. Lookups, and uploads to
/// the object store, do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// The maximum number of calls per second. `None` means no limit.
    pub max_calls_per_second: Option<f64>,
    /// The maximum number of calls in flight. `None` means no limit other than the number of rows in progress.
    pub max_in_flight: Option<u32>,
}

impl Limits {
    /// Creates limits that restrict nothing.
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// Sets the maximum number of calls per second, from 0.001 to 1,000,000.
    #[must_use]
    pub fn max_calls_per_second(mut self, calls: f64) -> Self {
        self.max_calls_per_second = Some(calls);
        self
    }

    /// Sets the maximum number of calls in flight, which must be at least 1.
    #[must_use]
    pub fn max_in_flight(mut self, calls: u32) -> Self {
        self.max_in_flight = Some(calls);
        self
    }
}

const NANOS_PER_SECOND: f64 = 1e9;

impl Database {
    /// Stores the limits for all workers. With another rate, the next call can start after the new interval at the latest,
    /// because the start times that were reserved at a lower rate may be far in the future.
    pub(crate) async fn set_limits(&self, limits: Limits) -> Result<(), Error> {
        let valid_rates = 0.001..=1_000_000.0;
        if limits.max_calls_per_second.is_some_and(|rate| !valid_rates.contains(&rate))
            || limits.max_in_flight == Some(0)
        {
            let message = "a limit is out of range: set 0.001 to 1000000 calls per second, and at least 1 call in flight";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        #[allow(clippy::cast_possible_truncation, reason = "at most 1,000 seconds in nanoseconds")]
        let call_interval = limits.max_calls_per_second.map(|rate| (NANOS_PER_SECOND / rate) as i64);
        let sql = "UPDATE carium_limit SET call_interval = $1, max_in_flight = $2,
            next_call = CASE WHEN call_interval IS DISTINCT FROM $1 AND next_call > $3 THEN $3 ELSE next_call END";
        let max_in_flight = limits.max_in_flight.map(i64::from);
        let latest = self.now().await?.saturating_add(call_interval.unwrap_or(0));
        let mut transaction = self.begin().await?;
        run_sql!(Transaction(&mut transaction), query(sql, call_interval, max_in_flight, latest).execute)?;
        transaction.commit().await
    }

    /// Returns the limits.
    pub(crate) async fn limits(&self) -> Result<Limits, Error> {
        let sql = "SELECT call_interval, max_in_flight FROM carium_limit";
        let (call_interval, max_in_flight): (Option<i64>, Option<i64>) =
            run_sql!(Pool(&self.reads), query_as(sql).fetch_one)?;
        #[allow(clippy::cast_precision_loss, reason = "the rate is only displayed")]
        let max_calls_per_second = call_interval.map(|interval| NANOS_PER_SECOND / interval as f64);
        Ok(Limits {
            max_calls_per_second,
            max_in_flight: max_in_flight.and_then(|limit| u32::try_from(limit).ok()),
        })
    }

    /// Reserves the next `calls` start times. Returns the time until the first one and the interval between them, or
    /// `None` if the rate is not limited.
    ///
    /// Start times that are further in the future than the running workers can have reserved are ignored. They were
    /// reserved by workers that have ended, or before the clock was set back.
    async fn reserve_call_starts(&self, calls: i64) -> Result<Option<(Duration, Duration)>, Error> {
        let (now, longest_wait) = (self.now().await?, nanoseconds(MAX_RESERVED_TIME));
        let sql = "UPDATE carium_limit
            SET next_call = $2 * call_interval + CASE WHEN next_call BETWEEN $1 AND $1 + $3
                    + call_interval * (SELECT 2 * count(*) + 2 FROM carium_worker)
                THEN next_call ELSE $1 END
            WHERE call_interval IS NOT NULL RETURNING next_call, call_interval";
        // With SQLite, this may be lost in a power cut. That is sufficient: a power cut also stops the
        // workers, so a call whose reservation is lost does not start.
        let reserved: Option<(i64, i64)> =
            run_sql!(Pool(&self.writes), query_as(sql, now, calls, longest_wait).fetch_optional)?;
        let duration = |nanoseconds: i64| Duration::from_nanos(to_u64(nanoseconds));
        Ok(reserved.map(|(next, interval)| (duration(next - calls * interval - now), duration(interval))))
    }
}

/// The period for which a worker reserves start times at once.
const RESERVATION_WINDOW: Duration = Duration::from_millis(100);
/// The maximum time for which all workers have reserved start times, apart from the two intervals of each.
const MAX_RESERVED_TIME: Duration = Duration::from_mins(1);
/// How often a worker without a rate limit checks whether one was set.
const UNLIMITED_RECHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Limits the calls of a worker. Clones share their state and are cheap.
#[derive(Clone)]
pub(crate) struct CallLimiter(Arc<LimiterState>);

struct LimiterState {
    database: Database,
    call_starts: Mutex<CallStarts>,
    share: Arc<InFlightShare>,
}

/// The start times that a worker has reserved.
#[derive(Default)]
struct CallStarts {
    reserved: VecDeque<Instant>,
    /// The number of start times to reserve next.
    next_reservation: i64,
    unlimited_until: Option<Instant>,
}

/// Permission for one call. The call counts as in flight until this is dropped.
pub(crate) struct CallPermit {
    _in_flight: Option<OwnedSemaphorePermit>,
    _demand: DemandGuard,
}

impl CallLimiter {
    pub(crate) fn new(database: Database) -> Self {
        let share = Arc::new(InFlightShare::new());
        Self(Arc::new(LimiterState { database, call_starts: Mutex::default(), share }))
    }

    /// Waits until a call may start.
    pub(crate) async fn acquire(&self) -> Result<CallPermit, Error> {
        let permit = self.0.share.acquire().await?;
        self.wait_for_call_start().await?;
        Ok(permit)
    }

    /// Waits until a call may start, if the rate is limited.
    async fn wait_for_call_start(&self) -> Result<(), Error> {
        // The lock is held during the reservation, so that other calls wait for its result instead of making their own, and
        // until the start time is near. When a worker ends, its reservations are lost, and all workers wait for the time that
        // they take.
        let mut starts = self.0.call_starts.lock().await;
        let Some(start) = self.next_call_start(&mut starts).await? else { return Ok(()) };
        if let Some(almost) = start.checked_sub(RESERVATION_WINDOW) {
            sleep_until(almost).await;
        }
        drop(starts);
        sleep_until(start).await;
        Ok(())
    }

    /// Returns the start time of the next call, or `None` if the rate is not limited.
    async fn next_call_start(&self, starts: &mut CallStarts) -> Result<Option<Instant>, Error> {
        if let Some(start) = starts.reserved.pop_front() {
            return Ok(Some(start));
        }
        if starts.unlimited_until.is_some_and(|until| Instant::now() < until) {
            return Ok(None);
        }
        let calls = starts.next_reservation.max(1);
        let Some((wait, interval)) = self.0.database.reserve_call_starts(calls).await? else {
            starts.unlimited_until = Some(Instant::now() + UNLIMITED_RECHECK_INTERVAL);
            return Ok(None);
        };
        let first = Instant::now() + wait;
        let calls = u32::try_from(calls).unwrap_or(1);
        starts.reserved.extend((0..calls).map(|index| first + interval * index));
        let calls_per_window = RESERVATION_WINDOW.as_nanos() / interval.as_nanos().max(1);
        starts.next_reservation = i64::try_from(calls_per_window).unwrap_or(i64::MAX).clamp(1, 10_000);
        Ok(starts.reserved.pop_front())
    }

    /// Returns this worker's share of the calls in flight.
    pub(crate) fn share(&self) -> &InFlightShare {
        &self.0.share
    }
}

/// A worker's share of the calls in flight. The sum of all shares does not exceed the limit, except after the limit
/// was lowered, until enough calls have ended.
pub(crate) struct InFlightShare {
    permits: Arc<Semaphore>,
    /// The number of calls that this worker may have in flight, or [`NO_LIMIT`].
    size: AtomicI64,
    /// The number of calls that are in flight or waiting.
    demand: AtomicI64,
    /// The highest demand since the last heartbeat.
    peak_demand: AtomicI64,
}

const NO_LIMIT: i64 = -1;

impl InFlightShare {
    fn new() -> Self {
        let (size, demand, peak_demand) = Default::default();
        Self { permits: Arc::new(Semaphore::new(0)), size, demand, peak_demand }
    }

    async fn acquire(self: &Arc<Self>) -> Result<CallPermit, Error> {
        let demand = self.demand.fetch_add(1, Ordering::AcqRel) + 1;
        self.peak_demand.fetch_max(demand, Ordering::AcqRel);
        let demand_guard = DemandGuard(Arc::clone(self));
        if self.size.load(Ordering::Acquire) == NO_LIMIT {
            return Ok(CallPermit { _in_flight: None, _demand: demand_guard });
        }
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| Error::new(ErrorKind::Canceled, "the worker has stopped"))?;
        Ok(CallPermit { _in_flight: Some(permit), _demand: demand_guard })
    }

    /// Negotiates a new size of the share as part of a heartbeat. The worker must be registered. Call
    /// [`apply`](Self::apply) with the result after the transaction was committed.
    ///
    /// If the worker needs more, it takes any part of the limit that is free. If another worker needs more and has
    /// less than its fair share, this worker gives up what exceeds its own fair share.
    pub(crate) async fn negotiate(
        &self,
        worker: &str,
        transaction: &mut Transaction,
    ) -> Result<NewShare, Error> {
        let demand = self.peak_demand.swap(self.demand.load(Ordering::Acquire), Ordering::AcqRel);
        let sql = "SELECT limits.max_in_flight,
                    (SELECT count(*) FROM carium_worker),
                    (SELECT CAST(coalesce(sum(share), 0) AS BIGINT) FROM carium_worker WHERE id <> $1),
                    (SELECT count(*) FROM carium_worker WHERE id <> $1 AND share < demand
                        AND share * (SELECT count(*) FROM carium_worker) < limits.max_in_flight)
                FROM carium_limit limits";
        let (limit, workers, others, starving): (Option<i64>, i64, i64, i64) =
            run_sql!(Transaction(&mut *transaction), query_as(sql, worker).fetch_one)?;
        let Some(limit) = limit else { return Ok(NewShare { size: NO_LIMIT, permits_to_add: 0 }) };
        if self.size.load(Ordering::Acquire) == NO_LIMIT {
            self.revoke();
        }
        let current = self.size.load(Ordering::Acquire);
        let fair = (limit + workers - 1) / workers.max(1);
        let wanted = if starving > 0 { demand.min(fair) } else { demand };
        let target = wanted.min(limit - others).max(0);
        let size = if target < current {
            // Only permits that no call holds can be given up.
            let given_up = self.permits.forget_permits(usize::try_from(current - target).unwrap_or(0));
            current - i64::try_from(given_up).unwrap_or(0)
        } else {
            target
        };
        // Given-up permits are gone even if the transaction is not committed, so a smaller size is stored
        // immediately.
        self.size.store(size.min(current), Ordering::Release);
        let sql = "UPDATE carium_worker SET share = $1, demand = $2 WHERE id = $3";
        run_sql!(Transaction(transaction), query(sql, size, demand, worker).execute)?;
        Ok(NewShare { size, permits_to_add: usize::try_from(size - current).unwrap_or(0) })
    }

    /// Applies a negotiated share after the transaction was committed.
    pub(crate) fn apply(&self, new_share: NewShare) {
        self.size.store(new_share.size, Ordering::Release);
        if new_share.size == NO_LIMIT {
            // Calls that already wait for a permit must be able to start.
            let target = Semaphore::MAX_PERMITS / 2;
            self.permits.add_permits(target.saturating_sub(self.permits.available_permits()));
        } else {
            self.permits.add_permits(new_share.permits_to_add);
        }
    }

    /// Gives up the whole share, because other workers have removed this worker as stale and may use its share.
    pub(crate) fn revoke(&self) {
        self.permits.forget_permits(Semaphore::MAX_PERMITS);
        self.size.store(0, Ordering::Release);
    }
}

/// Counts a call in the demand of a share until it is dropped.
struct DemandGuard(Arc<InFlightShare>);

impl Drop for DemandGuard {
    fn drop(&mut self) {
        self.0.demand.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The result of negotiating a share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewShare {
    size: i64,
    permits_to_add: usize,
}

#[cfg(all(test, feature = "sqlite"))]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use futures_util::future::join_all;
    use tempfile::TempDir;
    use tokio::time::timeout;

    use super::*;
    use crate::QueueLocation;

    async fn open(folder: &TempDir) -> Database {
        Database::open(&QueueLocation::Sqlite(folder.path().join("queue.db"))).await.unwrap()
    }

    async fn set_rate(database: &Database, calls_per_second: f64) {
        database.set_limits(Limits::unlimited().max_calls_per_second(calls_per_second)).await.unwrap();
    }

    /// Returns the time in seconds until a call may start.
    async fn wait_of_next_call(database: &Database) -> f64 {
        database.reserve_call_starts(1).await.unwrap().unwrap().0.as_secs_f64()
    }

    /// Reserved start times are lost when a worker ends.
    #[tokio::test]
    async fn waiting_calls_reserve_one_start_time() {
        let folder = TempDir::new().unwrap();
        let database = open(&folder).await;
        set_rate(&database, 0.01).await;
        let limiter = CallLimiter::new(database.clone());
        let calls = join_all((0..16).map(|_| limiter.wait_for_call_start()));
        assert!(timeout(Duration::from_millis(200), calls).await.is_err(), "15 calls wait");
        let wait = wait_of_next_call(&database).await;
        assert!((190.0..=200.0).contains(&wait), "{wait}");
    }

    #[tokio::test]
    async fn a_changed_rate_applies_to_the_next_call() {
        let folder = TempDir::new().unwrap();
        let database = open(&folder).await;
        set_rate(&database, 0.01).await;
        assert!(wait_of_next_call(&database).await < 1.0);
        assert!(wait_of_next_call(&database).await > 90.0);
        // The same rate again.
        set_rate(&database, 0.01).await;
        assert!(wait_of_next_call(&database).await > 190.0);
        set_rate(&database, 0.1).await;
        let wait = wait_of_next_call(&database).await;
        assert!((5.0..=10.0).contains(&wait), "{wait}");
        database.set_limits(Limits::unlimited()).await.unwrap();
        set_rate(&database, 0.02).await;
        assert!(wait_of_next_call(&database).await <= 50.0);
    }

    #[tokio::test]
    async fn a_clock_that_was_set_back_delays_no_call() {
        let folder = TempDir::new().unwrap();
        let database = open(&folder).await;
        set_rate(&database, 0.1).await;
        let set_next_call = async |seconds: u64| {
            let next = database.now().await.unwrap() + nanoseconds(Duration::from_secs(seconds));
            let sql = "UPDATE carium_limit SET next_call = $1";
            run_sql!(Pool(&database.writes), query(sql, next).execute).unwrap();
        };
        set_next_call(75).await;
        assert!(wait_of_next_call(&database).await > 70.0, "reserved by other workers");
        set_next_call(3600).await;
        assert!(wait_of_next_call(&database).await < 1.0);
    }
}
