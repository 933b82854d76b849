//! From a record of CSV to a row.

use carium::onboarding::OnboardingRow;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::Row;
use super::columns::{Column, Columns, LISTS};
use super::finish::{Handles, finish};
use super::header::{Header, Known};
use super::place::RowLocation;
use super::problem::{RowProblem, RowProblems};
use super::reader::quotes;
use super::records::Record;

/// How many values a field may have: of groups and ways to be invited there are never as many, and each may be wrong.
const VALUES: usize = 100;

/// The row that a record says, with all that is wrong with it.
pub(super) fn row(header: &Header, record: &Record<'_>) -> Result<Row, RowProblems> {
    let known = &*header.0;
    let place = RowLocation { line: record.line, offset: record.offset, length: record.raw.len() as u64 };
    let wrong = |problems| RowProblems::new(record.line, Some(place), problems);
    if let Some(problem) = quotes(record) {
        return Err(wrong(vec![problem]));
    }
    if let Some(problem) = width(known, record) {
        return Err(wrong(vec![problem]));
    }
    let mut cells = Cells { known, record, problems: Vec::new() };
    let (row, documents) = cells.row();
    let mut handles = Handles {
        key: None,
        email: cells.text_of(Column::Patient("email")),
        mobile_phone: cells.text_of(Column::Patient("mobile-phone")),
        username: cells.text_of(Column::Patient("username")),
    };
    if let Some(index) = known.columns.key {
        handles.key = cells.text(index).map(str::to_owned);
    }
    let problems = cells.problems;
    let Ok(row) = OnboardingRow::deserialize(row) else {
        // It takes any shape.
        return Err(wrong(vec![RowProblem::new(record.line, "cannot be read")]));
    };
    let locate = |field: Option<&str>| locate(known, record, &documents, field);
    finish(known, place, &handles, &row, problems, locate)
}

/// What is wrong with the number of fields.
fn width(known: &Known, record: &Record<'_>) -> Option<RowProblem> {
    let (expected, there) = (known.columns.all.len(), record.len());
    let is_full = |index: &usize| record.field(*index).is_some_and(|cell| !cell.is_empty());
    if there < expected {
        let what = format!("the row has {there} fields, and the first line names {expected} columns");
        let problem = RowProblem::new(record.line, what);
        return Some(problem.with_hint("add what is missing, if only the commas"));
    }
    // Tables are often saved with empty columns at their end.
    let further = (expected..there).find(is_full)?;
    let what = format!("the row has {there} fields, and the first line names {expected} columns");
    let problem = RowProblem::new(record.line_of(further), what).column_at(further as u64 + 1);
    Some(problem.with_hint("put a field with a comma in it in quotes"))
}

/// The fields of a record, as values of the row.
struct Cells<'a> {
    known: &'a Known,
    record: &'a Record<'a>,
    problems: Vec<RowProblem>,
}

impl Cells<'_> {
    /// The row, and the number of each of its documents.
    fn row(&mut self) -> (Value, Vec<u32>) {
        let columns = &self.known.columns;
        let mut row = Map::new();
        let mut appointment = Map::new();
        let mut documents: Vec<Map<String, Value>> = vec![Map::new(); columns.documents.len()];
        for (index, column) in columns.all.iter().enumerate() {
            let Some(text) = self.checked(index, *column) else { continue };
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
        let organization = self.known.organization;
        if let Some(organization) = organization.filter(|_| !row.contains_key("organization-id")) {
            row.insert("organization-id".to_owned(), Value::String(organization.to_string()));
        }
        let given = columns.documents.iter().zip(documents).filter(|(_, document)| !document.is_empty());
        let (numbers, documents): (Vec<u32>, Vec<Value>) =
            given.map(|(number, document)| (*number, Value::Object(document))).unzip();
        if !documents.is_empty() {
            row.insert("documents".to_owned(), Value::Array(documents));
        }
        if !appointment.is_empty() {
            row.insert("appointment".to_owned(), Value::Object(appointment));
        }
        (Value::Object(row), numbers)
    }

    /// What a field says, if anything, and notes what is wrong with its form.
    fn checked(&mut self, index: usize, column: Column) -> Option<String> {
        let cell = self.record.field(index).filter(|cell| !cell.is_empty())?;
        if column == Column::Unnamed {
            let problem = self.problem(index, "the column has no name, and something stands in it");
            self.problems.push(problem.with_hint("name the column in the first line, or empty it"));
            return None;
        }
        let Ok(text) = str::from_utf8(cell) else {
            let problem = self.problem(index, "is not UTF-8").with_hint("save the file as UTF-8");
            self.problems.push(problem);
            return None;
        };
        Some(text.to_owned())
    }

    fn patient_value(&mut self, index: usize, name: &str, text: &str) -> Option<Value> {
        if !LISTS.contains(&name) {
            return Some(Value::String(text.to_owned()));
        }
        if text.split(';').nth(VALUES).is_some() {
            let what = format!("has more than {VALUES} values");
            let problem = RowProblem { what: what.into(), ..self.problem(index, "") };
            self.problems.push(problem.with_hint("take the row apart"));
            return None;
        }
        let items = text.split(';').map(|item| Value::String(item.trim().to_owned()));
        Some(Value::Array(items.collect()))
    }

    fn problem(&self, index: usize, what: &'static str) -> RowProblem {
        at(self.known, self.record, index, what)
    }

    fn text(&self, index: usize) -> Option<&str> {
        let cell = self.record.field(index).filter(|cell| !cell.is_empty())?;
        str::from_utf8(cell).ok()
    }

    fn text_of(&self, column: Column) -> Option<String> {
        let index = self.known.columns.all.iter().position(|other| *other == column)?;
        self.text(index).map(str::to_owned)
    }
}

/// Spreadsheets write truth in capitals.
fn appointment_value(name: &str, text: String) -> Value {
    match text.as_str() {
        "true" | "TRUE" | "True" if name == "add-video-channel" => Value::Bool(true),
        "false" | "FALSE" | "False" if name == "add-video-channel" => Value::Bool(false),
        _ => Value::String(text),
    }
}

/// A problem of a column that the file has.
fn at(known: &Known, record: &Record<'_>, index: usize, what: &'static str) -> RowProblem {
    let problem = RowProblem::new(record.line_of(index), what).column_at(index as u64 + 1);
    match known.columns.all.get(index) {
        None | Some(Column::Unnamed) => problem,
        Some(column) => problem.named(column.name(known.key.as_deref())),
    }
}

/// A problem with nothing said yet, where a field of the schema lies in the file.
fn locate(known: &Known, record: &Record<'_>, documents: &[u32], field: Option<&str>) -> RowProblem {
    let column = field.and_then(|field| column_of(field, documents));
    if let (None, Some(index)) = (column, known.columns.key.filter(|_| field == known.key.as_deref())) {
        return at(known, record, index, "");
    }
    let index = column.and_then(|column| index_of(&known.columns, column));
    let problem = match (index, column) {
        (Some(index), _) => at(known, record, index, ""),
        (None, Some(column)) => RowProblem::new(record.line, "").named(column.name(known.key.as_deref())),
        (None, None) => RowProblem::new(record.line, ""),
    };
    match field {
        Some(field) => problem.of_field(field),
        None => problem,
    }
}

fn index_of(columns: &Columns, column: Column) -> Option<usize> {
    columns.all.iter().position(|other| *other == column)
}

/// The column that a field of the schema stands in.
fn column_of(field: &str, documents: &[u32]) -> Option<Column> {
    if let Some(field) = field.strip_prefix("appointment.") {
        return Column::of(&format!("appointment-{field}"));
    }
    if let Some((index, name)) = field.strip_prefix("documents[").and_then(|rest| rest.split_once("].")) {
        let number = documents.get(index.parse::<usize>().ok()?)?;
        return Column::of(&format!("document-{number}-{name}"));
    }
    // An item of a list stands in the column of the list.
    Column::of(field.split_once('[').map_or(field, |(list, _)| list))
}
