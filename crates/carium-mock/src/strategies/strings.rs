//! Strategies for strings that the other strategies are composed of.

use proptest::prelude::*;
use proptest::string::string_regex;

/// Generates one of the strings. Shrinks towards the first one, which should be the plainest.
pub(super) fn one_of(strings: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    prop::sample::select(strings).prop_map(str::to_owned)
}

/// Generates strings that match a regular expression.
///
/// Parses the expression once. If a `&str` is used as a strategy, `proptest` parses it for each value, which
/// dominates the run time for expressions with Unicode classes.
pub(super) fn matching(pattern: &'static str) -> BoxedStrategy<String> {
    string_regex(pattern).expect("the patterns are constants that the tests of this crate use").boxed()
}
