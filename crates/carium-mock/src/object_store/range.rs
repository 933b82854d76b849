//! Which part of an object a download asks for.

use std::ops::Range;

/// What a `Range` header comes to.
#[derive(Debug, PartialEq)]
pub(super) enum Asked {
    /// The whole: there is no header, or one that S3 does not go by, as that for several ranges.
    Whole,
    /// These bytes.
    Part(Range<usize>),
    /// Bytes that the object does not have.
    Outside,
}

pub(super) fn read(header: Option<&str>, length: usize) -> Asked {
    let Some((first, last)) = header
        .and_then(|header| header.trim().strip_prefix("bytes="))
        .and_then(|range| range.split_once('-'))
    else {
        return Asked::Whole;
    };
    match (number(first), number(last)) {
        (Number::None, Number::Some(0)) => Asked::Outside,
        (Number::None, Number::Some(_)) if length == 0 => Asked::Outside,
        (Number::None, Number::Some(most)) => Asked::Part(length.saturating_sub(most)..length),
        (Number::Some(first), Number::Some(last)) if first > last => Asked::Whole,
        (Number::Some(first), Number::None | Number::Some(_)) if first >= length => Asked::Outside,
        (Number::Some(first), Number::None) => Asked::Part(first..length),
        (Number::Some(first), Number::Some(last)) => Asked::Part(first..last.saturating_add(1).min(length)),
        _ => Asked::Whole,
    }
}

#[derive(Clone, Copy)]
enum Number {
    None,
    Some(usize),
    Other,
}

fn number(text: &str) -> Number {
    if text.is_empty() {
        return Number::None;
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Number::Other;
    }
    // What is too long to be read is past the end of anything.
    Number::Some(text.parse().unwrap_or(usize::MAX))
}
