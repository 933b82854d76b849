//! The `Range` header of downloads.

use std::ops::Range;

/// The part of an object that a download requests.
#[derive(Debug, PartialEq)]
pub(super) enum RequestedRange {
    /// The whole object. There is no `Range` header, or it is one that S3 ignores, such as one with several ranges.
    Whole,
    Part(Range<usize>),
    /// The range is outside the object.
    Unsatisfiable,
}

pub(super) fn parse(header: Option<&str>, length: usize) -> RequestedRange {
    let Some((first, last)) = header
        .and_then(|header| header.trim().strip_prefix("bytes="))
        .and_then(|range| range.split_once('-'))
    else {
        return RequestedRange::Whole;
    };
    match (parse_position(first), parse_position(last)) {
        (Position::Absent, Position::Value(0)) => RequestedRange::Unsatisfiable,
        (Position::Absent, Position::Value(_)) if length == 0 => RequestedRange::Unsatisfiable,
        (Position::Absent, Position::Value(suffix)) => {
            RequestedRange::Part(length.saturating_sub(suffix)..length)
        }
        (Position::Value(first), Position::Value(last)) if first > last => RequestedRange::Whole,
        (Position::Value(first), Position::Absent | Position::Value(_)) if first >= length => {
            RequestedRange::Unsatisfiable
        }
        (Position::Value(first), Position::Absent) => RequestedRange::Part(first..length),
        (Position::Value(first), Position::Value(last)) => {
            RequestedRange::Part(first..last.saturating_add(1).min(length))
        }
        _ => RequestedRange::Whole,
    }
}

/// One of the two numbers of a range.
#[derive(Clone, Copy)]
enum Position {
    Absent,
    Value(usize),
    Invalid,
}

fn parse_position(text: &str) -> Position {
    if text.is_empty() {
        return Position::Absent;
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Position::Invalid;
    }
    // A number that overflows is past the end of every object.
    Position::Value(text.parse().unwrap_or(usize::MAX))
}
