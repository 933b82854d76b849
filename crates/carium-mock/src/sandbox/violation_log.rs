//! The violations of the spec that a sandbox has observed.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use carium_api::Operation;
use http::Response;

use crate::service::message::SkipSpecCheck;
use crate::spec_check::{Violation, check_response};

/// The number of violations that are kept, which limits the memory of a sandbox that runs for days.
const MAX_VIOLATIONS: usize = 1000;

type Callback = dyn Fn(&Violation) + Send + Sync;

/// The violations so far.
#[derive(Default)]
pub(crate) struct ViolationLog {
    violations: Mutex<Vec<Violation>>,
    callback: Option<Box<Callback>>,
}

impl ViolationLog {
    /// Creates a log that calls a function for each violation.
    pub(crate) fn with_callback(callback: Box<Callback>) -> Self {
        Self { violations: Mutex::default(), callback: Some(callback) }
    }

    pub(crate) fn has_callback(&self) -> bool {
        self.callback.is_some()
    }

    pub(crate) fn all(&self) -> Vec<Violation> {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn take(&self) -> Vec<Violation> {
        std::mem::take(&mut *self.violations.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn add(&self, violation: Violation) {
        if let Some(callback) = &self.callback {
            callback(&violation);
        }
        let mut violations = self.violations.lock().unwrap_or_else(PoisonError::into_inner);
        if violations.len() < MAX_VIOLATIONS {
            violations.push(violation);
        }
    }

    pub(crate) fn extend(&self, violations: impl IntoIterator<Item = Violation>) {
        violations.into_iter().for_each(|violation| self.add(violation));
    }

    /// Checks a response against the spec, unless a quirk or a fault asked for a violation.
    pub(crate) fn check_response(&self, operation: &Operation, response: &Response<Bytes>) {
        if response.extensions().get::<SkipSpecCheck>().is_none() {
            self.extend(check_response(operation, response));
        }
    }
}

impl fmt::Debug for ViolationLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViolationLog").finish_non_exhaustive()
    }
}
