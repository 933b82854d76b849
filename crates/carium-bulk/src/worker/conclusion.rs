//! What follows for a row from one attempt to process it: its new state, and when it is retried.

use std::time::Duration;

use carium::onboarding::{NextAction, OnboardingOutcome, StepFailure, StepOutcome};
use carium::{Error, ErrorKind};

use super::circuit_breaker::{FailureScope, MAX_REQUESTED_DELAY, concerns_service, may_concern_all_rows};
use crate::database::json;
use crate::row_store::{RowFailure, RowState};

/// The maximum delay between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// The delay after a response with status 429 that does not specify one.
const DEFAULT_RATE_LIMIT_DELAY: Duration = Duration::from_secs(5);
/// The minimum delay before a row is assigned again whose attempt is not counted.
const MIN_UNCOUNTED_DELAY: Duration = Duration::from_secs(1);
/// The maximum number of attempts for a row that the service refuses for a lack of permissions, whose responses cannot be
/// read, or whose files cannot be read.
const MAX_REFUSED_ATTEMPTS: i64 = 3;

/// An upper bound of the delay of a row, including the random part.
pub(crate) const MAX_ROW_DELAY: Duration = MAX_REQUESTED_DELAY.saturating_mul(2);

/// The conclusion from one attempt to process a row.
pub(super) struct Conclusion {
    next_action: NextAction,
    /// Whether rate limits are the only reason to retry.
    is_rate_limited: bool,
    /// A failure that may concern every row.
    pub(super) suspect: Option<StepFailure>,
    /// The kind of the failure of a step that was refused, or whose response or files could not be read.
    refused: Option<ErrorKind>,
    /// The state of the row if it needs a person.
    parked_state: RowState,
    /// The outcome of the onboarding as JSON, if it ran.
    pub(super) outcome: Option<String>,
    /// The failure of the row as JSON, if the onboarding did not run.
    pub(super) failure: Option<String>,
    /// Whether the row is completed, whatever another worker stored in the meantime.
    pub(super) is_final: bool,
}

/// The state of a row after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NextState {
    pub(super) state: RowState,
    /// The number of counted attempts.
    pub(super) attempts: i64,
    /// The time until the row may be assigned again, if it is pending.
    pub(super) delay: Duration,
}

impl Conclusion {
    /// Creates the conclusion of an onboarding that ran and had this outcome.
    pub(super) fn ran(outcome: &OnboardingOutcome) -> Result<Self, Error> {
        Ok(Self {
            next_action: outcome.next_action(),
            is_rate_limited: matches!(outcome.next_action(), NextAction::Retry(_))
                && is_only_rate_limited(outcome),
            suspect: failures(outcome).find(|failure| may_concern_run(failure)).cloned(),
            refused: outcome.steps().iter().find_map(|report| match &report.result {
                StepOutcome::Failed(failure) => refused(failure),
                _ => None,
            }),
            parked_state: parked_state(outcome),
            outcome: Some(json(outcome)?),
            failure: None,
            is_final: outcome.is_complete(),
        })
    }

    /// Creates the conclusion of an onboarding that failed before it sent anything.
    pub(super) fn not_started(error: &Error) -> Result<Self, Error> {
        let failure = StepFailure::from(error);
        Self::not_run(failure.clone(), &RowFailure::NotStarted(failure))
    }

    /// Creates the conclusion of a row that could not be read from its file. `recorded` is what the ledger has of it.
    pub(super) fn unreadable(error: &Error, recorded: &OnboardingOutcome) -> Result<Self, Error> {
        let conclusion = Self::not_run(error.into(), &RowFailure::Unreadable)?;
        if recorded.steps().is_empty() {
            return Ok(conclusion);
        }
        let outcome = Some(json(recorded)?);
        Ok(Self { parked_state: parked_state(recorded), outcome, ..conclusion })
    }

    fn not_run(failure: StepFailure, row_failure: &RowFailure) -> Result<Self, Error> {
        let retry = failure.retryable.then(|| NextAction::Retry(failure.retry_after()));
        Ok(Self {
            next_action: retry.unwrap_or(NextAction::NeedsPerson),
            is_rate_limited: failure.kind == ErrorKind::RateLimited,
            refused: refused(&failure),
            suspect: Some(failure).filter(may_concern_run),
            parked_state: RowState::Failed,
            outcome: None,
            failure: Some(json(row_failure)?),
            is_final: false,
        })
    }

    /// Decides the new state of a row after this number of counted attempts, and when it is retried.
    pub(super) fn next_state(&self, attempts: i64, max_attempts: i64, scope: FailureScope) -> NextState {
        let (next_action, max_attempts) = self.retry_if_refused(max_attempts);
        let NextAction::Retry(requested) = next_action else {
            let is_completed = next_action == NextAction::None;
            let state = if is_completed { RowState::Completed } else { self.parked_state };
            return NextState { state, attempts, delay: Duration::ZERO };
        };
        let requested = requested.map(|delay| delay.min(MAX_REQUESTED_DELAY));
        let retry = |attempts, delay| NextState { state: RowState::Pending, attempts, delay };
        let retry_uncounted = |delay: Duration| retry(attempts, add_jitter(delay.max(MIN_UNCOUNTED_DELAY)));
        if scope == FailureScope::Run {
            retry_uncounted(requested.unwrap_or_default())
        } else if self.is_rate_limited {
            retry_uncounted(requested.unwrap_or(DEFAULT_RATE_LIMIT_DELAY))
        } else if attempts + 1 < max_attempts {
            retry(attempts + 1, backoff(attempts + 1).max(requested.unwrap_or_default()))
        } else {
            NextState { state: self.parked_state, attempts: attempts + 1, delay: Duration::ZERO }
        }
    }

    /// Returns the next action and the maximum number of attempts. A refused token, a lack of permissions, an unreadable
    /// response, such as the page of a proxy, and unreadable files, such as those of a network share, are retried: they may
    /// concern every row and pass.
    fn retry_if_refused(&self, max_attempts: i64) -> (NextAction, i64) {
        match self.refused {
            Some(kind) if self.next_action == NextAction::NeedsPerson => {
                let maximum = if may_concern_all_rows(kind) { MAX_REFUSED_ATTEMPTS } else { max_attempts };
                (NextAction::Retry(None), max_attempts.min(maximum))
            }
            _ => (self.next_action, max_attempts),
        }
    }
}

/// Returns the state of a row with this outcome if it needs a person.
fn parked_state(outcome: &OnboardingOutcome) -> RowState {
    if outcome.unknown_steps().next().is_some() { RowState::Unknown } else { RowState::Failed }
}

/// Returns the failures of the steps.
fn failures(outcome: &OnboardingOutcome) -> impl Iterator<Item = &StepFailure> {
    outcome.steps().iter().filter_map(|report| match &report.result {
        StepOutcome::Failed(failure) => Some(failure),
        StepOutcome::Unknown(unknown) => unknown.failure.as_ref(),
        _ => None,
    })
}

/// Returns the kind of a failure if the token was refused, the permissions are missing, or the response or a file could not
/// be read. The step was not applied.
fn refused(failure: &StepFailure) -> Option<ErrorKind> {
    Some(failure.kind).filter(|kind| *kind == ErrorKind::Unauthenticated || may_concern_all_rows(*kind))
}

/// Checks whether a failure may concern every row.
fn may_concern_run(failure: &StepFailure) -> bool {
    concerns_service(failure) || may_concern_all_rows(failure.kind)
}

/// Checks whether rate limits are the only reason to retry an outcome that can be retried.
fn is_only_rate_limited(outcome: &OnboardingOutcome) -> bool {
    let is_rate_limit = |failure: &StepFailure| failure.kind == ErrorKind::RateLimited;
    outcome.steps().iter().all(|report| match &report.result {
        StepOutcome::Failed(failure) if failure.retryable => is_rate_limit(failure),
        StepOutcome::Unknown(unknown) if unknown.retryable => {
            unknown.failure.as_ref().is_some_and(is_rate_limit)
        }
        _ => true,
    })
}

/// Returns the delay after a number of failed attempts: one second, doubled with each attempt up to [`MAX_BACKOFF`],
/// and reduced by up to half at random.
fn backoff(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    let delay = Duration::from_secs(1).saturating_mul(1 << doublings).min(MAX_BACKOFF);
    delay.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// Extends a delay by up to a quarter at random, so that rows do not all retry at the same time.
fn add_jitter(delay: Duration) -> Duration {
    delay + delay.mul_f64(fastrand::f64() / 4.0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use FailureScope::{Row, Run};
    use RowState::{Completed, Failed, Pending, Unknown};

    const MAX_ATTEMPTS: i64 = 10;

    /// Returns the conclusion of an onboarding whose first steps had these results.
    fn conclusion(results: &[Value]) -> Conclusion {
        Conclusion::ran(&outcome(results)).unwrap()
    }

    fn outcome(results: &[Value]) -> OnboardingOutcome {
        let steps = ["patient", "invite[email]", "appointment"];
        let steps = steps.iter().zip(results).map(|(step, result)| json!({"step": step, "result": result}));
        serde_json::from_value(json!({"steps": steps.collect::<Vec<_>>()})).unwrap()
    }

    fn completed() -> Value {
        json!({"outcome": "completed"})
    }

    fn failed(kind: &str, retryable: bool) -> Value {
        json!({"outcome": "failed", "kind": kind, "message": "m", "retryable": retryable})
    }

    fn failed_with_retry_after(kind: &str, seconds: u64) -> Value {
        let mut result = failed(kind, true);
        result["retry-after-seconds"] = seconds.into();
        result
    }

    fn unknown(kind: Option<&str>, retryable: bool) -> Value {
        let mut result = json!({"outcome": "unknown", "reason": "response-lost", "retryable": retryable});
        if let Some(kind) = kind {
            result["failure"] = json!({"kind": kind, "message": "m", "retryable": retryable});
        }
        result
    }

    /// Checks the next state, the counted attempts and the bounds of the delay in seconds. The delay is random.
    #[track_caller]
    fn assert_next(
        conclusion: &Conclusion,
        (attempts, scope): (i64, FailureScope),
        (state, next_attempts): (RowState, i64),
        (shortest, longest): (f64, f64),
    ) {
        for _ in 0..100 {
            let next = conclusion.next_state(attempts, MAX_ATTEMPTS, scope);
            assert_eq!((next.state, next.attempts), (state, next_attempts));
            assert!((shortest..=longest).contains(&next.delay.as_secs_f64()), "{next:?}");
        }
    }

    #[test]
    fn a_settled_row_is_not_retried() {
        for (results, state) in [
            (vec![completed(), completed()], Completed),
            (vec![failed("conflict", false)], Failed),
            (vec![completed(), failed("invalid-input", false)], Failed),
            (vec![completed(), unknown(Some("timed-out"), false)], Unknown),
            (vec![completed(), unknown(None, false), failed("conflict", false)], Unknown),
        ] {
            let conclusion = conclusion(&results);
            assert_next(&conclusion, (4, Row), (state, 4), (0.0, 0.0));
            assert_eq!(conclusion.is_final, state == Completed);
            assert!(conclusion.outcome.is_some() && conclusion.failure.is_none());
        }
    }

    #[test]
    fn a_failed_row_is_retried_with_backoff_until_the_maximum_of_attempts() {
        let unavailable = conclusion(&[failed("unavailable", true)]);
        for (attempts, longest) in [(0, 1.0), (1, 2.0), (2, 4.0), (3, 8.0), (4, 16.0), (5, 30.0), (8, 30.0)] {
            assert_next(&unavailable, (attempts, Row), (Pending, attempts + 1), (longest / 2.0, longest));
        }
        for attempts in [9, 10, i64::from(u32::MAX)] {
            assert_next(&unavailable, (attempts, Row), (Failed, attempts + 1), (0.0, 0.0));
        }
        assert_next(&conclusion(&[unknown(None, true)]), (9, Row), (Unknown, 10), (0.0, 0.0));
        assert!((15.0..=30.0).contains(&backoff(i64::MAX).as_secs_f64()));
    }

    #[test]
    fn a_requested_delay_is_respected_up_to_15_minutes() {
        let unavailable = |seconds| conclusion(&[failed_with_retry_after("unavailable", seconds)]);
        assert_next(&unavailable(7), (0, Row), (Pending, 1), (7.0, 7.0));
        assert_next(&unavailable(7), (8, Row), (Pending, 9), (15.0, 30.0));
        assert_next(&unavailable(8), (0, Run), (Pending, 0), (8.0, 10.0));
        let rate_limited = |seconds| conclusion(&[failed_with_retry_after("rate-limited", seconds)]);
        assert_next(&rate_limited(0), (0, Row), (Pending, 0), (1.0, 1.25));
        assert_next(&rate_limited(8), (0, Row), (Pending, 0), (8.0, 10.0));
        for seconds in [901, u64::from(u32::MAX), u64::MAX] {
            assert_next(&unavailable(seconds), (0, Row), (Pending, 1), (900.0, 900.0));
            assert_next(&unavailable(seconds), (0, Run), (Pending, 0), (900.0, 1125.0));
            assert_next(&rate_limited(seconds), (0, Row), (Pending, 0), (900.0, 1125.0));
        }
    }

    #[test]
    fn an_outage_is_not_counted() {
        for results in [failed("unavailable", true), unknown(None, true), failed("forbidden", false)] {
            assert_next(&conclusion(&[results]), (9, Run), (Pending, 9), (1.0, 1.25));
        }
        assert_next(&conclusion(&[failed("conflict", false)]), (3, Run), (Failed, 3), (0.0, 0.0));
    }

    #[test]
    fn a_rate_limit_is_not_counted_if_it_is_the_only_reason_to_retry() {
        let rate_limited = || failed("rate-limited", true);
        for results in [
            vec![rate_limited()],
            vec![rate_limited(), failed("conflict", false)],
            vec![unknown(Some("rate-limited"), true), rate_limited()],
            vec![unknown(Some("unavailable"), false), rate_limited()],
        ] {
            assert_next(&conclusion(&results), (9, Row), (Pending, 9), (5.0, 6.25));
        }
        for results in [
            vec![rate_limited(), failed("unavailable", true)],
            vec![rate_limited(), unknown(Some("unavailable"), true)],
            vec![rate_limited(), unknown(None, true)],
        ] {
            assert_next(&conclusion(&results), (0, Row), (Pending, 1), (0.5, 1.0));
        }
    }

    #[test]
    fn a_refused_row_is_retried() {
        for kind in ["forbidden", "undecodable", "io"] {
            let refused = conclusion(&[completed(), failed(kind, false)]);
            assert_next(&refused, (0, Row), (Pending, 1), (0.5, 1.0));
            assert_next(&refused, (1, Row), (Pending, 2), (1.0, 2.0));
            assert_next(&refused, (2, Row), (Failed, 3), (0.0, 0.0));
            assert_eq!(refused.next_state(1, 2, Row).state, Failed, "the maximum of the options is smaller");
            // With another reason to retry, its maximum applies.
            let retryable = conclusion(&[failed(kind, false), failed("unavailable", true)]);
            assert_next(&retryable, (5, Row), (Pending, 6), (15.0, 30.0));
        }
        let unauthenticated = conclusion(&[failed("unauthenticated", false)]);
        assert_next(&unauthenticated, (8, Row), (Pending, 9), (15.0, 30.0));
        assert_next(&unauthenticated, (9, Row), (Failed, 10), (0.0, 0.0));
        let retryable =
            conclusion(&[failed("unauthenticated", false), failed_with_retry_after("unavailable", 40)]);
        assert_next(&retryable, (0, Row), (Pending, 1), (40.0, 40.0));
    }

    #[test]
    fn failures_that_may_concern_every_row_are_suspect() {
        for (kind, is_suspect) in [
            ("unavailable", true),
            ("timed-out", true),
            ("rate-limited", true),
            ("unauthenticated", true),
            ("forbidden", true),
            ("undecodable", true),
            ("io", true),
            ("conflict", false),
            ("invalid-input", false),
            ("not-found", false),
        ] {
            for result in [failed(kind, false), unknown(Some(kind), false)] {
                let suspect = conclusion(&[completed(), failed("conflict", false), result]).suspect;
                assert_eq!(suspect.is_some(), is_suspect, "{kind}");
            }
        }
        assert!(conclusion(&[unknown(None, true)]).suspect.is_none());
    }

    #[test]
    fn a_row_that_did_not_start_follows_the_same_rules() {
        let not_started = |kind| Conclusion::not_started(&Error::new(kind, "m")).unwrap();
        let invalid = not_started(ErrorKind::InvalidInput);
        assert_next(&invalid, (2, Row), (Failed, 2), (0.0, 0.0));
        assert!(invalid.suspect.is_none() && invalid.outcome.is_none() && !invalid.is_final);
        assert!(invalid.failure.is_some_and(|failure| failure.contains("not-started")));
        let unavailable = not_started(ErrorKind::Unavailable);
        assert_next(&unavailable, (0, Row), (Pending, 1), (0.5, 1.0));
        assert!(unavailable.suspect.is_some());
        assert_next(&not_started(ErrorKind::RateLimited), (9, Row), (Pending, 9), (5.0, 6.25));
        assert_next(&not_started(ErrorKind::Forbidden), (2, Row), (Failed, 3), (0.0, 0.0));
        assert_next(&not_started(ErrorKind::Forbidden), (1, Row), (Pending, 2), (1.0, 2.0));
        let unreadable = |kind| Conclusion::unreadable(&Error::new(kind, "m"), &outcome(&[])).unwrap();
        assert_next(&unreadable(ErrorKind::Corrupt), (0, Row), (Failed, 0), (0.0, 0.0));
        assert_next(&unreadable(ErrorKind::Io), (1, Row), (Pending, 2), (1.0, 2.0));
        assert!(unreadable(ErrorKind::Io).failure.is_some_and(|failure| failure.contains("unreadable")));
    }
}
