//! What differed from the spec, kept for who owns the sandbox.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use carium_api::Operation;
use http::{Request, Response};

use crate::contract::{Violation, judge_answer, judge_request};
use crate::service::answer::BeyondTheSpec;

/// How many are kept. A sandbox may run for days, and nobody reads more.
const KEPT: usize = 1000;

type Observe = dyn Fn(&Violation) + Send + Sync;

/// What differed from the spec so far.
#[derive(Default)]
pub(crate) struct Record {
    kept: Mutex<Vec<Violation>>,
    observe: Option<Box<Observe>>,
}

impl Record {
    /// One that is shown each deviation when it comes up.
    pub(crate) fn observed(observe: Box<Observe>) -> Self {
        Self { kept: Mutex::default(), observe: Some(observe) }
    }

    /// Whether someone is shown each deviation.
    pub(crate) fn is_observed(&self) -> bool {
        self.observe.is_some()
    }

    pub(crate) fn all(&self) -> Vec<Violation> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn take(&self) -> Vec<Violation> {
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn add(&self, deviation: Violation) {
        if let Some(observe) = &self.observe {
            observe(&deviation);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(deviation);
        }
    }

    /// Holds both halves of a call against the spec, or the one where there is no other.
    pub(crate) fn judge(
        &self,
        operation: &'static Operation,
        request: &Request<Bytes>,
        response: Option<&Response<Bytes>>,
    ) {
        let mut found = judge_request(operation, request);
        let judged = response.filter(|response| response.extensions().get::<BeyondTheSpec>().is_none());
        if let Some(response) = judged {
            found.extend(judge_answer(operation, response));
        }
        for deviation in found {
            self.add(deviation);
        }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").finish_non_exhaustive()
    }
}
