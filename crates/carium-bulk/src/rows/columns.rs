//! The columns of a CSV file, as named by its header line.

use strsim::damerau_levenshtein;

use super::mapping::common_name;
use super::problem::RowProblem;
use super::records::Record;
pub(super) use crate::generated::columns::{
    APPOINTMENT_FIELDS, BOOLEAN_APPOINTMENT_FIELDS, DOCUMENT_FIELDS, LIST_FIELDS, PATIENT_FIELDS,
};
use crate::generated::columns::{
    REQUIRED_APPOINTMENT_FIELDS, REQUIRED_DOCUMENT_FIELDS, REQUIRED_PATIENT_FIELDS,
};

/// The maximum number of columns, enough for more than 200 documents. It also limits the number of problems per row.
pub(super) const MAX_COLUMNS: usize = 1000;

/// The meaning of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Patient(&'static str),
    /// A field of the document with this number.
    Document(u32, &'static str),
    Appointment(&'static str),
    /// The key column, if it is not a field of the schema. It is read but not sent.
    Key,
    /// A column without a name, whose fields must be empty.
    Unnamed,
}

impl Column {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let known = |names: &[&'static str], name: &str| names.iter().find(|known| **known == name).copied();
        if let Some(name) = known(&PATIENT_FIELDS, name) {
            return Some(Self::Patient(name));
        }
        if let Some(field) = name.strip_prefix("appointment-") {
            return known(&APPOINTMENT_FIELDS, field).map(Self::Appointment);
        }
        let (number, field) = name.strip_prefix("document-")?.split_once('-')?;
        // Leading zeros and signs are rejected, so that two names cannot mean the same column.
        let number =
            number.parse().ok().filter(|parsed: &u32| *parsed > 0 && parsed.to_string() == number)?;
        known(&DOCUMENT_FIELDS, field).map(|field| Self::Document(number, field))
    }

    /// Returns the name of the column in the file.
    pub(super) fn name(self, key: Option<&str>) -> String {
        match self {
            Self::Patient(name) => name.to_owned(),
            Self::Document(number, field) => format!("document-{number}-{field}"),
            Self::Appointment(field) => format!("appointment-{field}"),
            Self::Key => key.unwrap_or_default().to_owned(),
            Self::Unnamed => String::new(),
        }
    }
}

/// The columns of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    /// The columns in the order of the file.
    pub(super) all: Vec<Column>,
    /// The index of the key column.
    pub(super) key: Option<usize>,
    /// The numbers of the documents, in ascending order.
    pub(super) documents: Vec<u32>,
}

impl Columns {
    /// Parses the header line.
    pub(super) fn from_header_line(
        record: &Record<'_>,
        key: Option<&str>,
        has_organization: bool,
    ) -> Result<Self, Vec<RowProblem>> {
        if record.len() > MAX_COLUMNS {
            let message = format!("the header line has more than {MAX_COLUMNS} columns");
            let problem = RowProblem::new(record.line, message);
            return Err(vec![problem.with_hint("remove the columns that are not in the schema")]);
        }
        let names: Vec<Option<&str>> = record.fields().map(|name| str::from_utf8(name).ok()).collect();
        let known = names.iter().flatten().filter(|name| Column::parse(name).is_some()).count();
        // If no column is known, the header line is probably missing. This is reported as one problem, not as one
        // problem for each unknown column.
        if known == 0 {
            return Err(vec![no_known_column(record)]);
        }
        let mut problems = Vec::new();
        let mut columns = Self::default();
        let mut seen: Vec<(&str, u64)> = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let number = index as u64 + 1;
            let problem = |message: String| RowProblem::new(record.line_of(index), message).at_column(number);
            let column = match *name {
                None => Err(problem("is not UTF-8".to_owned()).with_hint("save the file as UTF-8")),
                Some("") => Ok(Column::Unnamed),
                Some(name) => match seen.iter().find(|(before, _)| *before == name) {
                    Some((_, first)) => Err(problem(format!("is a duplicate of column {first}"))
                        .with_column_name(name)
                        .with_hint("keep one of them")),
                    None => Column::parse(name)
                        .or_else(|| (key == Some(name)).then_some(Column::Key))
                        .inspect(|_| seen.push((name, number)))
                        .ok_or_else(|| unknown_column(name, known, problem)),
                },
            };
            let column = column.unwrap_or_else(|problem| {
                problems.push(problem);
                Column::Unnamed
            });
            if column != Column::Unnamed && key == *name {
                columns.key = Some(index);
            }
            if let Column::Document(document, _) = column
                && !columns.documents.contains(&document)
            {
                columns.documents.push(document);
            }
            columns.all.push(column);
        }
        columns.documents.sort_unstable();
        columns.check_required(record.line, key, has_organization, &mut problems);
        if problems.is_empty() { Ok(columns) } else { Err(problems) }
    }

    /// Adds a problem for each required column that is missing.
    fn check_required(
        &self,
        line: u64,
        key: Option<&str>,
        has_organization: bool,
        problems: &mut Vec<RowProblem>,
    ) {
        let mut missing = |name: String, message: &'static str| {
            problems.push(RowProblem::new(line, message).with_column_name(name));
        };
        let has = |column: Column| self.all.contains(&column);
        for name in REQUIRED_PATIENT_FIELDS {
            let is_set_by_options = name == "organization-id" && has_organization;
            if !has(Column::Patient(name)) && !is_set_by_options {
                missing(name.to_owned(), "is missing: add the column");
            }
        }
        if !has(Column::Patient("email")) && !has(Column::Patient("mobile-phone")) {
            let message = "is missing, and so is `mobile-phone`: add at least one of the columns";
            missing("email".to_owned(), message);
        }
        let of_document = "is missing, but the file has other columns of this document: add the column";
        let documents = self.documents.iter().flat_map(|number| {
            REQUIRED_DOCUMENT_FIELDS.map(|field| (Column::Document(*number, field), of_document))
        });
        let of_appointment = "is missing, but the file has other columns of the appointment: add the column";
        let has_appointment = self.all.iter().any(|column| matches!(column, Column::Appointment(_)));
        let appointment = REQUIRED_APPOINTMENT_FIELDS
            .into_iter()
            .filter(|_| has_appointment)
            .map(|field| (Column::Appointment(field), of_appointment));
        for (column, message) in documents.chain(appointment).filter(|(column, _)| !has(*column)) {
            missing(column.name(key), message);
        }
        if let (Some(key), None) = (key, self.key) {
            let message =
                "is missing, but is set as the key column: add the column, or set another key column";
            missing(key.to_owned(), message);
        }
    }
}

/// Returns the problem of a header line without any known column.
fn no_known_column(record: &Record<'_>) -> RowProblem {
    RowProblem::new(record.line, "the header line has no known column").with_hint(
        "start the file with column names such as `first-name,last-name,…`, or map its columns with `carium onboard map`",
    )
}

/// Returns the problem of an unknown column, with the known column that is probably meant.
///
/// The name is reported only if it looks like a column name, because the file may begin with a line of patient data
/// instead of the header line.
fn unknown_column(name: &str, known: usize, problem: impl FnOnce(String) -> RowProblem) -> RowProblem {
    let looks_like_a_name = name.len() <= 40
        && name.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | ' '));
    let message = match closest_column(name) {
        Some(closest) => format!("is not a known column: did you mean `{closest}`?"),
        None => "is not a known column: remove it, or set it as the key column".to_owned(),
    };
    let problem = problem(message);
    // A line of patient data rarely contains three values that are also column names. The most likely such value is
    // `email`, in the field `invite`.
    if looks_like_a_name && known >= 3 { problem.with_column_name(name) } else { problem }
}

/// Returns the known column whose name is closest to this one, or that other systems give this name, such as `DOB`.
pub(super) fn closest_column(name: &str) -> Option<String> {
    let common = common_name(name);
    let name: String = name
        .trim()
        .chars()
        .take(60)
        .map(|letter| if matches!(letter, '_' | ' ' | '.') { '-' } else { letter.to_ascii_lowercase() })
        .collect();
    if Column::parse(&name).is_some() {
        return Some(name);
    }
    // The document number is taken from the name, so that the suggestion is for the same document.
    let number = name.split('-').find_map(|part| part.parse::<u32>().ok()).unwrap_or(1).max(1);
    let patient = PATIENT_FIELDS.into_iter().map(|name| (name.len(), name.to_owned()));
    let candidate = |field: &str, column: Column| (field.len(), column.name(None));
    let documents =
        DOCUMENT_FIELDS.into_iter().map(|field| candidate(field, Column::Document(number, field)));
    let appointment =
        APPOINTMENT_FIELDS.into_iter().map(|field| candidate(field, Column::Appointment(field)));
    let close = patient.chain(documents).chain(appointment).filter_map(|(length, known)| {
        let distance = damerau_levenshtein(&name, &known);
        // Only the field name counts, without the prefix that many columns share. A close name has few typing errors,
        // or is the beginning of a known name.
        let is_beginning = known.starts_with(&name) && name.len() >= known.len() - length + 4;
        (distance * 3 <= length || is_beginning).then_some((distance, known))
    });
    let closest = close.min_by_key(|(distance, _)| *distance).map(|(_, known)| known);
    closest.or_else(|| common.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_closest_column_for_an_unknown_name() {
        for (name, expected) in [
            ("First Name", Some("first-name")),
            ("birthdate", Some("birth-date")),
            ("e-mail", Some("email")), // words: quoted
            ("DOB", Some("birth-date")),
            ("Cell Phone", Some("mobile-phone")),
            ("Vorname", Some("first-name")),
            ("mobile_phone", Some("mobile-phone")),
            ("document-2-file", None),
            ("document-2-clas", Some("document-2-class")),
            ("document-12-desciption", Some("document-12-description")),
            ("appointment-start", Some("appointment-start-time")),
            ("mobile", Some("mobile-phone")),
            ("appointment-", None),
            ("appointment_starttime", Some("appointment-start-time")),
            ("shoe-size", None),
        ] {
            assert_eq!(closest_column(name).as_deref(), expected, "{name}");
        }
    }
}
