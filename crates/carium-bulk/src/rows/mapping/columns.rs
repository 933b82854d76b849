//! Applies a mapping to the columns and rows of a file.

use std::borrow::Cow;

use carium::onboarding::OnboardingRow;
use serde::Deserialize as _;
use strsim::damerau_levenshtein;

use super::convert::{ConversionError, trim};
use super::{FieldMapping, Mapping, Named};
use crate::rows::check::{KeyFields, check_row};
use crate::rows::columns::{Column, MAX_COLUMNS};
use crate::rows::csv::{RowBuilder, column_of};
use crate::rows::problem::{RowProblem, RowProblems};
use crate::rows::row::{Row, RowLocation};
use crate::rows::settings::FileSettings;

/// The columns of a mapped file.
#[derive(Clone, Debug, Default)]
pub(in crate::rows) struct MappedColumns {
    /// The names of the header.
    pub(in crate::rows) names: Vec<String>,
    /// The indexes of the source columns of each field of the mapping.
    sources: Vec<Vec<usize>>,
    key: Option<usize>,
    /// The numbers of the documents, in ascending order.
    documents: Vec<u32>,
}

impl MappedColumns {
    /// Finds the columns of a mapping in the header of a file.
    pub(in crate::rows) fn resolve(
        mapping: &Mapping,
        names: Vec<String>,
        line: u64,
        key: Option<&str>,
        has_organization: bool,
    ) -> Result<Self, Vec<RowProblem>> {
        if names.len() > MAX_COLUMNS {
            return Err(vec![RowProblem::new(
                line,
                format!("the header line has more than {MAX_COLUMNS} columns"),
            )]);
        }
        let mut problems = Vec::new();
        let index_of = |name: &str| names.iter().position(|other| trim(other) == name);
        let mapping_key = mapping.file().key.as_ref().filter(|named| Some(named.name.as_str()) == key);
        let named: Vec<&Named> =
            mapping.fields().iter().flat_map(|field| &field.columns).chain(mapping_key).collect();
        let found = named.iter().filter(|named| index_of(&named.name).is_some()).count();
        if found == 0 && !named.is_empty() {
            let problem = RowProblem::new(line, "the header line has no column of the mapping");
            return Err(vec![
                problem.with_hint("check `header-row`, `delimiter` and `encoding` in the mapping"),
            ]);
        }
        for missing in named.iter().filter(|named| index_of(&named.name).is_none()) {
            // A suggestion shows a name of the file. If few columns are known, the line may be a line of patients.
            let closest =
                names.iter().map(|other| (damerau_levenshtein(&missing.name, trim(other)), other)).min();
            let message = match closest {
                Some((distance, closest)) if found >= 3 && distance * 3 <= missing.name.len() => {
                    format!(
                        "is a column of the mapping, but not of the file: did you mean `{}`?",
                        trim(closest)
                    )
                }
                _ => "is a column of the mapping, but not of the file: correct the mapping".to_owned(),
            };
            problems.push(
                RowProblem::new(line, message)
                    .with_column_name(missing.name.as_str())
                    .with_mapping_line(missing.line),
            );
        }
        for (index, name) in names.iter().enumerate() {
            let name = trim(name);
            let problem = |message: &'static str| RowProblem::new(line, message).at_column(index as u64 + 1);
            let is_used = named.iter().any(|named| named.name == name) || key == Some(name);
            if is_used && names[..index].iter().any(|other| trim(other) == name) {
                problems.push(
                    problem("is used by the mapping, but the file has two columns with this name")
                        .with_column_name(name),
                );
            }
            let is_ignored =
                mapping.file().ignore.iter().any(|ignored| ignored.name == name || ignored.name == "*");
            if !is_used && !is_ignored && !name.is_empty() {
                let problem = problem("is neither used nor ignored by the mapping: add it to `ignore`");
                problems.push(if found >= 3 { problem.with_column_name(name) } else { problem });
            }
        }
        let has = |name| mapping.fields().iter().any(|field| field.target == Column::Patient(name));
        if !has_organization && !has("organization-id") {
            let problem =
                RowProblem::new(line, "has no source in the mapping: set the organization, or add a source");
            problems.push(problem.with_field(Some("organization-id")));
        }
        let key_index = key.and_then(index_of);
        if let (Some(key), None, None) = (key, key_index, mapping_key) {
            problems.push(
                RowProblem::new(line, "is the key, but not a column of the file").with_column_name(key),
            );
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let sources = mapping
            .fields()
            .iter()
            .map(|field| field.columns.iter().filter_map(|named| index_of(&named.name)).collect());
        let mut documents: Vec<u32> = mapping
            .fields()
            .iter()
            .filter_map(
                |field| if let Column::Document(number, _) = field.target { Some(number) } else { None },
            )
            .collect();
        documents.sort_unstable();
        documents.dedup();
        Ok(Self { sources: sources.collect(), key: key_index, documents, names })
    }

    /// Returns the index of the key column.
    pub(in crate::rows) fn key(&self) -> Option<usize> {
        self.key
    }

    /// Checks whether a required field is read from a column.
    pub(in crate::rows) fn has_required_source(&self, mapping: &Mapping, index: usize) -> bool {
        let fields = mapping.fields().iter().zip(&self.sources);
        fields.into_iter().any(|(field, sources)| {
            sources.contains(&index)
                && matches!(
                    field.target,
                    Column::Patient("first-name" | "last-name" | "birth-date" | "gender")
                )
        })
    }
}

/// The cells of a row of a mapped file.
pub(in crate::rows) trait Cells {
    /// Returns the text of a cell, or `None` if it is empty. The error is the reason why the cell has no valid text.
    fn text(&self, index: usize) -> Result<Option<Cow<'_, str>>, ConversionError>;

    /// Returns the line on which the cell begins.
    fn line_of(&self, index: usize) -> u64;
}

/// Creates the error of a cell whose bytes are not valid in the encoding of the file.
pub(in crate::rows) fn not_in_encoding() -> ConversionError {
    ConversionError {
        message: "is not valid in the encoding of the file".into(),
        hint: Some("correct `encoding` in the mapping, or save the file as UTF-8"),
    }
}

/// Converts the cells of a row, or returns all of its problems.
pub(in crate::rows) fn parse_cells(
    settings: &FileSettings,
    mapping: &Mapping,
    location: RowLocation,
    cells: &impl Cells,
) -> Result<Row, RowProblems> {
    let columns = &settings.mapped;
    let at = |problem: RowProblem, field: &FieldMapping, sources: &[usize]| {
        let problem = match sources.first() {
            Some(index) => {
                problem.at_column(*index as u64 + 1).with_column_name(trim(&columns.names[*index]))
            }
            None => problem,
        };
        let target = field.target.name(None);
        settings.place(problem.with_mapping_line(field.line).with_field(Some(&target)))
    };
    let mut problems = Vec::new();
    let mut builder = RowBuilder::new(&columns.documents);
    let mut key_fields = KeyFields::default();
    for (field, sources) in mapping.fields().iter().zip(&columns.sources) {
        let texts: Result<Vec<_>, _> = sources.iter().map(|index| cells.text(*index)).collect();
        let text =
            texts.and_then(|texts| field.conversion.convert(texts.iter().flatten().map(AsRef::as_ref)));
        let line = sources.first().map_or(location.line, |index| cells.line_of(*index));
        let added = match text {
            Ok(text) if text.is_empty() => continue,
            Ok(text) => {
                match field.target {
                    Column::Patient("username") => key_fields.username = Some(text.clone()),
                    Column::Patient("email") => key_fields.email = Some(text.clone()),
                    Column::Patient("mobile-phone") => key_fields.mobile_phone = Some(text.clone()),
                    _ => {}
                }
                builder.set(field.target, text).map_err(|message| (message.into(), Some("shorten the list")))
            }
            Err(ConversionError { message, hint }) => Err((message, hint)),
        };
        if let Err((message, hint)) = added {
            problems.push(RowProblem { hint, ..at(RowProblem::new(line, message), field, sources) });
        }
    }
    if let Some(index) = columns.key {
        match cells.text(index) {
            Ok(text) => key_fields.key = text.map(|text| trim(&text).to_owned()),
            Err(ConversionError { message, hint }) => {
                let problem = RowProblem::new(cells.line_of(index), message).at_column(index as u64 + 1);
                let problem = problem.with_column_name(trim(&columns.names[index]));
                problems.push(settings.place(RowProblem { hint, ..problem }));
            }
        }
    }
    let (row, documents) = builder.finish(settings.options.organization);
    let Ok(row) = OnboardingRow::deserialize(row) else {
        // `OnboardingRow` accepts values of any type, so this does not happen.
        let problem = RowProblem::new(location.line, "the row cannot be parsed");
        return Err(RowProblems::new(location.line, Some(location), vec![problem]));
    };
    let locate = |field: Option<&str>| {
        let column = field.and_then(|field| column_of(field, &documents));
        let mapped = mapping.fields().iter().zip(&columns.sources);
        let found = column.and_then(|column| mapped.into_iter().find(|(field, _)| field.target == column));
        match (found, columns.key.filter(|_| field == settings.key())) {
            (Some((mapped, sources)), _) => {
                let line = sources.first().map_or(location.line, |index| cells.line_of(*index));
                at(RowProblem::new(line, ""), mapped, sources).with_field(field)
            }
            (None, Some(index)) => {
                let problem = RowProblem::new(cells.line_of(index), "").at_column(index as u64 + 1);
                settings.place(problem.with_column_name(trim(&columns.names[index])))
            }
            (None, None) => settings.place(RowProblem::new(location.line, "").with_field(field)),
        }
    };
    check_row(settings, location, &key_fields, &row, problems, locate)
}
