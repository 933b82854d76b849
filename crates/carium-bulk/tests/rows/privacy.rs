//! Canaries in every field, in every wrong way: none of them is in what is said or printed.

use carium_bulk::rows::{RowFormat, RowOptions, Salt};

use crate::support::{ORGANIZATION, read, said, salt};

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

/// Each way in which a value can be wrong, with a canary in it.
const VALUES: [&str; 7] =
    ["canary", "Canary Bird", "canary@", "../canary\u{7}", "\"canary\"x", "\"canary", " canary;canary "];

/// All that is said and printed of a file.
fn everything(format: RowFormat, file: impl Into<Vec<u8>> + Clone) -> String {
    let options = || RowOptions::new().key("patient-number");
    let read = read(format, file.clone(), options());
    format!("{read:?} {read:#?} {}", said(format, file, options()))
}

fn assert_private(all: &str, file: &str) {
    assert!(!all.to_lowercase().contains("canary"), "{all}\n{file}");
}

#[test]
fn of_a_table() {
    for value in VALUES {
        for at in 0..NAMES.len() {
            let row = |index: usize| if index == at { value } else { "" };
            let cells: Vec<_> = (0..NAMES.len()).map(row).collect();
            let file = format!("{}\n{}\n", NAMES.join(","), cells.join(","));
            let all = everything(RowFormat::Csv, file.clone());
            assert!(all.contains("line 2"), "{all}");
            assert_private(&all, &file);
        }
        // A line of values in the place of the names, one of which may be a name.
        for names in [format!("{value},{value}"), format!("email,{value},1980-07-04,{value}")] {
            assert_private(&everything(RowFormat::Csv, names.clone()), &names);
        }
        let short = format!("{}\n{value}\n{value},{value}\n", NAMES.join(","));
        assert_private(&everything(RowFormat::Csv, short.clone()), &short);
    }
}

#[test]
fn of_lines() {
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
        assert_private(&everything(RowFormat::Ndjson, line.clone()), &line);
    }
}

#[test]
fn of_good_rows() {
    let row = format!(
        r#"{{"first-name":"canary","last-name":"canary","birth-date":"1811-02-03","gender":"pnta",
        "email":"canary@example.com","organization-id":"{ORGANIZATION}","patient-number":"canary",
        "documents":[{{"class":"x","name":"canary","path":"canary.pdf","description":"canary"}}]}}"#
    );
    let row = row.replace('\n', " ");
    let all = everything(RowFormat::Ndjson, row.clone());
    assert_private(&all, &row);
    assert!(all.contains("[phi]") && !all.contains("1811-02-03") && !all.contains("Pnta"), "{all}");
    let salts = format!("{:?} {:?}", salt(), Salt::new([99; 32]));
    assert_eq!(salts, "Salt([secret]) Salt([secret])");
}
