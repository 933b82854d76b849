//! Proposes a mapping for a file, from the names and the values of its columns.

use std::collections::{BTreeMap, HashSet};
use std::fmt::{self, Write as _};
use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use encoding_rs::{DecoderResult, Encoding, UTF_8, WINDOWS_1252};
use futures_util::StreamExt as _;
use tokio::task::spawn_blocking;

use super::convert::{
    DateFormat, country, international_code, invisible_character, is_possible_phone, trim, unwanted_character,
};
use super::names::{Language, Meaning, gender, locale, meaning, stated_order};
use super::{Mapping, MappingError};
use crate::rows::columns::{Column, MAX_COLUMNS};
use crate::rows::fhir::{self, FhirPatient, NotOnboarded};
use crate::rows::ndjson::Lines;
use crate::rows::problem::{RowError, RowProblem};
use crate::rows::reader::{DELIMITERS, Rows, delimiter_line, read_interrupted};
use crate::rows::records::{Record, Records};
use crate::rows::row::Salt;
use crate::rows::settings::{RowFormat, RowOptions};
use crate::rows::source::{BoxedReader, SharedFile, check_signature, decode, detect_utf16, read_head};
use crate::rows::window::{ByteWindow, Next};
use crate::rows::workbook;

/// The number of rows in which the header is searched.
const HEADER_SEARCH: usize = 30;
/// The number of different values of a column that are kept, for codes.
const MAX_VALUES: usize = 20;
/// The number of values that are compared to find out whether a column is a key.
const MAX_KEYS: usize = 2_000_000;
/// The maximum length of a record.
const MAX_RECORD_BYTES: usize = 1024 * 1024;
/// The number of rows of the preview.
const PREVIEW_ROWS: usize = 5;

/// A proposed mapping for a file.
///
/// It contains values of the file, so it must not be written to a log. `Debug` shows none of them.
#[non_exhaustive]
pub struct MappingProposal {
    /// The mapping as TOML, with a comment beside each decision.
    pub text: String,
    /// The number of rows of the file.
    pub rows: u64,
    /// What a person must decide before the mapping can be used. Empty if the mapping is complete.
    pub undecided: Vec<String>,
    /// The first rows after conversion. Empty if the mapping is not complete.
    pub preview: Vec<PreviewRow>,
}

/// A row of a preview. `Debug` shows no values.
#[non_exhaustive]
pub struct PreviewRow {
    /// The line of the row.
    pub line: u64,
    /// The fields of the row with their values.
    pub values: Vec<(String, String)>,
    /// The problems of the row. It then has no values.
    pub problems: Vec<RowProblem>,
}

impl MappingProposal {
    /// Parses the mapping.
    ///
    /// # Errors
    /// What is undecided, or missing in the file.
    pub fn mapping(&self) -> Result<Mapping, MappingError> {
        Mapping::parse(&self.text)
    }
}

impl fmt::Debug for MappingProposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappingProposal").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl fmt::Debug for PreviewRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreviewRow").field("line", &self.line).finish_non_exhaustive()
    }
}

/// Proposes a mapping for a file: a CSV file, a sheet of a workbook, or FHIR resources as NDJSON. Reads the whole file.
/// If no sheet is given, the sheet with the most known columns is used.
///
/// What cannot be decided, such as the order of day and month, is left to be filled in. The mapping is refused until
/// then.
///
/// # Errors
/// - [`RowError::Invalid`]: no header line is recognized, or the file is NDJSON in the shape of the schema.
/// - [`RowError::Io`]: the file cannot be read.
/// - [`RowError::UnknownFormat`]: the file is neither text nor a workbook.
pub async fn propose(path: impl AsRef<Path>, sheet: Option<&str>) -> Result<MappingProposal, RowError> {
    let (path, sheet) = (path.as_ref().to_owned(), sheet.map(str::to_owned));
    let table_path = path.clone();
    let analyze = move || Analysis::read(&table_path, sheet.as_deref()).map(Analysis::proposal);
    let mut proposal = spawn_blocking(analyze).await.map_err(read_interrupted)??;
    match proposal.mapping() {
        Ok(mapping) => proposal.preview = preview(&path, mapping).await?,
        Err(error) => {
            for problem in error.problems() {
                proposal.undecided.push(format!("line {}: {}", problem.line(), problem.message()));
            }
        }
    }
    Ok(proposal)
}

/// Converts the first rows of a file with a mapping: at most 5.
///
/// # Errors
/// The same as for [`Rows::open`]. Problems of rows are in the preview.
pub async fn preview(path: impl AsRef<Path>, mapping: Mapping) -> Result<Vec<PreviewRow>, RowError> {
    // The organization is not shown. It only makes the rows complete.
    let organization = "00000000-0000-0000-0000-000000000000".parse().ok();
    let options = RowOptions::new().mapping(mapping).organization(organization);
    let mut rows = Rows::open(path, options, Salt::new([0; 32])).await?;
    let mut preview = Vec::new();
    while preview.len() < PREVIEW_ROWS
        && let Some(row) = rows.next().await
    {
        match row {
            Ok(row) => {
                let values = serde_json::to_value(row.request.attributes()).unwrap_or_default();
                let values = values.as_object().into_iter().flatten();
                let values =
                    values.filter(|(name, _)| *name != "organization-id").filter_map(|(name, value)| {
                        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                        (!value.is_null() && text != "[]").then(|| (name.clone(), text))
                    });
                preview.push(PreviewRow {
                    line: row.location.line,
                    values: values.collect(),
                    problems: Vec::new(),
                });
            }
            Err(RowError::Invalid(problems)) => preview.push(PreviewRow {
                line: problems.line(),
                values: Vec::new(),
                problems: problems.problems().to_vec(),
            }),
            Err(RowError::Skipped(..)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(preview)
}

/// What was found in a file.
struct Analysis {
    format: RowFormat,
    name: String,
    encoding: &'static Encoding,
    delimiter: u8,
    sheet: Option<String>,
    notes: Vec<String>,
    header_row: u64,
    /// Whether the file begins with a line such as `sep=;`.
    has_delimiter_line: bool,
    columns: Vec<ColumnStats>,
    rows: u64,
    /// The lines of rows with a single value: the first ones, and their number.
    single_values: (Vec<u64>, u64),
    skipped: BTreeMap<String, u64>,
}

/// What was found in a column.
struct ColumnStats {
    name: String,
    meaning: Option<(Meaning, Language)>,
    filled: u64,
    /// The number of values with invisible characters inside, and at the edges.
    invisible: u64,
    trimmed: u64,
    /// The different values, if there are few.
    values: Option<BTreeMap<String, u64>>,
    /// The number of values that each of [`DATE_FORMATS`] reads.
    dates: Vec<u64>,
    /// The number of dates that only one order of day and month reads: day first, and month first.
    day_first: u64,
    month_first: u64,
    /// The number of values with exactly one comma.
    commas: u64,
    /// The hashes of the values, to check whether they are unique.
    hashes: HashSet<u64>,
    has_duplicates: bool,
    phones: Phones,
}

#[derive(Default)]
struct Phones {
    international: BTreeMap<u16, u64>,
    national: u64,
    /// Whether any national number begins with 0, as they do in most countries but not in North America.
    has_leading_zero: bool,
    /// The number of values that are possible numbers in each of [`COUNTRIES`].
    possible: [u64; COUNTRIES.len()],
    filled: u64,
}

/// The formats of dates that are recognized, in the order of preference.
const DATE_FORMATS: [&str; 18] = [
    "yyyy-mm-dd",
    "dd.mm.yyyy",
    "d.m.yyyy",
    "dd/mm/yyyy",
    "mm/dd/yyyy",
    "d/m/yyyy",
    "m/d/yyyy",
    "dd-mm-yyyy",
    "mm-dd-yyyy",
    "d-m-yyyy",
    "m-d-yyyy",
    "yyyy/mm/dd",
    "yyyymmdd",
    "dd-mmm-yyyy",
    "d mmm yyyy",
    "d-mmm-yyyy",
    "yyyy-mm-dd*",
    "mm/dd/yyyy*",
];

/// The formats with years of two digits.
const SHORT_DATE_FORMATS: [&str; 4] = ["d.m.yy", "d/m/yy", "m/d/yy", "d-mmm-yy"];

/// The countries whose numbers are recognized.
const COUNTRIES: [&str; 12] = ["US", "DE", "FR", "IT", "NL", "ES", "PT", "GB", "AT", "CH", "BE", "BR"];

fn is_day_first(format: &str) -> bool {
    format.starts_with('d') && !format.contains("mmm") && !format.contains('.')
}

fn is_month_first(format: &str) -> bool {
    format.starts_with('m')
}

impl ColumnStats {
    fn new(name: &str) -> Self {
        let own = Column::parse(name).and_then(|column| match column {
            Column::Patient(own) => meaning(own),
            _ => None,
        });
        Self {
            name: trim(name).to_owned(),
            meaning: own.or_else(|| meaning(name)),
            filled: 0,
            invisible: 0,
            trimmed: 0,
            values: Some(BTreeMap::new()),
            dates: vec![0; DATE_FORMATS.len() + SHORT_DATE_FORMATS.len()],
            day_first: 0,
            month_first: 0,
            commas: 0,
            hashes: HashSet::new(),
            has_duplicates: false,
            phones: Phones::default(),
        }
    }

    fn add(&mut self, value: &str, formats: &[DateFormat], hasher: &RandomState) {
        let whole = value;
        let value = trim(value);
        if value.is_empty() {
            return;
        }
        self.filled += 1;
        self.trimmed += u64::from(unwanted_character(whole).is_some() && unwanted_character(value).is_none());
        self.invisible += u64::from(invisible_character(value).is_some());
        match self.meaning.map(|(meaning, _)| meaning) {
            Some(Meaning::BirthDate) => self.add_date(value, formats),
            Some(Meaning::Gender | Meaning::Language) => {
                if let Some(values) = &mut self.values {
                    *values.entry(value.to_owned()).or_insert(0) += 1;
                    if values.len() > MAX_VALUES {
                        self.values = None;
                    }
                }
            }
            Some(Meaning::FullName) => self.commas += u64::from(value.matches(',').count() == 1),
            Some(Meaning::Key) if self.hashes.len() < MAX_KEYS => {
                self.has_duplicates |= !self.hashes.insert(hasher.hash_one(value));
            }
            Some(Meaning::Mobile | Meaning::Phone) => self.phones.add(value),
            _ => {}
        }
    }

    fn add_date(&mut self, value: &str, formats: &[DateFormat]) {
        let (mut has_day_first, mut has_month_first) = (false, false);
        for (index, format) in formats.iter().enumerate() {
            if format.read(value, Some(1930)).is_some() {
                self.dates[index] += 1;
                let name = date_format(index);
                has_day_first |= is_day_first(name);
                has_month_first |= is_month_first(name);
            }
        }
        self.day_first += u64::from(has_day_first && !has_month_first);
        self.month_first += u64::from(has_month_first && !has_day_first);
    }
}

fn date_format(index: usize) -> &'static str {
    DATE_FORMATS.iter().chain(&SHORT_DATE_FORMATS).nth(index).copied().unwrap_or_default()
}

impl Phones {
    fn add(&mut self, value: &str) {
        if !value.contains(|letter: char| letter.is_numeric()) {
            return;
        }
        self.filled += 1;
        if let Some(code) = international_code(value) {
            *self.international.entry(code).or_insert(0) += 1;
        } else {
            self.national += 1;
            self.has_leading_zero |= value.trim_start_matches(['(', ' ']).starts_with('0');
        }
        // A sample decides. Checking every number in every country would take most of the time.
        if self.filled <= 1000 {
            for (possible, code) in self.possible.iter_mut().zip(COUNTRIES) {
                *possible +=
                    u64::from(country(code).is_some_and(|country| is_possible_phone(value, country)));
            }
        }
    }

    fn is_possible_in(&self, code: &str) -> bool {
        let possible = COUNTRIES.iter().zip(self.possible).find(|(known, _)| **known == code);
        possible.is_some_and(|(_, possible)| possible == self.filled.min(1000))
    }
}

/// A table whose records can be read.
struct Table {
    reader: BoxedReader,
    encoding: &'static Encoding,
    delimiter: u8,
    is_numbered: bool,
}

impl Table {
    /// Calls a function with the line and the cells of each record that is not blank, until it returns `false`.
    fn each(self, mut with: impl FnMut(u64, &[String]) -> bool) -> Result<(), RowError> {
        let mut window = ByteWindow::new(self.reader);
        delimiter_line(&mut window)?;
        let mut records = Records::new(window, self.delimiter, self.is_numbered, MAX_RECORD_BYTES);
        loop {
            match records.next()? {
                Next::Item(record) if record.is_blank() => {}
                Next::Item(record) => {
                    if !with(record.line, &cells(&record, self.encoding)) {
                        return Ok(());
                    }
                }
                Next::TooLong(line) => {
                    let problem = RowProblem::new(line, "the row is longer than 1 MiB");
                    return Err(RowError::invalid(
                        line,
                        problem.with_hint("check for a quote that is not closed"),
                    ));
                }
                Next::EndOfFile => return Ok(()),
            }
        }
    }
}

fn cells(record: &Record<'_>, encoding: &'static Encoding) -> Vec<String> {
    record.fields().map(|field| encoding.decode_without_bom_handling(field).0.into_owned()).collect()
}

/// The header of a table: its line, its names, and the number of known names.
#[derive(Default)]
struct FoundHeader {
    line: u64,
    names: Vec<String>,
    known: usize,
}

/// Returns the record with the most known names of columns among the first ones.
fn find_header(table: Table) -> Result<FoundHeader, RowError> {
    let mut best = FoundHeader::default();
    let mut searched = 0;
    let read = table.each(|line, cells| {
        let known = |name: &String| meaning(name).is_some() || Column::parse(name).is_some();
        let known = cells.iter().take(MAX_COLUMNS).filter(|name| known(name)).count();
        if known > best.known {
            best = FoundHeader { line, names: cells.to_vec(), known };
        }
        searched += 1;
        searched < HEADER_SEARCH
    });
    // A row after the header that is too long is reported when all rows are read.
    if best.known == 0 {
        read?;
    }
    Ok(best)
}

fn no_header() -> RowError {
    let problem = RowProblem::new(1, "no header line with known names of columns was found");
    RowError::invalid(1, problem.with_hint("write the mapping by hand; the guide shows how"))
}

impl Analysis {
    fn read(path: &Path, sheet: Option<&str>) -> Result<Self, RowError> {
        let mut file = open(path)?;
        let head = read_head(&mut file)?;
        if head.is_empty() {
            return Err(RowError::invalid(1, RowProblem::new(1, "the file is empty")));
        }
        file.seek(SeekFrom::Start(0))?;
        let format = RowFormat::recognize(&head, Some(path)).ok_or(RowError::UnknownFormat)?;
        if format != RowFormat::Workbook {
            check_signature(&head)?;
        }
        let mut analysis = Self {
            format,
            name: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            encoding: UTF_8,
            delimiter: b',',
            sheet: None,
            notes: Vec::new(),
            header_row: 1,
            has_delimiter_line: false,
            columns: Vec::new(),
            rows: 0,
            single_values: (Vec::new(), 0),
            skipped: BTreeMap::new(),
        };
        match format {
            RowFormat::Csv => analysis.read_csv(path, &head)?,
            RowFormat::Workbook => analysis.read_workbook(path, sheet)?,
            RowFormat::Fhir => analysis.read_fhir(file)?,
            RowFormat::Ndjson => {
                let problem = RowProblem::new(1, "the file is NDJSON, which needs no mapping");
                return Err(RowError::invalid(1, problem.with_hint("write the members of the schema")));
            }
        }
        Ok(analysis)
    }

    fn read_csv(&mut self, path: &Path, head: &[u8]) -> Result<(), RowError> {
        let mut file: BoxedReader = Box::new(open(path)?);
        let extracted = if let Some(encoding) = detect_utf16(head) {
            self.encoding = encoding;
            Some(SharedFile::new(decode(&mut file, encoding)?))
        } else {
            self.encoding = if is_utf8(&mut file)? { UTF_8 } else { WINDOWS_1252 };
            None
        };
        let encoding = if extracted.is_some() { UTF_8 } else { self.encoding };
        let reader = || -> Result<BoxedReader, RowError> {
            Ok(match &extracted {
                Some(file) => Box::new(file.at(0)),
                None => Box::new(open(path)?),
            })
        };
        let table = |delimiter| {
            Ok::<_, RowError>(Table { reader: reader()?, encoding, delimiter, is_numbered: false })
        };
        let stated = delimiter_line(&mut ByteWindow::new(reader()?))?;
        self.has_delimiter_line = stated.is_some();
        let mut header = FoundHeader::default();
        for delimiter in
            DELIMITERS.into_iter().filter(|delimiter| stated.is_none_or(|stated| stated == *delimiter))
        {
            let found = find_header(table(delimiter)?);
            // With a wrong delimiter, a record may be too long.
            if let Ok(found) = found
                && found.known > header.known
            {
                (header, self.delimiter) = (found, delimiter);
            }
        }
        self.read_rows(table(self.delimiter)?, &header)
    }

    fn read_workbook(&mut self, path: &Path, sheet: Option<&str>) -> Result<(), RowError> {
        let names = match sheet {
            Some(sheet) => vec![sheet.to_owned()],
            None => workbook::sheet_names(open(path)?)?,
        };
        let mut best: Option<(FoundHeader, SharedFile)> = None;
        for name in names.into_iter().take(50) {
            let (extracted, name) = workbook::extract(open(path)?, Some(&name))?;
            let file = SharedFile::new(extracted.file);
            let header = find_header(numbered(&file))?;
            if best.as_ref().is_none_or(|(other, _)| header.known > other.known) {
                (self.sheet, self.notes) = (Some(name), extracted.notes);
                best = Some((header, file));
            }
        }
        let (header, file) = best.ok_or_else(no_header)?;
        self.read_rows(numbered(&file), &header)
    }

    fn read_rows(&mut self, table: Table, header: &FoundHeader) -> Result<(), RowError> {
        if header.known == 0 {
            return Err(no_header());
        }
        if header.names.len() > MAX_COLUMNS {
            let message = format!("the header line has more than {MAX_COLUMNS} columns");
            return Err(RowError::invalid(header.line, RowProblem::new(header.line, message)));
        }
        self.header_row = header.line;
        self.columns = header.names.iter().map(|name| ColumnStats::new(name)).collect();
        let (formats, hasher) = (date_formats(), RandomState::new());
        table.each(|line, cells| {
            if line <= header.line {
                return true;
            }
            if cells.iter().filter(|cell| !trim(cell).is_empty()).count() == 1 && header.names.len() > 1 {
                self.single_values.1 += 1;
                if self.single_values.0.len() < 5 {
                    self.single_values.0.push(line);
                }
                return true;
            }
            self.rows += 1;
            for (column, cell) in self.columns.iter_mut().zip(cells) {
                column.add(cell, &formats, &hasher);
            }
            true
        })
    }

    fn read_fhir(&mut self, file: File) -> Result<(), RowError> {
        self.columns = fhir::COLUMNS.iter().map(|name| ColumnStats::new(name)).collect();
        let (formats, hasher) = (date_formats(), RandomState::new());
        let mut lines = Lines::new(ByteWindow::new(Box::new(file) as BoxedReader), MAX_RECORD_BYTES);
        loop {
            match lines.next()? {
                Next::Item(line) if line.is_blank() => {}
                Next::Item(line) => {
                    let patient = line.text().map(|text| FhirPatient::parse(text, 0));
                    match patient {
                        Some(Ok(patient)) => {
                            self.rows += 1;
                            for (column, value) in self.columns.iter_mut().zip(patient.values()) {
                                column.add(value, &formats, &hasher);
                            }
                        }
                        Some(Err(NotOnboarded::Skipped(reason))) => {
                            *self.skipped.entry(reason.to_string()).or_insert(0) += 1;
                        }
                        _ => self.rows += 1,
                    }
                }
                Next::TooLong(_) => self.rows += 1,
                Next::EndOfFile => return Ok(()),
            }
        }
    }
}

fn numbered(file: &SharedFile) -> Table {
    Table { reader: Box::new(file.at(0)), encoding: UTF_8, delimiter: b',', is_numbered: true }
}

fn open(path: &Path) -> Result<File, RowError> {
    let path: PathBuf = path.to_owned();
    Ok(carium::wait_for_descriptor(|| File::open(&path))?)
}

fn date_formats() -> Vec<DateFormat> {
    DATE_FORMATS.iter().chain(&SHORT_DATE_FORMATS).filter_map(|format| DateFormat::parse(format)).collect()
}

/// Checks whether a whole file is UTF-8.
fn is_utf8(reader: &mut BoxedReader) -> Result<bool, RowError> {
    let mut decoder = UTF_8.new_decoder_without_bom_handling();
    let (mut block, mut text) = (vec![0; 32 * 1024], vec![0; 64 * 1024]);
    loop {
        let length = reader.read(&mut block)?;
        let mut rest = &block[..length];
        loop {
            let (result, read, _) = decoder.decode_to_utf8_without_replacement(rest, &mut text, length == 0);
            rest = &rest[read..];
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => return Ok(false),
            }
        }
        if length == 0 {
            return Ok(true);
        }
    }
}

impl Analysis {
    /// Writes the mapping.
    fn proposal(self) -> MappingProposal {
        let mut writer = ProposalWriter { text: String::new(), used: Vec::new(), analysis: &self };
        writer.write_fields();
        let (fields, used) = (writer.text, writer.used);
        let text = self.file_table(&used) + &fields;
        MappingProposal { text, rows: self.all_rows(), undecided: Vec::new(), preview: Vec::new() }
    }

    /// Returns the number of rows, including those that are skipped.
    fn all_rows(&self) -> u64 {
        self.rows + self.skipped.values().sum::<u64>()
    }

    fn file_table(&self, used: &[usize]) -> String {
        let mut text = format!(
            "# Mapping of {}, proposed by `carium onboard map`. Check each line.\n",
            comment(&self.name)
        );
        let _ = writeln!(text, "# {} rows.", self.all_rows());
        for note in &self.notes {
            let _ = writeln!(text, "# Note: {note}.");
        }
        for (reason, count) in &self.skipped {
            let _ = writeln!(text, "# {count} of them are skipped: {reason}.");
        }
        text.push_str("\n[file]\n");
        match self.format {
            RowFormat::Csv => {
                let delimiter = if self.delimiter == b'\t' {
                    "\\t".to_owned()
                } else {
                    char::from(self.delimiter).to_string()
                };
                let _ = writeln!(text, "format = \"csv\"\ndelimiter = \"{delimiter}\"");
                let comment = if self.encoding == WINDOWS_1252 {
                    "  # the file is not UTF-8; check letters such as é"
                } else {
                    ""
                };
                let _ = writeln!(text, "encoding = \"{}\"{comment}", self.encoding.name().to_lowercase());
            }
            RowFormat::Workbook => text.push_str("format = \"workbook\"\n"),
            _ => text.push_str("format = \"fhir\"\n"),
        }
        if let Some(sheet) = &self.sheet {
            let _ = writeln!(text, "sheet = {}", quoted(sheet));
        }
        if self.header_row > 1 + u64::from(self.has_delimiter_line) {
            let _ = writeln!(text, "header-row = {}  # the lines above it are not read", self.header_row);
        }
        if self.single_values.1 > 0 {
            let lines: Vec<String> = self.single_values.0.iter().map(u64::to_string).collect();
            let _ = writeln!(
                text,
                "skip-single-values = true  # rows with a single value: {}, on line {}",
                self.single_values.1,
                lines.join(", ")
            );
        }
        let mut is_key_written = false;
        for column in &self.columns {
            let is_key = matches!(column.meaning, Some((Meaning::Key, _)));
            if !is_key || column.name.is_empty() {
                continue;
            }
            let is_usable = column.filled == self.rows && !column.has_duplicates && self.rows > 0;
            // The ID of a FHIR resource belongs to a server. The identifier is what people know.
            let is_resource_id = self.format == RowFormat::Fhir && column.name == "id";
            if is_usable && !is_key_written && !is_resource_id {
                let _ = writeln!(
                    text,
                    "key = {}  # filled and unique in {} rows",
                    quoted(&column.name),
                    self.rows
                );
                is_key_written = true;
            } else if !is_usable {
                let _ = writeln!(
                    text,
                    "# {} looks like a key, but is empty or equal in some rows",
                    comment(&quoted(&column.name))
                );
            }
        }
        let key = text.lines().find_map(|line| line.strip_prefix("key = ")).map(str::to_owned);
        let ignored = self.columns.iter().enumerate().filter(|(index, column)| {
            let name = quoted(&column.name);
            !used.contains(index)
                && !column.name.is_empty()
                && key.as_ref().is_none_or(|key| !key.starts_with(&format!("{name}  #")))
        });
        let ignored: Vec<String> = ignored.map(|(_, column)| quoted(&column.name)).collect();
        if !ignored.is_empty() {
            let _ = writeln!(text, "ignore = [{}]", ignored.join(", "));
        }
        text.push_str("\n[fields]\n");
        text
    }
}

/// Writes the `[fields]` table.
struct ProposalWriter<'a> {
    text: String,
    /// The columns that are the source of a field.
    used: Vec<usize>,
    analysis: &'a Analysis,
}

impl<'a> ProposalWriter<'a> {
    fn write_fields(&mut self) {
        let single = |meaning| self.find(meaning);
        let (first, last, full) =
            (single(Meaning::FirstName), single(Meaning::LastName), single(Meaning::FullName));
        match (first, last, full) {
            (Some(first), Some(last), _) => {
                self.plain("first-name", first, "");
                self.plain("last-name", last, "");
            }
            // In several languages, a column that is called "name" beside one for the first name is the last name.
            (Some(first), None, Some(name)) => {
                self.plain("first-name", first, "");
                self.plain("last-name", name, "");
            }
            (_, _, Some(full)) => self.full_name(full),
            (first, last, None) => {
                self.optional("first-name", first);
                self.optional("last-name", last);
            }
        }
        match self.find(Meaning::BirthDate) {
            Some(index) => self.birth_date(index),
            None => self.missing("birth-date"),
        }
        match self.find(Meaning::Gender) {
            Some(index) => self.gender(index),
            None => self.missing("gender"),
        }
        let phone = self.find(Meaning::Mobile).or_else(|| self.find(Meaning::Phone));
        match self.find(Meaning::Email) {
            Some(index) => self.plain("email", index, ""),
            None if phone.is_none() => {
                self.text.push_str(
                    "# No column of email addresses or phone numbers was found. A row needs one of them.\n",
                );
            }
            None => {}
        }
        if let Some(index) = phone {
            self.phone(index);
        }
        if let Some(index) = self.find(Meaning::Language) {
            self.language(index);
        }
        self.own_fields();
    }

    /// Returns the first column with a meaning, if any row has a value in it, or else the first one.
    fn find(&self, meaning: Meaning) -> Option<usize> {
        let columns = || {
            let named = self.analysis.columns.iter().enumerate();
            named.filter(move |(_, column)| column.meaning.is_some_and(|(other, _)| other == meaning))
        };
        columns().find(|(_, column)| column.filled > 0).or_else(|| columns().next()).map(|(index, _)| index)
    }

    fn column(&self, index: usize) -> &'a ColumnStats {
        &self.analysis.columns[index]
    }

    /// Writes a field with its column, further settings, and a comment.
    fn field(&mut self, field: &str, index: usize, settings: &str, note: &str) {
        let (column, rows) = (self.column(index), self.analysis.rows);
        let invisible = if column.invisible > 0 { ", invisible = \"remove\"" } else { "" };
        let _ = write!(self.text, "{field} = {{ column = {}{settings}{invisible} }}", quoted(&column.name));
        let _ = write!(self.text, "  # {} of {rows} rows", column.filled);
        if column.invisible > 0 {
            let _ = write!(self.text, "; values with invisible characters inside: {}", column.invisible);
        }
        if column.trimmed > 0 {
            let _ =
                write!(self.text, "; invisible characters at the edges are removed from {}", column.trimmed);
        }
        let separator = if note.is_empty() { "" } else { "; " };
        let _ = writeln!(self.text, "{separator}{}", comment(note));
        self.used.push(index);
    }

    fn plain(&mut self, field: &str, index: usize, note: &str) {
        self.field(field, index, "", note);
    }

    fn optional(&mut self, field: &str, index: Option<usize>) {
        match index {
            Some(index) => self.plain(field, index, ""),
            None => self.missing(field),
        }
    }

    fn missing(&mut self, field: &str) {
        let _ = writeln!(self.text, "# FILL IN: no column was recognized for the required field `{field}`.");
    }

    fn full_name(&mut self, index: usize) {
        let column = self.column(index);
        if column.commas == column.filled && column.filled > 0 {
            self.field("last-name", index, ", part = \"before-comma\"", "written as `Last, First`");
            self.field("first-name", index, ", part = \"after-comma\"", "written as `Last, First`");
            return;
        }
        let note =
            "FILL IN: before-comma, after-comma, first-word, other-words, last-word or all-but-last-word";
        self.field("last-name", index, ", part = \"\"", note);
        self.field("first-name", index, ", part = \"\"", note);
    }

    fn birth_date(&mut self, index: usize) {
        let column = self.column(index);
        let undecided =
            |writer: &mut Self, note: &str| writer.field("birth-date", index, ", dates = []", note);
        let stated = stated_order(&column.name);
        let is_short = |at: usize| at >= DATE_FORMATS.len();
        let day_first = match (column.day_first, column.month_first, stated) {
            (0, 0, stated) => stated,
            (_, 0, _) => Some(true),
            (0, _, _) => Some(false),
            _ => {
                let note = "FILL IN: some dates have the day first and some the month, so the file contradicts itself";
                return undecided(self, note);
            }
        };
        let is_allowed = |at: usize| {
            let format = date_format(at);
            day_first.is_none_or(
                |day_first| if day_first { !is_month_first(format) } else { !is_day_first(format) },
            )
        };
        let best = (0..column.dates.len()).filter(|at| is_allowed(*at) && column.dates[*at] > 0);
        let Some(best) = best.min_by_key(|at| (std::cmp::Reverse(column.dates[*at]), *at)) else {
            return undecided(self, "FILL IN: no known format of dates was recognized");
        };
        let format = date_format(best);
        if day_first.is_none() && (is_day_first(format) || is_month_first(format)) {
            let note = "FILL IN [\"dd/mm/yyyy\"] or [\"mm/dd/yyyy\"]: no day is above 12, so day and month look the same";
            return undecided(self, note);
        }
        if is_short(best) {
            let note = format!(
                "FILL IN: years of two digits need `dates = [\"{format}\"], first-year = 1930` or another year"
            );
            return undecided(self, &note);
        }
        let mut note = format!("{} rows have this format", column.dates[best]);
        match (column.day_first, column.month_first) {
            (0, 0) if stated.is_some() => note.push_str(", and the header states the order"),
            (0, 0) => {}
            (0, count) | (count, _) => note.push_str(&format!(", and {count} have a day above 12")),
        }
        self.field("birth-date", index, &format!(", dates = [{}]", quoted(format)), &note);
    }

    fn gender(&mut self, index: usize) {
        let column = self.column(index);
        let Some(values) = &column.values else {
            self.field(
                "gender",
                index,
                ", values = \"\"",
                "FILL IN: the column has more than 20 different values",
            );
            return;
        };
        let has = |code: &str| values.keys().any(|value| value.eq_ignore_ascii_case(code));
        // In Spanish, H and M are `hombre` and `mujer`.
        let is_ambiguous =
            |value: &str| value.eq_ignore_ascii_case("m") && has("h") && !has("f") && !has("w");
        self.codes("gender", index, values, |value| gender(value).filter(|_| !is_ambiguous(value)), false);
    }

    fn language(&mut self, index: usize) {
        let column = self.column(index);
        match &column.values {
            Some(values) if column.filled > 0 => self.codes("locale", index, values, locale, true),
            _ => {}
        }
    }

    /// Writes a field whose values are codes.
    fn codes(
        &mut self,
        field: &str,
        index: usize,
        values: &BTreeMap<String, u64>,
        meaning: impl Fn(&str) -> Option<&'static str>,
        omits_others: bool,
    ) {
        let mut pairs: BTreeMap<String, &'static str> = BTreeMap::new();
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for (value, count) in values {
            let code = meaning(value);
            if code.is_some() || !omits_others {
                pairs.insert(value.to_lowercase(), code.unwrap_or_default());
            }
            let counts = if code.is_some() { &mut known } else { &mut unknown };
            counts.push(format!("{value} ×{count}"));
        }
        let pairs: Vec<String> =
            pairs.iter().map(|(value, code)| format!("{} = \"{code}\"", quoted(value))).collect();
        let mut settings = format!(", values = {{ {} }}", pairs.join(", "));
        let mut note = known.join(", ");
        if !unknown.is_empty() {
            note.push_str(if known.is_empty() { "" } else { "; " });
            note.push_str(if omits_others { "omitted: " } else { "FILL IN the meaning of " });
            note.push_str(&unknown.join(", "));
        }
        if omits_others {
            settings.push_str(", otherwise = \"\"");
        }
        self.field(field, index, &settings, &note);
    }

    fn phone(&mut self, index: usize) {
        let phones = &self.column(index).phones;
        let (code, note) = self.phone_country(phones);
        self.field("mobile-phone", index, &format!(", country = \"{code}\""), &note);
    }

    /// Decides the country of national phone numbers.
    fn phone_country(&self, phones: &Phones) -> (&'static str, String) {
        let total = phones.filled.min(1000);
        let possible = |code: &str| phones.is_possible_in(code);
        let calling_codes = [
            (1, "US"),
            (49, "DE"),
            (33, "FR"),
            (39, "IT"),
            (31, "NL"),
            (34, "ES"),
            (351, "PT"),
            (44, "GB"),
            (43, "AT"),
            (41, "CH"),
            (32, "BE"),
            (55, "BR"),
        ];
        let codes: Vec<u16> = phones.international.keys().copied().collect();
        if let [only] = codes.as_slice()
            && let Some((_, code)) = calling_codes.iter().find(|(number, _)| number == only)
            && possible(code)
        {
            return (code, format!("numbers that begin with +{only}: {}", phones.international[only]));
        }
        let by_language = match self.language_of_header() {
            Language::English if !phones.has_leading_zero => Some("US"),
            Language::German => Some("DE"),
            Language::French => Some("FR"),
            Language::Italian => Some("IT"),
            Language::Dutch => Some("NL"),
            // These languages are those of many countries.
            Language::English | Language::Spanish | Language::Portuguese => None,
        };
        match by_language {
            Some(code) if phones.filled > 0 && possible(code) => {
                let note = format!(
                    "{total} of {total} numbers are possible there, and the header is in its language; check it"
                );
                (code, note)
            }
            _ if phones.national == 0 && phones.filled > 0 => {
                ("US", "all numbers begin with +, so it is not used".to_owned())
            }
            _ => ("", "FILL IN the country of the numbers, such as \"US\"".to_owned()),
        }
    }

    /// Returns the language of most names of the header, if at least two are not English.
    fn language_of_header(&self) -> Language {
        use Language::{Dutch, French, German, Italian, Portuguese, Spanish};
        let languages =
            || self.analysis.columns.iter().filter_map(|column| column.meaning.map(|(_, language)| language));
        let counts = [German, French, Spanish, Italian, Dutch, Portuguese]
            .map(|language| (languages().filter(|other| *other == language).count(), language));
        match counts.into_iter().max_by_key(|(count, _)| *count) {
            Some((count, language)) if count >= 2 => language,
            _ => Language::English,
        }
    }

    /// Writes the fields that the file has under our own names, and that no other rule covers.
    fn own_fields(&mut self) {
        for index in 0..self.analysis.columns.len() {
            let name = self.column(index).name.clone();
            let is_own = Column::parse(&name).is_some() && !self.used.contains(&index);
            if is_own && self.column(index).meaning.is_none() {
                self.plain(&name, index, "a field of the row");
            }
        }
    }
}

/// Writes a text as a TOML string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// Makes a text safe for a comment.
fn comment(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
