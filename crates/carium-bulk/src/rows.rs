//! Files of rows: one patient to onboard a row, as CSV or as NDJSON, read and checked a row at a time.
//!
//! NDJSON has an object a line, in the shape of `specs/onboarding.schema.json`. CSV has the same in columns, which the
//! first line names in any order:
//!
//! | columns | |
//! | --- | --- |
//! | `first-name`, `last-name`, `birth-date`, `gender`, `organization-id` | required; the organization may be an option instead |
//! | `email`, `mobile-phone` | one of them is required |
//! | `locale`, `username` | |
//! | `individual-group-ids`, `invite` | several are separated by `;` |
//! | `document-1-path`, `document-1-class`, `document-1-name`, `document-1-description` | a document; further ones have further numbers |
//! | `appointment-practitioner`, `appointment-type`, `appointment-status`, `appointment-start-time`, `appointment-end-time`, `appointment-add-video-channel` | the first appointment |
//! | `appointment-guest-url`, `appointment-host-url`, `appointment-description`, `appointment-patient-instruction`, `appointment-location` | more of it |
//!
//! An empty field is left out, a row of empty fields is none, and no other column may be there but the
//! [key](RowOptions::key). Files are UTF-8, with or without a byte order mark; lines end in any way; a field with a
//! comma, a quote or a line break in it stands in double quotes (RFC 4180).
//!
//! What is wrong is said with its line, its column, its field and a mend, all of a row at once, and never with what
//! stands there: [`validate`] for a whole file.
//!
//! A file of any length takes the same memory. A row has a [`RowLocation`], by which whoever has the [`Header`] reads it again
//! ([`read_row`]), and a key, by which it is recognised: a salted hash of a column, else of the username.
//!
//! ```no_run
//! use carium_bulk::rows::{RowError, RowOptions, Rows, Salt, read_row, validate};
//! use futures_util::StreamExt as _;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let options = RowOptions::new().key("patient-number");
//! let report = validate("patients.csv", options.clone(), 100).await?;
//! for problem in &report.problems {
//!     println!("{problem}"); // line 3, column 4, `birth-date`: is in the future: write a day of the past like …
//! }
//!
//! let salt = Salt::new([7; 32]); // In production of random bytes, kept with the queue.
//! let mut rows = Rows::open("patients.csv", options, salt).await?;
//! let header = rows.header().clone();
//! while let Some(row) = rows.next().await {
//!     match row {
//!         Ok(row) => assert_eq!(read_row("patients.csv", &header, row.place).await?.digest, row.digest),
//!         Err(RowError::Invalid(problems)) => println!("{problems}"),
//!         Err(error) => return Err(error.into()),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod columns;
mod csv;
mod finish;
mod header;
mod identity;
mod lines;
mod ndjson;
mod one;
mod place;
mod problem;
mod reader;
mod records;
mod report;
mod source;
mod stream;

use carium::onboarding::OnboardingRequest;

pub use header::{Header, RowFormat, RowOptions};
pub use identity::{RowDigest, RowIdentity, Salt};
pub use one::read_row;
pub use place::RowLocation;
pub use problem::{RowError, RowProblem, RowProblems};
pub use report::{ValidationReport, validate};
pub use stream::Rows;

/// One row of a file, read and checked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// Where it lies.
    pub place: RowLocation,
    /// What it is recognised by.
    pub key: RowIdentity,
    /// What is wanted by it: another one, where a row under a known key has changed.
    pub digest: RowDigest,
    /// What is wanted.
    pub request: OnboardingRequest,
}
