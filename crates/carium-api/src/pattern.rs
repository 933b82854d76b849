//! Texts with a form: what the generator makes of `pattern` in the specs, so that no program needs a regex engine for it.

/// A part of a pattern: between `min` and `max` characters of these ranges, whose ends are inclusive.
pub(crate) struct Part<'a> {
    pub(crate) ranges: &'a [(char, char)],
    pub(crate) min: usize,
    pub(crate) max: usize,
}

/// Checks whether the whole text consists of these parts, in order.
///
/// Each part takes as many characters as it can. The generator refuses patterns for which that could be wrong.
pub(crate) fn matches(text: &str, parts: &[Part<'_>]) -> bool {
    let mut rest = text.chars().peekable();
    for part in parts {
        let is_of_part =
            |character: &char| part.ranges.iter().any(|(first, last)| (first..=last).contains(&character));
        let mut count = 0;
        while count < part.max && rest.next_if(is_of_part).is_some() {
            count += 1;
        }
        if count < part.min {
            return false;
        }
    }
    rest.next().is_none()
}
