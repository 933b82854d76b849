//! Helpers that generate values with fixed seeds.

use std::fmt::Debug;

use carium::{Error, ErrorKind};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

/// The number of values that are generated per test.
pub(crate) const CASES: u32 = 2_000;

/// A property must occur more often than this. A rarer one would not be generated in a usual test run.
pub(crate) const MIN_OCCURRENCES: u32 = CASES / 200;

fn runner(seed: u8) -> TestRunner {
    let config = Config { failure_persistence: None, max_shrink_iters: 100_000, ..Config::with_cases(CASES) };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]))
}

/// Generates values and passes each to `check`.
pub(crate) fn for_each_value<T: Debug>(strategy: &impl Strategy<Value = T>, mut check: impl FnMut(T)) {
    let mut runner = runner(7);
    for _ in 0..CASES {
        check(strategy.new_tree(&mut runner).unwrap().current());
    }
}

/// Returns the value with a property that shrinking ends with.
pub(crate) fn shrink_to<T: Debug>(
    strategy: &impl Strategy<Value = T>,
    seed: u8,
    has_property: impl Fn(&T) -> bool,
) -> T {
    let result = runner(seed).run(strategy, |value| {
        prop_assert!(!has_property(&value));
        Ok(())
    });
    match result {
        Err(TestError::Fail(_, value)) => value,
        other => panic!("no generated value has the property: {other:?}"),
    }
}

/// Returns the fields that a validation error names, including duplicates.
pub(crate) fn problem_fields(error: &Error) -> Vec<&str> {
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    error.problems().iter().map(|problem| problem.field().unwrap()).collect()
}
