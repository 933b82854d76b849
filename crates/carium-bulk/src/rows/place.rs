//! Where a row lies.

/// Where a row lies in its file, so that it, and nothing else, can be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_structs, reason = "made again of what a queue has kept of it")]
pub struct RowLocation {
    /// The line on which it begins, counted from 1.
    pub line: u64,
    /// The byte at which it begins, counted from 0.
    pub offset: u64,
    /// How many bytes it has, without the line break at its end, with those inside of quotes.
    pub length: u64,
}
