//! How the rows of a file are to be read.

use std::ffi::OsStr;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use carium::patients::OrganizationId;
use serde::{Deserialize, Serialize};

use super::columns::Columns;
use super::identity::Salt;
use super::problem::{RowError, RowProblem, RowProblems};
use super::reader::Reader;
use super::source::Source;
use super::stream::begin_file;

/// The form of a file of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowFormat {
    /// A table: RFC 4180, with the names of the columns in its first line.
    Csv,
    /// A JSON object a line, in the shape of `specs/onboarding.schema.json`.
    Ndjson,
}

impl RowFormat {
    /// The form that a file has by its name: `.csv`, `.ndjson` or `.jsonl`.
    pub fn from_path(path: &Path) -> Option<Self> {
        let extension = path.extension().and_then(OsStr::to_str)?.to_ascii_lowercase();
        match extension.as_str() {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }
}

/// What is said about a file beside the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[must_use]
pub struct RowOptions {
    pub(super) format: Option<RowFormat>,
    pub(super) key: Option<String>,
    pub(super) organization: Option<OrganizationId>,
    pub(super) longest: Option<usize>,
    /// Not kept with a queue: each worker has its own.
    #[serde(skip)]
    pub(super) documents: Option<PathBuf>,
}

/// What a record may be long.
const LONGEST: usize = 1024 * 1024;

impl RowOptions {
    /// Nothing said: the form follows from the name of the file, and the key is the username.
    pub fn new() -> Self {
        Self::default()
    }

    /// The form of the file, whatever it is called.
    pub fn format(mut self, format: RowFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// What rows are recognised by: a column of CSV, a field of the row in NDJSON. It may be one that the schema does
    /// not know, such as `patient-number`: then it is read, and not sent. Left out, the username.
    pub fn key(mut self, name: impl Into<String>) -> Self {
        self.key = Some(name.into());
        self
    }

    /// The organization of the rows that name none.
    pub fn organization(mut self, organization: impl Into<Option<OrganizationId>>) -> Self {
        self.organization = organization.into();
        self
    }

    /// How many bytes a row may have. Left out, 1 MiB. A quote that is never closed takes no more memory than this.
    pub fn max_row_bytes(mut self, bytes: usize) -> Self {
        self.longest = Some(bytes);
        self
    }

    /// The folder in which the files of documents have to be: a row that names another is wrong. Left out, files are
    /// not looked for before their row is worked on.
    pub fn documents_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.documents = Some(folder.into());
        self
    }
}

/// How the rows of one file are read: its form, its columns, its key. Whoever has it can read any of its rows
/// ([`read_row`](super::read_row)). Cheap to clone.
#[derive(Clone)]
pub struct Header(pub(super) Arc<Known>);

pub(super) struct Known {
    pub(super) format: RowFormat,
    pub(super) columns: Columns,
    pub(super) key: Option<String>,
    pub(super) organization: Option<OrganizationId>,
    pub(super) salt: Salt,
    pub(super) longest: usize,
    pub(super) documents: Option<PathBuf>,
}

impl Header {
    /// The form of the file.
    pub fn format(&self) -> RowFormat {
        self.0.format
    }

    /// Reads the header of a file, and no row.
    ///
    /// # Errors
    /// As for [`Rows::open`](super::Rows::open).
    pub async fn read(path: impl AsRef<Path>, options: RowOptions, salt: Salt) -> Result<Self, RowError> {
        begin_file(path.as_ref(), options, salt).await.map(|(header, _)| header)
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key may be named after what it is not to say.
        f.debug_struct("Header").field("format", &self.0.format).finish_non_exhaustive()
    }
}

/// Reads what stands before the rows.
pub(super) fn begin(
    reader: Box<dyn Read + Send>,
    format: RowFormat,
    options: RowOptions,
    salt: Salt,
) -> Result<(Header, Reader), RowError> {
    let mut source = Source::new(reader);
    begin_text(&mut source)?;
    let RowOptions { key, organization, longest, documents, format: _ } = options;
    let longest = longest.unwrap_or(LONGEST);
    let known = Known { format, columns: Columns::default(), key, organization, salt, longest, documents };
    Reader::begin(source, known)
}

/// Goes past a byte order mark, and refuses what is no text of this kind.
fn begin_text(source: &mut Source<Box<dyn Read + Send>>) -> Result<(), RowError> {
    while source.bytes().len() < 4 && source.more()? {}
    let refused = |what: &'static str, mend: &'static str| {
        let problem = RowProblem::new(1, what).with_hint(mend);
        Err(RowError::Invalid(RowProblems::new(1, None, vec![problem])))
    };
    match source.bytes() {
        [0xef, 0xbb, 0xbf, ..] => source.skip(3),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return refused("the file is UTF-16", "save it as UTF-8"),
        [b'P', b'K', 3, 4, ..] => {
            return refused("the file is an archive or a workbook", "save the table as CSV, in UTF-8");
        }
        [0x1f, 0x8b, ..] => return refused("the file is compressed", "unpack it"),
        _ => {}
    }
    Ok(())
}
