//! Parses a CSV record into a row.

use carium::onboarding::OnboardingRow;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::Row;
use super::check::{KeyFields, check_row};
use super::columns::{Column, Columns, LIST_FIELDS};
use super::header::{FileSettings, Header};
use super::location::RowLocation;
use super::problem::{RowProblem, RowProblems};
use super::reader::quote_problem;
use super::records::Record;

/// The maximum number of values in a list field. It limits the number of problems per field; real lists of groups or
/// invitation channels are much shorter.
const MAX_LIST_VALUES: usize = 100;

/// Parses a record, or returns all of its problems.
pub(super) fn parse(header: &Header, record: &Record<'_>) -> Result<Row, RowProblems> {
    let settings = &*header.0;
    let location = RowLocation { line: record.line, offset: record.offset, length: record.raw.len() as u64 };
    let invalid = |problems| RowProblems::new(record.line, Some(location), problems);
    if let Some(problem) = quote_problem(record) {
        return Err(invalid(vec![problem]));
    }
    if let Some(problem) = field_count_problem(settings, record) {
        return Err(invalid(vec![problem]));
    }
    let mut parser = RecordParser { settings, record, problems: Vec::new() };
    let (row, documents) = parser.row();
    let mut key_fields = KeyFields {
        key: None,
        email: parser.text_of(Column::Patient("email")),
        mobile_phone: parser.text_of(Column::Patient("mobile-phone")),
        username: parser.text_of(Column::Patient("username")),
    };
    if let Some(index) = settings.columns.key {
        key_fields.key = parser.text(index).map(str::to_owned);
    }
    let problems = parser.problems;
    let Ok(row) = OnboardingRow::deserialize(row) else {
        // `OnboardingRow` accepts values of any type, so this does not happen.
        return Err(invalid(vec![RowProblem::new(record.line, "the row cannot be parsed")]));
    };
    let locate = |field: Option<&str>| locate(settings, record, &documents, field);
    check_row(settings, location, &key_fields, &row, problems, locate)
}

/// Compares the number of fields with the number of columns.
fn field_count_problem(settings: &FileSettings, record: &Record<'_>) -> Option<RowProblem> {
    let (expected, actual) = (settings.columns.all.len(), record.len());
    let is_not_empty = |index: &usize| record.field(*index).is_some_and(|field| !field.is_empty());
    let message = || format!("the row has {actual} fields, but the header line has {expected} columns");
    if actual < expected {
        let problem = RowProblem::new(record.line, message());
        return Some(problem.with_hint("add the missing fields; they may be empty"));
    }
    // Empty fields beyond the last column are allowed, because spreadsheets often save them.
    let extra = (expected..actual).find(is_not_empty)?;
    let problem = RowProblem::new(record.line_of(extra), message()).at_column(extra as u64 + 1);
    Some(problem.with_hint("enclose fields that contain a comma in quotes"))
}

/// Converts the fields of a record to JSON values of the row, and collects the problems.
struct RecordParser<'a> {
    settings: &'a FileSettings,
    record: &'a Record<'a>,
    problems: Vec<RowProblem>,
}

impl RecordParser<'_> {
    /// Returns the row, and the column number of each of its documents.
    fn row(&mut self) -> (Value, Vec<u32>) {
        let columns = &self.settings.columns;
        let mut row = Map::new();
        let mut appointment = Map::new();
        let mut documents: Vec<Map<String, Value>> = vec![Map::new(); columns.documents.len()];
        for (index, column) in columns.all.iter().enumerate() {
            let Some(text) = self.field_text(index, *column) else { continue };
            match *column {
                Column::Patient(name) => {
                    if let Some(value) = self.patient_value(index, name, &text) {
                        row.insert(name.to_owned(), value);
                    }
                }
                Column::Document(number, name) => {
                    if let Ok(at) = columns.documents.binary_search(&number) {
                        documents[at].insert(name.to_owned(), Value::String(text));
                    }
                }
                Column::Appointment(name) => {
                    appointment.insert(name.to_owned(), appointment_value(name, text));
                }
                Column::Key | Column::Unnamed => {}
            }
        }
        let organization = self.settings.organization;
        if let Some(organization) = organization.filter(|_| !row.contains_key("organization-id")) {
            row.insert("organization-id".to_owned(), Value::String(organization.to_string()));
        }
        let present = columns.documents.iter().zip(documents).filter(|(_, document)| !document.is_empty());
        let (numbers, documents): (Vec<u32>, Vec<Value>) =
            present.map(|(number, document)| (*number, Value::Object(document))).unzip();
        if !documents.is_empty() {
            row.insert("documents".to_owned(), Value::Array(documents));
        }
        if !appointment.is_empty() {
            row.insert("appointment".to_owned(), Value::Object(appointment));
        }
        (Value::Object(row), numbers)
    }

    /// Returns the text of a field, or `None` if it is empty. Adds a problem if the field is not valid text.
    fn field_text(&mut self, index: usize, column: Column) -> Option<String> {
        let field = self.record.field(index).filter(|field| !field.is_empty())?;
        if column == Column::Unnamed {
            let problem = self.problem(index, "the field is not empty, but its column has no name");
            self.problems.push(problem.with_hint("name the column in the header line, or empty the field"));
            return None;
        }
        let Ok(text) = str::from_utf8(field) else {
            let problem = self.problem(index, "is not UTF-8").with_hint("save the file as UTF-8");
            self.problems.push(problem);
            return None;
        };
        Some(text.to_owned())
    }

    fn patient_value(&mut self, index: usize, name: &str, text: &str) -> Option<Value> {
        if !LIST_FIELDS.contains(&name) {
            return Some(Value::String(text.to_owned()));
        }
        if text.split(';').nth(MAX_LIST_VALUES).is_some() {
            let message = format!("has more than {MAX_LIST_VALUES} values");
            let problem = self.problem(index, "").with_message(message);
            self.problems.push(problem.with_hint("shorten the list"));
            return None;
        }
        let items = text.split(';').map(|item| Value::String(item.trim().to_owned()));
        Some(Value::Array(items.collect()))
    }

    fn problem(&self, index: usize, message: &'static str) -> RowProblem {
        problem_at(self.settings, self.record, index, message)
    }

    fn text(&self, index: usize) -> Option<&str> {
        let field = self.record.field(index).filter(|field| !field.is_empty())?;
        str::from_utf8(field).ok()
    }

    fn text_of(&self, column: Column) -> Option<String> {
        let index = index_of(&self.settings.columns, column)?;
        self.text(index).map(str::to_owned)
    }
}

/// Converts a field of the appointment. Booleans may be capitalized, because spreadsheets save them so.
fn appointment_value(name: &str, text: String) -> Value {
    match text.as_str() {
        "true" | "TRUE" | "True" if name == "add-video-channel" => Value::Bool(true),
        "false" | "FALSE" | "False" if name == "add-video-channel" => Value::Bool(false),
        _ => Value::String(text),
    }
}

/// Creates a problem at a column of the file.
fn problem_at(
    settings: &FileSettings,
    record: &Record<'_>,
    index: usize,
    message: &'static str,
) -> RowProblem {
    let problem = RowProblem::new(record.line_of(index), message).at_column(index as u64 + 1);
    match settings.columns.all.get(index) {
        None | Some(Column::Unnamed) => problem,
        Some(column) => problem.with_column_name(column.name(settings.key.as_deref())),
    }
}

/// Creates a problem without a message at the position of a schema field.
fn locate(
    settings: &FileSettings,
    record: &Record<'_>,
    documents: &[u32],
    field: Option<&str>,
) -> RowProblem {
    let column = field.and_then(|field| column_of(field, documents));
    let key_index = settings.columns.key.filter(|_| field == settings.key.as_deref());
    if let (None, Some(index)) = (column, key_index) {
        return problem_at(settings, record, index, "");
    }
    let index = column.and_then(|column| index_of(&settings.columns, column));
    let problem = match (index, column) {
        (Some(index), _) => problem_at(settings, record, index, ""),
        (None, Some(column)) => {
            RowProblem::new(record.line, "").with_column_name(column.name(settings.key.as_deref()))
        }
        (None, None) => RowProblem::new(record.line, ""),
    };
    match field {
        Some(field) => problem.with_field(field),
        None => problem,
    }
}

fn index_of(columns: &Columns, column: Column) -> Option<usize> {
    columns.all.iter().position(|other| *other == column)
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
