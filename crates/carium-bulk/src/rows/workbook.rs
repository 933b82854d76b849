//! Workbooks (XLSX, XLS and ODS): extracts one sheet as CSV.
//!
//! Each line of the extracted file begins with the number of its row in the sheet.

mod ods;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write};

use calamine::{Data, DataRef, ExcelDateTime, Ods, Reader as _, SheetVisible, Sheets, Xls, Xlsx};

use self::ods::CellCounter;
use super::problem::{RowError, RowProblem};

/// The maximum size of the parts of a workbook after decompression: 1 GiB. It limits a zip bomb.
const MAX_UNCOMPRESSED_BYTES: u64 = 1024 * 1024 * 1024;
/// The maximum size of a workbook in the XLS format, which is not compressed but read as a whole: 256 MiB.
const MAX_XLS_BYTES: u64 = 256 * 1024 * 1024;
/// The maximum number of cells between the first and the last one with a value in an ODS file, which is read as a whole.
const MAX_ODS_CELLS: u64 = 16_000_000;
/// The maximum number of parts of a workbook.
const MAX_PARTS: usize = 10_000;
/// The maximum number of columns that are read.
const MAX_COLUMNS: usize = 2000;

/// A sheet as CSV.
pub(super) struct ExtractedSheet {
    pub(super) file: File,
    pub(super) notes: Vec<String>,
}

/// Extracts a sheet as CSV: the named one, or the first visible one. Also returns its name.
pub(super) fn extract(mut file: File, sheet: Option<&str>) -> Result<(ExtractedSheet, String), RowError> {
    let (kind, mut notes) = check_size(&mut file)?;
    let mut book = open(file, kind)?;
    let name = if let Some(sheet) = sheet {
        let names = book.sheet_names();
        names.into_iter().find(|name| name == sheet).ok_or_else(|| {
            invalid(
                "the workbook has no sheet with the name in the mapping",
                "correct `sheet` in the mapping",
            )
        })?
    } else {
        let visible = book.sheets_metadata().iter().find(|sheet| sheet.visible == SheetVisible::Visible);
        visible
            .map(|sheet| sheet.name.clone())
            .ok_or_else(|| invalid("the workbook has no visible sheet", "state the `sheet` in a mapping"))?
    };
    let hidden = book.sheets_metadata().iter().filter(|sheet| sheet.visible != SheetVisible::Visible).count();
    if hidden > 0 {
        notes.push(format!("the workbook has hidden sheets: {hidden}"));
    }
    let mut output = BufWriter::new(tempfile::tempfile()?);
    write_sheet(&mut book, &name, &mut output)?;
    let mut file = output.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    Ok((ExtractedSheet { file, notes }, name))
}

/// Returns the names of the sheets in their order.
pub(super) fn sheet_names(mut file: File) -> Result<Vec<String>, RowError> {
    let (kind, _) = check_size(&mut file)?;
    Ok(open(file, kind)?.sheet_names())
}

type Workbook = Sheets<BufReader<File>>;

/// The format of a workbook.
#[derive(Clone, Copy)]
enum Kind {
    Xls,
    Xlsx,
    Ods,
}

fn open(mut file: File, kind: Kind) -> Result<Workbook, RowError> {
    file.seek(SeekFrom::Start(0))?;
    // The error is not used, because it may contain values of the file.
    let file = BufReader::new(file);
    match kind {
        Kind::Xls => Xls::new(file).map(Sheets::Xls).map_err(|_| damaged()),
        Kind::Xlsx => Xlsx::new(file).map(Sheets::Xlsx).map_err(|_| damaged()),

        Kind::Ods => Ods::new(file).map(Sheets::Ods).map_err(|_| damaged()),
    }
}

fn damaged() -> RowError {
    invalid(
        "the workbook cannot be read: it is damaged, protected by a password, or not a workbook",
        "open it in a spreadsheet program and save it again, or export the table as CSV",
    )
}

fn invalid(message: &'static str, hint: &'static str) -> RowError {
    RowError::invalid(1, RowProblem::new(1, message).with_hint(hint))
}

/// Decompresses all parts once without keeping them, because the declared sizes may be wrong. Reports hidden and
/// merged cells.
fn check_size(file: &mut File) -> Result<(Kind, Vec<String>), RowError> {
    let too_large = || {
        invalid(
            "the workbook is larger than 1 GiB after decompression, or 256 MiB in the XLS format",
            "export the table as CSV",
        )
    };
    file.seek(SeekFrom::Start(0))?;
    let mut signature = [0; 4];
    let length = file.read(&mut signature)?;
    if signature[..length] != *b"PK\x03\x04" {
        return if file.metadata()?.len() > MAX_XLS_BYTES {
            Err(too_large())
        } else {
            Ok((Kind::Xls, Vec::new()))
        };
    }
    file.seek(SeekFrom::Start(0))?;
    let mut archive = zip::ZipArchive::new(BufReader::new(&mut *file)).map_err(|_| damaged())?;
    if archive.len() > MAX_PARTS {
        return Err(too_large());
    }
    let mut total: u64 = 0;
    for index in 0..archive.len() {
        let part = archive.by_index_raw(index).map_err(|_| damaged())?;
        total = total.saturating_add(part.size());
    }
    if total > MAX_UNCOMPRESSED_BYTES {
        return Err(too_large());
    }
    let mut kind = Kind::Xlsx;
    let mut cells = CellCounter::default();
    let (mut read, mut hidden, mut merged) = (0, 0, 0);
    let mut block = vec![0; 64 * 1024];
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).map_err(|_| damaged())?;
        let name = part.name().map_err(|_| damaged())?.into_owned();
        match name.as_str() {
            "xl/workbook.bin" => {
                return Err(invalid("the workbook has the binary format XLSB", "save it as XLSX"));
            }
            "content.xml" => kind = Kind::Ods,
            _ => {}
        }
        let is_sheet = name.starts_with("xl/worksheets/");
        let is_content = name == "content.xml";
        let mut kept = 0;
        loop {
            let length = part.read(&mut block[kept..]).map_err(|_| damaged())?;
            if length == 0 {
                break;
            }
            read += length as u64;
            if read > MAX_UNCOMPRESSED_BYTES {
                return Err(too_large());
            }
            if is_content {
                cells.feed(&block[..length]);
                if cells.cells() > MAX_ODS_CELLS {
                    return Err(invalid(
                        "the workbook has more than 16,000,000 cells",
                        "export the table as CSV",
                    ));
                }
            }
            if is_sheet {
                let end = kept + length;
                hidden += occurrences(&block[..end], kept, b" hidden=\"1\"");
                merged += occurrences(&block[..end], kept, b"<mergeCell ");
                // The end is kept, because a word may continue in the next block.
                kept = end.min(16);
                block.copy_within(end - kept..end, 0);
            }
        }
    }
    let mut notes = Vec::new();
    if hidden > 0 {
        notes.push(format!(
            "the workbook has hidden columns or rows ({hidden} entries), which are read as well"
        ));
    }
    if merged > 0 {
        notes.push(format!(
            "the workbook has merged cells ({merged} ranges), of which only the first has a value"
        ));
    }
    Ok((kind, notes))
}

/// Counts the occurrences of a word that end after `from`.
fn occurrences(block: &[u8], from: usize, word: &[u8]) -> u64 {
    let ends_later = |at: &usize| at + word.len() > from;
    let matches = |at: &usize| block[*at..].starts_with(word);
    (0..block.len().saturating_sub(word.len() - 1)).filter(|at| ends_later(at) && matches(at)).count() as u64
}

/// Writes the rows of a sheet.
fn write_sheet(book: &mut Workbook, name: &str, output: &mut impl Write) -> Result<(), RowError> {
    let mut writer = RowWriter { output, row: Vec::new(), number: None };
    // The cells of an XLSX file are read as a stream. A range would take memory for all cells between the first and
    // the last one, even if they are empty.
    if let Sheets::Xlsx(book) = book {
        let mut cells = book.worksheet_cells_reader(name).map_err(|_| damaged())?;
        while let Some(cell) = cells.next_cell().map_err(|_| damaged())? {
            let (row, column) = cell.get_position();
            writer.cell(row, column, text_of_ref(cell.get_value()))?;
        }
    } else {
        let range = book.worksheet_range(name).map_err(|_| damaged())?;
        let (first_row, first_column) = range.start().unwrap_or_default();
        for (row, column, value) in range.used_cells() {
            let row = first_row.saturating_add(u32::try_from(row).unwrap_or(u32::MAX));
            let column = first_column.saturating_add(u32::try_from(column).unwrap_or(u32::MAX));
            writer.cell(row, column, text_of(value))?;
        }
    }
    writer.finish_row()
}

/// Collects the cells of a row and writes them as one record.
struct RowWriter<'a, W> {
    output: &'a mut W,
    row: Vec<String>,
    /// The number of the current row, counted from 0.
    number: Option<u32>,
}

impl<W: Write> RowWriter<'_, W> {
    fn cell(&mut self, row: u32, column: u32, text: String) -> Result<(), RowError> {
        if text.is_empty() {
            return Ok(());
        }
        if self.number.is_some_and(|number| number > row) {
            return Err(damaged());
        }
        if self.number != Some(row) {
            self.finish_row()?;
            self.number = Some(row);
        }
        let column = column as usize;
        if column >= MAX_COLUMNS {
            return Err(invalid(
                "the sheet has more than 2,000 columns",
                "remove the columns that are not needed",
            ));
        }
        if self.row.len() <= column {
            self.row.resize(column + 1, String::new());
        }
        self.row[column] = text;
        Ok(())
    }

    fn finish_row(&mut self) -> Result<(), RowError> {
        let Some(number) = self.number else { return Ok(()) };
        write!(self.output, "{}", u64::from(number) + 1)?;
        for text in self.row.drain(..) {
            if text.contains([',', '"', '\r', '\n']) {
                write!(self.output, ",\"{}\"", text.replace('"', "\"\""))?;
            } else {
                write!(self.output, ",{text}")?;
            }
        }
        self.output.write_all(b"\n")?;
        Ok(())
    }
}

fn text_of_ref(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => text_of_number(*number),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTime(time) => text_of_time(*time),
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => String::new(),
    }
}

fn text_of(value: &Data) -> String {
    match value {
        Data::Int(number) => number.to_string(),
        Data::Float(number) => text_of_number(*number),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Bool(value) => value.to_string(),
        Data::DateTime(time) => text_of_time(*time),
        Data::Error(error) => error.to_string(),
        Data::Empty => String::new(),
    }
}

/// Formats a number as the cell shows it: without `.0`, so that a phone number stays a phone number.
fn text_of_number(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 { format!("{number:.0}") } else { number.to_string() }
}

/// Formats a date as `1980-07-04`, and a date with a time as `1980-07-04T09:30:00`.
fn text_of_time(time: ExcelDateTime) -> String {
    if !time.is_datetime() {
        return text_of_number(time.as_f64());
    }
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    if (hour, minute, second) == (0, 0, 0) {
        date
    } else {
        format!("{date}T{hour:02}:{minute:02}:{second:02}")
    }
}
