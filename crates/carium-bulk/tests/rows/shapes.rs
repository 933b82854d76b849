//! More shapes of files: for each, the settings that the proposal must contain, and the rows that must be valid with it.

use carium_bulk::rows::{RowOptions, Rows, propose, read_row, validate};
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};
use futures_util::StreamExt as _;

use crate::support::{ORGANIZATION, block_on, salt};

/// A file, and what its proposal and its rows must be.
struct Shape {
    name: &'static str,
    bytes: Vec<u8>,
    /// Parts of the proposed mapping.
    proposes: &'static [&'static str],
    /// What a person changes in the mapping.
    edits: &'static [(&'static str, &'static str)],
    /// The numbers of rows and of valid rows, after the changes.
    rows: (u64, u64),
}

fn shape(
    name: &'static str,
    text: impl Into<Vec<u8>>,
    proposes: &'static [&'static str],
    rows: (u64, u64),
) -> Shape {
    Shape { name, bytes: text.into(), proposes, edits: &[], rows }
}

fn edited(mut shape: Shape, edits: &'static [(&'static str, &'static str)]) -> Shape {
    shape.edits = edits;
    shape
}

fn utf16(text: &str, encoding: &'static Encoding, mark: bool) -> Vec<u8> {
    let units = std::iter::once('\u{feff}').filter(|_| mark).chain(text.chars());
    let units: Vec<u16> = units.collect::<String>().encode_utf16().collect();
    let bytes = units
        .into_iter()
        .map(|unit| if encoding == UTF_16LE { unit.to_le_bytes() } else { unit.to_be_bytes() });
    bytes.flatten().collect()
}

const PLAIN: &str = "First,Last,DOB,Sex,Email\nAda,Quill,1984-02-29,F,ada@example.com\nBen,Okoro,1971-11-05,M,ben@example.com\n";

#[allow(clippy::too_many_lines, reason = "a table")]
fn shapes() -> Vec<Shape> {
    vec![
        shape("plain.csv", PLAIN, &["delimiter = \",\"", "encoding = \"utf-8\""], (2, 2)),
        shape("bom.csv", format!("\u{feff}{PLAIN}"), &["encoding = \"utf-8\""], (2, 2)),
        shape("crlf.csv", PLAIN.replace('\n', "\r\n"), &[], (2, 2)),
        shape("cr.csv", PLAIN.replace('\n', "\r"), &[], (2, 2)),
        shape("pipes.txt", PLAIN.replace(',', "|"), &["delimiter = \"|\""], (2, 2)),
        shape("tabs.tsv", PLAIN.replace(',', "\t"), &["delimiter = \"\\t\""], (2, 2)),
        shape("no-last-line-end.csv", PLAIN.trim_end(), &[], (2, 2)),
        shape("nul-at-the-end.csv", format!("{PLAIN}\0\0\0\u{1a}"), &[], (2, 2)),
        shape("utf16-le-mark.csv", utf16(PLAIN, UTF_16LE, true), &["encoding = \"utf-16le\""], (2, 2)),
        shape("utf16-be-mark.csv", utf16(PLAIN, UTF_16BE, true), &["encoding = \"utf-16be\""], (2, 2)),
        shape(
            "utf16-le-without-mark.csv",
            utf16(PLAIN, UTF_16LE, false),
            &["encoding = \"utf-16le\""],
            (2, 2),
        ),
        shape("sep-upper-case.csv", format!("SEP=,\r\n{PLAIN}"), &["delimiter = \",\""], (2, 2)),
        shape(
            "sep-with-mark.csv",
            format!("\u{feff}sep=;\n{}", PLAIN.replace(',', ";")),
            &["delimiter = \";\""],
            (2, 2),
        ),
        shape(
            "windows-1252-late.csv",
            {
                let mut bytes = PLAIN.to_string().into_bytes();
                for row in 0..5000 {
                    bytes.extend(format!("Row{row},Quill,1984-02-29,F,row{row}@example.com\n").bytes());
                }
                bytes.extend(&*WINDOWS_1252.encode("Zoë,Núñez,1990-06-17,F,zoe@example.com\n").0);
                bytes
            },
            &["encoding = \"windows-1252\""],
            (5003, 5003),
        ),
        shape(
            "spanish.csv",
            "Nombre;Apellidos;Fecha de nacimiento;Sexo;Correo electrónico\nLuz;Peña;31/12/1990;Mujer;luz@example.com\n\
             Ana;Ruiz;01/02/1991;Hombre;ana@example.com\n",
            &["dates = [\"dd/mm/yyyy\"]", "\"mujer\" = \"female\"", "\"hombre\" = \"male\""],
            (2, 2),
        ),
        edited(
            shape(
                "spanish-codes.csv",
                "Nombre;Apellidos;Fecha de nacimiento;Sexo;Correo\nLuz;Peña;31/12/1990;M;luz@example.com\n\
                 Leo;Ruiz;01/02/1991;H;leo@example.com\n",
                &["FILL IN the meaning of M ×1"],
                (2, 2),
            ),
            &[("\"m\" = \"\"", "\"m\" = \"female\"")],
        ),
        shape(
            "italian.csv",
            "Nome;Cognome;Data di nascita;Sesso;Cellulare\nAda;Rossi;31/12/1990;F;333 555 0001\nIvo;Verdi;01/02/1991;M;+39 333 5550002\n",
            &["country = \"IT\"", "dates = [\"dd/mm/yyyy\"]"],
            (2, 2),
        ),
        shape(
            "dutch.csv",
            "Voornaam;Achternaam;Geboortedatum;Geslacht;E-mailadres;Mobiel\nAda;de Wit;31-12-1990;V;ada@example.com;06 55500001\n\
             Jan;Bos;01-02-1991;M;jan@example.com;06 55500002\n", // words: quoted
            &["country = \"NL\"", "dates = [\"dd-mm-yyyy\"]", "\"v\" = \"female\""],
            (2, 2),
        ),
        edited(
            shape(
                "portuguese.csv",
                "Nome completo;Data de nascimento;Sexo;Telemóvel\n\"Silva, Ana\";31/12/1990;F;912 555 001\n",
                &["part = \"before-comma\"", "country = \"\""],
                (1, 1),
            ),
            &[("country = \"\"", "country = \"PT\"")],
        ),
        shape(
            "month-names.csv",
            "Given Name,Family Name,Date of Birth,Gender,Email\nAda,Quill,29-Feb-1984,Female,ada@example.com\n",
            &["dates = [\"dd-mmm-yyyy\"]"],
            (1, 1),
        ),
        shape(
            "compact-dates.csv",
            "fname|lname|birth_date|sex|email\nAda|Quill|19840229|F|ada@example.com\n",
            &["dates = [\"yyyymmdd\"]", "delimiter = \"|\""],
            (1, 1),
        ),
        shape(
            "times.csv",
            "FIRST_NAME,LAST_NAME,BIRTH_DATE,SEX,EMAIL\nAda,Quill,1984-02-29 00:00:00.000,F,ada@example.com\n",
            &["dates = [\"yyyy-mm-dd*\"]"],
            (1, 1),
        ),
        edited(
            shape(
                "two-digit-years.csv",
                "First,Last,DOB,Sex,Email\nAda,Quill,2/29/84,F,ada@example.com\n",
                &["dates = []", "years of two digits"],
                (1, 1),
            ),
            &[("dates = []", "dates = [\"m/d/yy\"], first-year = 1930")],
        ),
        edited(
            shape(
                "contradicting-dates.csv",
                "First,Last,DOB,Sex,Email\nAda,Quill,31/12/1984,F,ada@example.com\nBen,Okoro,12/31/1984,M,ben@example.com\n",
                &["dates = []", "contradicts itself"],
                (2, 1),
            ),
            &[("dates = []", "dates = [\"dd/mm/yyyy\"]")],
        ),
        edited(
            shape(
                "first-last.csv",
                "Name,DOB,Sex,Email\nAda Lu Quill,1984-02-29,F,ada@example.com\n",
                &["part = \"\""],
                (1, 1),
            ),
            &[
                (
                    "last-name = { column = \"Name\", part = \"\"",
                    "last-name = { column = \"Name\", part = \"last-word\"",
                ),
                ("part = \"\"", "part = \"all-but-last-word\""),
            ],
        ),
        shape(
            "quotes-and-line-breaks.csv",
            "First,Last,DOB,Sex,Email,Note\n\"Ada\",\"O\"\"Hara\",1984-02-29,F,ada@example.com,\"two\nlines, \"\"quoted\"\"\"\n\
             Ben,Okoro,1971-11-05,M,ben@example.com,\n",
            &["ignore = [\"Note\"]"],
            (2, 2),
        ),
        shape(
            "several-titles-and-totals.csv",
            format!("Clinic North\n\nPrinted today,,,,\n{PLAIN}Total,,,,\n2,,,,\n"),
            &["header-row = 4", "skip-single-values = true"],
            (2, 2),
        ),
        shape(
            "duplicate-unused-columns.csv",
            "First,Last,DOB,Sex,Email,Note,Note\nAda,Quill,1984-02-29,F,ada@example.com,a,b\n",
            &["ignore = [\"Note\", \"Note\"]"],
            (1, 1),
        ),
        shape(
            "languages.csv",
            "First,Last,DOB,Sex,Email,Preferred Language\nAda,Quill,1984-02-29,F,ada@example.com,Spanish\n\
             Ben,Okoro,1971-11-05,M,ben@example.com,French\n",
            &["\"spanish\" = \"es_US\"", "otherwise = \"\""],
            (2, 2),
        ),
        shape(
            "key-is-not-unique.csv",
            "MRN,First,Last,DOB,Sex,Email\n1,Ada,Quill,1984-02-29,F,ada@example.com\n1,Ben,Okoro,1971-11-05,M,ben@example.com\n",
            &["# \"MRN\" looks like a key, but is empty or equal in some rows"],
            (2, 2),
        ),
        shape(
            "british-phones.csv",
            "Forename,Surname,DOB,Sex,Mobile Number\nAda,Quill,29/02/1984,F,+44 7700 900001\nBen,Okoro,05/11/1971,M,07700 900002\n",
            &["country = \"GB\""],
            (2, 2),
        ),
    ]
}

#[test]
fn reads_each_shape_with_its_proposal() {
    let directory = tempfile::tempdir().unwrap();
    let shapes = shapes();
    assert!(shapes.len() >= 30, "{}", shapes.len());
    for Shape { name, bytes, proposes, edits, rows } in shapes {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        block_on(async {
            let proposal = propose(&path, None).await.unwrap_or_else(|error| panic!("{name}: {error}"));
            for part in proposes {
                assert!(proposal.text.contains(part), "{name}: {part}\n{}", proposal.text);
            }
            let mut text = proposal.text.clone();
            for (from, to) in edits {
                assert!(text.contains(from), "{name}: {from}\n{text}");
                text = text.replacen(from, to, 1);
            }
            assert_eq!(proposal.undecided.is_empty(), proposal.mapping().is_ok(), "{name}");
            let mapping = carium_bulk::rows::Mapping::parse(&text)
                .unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
            let options = RowOptions::new().mapping(mapping).organization(ORGANIZATION.parse().ok());
            let report = validate(&path, options.clone(), 10).await.unwrap();
            let valid = report.rows - report.invalid_rows;
            assert_eq!((report.rows, valid), rows, "{name}: {:?}\n{text}", report.problems);
            let stream = Rows::open(&path, options, salt()).await.unwrap();
            let header = stream.header().clone();
            for row in stream.filter_map(|row| async { row.ok() }).take(20).collect::<Vec<_>>().await {
                assert_eq!(read_row(&path, &header, row.location).await.unwrap(), row, "{name}");
            }
        });
    }
}
