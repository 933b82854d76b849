//! Tests of the keys and digests of rows.

use carium_bulk::rows::{Row, RowFormat, RowOptions, Rows, Salt};
use futures_util::StreamExt as _;

use crate::support::{ORGANIZATION, block_on, rows};

const HEADER_LINE: &str = "first-name,last-name,birth-date,gender,email,mobile-phone,patient-number";

fn options() -> RowOptions {
    RowOptions::new().organization(Some(ORGANIZATION.parse().unwrap())).key("patient-number")
}

/// Parses a CSV row whose key is the patient number.
fn by_patient_number(fields: &str) -> Row {
    rows(RowFormat::Csv, format!("{HEADER_LINE}\n{fields}\n"), options()).remove(0)
}

/// Parses a CSV row without a key column.
fn by_username(fields: &str) -> Row {
    let header_line = HEADER_LINE.trim_end_matches(",patient-number");
    let options = RowOptions::new().organization(Some(ORGANIZATION.parse().unwrap()));
    rows(RowFormat::Csv, format!("{header_line}\n{fields}\n"), options).remove(0)
}

#[test]
fn key_identifies_a_row_and_digest_its_content() {
    let row = by_patient_number("Ann,Lee,1980-07-04,female,ann@example.com,,17");
    let renamed = by_patient_number("Ann,Low,1980-07-04,female,ann@example.com,,17");
    let other = by_patient_number("Ann,Lee,1980-07-04,female,ann@example.com,,18");
    assert_eq!((row.key, row.digest == renamed.digest), (renamed.key, false));
    assert_eq!((row.digest, row.key == other.key), (other.digest, false));
    assert_eq!(row.request.organization().to_string(), ORGANIZATION);
}

#[test]
fn username_is_the_email_in_any_case_or_the_phone() {
    let key = |contact: &str| by_username(&format!("Ann,Lee,1980-07-04,female,{contact}")).key;
    assert_eq!(key("ann@example.com,+15550100000"), key("Ann@Example.com,"));
    assert_ne!(key("ann@example.com,"), key("bob@example.com,"));
    assert_eq!(key(",+15550100000"), key(",+15550100000"));
    assert_ne!(key("ann@example.com,+15550100000"), key(",+15550100000"));
}

#[test]
fn formats_have_equal_hashes_and_salts_have_different_ones() {
    let json = format!(
        r#"{{"patient-number":17,"email":"ann@example.com","gender":"female","first-name":"Ann","last-name":"Lee",
        "birth-date":"1980-07-04","locale":"en_US","organization-id":"{ORGANIZATION}"}}"#
    );
    let json = json.replace('\n', " ");
    let ndjson_row = rows(RowFormat::Ndjson, json.clone(), options()).remove(0);
    let csv_row = by_patient_number("Ann,Lee,1980-07-04,female,ann@example.com,,17");
    assert_eq!((ndjson_row.key, ndjson_row.digest), (csv_row.key, csv_row.digest));

    let other_salt = block_on(async {
        let reader = std::io::Cursor::new(json);
        let rows = Rows::from_reader(reader, RowFormat::Ndjson, options(), Salt::new([8; 32])).await.unwrap();
        rows.map(Result::unwrap).collect::<Vec<_>>().await.remove(0)
    });
    assert!(other_salt.key != ndjson_row.key && other_salt.digest != ndjson_row.digest);
    assert_eq!(other_salt.request, ndjson_row.request);
}
