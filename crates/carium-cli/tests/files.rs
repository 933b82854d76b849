//! `carium onboard map` and `carium onboard --mapping`, from a file of an unknown shape to patients in a sandbox.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{CommandOutput, TestEnv};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../carium-bulk/tests/fixtures/files").join(name)
}

/// Runs commands that start their own sandbox.
struct Files {
    env: TestEnv,
}

impl Files {
    fn new() -> Self {
        Self { env: TestEnv::new("http://127.0.0.1:9") }
    }

    fn run(&self, arguments: &[&str]) -> CommandOutput {
        CommandOutput::new(&self.env.carium(arguments).output().unwrap())
    }

    /// Proposes a mapping for a fixture. Returns the output and the mapping.
    fn map(&self, name: &str) -> (CommandOutput, String) {
        let output = self.run(&["onboard", "map", fixture(name).to_str().unwrap(), "--write", "m.toml"]);
        assert_eq!(output.code, Some(0), "{output:?}");
        (output, std::fs::read_to_string(self.env.directory().join("m.toml")).unwrap())
    }

    fn onboard(&self, name: &str, options: &[&str]) -> (CommandOutput, Value) {
        let path = fixture(name);
        let mut arguments =
            vec!["--sandbox", "--output", "json", "onboard", path.to_str().unwrap(), "--mapping", "m.toml"];
        arguments.extend(options);
        let output = self.run(&arguments);
        let record = serde_json::from_str(&output.stdout).unwrap_or_default();
        (output, record)
    }
}

/// Maps a fixture, onboards it to a sandbox with the proposal alone, and compares the number of patients.
fn assert_onboarded(name: &str) -> CommandOutput {
    let expected: Value = serde_json::from_slice(&std::fs::read(fixture("expected.json")).unwrap()).unwrap();
    let files = Files::new();
    let (output, _) = files.map(name);
    assert!(output.stderr.contains("the mapping is complete"), "{output:?}");
    let (output, record) = files.onboard(name, &[]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(record["completed"], expected[name]["good"], "{output:?}");
    assert_eq!(record["patients"], expected[name]["rows"], "{output:?}");
    output
}

#[test]
fn onboards_a_german_export_of_excel() {
    assert_onboarded("excel-german.csv");
}

#[test]
fn onboards_an_american_scheduler_and_names_what_it_skips() {
    let output = assert_onboarded("us-scheduler.csv");
    assert!(output.stderr.contains("the lines above the header on line 3 are not read"), "{output:?}");
    assert!(output.stderr.contains("line 10: skipped: the row has a single value"), "{output:?}");
}

#[test]
fn onboards_unicode_text_of_excel() {
    assert_onboarded("unicode-text.txt");
}

#[test]
fn onboards_a_french_export() {
    assert_onboarded("french.csv");
}

#[test]
fn onboards_rows_without_trailing_fields() {
    assert_onboarded("excel-blocks.csv");
}

#[test]
fn onboards_values_with_invisible_characters() {
    assert_onboarded("invisible.csv");
}

#[test]
fn onboards_a_sheet_of_a_workbook() {
    let output = assert_onboarded("register.xlsx");
    assert!(output.stderr.contains("note: the workbook has hidden columns or rows"), "{output:?}");
}

#[test]
fn asks_for_the_order_of_day_and_month() {
    let files = Files::new();
    let (output, text) = files.map("ambiguous-dates.csv");
    assert!(output.stderr.contains("not decided: line "), "{output:?}");
    let (output, _) = files.onboard("ambiguous-dates.csv", &[]);
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(output.stderr.contains("the format of the dates of `birth-date` is not decided"), "{output:?}");
    let decided = text.replace("dates = []", "dates = [\"mm/dd/yyyy\"]");
    std::fs::write(files.env.directory().join("m.toml"), decided).unwrap();
    let (output, record) = files.onboard("ambiguous-dates.csv", &[]);
    assert_eq!((output.code, &record["completed"]), (Some(0), &2.into()), "{output:?}");
}

#[test]
fn checks_an_edited_mapping() {
    let files = Files::new();
    let (_, text) = files.map("ambiguous-dates.csv");
    let path = fixture("ambiguous-dates.csv");
    let arguments = ["onboard", "map", path.to_str().unwrap(), "--mapping", "m.toml"];
    let output = files.run(&arguments);
    assert!(output.code == Some(3) && output.stderr.contains("is not decided"), "{output:?}");
    let decided = text.replace("dates = []", "dates = [\"mm/dd/yyyy\"]");
    std::fs::write(files.env.directory().join("m.toml"), &decided).unwrap();
    let output = files.run(&arguments);
    assert!(output.code == Some(0) && output.stderr.contains("the mapping fits the file"), "{output:?}");
    std::fs::write(files.env.directory().join("m.toml"), decided.replace("\"dob\"", "\"dbo\"")).unwrap();
    let output = files.run(&arguments);
    assert!(output.code == Some(3) && output.stderr.contains("did you mean `dob`?"), "{output:?}");
}

#[test]
fn refuses_a_file_without_contacts_once() {
    let files = Files::new();
    files.map("synthea-patients.csv");
    let (output, _) = files.onboard("synthea-patients.csv", &[]);
    assert_eq!(output.code, Some(3), "{output:?}");
    let lines = output.stderr.lines().filter(|line| line.contains("neither `email` nor `mobile-phone`"));
    assert_eq!(lines.count(), 1, "{output:?}");
}

#[test]
fn reports_the_problems_of_fhir_patients_without_values() {
    let files = Files::new();
    files.map("fhir-patients.ndjson");
    let (output, record) =
        files.onboard("fhir-patients.ndjson", &["--dry-run", "--problems", "problems.csv"]);
    assert_eq!(output.code, Some(3), "{output:?}");
    let numbers = ["rows", "valid", "invalid", "skipped"].map(|name| record[name].as_u64().unwrap());
    assert_eq!(numbers, [7, 3, 1, 3], "{output:?}");
    assert!(output.stderr.contains("line 4: skipped: the patient is deceased"), "{output:?}");
    let table = std::fs::read_to_string(files.env.directory().join("problems.csv")).unwrap();
    assert_eq!(
        table,
        "place,column,field,problem,hint\n\
         line 6,birthDate,birth-date,has no day,write the complete date\n"
    );
    for value in ["Quill", "Lind", "1999-01", "chris.lind"] {
        assert!(!output.stderr.contains(value) && !output.stdout.contains(value), "{value}: {output:?}");
    }
}

#[test]
fn shows_no_values_unless_stderr_is_a_terminal() {
    let files = Files::new();
    let (output, _) = files.map("register.xlsx");
    for value in ["Quill", "Okoro", "example.com"] {
        assert!(!output.stderr.contains(value), "{value}: {output:?}");
    }
}

#[test]
fn duplicates_are_refused_before_anything_is_sent() {
    let files = Files::new();
    let text = "first,last,dob,sex,email\nAda,Quill,31/12/1984,F,a@example.com\nAda,Quill,31/12/1984,F,b@example.com\n";
    std::fs::write(files.env.directory().join("twice.csv"), text).unwrap();
    let output = files.run(&["onboard", "map", "twice.csv", "--write", "m.toml"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let arguments = ["--sandbox", "onboard", "twice.csv", "--mapping", "m.toml"];
    let output = files.run(&arguments);
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(
        output.stderr.contains("line 3: has the same name and birth date as the row on line 2"),
        "{output:?}"
    );
    let output = files.run(&[&arguments[..], &["--allow-duplicates"]].concat());
    assert_eq!(output.code, Some(0), "{output:?}");
}

#[test]
fn names_the_cell_of_a_workbook_and_the_line_of_the_mapping() {
    let files = Files::new();
    let (_, text) = files.map("register.xlsx");
    let wrong = text.replace("dates = [\"yyyy-mm-dd\"]", "dates = [\"dd.mm.yyyy\"]");
    std::fs::write(files.env.directory().join("m.toml"), &wrong).unwrap();
    let line = wrong.lines().position(|line| line.starts_with("birth-date")).unwrap() + 1;
    let (output, record) = files.onboard("register.xlsx", &["--dry-run"]);
    assert_eq!(output.code, Some(3), "{output:?}");
    let problem = &record["problems"][0];
    assert_eq!((&problem["sheet"], &problem["cell"]), (&"Patients".into(), &"D2".into()), "{problem}");
    assert_eq!((&problem["column_name"], &problem["mapping_line"]), (&"Date of birth".into(), &line.into()));
    assert_eq!(record["invalid"], 6);
}
