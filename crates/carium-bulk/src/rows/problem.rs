//! Problems of rows and their locations. None of these types contains a value from the file.

use std::borrow::Cow;
use std::sync::Arc;
use std::{fmt, io};

use super::row::{RowIdentity, RowLocation};

/// A problem of a row, with its location and usually a hint. It never contains a value from the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowProblem {
    pub(super) line: u64,
    pub(super) column: Option<u64>,
    pub(super) column_name: Option<Box<str>>,
    pub(super) field: Option<Box<str>>,
    pub(super) message: Cow<'static, str>,
    pub(super) hint: Option<&'static str>,
    pub(super) sheet: Option<Arc<str>>,
    pub(super) mapping_line: Option<u32>,
}

impl RowProblem {
    pub(super) fn new(line: u64, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            line,
            column: None,
            column_name: None,
            field: None,
            message: message.into(),
            hint: None,
            sheet: None,
            mapping_line: None,
        }
    }

    pub(super) fn at_column(self, column: u64) -> Self {
        Self { column: Some(column), ..self }
    }

    /// Sets the name of the column. Control characters of a name of the file would control the terminal.
    pub(super) fn with_column_name(self, name: impl Into<Box<str>>) -> Self {
        Self { column_name: Some(without_controls(name.into())), ..self }
    }

    pub(super) fn with_field(self, field: Option<&str>) -> Self {
        Self { field: field.map(Into::into), ..self }
    }

    pub(super) fn with_hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    pub(super) fn with_mapping_line(self, line: u64) -> Self {
        Self { mapping_line: u32::try_from(line).ok(), ..self }
    }

    pub(super) fn with_message(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// Returns the line of the file, counted from 1. For a CSV field, this is the line on which the field begins.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Returns the column. In CSV, this is the number of the column, counted from 1. In NDJSON, this is the position
    /// of the invalid byte in the line, counted from 1.
    pub fn column(&self) -> Option<u64> {
        self.column
    }

    /// Returns the sheet of a workbook. [`line`](Self::line) is then the number of the row in the sheet.
    pub fn sheet(&self) -> Option<&str> {
        self.sheet.as_deref()
    }

    /// Returns the cell of a workbook, such as `C17`.
    pub fn cell(&self) -> Option<String> {
        self.sheet.as_ref()?;
        let mut column = self.column?;
        let mut letters = Vec::new();
        while column > 0 {
            letters.push(char::from(b'A' + ((column - 1) % 26) as u8));
            column = (column - 1) / 26;
        }
        Some(format!("{}{}", letters.iter().rev().collect::<String>(), self.line))
    }

    /// Returns the line of the mapping that the problem is about, counted from 1.
    pub fn mapping_line(&self) -> Option<u64> {
        self.mapping_line.map(u64::from)
    }

    /// Returns the name of the CSV column, such as `document-1-class`.
    pub fn column_name(&self) -> Option<&str> {
        self.column_name.as_deref()
    }

    /// Returns the path of the field in `specs/onboarding.schema.json`, such as `documents[0].class`.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// Returns the description of the problem.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns how to fix the problem, if [`message`](Self::message) does not say so itself.
    pub fn hint(&self) -> Option<&'static str> {
        self.hint
    }
}

impl fmt::Display for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.sheet, self.cell()) {
            (Some(sheet), Some(cell)) => write!(f, "sheet `{sheet}`, cell {cell}")?,
            (Some(sheet), None) => write!(f, "sheet `{sheet}`, row {}", self.line)?,
            (None, _) => write!(f, "line {}", self.line)?,
        }
        if let Some(column) = self.column.filter(|_| self.sheet.is_none()) {
            write!(f, ", column {column}")?;
        }
        if let Some(name) = &self.column_name {
            write!(f, ", `{name}`")?;
        }
        if let Some(field) = self.field.as_ref().filter(|field| Some(*field) != self.column_name.as_ref()) {
            write!(f, ", field `{field}`")?;
        }
        if let Some(line) = self.mapping_line {
            write!(f, ", mapping line {line}")?;
        }
        write!(f, ": {}", self.message)?;
        self.hint.map_or(Ok(()), |hint| write!(f, ": {hint}"))
    }
}

/// Replaces the control characters of a text.
pub(super) fn without_controls(text: Box<str>) -> Box<str> {
    if text.contains(char::is_control) { text.replace(char::is_control, "\u{fffd}").into() } else { text }
}

/// All problems of one row, or of the header line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowProblems {
    pub(super) line: u64,
    pub(super) location: Option<RowLocation>,
    pub(super) key: Option<RowIdentity>,
    pub(super) problems: Vec<RowProblem>,
    pub(super) count: u64,
}

/// The maximum number of problems that are kept for a row. A row of a million separators would otherwise have a
/// million problems.
const MAX_PROBLEMS: usize = 100;

impl RowProblems {
    pub(super) fn new(line: u64, location: Option<RowLocation>, mut problems: Vec<RowProblem>) -> Self {
        let count = problems.len() as u64;
        problems.truncate(MAX_PROBLEMS);
        Self { line, location, key: None, problems, count }
    }

    pub(super) fn with_key(self, key: Option<RowIdentity>) -> Self {
        Self { key, ..self }
    }

    /// Returns the line on which the row begins, counted from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Returns the location of the row. `None` if the end of the row is not known, and for the header line of a file.
    pub fn location(&self) -> Option<RowLocation> {
        self.location
    }

    /// Returns the key of the row, if it can be read despite the problems.
    pub fn key(&self) -> Option<RowIdentity> {
        self.key
    }

    /// Returns the problems in the order of the file: at most the first 100.
    pub fn problems(&self) -> &[RowProblem] {
        &self.problems
    }

    /// Returns the total number of problems, including those that are not in [`problems`](Self::problems).
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl fmt::Display for RowProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        match self.count - self.problems.len() as u64 {
            0 => Ok(()),
            1 => write!(f, "\nline {}: 1 more problem", self.line),
            more => write!(f, "\nline {}: {more} more problems", self.line),
        }
    }
}

impl std::error::Error for RowProblems {}

/// Why a row is skipped although it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// The FHIR patient is not active.
    Inactive,
    /// The FHIR patient is deceased.
    Deceased,
    /// The FHIR patient was replaced by another one.
    Replaced,
    /// The FHIR resource is not a patient.
    NotPatient,
    /// The row has a single value, as a total below a table has, and the mapping says to skip such rows.
    SingleValue,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inactive => "the patient is inactive",
            Self::Deceased => "the patient is deceased",
            Self::Replaced => "the patient is replaced by another record",
            Self::NotPatient => "the resource is not a Patient",
            Self::SingleValue => "the row has a single value",
        })
    }
}

/// The error of a row or of a file.
pub enum RowError {
    /// The row is invalid. The rows after it are still read, unless the end of this row is not known.
    Invalid(RowProblems),
    /// The row on this line is not one to onboard. The rows after it are still read.
    Skipped(u64, SkipReason),
    /// The file could not be read. No rows follow.
    Io(io::Error),
    /// The format is neither set nor recognized.
    UnknownFormat,
}

impl RowError {
    /// Creates the error of a row with one problem, whose location is not known.
    pub(super) fn invalid(line: u64, problem: RowProblem) -> Self {
        Self::Invalid(RowProblems::new(line, None, vec![problem]))
    }
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
            Self::Skipped(line, reason) => write!(f, "line {line}: skipped: {reason}"),
            // The message of an error from the caller's reader may contain data that it read.
            Self::Io(error) => write!(f, "could not read the file: {}", error.kind()),
            Self::UnknownFormat => {
                f.write_str("unknown file format: the file is neither text nor a workbook (XLSX, XLS or ODS)")
            }
        }
    }
}

impl fmt::Debug for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(problems) => f.debug_tuple("Invalid").field(problems).finish(),
            Self::Skipped(line, reason) => f.debug_tuple("Skipped").field(line).field(reason).finish(),
            Self::Io(error) => f.debug_tuple("Io").field(&error.kind()).finish(),
            Self::UnknownFormat => f.write_str("UnknownFormat"),
        }
    }
}

impl std::error::Error for RowError {}
