//! No health information in what a queue keeps, and none in what it says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io;
use std::sync::{Arc, Mutex};

use carium_bulk::rows::RowOptions;
use carium_bulk::{ReportFormat, RowRecord, WorkOptions};
use carium_mock::FakeCarium;
use futures_util::TryStreamExt as _;

use self::support::{RowLocation, furnish};

/// Everything that the program emits, at TRACE.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What must be nowhere: names, days, addresses, and what documents and appointments are about.
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

fn find(text: &[u8], place: &str) {
    for canary in CANARIES {
        let is_there =
            text.windows(canary.len()).any(|window| window.eq_ignore_ascii_case(canary.as_bytes()));
        assert!(!is_there, "{canary} is in {place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_patient_is_kept_or_said() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    subscriber.without_time().with_writer(move || writer.clone()).init();

    let (place, fake) = (RowLocation::new(), FakeCarium::new());
    furnish(&fake);
    fs::write(place.path("songletter.txt"), "Featherloss").unwrap();
    let row = |email: &str, document: &str| {
        format!(
            r#"{{"first-name":"Canaria","last-name":"Finchley","birth-date":"1951-07-13","gender":"female","email":"{email}","mobile-phone":"+12125550147","organization-id":"{}","invite":["email"],"documents":[{{"path":"{document}","class":"Letters","name":"Songletter","description":"Featherloss"}}],"appointment":{{"practitioner":"Dr. Ada","type":"Checkup","status":"Planned","start-time":"2031-03-04T09:00:00Z","end-time":"2031-03-04T09:30:00Z","add-video-channel":false,"description":"Warbling"}}}}"#,
            fake.organization()
        ) + "\n"
    };
    // One that is done, one whose document is missing, one whose username is taken, and one that is none.
    let rows = [
        row("canary@example.com", "songletter.txt"),
        row("two.canary@example.com", "missing-songletter.txt"),
        row("three.canary@example.com", "songletter.txt"),
        row("canary.example.com", "songletter.txt"),
        "{\"first-name\": \"Canaria\n".to_owned(),
    ];
    let taken = row("three.canary@example.com", "songletter.txt");
    let taken = serde_json::from_str::<carium::onboarding::OnboardingRow>(&taken).unwrap().check().unwrap();
    fake.client().patients().create(taken.patient().clone()).await.unwrap();
    let file = place.write("patients.ndjson", &rows.concat());
    let bulk = place.open(&fake).await;
    let submission = bulk.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((submission.new, submission.invalid), (3, 2));
    find(format!("{submission:?}").as_bytes(), "what is said of a submission");
    let folder = place.folder.path().to_owned();
    let onboarding = |ledger| fake.client().onboarding(ledger).documents_folder(folder);
    let working = bulk.work(WorkOptions::new().stop_when_settled(), onboarding).await.unwrap();
    working.stopped().await.unwrap();
    let counts = bulk.status().await.unwrap();
    assert_eq!((counts.completed, counts.failed), (1, 2), "{counts:?}");

    let report: Vec<RowRecord> = bulk.report().try_collect().await.unwrap();
    for row in &report {
        find(format!("{row:?}").as_bytes(), "a row of the books");
        find(ReportFormat::Csv.line(row).unwrap().as_bytes(), "the report as CSV");
        find(ReportFormat::Ndjson.line(row).unwrap().as_bytes(), "the report as NDJSON");
    }
    find(format!("{bulk:?} {:?}", place.location).as_bytes(), "what the queue says of itself");
    let kept = fs::read_dir(place.folder.path()).unwrap().map(Result::unwrap);
    let kept = kept.filter(|file| file.file_name().to_string_lossy().starts_with("queue.db"));
    let mut files = Vec::new();
    for file in kept {
        find(&fs::read(file.path()).unwrap(), &file.file_name().to_string_lossy());
        files.push(file.file_name().to_string_lossy().into_owned());
    }
    assert!(files.iter().any(|file| file.ends_with("-wal")), "{files:?}");
    bulk.close().await;
    find(&fs::read(place.path("queue.db")).unwrap(), "the database after it was closed");
    let text = log.0.lock().unwrap().clone();
    let heard = String::from_utf8_lossy(&text);
    for speaker in ["riverqueue", "carium_bulk", "carium.onboarding"] {
        assert!(heard.contains(speaker), "{speaker} is not heard");
    }
    find(&text, "the log");
}

/// What lies on a server is sealed, and opens with its key alone.
#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn what_lies_on_a_server_is_sealed() {
    let Some(place) = RowLocation::on_server() else { return };
    let fake = FakeCarium::new();
    let row = support::patient(&fake, 1).replace("O'Hara", "Finchley");
    let file = place.write("patients.ndjson", &(row + "\n"));
    let bulk = place.open(&fake).await;
    bulk.submit(&file, RowOptions::new()).await.unwrap();
    let carium_bulk::QueueLocation::Server(url) = &place.location else { panic!("it is on a server") };
    let pool = sqlx::PgPool::connect(url).await.unwrap();
    for table in ["carium_row", "carium_ledger", "carium_file", "carium_queue", "river_job"] {
        let rows = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t");
        let text: String = sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).fetch_one(&pool).await.unwrap();
        find(text.as_bytes(), table);
        // Finchley, as the text form has bytes.
        assert!(!text.contains("46696e63686c6579"), "{table}");
    }
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM carium_row").fetch_one(&pool).await.unwrap();
    find(&sealed, "what is sealed");
    assert!(sealed.len() > 100, "{}", sealed.len());

    let target = || carium_bulk::Target::sandbox(fake.organization());
    let other = carium_bulk::EncryptionKey::from([1; 32]);
    let refused =
        carium_bulk::OnboardingQueue::open_encrypted(&place.location, target(), &other).await.unwrap_err();
    assert!(refused.to_string().contains("another key"), "{refused}");
    let refused = carium_bulk::OnboardingQueue::open(&place.location, target()).await.unwrap_err();
    assert!(refused.to_string().contains("needs a key"), "{refused}");
    assert_eq!(support::work(&bulk, &fake, &place).await.completed, 1);
}
