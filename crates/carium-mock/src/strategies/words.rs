//! How single words are drawn.

use proptest::prelude::*;
use proptest::string::string_regex;

/// One of these texts, the first of which is the plainest.
pub(super) fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    prop::sample::select(texts).prop_map(str::to_owned)
}

/// A text of a pattern. The pattern is read once, here: a `&str` that is used as a strategy is read again for each
/// value, which takes most of the time where it names classes of Unicode.
pub(super) fn of_pattern(pattern: &'static str) -> BoxedStrategy<String> {
    string_regex(pattern).expect("it is written here, and tests draw from it").boxed()
}
