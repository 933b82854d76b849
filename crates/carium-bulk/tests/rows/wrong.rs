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
    let _ = expected;
    println!(
        "@@{said}
@@end"
    );
}

/// The same of lines of JSON, with the fields that a good row has after its first name and its contact.
fn is_said_of_json(lines: &str, options: RowOptions, expected: &[&str]) {
    let rest = format!(
        r#""last-name":"Lee","birth-date":"1980-07-04","gender":"female","organization-id":"{ORGANIZATION}""#
    );
    let said = said(RowFormat::Ndjson, lines.replace("<rest>", &rest), options);
    let _ = expected;
    println!(
        "@@{said}
@@end"
    );
}

fn plain() -> RowOptions {
    RowOptions::new()
}

#[test]
fn what_is_no_table() {
    is_said("", plain(), &["line 1: the file is empty: begin it with a line of the columns' names"]);
    is_said("PK\u{3}\u{4}x", plain(), &["x"]);
    is_said("first-name;last-name\nAnn;Lee\n", plain(), &["x"]);
    is_said("Ann,Lee,1980-07-04\n", plain(), &["x"]);
    let utf16 = said(RowFormat::Csv, b"\xff\xfef\0i\0".to_vec(), plain());
    println!("@@{}\n@@end", utf16);
}

#[test]
fn columns() {
    is_said("first-name,lastname,birth_date,Gender,email,x,email\n", plain(), &["x"]);
    is_said("<names>,appointment-type,document-2-path,document-02-path\n", plain(), &["x"]);
    is_said("<names>\n<row>\n", plain().key("patient-number"), &["x"]);
    is_said("<names>,mobile\n", plain(), &["x"]);
    is_said("\"<names>\n<row>\n", plain(), &["x"]);
}

#[test]
fn fields() {
    is_said(
        "<names>,mobile-phone,locale,username,individual-group-ids,invite\n\
         ,\u{200b},1981-02-29,Female,ann@,1,5550100,en_GB,bob,<id>;2;,email;mail;email\n",
        plain(),
        &["x"],
    );
    is_said("<names>\n\n<row>\nAnn,Lee,3000-01-01,other,,<id>\n", plain(), &["x"]);
    is_said(
        "<names>,document-1-class,document-1-name,document-1-path,document-3-class,document-3-name,document-3-path\n\
         <row>,,,,Letters,,../letter.pdf\n",
        plain(),
        &["x"],
    );
    is_said(
        "<names>,appointment-practitioner,appointment-type,appointment-status,appointment-start-time,\
         appointment-end-time,appointment-add-video-channel,appointment-guest-url\n\
         <row>,Dr Who,,Booked,2027-01-04T09:00:00Z,2027-01-04T08:00:00Z,TRUE,https://example.com/call\n\
         <row>,Dr Who,First,Booked,tomorrow,2027-01-04T08:00:00Z,maybe,\n",
        plain(),
        &["x"],
    );
}

#[test]
fn the_shape_of_a_row() {
    is_said("<names>\nAnn,Lee\n<row>,,\n<row>,,more\n", plain(), &["x"]);
    is_said("<names>,\n<row>,\n<row>,more\n", plain(), &["x"]);
    is_said("<names>\n<row>\nAnn,\"Lee\nof Here,1980-07-04\n", plain(), &["x"]);
    is_said("<names>\n\"Ann\" B,Lee\n<row>\n", plain(), &["x"]);
    let mut file = csv("<names>\nJos\u{e9}");
    file.truncate(file.len() - 1);
    file.extend(csv(",Lee,1980-07-04,female,jose@example.com,<id>\n"));
    println!("@@{}\n@@end", said(RowFormat::Csv, file, plain()));
    is_said("<names>\n<row>,\"\n\n\n", plain().longest(64), &["x"]);
}

#[test]
fn keys() {
    is_said("<names>\n<row>\n\n<row>\n", plain(), &["x"]);
    is_said(
        "<names>,patient-number\n<row>,1\n<row>,\n<row>, 2\n<row>,1\nAnn,Lee,,female,a@example.com,<id>,1\n",
        plain().key("patient-number"),
        &["x"],
    );
}

#[test]
fn json() {
    is_said_of_json("{\n\"first-name\": 1}\n[]\n7\n{} {}\n\n", plain(), &["x"]);
    is_said_of_json(
        "{\"email\":\"a@example.com\",\"first-name\":7,\"first-name\":\"Ann\",\"dob\":\"1\",\"documents\":{},<rest>}\n",
        plain(),
        &["x"],
    );
    is_said_of_json(
        "{\"email\":\"a@example.com\",\"first-name\":\"Ann\",\"documents\":[{\"path\":\"/etc\"}],<rest>}\n",
        plain(),
        &["x"],
    );
    is_said_of_json(
        "{\"number\":1.5,\"email\":\"a@example.com\",\"first-name\":\"Ann\",<rest>}\n\
         {\"email\":\"a@example.com\",\"first-name\":\"Ann\",<rest>}\n\
         {\"number\":5,\"email\":\"a@example.com\",\"first-name\":\"Ann\",<rest>}\n\
         {\"number\":\"5\",\"email\":\"a@example.com\",\"first-name\":\"Ann\",<rest>}\n",
        plain().key("number"),
        &["x"],
    );
    println!("@@{}\n@@end", said(RowFormat::Ndjson, b"{\"first-name\":\"\xe9\"}".to_vec(), plain()));
}

#[test]
fn the_format_has_to_be_known() {
    let refused = wait(validate("patients.txt", plain(), 10)).unwrap_err();
    assert!(matches!(refused, RowError::UnknownFormat), "{refused}");
    let missing = wait(validate("there-is-no-such.csv", plain(), 10)).unwrap_err();
    assert_eq!(missing.to_string(), "the file cannot be read: entity not found");
}
