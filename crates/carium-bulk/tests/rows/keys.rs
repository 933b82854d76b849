//! What rows are recognised by.

use carium_bulk::rows::{Row, RowFormat, RowOptions, Rows, Salt};
use futures_util::StreamExt as _;

use crate::support::{ORGANIZATION, rows, wait};

const NAMES: &str = "first-name,last-name,birth-date,gender,email,mobile-phone,patient-number";

fn options() -> RowOptions {
    RowOptions::new().organization(Some(ORGANIZATION.parse().unwrap())).key("patient-number")
}

fn one(fields: &str) -> Row {
    rows(RowFormat::Csv, format!("{NAMES}\n{fields}\n"), options()).remove(0)
}

/// The same without a key given.
fn by_username(fields: &str) -> Row {
    let names = NAMES.trim_end_matches(",patient-number");
    let options = RowOptions::new().organization(Some(ORGANIZATION.parse().unwrap()));
    rows(RowFormat::Csv, format!("{names}\n{fields}\n"), options).remove(0)
}

#[test]
fn a_row_is_known_by_its_key_and_a_change_by_its_digest() {
    let row = one("Ann,Lee,1980-07-04,female,ann@example.com,,17");
    let moved = one("Ann,Low,1980-07-04,female,ann@example.com,,17");
    let other = one("Ann,Lee,1980-07-04,female,ann@example.com,,18");
    assert_eq!((row.key, row.digest == moved.digest), (moved.key, false));
    assert_eq!((row.digest, row.key == other.key), (other.digest, false));
    assert_eq!(row.request.organization().to_string(), ORGANIZATION);
}

#[test]
fn the_username_is_the_address_in_any_letters_else_the_phone() {
    let by = |contact: &str| by_username(&format!("Ann,Lee,1980-07-04,female,{contact}")).key;
    assert_eq!(by("ann@example.com,+15550100000"), by("Ann@Example.com,"));
    assert_ne!(by("ann@example.com,"), by("bob@example.com,"));
    assert_eq!(by(",+15550100000"), by(",+15550100000"));
    assert_ne!(by("ann@example.com,+15550100000"), by(",+15550100000"));
}

#[test]
fn the_forms_agree_and_salts_do_not() {
    let json = format!(
        r#"{{"patient-number":17,"email":"ann@example.com","gender":"female","first-name":"Ann","last-name":"Lee",
        "birth-date":"1980-07-04","locale":"en_US","organization-id":"{ORGANIZATION}"}}"#
    );
    let json = json.replace('\n', " ");
    let of_json = rows(RowFormat::Ndjson, json.clone(), options()).remove(0);
    let of_csv = one("Ann,Lee,1980-07-04,female,ann@example.com,,17");
    assert_eq!((of_json.key, of_json.digest), (of_csv.key, of_csv.digest));

    let salted = wait(async {
        let reader = std::io::Cursor::new(json);
        let rows = Rows::from_reader(reader, RowFormat::Ndjson, options(), Salt::new([8; 32])).await.unwrap();
        rows.map(Result::unwrap).collect::<Vec<_>>().await.remove(0)
    });
    assert!(salted.key != of_json.key && salted.digest != of_json.digest);
    assert_eq!(salted.request, of_json.request);
}
