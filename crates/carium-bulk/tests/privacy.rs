//! Checks that a queue neither stores nor logs health information.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::sync::{Arc, Mutex};

use carium_bulk::rows::RowOptions;
use carium_bulk::{ReportFormat, RowRecord, WorkOptions};
use carium_mock::FakeCarium;
use futures_util::TryStreamExt as _;

use self::support::{QueueFixture, add_lookups};

/// Captures the log at level TRACE.
#[derive(Clone, Default)]
struct CapturedLog(Arc<Mutex<Vec<u8>>>);

impl io::Write for CapturedLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Values that must not appear anywhere: names, dates, addresses, and contents of documents and appointments.
const CANARIES: [&str; 9] = [
    "Canaria",
    "Finchley",
    "1951-07-13",
    "canary@example.com",
    "5550147",
    "Songletter",
    "Featherloss",
    "Warbling",
    "2031-03-04T09",
];

fn assert_no_canary(text: &[u8], source: &str) {
    for canary in CANARIES {
        let is_present =
            text.windows(canary.len()).any(|window| window.eq_ignore_ascii_case(canary.as_bytes()));
        assert!(!is_present, "{source} contains {canary}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_stores_nor_logs_patient_data() {
    let log = CapturedLog::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    subscriber.without_time().with_writer(move || writer.clone()).init();

    let (fixture, fake) = (QueueFixture::sqlite(), FakeCarium::new());
    add_lookups(&fake);
    fs::write(fixture.path("songletter.txt"), "Featherloss").unwrap();
    let row = |email: &str, document: &str| {
        format!(
            r#"{{"first-name":"Canaria","last-name":"Finchley","birth-date":"1951-07-13","gender":"female","email":"{email}","mobile-phone":"+12125550147","organization-id":"{}","invite":["email"],"documents":[{{"path":"{document}","class":"Letters","name":"Songletter","description":"Featherloss"}}],"appointment":{{"practitioner":"Dr. Ada","type":"Checkup","status":"Planned","start-time":"2031-03-04T09:00:00Z","end-time":"2031-03-04T09:30:00Z","add-video-channel":false,"description":"Warbling"}}}}"#,
            fake.organization()
        ) + "\n"
    };
    // A row that completes, one with a missing document, one whose username is taken, and two invalid ones.
    let rows = [
        row("canary@example.com", "songletter.txt"),
        row("two.canary@example.com", "missing-songletter.txt"),
        row("three.canary@example.com", "songletter.txt"),
        row("canary.example.com", "songletter.txt"),
        "{\"first-name\": \"Canaria\n".to_owned(),
    ];
    let existing = row("three.canary@example.com", "songletter.txt");
    let existing =
        serde_json::from_str::<carium::onboarding::OnboardingRow>(&existing).unwrap().check().unwrap();
    fake.client().patients().create(existing.patient().clone()).await.unwrap();
    let file = fixture.write("patients.ndjson", &rows.concat());
    let queue = fixture.open(&fake).await;
    let submission = queue.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((submission.new, submission.invalid), (3, 2));
    assert_no_canary(format!("{submission:?}").as_bytes(), "the submission");
    let folder = fixture.folder.path().to_owned();
    let onboarding = |ledger| fake.client().onboarding(ledger).documents_folder(folder);
    let worker = queue.work(WorkOptions::new().stop_when_settled(), onboarding).await.unwrap();
    worker.join().await.unwrap();
    let counts = queue.status().await.unwrap();
    assert_eq!((counts.completed, counts.failed), (1, 2), "{counts:?}");

    let report: Vec<RowRecord> = queue.report().try_collect().await.unwrap();
    for row in &report {
        assert_no_canary(format!("{row:?}").as_bytes(), "a row record");
        assert_no_canary(ReportFormat::Csv.line(row).unwrap().as_bytes(), "the report as CSV");
        assert_no_canary(ReportFormat::Ndjson.line(row).unwrap().as_bytes(), "the report as NDJSON");
    }
    assert_no_canary(format!("{queue:?} {:?}", fixture.location).as_bytes(), "the debug output of the queue");
    let entries = fs::read_dir(fixture.folder.path()).unwrap().map(Result::unwrap);
    let queue_files = entries.filter(|file| file.file_name().to_string_lossy().starts_with("queue.db"));
    let mut files = Vec::new();
    for file in queue_files {
        assert_no_canary(&fs::read(file.path()).unwrap(), &file.file_name().to_string_lossy());
        files.push(file.file_name().to_string_lossy().into_owned());
    }
    assert!(files.iter().any(|file| file.ends_with("-wal")), "{files:?}");
    queue.close().await;
    assert_no_canary(&fs::read(fixture.path("queue.db")).unwrap(), "the closed database");
    let text = log.0.lock().unwrap().clone();
    let log = String::from_utf8_lossy(&text);
    for target in ["carium_bulk", "carium.onboarding"] {
        assert!(log.contains(target), "the log has no events of {target}");
    }
    assert_no_canary(&text, "the log");
}

/// A new column needs a line in the guide that says what it holds, and why.
#[tokio::test]
async fn guide_lists_every_column_of_the_database() {
    let fixture = QueueFixture::sqlite();
    fixture.open(&FakeCarium::new()).await.close().await;
    let url = format!("sqlite://{}", fixture.path("queue.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let sql =
        "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'";
    let columns: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&pool).await.unwrap();
    let columns: BTreeSet<_> = columns.into_iter().collect();

    let guide = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/phi.md")).unwrap();
    let mut listed = BTreeSet::new();
    for line in guide.lines().filter(|line| line.starts_with("| `carium_")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        for column in cells[2].split(", ") {
            listed.insert((cells[1].trim_matches('`').to_owned(), column.trim_matches('`').to_owned()));
        }
    }
    assert_eq!(columns, listed);
}

/// Rows on a server are encrypted, and can be decrypted only with the key of the queue.
#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn encrypts_rows_on_a_server() {
    let Some(fixture) = QueueFixture::postgres() else { return };
    let fake = FakeCarium::new();
    let row = support::patient_row(&fake, 1).replace("O'Hara", "Finchley");
    let file = fixture.write("patients.ndjson", &(row + "\n"));
    let queue = fixture.open(&fake).await;
    queue.submit(&file, RowOptions::new()).await.unwrap();
    let carium_bulk::QueueLocation::Postgres(url) = &fixture.location else {
        panic!("the queue is not on a server")
    };
    let pool = sqlx::PgPool::connect(url).await.unwrap();
    for table in ["carium_row", "carium_ledger", "carium_file", "carium_queue"] {
        let rows = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t");
        let text: String = sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).fetch_one(&pool).await.unwrap();
        assert_no_canary(text.as_bytes(), table);
        // PostgreSQL shows bytes as hexadecimal digits; these are "Finchley".
        assert!(!text.contains("46696e63686c6579"), "{table}");
    }
    let encrypted: Vec<u8> =
        sqlx::query_scalar("SELECT encrypted FROM carium_row").fetch_one(&pool).await.unwrap();
    assert_no_canary(&encrypted, "the encrypted row");
    assert!(encrypted.len() > 100, "{}", encrypted.len());

    let target = || carium_bulk::Target::sandbox(fake.organization());
    let other_key = carium_bulk::EncryptionKey::from([1; 32]);
    let error = carium_bulk::OnboardingQueue::open_encrypted(&fixture.location, target(), &other_key).await;
    let error = error.unwrap_err();
    assert!(error.to_string().contains("another key"), "{error}");
    let error = carium_bulk::OnboardingQueue::open(&fixture.location, target()).await.unwrap_err();
    assert!(error.to_string().contains("needs a key"), "{error}");
    assert_eq!(support::work(&queue, &fake, &fixture).await.completed, 1);
}
