//! How often a transfer is tried.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::error::Error;
use crate::transport::RetryPolicy;

/// How often and how soon a transfer is tried again.
#[derive(Clone)]
pub(crate) struct Tries {
    policy: RetryPolicy,
    random: Arc<dyn Fn() -> f64 + Send + Sync>,
    made: u32,
}

/// A store that asks for a longer wait is asked again no later than this: a transfer has no deadline.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

impl Default for Tries {
    fn default() -> Self {
        Self::new(RetryPolicy::default(), Arc::new(fastrand::f64))
    }
}

impl Tries {
    pub(crate) fn new(policy: RetryPolicy, random: Arc<dyn Fn() -> f64 + Send + Sync>) -> Self {
        Self { policy, random, made: 0 }
    }

    pub(super) fn with_policy(&self, policy: RetryPolicy) -> Self {
        Self { policy, ..self.clone() }
    }

    /// Something came of the last try: what is counted is how often in a row nothing did.
    pub(super) fn progressed(&mut self) {
        self.made = 0;
    }

    /// Counts a try that has failed. Whether there may be another at once.
    pub(super) fn may_try_again(&mut self) -> bool {
        self.made += 1;
        self.policy.permits(self.made + 1)
    }

    /// Counts a try that has failed, and waits before the next. `false` where there is to be none.
    pub(super) async fn again_after(&mut self, error: &Error) -> bool {
        if !error.is_transient() || !self.may_try_again() {
            return false;
        }
        let wait = self.policy.delay(self.made, (self.random)());
        sleep(wait.max(error.retry_after().unwrap_or_default()).min(LONGEST_WAIT)).await;
        true
    }
}
