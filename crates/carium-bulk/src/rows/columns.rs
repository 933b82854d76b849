//! The columns of a CSV file: what its first line says.

use strsim::damerau_levenshtein;

use super::problem::RowProblem;
use super::records::Record;

/// The fields of a patient: of the row itself. As `specs/onboarding.schema.json` has them, which a test compares.
pub(super) const PATIENT: [&str; 11] = [
    "first-name",
    "last-name",
    "birth-date",
    "gender",
    "email",
    "mobile-phone",
    "locale",
    "individual-group-ids",
    "username",
    "organization-id",
    "invite",
];
const PATIENT_REQUIRED: [&str; 5] = ["first-name", "last-name", "birth-date", "gender", "organization-id"];

/// Those with several values in one field.
pub(super) const LISTS: [&str; 2] = ["individual-group-ids", "invite"];

/// The fields of a document, after `document-1-`.
pub(super) const DOCUMENT: [&str; 4] = ["class", "name", "description", "path"];
const DOCUMENT_REQUIRED: [&str; 3] = ["class", "name", "path"];

/// The fields of the appointment, after `appointment-`.
pub(super) const APPOINTMENT: [&str; 11] = [
    "practitioner",
    "type",
    "status",
    "start-time",
    "end-time",
    "add-video-channel",
    "guest-url",
    "host-url",
    "description",
    "patient-instruction",
    "location",
];
const APPOINTMENT_REQUIRED: [&str; 6] =
    ["practitioner", "type", "status", "start-time", "end-time", "add-video-channel"];

/// How many columns there may be: more than two hundred documents' worth. Each may be wrong in each row.
const COLUMNS: usize = 1000;

/// What a column is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Patient(&'static str),
    /// Of the document of this number.
    Document(u32, &'static str),
    Appointment(&'static str),
    /// The key, where it is no field of the schema: read, and not sent.
    Key,
    /// Without a name. Nothing may stand in it.
    Unnamed,
}

impl Column {
    pub(super) fn of(name: &str) -> Option<Self> {
        let known = |names: &[&'static str], name: &str| names.iter().find(|known| **known == name).copied();
        if let Some(name) = known(&PATIENT, name) {
            return Some(Self::Patient(name));
        }
        if let Some(field) = name.strip_prefix("appointment-") {
            return known(&APPOINTMENT, field).map(Self::Appointment);
        }
        let (number, field) = name.strip_prefix("document-")?.split_once('-')?;
        // One way to write a number, so that two columns cannot be one.
        let number =
            number.parse().ok().filter(|parsed: &u32| *parsed > 0 && parsed.to_string() == number)?;
        known(&DOCUMENT, field).map(|field| Self::Document(number, field))
    }

    /// As the file has it.
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

/// The columns of a file, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    pub(super) all: Vec<Column>,
    /// Which of them is the key.
    pub(super) key: Option<usize>,
    /// The numbers of the documents, in their order.
    pub(super) documents: Vec<u32>,
}

impl Columns {
    /// The columns that this first line names.
    pub(super) fn read(
        record: &Record<'_>,
        key: Option<&str>,
        has_organization: bool,
    ) -> Result<Self, Vec<RowProblem>> {
        if record.len() > COLUMNS {
            let problem =
                RowProblem::new(record.line, format!("the first line has more than {COLUMNS} columns"));
            return Err(vec![problem.with_hint("take out those that are not of the schema")]);
        }
        let names: Vec<Option<&str>> = record.fields().map(|name| str::from_utf8(name).ok()).collect();
        let known = names.iter().flatten().filter(|name| Column::of(name).is_some()).count();
        // Of a line of values each would be an unknown column.
        if known == 0 {
            return Err(vec![no_names(record)]);
        }
        let mut problems = Vec::new();
        let mut columns = Self::default();
        let mut seen: Vec<(&str, u64)> = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let number = index as u64 + 1;
            let problem = |what: String| RowProblem::new(record.line_of(index), what).column_at(number);
            let column = match name {
                Some("") => Some(Column::Unnamed),
                Some(name) if seen.iter().any(|(before, _)| before == name) => None,
                Some(name) => Column::of(name).or_else(|| (key == Some(name)).then_some(Column::Key)),
                None => None,
            };
            match (column, name) {
                (Some(Column::Unnamed), _) => {}
                (Some(column), Some(name)) => {
                    seen.push((name, number));
                    if key == Some(name) {
                        columns.key = Some(index);
                    }
                    if let Column::Document(document, _) = column
                        && !columns.documents.contains(&document)
                    {
                        columns.documents.push(document);
                    }
                }
                (None, Some(name)) => {
                    problems.push(match seen.iter().find(|(before, _)| before == name) {
                        Some((_, first)) => problem(format!("is there twice, as column {first} already"))
                            .named(*name)
                            .with_hint("keep one of them"),
                        None => unknown(name, known, problem),
                    });
                }
                (_, None) => {
                    problems.push(problem("is not UTF-8".to_owned()).with_hint("save the file as UTF-8"));
                }
            }
            columns.all.push(column.unwrap_or(Column::Unnamed));
        }
        columns.documents.sort_unstable();
        columns.missing(record.line, key, has_organization, &mut problems);
        if problems.is_empty() { Ok(columns) } else { Err(problems) }
    }

    /// Says which columns are not there that have to be.
    fn missing(&self, line: u64, key: Option<&str>, has_organization: bool, problems: &mut Vec<RowProblem>) {
        let mut missing = |name: String, what: &'static str| {
            problems.push(RowProblem::new(line, what).named(name));
        };
        let has = |column: Column| self.all.contains(&column);
        for name in PATIENT_REQUIRED {
            let is_given = name == "organization-id" && has_organization;
            if !has(Column::Patient(name)) && !is_given {
                missing(name.to_owned(), "is missing: add the column");
            }
        }
        if !has(Column::Patient("email")) && !has(Column::Patient("mobile-phone")) {
            let what = "is missing, and so is `mobile-phone`: add one of the columns or both";
            missing("email".to_owned(), what);
        }
        for number in &self.documents {
            for field in DOCUMENT_REQUIRED {
                let column = Column::Document(*number, field);
                if !has(column) {
                    missing(
                        column.name(key),
                        "is missing, where this document has other columns: add the column",
                    );
                }
            }
        }
        if self.all.iter().any(|column| matches!(column, Column::Appointment(_))) {
            for field in APPOINTMENT_REQUIRED {
                let column = Column::Appointment(field);
                if !has(column) {
                    missing(
                        column.name(key),
                        "is missing, where the appointment has other columns: add the column",
                    );
                }
            }
        }
        if let (Some(key), None) = (key, self.key) {
            missing(
                key.to_owned(),
                "is missing, and it was said to be the key: add the column, or name another",
            );
        }
    }
}

/// Of a first line in which no column is known.
fn no_names(record: &Record<'_>) -> RowProblem {
    let separator = [(b';', "semicolons"), (b'\t', "tabs"), (b'|', "bars")];
    let separator = separator.into_iter().find(|(byte, _)| record.len() == 1 && record.raw.contains(byte));
    match separator {
        Some((_, name)) => {
            let what = format!("the fields are separated by {name}");
            RowProblem::new(record.line, what).with_hint("save the file with commas between them")
        }
        None => RowProblem::new(record.line, "no column is one that is known")
            .with_hint("begin the file with a line of the columns' names, such as `first-name,last-name,…`"),
    }
}

/// An unknown column, with the one that may be meant. Its own name is said only where it is one: a line of values may
/// stand in the place of the names.
fn unknown(name: &str, known: usize, problem: impl FnOnce(String) -> RowProblem) -> RowProblem {
    let is_name = name.len() <= 40
        && name.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | ' '));
    let what = match meant(name) {
        Some(meant) => format!("is not a column that is known: did you mean `{meant}`?"),
        None => "is not a column that is known: take it out, or make it the key".to_owned(),
    };
    let problem = problem(what);
    // Of a line of values hardly as many are names of columns: a way to invite, at the most.
    if is_name && known >= 3 { problem.named(name) } else { problem }
}

/// The column that this name is near to.
fn meant(name: &str) -> Option<String> {
    let name: String = name
        .trim()
        .chars()
        .take(60)
        .map(|letter| if matches!(letter, '_' | ' ' | '.') { '-' } else { letter.to_ascii_lowercase() })
        .collect();
    if Column::of(&name).is_some() {
        return Some(name);
    }
    // The number as it was written, so that the one column is named that is meant.
    let number = name.split('-').find_map(|part| part.parse::<u32>().ok()).unwrap_or(1).max(1);
    let patient = PATIENT.into_iter().map(|name| (name.len(), name.to_owned()));
    let of = |field: &str, column: Column| (field.len(), column.name(None));
    let documents = DOCUMENT.into_iter().map(|field| of(field, Column::Document(number, field)));
    let appointment = APPOINTMENT.into_iter().map(|field| of(field, Column::Appointment(field)));
    let near = patient.chain(documents).chain(appointment).filter_map(|(length, known)| {
        let distance = damerau_levenshtein(&name, &known);
        // Of the name of its own, without what it has in common with others: a typing error, or the rest left out.
        let is_begun = known.starts_with(&name) && name.len() >= known.len() - length + 4;
        (distance * 3 <= length || is_begun).then_some((distance, known))
    });
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// The names of an object of the schema, those that are required first.
    fn of_schema(object: &Value) -> (BTreeSet<&str>, BTreeSet<&str>) {
        let required = object["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        let all = object["properties"].as_object().unwrap().keys().map(String::as_str);
        (required.collect(), all.collect())
    }

    #[test]
    fn the_columns_are_the_schemas_fields() {
        let schema = include_str!("../../../../specs/onboarding.schema.json");
        let schema: Value = serde_json::from_str(schema).unwrap();
        let (required, mut all) = of_schema(&schema);
        assert!(all.remove("documents") && all.remove("appointment"));
        assert_eq!((required, all), (BTreeSet::from(PATIENT_REQUIRED), BTreeSet::from(PATIENT)));
        let lists = schema["properties"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, property)| property["type"] == "array" && name.as_str() != "documents");
        assert_eq!(lists.map(|(name, _)| name.as_str()).collect::<BTreeSet<_>>(), BTreeSet::from(LISTS));
        let of = |name: &str| of_schema(&schema["definitions"][name]);
        let documents = (BTreeSet::from(DOCUMENT_REQUIRED), BTreeSet::from(DOCUMENT));
        assert_eq!(of("OnboardingDocument"), documents);
        let appointments = (BTreeSet::from(APPOINTMENT_REQUIRED), BTreeSet::from(APPOINTMENT));
        assert_eq!(of("OnboardingAppointment"), appointments);
    }

    #[test]
    fn a_name_is_taken_for_the_one_that_is_meant() {
        for (name, expected) in [
            ("First Name", Some("first-name")),
            ("birthdate", Some("birth-date")),
            ("e-mail", Some("email")),
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
            assert_eq!(meant(name).as_deref(), expected, "{name}");
        }
    }
}
