//! Files as hospitals have them: each fixture is read with the mapping that is proposed for it, and gives the expected
//! number of rows.

use std::path::{Path, PathBuf};

use carium_bulk::rows::{
    Mapping, MappingProposal, Row, RowError, RowOptions, Rows, propose, read_row, validate,
};
use futures_util::StreamExt as _;
use serde_json::Value;

use crate::support::{ORGANIZATION, block_on, salt};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/files").join(name)
}

fn proposal(name: &str) -> MappingProposal {
    block_on(propose(fixture(name), None)).unwrap()
}

fn options() -> RowOptions {
    RowOptions::new().organization(ORGANIZATION.parse().ok())
}

/// Returns the number of rows, valid rows and skipped rows.
fn counts(path: &Path, options: RowOptions) -> (u64, u64, u64) {
    let report = block_on(validate(path, options, 100)).unwrap();
    (report.rows, report.rows - report.invalid_rows - report.skipped_rows, report.skipped_rows)
}

async fn valid_rows(path: &Path, options: RowOptions) -> Vec<Row> {
    let rows = Rows::open(path, options, salt()).await.unwrap();
    rows.filter_map(|row| async { row.ok() }).collect().await
}

/// Asserts the expected numbers, and that each row can be read again at its location.
fn assert_fixture(name: &str) {
    let expected: Value = serde_json::from_slice(&std::fs::read(fixture("expected.json")).unwrap()).unwrap();
    let proposal = proposal(name);
    let (rows, good) = (expected[name]["rows"].as_u64().unwrap(), expected[name]["good"].as_u64().unwrap());
    assert_eq!(proposal.rows, rows, "{}", proposal.text);
    let mapping = match proposal.mapping() {
        Ok(mapping) => mapping,
        Err(error) => {
            assert_eq!(good, 0, "{error}\n{}", proposal.text);
            return;
        }
    };
    assert!(proposal.undecided.is_empty());
    let skipped = expected[name]["skipped"].as_object().map_or(0, |skipped| skipped.len() as u64);
    let options = options().mapping(mapping);
    assert_eq!(counts(&fixture(name), options.clone()), (rows, good, skipped), "{}", proposal.text);
    block_on(async {
        let path = fixture(name);
        let stream = Rows::open(&path, options.clone(), salt()).await.unwrap();
        let header = stream.header().clone();
        for row in stream.filter_map(|row| async { row.ok() }).collect::<Vec<_>>().await {
            assert_eq!(read_row(&path, &header, row.location).await.unwrap(), row, "{name}");
        }
    });
}

#[test]
fn reads_a_german_export_of_excel() {
    assert_fixture("excel-german.csv");
}

#[test]
fn reads_an_american_scheduler_with_title_and_footer() {
    assert_fixture("us-scheduler.csv");
}

#[test]
fn reads_unicode_text_of_excel() {
    assert_fixture("unicode-text.txt");
}

#[test]
fn reads_a_french_export() {
    assert_fixture("french.csv");
}

#[test]
fn leaves_ambiguous_dates_to_a_person() {
    assert_fixture("ambiguous-dates.csv");
    let proposal = proposal("ambiguous-dates.csv");
    let decided = proposal.text.replace("dates = []", "dates = [\"mm/dd/yyyy\"]");
    let options = options().mapping(Mapping::parse(&decided).unwrap());
    assert_eq!(counts(&fixture("ambiguous-dates.csv"), options), (2, 2, 0));
}

#[test]
fn reads_rows_without_trailing_fields() {
    assert_fixture("excel-blocks.csv");
    assert_eq!(counts(&fixture("excel-blocks.csv"), options()), (48, 48, 0));
}

#[test]
fn removes_or_reports_invisible_characters() {
    assert_fixture("invisible.csv");
    let report = block_on(validate(fixture("invisible.csv"), options(), 100)).unwrap();
    let lines: Vec<u64> = report.problems.iter().map(carium_bulk::rows::RowProblem::line).collect();
    assert_eq!((report.invalid_rows, lines), (3, vec![2, 2, 3, 4, 4]));
    assert!(report.problems[0].message().contains("U+00A0"), "{}", report.problems[0]);
}

#[test]
fn says_once_that_a_file_has_no_contact() {
    assert_fixture("synthea-patients.csv");
    let error = proposal("synthea-patients.csv").mapping().unwrap_err();
    assert_eq!(error.problems().len(), 1, "{error}");
}

#[test]
fn reads_a_sheet_of_a_workbook() {
    assert_fixture("register.xlsx");
    let proposal = proposal("register.xlsx");
    assert!(proposal.text.contains("sheet = \"Patients\""), "{}", proposal.text);
    assert!(proposal.text.contains("hidden columns"), "{}", proposal.text);
    // The key keeps its zeros: the same key in a CSV file has the same hash.
    let csv = tempfile::NamedTempFile::new().unwrap();
    let text =
        "MRN,first-name,last-name,birth-date,gender,email\n0000001,A,B,1980-07-04,other,a@example.com\n";
    std::fs::write(csv.path(), text).unwrap();
    block_on(async {
        let workbook = options().mapping(proposal.mapping().unwrap());
        let rows = valid_rows(&fixture("register.xlsx"), workbook).await;
        let expected = valid_rows(csv.path(), options().key("MRN")).await;
        assert_eq!(rows[0].key, expected[0].key);
    });
}

#[test]
fn reads_an_old_workbook_with_a_title_above_the_table() {
    assert_fixture("register.xls");
    assert!(proposal("register.xls").text.contains("header-row = 3"));
}

#[test]
fn reads_fhir_patients() {
    assert_fixture("fhir-patients.ndjson");
    let mapping = proposal("fhir-patients.ndjson").mapping().unwrap();
    let report =
        block_on(validate(fixture("fhir-patients.ndjson"), options().mapping(mapping), 100)).unwrap();
    let skipped: Vec<String> =
        report.skipped.iter().map(|(line, reason)| format!("{line}: {reason}")).collect();
    assert_eq!(
        skipped,
        [
            "4: the patient is deceased",
            "5: the patient is replaced by another record",
            "7: the patient is inactive"
        ]
    );
    assert_eq!(report.problems.len(), 1);
    let problem = report.problems[0].to_string();
    assert!(problem.contains("line 6, column 5, `birthDate`, field `birth-date`, mapping line"), "{problem}");
    assert!(problem.contains("has no day"), "{problem}");
}

#[test]
fn same_content_under_another_mapping_is_the_same_row() {
    let directory = tempfile::tempdir().unwrap();
    let (one, other) = (directory.path().join("one.csv"), directory.path().join("other.txt"));
    std::fs::write(&one, "Given;Family;Born;Sex;Mail\nAda;Quill;29.02.1984;f;ada@example.com\n").unwrap();
    std::fs::write(&other, "mail\tname\tdob\tsex\nada@example.com\tQuill, Ada\t2/29/1984\tF\n").unwrap();
    let digest = |path: &Path| {
        block_on(async {
            let mapping = propose(path, None).await.unwrap().mapping().unwrap();
            let rows = valid_rows(path, options().mapping(mapping)).await;
            (rows[0].key, rows[0].digest)
        })
    };
    assert_eq!(digest(&one), digest(&other));
}

#[test]
fn names_the_line_of_each_problem_of_a_mapping() {
    let text = "[file]\ndelimitr = \";\"\n\n[fields]\nfirst-name = { column = \"a\" }\nlast-nam = { column = \"b\" }\n\
                birth-date = { column = \"c\", dates = [\"dd/mm\"] }\nemail = { colum = \"d\" }\n";
    let error = Mapping::parse(text).unwrap_err().to_string();
    for part in [
        "mapping line 2: `delimitr` is not a known setting of `[file]`: did you mean `delimiter`?",
        "mapping line 4: the required field `last-name` has no source",
        "mapping line 4: the required field `gender` has no source",
        "mapping line 6: `last-nam` is not a field of a row: did you mean `last-name`?",
        "mapping line 7: `dd/mm` is not a date format with a day, a month and a year",
        "mapping line 8: `colum` is not a known setting of a field: did you mean `column`?",
        "mapping line 8: `email` needs exactly one of `column`, `columns` and `constant`",
    ] {
        assert!(error.contains(part), "{part}\n{error}");
    }
}

#[test]
fn refuses_columns_that_the_file_does_not_have_or_the_mapping_does_not_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("patients.csv");
    std::fs::write(
        &path,
        "Vorname,Nachname,Geb,Sex,Mail,Shoe\nAda,Quill,1984-02-29,female,a@example.com,38\n",
    )
    .unwrap();
    let mapping = Mapping::parse(
        "[fields]\nfirst-name = { column = \"Vornamen\" }\nlast-name = { column = \"Nachname\" }\n\
         birth-date = { column = \"Geb\" }\ngender = { column = \"Sex\" }\nemail = { column = \"Mail\" }\n",
    );
    let open = Rows::open(&path, options().mapping(mapping.unwrap()), salt());
    let Err(RowError::Invalid(problems)) = block_on(open) else { panic!("the mapping was not refused") };
    let problems = problems.to_string();
    assert!(problems.contains("`Vornamen`, mapping line 2: is a column of the mapping, but not of the file: did you mean `Vorname`?"), "{problems}");
    assert!(problems.contains("`Shoe`: is neither used nor ignored by the mapping"), "{problems}");
}

#[test]
fn reports_rows_with_the_same_name_and_birth_date() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("patients.csv");
    let head = "first-name,last-name,birth-date,gender,email\n";
    let rows = "Ada,Quill,1984-02-29,female,a@example.com\nADA,Quill,1984-02-29,female,b@example.com\n\
                Ada,Quill,1984-02-28,female,c@example.com\nBen,Okoro,1971-11-05,male,a@example.com\n";
    std::fs::write(&path, format!("{head}{rows}")).unwrap();
    let report = block_on(validate(&path, options(), 10)).unwrap();
    assert_eq!((report.possible_duplicates, report.invalid_rows), (vec![(3, 2)], 1));
    let report = block_on(validate(&path, options().allow_duplicates(), 10)).unwrap();
    assert!(report.is_ok());
}
