//! A list of faults, random faults, and the selection of the fault for each call.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::fault::{Fault, FaultKind, FaultResponse, FaultTarget, FaultTiming};

/// A list of faults. If several faults match a call, the first one is injected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultPlan {
    faults: Vec<Fault>,
    random: Option<RandomFaults>,
}

impl FaultPlan {
    /// Creates a plan of these faults, in this order.
    pub fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self { faults: faults.into_iter().collect(), random: None }
    }

    /// Creates a plan that injects a random fault into one call in ten.
    ///
    /// Whether a call fails, and how, depends only on the seed, the operation, and the number of the call among the
    /// calls of its operation. The plan prints its seed to stderr when it is set, so that a failing test shows it.
    ///
    /// Random faults never hang, so tests over HTTP do not wait for timeouts. They also never corrupt downloads,
    /// because only a caller that knows the digest could notice.
    ///
    /// ```
    /// # use carium_mock::{FakeCarium, FaultPlan};
    /// FakeCarium::new().set_faults(FaultPlan::random(7).one_in(3));
    /// ```
    pub fn random(seed: u64) -> Self {
        Self { faults: Vec::new(), random: Some(RandomFaults { seed, one_in: 10 }) }
    }

    /// Makes one in this many calls fail, for a plan created with [`random`](Self::random). Every call fails for 1
    /// and for 0. Defaults to 10.
    #[must_use]
    pub fn one_in(mut self, calls: u64) -> Self {
        if let Some(random) = &mut self.random {
            random.one_in = calls.max(1);
        }
        self
    }

    /// Adds a fault after the existing ones. Explicit faults take precedence over random ones.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }
}

impl<I: IntoIterator<Item = Fault>> From<I> for FaultPlan {
    fn from(faults: I) -> Self {
        Self::new(faults)
    }
}

/// A source of random faults.
#[derive(Clone, Debug, PartialEq)]
struct RandomFaults {
    seed: u64,
    one_in: u64,
}

impl RandomFaults {
    /// Returns the fault for a call, if any.
    ///
    /// The result depends on the call alone and not on earlier draws, because the order of concurrent calls differs
    /// between runs.
    fn draw(&self, target: &FaultTarget, call_number: u64) -> Option<(FaultTiming, FaultKind)> {
        let mut seed = self.seed ^ call_number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in target.name().bytes() {
            // FNV-1a
            seed = (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut rng = fastrand::Rng::with_seed(seed);
        if rng.u64(..self.one_in) != 0 {
            return None;
        }
        Some(match target {
            FaultTarget::Api(operation) => match rng.u8(..if operation == "login" { 6 } else { 7 }) {
                0 => (FaultTiming::Before, error_response(429, &mut rng)),
                1 => (FaultTiming::Before, error_response(503, &mut rng)),
                2 => (FaultTiming::Before, FaultKind::Reset { after: None }),
                3 => (FaultTiming::After, FaultKind::Reset { after: None }),
                4 => (FaultTiming::After, FaultKind::Truncate),
                5 => (FaultTiming::After, FaultKind::Corrupt),
                _ => (FaultTiming::Before, FaultKind::RevokeToken),
            },
            FaultTarget::Upload => match rng.u8(..4) {
                0 => (FaultTiming::Before, error_response(503, &mut rng)),
                1 => (FaultTiming::Before, FaultKind::Reset { after: None }),
                2 => (FaultTiming::After, FaultKind::Reset { after: None }),
                _ => (FaultTiming::Before, FaultKind::Expire),
            },
            FaultTarget::Download => match rng.u8(..4) {
                0 => (FaultTiming::Before, error_response(503, &mut rng)),
                1 => (FaultTiming::Before, FaultKind::Reset { after: None }),
                2 => (FaultTiming::Before, FaultKind::Truncate),
                _ => (FaultTiming::Before, FaultKind::Expire),
            },
        })
    }
}

/// Returns an error response. Half of them have a `Retry-After` header.
fn error_response(status: u16, rng: &mut fastrand::Rng) -> FaultKind {
    let response = FaultResponse::status(status);
    FaultKind::Respond(if rng.bool() { response.header("retry-after", "0") } else { response })
}

/// Selects the fault for each call. Shared by a service and its object store.
#[derive(Default)]
pub(crate) struct FaultInjector(Mutex<InjectorState>);

#[derive(Default)]
struct InjectorState {
    plan: FaultPlan,
    /// The number of calls so far for each target.
    call_counts: BTreeMap<FaultTarget, u64>,
    /// The number of injections of each fault of the plan.
    injections: Vec<u64>,
}

impl FaultInjector {
    /// Replaces the plan and resets the call counters.
    #[allow(
        clippy::print_stderr,
        reason = "the seed is needed to reproduce a failure; tests print it only then"
    )]
    pub(crate) fn set(&self, plan: FaultPlan) {
        if let Some(RandomFaults { seed, one_in }) = plan.random {
            eprintln!("random faults are enabled; reproduce with FaultPlan::random({seed}).one_in({one_in})");
        }
        let injections = vec![0; plan.faults.len()];
        *self.lock() = InjectorState { plan, call_counts: BTreeMap::new(), injections };
    }

    /// Counts a call. Returns the fault to inject before the operation is applied, if any, and the fault to inject
    /// afterwards, if any.
    pub(crate) fn next(&self, target: &FaultTarget) -> (Option<FaultKind>, Option<FaultKind>) {
        match self.lock().next(target) {
            Some((FaultTiming::Before, kind)) => (Some(kind), None),
            Some((FaultTiming::After, kind)) => (None, Some(kind)),
            None => (None, None),
        }
    }

    /// Returns the faults of the plan that have not been injected yet.
    pub(crate) fn unused(&self) -> Vec<Fault> {
        let state = self.lock();
        let unused = state.plan.faults.iter().zip(&state.injections).filter(|(_, count)| **count == 0);
        unused.map(|(fault, _)| fault.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, InjectorState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InjectorState {
    fn next(&mut self, target: &FaultTarget) -> Option<(FaultTiming, FaultKind)> {
        let call_number = self.call_counts.entry(target.clone()).or_default();
        *call_number += 1;
        let matches = |fault: &Fault| fault.target == *target && fault.calls.contains(*call_number);
        match self.plan.faults.iter().zip(&mut self.injections).find(|(fault, _)| matches(fault)) {
            Some((fault, count)) => {
                *count += 1;
                Some((fault.timing, fault.kind.clone()))
            }
            None => self.plan.random.as_ref()?.draw(target, *call_number),
        }
    }
}

impl fmt::Debug for FaultInjector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FaultInjector").field(&self.lock().plan).finish()
    }
}
