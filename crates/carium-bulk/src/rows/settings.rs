//! The settings with which the rows of a file are read.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use carium::patients::OrganizationId;
use serde::{Deserialize, Serialize};

use super::columns::Columns;
use super::row::{RowLocation, Salt};

/// The format of a file of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowFormat {
    /// CSV as in RFC 4180, with the column names in the header line.
    Csv,
    /// One JSON object per line, in the shape of `specs/onboarding.schema.json`.
    Ndjson,
}

impl RowFormat {
    /// Returns the format for the extension of a file name: `.csv`, `.ndjson` or `.jsonl`.
    pub fn from_path(path: &Path) -> Option<Self> {
        let extension = path.extension().and_then(OsStr::to_str)?.to_ascii_lowercase();
        match extension.as_str() {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }
}

/// Options for reading a file of rows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[must_use]
pub struct RowOptions {
    pub(super) format: Option<RowFormat>,
    pub(super) key: Option<String>,
    pub(super) organization: Option<OrganizationId>,
    max_row_bytes: Option<usize>,
    /// Not stored with a queue, because each worker has its own documents folder.
    #[serde(skip)]
    pub(super) documents_folder: Option<PathBuf>,
}

const DEFAULT_MAX_ROW_BYTES: usize = 1024 * 1024;

impl RowOptions {
    /// Creates the default options: the format follows from the file name, and the username is the key.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the format of the file, regardless of its name.
    pub fn format(mut self, format: RowFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Sets the key that identifies rows: the name of a CSV column or of an NDJSON field. Defaults to the username.
    ///
    /// The key may be a column that is not in the schema, such as `patient-number`. It is then read but not sent.
    pub fn key(mut self, name: impl Into<String>) -> Self {
        self.key = Some(name.into());
        self
    }

    /// Sets the organization of rows that do not name one.
    pub fn organization(mut self, organization: impl Into<Option<OrganizationId>>) -> Self {
        self.organization = organization.into();
        self
    }

    /// Sets the maximum length of a row in bytes. Defaults to 1 MiB. It also limits the memory that an unclosed quote
    /// can take.
    pub fn max_row_bytes(mut self, bytes: usize) -> Self {
        self.max_row_bytes = Some(bytes);
        self
    }

    /// Sets the folder that must contain the files of all documents. A row that names a missing file is then invalid.
    /// If unset, files are not checked until the row is processed.
    pub fn documents_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.documents_folder = Some(folder.into());
        self
    }
}

/// The format, columns and key of one file, with which [`read_row`](super::read_row) can read any of its rows. Cheap
/// to clone.
#[derive(Clone)]
pub struct Header(pub(super) Arc<FileSettings>);

pub(super) struct FileSettings {
    pub(super) format: RowFormat,
    /// The columns of a CSV file.
    pub(super) columns: Columns,
    /// The place of the header line of a CSV file.
    pub(super) header_line: Option<RowLocation>,
    pub(super) options: RowOptions,
    pub(super) salt: Salt,
}

impl Header {
    /// Returns the format of the file.
    pub fn format(&self) -> RowFormat {
        self.0.format
    }

    /// Returns the place of the header line. `None` for formats without one.
    pub(crate) fn location(&self) -> Option<RowLocation> {
        self.0.header_line
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The name of the key column is omitted because it may itself be sensitive.
        f.debug_struct("Header").field("format", &self.0.format).finish_non_exhaustive()
    }
}

impl FileSettings {
    /// Returns the name of the key column or field, if one is set.
    pub(super) fn key(&self) -> Option<&str> {
        self.options.key.as_deref()
    }

    pub(super) fn max_row_bytes(&self) -> usize {
        self.options.max_row_bytes.unwrap_or(DEFAULT_MAX_ROW_BYTES)
    }
}
