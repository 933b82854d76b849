//! Writes minimal workbooks, with text in the cells and dates in one column.

use std::io::{Seek, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Writes a workbook with one sheet. Cells that begin with `#` are dates, as their serial number.
pub(crate) fn write_xlsx(
    output: impl Write + Seek,
    sheet: &str,
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<(), zip::result::ZipError> {
    let mut archive = ZipWriter::new(output);
    let options = SimpleFileOptions::default();
    let parts = [
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"xml\" \
             ContentType=\"application/xml\"/><Default Extension=\"rels\" \
             ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/></Types>"
                .to_owned(),
        ),
        (
            "_rels/.rels",
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship \
             Id=\"r1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" \
             Target=\"xl/workbook.xml\"/></Relationships>"
                .to_owned(),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
                 xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets><sheet \
                 name=\"{sheet}\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship \
             Id=\"r1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" \
             Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"r2\" \
             Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles\" \
             Target=\"styles.xml\"/></Relationships>"
                .to_owned(),
        ),
        (
            "xl/styles.xml",
            "<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><cellXfs><xf \
             numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>"
                .to_owned(),
        ),
    ];
    for (name, text) in parts {
        archive.start_file(name, options)?;
        archive.write_all(text.as_bytes())?;
    }
    archive.start_file("xl/worksheets/sheet1.xml", options)?;
    archive.write_all(
        b"<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>",
    )?;
    for (number, row) in rows.enumerate() {
        write!(archive, "<row r=\"{}\">", number + 1)?;
        for cell in row {
            if let Some(date) = cell.strip_prefix('#') {
                write!(archive, "<c s=\"1\"><v>{date}</v></c>")?;
            } else {
                let cell = cell.replace('&', "&amp;").replace('<', "&lt;");
                write!(archive, "<c t=\"inlineStr\"><is><t>{cell}</t></is></c>")?;
            }
        }
        archive.write_all(b"</row>")?;
    }
    archive.write_all(b"</sheetData></worksheet>")?;
    archive.finish()?;
    Ok(())
}
