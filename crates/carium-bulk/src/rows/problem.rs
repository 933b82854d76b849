//! What is wrong with a file of rows, and where. Nothing here quotes a value.

use std::borrow::Cow;
use std::{fmt, io};

use super::{RowIdentity, RowLocation};

/// One thing that is wrong, where it is, and how to hint it. Holds no value of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowProblem {
    pub(super) line: u64,
    pub(super) column: Option<u64>,
    pub(super) column_name: Option<String>,
    pub(super) field: Option<String>,
    pub(super) what: Cow<'static, str>,
    pub(super) hint: Option<&'static str>,
}

impl RowProblem {
    pub(super) fn new(line: u64, what: impl Into<Cow<'static, str>>) -> Self {
        Self { line, column: None, column_name: None, field: None, what: what.into(), hint: None }
    }

    pub(super) fn column_at(self, column: u64) -> Self {
        Self { column: Some(column), ..self }
    }

    pub(super) fn named(self, name: impl Into<String>) -> Self {
        Self { column_name: Some(name.into()), ..self }
    }

    pub(super) fn of_field(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    pub(super) fn with_hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    pub(super) fn what_is(self, what: &'static str) -> Self {
        Self { what: what.into(), ..self }
    }

    /// The line of the file, counted from 1. Of a CSV field, the line on which it begins.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Of CSV the number of the column, counted from 1. Of NDJSON the byte of the line, counted from 1, at which it is
    /// not what it should be.
    pub fn column(&self) -> Option<u64> {
        self.column
    }

    /// Of CSV the name of the column, such as `document-1-class`.
    pub fn column_name(&self) -> Option<&str> {
        self.column_name.as_deref()
    }

    /// The path of the field in `specs/onboarding.schema.json`, such as `documents[0].class`.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.what
    }

    /// What to do about it, where [`what`](Self::message) does not say so itself.
    pub fn hint(&self) -> Option<&'static str> {
        self.hint
    }
}

impl fmt::Display for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        if let Some(name) = &self.column_name {
            write!(f, ", `{name}`")?;
        }
        if let Some(field) = self.field.as_ref().filter(|field| Some(*field) != self.column_name.as_ref()) {
            write!(f, ", field `{field}`")?;
        }
        write!(f, ": {}", self.what)?;
        self.hint.map_or(Ok(()), |hint| write!(f, ": {hint}"))
    }
}

/// All that is wrong with one row, or with the first line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowProblems {
    pub(super) line: u64,
    pub(super) place: Option<RowLocation>,
    pub(super) key: Option<RowIdentity>,
    pub(super) problems: Vec<RowProblem>,
    pub(super) count: u64,
}

/// How many problems of a row are kept: one of a million separators would have as many.
const KEPT: usize = 100;

impl RowProblems {
    pub(super) fn new(line: u64, place: Option<RowLocation>, mut problems: Vec<RowProblem>) -> Self {
        let count = problems.len() as u64;
        problems.truncate(KEPT);
        Self { line, place, key: None, problems, count }
    }

    pub(super) fn with_key(self, key: Option<RowIdentity>) -> Self {
        Self { key, ..self }
    }

    /// The line on which the row begins, counted from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Where the row lies. `None` where it has no end that can be told, and for the first line of a CSV file.
    pub fn place(&self) -> Option<RowLocation> {
        self.place
    }

    /// What the row is recognised by, where that much of it can be read.
    pub fn key(&self) -> Option<RowIdentity> {
        self.key
    }

    /// The problems, in the order in which they stand: the first hundred.
    pub fn problems(&self) -> &[RowProblem] {
        &self.problems
    }

    /// How many problems there are.
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl fmt::Display for RowProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let between = if index == 0 { "" } else { "\n" };
            write!(f, "{between}{problem}")?;
        }
        match self.count - self.problems.len() as u64 {
            0 => Ok(()),
            more => write!(f, "\nline {}: {more} more", self.line),
        }
    }
}

impl std::error::Error for RowProblems {}

/// Why there is no row.
pub enum RowError {
    /// The row is wrong. Those after it are read, unless it has no end.
    Invalid(RowProblems),
    /// The file could not be read. Nothing comes after it.
    Io(io::Error),
    /// The file's name ends in none of `.csv`, `.ndjson` and `.jsonl`, and its format was not said.
    UnknownFormat,
}

impl From<io::Error> for RowError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(problems) => problems.fmt(f),
            // What a reader of someone's own says in words may quote what it read.
            Self::Io(error) => write!(f, "the file cannot be read: {}", error.kind()),
            Self::UnknownFormat => {
                f.write_str("the file's name ends in none of `.csv`, `.ndjson` and `.jsonl`: say its format")
            }
        }
    }
}

impl fmt::Debug for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(problems) => f.debug_tuple("Wrong").field(problems).finish(),
            Self::Io(error) => f.debug_tuple("Io").field(&error.kind()).finish(),
            Self::UnknownFormat => f.write_str("UnknownFormat"),
        }
    }
}

impl std::error::Error for RowError {}
