//! Drawing, always the same values.

use std::fmt::Debug;

use carium::{Error, ErrorKind};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

/// So many of each are drawn.
pub(crate) const CASES: u32 = 2_000;

/// Less often than once in so many, and it might as well never be drawn.
pub(crate) const SELDOM: u32 = CASES / 200;

fn runner(seed: u8) -> TestRunner {
    let config = Config { failure_persistence: None, max_shrink_iters: 100_000, ..Config::with_cases(CASES) };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]))
}

/// Draws many, and looks at each.
pub(crate) fn each<T: Debug>(strategy: &impl Strategy<Value = T>, mut look: impl FnMut(T)) {
    let mut runner = runner(7);
    for _ in 0..CASES {
        look(strategy.new_tree(&mut runner).unwrap().current());
    }
}

/// The plainest value that has a property: what a test that fails for it would end with.
pub(crate) fn plainest<T: Debug>(
    strategy: &impl Strategy<Value = T>,
    seed: u8,
    has: impl Fn(&T) -> bool,
) -> T {
    let found = runner(seed).run(strategy, |value| {
        prop_assert!(!has(&value));
        Ok(())
    });
    match found {
        Err(TestError::Fail(_, value)) => value,
        other => panic!("nothing that was drawn has the property: {other:?}"),
    }
}

/// The fields that an error names, each as often as it does.
pub(crate) fn fields(error: &Error) -> Vec<&str> {
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    error.problems().iter().map(|problem| problem.field().unwrap()).collect()
}
