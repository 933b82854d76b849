//! Reads the rows of a file, in either format: one at a time, as a stream, or a single one at its location.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::vec;

use futures_util::Stream;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::columns::{Column, Columns};
use super::fhir::FhirPatient;
use super::mapping::{MappedColumns, Mapping, trim};
use super::ndjson::{self, Line, Lines};
use super::problem::{RowError, RowProblem, RowProblems};
use super::records::{Record, Records};
use super::row::{Row, RowIdentity, RowLocation, Salt};
use super::settings::{FileSettings, Header, RowFormat, RowOptions};
use super::source::{BoxedReader, Source};
use super::window::{ByteWindow, Next};
use super::{csv, fhir};

/// A stream of the rows of a file, in order. Each item is a valid row or the problems of an invalid one.
///
/// The file is read and validated on tokio's blocking threads, in batches, one batch ahead of the consumer. No thread
/// waits for the consumer, and memory use does not depend on the length of the file.
pub struct Rows {
    header: Header,
    batch: vec::IntoIter<Result<Row, RowError>>,
    next_batch: Option<JoinHandle<Batch>>,
}

struct Batch {
    /// `None` at the end of the file.
    reader: Option<RowReader>,
    rows: Vec<Result<Row, RowError>>,
}

/// The maximum number of rows in a batch.
const BATCH_ROWS: usize = 256;
/// The approximate size of a batch in bytes. It limits the memory of a batch, because a single row may have a
/// megabyte.
const BATCH_BYTES: u64 = 1024 * 1024;

impl Rows {
    /// Opens a file, and reads its header line if it is a CSV file.
    ///
    /// # Errors
    /// - [`RowError::Invalid`]: the file is not a text file, or columns of a CSV file are unknown, missing or
    ///   duplicated. All problems of the header line are reported together.
    /// - [`RowError::Io`]: the file cannot be opened or read.
    /// - [`RowError::UnknownFormat`]: the format is neither set nor recognized.
    pub async fn open(path: impl AsRef<Path>, options: RowOptions, salt: Salt) -> Result<Self, RowError> {
        RowReader::open_file(path.as_ref(), options, salt).await.map(Self::start)
    }

    /// Reads rows from a reader, such as standard input. The reader may block.
    ///
    /// # Errors
    /// The same as for [`open`](Self::open).
    pub async fn from_reader(
        reader: impl Read + Send + 'static,
        format: RowFormat,
        options: RowOptions,
        salt: Salt,
    ) -> Result<Self, RowError> {
        let open = move || {
            let source = Source::from_reader(Box::new(reader), format, &options)?;
            RowReader::open(source, options, salt)
        };
        Ok(Self::start(spawn_blocking(open).await.map_err(read_interrupted)??))
    }

    fn start(reader: RowReader) -> Self {
        Self {
            header: reader.header.clone(),
            batch: Vec::new().into_iter(),
            next_batch: Some(spawn_blocking(|| Batch::read(reader))),
        }
    }

    /// Returns the header of the file, with which its rows can be read again.
    pub fn header(&self) -> &Header {
        &self.header
    }
}

impl Batch {
    fn read(mut reader: RowReader) -> Self {
        let mut rows = Vec::with_capacity(BATCH_ROWS);
        let mut bytes = 0;
        while rows.len() < BATCH_ROWS && bytes < BATCH_BYTES {
            let Some(row) = reader.next() else { return Self { reader: None, rows } };
            bytes += match &row {
                Ok(row) => row.location.length,
                Err(RowError::Invalid(problems)) => problems.location().map_or(0, |location| location.length),
                Err(_) => 0,
            };
            rows.push(row);
        }
        Self { reader: Some(reader), rows }
    }
}

impl Stream for Rows {
    type Item = Result<Row, RowError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(row) = self.batch.next() {
                return Poll::Ready(Some(row));
            }
            let Some(next_batch) = &mut self.next_batch else { return Poll::Ready(None) };
            let batch = ready!(Pin::new(next_batch).poll(context));
            self.next_batch = None;
            match batch {
                Ok(Batch { reader, rows }) => {
                    self.next_batch = reader.map(|reader| spawn_blocking(|| Batch::read(reader)));
                    self.batch = rows.into_iter();
                }
                Err(error) => return Poll::Ready(Some(Err(read_interrupted(error)))),
            }
        }
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("header", &self.header).finish_non_exhaustive()
    }
}

impl Header {
    /// Reads the header of a file without reading its rows.
    ///
    /// # Errors
    /// The same as for [`Rows::open`].
    pub async fn read(path: impl AsRef<Path>, options: RowOptions, salt: Salt) -> Result<Self, RowError> {
        RowReader::open_file(path.as_ref(), options, salt).await.map(|reader| reader.header)
    }

    /// Returns what was found in the file that may surprise its user, such as hidden columns of a workbook. Contains no
    /// values of the file.
    pub fn notes(&self) -> &[String] {
        &self.0.notes
    }

    /// Returns the bytes at a location of the file, or of the copy from which its rows are read.
    fn bytes(&self, path: &Path, location: RowLocation) -> io::Result<Vec<u8>> {
        let mut reader: BoxedReader = if let Some(extracted) = &self.0.extracted {
            Box::new(extracted.at(location.offset))
        } else {
            let mut file = carium::wait_for_descriptor(|| File::open(path))?;
            file.seek(SeekFrom::Start(location.offset))?;
            Box::new(file)
        };
        let mut bytes = vec![0; usize::try_from(location.length).map_err(|_| io::ErrorKind::InvalidInput)?];
        reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Returns the text at a location of the file. The rows of a workbook are CSV.
    pub(crate) fn text(&self, path: &Path, location: RowLocation) -> io::Result<String> {
        let bytes = self.bytes(path, location)?;
        let text = self.0.encoding.decode_without_bom_handling_and_without_replacement(&bytes);
        let text = text.ok_or(io::ErrorKind::InvalidData)?;
        Ok(match text.split_once(',') {
            // The row begins with its number in the sheet.
            Some((_, row)) if self.0.format == RowFormat::Workbook => row.to_owned(),
            _ => text.into_owned(),
        })
    }

    /// Checks whether rows are identified by a column or a field of the file.
    pub(crate) fn has_key(&self) -> bool {
        self.0.key().is_some()
    }

    /// Reads the key of the row at a location, as it is in the file. Returns `None` if there is none.
    pub(crate) fn key_text(&self, path: &Path, location: RowLocation) -> io::Result<Option<String>> {
        if usize::try_from(location.length).is_ok_and(|length| length > self.0.max_row_bytes()) {
            return Ok(None);
        }
        let mut reader = RowReader::at(location, self.bytes(path, location)?, self.clone());
        Ok(match &mut reader.input {
            Input::Csv(records) => {
                let index = self.0.columns.key.or_else(|| self.0.mapped.key());
                let Next::Item(record) = records.next()? else { return Ok(None) };
                let field = index.and_then(|index| record.field(index));
                let text = field.and_then(|field| csv::decode(self.0.encoding, field));
                text.map(|text| trim(&text).to_owned())
            }
            Input::Ndjson(lines) => {
                let Next::Item(line) = lines.next()? else { return Ok(None) };
                let text = line.text().unwrap_or_default();
                if self.0.format == RowFormat::Fhir {
                    let patient = FhirPatient::parse(text, location.line).ok();
                    let value = self.0.mapped.key().and_then(|index| patient?.values().get(index).cloned());
                    value.map(|value| trim(&value).to_owned())
                } else {
                    let row: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
                    match self.0.key().and_then(|key| row.get(key)) {
                        Some(serde_json::Value::String(text)) => Some(text.clone()),
                        Some(serde_json::Value::Number(number)) => Some(number.to_string()),
                        _ => None,
                    }
                }
            }
        })
    }

    /// Returns whether a key as it is in the file has this hash.
    pub(crate) fn is_key(&self, text: &str, hash: &str) -> bool {
        let salt = &self.0.salt;
        [RowIdentity::of_key(salt, text), RowIdentity::of_username(salt, text)]
            .iter()
            .any(|identity| identity.to_string() == hash)
    }

    /// Checks whether the file is read with a mapping.
    pub(crate) fn is_mapped(&self) -> bool {
        self.0.mapping().is_some()
    }

    /// Reads the row at a location, as [`read_row`] does, on the caller's thread.
    pub(crate) fn row(&self, path: &Path, location: RowLocation) -> Result<Row, RowError> {
        let problem = RowProblem::new(location.line, "there is no longer a row at this location");
        let no_row = RowError::Invalid(RowProblems::new(location.line, Some(location), vec![problem]));
        let length = usize::try_from(location.length).ok();
        if length.is_none_or(|length| length > self.0.max_row_bytes()) {
            return Err(no_row);
        }
        let bytes = self.bytes(path, location)?;
        let mut reader = RowReader::at(location, bytes, self.clone());
        match (reader.next(), reader.next()) {
            (Some(Ok(row)), None) if row.location == location => Ok(row),
            (Some(Err(error)), _) => Err(error),
            _ => Err(no_row),
        }
    }

    /// Checks whether the offsets of rows are those of the file itself.
    pub(crate) fn has_offsets_of_file(&self) -> bool {
        self.0.extracted.is_none()
    }
}

/// Reads the row at a location, and nothing else of the file. Compare its key and digest with the stored ones to
/// check that it is still the same row.
///
/// # Errors
/// - [`RowError::Invalid`]: there is no valid row at the location, so the file has changed.
/// - [`RowError::Io`]: the file cannot be read, or ends before the end of the row.
pub async fn read_row(
    path: impl AsRef<Path>,
    header: &Header,
    location: RowLocation,
) -> Result<Row, RowError> {
    let (path, header) = (path.as_ref().to_owned(), header.clone());
    spawn_blocking(move || header.row(&path, location)).await.map_err(read_interrupted)?
}

/// Reads one row at a time, on the caller's thread.
struct RowReader {
    header: Header,
    input: Input,
    has_ended: bool,
}

/// The parser for the format of the file.
enum Input {
    Csv(Box<Records<BoxedReader>>),
    Ndjson(Lines<BoxedReader>),
}

impl Input {
    fn new(window: ByteWindow<BoxedReader>, settings: &FileSettings) -> Self {
        let max_row_bytes = settings.max_row_bytes();
        match settings.format {
            RowFormat::Csv | RowFormat::Workbook => {
                let is_numbered = settings.format == RowFormat::Workbook;
                Self::Csv(Box::new(Records::new(window, settings.delimiter, is_numbered, max_row_bytes)))
            }
            RowFormat::Ndjson | RowFormat::Fhir => Self::Ndjson(Lines::new(window, max_row_bytes)),
        }
    }
}

impl RowReader {
    /// Opens a file on a blocking thread.
    async fn open_file(path: &Path, options: RowOptions, salt: Salt) -> Result<Self, RowError> {
        let path = path.to_owned();
        let open = move || Self::open(Source::open(&path, &options)?, options, salt);
        spawn_blocking(open).await.map_err(read_interrupted)?
    }

    /// Reads the header line if the source is a table.
    fn open(source: Source, options: RowOptions, salt: Salt) -> Result<Self, RowError> {
        let mut window = ByteWindow::new(source.reader);
        let stated = options.mapping.as_ref().and_then(|mapping| mapping.file().delimiter);
        let delimiter = if source.format == RowFormat::Csv {
            match (delimiter_line(&mut window)?, stated) {
                (_, Some(delimiter)) | (Some(delimiter), None) => delimiter,
                (None, None) => detect_delimiter(&mut window, options.mapping.as_ref())?,
            }
        } else {
            skip_byte_order_mark(&mut window)?;
            b','
        };
        let mut settings = FileSettings {
            format: source.format,
            columns: Columns::default(),
            mapped: MappedColumns::default(),
            delimiter,
            encoding: source.encoding,
            extracted: source.extracted,
            sheet: source.sheet,
            notes: source.notes,
            header_line: None,
            options,
            salt,
        };
        let mut input = Input::new(window, &settings);
        match (&mut input, settings.format) {
            (Input::Csv(records), _) => {
                let location = csv::read_columns(records, &mut settings)?;
                settings.header_line = Some(location);
            }
            (Input::Ndjson(_), format) => check_lines(&mut settings, format)?,
        }
        Ok(Self { header: Header(Arc::new(settings)), input, has_ended: false })
    }

    /// Creates a reader of the bytes at a location.
    fn at(location: RowLocation, bytes: Vec<u8>, header: Header) -> Self {
        let mut window = ByteWindow::new(Box::new(io::Cursor::new(bytes)) as BoxedReader);
        window.set_position(location.line, location.offset);
        Self { input: Input::new(window, &header.0), header, has_ended: false }
    }

    /// Returns the next row. An I/O error ends the file.
    fn next(&mut self) -> Option<Result<Row, RowError>> {
        while !self.has_ended {
            let row = self.read_one();
            self.has_ended |= matches!(row, Err(RowError::Io(_)));
            if let Some(row) = row.transpose() {
                return Some(row);
            }
        }
        None
    }

    /// Reads one record or line. Returns `None` if it is blank, or at the end of the file.
    fn read_one(&mut self) -> Result<Option<Row>, RowError> {
        let settings = &*self.header.0;
        let parse_record = |record: &Record<'_>| match settings.mapping() {
            Some(mapping) => csv::parse_mapped(settings, mapping, record),
            None => csv::parse(settings, record).map_err(RowError::Invalid),
        };
        let parse_line = |line: &Line<'_>| match settings.mapping() {
            Some(mapping) => ndjson::parse_fhir(settings, mapping, line),
            None => ndjson::parse(settings, line).map_err(RowError::Invalid),
        };
        let next = match &mut self.input {
            Input::Csv(records) => {
                records.next()?.map(|record| (!record.is_blank()).then(|| parse_record(&record)).transpose())
            }
            Input::Ndjson(lines) => {
                lines.next()?.map(|line| (!line.is_blank()).then(|| parse_line(&line)).transpose())
            }
        };
        match next {
            Next::Item(row) => row,
            Next::TooLong(line) => {
                let message = format!("the row is longer than {} bytes", settings.max_row_bytes());
                let hint = match settings.format {
                    RowFormat::Csv | RowFormat::Workbook => {
                        "check for a quote that is not closed; the rest of the file was not read"
                    }
                    RowFormat::Ndjson | RowFormat::Fhir => "write each row on its own line",
                };
                // In a CSV file, an unclosed quote may be the cause, so the beginning of the next row is not known.
                self.has_ended = matches!(self.input, Input::Csv(_));
                Err(RowError::invalid(line, RowProblem::new(line, message).with_hint(hint)))
            }
            Next::EndOfFile => {
                self.has_ended = true;
                Ok(None)
            }
        }
    }
}

/// The number of bytes of the header line in which the delimiter is searched.
const MAX_DELIMITER_SEARCH: usize = 64 * 1024;

/// Skips the byte order mark of UTF-8.
fn skip_byte_order_mark(window: &mut ByteWindow<BoxedReader>) -> Result<(), RowError> {
    while window.bytes().len() < 3 && window.read_more()? {}
    if window.bytes().starts_with(b"\xef\xbb\xbf") {
        window.skip(3);
    }
    Ok(())
}

/// Skips the byte order mark, and a line such as `sep=;`, with which Excel names the delimiter. Returns the delimiter.
pub(super) fn delimiter_line(window: &mut ByteWindow<BoxedReader>) -> Result<Option<u8>, RowError> {
    skip_byte_order_mark(window)?;
    while window.bytes().len() < 7 && window.read_more()? {}
    let bytes = window.bytes();
    let (name, rest) = bytes.split_at(bytes.len().min(4));
    let (delimiter, length) = match rest {
        [delimiter, b'\r', b'\n', ..] => (*delimiter, 7),
        [delimiter, b'\n' | b'\r', ..] => (*delimiter, 6),
        _ => return Ok(None),
    };
    if !name.eq_ignore_ascii_case(b"sep=") || !DELIMITERS.contains(&delimiter) {
        return Ok(None);
    }
    window.consume(length);
    Ok(Some(delimiter))
}

/// The delimiters that are recognized.
pub(super) const DELIMITERS: [u8; 4] = *b",;\t|";

/// Returns the delimiter with which the header line has the most known columns. If none has more than the comma has,
/// it is the comma.
fn detect_delimiter(window: &mut ByteWindow<BoxedReader>, mapping: Option<&Mapping>) -> Result<u8, RowError> {
    // The header is on a later line of some mapped files. There, the mapping states the delimiter.
    let is_first = mapping.is_none_or(|mapping| mapping.file().header_row == 1);
    let end = loop {
        let bytes = &window.bytes()[..window.bytes().len().min(MAX_DELIMITER_SEARCH)];
        let start = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let end = bytes[start..].iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        match end {
            Some(end) => break start + end,
            None if bytes.len() == MAX_DELIMITER_SEARCH || !window.read_more()? => {
                break window.bytes().len().min(MAX_DELIMITER_SEARCH);
            }
            None => {}
        }
    };
    if !is_first {
        return Ok(b',');
    }
    let line = String::from_utf8_lossy(&window.bytes()[..end]);
    let is_known = |name: &str| {
        let name = name.trim().trim_matches('"').trim();
        match mapping {
            None => Column::parse(name).is_some(),
            Some(mapping) => {
                mapping.fields().iter().flat_map(|field| &field.columns).any(|column| column.name == name)
            }
        }
    };
    let count = |delimiter: u8| line.split(char::from(delimiter)).filter(|name| is_known(name)).count();
    let best = DELIMITERS.into_iter().rev().max_by_key(|delimiter| count(*delimiter));
    Ok(best.unwrap_or(b','))
}

/// Checks that the options fit a format that has one JSON object per line.
fn check_lines(settings: &mut FileSettings, format: RowFormat) -> Result<(), RowError> {
    let refuse =
        |message: &'static str, hint| Err(RowError::invalid(1, RowProblem::new(1, message).with_hint(hint)));
    match (format, &settings.options.mapping) {
        (RowFormat::Fhir, None) => refuse(
            "the file contains FHIR resources, which need a mapping",
            "write one with `carium onboard map`, and pass it with `--mapping`",
        ),
        (RowFormat::Fhir, Some(mapping)) => {
            let names = fhir::COLUMNS.map(str::to_owned).to_vec();
            let key = settings.key().map(str::to_owned);
            let has_organization = settings.options.organization.is_some();
            let columns = MappedColumns::resolve(mapping, names, 1, key.as_deref(), has_organization);
            let invalid = |problems| RowError::Invalid(RowProblems::new(1, None, problems));
            settings.mapped = columns.map_err(invalid)?;
            Ok(())
        }
        (_, Some(_)) => refuse(
            "the file is NDJSON, which a mapping cannot be applied to",
            "omit `--mapping`, and write the members of the schema",
        ),
        (_, None) => Ok(()),
    }
}

/// Converts the error of a blocking task that did not finish: the runtime shut down, or the caller's reader panicked.
pub(super) fn read_interrupted(_: JoinError) -> RowError {
    RowError::Io(io::Error::other("reading was interrupted"))
}
