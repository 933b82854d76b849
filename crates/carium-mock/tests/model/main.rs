//! Random sequences of what programs do, against the fake and over the wire at once: both give the same answers,
//! and without faults the answers are those of a model that is small enough to be read whole.
//!
//! Under faults the model says nothing: what a lost answer leaves behind is the service's business, and that the two
//! agree on it is what is shown.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod reference;
mod sides;

use std::time::Duration;

use carium_mock::FaultPlan;
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use reference::{Expected, Model, Step};
use sides::Side;

/// No step waits for anything: one that takes so long would never end.
const LONGEST: Duration = Duration::from_secs(30);

/// The fake and the sandbox, side by side.
struct Both {
    runtime: Runtime,
    fake: Side,
    wire: Side,
}

impl StateMachineTest for Both {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(model: &Model) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (fake, wire) = runtime.block_on(async { (Side::fake(), Side::wire().await) });
        if let Some((seed, one_in)) = model.faults {
            for side in [&fake, &wire] {
                side.fake.set_faults(FaultPlan::random(seed).one_in(one_in));
            }
        }
        Self { runtime, fake, wire }
    }

    fn apply(mut both: Self, model: &Model, step: Step) -> Self {
        let (fake, wire) = both.runtime.block_on(async {
            let hung = |side: &str| panic!("{step:?} hangs in the {side}");
            let fake = timeout(LONGEST, both.fake.take(&step)).await.unwrap_or_else(|_| hung("fake"));
            let wire = timeout(LONGEST, both.wire.take(&step)).await.unwrap_or_else(|_| hung("wire"));
            (fake, wire)
        });
        assert_eq!(fake, wire, "the fake and the wire differ on {step:?}");
        if model.faults.is_none() {
            // The model has taken the step already, and kept what it expected of it.
            match (model.expected.as_ref().unwrap(), &fake) {
                (Expected::Done, Ok(_)) => {}
                (Expected::Seen(expected), Ok(seen)) => assert_eq!(seen, expected, "{step:?}"),
                (Expected::Refused(expected), Err(seen)) => assert_eq!(seen.kind, *expected, "{step:?}"),
                (expected, seen) => panic!("{step:?} is expected to be {expected:?}, and is {seen:?}"),
            }
        }
        both
    }

    fn check_invariants(both: &Self, model: &Model) {
        let inside = both.fake.inside();
        assert_eq!(inside, both.wire.inside());
        if model.faults.is_none() {
            assert_eq!(inside.patients.len(), model.patients.len());
            assert_eq!(inside.appointments, model.appointments.iter().filter(|is_there| **is_there).count());
            assert_eq!(inside.documents.len(), model.documents.len());
        }
    }
}

prop_state_machine! {
    #![proptest_config(Config { cases: Config::default().cases / 4, max_shrink_iters: 400, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_fake_and_the_wire_are_one_machine(sequential 1..40 => Both);
}

/// The model is one that can fail: a machine that is not the service's is told from it.
#[test]
fn the_model_refuses_what_the_service_refuses() {
    let step = Step::Create { name: 0, by_phone: false, in_known_group: true };
    let once = Model::default().after(&step);
    assert_eq!(once.expected, Some(Expected::Done));
    assert_eq!(once.after(&step).expected, Some(Expected::Refused(carium::ErrorKind::Conflict)));
    assert!(Model::preconditions(&once, &step));
}
