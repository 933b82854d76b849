//! CSV: reads the header line, and parses each record into a row.

use std::borrow::Cow;
use std::io::Read;

use carium::onboarding::OnboardingRow;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::check::{KeyFields, check_row};
use super::columns::{BOOLEAN_APPOINTMENT_FIELDS, Column, Columns, LIST_FIELDS};
use super::problem::{RowError, RowProblem, RowProblems};
use super::records::{Record, Records};
use super::row::{Row, RowLocation};
use super::settings::FileSettings;
use super::window::Next;

/// The maximum number of values in a list field. It limits the number of problems per field; real lists of groups or
/// invitation channels are much shorter.
const MAX_LIST_VALUES: usize = 100;

/// Reads the header line of a file, and returns its place as well.
pub(super) fn read_columns(
    records: &mut Records<impl Read>,
    settings: &FileSettings,
) -> Result<(Columns, RowLocation), RowError> {
    match records.next()? {
        Next::Item(record) => {
            if let Some(problem) = record.quote_problem() {
                return Err(RowError::invalid(record.line, problem));
            }
            let has_organization = settings.options.organization.is_some();
            let columns = Columns::from_header_line(&record, settings.key(), has_organization);
            let columns = columns
                .map_err(|problems| RowError::Invalid(RowProblems::new(record.line, None, problems)))?;
            Ok((columns, record.location()))
        }
        Next::TooLong(line) => {
            let message = format!("the header line is longer than {} bytes", settings.max_row_bytes());
            let hint = "check for a quote that is not closed";
            Err(RowError::invalid(line, RowProblem::new(line, message).with_hint(hint)))
        }
        Next::EndOfFile => {
            let problem = RowProblem::new(1, "the file is empty");
            Err(RowError::invalid(1, problem.with_hint("start it with a header line of column names")))
        }
    }
}

/// Parses a record, or returns all of its problems.
pub(super) fn parse(settings: &FileSettings, record: &Record<'_>) -> Result<Row, RowProblems> {
    let location = record.location();
    let invalid = |problem| RowProblems::new(record.line, Some(location), vec![problem]);
    let fields = Fields { settings, record };
    if let Some(problem) = record.quote_problem().or_else(|| fields.count_problem()) {
        return Err(invalid(problem));
    }
    let mut problems = Vec::new();
    let (row, documents) = fields.to_json(&mut problems);
    let patient_text = |name| fields.index_of(Column::Patient(name)).and_then(|index| fields.text(index));
    let key_fields = KeyFields {
        key: settings.columns.key.and_then(|index| fields.text(index)),
        username: patient_text("username"),
        email: patient_text("email"),
        mobile_phone: patient_text("mobile-phone"),
    };
    let Ok(row) = OnboardingRow::deserialize(row) else {
        // `OnboardingRow` accepts values of any type, so this does not happen.
        return Err(invalid(RowProblem::new(record.line, "the row cannot be parsed")));
    };
    let locate = |field: Option<&str>| fields.locate(field, &documents);
    check_row(settings, location, &key_fields, &row, problems, locate)
}

/// The fields of a record.
#[derive(Clone, Copy)]
struct Fields<'a> {
    settings: &'a FileSettings,
    record: &'a Record<'a>,
}

impl Fields<'_> {
    /// Compares the number of fields with the number of columns.
    fn count_problem(&self) -> Option<RowProblem> {
        let (expected, actual) = (self.settings.columns.all.len(), self.record.len());
        let message = || format!("the row has {actual} fields, but the header line has {expected} columns");
        if actual < expected {
            let problem = RowProblem::new(self.record.line, message());
            return Some(problem.with_hint("add the missing fields; they may be empty"));
        }
        // Empty fields beyond the last column are allowed, because spreadsheets often save them.
        let is_not_empty = |index: &usize| self.record.field(*index).is_some_and(|field| !field.is_empty());
        let extra = (expected..actual).find(is_not_empty)?;
        Some(self.problem(extra, message()).with_hint("enclose fields that contain a comma in quotes"))
    }

    /// Converts the fields to a JSON object in the shape of the schema, and adds their problems. Also returns the
    /// number of each of its documents.
    fn to_json(self, problems: &mut Vec<RowProblem>) -> (Value, Vec<u32>) {
        let columns = &self.settings.columns;
        let mut row = Map::new();
        let mut appointment = Map::new();
        let mut documents: Vec<Map<String, Value>> = vec![Map::new(); columns.documents.len()];
        for (index, column) in columns.all.iter().enumerate() {
            let text = match self.checked_text(index, *column) {
                Ok(Some(text)) => text,
                Ok(None) => continue,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            match *column {
                Column::Patient(name) if LIST_FIELDS.contains(&name) => match self.list(index, &text) {
                    Ok(list) => drop(row.insert(name.to_owned(), list)),
                    Err(problem) => problems.push(problem),
                },
                Column::Patient(name) => drop(row.insert(name.to_owned(), text.into())),
                Column::Document(number, name) => {
                    if let Ok(at) = columns.documents.binary_search(&number) {
                        documents[at].insert(name.to_owned(), text.into());
                    }
                }
                Column::Appointment(name) => {
                    appointment.insert(name.to_owned(), appointment_value(name, text));
                }
                Column::Key | Column::Unnamed => {}
            }
        }
        if let Some(organization) = self.settings.options.organization {
            row.entry("organization-id").or_insert_with(|| organization.to_string().into());
        }
        let present = columns.documents.iter().zip(documents).filter(|(_, document)| !document.is_empty());
        let (numbers, documents): (Vec<u32>, Vec<Value>) =
            present.map(|(number, document)| (*number, Value::Object(document))).unzip();
        if !documents.is_empty() {
            row.insert("documents".to_owned(), documents.into());
        }
        if !appointment.is_empty() {
            row.insert("appointment".to_owned(), appointment.into());
        }
        (row.into(), numbers)
    }

    /// Returns the text of a field, or `None` if it is empty.
    fn checked_text(self, index: usize, column: Column) -> Result<Option<String>, RowProblem> {
        let Some(field) = self.record.field(index).filter(|field| !field.is_empty()) else { return Ok(None) };
        if column == Column::Unnamed {
            let problem = self.problem(index, "the field is not empty, but its column has no name");
            return Err(problem.with_hint("name the column in the header line, or empty the field"));
        }
        let not_utf8 = |_| self.problem(index, "is not UTF-8").with_hint("save the file as UTF-8");
        str::from_utf8(field).map(|text| Some(text.to_owned())).map_err(not_utf8)
    }

    /// Returns the text of a field, or `None` if it is empty or not valid text.
    fn text(self, index: usize) -> Option<String> {
        let field = self.record.field(index).filter(|field| !field.is_empty())?;
        str::from_utf8(field).ok().map(str::to_owned)
    }

    /// Splits a list field into its values.
    fn list(self, index: usize, text: &str) -> Result<Value, RowProblem> {
        if text.split(';').nth(MAX_LIST_VALUES).is_some() {
            let message = format!("has more than {MAX_LIST_VALUES} values");
            return Err(self.problem(index, message).with_hint("shorten the list"));
        }
        Ok(text.split(';').map(str::trim).collect())
    }

    fn index_of(self, column: Column) -> Option<usize> {
        self.settings.columns.all.iter().position(|other| *other == column)
    }

    /// Creates a problem at a field of the record.
    fn problem(self, index: usize, message: impl Into<Cow<'static, str>>) -> RowProblem {
        let problem = RowProblem::new(self.record.line_of(index), message).at_column(index as u64 + 1);
        match self.settings.columns.all.get(index) {
            None | Some(Column::Unnamed) => problem,
            Some(column) => problem.with_column_name(column.name(self.settings.key())),
        }
    }

    /// Creates a problem without a message at the position of a schema field. `documents` are the numbers of the row's
    /// documents.
    fn locate(self, field: Option<&str>, documents: &[u32]) -> RowProblem {
        let Some(column) = field.and_then(|field| column_of(field, documents)) else {
            return match self.settings.columns.key.filter(|_| field == self.settings.key()) {
                Some(index) => self.problem(index, ""),
                None => RowProblem::new(self.record.line, "").with_field(field),
            };
        };
        let problem = match self.index_of(column) {
            Some(index) => self.problem(index, ""),
            None => RowProblem::new(self.record.line, "").with_column_name(column.name(self.settings.key())),
        };
        problem.with_field(field)
    }
}

/// Converts a field of the appointment. Booleans may be capitalized, because spreadsheets save them so.
fn appointment_value(name: &str, text: String) -> Value {
    let is_boolean = BOOLEAN_APPOINTMENT_FIELDS.contains(&name);
    match text.as_str() {
        "true" | "TRUE" | "True" if is_boolean => true.into(),
        "false" | "FALSE" | "False" if is_boolean => false.into(),
        _ => text.into(),
    }
}

/// Returns the column of a schema field.
fn column_of(field: &str, documents: &[u32]) -> Option<Column> {
    if let Some(field) = field.strip_prefix("appointment.") {
        return Column::parse(&format!("appointment-{field}"));
    }
    if let Some((index, name)) = field.strip_prefix("documents[").and_then(|rest| rest.split_once("].")) {
        let number = documents.get(index.parse::<usize>().ok()?)?;
        return Column::parse(&format!("document-{number}-{name}"));
    }
    // The items of a list share one column.
    Column::parse(field.split_once('[').map_or(field, |(list, _)| list))
}
