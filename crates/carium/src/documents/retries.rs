//! Retries of a transfer.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::error::Error;
use crate::transport::RetryPolicy;

/// Decides whether and when a transfer is retried, and counts its attempts.
#[derive(Clone)]
pub(crate) struct TransferRetries {
    policy: RetryPolicy,
    random: Arc<dyn Fn() -> f64 + Send + Sync>,
    /// Attempts in a row that failed without moving any bytes.
    failed_attempts: u32,
}

/// Upper limit on the wait that an object store can request with `Retry-After`. A transfer has no deadline that
/// would limit it otherwise.
const MAX_RETRY_DELAY: Duration = Duration::from_mins(5);

impl Default for TransferRetries {
    fn default() -> Self {
        Self::new(RetryPolicy::default(), Arc::new(fastrand::f64))
    }
}

impl TransferRetries {
    pub(crate) fn new(policy: RetryPolicy, random: Arc<dyn Fn() -> f64 + Send + Sync>) -> Self {
        Self { policy, random, failed_attempts: 0 }
    }

    pub(super) fn with_policy(&self, policy: RetryPolicy) -> Self {
        Self { policy, ..self.clone() }
    }

    /// Resets the count after an attempt that made progress. The policy limits attempts in a row without progress.
    pub(super) fn reset(&mut self) {
        self.failed_attempts = 0;
    }

    /// Counts a failed attempt and returns whether the policy permits another one, without a delay.
    pub(super) fn record_failure(&mut self) -> bool {
        self.failed_attempts += 1;
        self.policy.permits(self.failed_attempts + 1)
    }

    /// Counts a failed attempt and waits for the backoff delay. Returns `false`, without waiting, if the error is
    /// not transient or the policy permits no further attempt.
    pub(super) async fn wait_before_retry(&mut self, error: &Error) -> bool {
        if !error.is_transient() || !self.record_failure() {
            return false;
        }
        let delay = self.policy.delay(self.failed_attempts, (self.random)());
        sleep(delay.max(error.retry_after().unwrap_or_default()).min(MAX_RETRY_DELAY)).await;
        true
    }
}
