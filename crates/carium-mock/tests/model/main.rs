//! Runs random sequences of client calls against the fake and the sandbox, and checks that both return the same
//! results. Without faults, the results must also match a small reference model.
//!
//! With faults, the model makes no predictions, because it does not simulate retries and lost responses. The test
//! then only checks that the fake and the sandbox agree.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod reference;
mod system;

use std::time::Duration;

use carium_mock::FaultPlan;
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use reference::{Action, Expected, Model};
use system::System;

/// The maximum duration of an action. No action waits for anything, so a longer one would never end.
const ACTION_TIMEOUT: Duration = Duration::from_secs(30);

/// The fake and the sandbox, which run the same actions.
struct FakeAndSandbox {
    runtime: Runtime,
    fake: System,
    sandbox: System,
}

impl StateMachineTest for FakeAndSandbox {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(model: &Model) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (fake, sandbox) = runtime.block_on(async { (System::fake(), System::sandbox().await) });
        if let Some((seed, one_in)) = model.faults {
            for system in [&fake, &sandbox] {
                system.fake.set_faults(FaultPlan::random(seed).one_in(one_in));
            }
        }
        Self { runtime, fake, sandbox }
    }

    fn apply(mut systems: Self, model: &Model, action: Action) -> Self {
        let (fake, sandbox) = systems.runtime.block_on(async {
            let timed_out = |system: &str| panic!("{action:?} timed out in the {system}");
            let fake = timeout(ACTION_TIMEOUT, systems.fake.run(&action)).await;
            let sandbox = timeout(ACTION_TIMEOUT, systems.sandbox.run(&action)).await;
            (fake.unwrap_or_else(|_| timed_out("fake")), sandbox.unwrap_or_else(|_| timed_out("sandbox")))
        });
        assert_eq!(fake, sandbox, "the fake and the sandbox return different results for {action:?}");
        if model.faults.is_none() {
            // The model was updated before this call, and holds the expected result of the action.
            match (model.expected.as_ref().unwrap(), &fake) {
                (Expected::Success, Ok(_)) => {}
                (Expected::Length(expected), Ok(length)) => assert_eq!(length, expected, "{action:?}"),
                (Expected::Error(expected), Err(error)) => assert_eq!(error.kind, *expected, "{action:?}"),
                (expected, result) => panic!("{action:?}: expected {expected:?}, got {result:?}"),
            }
        }
        systems
    }

    fn check_invariants(systems: &Self, model: &Model) {
        let state = systems.fake.state();
        assert_eq!(state, systems.sandbox.state());
        if model.faults.is_none() {
            assert_eq!(state.patients.len(), model.patients.len());
            assert_eq!(state.appointments, model.appointments.iter().filter(|exists| **exists).count());
            assert_eq!(state.documents.len(), model.documents.len());
        }
    }
}

prop_state_machine! {
    #![proptest_config(Config { cases: Config::default().cases / 4, max_shrink_iters: 400, failure_persistence: None, ..Config::default() })]

    #[test]
    fn fake_and_sandbox_behave_the_same(sequential 1..40 => FakeAndSandbox);
}

/// Checks that the model predicts errors. A model that accepts everything would make the test above pointless.
#[test]
fn model_rejects_duplicate_patient() {
    let action = Action::CreatePatient { name: 0, by_phone: false, in_known_group: true };
    let after_first = Model::default().after(&action);
    assert_eq!(after_first.expected, Some(Expected::Success));
    assert_eq!(after_first.after(&action).expected, Some(Expected::Error(carium::ErrorKind::Conflict)));
    assert!(Model::preconditions(&after_first, &action));
}
