//! One row: read again, onboarded, and entered in the books.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use carium::onboarding::{
    NextAction, Onboarding, OnboardingOutcome, OnboardingRequest, OnboardingRow, RowKey, StepFailure,
    StepOutcome,
};
use carium::{Error, ErrorKind};
use tokio::time::sleep;

use crate::books::RowFailure;
use crate::database::{either, unavailable};
use crate::engine::{RowId, Verdict, Work};
use crate::files::{Files, changed};
use crate::ledger::BulkLedger;
use crate::queue::Parts;
use crate::rows::RowLocation;
use crate::work::StopHandle;
use crate::writer::{Settlement, Write, Written, json};

/// The longest wait between two tries.
const LONGEST: Duration = Duration::from_secs(30);
/// How long a row waits that was asked to (429), where the service did not say how long.
const ASKED_TO_WAIT: Duration = Duration::from_secs(5);
/// How soon what others were at meanwhile is looked at again, and what could not be asked of the database.
const SOON: Duration = Duration::from_secs(2);

/// Works on rows.
pub(super) struct RowWork {
    pub(super) parts: Arc<Parts>,
    pub(super) onboarding: Onboarding,
    pub(super) ledger: Arc<BulkLedger>,
    pub(super) files: Files,
    pub(super) at_work: AtWork,
    pub(super) tries: i64,
    pub(super) patience: Patience,
}

/// How many rows this process parks before it stops.
pub(super) struct Patience {
    left: Option<AtomicU64>,
    stop: StopHandle,
}

impl Patience {
    pub(super) fn new(max_parked: Option<u64>, stop: StopHandle) -> Self {
        Self { left: max_parked.map(AtomicU64::new), stop }
    }

    fn try_once_more(&self) {
        let Some(left) = &self.left else { return };
        let before = left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        if before.is_ok_and(|before| before <= 1) {
            self.stop.stop();
        }
    }
}

/// The rows that this process has.
#[derive(Clone, Default)]
pub(super) struct AtWork(Arc<Mutex<HashSet<RowId>>>);

impl AtWork {
    fn begin(&self, row: RowId) -> AtWorkOn<'_> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(row);
        AtWorkOn(self, row)
    }

    pub(super) fn rows(&self) -> Vec<RowId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

/// As long as it is there, this process has the row.
struct AtWorkOn<'a>(&'a AtWork, RowId);

impl Drop for AtWorkOn<'_> {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

/// A row of the books.
struct Booked {
    key: String,
    digest: String,
    place: RowLocation,
    file: Option<i64>,
    sealed: Option<Vec<u8>>,
    state: String,
    tries: i64,
    version: i64,
    outcome: Option<String>,
}

type RowRecord =
    (String, String, Option<i64>, i64, i64, i64, Option<Vec<u8>>, String, i64, i64, Option<String>);

/// What a run of a row came to.
enum Came {
    To(OnboardingOutcome),
    /// Nothing was sent.
    Nothing(Error),
    /// It could not be read: its file has changed.
    NotRead(Error),
}

#[async_trait]
impl Work for RowWork {
    async fn work(&self, row: RowId) -> Verdict {
        let _has = self.at_work.begin(row);
        match self.work_on(row).await {
            Ok(verdict) => verdict,
            Err(error) => {
                tracing::warn!(row, %error, "a row has to wait for the queue's database");
                Verdict::Again(SOON)
            }
        }
    }
}

impl RowWork {
    async fn work_on(&self, row: RowId) -> Result<Verdict, Error> {
        let Some(booked) = self.booked(row).await?.filter(|booked| booked.state == "pending") else {
            // It was on the queue twice.
            return Ok(Verdict::Finished);
        };
        let came = match self.request(&booked).await {
            Ok(request) => {
                let key = RowKey::new(booked.key.as_str());
                let leave = Leave(&self.ledger, &key);
                let ran =
                    match booked.outcome.as_deref().and_then(|outcome| serde_json::from_str(outcome).ok()) {
                        Some(outcome) => self.onboarding.resume(&key, &request, &outcome).await,
                        None => self.onboarding.run(&key, &request).await,
                    };
                drop(leave);
                ran.map_or_else(Came::Nothing, Came::To)
            }
            Err(error) if matches!(error.kind(), ErrorKind::Canceled | ErrorKind::Unavailable) => {
                return Err(error);
            }
            Err(error) => Came::NotRead(error),
        };
        let (settlement, verdict) = self.judge(row, &booked, &came)?;
        self.settle(row, settlement, verdict).await
    }

    async fn booked(&self, row: RowId) -> Result<Option<Booked>, Error> {
        let booked = "SELECT row_key, digest, file_id, line, place_offset, place_length, sealed, state, tries, version,
            outcome FROM carium_row WHERE id = $1";
        let booked: Option<RowRecord> = either!(Pool, &self.parts.database.durable, pool => {
            sqlx::query_as(booked).bind(row).fetch_optional(pool).await.map_err(unavailable)?
        });
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(booked.map(|(key, digest, file, line, offset, length, sealed, state, tries, version, outcome)| {
            let place = RowLocation { line: number(line), offset: number(offset), length: number(length) };
            Booked { key, digest, place, file, sealed, state, tries, version, outcome }
        }))
    }

    /// What the row asks for.
    async fn request(&self, booked: &Booked) -> Result<OnboardingRequest, Error> {
        match (booked.file, &booked.sealed, &self.parts.seal) {
            (_, Some(sealed), Some(seal)) => {
                let row = seal.open(booked.key.as_bytes(), sealed.clone())?;
                let row = serde_json::from_slice::<OnboardingRow>(&row);
                row.map_err(|_| Error::new(ErrorKind::Corrupt, "what lies sealed in the queue is no row"))?
                    .check()
            }
            (Some(file), _, _) => {
                let row = self.files.read(file, booked.place).await?;
                let is_same = row.key.to_string() == booked.key && row.digest.to_string() == booked.digest;
                if is_same { Ok(row.request) } else { Err(changed()) }
            }
            _ => Err(Error::new(ErrorKind::InvalidInput, "the queue needs its key to read this row")),
        }
    }

    /// What becomes of the row.
    fn judge(&self, row: RowId, booked: &Booked, came: &Came) -> Result<(Settlement, Verdict), Error> {
        let mut settlement = Settlement {
            row,
            version: booked.version,
            state: "pending",
            tries: booked.tries,
            outcome: None,
            failure: None,
            is_final: false,
        };
        let (next, is_asked_to_wait, is_unknown) = match came {
            Came::To(outcome) => {
                settlement.outcome = Some(json(outcome)?);
                settlement.is_final = outcome.is_complete();
                let limited = |failure: &StepFailure| failure.kind == ErrorKind::RateLimited;
                let is_asked_to_wait = outcome.steps().iter().all(|report| match &report.result {
                    StepOutcome::Failed(failure) if failure.retryable => limited(failure),
                    StepOutcome::Unknown(doubt) if doubt.retryable => {
                        doubt.failure.as_ref().is_some_and(limited)
                    }
                    _ => true,
                });
                (outcome.next_action(), is_asked_to_wait, outcome.unknown_steps().next().is_some())
            }
            Came::Nothing(error) => {
                let failure = StepFailure::from(error);
                let next = if failure.retryable {
                    NextAction::Retry(failure.retry_after())
                } else {
                    NextAction::NeedsPerson
                };
                settlement.failure = Some(json(&RowFailure::NotStarted(failure))?);
                (next, error.kind() == ErrorKind::RateLimited, false)
            }
            Came::NotRead(error) => {
                tracing::warn!(row, %error, "a row cannot be read");
                settlement.failure = Some(json(&RowFailure::Unreadable)?);
                (NextAction::NeedsPerson, false, false)
            }
        };
        let parked = if is_unknown { "unknown" } else { "failed" };
        let verdict = match next {
            NextAction::None => {
                settlement.state = "completed";
                Verdict::Finished
            }
            NextAction::Retry(wait) if is_asked_to_wait => {
                Verdict::Again(spread(wait.unwrap_or(ASKED_TO_WAIT)))
            }
            NextAction::Retry(wait) => {
                settlement.tries += 1;
                if settlement.tries < self.tries {
                    Verdict::Again(backoff(settlement.tries).max(wait.unwrap_or_default()))
                } else {
                    settlement.state = parked;
                    Verdict::Finished
                }
            }
            _ => {
                settlement.state = parked;
                Verdict::Finished
            }
        };
        Ok((settlement, verdict))
    }

    /// Enters it in the books. What came of a row is worth more than a moment: as long as it is not entered, the row is
    /// kept.
    async fn settle(&self, row: RowId, settlement: Settlement, verdict: Verdict) -> Result<Verdict, Error> {
        let mut tries: u32 = 0;
        let written = loop {
            match self.parts.writer.write(Write::Settle(settlement.clone())).await {
                Ok(written) => break written,
                Err(error) if tries == ENTER_TRIES => return Err(error),
                Err(_) => tries += 1,
            }
            sleep(Duration::from_millis(200) * tries).await;
        };
        if matches!(settlement.state, "failed" | "unknown") {
            self.patience.try_once_more();
        }
        match written {
            Written::Yes => Ok(verdict),
            Written::No(_) => self.look_again(row).await,
        }
    }

    /// Others were at the row while this worker was taken for dead, and what they found is behind what it knows, or it
    /// behind them: the ledger is asked once more.
    async fn look_again(&self, row: RowId) -> Result<Verdict, Error> {
        let again = "UPDATE carium_row SET state = 'pending', version = version + 1 WHERE id = $1 AND state <> 'completed'";
        let mut transaction = self.parts.database.begin().await?;
        let is_open = either!(Transaction, &mut transaction, transaction => {
            let again = sqlx::query(again).bind(row).execute(&mut **transaction).await;
            again.map_err(unavailable)?.rows_affected() == 1
        });
        if is_open {
            // Its own place on the queue was taken away with its life.
            self.parts.engine.enqueue(&mut transaction, &[row]).await?;
        }
        transaction.commit().await?;
        Ok(Verdict::Finished)
    }
}

/// How often it is tried to enter what came of a row: for a minute or so.
const ENTER_TRIES: u32 = 24;

/// Whatever ended the run of a row, its calls are not under way any more.
struct Leave<'a>(&'a BulkLedger, &'a RowKey);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

/// The wait before the next try, after so many: doubled each time from a second on, up to [`LONGEST`], with jitter.
fn backoff(tries: i64) -> Duration {
    let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    let wait = Duration::from_secs(1).saturating_mul(1 << doublings).min(LONGEST);
    wait.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// Not before this time, and not all at once after it.
fn spread(wait: Duration) -> Duration {
    wait + wait.mul_f64(fastrand::f64() / 4.0)
}
