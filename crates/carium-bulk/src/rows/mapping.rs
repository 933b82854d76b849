//! A mapping: which columns of a file are the fields of a row, and how their values are converted.

mod columns;
mod convert;
mod names;
mod parse;
mod propose;

use std::fmt;
use std::sync::Arc;

use encoding_rs::Encoding;
use serde::{Deserialize, Serialize};

use super::columns::Column;
use super::settings::RowFormat;

pub(super) use self::columns::{Cells, MappedColumns, not_in_encoding, parse_cells};
use self::convert::Conversion;
pub(super) use self::convert::{ConversionError, trim};
pub(super) use self::names::common_name;

pub use self::propose::{MappingProposal, PreviewRow, preview, propose};

/// A mapping from the columns of a file to the fields of a row, written in TOML.
///
/// ```
/// use carium_bulk::rows::{Mapping, RowOptions};
///
/// let mapping = Mapping::parse(r#"
///     [file]
///     delimiter = ";"
///     encoding = "windows-1252"
///     key = "Patientennr"
///     ignore = ["Kasse"]
///
///     [fields]
///     first-name = { column = "Vorname" }
///     last-name = { column = "Nachname" }
///     birth-date = { column = "Geburtsdatum", dates = ["dd.mm.yyyy"] }
///     gender = { column = "Geschlecht", values = { w = "female", m = "male", d = "other" } }
///     mobile-phone = { column = "Handy", country = "DE" }
/// "#)?;
/// let options = RowOptions::new().mapping(mapping);
/// # Ok::<(), carium_bulk::rows::MappingError>(())
/// ```
///
/// The guide describes all settings on the page "Bring your own file", and `specs/mapping.schema.json` is a JSON
/// Schema for editors. Every column of the file must be used, be the key, or be listed in `ignore`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mapping(Arc<MappingContent>);

struct MappingContent {
    text: String,
    file: FileLayout,
    fields: Vec<FieldMapping>,
}

/// The `[file]` table of a mapping.
#[derive(Default)]
pub(super) struct FileLayout {
    pub(super) format: Option<RowFormat>,
    pub(super) delimiter: Option<u8>,
    pub(super) encoding: Option<&'static Encoding>,
    pub(super) sheet: Option<String>,
    /// The line of the header, counted from 1.
    pub(super) header_row: u64,
    pub(super) key: Option<Named>,
    pub(super) ignore: Vec<Named>,
    pub(super) skips_single_values: bool,
}

/// A name in a mapping, with its line.
#[derive(Clone)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) line: u64,
}

/// One field of the row.
pub(super) struct FieldMapping {
    pub(super) target: Column,
    /// The line of the mapping.
    pub(super) line: u64,
    /// The columns whose values are joined. Empty for a constant.
    pub(super) columns: Vec<Named>,
    conversion: Conversion,
}

impl Mapping {
    /// Parses a mapping.
    ///
    /// # Errors
    /// All problems of the mapping together, each with its line.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        parse::parse(text)
            .map(|(file, fields)| Self(Arc::new(MappingContent { text: text.to_owned(), file, fields })))
    }

    /// Returns the text that the mapping was parsed from.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    pub(super) fn file(&self) -> &FileLayout {
        &self.0.file
    }

    pub(super) fn fields(&self) -> &[FieldMapping] {
        &self.0.fields
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Constants and value maps may contain health information.
        f.debug_struct("Mapping").field("fields", &self.0.fields.len()).finish_non_exhaustive()
    }
}

impl PartialEq for Mapping {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Mapping {}

impl TryFrom<String> for Mapping {
    type Error = MappingError;

    fn try_from(text: String) -> Result<Self, MappingError> {
        Self::parse(&text)
    }
}

impl From<Mapping> for String {
    fn from(mapping: Mapping) -> Self {
        mapping.0.text.clone()
    }
}

/// All problems of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingError {
    problems: Vec<MappingProblem>,
}

impl MappingError {
    /// Returns the problems in the order of the mapping.
    pub fn problems(&self) -> &[MappingProblem] {
        &self.problems
    }
}

/// A problem of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingProblem {
    line: u64,
    message: String,
    hint: Option<String>,
}

impl MappingProblem {
    /// Returns the line of the mapping, counted from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Returns the description of the problem.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns how to fix the problem, if [`message`](Self::message) does not say so itself.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for MappingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mapping line {}: {}", self.line, self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, ": {hint}"))
    }
}

impl fmt::Display for MappingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for MappingError {}
