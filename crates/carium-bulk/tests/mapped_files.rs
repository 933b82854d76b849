//! Mapped files on a queue: rows are read again at their place, and the report has their own keys.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "the test uses a part of the support module")]

mod support;

use std::path::{Path, PathBuf};

use carium_bulk::rows::{RowOptions, propose};
use carium_bulk::{OnboardingQueue, ReportFormat, RowRecord, RowState};
use carium_mock::FakeCarium;
use futures_util::TryStreamExt as _;

use self::support::{QueueFixture, work};

/// Copies a fixture file, so that the test can change it.
fn copy(fixture: &QueueFixture, name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/files").join(name);
    let path = fixture.path(name);
    std::fs::copy(source, &path).unwrap();
    path
}

async fn options(path: &Path, fake: &FakeCarium) -> RowOptions {
    let mapping = propose(path, None).await.unwrap().mapping().unwrap();
    RowOptions::new().mapping(mapping).organization(fake.organization())
}

async fn report(queue: &OnboardingQueue) -> Vec<RowRecord> {
    queue.report().try_collect().await.unwrap()
}

/// Onboards a fixture file, and asserts the keys of its rows in the report.
async fn assert_keys(name: &str, skipped: u64, invalid: u64, expected: &[&str]) {
    let (fake, fixture) = (FakeCarium::new(), QueueFixture::sqlite());
    let path = copy(&fixture, name);
    let options = options(&path, &fake).await;
    let queue = fixture.open(&fake).await;
    let submission = queue.submit(&path, options.clone()).await.unwrap();
    assert_eq!((submission.skipped, submission.invalid), (skipped, invalid), "{submission:?}");
    let counts = work(&queue, &fake, &fixture).await;
    assert_eq!(counts.completed, expected.len() as u64);
    let rows = report(&queue).await;
    let keys: Vec<_> = rows.iter().map(|row| row.key.as_ref().unwrap().as_str()).collect();
    assert_eq!(keys, expected);
    let line = ReportFormat::Csv.line(&rows[0]).unwrap();
    assert!(line.contains(&format!(",{},completed,", expected[0])), "{line}");
    assert!(!format!("{:?}", rows[0]).contains(expected[0]), "the key is in the debug output");
    assert_eq!(queue.submit(&path, options).await.unwrap().known, expected.len() as u64);

    // A file that has changed has no keys, but the report still has all rows.
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let rows = report(&queue).await;
    assert!(rows.len() == expected.len() && rows.iter().all(|row| row.key.is_none()));
}

#[tokio::test]
async fn report_has_the_keys_of_a_workbook() {
    let keys = ["0000001", "0000002", "0000003", "0000004", "0000005", "0000006"];
    assert_keys("register.xlsx", 0, 0, &keys).await;
}

#[tokio::test]
async fn report_has_the_keys_of_a_file_in_windows_1252() {
    assert_keys("excel-german.csv", 0, 0, &["4711", "4712", "4713", "4714"]).await;
}

#[tokio::test]
async fn report_has_the_identifiers_of_fhir_patients() {
    assert_keys("fhir-patients.ndjson", 3, 1, &["0000001", "0000002", "0000003"]).await;
}

#[tokio::test]
async fn row_of_another_file_and_mapping_is_known_and_moves_there() {
    let (fake, fixture) = (FakeCarium::new(), QueueFixture::sqlite());
    let one = fixture
        .write("one.csv", "MRN;Given;Family;Born;Sex;Mail\n7;Ada;Quill;29.02.1984;f;ada@example.com\n");
    let other =
        fixture.write("other.csv", "mail,name,dob,sex,mrn\nada@example.com,\"Quill, Ada\",2/29/1984,F,7\n");
    let queue = fixture.open(&fake).await;
    assert_eq!(queue.submit(&one, options(&one, &fake).await).await.unwrap().new, 1);
    assert_eq!(queue.submit(&other, options(&other, &fake).await).await.unwrap().known, 1);
    // The row is now read from the other file.
    std::fs::remove_file(&one).unwrap();
    assert_eq!(work(&queue, &fake, &fixture).await.completed, 1);
    assert_eq!(report(&queue).await[0].file.as_deref(), Some(&*other.canonicalize().unwrap()));
}

#[tokio::test]
async fn workbook_that_changed_is_not_read() {
    let (fake, fixture) = (FakeCarium::new(), QueueFixture::sqlite());
    let path = copy(&fixture, "register.xlsx");
    let queue = fixture.open(&fake).await;
    queue.submit(&path, options(&path, &fake).await).await.unwrap();
    std::fs::write(&path, "PK").unwrap();
    let counts = work(&queue, &fake, &fixture).await;
    assert_eq!((counts.completed, counts.failed), (0, 6));
    assert!(report(&queue).await.iter().all(|row| row.state == RowState::Failed));
}
