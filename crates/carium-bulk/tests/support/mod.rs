//! Helpers that the tests of the queue share.

#![allow(dead_code, reason = "each test file uses only some of the helpers")]

pub(crate) mod postgres;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use carium_bulk::{EncryptionKey, OnboardingQueue, QueueLocation, RowCounts, Target, WorkOptions};
use carium_mock::FakeCarium;
use tempfile::TempDir;

use self::postgres::PostgresServer;

/// Runs each test of a file with a queue in a SQLite file and with a queue on a PostgreSQL server.
#[allow(unused_macros, reason = "some test files test one backend only")]
macro_rules! test_both_backends {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::$name(super::QueueFixture::sqlite()).await;
                }
            )*
        }

        #[cfg(feature = "postgres")]
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    if let Some(fixture) = super::QueueFixture::postgres() {
                        super::$name(fixture).await;
                    }
                }
            )*
        }
    };
}
#[allow(unused_imports, reason = "some test files test one backend only")]
pub(crate) use test_both_backends;

/// A queue location with a temporary folder for the submitted file and the documents.
pub(crate) struct QueueFixture {
    pub(crate) folder: TempDir,
    pub(crate) location: QueueLocation,
    server: Option<PostgresServer>,
}

/// The key of queues on a server.
pub(crate) const KEY: [u8; 32] = *b"a 32-byte key used only in tests";

impl QueueFixture {
    /// Creates a fixture for a queue in a SQLite file.
    pub(crate) fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let location = QueueLocation::Sqlite(folder.path().join("queue.db"));
        Self { folder, location, server: None }
    }

    /// Creates a fixture for a queue on a new PostgreSQL server. Prints a message and returns `None` if no server can
    /// be started.
    pub(crate) fn postgres() -> Option<Self> {
        let server = PostgresServer::start()?;
        let location = QueueLocation::Postgres(server.url());
        Some(Self { folder: TempDir::new().unwrap(), location, server: Some(server) })
    }

    pub(crate) fn server(&mut self) -> &mut PostgresServer {
        self.server.as_mut().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) async fn try_open(&self, target: Target) -> Result<OnboardingQueue, carium::Error> {
        match self.server {
            Some(_) => {
                OnboardingQueue::open_encrypted(&self.location, target, &EncryptionKey::from(KEY)).await
            }
            None => OnboardingQueue::open(&self.location, target).await,
        }
    }

    pub(crate) async fn open(&self, fake: &FakeCarium) -> OnboardingQueue {
        self.try_open(Target::sandbox(fake.organization())).await.unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }
}

/// Runs a worker until all rows are settled, and returns the row counts.
pub(crate) async fn work(queue: &OnboardingQueue, fake: &FakeCarium, fixture: &QueueFixture) -> RowCounts {
    let options = WorkOptions::new().stop_when_settled();
    let folder = fixture.folder.path().to_owned();
    let onboarding = |ledger| fake.client().onboarding(ledger).documents_folder(folder);
    queue.work(options, onboarding).await.unwrap().join().await.unwrap();
    queue.status().await.unwrap()
}

/// Returns a row that only creates the patient with this number.
pub(crate) fn patient_row(fake: &FakeCarium, number: usize) -> String {
    format!(
        r#"{{"first-name":"Zoë{number}","last-name":"O'Hara","birth-date":"1984-02-29","gender":"female","email":"zoe{number}@example.com","organization-id":"{}"}}"#,
        fake.organization()
    )
}

/// Returns a row with an invitation, a document (`letter-{number}.txt`) and an appointment.
pub(crate) fn full_row(fake: &FakeCarium, number: usize) -> String {
    let patient = patient_row(fake, number);
    let rest = format!(
        r#""invite":["email"],"documents":[{{"path":"letter-{number}.txt","class":"Letters","name":"Letter {number}"}}],"appointment":{{"practitioner":"Dr. Ada","type":"Checkup","status":"Planned","start-time":"2031-01-04T09:00:00Z","end-time":"2031-01-04T09:30:00Z","add-video-channel":false}}"#
    );
    format!("{},{rest}}}", patient.trim_end_matches('}'))
}

/// Adds the lookups that the rows refer to.
pub(crate) fn add_lookups(fake: &FakeCarium) {
    fake.practitioner("Dr. Ada");
    fake.appointment_type("Checkup");
    fake.appointment_status("Planned");
    fake.document_class("Letters");
}

/// Returns the text of a patient's letter.
pub(crate) fn letter(number: usize) -> String {
    format!("Letter to patient {number}. ").repeat(number % 7 + 1)
}

/// Writes the letters of these patients.
pub(crate) fn write_letters(folder: &Path, numbers: impl IntoIterator<Item = usize>) {
    for number in numbers {
        fs::write(folder.join(format!("letter-{number}.txt")), letter(number)).unwrap();
    }
}

/// Joins rows to the text of an NDJSON file.
pub(crate) fn lines(rows: impl IntoIterator<Item = String>) -> String {
    rows.into_iter().fold(String::new(), |mut text, row| {
        writeln!(text, "{row}").unwrap();
        text
    })
}
