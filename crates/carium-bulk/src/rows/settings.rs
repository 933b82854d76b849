//! The settings with which the rows of a file are read.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use carium::patients::OrganizationId;
use encoding_rs::Encoding;
use serde::{Deserialize, Serialize};

use super::columns::Columns;
use super::mapping::{MappedColumns, Mapping};
use super::problem::RowProblem;
use super::row::{RowLocation, Salt};
use super::source::{SharedFile, detect_utf16};

/// The format of a file of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowFormat {
    /// CSV as in RFC 4180, with the column names in the header line.
    Csv,
    /// One JSON object per line, in the shape of `specs/onboarding.schema.json`.
    Ndjson,
    /// A sheet of a workbook: XLSX, XLS or ODS.
    Workbook,
    /// FHIR R4 `Patient` resources, one per line. Needs a [`Mapping`].
    Fhir,
}

impl RowFormat {
    /// Recognizes the format by the first bytes of a file, and by its name if the bytes do not decide.
    pub(super) fn recognize(head: &[u8], path: Option<&Path>) -> Option<Self> {
        match head {
            [0xd0, 0xcf, 0x11, 0xe0, ..] => return Some(Self::Workbook),
            // The first part of a workbook has one of these names.
            [b'P', b'K', 3, 4, ..]
                if [b"[Content_Types].xml".as_slice(), b"xl/", b"_rels/", b"docProps/", b"mimetype"]
                    .iter()
                    .any(|name| head.get(30..).is_some_and(|rest| rest.starts_with(name))) =>
            {
                return Some(Self::Workbook);
            }
            _ => {}
        }
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        let named = path.and_then(Self::from_path).filter(|format| *format != Self::Workbook);
        let first_line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if text.starts_with(b"{") && named != Some(Self::Csv) {
            let word = b"\"resourceType\"";
            let is_fhir = first_line.windows(word.len()).any(|part| part == word);
            return Some(if is_fhir { Self::Fhir } else { Self::Ndjson });
        }
        let is_text = !head.contains(&0) || detect_utf16(head).is_some();
        named.or_else(|| is_text.then_some(Self::Csv))
    }

    /// Returns the format for the extension of a file name: `.csv`, `.ndjson` or `.jsonl`, `.xlsx`, `.xls`
    /// or `.ods`.
    pub fn from_path(path: &Path) -> Option<Self> {
        let extension = path.extension().and_then(OsStr::to_str)?.to_ascii_lowercase();
        match extension.as_str() {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "xlsx" | "xlsm" | "xls" | "ods" => Some(Self::Workbook),
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mapping: Option<Mapping>,
    /// Not stored with a queue, because it concerns the validation of a file only.
    #[serde(skip)]
    pub(super) allows_duplicates: bool,
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

    /// Sets the mapping from the columns of the file to the fields of a row. If unset, the file must have the columns
    /// or members of the schema.
    pub fn mapping(mut self, mapping: Mapping) -> Self {
        self.mapping = Some(mapping);
        self
    }

    /// Returns the format that the options or the mapping set.
    pub(super) fn chosen_format(&self) -> Option<RowFormat> {
        self.format.or_else(|| self.mapping.as_ref().and_then(|mapping| mapping.file().format))
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

    /// Allows a file to have several rows with the same key, or with the same name and birth date. When the file is
    /// submitted, only the first row of each key is processed.
    pub fn allow_duplicates(mut self) -> Self {
        self.allows_duplicates = true;
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
    /// The columns of a CSV file without a mapping.
    pub(super) columns: Columns,
    /// The columns of a file with a mapping.
    pub(super) mapped: MappedColumns,
    pub(super) delimiter: u8,
    /// The encoding of the fields: UTF-8, or one that extends ASCII by single bytes.
    pub(super) encoding: &'static Encoding,
    /// The copy from which the rows are read, if they are not read from the file itself.
    pub(super) extracted: Option<SharedFile>,
    pub(super) sheet: Option<Arc<str>>,
    pub(super) notes: Vec<String>,
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
        let mapped = || self.options.mapping.as_ref()?.file().key.as_ref().map(|key| key.name.as_str());
        self.options.key.as_deref().or_else(mapped)
    }

    /// Adds the sheet to a problem.
    pub(super) fn place(&self, problem: RowProblem) -> RowProblem {
        RowProblem { sheet: self.sheet.clone(), ..problem }
    }

    pub(super) fn mapping(&self) -> Option<&Mapping> {
        self.options.mapping.as_ref()
    }

    pub(super) fn max_row_bytes(&self) -> usize {
        self.options.max_row_bytes.unwrap_or(DEFAULT_MAX_ROW_BYTES)
    }
}
