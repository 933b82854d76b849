//! CSV: reads the header line, and parses each record into a row.

use std::borrow::Cow;
use std::io::Read;

use carium::onboarding::OnboardingRow;
use carium::patients::OrganizationId;
use encoding_rs::Encoding;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::check::{KeyFields, check_row};
use super::columns::{BOOLEAN_APPOINTMENT_FIELDS, Column, Columns, LIST_FIELDS};
use super::mapping::{Cells, ConversionError, MappedColumns, Mapping, not_in_encoding, parse_cells};
use super::problem::{RowError, RowProblem, RowProblems, SkipReason};
use super::records::{Record, Records};
use super::row::{Row, RowLocation};
use super::settings::FileSettings;
use super::window::Next;
use crate::generated::columns::REQUIRED_PATIENT_FIELDS;

/// The maximum number of values in a list field. It limits the number of problems per field; real lists of groups or
/// invitation channels are much shorter.
const MAX_LIST_VALUES: usize = 100;

/// The hint for a field that is not UTF-8.
const NOT_UTF8_HINT: &str = "save the file as UTF-8, or map it with `carium onboard map`";

/// Reads the header line of a file, adds its columns to the settings, and returns its place.
pub(super) fn read_columns(
    records: &mut Records<impl Read>,
    settings: &mut FileSettings,
) -> Result<RowLocation, RowError> {
    let header_row = settings.mapping().map_or(1, |mapping| mapping.file().header_row);
    loop {
        match records.next()? {
            Next::Item(record) if record.line < header_row => {}
            Next::Item(record) if record.line > header_row && header_row > 1 => {
                let problem =
                    RowProblem::new(header_row, "is the header row of the mapping, but has no header");
                let hint = "correct `header-row` in the mapping";
                return Err(RowError::invalid(header_row, settings.place(problem.with_hint(hint))));
            }
            Next::Item(record) => {
                if header_row > 1 {
                    settings
                        .notes
                        .push(format!("the lines above the header on line {header_row} are not read"));
                }
                return add_columns(&record, settings);
            }
            Next::TooLong(line) => {
                let message = format!("the header line is longer than {} bytes", settings.max_row_bytes());
                let hint = "check for a quote that is not closed";
                return Err(RowError::invalid(line, RowProblem::new(line, message).with_hint(hint)));
            }
            Next::EndOfFile => {
                let problem = settings.place(RowProblem::new(1, "the file is empty"));
                let hint = "start it with a header line of column names";
                return Err(RowError::invalid(1, problem.with_hint(hint)));
            }
        }
    }
}

fn add_columns(record: &Record<'_>, settings: &mut FileSettings) -> Result<RowLocation, RowError> {
    if let Some(problem) = record.quote_problem() {
        return Err(RowError::invalid(record.line, problem));
    }
    let has_organization = settings.options.organization.is_some();
    let problems = match &settings.options.mapping {
        None => {
            let columns = Columns::from_header_line(record, settings.key(), has_organization);
            columns.map(|columns| settings.columns = columns)
        }
        Some(mapping) => {
            let names =
                record.fields().map(|name| decode(settings.encoding, name).unwrap_or_default().into_owned());
            let key = settings.key();
            let columns =
                MappedColumns::resolve(mapping, names.collect(), record.line, key, has_organization);
            columns.map(|columns| settings.mapped = columns)
        }
    };
    let place = |problems: Vec<RowProblem>| {
        let problems = problems.into_iter().map(|problem| settings.place(problem)).collect();
        RowError::Invalid(RowProblems::new(record.line, None, problems))
    };
    problems.map_err(place)?;
    Ok(record.location())
}

/// Decodes a field. Returns `None` if it is not valid in the encoding.
pub(super) fn decode<'a>(encoding: &'static Encoding, field: &'a [u8]) -> Option<Cow<'a, str>> {
    encoding.decode_without_bom_handling_and_without_replacement(field)
}

/// Parses a record of a mapped file, or returns why it is not a row.
pub(super) fn parse_mapped(
    settings: &FileSettings,
    mapping: &Mapping,
    record: &Record<'_>,
) -> Result<Row, RowError> {
    let location = record.location();
    let invalid = |problem| RowError::Invalid(RowProblems::new(record.line, Some(location), vec![problem]));
    if let Some(problem) = record.quote_problem() {
        return Err(invalid(settings.place(problem)));
    }
    let has_value = |index: &usize| record.field(*index).is_some_and(|field| !field.trim_ascii().is_empty());
    if mapping.file().skips_single_values && (0..record.len()).filter(has_value).count() == 1 {
        return Err(RowError::Skipped(record.line, SkipReason::SingleValue));
    }
    let (expected, actual) = (settings.mapped.names.len(), record.len());
    let is_cut = (actual..expected).any(|index| settings.mapped.has_required_source(mapping, index));
    if is_cut || (expected..actual).any(|index| has_value(&index)) {
        let message = format!("the row has {actual} fields, but the header line has {expected} columns");
        let problem = settings.place(RowProblem::new(record.line, message));
        return Err(invalid(
            problem.with_hint("enclose fields that contain a delimiter or a line break in quotes"),
        ));
    }
    let cells = RecordCells { record, encoding: settings.encoding };
    parse_cells(settings, mapping, location, &cells).map_err(RowError::Invalid)
}

/// The cells of a record.
struct RecordCells<'a> {
    record: &'a Record<'a>,
    encoding: &'static Encoding,
}

impl Cells for RecordCells<'_> {
    fn text(&self, index: usize) -> Result<Option<Cow<'_, str>>, ConversionError> {
        match self.record.field(index).filter(|field| !field.is_empty()) {
            Some(field) => decode(self.encoding, field).map(Some).ok_or_else(not_in_encoding),
            None => Ok(None),
        }
    }

    fn line_of(&self, index: usize) -> u64 {
        self.record.line_of(index)
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
        // Spreadsheets omit empty fields at the end of some rows. A required field cannot be empty, so a row without it
        // was probably cut.
        let is_required = |column: &Column| matches!(column, Column::Patient(name) if REQUIRED_PATIENT_FIELDS.contains(name));
        if self.settings.columns.all.iter().skip(actual).any(is_required) {
            let problem = self.settings.place(RowProblem::new(self.record.line, message()));
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
        let mut row = RowBuilder::new(&columns.documents);
        for (index, column) in columns.all.iter().enumerate() {
            match self.checked_text(index, *column) {
                Ok(Some(text)) => {
                    if let Err(message) = row.set(*column, text) {
                        problems.push(self.problem(index, message).with_hint("shorten the list"));
                    }
                }
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
        }
        row.finish(self.settings.options.organization)
    }

    /// Returns the text of a field, or `None` if it is empty.
    fn checked_text(self, index: usize, column: Column) -> Result<Option<String>, RowProblem> {
        let Some(field) = self.record.field(index).filter(|field| !field.is_empty()) else { return Ok(None) };
        if column == Column::Unnamed {
            let problem = self.problem(index, "the field is not empty, but its column has no name");
            return Err(problem.with_hint("name the column in the header line, or empty the field"));
        }
        let not_utf8 = |_| self.problem(index, "is not UTF-8").with_hint(NOT_UTF8_HINT);
        str::from_utf8(field).map(|text| Some(text.to_owned())).map_err(not_utf8)
    }

    /// Returns the text of a field, or `None` if it is empty or not valid text.
    fn text(self, index: usize) -> Option<String> {
        let field = self.record.field(index).filter(|field| !field.is_empty())?;
        str::from_utf8(field).ok().map(str::to_owned)
    }

    fn index_of(self, column: Column) -> Option<usize> {
        self.settings.columns.all.iter().position(|other| *other == column)
    }

    /// Creates a problem at a field of the record.
    fn problem(self, index: usize, message: impl Into<Cow<'static, str>>) -> RowProblem {
        let problem = RowProblem::new(self.record.line_of(index), message).at_column(index as u64 + 1);
        let problem = self.settings.place(problem);
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
                None => self.settings.place(RowProblem::new(self.record.line, "").with_field(field)),
            };
        };
        let problem = match self.index_of(column) {
            Some(index) => self.problem(index, ""),
            None => self.settings.place(
                RowProblem::new(self.record.line, "").with_column_name(column.name(self.settings.key())),
            ),
        };
        problem.with_field(field)
    }
}

/// Collects the fields of a row as a JSON object in the shape of the schema.
pub(super) struct RowBuilder<'a> {
    row: Map<String, Value>,
    appointment: Map<String, Value>,
    /// The numbers of the documents, in ascending order.
    numbers: &'a [u32],
    documents: Vec<Map<String, Value>>,
}

impl<'a> RowBuilder<'a> {
    pub(super) fn new(numbers: &'a [u32]) -> Self {
        let documents = vec![Map::new(); numbers.len()];
        Self { row: Map::new(), appointment: Map::new(), numbers, documents }
    }

    /// Sets a field that is not empty. Returns why it cannot be set.
    pub(super) fn set(&mut self, column: Column, text: String) -> Result<(), String> {
        match column {
            Column::Patient(name) if LIST_FIELDS.contains(&name) => {
                if text.split(';').nth(MAX_LIST_VALUES).is_some() {
                    return Err(format!("has more than {MAX_LIST_VALUES} values"));
                }
                self.row.insert(name.to_owned(), text.split(';').map(str::trim).collect());
            }
            Column::Patient(name) => drop(self.row.insert(name.to_owned(), text.into())),
            Column::Document(number, name) => {
                if let Ok(at) = self.numbers.binary_search(&number) {
                    self.documents[at].insert(name.to_owned(), text.into());
                }
            }
            Column::Appointment(name) => {
                self.appointment.insert(name.to_owned(), appointment_value(name, text));
            }
            Column::Key | Column::Unnamed => {}
        }
        Ok(())
    }

    /// Returns the row, and the number of each of its documents. If the row has no organization, it is added.
    pub(super) fn finish(mut self, organization: Option<OrganizationId>) -> (Value, Vec<u32>) {
        if let Some(organization) = organization {
            self.row.entry("organization-id").or_insert_with(|| organization.to_string().into());
        }
        let present = self.numbers.iter().zip(self.documents).filter(|(_, document)| !document.is_empty());
        let (numbers, documents): (Vec<u32>, Vec<Value>) =
            present.map(|(number, document)| (*number, Value::Object(document))).unzip();
        if !documents.is_empty() {
            self.row.insert("documents".to_owned(), documents.into());
        }
        if !self.appointment.is_empty() {
            self.row.insert("appointment".to_owned(), self.appointment.into());
        }
        (self.row.into(), numbers)
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
pub(super) fn column_of(field: &str, documents: &[u32]) -> Option<Column> {
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
