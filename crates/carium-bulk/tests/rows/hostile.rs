//! Hostile files: any bytes as any format give an error or rows, without a panic and without unbounded memory.

use std::io::{Cursor, Write as _};
use std::path::Path;

use carium_bulk::rows::{Mapping, RowFormat, RowOptions, Rows, propose, validate};
use futures_util::StreamExt as _;
use proptest::prelude::*;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::{ORGANIZATION, block_on, salt};
use crate::xlsx::write_xlsx;

const MAPPING: &str = "[fields]\nfirst-name = { column = \"a\", invisible = \"remove\" }\n\
    last-name = { column = \"b\", part = \"last-word\" }\nbirth-date = { column = \"c\", dates = [\"d/m/yyyy\"] }\n\
    gender = { column = \"d\", values = { F = \"female\" }, otherwise = \"unknown\" }\n\
    mobile-phone = { column = \"e\", country = \"DE\" }\n";

fn options(file: &str) -> RowOptions {
    let mapping = Mapping::parse(&format!("{file}\n{MAPPING}")).unwrap();
    RowOptions::new().mapping(mapping).organization(ORGANIZATION.parse().ok())
}

/// Reads bytes in every format and encoding, and returns how many items all of them gave.
fn read_everywhere(bytes: &[u8]) -> usize {
    let settings = [
        "[file]\nformat = \"csv\"\ndelimiter = \";\"\nencoding = \"windows-1252\"",
        "[file]\nformat = \"csv\"\nencoding = \"utf-16le\"\nskip-single-values = true",
        "[file]\nformat = \"csv\"\nencoding = \"shift_jis\"",
        "[file]\nformat = \"workbook\"\nsheet = \"Patients\"",
        "[file]\nformat = \"fhir\"",
        "",
    ];
    let mut items = 0;
    block_on(async {
        for setting in settings {
            let options = options(setting).max_row_bytes(4096);
            if let Ok(rows) =
                Rows::from_reader(Cursor::new(bytes.to_vec()), RowFormat::Csv, options, salt()).await
            {
                items += rows.count().await;
            }
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        if let Ok(proposal) = propose(file.path(), None).await {
            items += 1;
            // The proposal is either complete or says what is missing, but is always TOML.
            let error = proposal.mapping().err().map(|error| error.to_string()).unwrap_or_default();
            assert!(!error.contains("is not valid TOML"), "{}", proposal.text);
        }
        let _ = validate(file.path(), RowOptions::new(), 10).await;
    });
    items
}

proptest! {
    // Each case reads the bytes a dozen times. `PROPTEST_CASES` still applies.
    #![proptest_config(match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(64),
    })]

    #[test]
    fn random_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        read_everywhere(&bytes);
    }

    #[test]
    fn changed_mappings_do_not_panic(
        text in any::<String>(),
        edits in prop::collection::vec(
            (any::<prop::sample::Index>(), 0_usize..20, prop_oneof![
                "[a-z-]{0,6} ?= ?[{\\[]?[0-9\"a-z-]{0,8}[\\]}]?\n?",
                "[\\[\\]{}=\"'\n,.#0-9-]{0,6}",
                Just("\u{feff}\0é".to_owned()),
            ]),
            0..5,
        ),
    ) {
        let mut mapping = format!("[file]\ndelimiter = \";\"\nkey = \"f\"\nignore = [\"g\"]\n{MAPPING}");
        for (index, length, replacement) in &edits {
            let starts: Vec<_> = mapping.char_indices().map(|(start, _)| start).chain([mapping.len()]).collect();
            let start = index.index(starts.len());
            let end = starts[(start + length).min(starts.len() - 1)];
            mapping.replace_range(starts[start]..end, replacement);
        }
        for text in [&text, &mapping] {
            match Mapping::parse(text) {
                // A file that the mapping may fit.
                Ok(mapping) => {
                    let file = "a;b;c;d;e;f;g\nAda;Lovelace;1/2/1980;F;0151 23456789;7;x\n".as_bytes();
                    let options = RowOptions::new().mapping(mapping);
                    block_on(async {
                        let file = Cursor::new(file.to_vec());
                        if let Ok(rows) = Rows::from_reader(file, RowFormat::Csv, options, salt()).await {
                            assert!(rows.count().await <= 2);
                        }
                    });
                }
                Err(error) => prop_assert!(!error.to_string().is_empty() && !error.problems().is_empty()),
            }
        }
    }

    #[test]
    fn random_tables_do_not_panic(
        header in prop::sample::select(vec!["a,b,c,d,e", "a;b;c;d;e", "sep=;\na;b;c;d;e", "first,last,dob,sex,phone"]),
        body in "([a-zÀ-ž0-9 +\"\u{200b}\u{1a}\\\\\0./-]{0,8}[,;\n|\t]){0,60}",
    ) {
        read_everywhere(format!("{header}\n{body}").as_bytes());
    }

    #[test]
    fn damaged_workbooks_do_not_panic(at in 0_usize..4000, byte in any::<u8>(), cut in 0_usize..4000) {
        let mut bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/files/register.xlsx")).unwrap();
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(length - cut % 100);
        read_everywhere(&bytes);
    }

    #[test]
    fn random_resources_do_not_panic(
        key in prop::sample::select(vec!["name", "telecom", "birthDate", "link", "active", "communication", "identifier"]),
        value in prop::sample::select(vec!["[]", "[{}]", "null", "1", "\"x\"", "{\"a\": [[[[]]]]}", "[{\"period\": {\"end\": \"é\"}}]", "[{\"period\": {\"end\": \"2019-0é\"}}]"]),
    ) {
        read_everywhere(format!("{{\"resourceType\": \"Patient\", \"{key}\": {value}}}\n").as_bytes());
    }
}

#[test]
fn refuses_a_zip_bomb() {
    let mut bytes = Vec::new();
    let mut archive = ZipWriter::new(Cursor::new(&mut bytes));
    let options = SimpleFileOptions::default().large_file(true);
    archive.start_file("[Content_Types].xml", options).unwrap();
    archive.start_file("xl/worksheets/sheet1.xml", options).unwrap();
    let block = vec![b' '; 1024 * 1024];
    for _ in 0..1100 {
        archive.write_all(&block).unwrap();
    }
    archive.finish().unwrap();
    assert!(bytes.len() < 4 << 20, "{}", bytes.len());
    let open = Rows::from_reader(Cursor::new(bytes), RowFormat::Workbook, RowOptions::new(), salt());
    let error = block_on(open).unwrap_err().to_string();
    assert!(error.contains("larger than 1 GiB after decompression"), "{error}");
}

#[test]
fn sparse_sheet_takes_no_memory_for_its_empty_cells() {
    let mut bytes = Vec::new();
    let rows = [vec!["first-name".to_owned()]].into_iter().chain((0..5).map(|_| vec![String::new()]));
    write_xlsx(Cursor::new(&mut bytes), "Patients", rows).unwrap();
    // The last cell is at the end of the sheet, as if 17 billion cells were between.
    let mut source = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut hostile = Vec::new();
    let mut archive = ZipWriter::new(Cursor::new(&mut hostile));
    for index in 0..source.len() {
        let mut part = source.by_index(index).unwrap();
        let name = part.name().unwrap().into_owned();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut part, &mut text).unwrap();
        let far = "<row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row></sheetData>";
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text.replace("</sheetData>", far).as_bytes()).unwrap();
    }
    archive.finish().unwrap();
    let open = Rows::from_reader(Cursor::new(hostile), RowFormat::Workbook, RowOptions::new(), salt());
    let error = block_on(open).unwrap_err().to_string();
    assert!(error.contains("more than 2,000 columns"), "{error}");
}

#[test]
fn refuses_a_million_columns() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("first,last,dob{}\n", ",x".repeat(500_000))).unwrap();
    let error = block_on(propose(file.path(), None)).unwrap_err().to_string();
    assert!(error.contains("more than 1000 columns"), "{error}");
}

#[test]
fn unclosed_quote_does_not_take_the_whole_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = format!("a;b;c;d;e\nAda;\"Quill;{}", "x;1\n".repeat(2_000_000));
    std::fs::write(file.path(), text.replacen("a;b;c;d;e", "first;last;dob;sex;email", 1)).unwrap();
    let error = block_on(propose(file.path(), None)).unwrap_err().to_string();
    assert!(
        error.contains("line 2: the row is longer than 1 MiB: check for a quote that is not closed"),
        "{error}"
    );
    std::fs::write(file.path(), text).unwrap();
    block_on(async {
        let report = validate(file.path(), options("[file]\ndelimiter = \";\""), 10).await.unwrap();
        assert!(
            report.problems[0].to_string().contains("longer than 1048576 bytes"),
            "{:?}",
            report.problems
        );
    });
}

/// Returns an ODS file with one table.
fn ods(rows: &str) -> Vec<u8> {
    let namespaces = ["office", "table", "text"]
        .map(|name| format!("xmlns:{name}=\"urn:oasis:names:tc:opendocument:xmlns:{name}:1.0\""));
    let content = format!(
        "<office:document-content {}><office:body><office:spreadsheet><table:table table:name=\"Patients\">{rows}\
         </table:table></office:spreadsheet></office:body></office:document-content>",
        namespaces.join(" ")
    );
    let mut bytes = Vec::new();
    let mut archive = ZipWriter::new(Cursor::new(&mut bytes));
    let options = SimpleFileOptions::default();
    archive.start_file("mimetype", options.compression_method(zip::CompressionMethod::Stored)).unwrap();
    archive.write_all(b"application/vnd.oasis.opendocument.spreadsheet").unwrap();
    archive.start_file("META-INF/manifest.xml", options).unwrap();
    archive
        .write_all(
            b"<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"/>",
        )
        .unwrap();
    archive.start_file("content.xml", options).unwrap();
    archive.write_all(content.as_bytes()).unwrap();
    archive.finish().unwrap();
    bytes
}

#[test]
fn reads_an_ods_file_and_refuses_one_with_too_many_repeated_cells() {
    let cell = |text: &str| {
        format!("<table:table-cell office:value-type=\"string\"><text:p>{text}</text:p></table:table-cell>")
    };
    let row = |cells: [&str; 5]| format!("<table:table-row>{}</table:table-row>", cells.map(cell).concat());
    let date = "<table:table-cell office:value-type=\"date\" office:date-value=\"1984-02-29\"/>";
    let values = row(["Ada", "Quill", "<date>", "F", "030 5550001"]).replace(&cell("<date>"), date);
    let end = "<table:table-row table:number-rows-repeated=\"1048573\"><table:table-cell \
               table:number-columns-repeated=\"16384\"/></table:table-row>";
    let table = row(["a", "b", "c", "d", "e"]) + &values + end;
    let options = options("[file]\nformat = \"workbook\"");
    let options = {
        let mapping = MAPPING.replace("d/m/yyyy", "yyyy-mm-dd");
        options.mapping(Mapping::parse(&mapping).unwrap())
    };
    let count = |bytes: Vec<u8>| {
        block_on(async {
            let rows =
                Rows::from_reader(Cursor::new(bytes), RowFormat::Workbook, options.clone(), salt()).await?;
            let report = rows.validate(10).await?;
            Ok::<_, carium_bulk::rows::RowError>((report.rows, report.invalid_rows, report.problems))
        })
    };
    assert_eq!(count(ods(&table)).unwrap(), (1, 0, vec![]));
    let repeated = "<table:table-row table:number-rows-repeated=\"100000\"><table:table-cell \
                    table:number-columns-repeated=\"1000\" office:value-type=\"string\"><text:p>x</text:p>\
                    </table:table-cell></table:table-row>";
    let error = count(ods(repeated)).unwrap_err().to_string();
    assert!(error.contains("more than 16,000,000 cells"), "{error}");
}

#[test]
fn names_of_columns_do_not_control_the_terminal() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "first,last,dob,sex,email,no\u{1b}[31mte\nAda,Quill,1984-02-29,F,a@example.com,two\u{7}\n";
    std::fs::write(file.path(), text).unwrap();
    block_on(async {
        let proposal = propose(file.path(), None).await.unwrap();
        assert!(!proposal.text.contains('\u{1b}'), "{}", proposal.text);
        let mapping = proposal.text.lines().filter(|line| !line.starts_with("ignore"));
        let mapping = Mapping::parse(&mapping.collect::<Vec<_>>().join("\n")).unwrap();
        let options = RowOptions::new().mapping(mapping).organization(ORGANIZATION.parse().ok());
        let report = validate(file.path(), options, 10).await.unwrap();
        let problem = report.problems[0].to_string();
        assert!(problem.contains("`no\u{fffd}[31mte`: is neither used nor ignored"), "{problem}");
    });
}

#[test]
fn longer_texts_keep_their_line_breaks() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "first,last,dob,sex,email,document-1-class,document-1-name,document-1-path,document-1-description\n\
                Ada,Quill,1984-02-29,F,a@example.com,Letters,Letter,a.pdf,\"two\nlines\"\n";
    std::fs::write(file.path(), text).unwrap();
    block_on(async {
        let mapping = propose(file.path(), None).await.unwrap().mapping().unwrap();
        let options = RowOptions::new().mapping(mapping).organization(ORGANIZATION.parse().ok());
        let mut rows = Rows::open(file.path(), options, salt()).await.unwrap();
        let row = rows.next().await.unwrap().unwrap();
        let row = serde_json::to_value(row.request.attributes()).unwrap();
        assert_eq!(row["documents"][0]["description"], "two\nlines");
    });
}
