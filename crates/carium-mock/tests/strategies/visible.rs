//! Failing tests print the invented data of `visible` strategies and of invalid inputs.

use std::fmt::Debug;

use carium_mock::strategies::{self, visible};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestError, TestRunner};

/// Returns the message of a test that fails for every value.
fn message_of_failing_test<T: Debug>(strategy: impl Strategy<Value = T>) -> String {
    let config = Config { failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
    let rng = TestRunner::deterministic().new_rng();
    let error = TestRunner::new_with_rng(config, rng)
        .run(&strategy, |_| Err(TestCaseError::fail("always fails")))
        .unwrap_err();
    assert!(matches!(error, TestError::Fail(..)));
    error.to_string()
}

#[test]
fn failing_test_prints_the_data() {
    let patients = strategies::new_patient;
    assert!(!message_of_failing_test(patients()).contains("birth-date\":\""), "hidden by default");
    for message in [
        message_of_failing_test(visible(patients())),
        message_of_failing_test(visible(strategies::new_patient_builder())),
    ] {
        assert!(message.contains(r#""birth-date":""#) && message.contains(r#""first-name":""#), "{message}");
    }
    let message = message_of_failing_test(visible(strategies::new_appointment_builder()));
    assert!(message.contains(r#""start-time":"20"#), "{message}");
    let message = message_of_failing_test(visible(strategies::appointment_update()));
    assert!(message.contains('{') && !message.contains("Update"), "{message}");
    let message = message_of_failing_test(visible(strategies::new_document()));
    assert!(message.contains(r#""attachment-filename":""#), "{message}");
    let message = message_of_failing_test(visible(strategies::new_invitation()));
    assert!(message.contains(r#""username":""#), "{message}");
}

#[test]
fn failing_test_prints_the_data_of_invalid_inputs() {
    let message = message_of_failing_test(strategies::invalid_patient());
    assert!(message.contains("defect: ") && message.contains("birth_date: "), "{message}");
    let message = message_of_failing_test(strategies::invalid_invitation());
    assert!(message.contains("field: ") && message.contains(" by ["), "{message}");
    let message = message_of_failing_test(strategies::invalid_appointment_update());
    assert!(message.contains("data: {"), "{message}");
}

#[test]
fn visible_input_can_be_used_as_the_input() {
    let mut runner = TestRunner::deterministic();
    let patient = visible(strategies::new_patient()).new_tree(&mut runner).unwrap().current();
    let username = patient.username().to_owned();
    assert_eq!(patient.into_inner().username(), username);
}
