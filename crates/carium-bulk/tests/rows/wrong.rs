//! Wrong files, and all that is said of each.

use carium_bulk::rows::{RowError, RowFormat, RowOptions, validate};

use crate::support::{ORGANIZATION, said, wait};

/// The columns that most of these files have.
const NAMES: &str = "first-name,last-name,birth-date,gender,email,organization-id";

/// A file, with the columns and a good row written out.
fn csv(text: &str) -> Vec<u8> {
    let row = format!("Ann,Lee,1980-07-04,female,ann@example.com,{ORGANIZATION}");
    text.replace("<names>", NAMES).replace("<row>", &row).replace("<id>", ORGANIZATION).into_bytes()
}

fn is_said(file: &str, options: RowOptions, expected: &[&str]) {
    let said = said(RowFormat::Csv, csv(file), options);
    assert_eq!(said.lines().collect::<Vec<_>>(), expected, "\n{file}");
}

/// The same of lines of JSON, with the fields that a good row has after its first name and its contact.
fn is_said_of_json(lines: &str, options: RowOptions, expected: &[&str]) {
    let rest = format!(
        r#""last-name":"Lee","birth-date":"1980-07-04","gender":"female","organization-id":"{ORGANIZATION}""#
    );
    let said = said(RowFormat::Ndjson, lines.replace("<rest>", &rest), options);
    assert_eq!(said.lines().collect::<Vec<_>>(), expected, "\n{lines}");
}

fn plain() -> RowOptions {
    RowOptions::new()
}

#[test]
fn what_is_no_table() {
    is_said("", plain(), &["line 1: the file is empty: begin it with a line of the columns' names"]);
    is_said(
        "PK\u{3}\u{4}x",
        plain(),
        &["line 1: the file is an archive or a workbook: save the table as CSV, in UTF-8"],
    );
    is_said(
        "first-name;last-name\nAnn;Lee\n",
        plain(),
        &["line 1: the fields are separated by semicolons: save the file with commas between them"],
    );
    is_said(
        "Ann,Lee,1980-07-04\n",
        plain(),
        &["line 1: no column is one that is known: begin the file with a line of the columns' names, \
             such as `first-name,last-name,…`"],
    );
    let utf16 = said(RowFormat::Csv, b"\xff\xfef\0i\0".to_vec(), plain());
    assert_eq!(utf16, "line 1: the file is UTF-16: save it as UTF-8");
}

#[test]
fn columns() {
    is_said(
        "first-name,lastname,birth_date,Gender,email,x,email\n",
        plain(),
        &[
            "line 1, column 2, `lastname`: is not a column that is known: did you mean `last-name`?",
            "line 1, column 3, `birth_date`: is not a column that is known: did you mean `birth-date`?",
            "line 1, column 4, `Gender`: is not a column that is known: did you mean `gender`?",
            "line 1, column 6, `x`: is not a column that is known: take it out, or make it the key",
            "line 1, column 7, `email`: is there twice, as column 5 already: keep one of them",
            "line 1, `last-name`: is missing: add the column",
            "line 1, `birth-date`: is missing: add the column",
            "line 1, `gender`: is missing: add the column",
            "line 1, `organization-id`: is missing: add the column",
        ],
    );
    is_said(
        "<names>,appointment-type,document-2-path,document-02-path\n",
        plain(),
        &[
            "line 1, column 9, `document-02-path`: is not a column that is known: did you mean \
             `document-2-path`?",
            "line 1, `document-2-class`: is missing, where this document has other columns: add the column",
            "line 1, `document-2-name`: is missing, where this document has other columns: add the column",
            "line 1, `appointment-practitioner`: is missing, where the appointment has other columns: \
             add the column",
            "line 1, `appointment-status`: is missing, where the appointment has other columns: add the \
             column",
            "line 1, `appointment-start-time`: is missing, where the appointment has other columns: add \
             the column",
            "line 1, `appointment-end-time`: is missing, where the appointment has other columns: add \
             the column",
            "line 1, `appointment-add-video-channel`: is missing, where the appointment has other \
             columns: add the column",
        ],
    );
    is_said(
        "<names>\n<row>\n",
        plain().key("patient-number"),
        &["line 1, `patient-number`: is missing, and it was said to be the key: add the column, or \
             name another"],
    );
    is_said(
        "<names>,mobile\n",
        plain(),
        &["line 1, column 7, `mobile`: is not a column that is known: did you mean `mobile-phone`?"],
    );
    is_said(
        "\"<names>\n<row>\n",
        plain(),
        &["line 1, column 1: a quote is opened and never closed: close it, or double it where it is \
             part of the text"],
    );
}

#[test]
fn fields() {
    is_said(
        "<names>,mobile-phone,locale,username,individual-group-ids,invite\n\
         ,\u{200b},1981-02-29,Female,ann@,1,5550100,en_GB,bob,<id>;2;,email;mail;email\n",
        plain(),
        &[
            "line 2, column 1, `first-name`: is missing: write the name, on one line",
            "line 2, column 2, `last-name`: is empty: write the name, on one line",
            "line 2, column 3, `birth-date`: is not a valid date in the form YYYY-MM-DD: write a \
             day of the past like 1980-07-04",
            "line 2, column 4, `gender`: is not one of `male`, `female`, `pnta`, `other` and `unknown`",
            "line 2, column 5, `email`: is not a valid email address: write one like ann@example.com",
            "line 2, column 6, `organization-id`: is not an ID: write a UUID",
            "line 2, column 7, `mobile-phone`: is not an E.164 phone number; use the form +15551234567",
            "line 2, column 8, `locale`: is neither `en_US` nor `es_US`",
            "line 2, column 9, `username`: must be the same as `email` or `mobile-phone`: \
             leave it out, or repeat one of the two",
            "line 2, column 10, `individual-group-ids`, field `individual-group-ids[1]`: is not an ID: \
             write a UUID",
            "line 2, column 10, `individual-group-ids`, field `individual-group-ids[2]`: is not an ID: \
             write a UUID",
            "line 2, column 11, `invite`, field `invite[1]`: is neither `sms` nor `email`",
            "line 2, column 11, `invite`, field `invite[2]`: is given twice: write `email` or `sms`, \
             each once",
        ],
    );
    is_said(
        "<names>\n\n<row>\nAnn,Lee,3000-01-01,other,,<id>\n",
        plain(),
        &[
            "line 4, column 3, `birth-date`: is in the future: write a day of the past like 1980-07-04",
            "line 4, column 5, `email`: is missing, and so is `mobile-phone`; at least one of them is required",
        ],
    );
    is_said(
        "<names>,document-1-class,document-1-name,document-1-path,document-3-class,document-3-name,document-3-path\n\
         <row>,,,,Letters,,../letter.pdf\n",
        plain(),
        &[
            "line 2, column 11, `document-3-name`, field `documents[0].name`: is missing: write what \
             the document is to be called, on one line",
            "line 2, column 12, `document-3-path`, field `documents[0].path`: leads out of the folder \
             of documents by `..`: write where the file lies in the documents folder",
        ],
    );
    is_said(
        "<names>,appointment-practitioner,appointment-type,appointment-status,appointment-start-time,\
         appointment-end-time,appointment-add-video-channel,appointment-guest-url\n\
         <row>,Dr Who,,Booked,2027-01-04T09:00:00Z,2027-01-04T08:00:00Z,TRUE,https://example.com/call\n\
         <row>,Dr Who,First,Booked,tomorrow,2027-01-04T08:00:00Z,maybe,\n",
        plain(),
        &[
            "line 2, column 8, `appointment-type`, field `appointment.type`: is missing: write an id, \
             or a name that the organization lists",
            "line 2, column 11, `appointment-end-time`, field `appointment.end-time`: is not after \
             `start-time`: write it like 2027-01-04T09:00:00Z, the end after the start",
            "line 2, column 13, `appointment-guest-url`, field `appointment.guest-url`: has no place \
             beside a video channel of the platform: leave it out, or write one that begins with https://",
            "line 3, column 10, `appointment-start-time`, field `appointment.start-time`: is not a \
             point in time: write it like 2027-01-04T09:00:00Z",
            "line 3, column 12, `appointment-add-video-channel`, field `appointment.add-video-channel`: \
             is neither `true` nor `false`",
            "line 3: the patient has the username of the one on line 2: take one of the rows out, or \
             say which column is the key",
        ],
    );
}

#[test]
fn the_shape_of_a_row() {
    is_said(
        "<names>\nAnn,Lee\n<row>,,\n<row>,,more\n",
        plain(),
        &[
            "line 2: the row has 2 fields, and the first line names 6 columns: add what is missing, if \
             only the commas",
            "line 4, column 8: the row has 8 fields, and the first line names 6 columns: put a field \
             with a comma in it in quotes",
        ],
    );
    is_said(
        "<names>,\n<row>,\n<row>,more\n",
        plain(),
        &[
            "line 3, column 7: the column has no name, and something stands in it: name the column in \
             the first line, or empty it",
            "line 3: the patient has the username of the one on line 2: take one of the rows out, or \
             say which column is the key",
        ],
    );
    is_said(
        "<names>\n<row>\nAnn,\"Lee\nof Here,1980-07-04\n",
        plain(),
        &["line 3, column 2: a quote is opened and never closed: close it, or double it where it is \
             part of the text"],
    );
    is_said(
        "<names>\n\"Ann\" B,Lee\n<row>\n",
        plain(),
        &["line 2, column 1: something follows a closing quote: double each quote that is part of the \
             text, and close each that opens a field"],
    );
    let mut file = csv("<names>\nJos\u{e9}");
    file.truncate(file.len() - 1);
    file.extend(csv(",Lee,1980-07-04,female,jose@example.com,<id>\n"));
    assert_eq!(
        said(RowFormat::Csv, file, plain()),
        "line 2, column 1, `first-name`: is not UTF-8: save the file as UTF-8"
    );
    is_said(
        "<names>\n<row>,\"\n\n\n",
        plain().max_row_bytes(64),
        &["line 2: the row is longer than 64 bytes: close the quote that it may begin with; nothing \
             after this line was read"],
    );
}

#[test]
fn keys() {
    is_said(
        "<names>\n<row>\n\n<row>\n",
        plain(),
        &["line 4: the patient has the username of the one on line 2: take one of the rows out, or \
             say which column is the key"],
    );
    is_said(
        "<names>,patient-number\n<row>,1\n<row>,\n<row>, 2\n<row>,1\nAnn,Lee,,female,a@example.com,<id>,1\n",
        plain().key("patient-number"),
        &[
            "line 3, column 7, `patient-number`: is missing, and is the key: each row needs one",
            "line 4, column 7, `patient-number`: begins or ends with a space, and is the key: take it out",
            "line 5, column 7, `patient-number`: is the key, and the row on line 2 has the same: take \
             one of the rows out, or correct the key",
            "line 6, column 3, `birth-date`: is missing: write a day of the past like 1980-07-04",
            "line 6, column 7, `patient-number`: is the key, and the row on line 2 has the same: take \
             one of the rows out, or correct the key",
        ],
    );
}

#[test]
fn json() {
    is_said_of_json(
        "{\n\"first-name\": 1}\n[]\n7\n{} {}\n\n",
        plain(),
        &[
            "line 1, column 1: ends before the JSON object does: write each row as one JSON object, on \
             a line of its own",
            "line 2, column 1: is not a JSON object: write each row as one JSON object, on a line of \
             its own",
            "line 3, column 1: is not a JSON object: write each row as one JSON object, on a line of \
             its own",
            "line 4, column 1: is not a JSON object: write each row as one JSON object, on a line of \
             its own",
            "line 5, column 4: is not JSON from here on: write each row as one JSON object, on a line \
             of its own",
        ],
    );
    is_said_of_json(
        "{\"email\":\"a@example.com\",\"first-name\":7,\"first-name\":\"Ann\",\"dob\":\"1\",\"documents\":{},<rest>}\n",
        plain(),
        &[
            "line 1, field `first-name`: is not a text: write the name, on one line",
            "line 1, field `first-name`: is given twice: write the name, on one line",
            "line 1, field `dob`: is not a field of the schema: take it out",
            "line 1, field `documents`: is not a list: write it as the schema has it, or leave it out",
        ],
    );
    is_said_of_json(
        "{\"email\":\"a@example.com\",\"first-name\":\"Ann\",\"documents\":[{\"path\":\"/etc\"}],<rest>}\n",
        plain(),
        &[
            "line 1, field `documents[0].class`: is missing: write an id, or a name that the \
             organization lists",
            "line 1, field `documents[0].name`: is missing: write what the document is to be called, on \
             one line",
            "line 1, field `documents[0].path`: is not relative to the documents folder: write where \
             the file lies in the documents folder",
        ],
    );
    is_said_of_json(
        "{\"number\":1.5,\"email\":\"a@example.com\",\"first-name\":\"Ann\",<rest>}\n\
         {\"email\":\"a@example.com\",\"first-name\":\"Ann\",<rest>}\n\
         {\"number\":5,\"email\":\"a@example.com\",\"first-name\":\"Ann\",<rest>}\n\
         {\"number\":\"5\",\"email\":\"a@example.com\",\"first-name\":\"Ann\",<rest>}\n",
        plain().key("number"),
        &[
            "line 1, field `number`: is neither a text nor a whole number, and is the key",
            "line 2, field `number`: is missing, and is the key: each row needs one",
            "line 4, field `number`: is the key, and the row on line 3 has the same: take one of the \
             rows out, or correct the key",
        ],
    );
    assert_eq!(
        said(RowFormat::Ndjson, b"{\"first-name\":\"\xe9\"}".to_vec(), plain()),
        "line 1, column 16: is not UTF-8: save the file as UTF-8"
    );
}

#[test]
fn the_format_has_to_be_known() {
    let refused = wait(validate("patients.txt", plain(), 10)).unwrap_err();
    assert!(matches!(refused, RowError::UnknownFormat), "{refused}");
    let missing = wait(validate("there-is-no-such.csv", plain(), 10)).unwrap_err();
    assert_eq!(missing.to_string(), "the file cannot be read: entity not found");
}
