//! The current fault plan and its call counters.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::random::RandomFaults;
use super::{Fault, FaultPlan, FaultTarget};

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

    /// Counts a call and returns its fault, if any.
    pub(crate) fn next(&self, target: FaultTarget) -> Option<Fault> {
        let state = &mut *self.lock();
        if state.plan.faults.is_empty() && state.plan.random.is_none() {
            return None;
        }
        let call_number = state.call_counts.entry(target).or_default();
        *call_number += 1;
        let matches = |fault: &Fault| fault.target == target && fault.calls.contains(*call_number);
        if let Some(index) = state.plan.faults.iter().position(matches) {
            if let Some(count) = state.injections.get_mut(index) {
                *count += 1;
            }
            return state.plan.faults.get(index).cloned();
        }
        state.plan.random.as_ref().and_then(|random| random.draw(target, *call_number))
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

impl fmt::Debug for FaultInjector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FaultInjector").field(&self.lock().plan).finish()
    }
}
