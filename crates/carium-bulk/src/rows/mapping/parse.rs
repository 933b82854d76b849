//! Parses the TOML of a mapping.

use std::collections::HashMap;
use std::ops::Range;

use encoding_rs::Encoding;
use strsim::damerau_levenshtein;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::convert::{Case, Conversion, DateFormat, Invisible, Part, country};
use super::{FieldMapping, FileLayout, MappingError, MappingProblem, Named};
use crate::generated::columns::REQUIRED_PATIENT_FIELDS;
use crate::rows::columns::{Column, closest_column};
use crate::rows::settings::RowFormat;

/// The settings of the `[file]` table.
const FILE_SETTINGS: [&str; 8] =
    ["format", "delimiter", "encoding", "sheet", "header-row", "key", "ignore", "skip-single-values"];
/// The settings of a field.
const FIELD_SETTINGS: [&str; 14] = [
    "column",
    "columns",
    "constant",
    "join",
    "part",
    "dates",
    "first-year",
    "values",
    "otherwise",
    "country",
    "case",
    "invisible",
    "trim",
    "default",
];

type Entry<'a, 'i> = (&'a str, Range<usize>, &'a Spanned<DeValue<'i>>);

/// Parses a mapping, and collects all of its problems.
pub(super) fn parse(text: &str) -> Result<(FileLayout, Vec<FieldMapping>), MappingError> {
    let mut parser = Parser { text, problems: Vec::new(), named: Vec::new() };
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let start = error.span().map_or(0, |span| span.start);
            // The message of the parser may quote the text.
            parser.problem(
                start,
                "is not valid TOML",
                Some("compare it with the example in the guide".to_owned()),
            );
            return Err(MappingError { problems: parser.problems });
        }
    };
    let (mut file, mut fields) = (FileLayout { header_row: 1, ..FileLayout::default() }, Vec::new());
    let mut fields_at = 0;
    for (name, span, value) in entries(table.get_ref()) {
        match (name, value.get_ref().as_table()) {
            ("file", Some(table)) => file = parser.file(table),
            ("fields", Some(table)) => {
                fields_at = span.start;
                fields = parser.fields(table);
            }
            _ => parser.unknown(span.start, "table", name, &["file", "fields"]),
        }
    }
    parser.check_required(fields_at);
    if parser.problems.is_empty() {
        Ok((file, fields))
    } else {
        parser.problems.sort_by_key(MappingProblem::line);
        Err(MappingError { problems: parser.problems })
    }
}

fn entries<'a, 'i>(table: &'a DeTable<'i>) -> impl Iterator<Item = Entry<'a, 'i>> {
    table.iter().map(|(name, value)| (name.get_ref().as_ref(), name.span(), value))
}

struct Parser<'a> {
    text: &'a str,
    problems: Vec<MappingProblem>,
    /// The fields that the mapping names, even if their settings are invalid.
    named: Vec<Column>,
}

impl Parser<'_> {
    fn line(&self, at: usize) -> u64 {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        before.split(|byte| *byte == b'\n').count() as u64
    }

    fn problem(&mut self, at: usize, message: impl Into<String>, hint: Option<String>) {
        let line = self.line(at);
        self.problems.push(MappingProblem { line, message: message.into(), hint });
    }

    fn unknown(&mut self, at: usize, kind: &str, name: &str, known: &[&str]) {
        let closest = known.iter().map(|known| (damerau_levenshtein(name, known), known)).min();
        let hint = match closest {
            Some((distance, known)) if distance * 2 <= known.len() => format!("did you mean `{known}`?"),
            _ => format!("known are `{}`", known.join("`, `")),
        };
        self.problem(at, format!("`{name}` is not a known {kind}"), Some(hint));
    }

    fn file(&mut self, table: &DeTable<'_>) -> FileLayout {
        let mut file = FileLayout { header_row: 1, ..FileLayout::default() };
        for (name, span, value) in entries(table) {
            let at = span.start;
            match name {
                "format" => {
                    file.format = self.choice(
                        at,
                        name,
                        value,
                        &[
                            ("csv", RowFormat::Csv),
                            ("ndjson", RowFormat::Ndjson),
                            ("workbook", RowFormat::Workbook),
                            ("fhir", RowFormat::Fhir),
                        ],
                    );
                }
                "delimiter" => {
                    let delimiters = [(",", b','), (";", b';'), ("\t", b'\t'), ("|", b'|')];
                    file.delimiter = self.choice(at, name, value, &delimiters);
                }
                "encoding" => {
                    if let Some(label) = self.text(at, name, value) {
                        file.encoding = Encoding::for_label(label.as_bytes());
                        if file.encoding.is_none() {
                            let hint =
                                "write a name such as `utf-8`, `windows-1252` or `utf-16le`".to_owned();
                            self.problem(at, format!("`{label}` is not a known encoding"), Some(hint));
                        }
                    }
                }
                "sheet" => file.sheet = self.text(at, name, value),
                "header-row" => {
                    match value.get_ref().as_integer().and_then(|row| row.as_str().parse().ok()) {
                        Some(row) if row > 0 => file.header_row = row,
                        _ => self.problem(at, "`header-row` must be a line number, counted from 1", None),
                    }
                }
                "key" => {
                    file.key = self.text(at, name, value).map(|name| Named { name, line: self.line(at) });
                }
                "ignore" => file.ignore = self.names(at, name, value),
                "skip-single-values" => file.skips_single_values = self.boolean(at, name, value),
                _ => self.unknown(at, "setting of `[file]`", name, &FILE_SETTINGS),
            }
        }
        file
    }

    fn fields(&mut self, table: &DeTable<'_>) -> Vec<FieldMapping> {
        let mut fields = Vec::new();
        for (name, span, value) in entries(table) {
            let at = span.start;
            let Some(target) = Column::parse(name) else {
                let hint = match closest_column(name) {
                    Some(closest) => format!("did you mean `{closest}`?"),
                    None => "the guide lists the fields of a row".to_owned(),
                };
                self.problem(at, format!("`{name}` is not a field of a row"), Some(hint));
                continue;
            };
            self.named.push(target);
            if let Some(settings) = value.get_ref().as_table() {
                fields.extend(self.field(at, name, target, settings));
            } else {
                let hint = format!("write `{name} = {{ column = \"…\" }}`");
                self.problem(at, format!("`{name}` has no table of settings"), Some(hint));
            }
        }
        fields
    }

    fn field(
        &mut self,
        at: usize,
        field: &str,
        target: Column,
        settings: &DeTable<'_>,
    ) -> Option<FieldMapping> {
        let mut columns = Vec::new();
        let mut conversion = Conversion::default();
        let mut sources = 0;
        for (name, span, value) in entries(settings) {
            let at = span.start;
            match name {
                "column" | "columns" => {
                    sources += 1;
                    columns = self.names(at, name, value);
                    if columns.is_empty() {
                        self.problem(at, format!("`{field}` has no column"), None);
                    }
                }
                "constant" => {
                    sources += 1;
                    conversion.constant = self.text(at, name, value);
                }
                "join" => conversion.join = self.text(at, name, value),
                "part" => {
                    conversion.part = self.choice(
                        at,
                        name,
                        value,
                        &[
                            ("before-comma", Part::BeforeComma),
                            ("after-comma", Part::AfterComma),
                            ("first-word", Part::FirstWord),
                            ("other-words", Part::OtherWords),
                            ("last-word", Part::LastWord),
                            ("all-but-last-word", Part::AllButLastWord),
                        ],
                    );
                }
                "dates" => conversion.dates = self.dates(at, field, value),
                "first-year" => {
                    let year = value.get_ref().as_integer().and_then(|year| year.as_str().parse().ok());
                    match year {
                        Some(year) if (1800..=2100).contains(&year) => conversion.first_year = Some(year),
                        _ => self.problem(at, "`first-year` must be a year such as 1930", None),
                    }
                }
                "values" => conversion.values = self.values(at, value),
                "otherwise" => conversion.otherwise = self.text(at, name, value),
                "country" => {
                    if let Some(code) = self.text(at, name, value) {
                        conversion.country = country(&code);
                        if conversion.country.is_none() {
                            let hint = "write two letters such as \"US\" or \"DE\"".to_owned();
                            let message = "the country of the phone numbers is missing or not a known code";
                            self.problem(at, message, Some(hint));
                        }
                    }
                }
                "case" => {
                    let cases = [("lower", Case::Lower), ("upper", Case::Upper), ("title", Case::Title)];
                    conversion.case = self.choice(at, name, value, &cases);
                }
                "invisible" => {
                    let choices = [("remove", Invisible::Remove), ("refuse", Invisible::Refuse)];
                    conversion.invisible = self.choice(at, name, value, &choices).unwrap_or_default();
                }
                "trim" => conversion.keeps_spaces = !self.boolean(at, name, value),
                "default" => conversion.default = self.text(at, name, value),
                _ => self.unknown(at, "setting of a field", name, &FIELD_SETTINGS),
            }
        }
        if sources != 1 {
            let message = format!("`{field}` needs exactly one of `column`, `columns` and `constant`");
            self.problem(at, message, None);
            return None;
        }
        if let Some(dates) = &conversion.dates
            && dates.iter().any(DateFormat::has_short_year)
            && conversion.first_year.is_none()
        {
            let message = format!("`{field}` has years of two digits, and `first-year` is missing");
            let hint =
                "state the first year that they can mean, such as `first-year = 1930` for 1930 to 2029";
            self.problem(at, message, Some(hint.to_owned()));
        }
        if conversion.otherwise.is_some() && conversion.values.is_none() {
            self.problem(at, format!("`{field}` has `otherwise`, but no `values`"), None);
        }
        Some(FieldMapping { target, line: self.line(at), columns, conversion })
    }

    fn dates(&mut self, at: usize, field: &str, value: &Spanned<DeValue<'_>>) -> Option<Vec<DateFormat>> {
        let names = self.names(at, "dates", value);
        if names.is_empty() {
            let hint = "write the format, such as [\"dd/mm/yyyy\"] or [\"mm/dd/yyyy\"]".to_owned();
            self.problem(at, format!("the format of the dates of `{field}` is not decided"), Some(hint));
            return None;
        }
        let mut formats = Vec::new();
        for Named { name, .. } in names {
            if let Some(format) = DateFormat::parse(&name) {
                formats.push(format);
            } else {
                let message = format!("`{name}` is not a date format with a day, a month and a year");
                let hint = "use `yyyy`, `yy`, `mm`, `m`, `mmm`, `dd`, `d`, and `*` for the rest".to_owned();
                self.problem(at, message, Some(hint));
            }
        }
        Some(formats)
    }

    fn values(&mut self, at: usize, value: &Spanned<DeValue<'_>>) -> Option<HashMap<String, String>> {
        let Some(table) = value.get_ref().as_table() else {
            self.problem(at, "`values` must be a table such as { F = \"female\" }", None);
            return None;
        };
        let mut values = HashMap::new();
        for (name, span, value) in entries(table) {
            if let Some(text) = self.text(span.start, "values", value)
                && values.insert(name.to_lowercase(), text).is_some()
            {
                self.problem(
                    span.start,
                    "`values` has the same value twice; upper and lower case are equal",
                    None,
                );
            }
        }
        Some(values)
    }

    fn text(&mut self, at: usize, name: &str, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let text = value.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            self.problem(at, format!("`{name}` must be a text in quotes"), None);
        }
        text
    }

    fn boolean(&mut self, at: usize, name: &str, value: &Spanned<DeValue<'_>>) -> bool {
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.problem(at, format!("`{name}` must be true or false"), None);
            true
        })
    }

    /// Returns the names of a text or of a list of texts.
    fn names(&mut self, at: usize, name: &str, value: &Spanned<DeValue<'_>>) -> Vec<Named> {
        let items = match value.get_ref().as_array() {
            Some(items) => items.iter().collect(),
            None => vec![value],
        };
        let mut names = Vec::new();
        for item in items {
            let line = self.line(item.span().start);
            names.extend(self.text(at, name, item).map(|name| Named { name, line }));
        }
        names
    }

    fn choice<T: Copy>(
        &mut self,
        at: usize,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(at, name, value)?;
        let chosen = choices.iter().find(|(choice, _)| *choice == text).map(|(_, value)| *value);
        if chosen.is_none() {
            let known: Vec<String> = choices.iter().map(|(choice, _)| format!("{choice:?}")).collect();
            self.problem(at, format!("`{name}` must be one of {}", known.join(", ")), None);
        }
        chosen
    }

    /// Checks that all required fields have a source. The organization can also be set by an option.
    fn check_required(&mut self, at: usize) {
        let named = std::mem::take(&mut self.named);
        let has = |name| named.contains(&Column::Patient(name));
        for name in
            REQUIRED_PATIENT_FIELDS.into_iter().filter(|name| *name != "organization-id" && !has(name))
        {
            let hint = format!("add `{name} = {{ column = \"…\" }}` below `[fields]`");
            self.problem(at, format!("the required field `{name}` has no source"), Some(hint));
        }
        if !has("email") && !has("mobile-phone") {
            let message = "neither `email` nor `mobile-phone` has a source, and a row needs one of them";
            let hint =
                "add a column with addresses or phone numbers; without one, no patient can be onboarded";
            self.problem(at, message, Some(hint.to_owned()));
        }
    }
}
