//! Tests that no value of a file appears in problems or debug output, with canary values in every field.

use carium_bulk::rows::{RowFormat, RowOptions, Salt};

use crate::support::{ORGANIZATION, problems, read, salt};

const NAMES: [&str; 22] = [
    "first-name",
    "last-name",
    "birth-date",
    "gender",
    "email",
    "mobile-phone",
    "locale",
    "individual-group-ids",
    "username",
    "organization-id",
    "invite",
    "document-1-class",
    "document-1-name",
    "document-1-path",
    "appointment-practitioner",
    "appointment-type",
    "appointment-status",
    "appointment-start-time",
    "appointment-end-time",
    "appointment-add-video-channel",
    "appointment-guest-url",
    "patient-number",
];

/// Canary values that are invalid in different ways.
const VALUES: [&str; 7] =
    ["canary", "Canary Bird", "canary@", "../canary\u{7}", "\"canary\"x", "\"canary", " canary;canary "];

/// Returns the problems and the debug output of a file.
fn all_output(format: RowFormat, file: impl Into<Vec<u8>> + Clone) -> String {
    let options = || RowOptions::new().key("patient-number");
    let read = read(format, file.clone(), options());
    format!("{read:?} {read:#?} {}", problems(format, file, options()))
}

fn assert_no_canary(output: &str, file: &str) {
    assert!(!output.to_lowercase().contains("canary"), "{output}\n{file}");
}

#[test]
fn invalid_csv_is_not_quoted() {
    for value in VALUES {
        for at in 0..NAMES.len() {
            let field = |index: usize| if index == at { value } else { "" };
            let fields: Vec<_> = (0..NAMES.len()).map(field).collect();
            let file = format!("{}\n{}\n", NAMES.join(","), fields.join(","));
            let output = all_output(RowFormat::Csv, file.clone());
            assert!(output.contains("line 2"), "{output}");
            assert_no_canary(&output, &file);
        }
        // A line of values instead of the header line. One of the values is also a column name.
        for file in [format!("{value},{value}"), format!("email,{value},1980-07-04,{value}")] {
            assert_no_canary(&all_output(RowFormat::Csv, file.clone()), &file);
        }
        let short = format!("{}\n{value}\n{value},{value}\n", NAMES.join(","));
        assert_no_canary(&all_output(RowFormat::Csv, short.clone()), &short);
    }
}

#[test]
fn invalid_ndjson_is_not_quoted() {
    let mut lines: Vec<String> = Vec::new();
    for value in ["\"canary\"", "[\"canary\"]", "{\"Canary Bird\":\"canary\"}", "[{\"path\":\"../canary\"}]"]
    {
        lines.extend(
            NAMES.iter().chain(&["documents", "appointment"]).map(|name| format!("{{\"{name}\":{value}}}")),
        );
        lines.push(value.to_owned());
        lines.push(format!("{{\"Canary Bird\":{value}}}"));
        lines.push(format!("{{\"first-name\":{value} canary"));
        lines.push(format!("{{\"first-name\":{value},\"first-name\":{value}}}"));
    }
    lines.push("canary".to_owned());
    for line in lines {
        assert_no_canary(&all_output(RowFormat::Ndjson, line.clone()), &line);
    }
}

#[test]
fn valid_rows_are_redacted() {
    let row = format!(
        r#"{{"first-name":"canary","last-name":"canary","birth-date":"1811-02-03","gender":"pnta",
        "email":"canary@example.com","organization-id":"{ORGANIZATION}","patient-number":"canary",
        "documents":[{{"class":"x","name":"canary","path":"canary.pdf","description":"canary"}}]}}"#
    );
    let row = row.replace('\n', " ");
    let output = all_output(RowFormat::Ndjson, row.clone());
    assert_no_canary(&output, &row);
    assert!(output.contains("[phi]"), "{output}");
    assert!(!output.contains("1811-02-03") && !output.contains("Pnta"), "{output}");
    let salts = format!("{:?} {:?}", salt(), Salt::new([99; 32]));
    assert_eq!(salts, "Salt([secret]) Salt([secret])");
}
