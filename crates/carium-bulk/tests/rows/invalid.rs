//! Tests of the problems that are reported for invalid files.

use carium_bulk::rows::{RowError, RowFormat, RowOptions, validate};

use crate::support::{ORGANIZATION, block_on, problems};

/// The columns that most of the files have.
const NAMES: &str = "first-name,last-name,birth-date,gender,email,organization-id";

/// Replaces the placeholders `<names>`, `<row>` and `<id>` by the columns, a valid row and an organization.
fn csv(text: &str) -> Vec<u8> {
    let row = format!("Ann,Lee,1980-07-04,female,ann@example.com,{ORGANIZATION}");
    text.replace("<names>", NAMES).replace("<row>", &row).replace("<id>", ORGANIZATION).into_bytes()
}

/// Asserts the problems of a CSV file, one per line. White space around the lines is ignored.
fn assert_csv(file: &str, options: RowOptions, expected: &str) {
    assert_lines(&problems(RowFormat::Csv, csv(file), options), expected, file);
}

fn assert_lines(problems: &str, expected: &str, file: &str) {
    let expected: Vec<_> = expected.trim().lines().map(str::trim).collect();
    assert_eq!(problems.lines().collect::<Vec<_>>(), expected, "\n{file}");
}

/// Asserts the problems of an NDJSON file, one per line. The placeholder `<rest>` is replaced by the required fields
/// other than the first name and the contact.
fn assert_ndjson(lines: &str, options: RowOptions, expected: &str) {
    let rest = format!(
        r#""last-name":"Lee","birth-date":"1980-07-04","gender":"female","organization-id":"{ORGANIZATION}""#
    );
    let problems = problems(RowFormat::Ndjson, lines.replace("<rest>", &rest), options);
    assert_lines(&problems, expected, lines);
}

#[test]
fn files_that_are_not_csv() {
    assert_csv(
        "",
        RowOptions::new(),
        "line 1: the file is empty: start it with a header line of column names",
    );
    assert_csv(
        "PK\u{3}\u{4}x",
        RowOptions::new(),
        "line 1: the file is an archive or a spreadsheet workbook: save it as a workbook or as CSV, or extract the archive",
    );
    assert_csv(
        "Ann,Lee,1980-07-04\n",
        RowOptions::new(),
        "line 1: the header line has no known column: start the file with column names such as `first-name,last-name,…`, or map its columns with `carium onboard map`",
    );
    let utf16 = problems(RowFormat::Csv, b"\xff\xfef\0\0\xd8".to_vec(), RowOptions::new());
    assert_eq!(
        utf16,
        "line 1: is not valid UTF-16LE: save the file as UTF-8, or state its encoding in the mapping"
    );
}

#[test]
fn header_lines() {
    assert_csv(
        "first-name,lastname,birth_date,Gender,email,x,email\n",
        RowOptions::new(),
        "
        line 1, column 2, `lastname`: is not a known column: did you mean `last-name`?
        line 1, column 3, `birth_date`: is not a known column: did you mean `birth-date`?
        line 1, column 4, `Gender`: is not a known column: did you mean `gender`?
        line 1, column 6, `x`: is not a known column: remove it, or set it as the key column
        line 1, column 7, `email`: is a duplicate of column 5: keep one of them
        line 1, `last-name`: is missing: add the column
        line 1, `birth-date`: is missing: add the column
        line 1, `gender`: is missing: add the column
        line 1, `organization-id`: is missing: add the column
        ",
    );
    assert_csv(
        "<names>,appointment-type,document-2-path,document-02-path\n",
        RowOptions::new(),
        "
        line 1, column 9, `document-02-path`: is not a known column: did you mean `document-2-path`?
        line 1, `document-2-class`: is missing, but the file has other columns of this document: add the column
        line 1, `document-2-name`: is missing, but the file has other columns of this document: add the column
        line 1, `appointment-practitioner`: is missing, but the file has other columns of the appointment: add the column
        line 1, `appointment-status`: is missing, but the file has other columns of the appointment: add the column
        line 1, `appointment-start-time`: is missing, but the file has other columns of the appointment: add the column
        line 1, `appointment-end-time`: is missing, but the file has other columns of the appointment: add the column
        line 1, `appointment-add-video-channel`: is missing, but the file has other columns of the appointment: add the column
        ",
    );
    assert_csv(
        "<names>\n<row>\n",
        RowOptions::new().key("patient-number"),
        "line 1, `patient-number`: is missing, but is set as the key column: add the column, or set another key column",
    );
    assert_csv(
        "<names>,mobile\n",
        RowOptions::new(),
        "line 1, column 7, `mobile`: is not a known column: did you mean `mobile-phone`?",
    );
    assert_csv(
        "\"<names>\n<row>\n",
        RowOptions::new(),
        "line 1, column 1: a quote is opened but never closed: close it, or double it if it is part of the text",
    );
}

#[test]
fn invalid_fields() {
    assert_csv(
        "<names>,mobile-phone,locale,username,individual-group-ids,invite\n\
         ,\u{200b},1981-02-29,Female,ann@,1,5550100,en_GB,bob,<id>;Diabetes program;,email;mail;email\n",
        RowOptions::new(),
        "
        line 2, column 1, `first-name`: is missing: write the name on one line
        line 2, column 2, `last-name`: contains the invisible character U+200B: remove it, or replace it by a space
        line 2, column 3, `birth-date`: is not a valid date in the form YYYY-MM-DD: write a past date such as 1980-07-04
        line 2, column 4, `gender`: is not an allowed value: write `male`, `female`, `pnta`, `other` or `unknown`
        line 2, column 5, `email`: is not a valid email address: write an address such as ann@example.com
        line 2, column 6, `organization-id`: is not an ID: write a UUID
        line 2, column 7, `mobile-phone`: is not an E.164 phone number: use the form +15551234567
        line 2, column 8, `locale`: is not an allowed value: write `en_US` or `es_US`, or omit it
        line 2, column 9, `username`: must be the same as `email` or `mobile-phone`: omit it, or write one of the two
        line 2, column 10, `individual-group-ids`, field `individual-group-ids[2]`: is empty: write an ID, or a name that the organization lists
        line 2, column 11, `invite`, field `invite[1]`: is not an allowed value: write `email` or `sms`, each at most once
        line 2, column 11, `invite`, field `invite[2]`: is given twice: write `email` or `sms`, each at most once
        ",
    );
    assert_csv(
        "<names>\n\n<row>\nAnn,Lee,3000-01-01,other,,<id>\n",
        RowOptions::new(),
        "
        line 4, column 3, `birth-date`: is in the future: write a past date such as 1980-07-04
        line 4, column 5, `email`: is missing, and so is `mobile-phone`: at least one of them is required
        ",
    );
    assert_csv(
        "<names>,document-1-class,document-1-name,document-1-path,document-3-class,document-3-name,document-3-path\n\
         <row>,,,,Letters,,../letter.pdf\n",
        RowOptions::new(),
        "
        line 2, column 11, `document-3-name`, field `documents[0].name`: is missing: write the name of the document on one line
        line 2, column 12, `document-3-path`, field `documents[0].path`: leaves the documents folder through `..`: write the path of a file in the documents folder, relative to that folder
        ",
    );
    assert_csv(
        "<names>,appointment-practitioner,appointment-type,appointment-status,appointment-start-time,\
         appointment-end-time,appointment-add-video-channel,appointment-guest-url\n\
         <row>,Dr Who,,Booked,2027-01-04T09:00:00Z,2027-01-04T08:00:00Z,TRUE,https://example.com/call\n\
         <row>,Dr Who,First,Booked,tomorrow,2027-01-04T08:00:00Z,maybe,\n",
        RowOptions::new(),
        "
        line 2, column 8, `appointment-type`, field `appointment.type`: is missing: write an ID, or a name that the organization lists
        line 2, column 11, `appointment-end-time`, field `appointment.end-time`: must be after `start-time`: write a time such as 2027-01-04T09:00:00Z, with the end after the start
        line 2, column 13, `appointment-guest-url`, field `appointment.guest-url`: cannot be combined with the platform's video channel: omit it, or write a URL that begins with https://
        line 3, column 10, `appointment-start-time`, field `appointment.start-time`: is not a point in time: write a time such as 2027-01-04T09:00:00Z, with the end after the start
        line 3, column 12, `appointment-add-video-channel`, field `appointment.add-video-channel`: is not an allowed value: write `true` or `false`
        line 3: the patient has the same username as the row on line 2: remove one of the rows, or set a key column
        ",
    );
}

#[test]
fn invalid_record_structure() {
    assert_csv(
        "<names>\nAnn,Lee\n<row>,,\n<row>,,more\n",
        RowOptions::new(),
        "
        line 2: the row has 2 fields, but the header line has 6 columns: add the missing fields; they may be empty
        line 4, column 8: the row has 8 fields, but the header line has 6 columns: enclose fields that contain a comma in quotes
        ",
    );
    assert_csv(
        "<names>,\n<row>,\n<row>,more\n",
        RowOptions::new(),
        "
        line 3, column 7: the field is not empty, but its column has no name: name the column in the header line, or empty the field
        line 3: the patient has the same username as the row on line 2: remove one of the rows, or set a key column
        ",
    );
    assert_csv(
        "<names>\n<row>\nAnn,\"Lee\nof Here,1980-07-04\n",
        RowOptions::new(),
        "line 3, column 2: a quote is opened but never closed: close it, or double it if it is part of the text",
    );
    assert_csv(
        "<names>\n\"Ann\" B,Lee\n<row>\n",
        RowOptions::new(),
        "line 2, column 1: text follows a closing quote: double each quote that is part of the text, and close each quote that opens a field",
    );
    let mut file = csv("<names>\nJos\u{e9}");
    file.truncate(file.len() - 1);
    file.extend(csv(",Lee,1980-07-04,female,jose@example.com,<id>\n"));
    assert_eq!(
        problems(RowFormat::Csv, file, RowOptions::new()),
        "line 2, column 1, `first-name`: is not UTF-8: save the file as UTF-8, or map it with `carium onboard map`"
    );
    assert_csv(
        "<names>\n<row>,\"\n\n\n",
        RowOptions::new().max_row_bytes(64),
        "line 2: the row is longer than 64 bytes: check for a quote that is not closed; the rest of the file was not read",
    );
}

#[test]
fn missing_and_duplicate_keys() {
    assert_csv(
        "<names>\n<row>\n\n<row>\n",
        RowOptions::new(),
        "line 4: the patient has the same username as the row on line 2: remove one of the rows, or set a key column",
    );
    assert_csv(
        "<names>,patient-number\n<row>,1\n<row>,\n<row>, 2\n<row>,1\nAnn,Lee,,female,a@example.com,<id>,1\n",
        RowOptions::new().key("patient-number"),
        "
        line 3, column 7, `patient-number`: is the key, but is missing: every row needs a key
        line 4, column 7, `patient-number`: is the key, but begins or ends with a space: remove the space
        line 5, column 7, `patient-number`: is the key, but the row on line 2 has the same key: remove one of the rows, or correct the key
        line 6, column 3, `birth-date`: is missing: write a past date such as 1980-07-04
        line 6, column 7, `patient-number`: is the key, but the row on line 2 has the same key: remove one of the rows, or correct the key
        ",
    );
}

#[test]
fn invalid_ndjson() {
    assert_ndjson(
        "{\n\"first-name\": 1}\n[]\n7\n{} {}\n\n",
        RowOptions::new(),
        "
        line 1, column 1: the JSON object is not complete: write each row as one JSON object on its own line
        line 2, column 1: is not a JSON object: write each row as one JSON object on its own line
        line 3, column 1: is not a JSON object: write each row as one JSON object on its own line
        line 4, column 1: is not a JSON object: write each row as one JSON object on its own line
        line 5, column 4: is not valid JSON from here on: write each row as one JSON object on its own line
        ",
    );
    assert_ndjson(
        "{\"email\":\"a@example.com\",\"first-name\":7,\"first-name\":\"Ann\",\"dob\":\"1\",\"documents\":{},<rest>}\n",
        RowOptions::new(),
        "
        line 1, field `first-name`: is not a string: write the name on one line
        line 1, field `first-name`: is given twice: write the name on one line
        line 1, field `dob`: is not a field of the schema: remove it
        line 1, field `documents`: is not a list: write it as in the schema, or omit it
        ",
    );
    assert_ndjson(
        "{\"email\":\"a@example.com\",\"first-name\":\"Ann\",\"documents\":[{\"path\":\"/etc\"}],<rest>}\n",
        RowOptions::new(),
        "
        line 1, field `documents[0].class`: is missing: write an ID, or a name that the organization lists
        line 1, field `documents[0].name`: is missing: write the name of the document on one line
        line 1, field `documents[0].path`: is not relative to the documents folder: write the path of a file in the documents folder, relative to that folder
        ",
    );
    assert_ndjson(
        "{\"number\":1.5,\"email\":\"a@example.com\",\"first-name\":\"Ann\",<rest>}\n\
         {\"email\":\"a@example.com\",\"first-name\":\"Ann\",<rest>}\n\
         {\"number\":5,\"email\":\"a@example.com\",\"first-name\":\"Ann\",<rest>}\n\
         {\"number\":\"5\",\"email\":\"a@example.com\",\"first-name\":\"Ann\",<rest>}\n",
        RowOptions::new().key("number"),
        "
        line 1, field `number`: is the key, but is neither a string nor an integer
        line 2, field `number`: is the key, but is missing: every row needs a key
        line 4, field `number`: is the key, but the row on line 3 has the same key: remove one of the rows, or correct the key
        ",
    );
    assert_eq!(
        problems(RowFormat::Ndjson, b"{\"first-name\":\"\xe9\"}".to_vec(), RowOptions::new()),
        "line 1, column 16: is not UTF-8: save the file as UTF-8"
    );
}

#[test]
fn format_must_be_known() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"\x7fELF\0\0\0\0").unwrap();
    let error = block_on(validate(file.path(), RowOptions::new(), 10)).unwrap_err();
    assert!(matches!(error, RowError::UnknownFormat), "{error}");
    let missing = block_on(validate("missing.csv", RowOptions::new(), 10)).unwrap_err();
    assert_eq!(missing.to_string(), "could not read the file: entity not found");
}
