//! What a comparison finds.

use std::fmt;

/// In which direction a value travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Answer,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Answer => "answer",
        })
    }
}

/// A part of our spec: what it is called, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) name: String,
    /// A JSON pointer into our spec.
    pub(super) pointer: String,
}

/// One thing that the two say differently. The parts of the spec that several operations share are said once, with
/// all of these operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) place: Place,
    pub(super) line: usize,
    /// Nothing for what is said of the operation as a whole.
    pub(super) side: Option<Side>,
    /// What kind of difference it is, in a word or two.
    pub(super) what: &'static str,
    pub(super) ours: String,
    pub(super) theirs: String,
    pub(super) operations: Vec<String>,
}

/// A part of our spec that is marked as inferred, and that the vendor documents by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Documented {
    pub(super) place: Place,
    pub(super) line: usize,
    pub(super) operations: Vec<String>,
}

/// Everything that was found.
#[derive(Debug, Clone, Default)]
pub(super) struct Drift {
    /// The spec, and each of the vendor's files, as they name themselves.
    pub(super) spec: String,
    pub(super) vendors: Vec<String>,
    /// The ids of the operations that were compared, and of those whose services are in none of the files.
    pub(super) compared: Vec<String>,
    pub(super) not_compared: Vec<String>,
    pub(super) differences: Vec<Difference>,
    pub(super) documented: Vec<Documented>,
}

impl Drift {
    /// Whether anything differs in a part of the spec, or below it.
    pub(super) fn differs_at(&self, place: &Place) -> bool {
        self.differences.iter().any(|difference| {
            let below = difference.place.name.strip_prefix(&place.name);
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', ' ']))
        })
    }
}
