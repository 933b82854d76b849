//! Reading and validating files of patients to onboard, one patient per row.
//!
//! An NDJSON file has one JSON object per line, in the shape of `specs/onboarding.schema.json`. A CSV file has the
//! same fields as columns. Its header line names the columns, in any order:
//!
//! | columns | |
//! | --- | --- |
//! | `first-name`, `last-name`, `birth-date`, `gender`, `organization-id` | required; the organization can be set with [`RowOptions::organization`] instead |
//! | `email`, `mobile-phone` | at least one is required |
//! | `locale`, `username` | optional |
//! | `individual-group-ids`, `invite` | optional; separate several values with `;`. A group whose name contains `;` is given by its ID |
//! | `document-1-path`, `document-1-class`, `document-1-name`, `document-1-description` | a document; further documents have other numbers |
//! | `appointment-practitioner`, `appointment-type`, `appointment-status`, `appointment-start-time`, `appointment-end-time`, `appointment-add-video-channel` | the first appointment |
//! | `appointment-guest-url`, `appointment-host-url`, `appointment-description`, `appointment-patient-instruction`, `appointment-location` | optional details of the appointment |
//!
//! Empty fields count as omitted, and rows of empty fields are ignored. Optional fields at the end of a row can be
//! missing. No other columns are allowed, except the [key column](RowOptions::key). Files are UTF-8, with or without a
//! byte order mark, or UTF-16. Lines end with LF, CRLF or CR in CSV, and with LF or CRLF in NDJSON. CSV fields are
//! separated by commas, semicolons, tabs or vertical bars: the delimiter with which the header has the most known
//! columns, or the one that a first line such as `sep=;` names. A field that contains the delimiter, a quote or a line
//! break is enclosed in double quotes (RFC 4180).
//!
//! A [`Mapping`] reads files with other columns, encodings and formats: CSV, workbooks (XLSX, XLS and ODS) and
//! FHIR R4 patients. [`propose`] proposes one. The sheet of a workbook, and text in an encoding of several bytes per
//! letter, are extracted to a temporary file that only this process can open. `TMPDIR` sets its folder.
//!
//! Every [`RowProblem`] has a line, a column or field, a message and usually a hint, and never contains a value from
//! the file. All problems of a row are reported together. [`validate`] checks a whole file.
//!
//! Memory use does not depend on the length of the file. Each row has a [`RowLocation`], from which [`read_row`] can
//! read it again with the file's [`Header`], and a key that identifies it: a salted hash of the key column, or of the
//! username if no key column is set.
//!
//! ```no_run
//! use carium_bulk::rows::{RowError, RowOptions, Rows, Salt, read_row, validate};
//! use futures_util::StreamExt as _;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let options = RowOptions::new().key("patient-number");
//! let report = validate("patients.csv", options.clone(), 100).await?;
//! for problem in &report.problems {
//!     println!("{problem}"); // line 3, column 4, `birth-date`: is in the future: write a past date such as …
//! }
//!
//! let salt = Salt::new([7; 32]); // In production, use random bytes and store them with the queue.
//! let mut rows = Rows::open("patients.csv", options, salt).await?;
//! let header = rows.header().clone();
//! while let Some(row) = rows.next().await {
//!     match row {
//!         Ok(row) => assert_eq!(read_row("patients.csv", &header, row.location).await?.digest, row.digest),
//!         Err(RowError::Invalid(problems)) => println!("{problems}"),
//!         Err(error) => return Err(error.into()),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

// What all other modules share: a row, and what can be wrong with it.
mod problem;
mod row;

// From bytes to the records of a CSV file and their columns.
mod columns;
mod records;
mod window;

// From a record or a line to a valid row, with the settings of the file.
mod check;
mod csv;
mod fhir;
mod mapping;
mod ndjson;
mod settings;

// From a file to bytes that can be parsed.
mod source;
mod workbook;

// Whole files.
mod reader;
mod validate;

pub use self::mapping::{
    Mapping, MappingError, MappingProblem, MappingProposal, PreviewRow, preview, propose,
};
pub use self::problem::{RowError, RowProblem, RowProblems, SkipReason};
pub use self::reader::{Rows, read_row};
pub(crate) use self::row::hex;
pub use self::row::{Row, RowDigest, RowIdentity, RowLocation, Salt};
pub use self::settings::{Header, RowFormat, RowOptions};
pub use self::validate::{ValidationReport, validate};
