//! A plan at work: it counts the calls.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::random::Random;
use super::{Fault, FaultPlan, Target};

/// The plan of a service and its store, and how far it has come.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Running>);

#[derive(Default)]
struct Running {
    plan: FaultPlan,
    seen: BTreeMap<Target, u64>,
    /// How many calls met each fault of the plan.
    met: Vec<u64>,
}

impl Faults {
    /// From now on this goes wrong. Calls are counted anew.
    #[allow(clippy::print_stderr, reason = "it is for whoever reads why a test failed, and shown only then")]
    pub(crate) fn set(&self, plan: FaultPlan) {
        if let Some(Random { seed, one_in }) = plan.random {
            eprintln!("faults are drawn: FaultPlan::random({seed}).one_in({one_in}) draws them again");
        }
        let met = vec![0; plan.faults.len()];
        *self.lock() = Running { plan, seen: BTreeMap::new(), met };
    }

    /// What becomes of the next call.
    pub(crate) fn next(&self, target: Target) -> Option<Fault> {
        let running = &mut *self.lock();
        if running.plan.faults.is_empty() && running.plan.random.is_none() {
            return None;
        }
        let nth = running.seen.entry(target).or_default();
        *nth += 1;
        let of_plan =
            running.plan.faults.iter().position(|fault| fault.target == target && fault.calls.has(*nth));
        if let Some(place) = of_plan {
            if let Some(met) = running.met.get_mut(place) {
                *met += 1;
            }
            return running.plan.faults.get(place).cloned();
        }
        running.plan.random.as_ref().and_then(|random| random.draw(target, *nth))
    }

    /// The faults of the plan that no call has met yet.
    pub(crate) fn unmet(&self) -> Vec<Fault> {
        let running = self.lock();
        let unmet = running.plan.faults.iter().zip(&running.met).filter(|(_, met)| **met == 0);
        unmet.map(|(fault, _)| fault.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Faults").field(&self.lock().plan).finish()
    }
}
