//! Validates a whole file without sending anything.

use std::path::Path;

use futures_util::StreamExt as _;
use tokio::task::spawn_blocking;

use super::problem::{RowError, RowProblem, RowProblems, SkipReason};
use super::reader::{Rows, read_interrupted};
use super::row::{Row, RowIdentity, Salt};
use super::settings::{FileSettings, RowOptions};

/// The maximum number of skipped or duplicate rows that are listed.
const MAX_LISTED: usize = 1000;

/// The result of validating a whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValidationReport {
    /// The number of rows, including those that are skipped.
    pub rows: u64,
    /// The number of rows that are invalid or have the same key as an earlier row.
    pub invalid_rows: u64,
    /// The number of rows that are skipped: FHIR resources of others than patients, and of patients who are inactive,
    /// deceased or replaced.
    pub skipped_rows: u64,
    /// The lines of the skipped rows, and of totals below a table, with the reason: at most the first 1,000.
    pub skipped: Vec<(u64, SkipReason)>,
    /// What was found in the file that may surprise its user, such as hidden columns of a workbook.
    pub notes: Vec<String>,
    /// The number of rows with the same name and birth date as an earlier row, but another key.
    pub possible_duplicate_count: u64,
    /// The lines of these rows, each with the line of the earlier row: at most the first 1,000.
    pub possible_duplicates: Vec<(u64, u64)>,
    /// The total number of problems.
    pub problem_count: u64,
    /// The first problems in the order of the file, up to the requested number.
    pub problems: Vec<RowProblem>,
}

impl ValidationReport {
    /// Checks whether the file has no problems and no possible duplicates.
    pub fn is_ok(&self) -> bool {
        self.problem_count == 0 && self.possible_duplicate_count == 0
    }
}

/// Validates a whole file without sending anything.
///
/// If the options have a [documents folder](RowOptions::documents_folder), this also checks that the files of all
/// documents exist. It does not check that names exist in the organization's lookups.
///
/// The report keeps at most `max_problems` problems. Detecting duplicate keys takes 16 to 32 bytes per row: 16 to 32
/// MB for a million rows.
///
/// # Errors
/// - [`RowError::Io`]: the file cannot be read.
/// - [`RowError::UnknownFormat`]: the format is not set and does not follow from the file name.
///
/// Problems of the file's content are in the report.
pub async fn validate(
    path: impl AsRef<Path>,
    options: RowOptions,
    max_problems: usize,
) -> Result<ValidationReport, RowError> {
    // The hashes do not leave this function, so they need no secret salt.
    validate_rows(Rows::open(path, options, Salt::new([0; 32])).await, max_problems).await
}

impl Rows {
    /// Validates the remaining rows of a stream, like [`validate`].
    ///
    /// # Errors
    /// [`RowError::Io`]: the file cannot be read.
    pub async fn validate(self, max_problems: usize) -> Result<ValidationReport, RowError> {
        validate_rows(Ok(self), max_problems).await
    }
}

async fn validate_rows(
    rows: Result<Rows, RowError>,
    max_problems: usize,
) -> Result<ValidationReport, RowError> {
    let mut report = ValidationReport::default();
    let mut rows = match rows {
        Ok(rows) => rows,
        Err(RowError::Invalid(problems)) => {
            report.add(&problems, max_problems);
            return Ok(report);
        }
        Err(error) => return Err(error),
    };
    let header = rows.header().clone();
    report.notes = header.notes().to_vec();
    let (mut keys, mut persons) = (KeyIndex::default(), KeyIndex::default());
    while let Some(row) = rows.next().await {
        report.rows += 1;
        match row {
            Ok(row) => {
                keys.add(row.key, row.location.line, false);
                persons.add(person(&header.0.salt, &row), row.location.line, false);
            }
            Err(RowError::Skipped(line, reason)) => {
                // A total below a table is not a row.
                let is_row = reason != SkipReason::SingleValue;
                report.rows -= u64::from(!is_row);
                report.skipped_rows += u64::from(is_row);
                if report.skipped.len() < MAX_LISTED {
                    report.skipped.push((line, reason));
                }
            }
            Err(RowError::Invalid(problems)) => {
                if let Some(key) = problems.key() {
                    keys.add(key, problems.line(), true);
                }
                report.invalid_rows += 1;
                report.add(&problems, max_problems);
            }
            Err(error) => return Err(error),
        }
    }
    if header.0.options.allows_duplicates {
        return Ok(report);
    }
    let find = move || (keys.into_duplicates(), persons.into_duplicates());
    let (duplicates, mut same_person) = spawn_blocking(find).await.map_err(read_interrupted)?;
    // A row with the key of an earlier row is a problem already.
    same_person.retain(|row| duplicates.binary_search_by_key(&row.line, |duplicate| duplicate.line).is_err());
    report.possible_duplicate_count = same_person.len() as u64;
    report.possible_duplicates = same_person
        .iter()
        .take(MAX_LISTED)
        .map(|row| (u64::from(row.line), u64::from(row.first_line)))
        .collect();
    report.problem_count += duplicates.len() as u64;
    report.invalid_rows += duplicates.iter().filter(|row| !row.is_invalid).count() as u64;
    report.problems.extend(duplicates.iter().take(max_problems).map(|row| row.problem(&header.0)));
    report.problems.sort_by_key(RowProblem::line);
    report.problems.truncate(max_problems);
    Ok(report)
}

impl ValidationReport {
    fn add(&mut self, problems: &RowProblems, max_problems: usize) {
        self.problem_count += problems.count();
        let remaining = max_problems.saturating_sub(self.problems.len());
        self.problems.extend(problems.problems().iter().take(remaining).cloned());
    }
}

/// The keys and lines of all rows of a file.
///
/// Keys are shortened to 12 bytes to save memory. In a file of 10⁹ rows, the probability that any two different keys
/// collide is about 10⁻¹¹.
#[derive(Default)]
struct KeyIndex(Vec<([u8; 12], u32)>);

/// Returns a hash of the name and the birth date of a row.
fn person(salt: &Salt, row: &Row) -> RowIdentity {
    let patient = row.request.attributes();
    // The text of a date is redacted, so it is taken from JSON.
    let birth_date = serde_json::to_string(&patient.birth_date).unwrap_or_default();
    let person = format!("{}\0{}\0{birth_date}", patient.first_name.as_str(), patient.last_name.as_str());
    RowIdentity::of_username(salt, &person)
}

/// A row with the same key as an earlier row.
struct DuplicateRow {
    line: u32,
    first_line: u32,
    /// Whether the row also has other problems.
    is_invalid: bool,
}

/// The bit of a line number that marks an invalid row.
const INVALID_FLAG: u32 = 1 << 31;

impl KeyIndex {
    fn add(&mut self, key: RowIdentity, line: u64, is_invalid: bool) {
        // All lines after line 2³¹ − 1 are reported as that line.
        let line = u32::try_from(line).unwrap_or(INVALID_FLAG).min(INVALID_FLAG - 1);
        self.0.push((key.shortened(), if is_invalid { line | INVALID_FLAG } else { line }));
    }

    /// Returns the rows that have the same key as an earlier row, in the order of the file.
    fn into_duplicates(mut self) -> Vec<DuplicateRow> {
        self.0.sort_unstable_by_key(|(key, line)| (*key, line & !INVALID_FLAG));
        let groups = self.0.chunk_by(|(one, _), (other, _)| one == other);
        let duplicates = groups.flat_map(|group| {
            let first_line = group[0].1 & !INVALID_FLAG;
            group[1..].iter().map(move |(_, line)| DuplicateRow {
                line: line & !INVALID_FLAG,
                first_line,
                is_invalid: line & INVALID_FLAG != 0,
            })
        });
        let mut duplicates: Vec<_> = duplicates.collect();
        duplicates.sort_unstable_by_key(|row| row.line);
        duplicates
    }
}

impl DuplicateRow {
    fn problem(&self, settings: &FileSettings) -> RowProblem {
        let (line, first_line) = (u64::from(self.line), self.first_line);
        let Some(key) = settings.key() else {
            let message = format!("the patient has the same username as the row on line {first_line}");
            let problem = settings.place(RowProblem::new(line, message));
            return problem.with_hint("remove one of the rows, or set a key column");
        };
        let message = format!("is the key, but the row on line {first_line} has the same key");
        let problem = RowProblem::new(line, message);
        let problem = problem.with_hint("remove one of the rows, or correct the key");
        let problem = settings.place(problem);
        match settings.columns.key.or_else(|| settings.mapped.key()) {
            Some(index) => problem.with_column_name(key).at_column(index as u64 + 1),
            None => problem.with_field(Some(key)),
        }
    }
}
