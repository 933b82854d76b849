//! A whole file, checked without sending anything.

use std::path::Path;

use futures_util::StreamExt as _;
use tokio::task::spawn_blocking;

use super::header::{Header, RowOptions};
use super::identity::{RowIdentity, Salt};
use super::problem::{RowError, RowProblem, RowProblems};
use super::stream::{Rows, cut_off};

/// What is right and wrong with a whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValidationReport {
    /// How many rows there are.
    pub rows: u64,
    /// How many of them cannot be onboarded as they stand: something is wrong with them, or their key was there before.
    pub invalid_rows: u64,
    /// How many problems there are.
    pub count: u64,
    /// The first of them, in the order of the file: as many as were asked for.
    pub problems: Vec<RowProblem>,
}

impl ValidationReport {
    /// Whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        self.count == 0
    }
}

/// Checks a whole file, and sends nothing. Whether the files of its documents are there is looked up
/// [where a folder is given](RowOptions::documents_folder); whether its names mean something to the organization is not.
///
/// At the most `keep` problems are kept. That a key is there only once is told by 16 bytes for each row, or twice that
/// while they grow: 16 to 32 MB for a million rows.
///
/// # Errors
/// [`RowError::Io`] and [`RowError::UnknownFormat`]. What is wrong with the file is in the report.
pub async fn validate(
    path: impl AsRef<Path>,
    options: RowOptions,
    keep: usize,
) -> Result<ValidationReport, RowError> {
    // Nothing of this outlives the report.
    report(Rows::open(path, options, Salt::new([0; 32])).await, keep).await
}

impl Rows {
    /// The same of rows that are open already, as far as they were not taken.
    ///
    /// # Errors
    /// [`RowError::Io`].
    pub async fn validate(self, keep: usize) -> Result<ValidationReport, RowError> {
        report(Ok(self), keep).await
    }
}

async fn report(rows: Result<Rows, RowError>, keep: usize) -> Result<ValidationReport, RowError> {
    let mut report = ValidationReport::default();
    let mut rows = match rows {
        Ok(rows) => rows,
        Err(RowError::Invalid(problems)) => {
            report.add(&problems, keep);
            return Ok(report);
        }
        Err(error) => return Err(error),
    };
    let header = rows.header().clone();
    let mut keys = Keys::default();
    while let Some(row) = rows.next().await {
        report.rows += 1;
        match row {
            Ok(row) => keys.add(row.key, row.place.line, false),
            Err(RowError::Invalid(problems)) => {
                if let Some(key) = problems.key() {
                    keys.add(key, problems.line(), true);
                }
                report.invalid_rows += 1;
                report.add(&problems, keep);
            }
            Err(error) => return Err(error),
        }
    }
    let repeated = spawn_blocking(move || keys.repeated()).await.map_err(cut_off)?;
    report.count += repeated.len() as u64;
    report.invalid_rows += repeated.iter().filter(|row| !row.is_wrong).count() as u64;
    report.problems.extend(repeated.iter().take(keep).map(|row| row.problem(&header)));
    report.problems.sort_by_key(RowProblem::line);
    report.problems.truncate(keep);
    Ok(report)
}

impl ValidationReport {
    fn add(&mut self, problems: &RowProblems, keep: usize) {
        self.count += problems.count();
        let room = keep.saturating_sub(self.problems.len());
        self.problems.extend(problems.problems().iter().take(room).cloned());
    }
}

/// The key of each row, cut to 12 bytes: of a thousand million rows, two meet by chance once in 10¹¹ files.
#[derive(Default)]
struct Keys(Vec<([u8; 12], u32)>);

/// A row whose key an earlier one has.
struct Repeated {
    line: u32,
    first: u32,
    /// Whether something else is wrong with it.
    is_wrong: bool,
}

/// What the line is kept with.
const WRONG: u32 = 1 << 31;

impl Keys {
    fn add(&mut self, key: RowIdentity, line: u64, is_wrong: bool) {
        let mut start = [0; 12];
        start.copy_from_slice(&key.as_bytes()[..12]);
        // Lines beyond two thousand million are called that.
        let line = u32::try_from(line).unwrap_or(WRONG).min(WRONG - 1);
        self.0.push((start, if is_wrong { line | WRONG } else { line }));
    }

    /// The rows whose key is there before, in the order of the file.
    fn repeated(mut self) -> Vec<Repeated> {
        self.0.sort_unstable_by_key(|(key, line)| (*key, line & !WRONG));
        let groups = self.0.chunk_by(|(one, _), (other, _)| one == other);
        let repeated = groups.flat_map(|group| {
            let first = group[0].1 & !WRONG;
            group[1..].iter().map(move |(_, line)| Repeated {
                line: line & !WRONG,
                first,
                is_wrong: line & WRONG != 0,
            })
        });
        let mut repeated: Vec<_> = repeated.collect();
        repeated.sort_unstable_by_key(|row| row.line);
        repeated
    }
}

impl Repeated {
    fn problem(&self, header: &Header) -> RowProblem {
        let (line, first) = (u64::from(self.line), self.first);
        let known = &*header.0;
        let Some(key) = &known.key else {
            let what = format!("the patient has the username of the one on line {first}");
            return RowProblem::new(line, what)
                .with_hint("take one of the rows out, or say which column is the key");
        };
        let problem = RowProblem::new(line, format!("is the key, and the row on line {first} has the same"));
        let problem = problem.with_hint("take one of the rows out, or correct the key");
        match known.columns.key {
            Some(index) => problem.named(key).column_at(index as u64 + 1),
            None => problem.of_field(key),
        }
    }
}
