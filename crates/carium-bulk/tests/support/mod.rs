//! What the tests of the queue share.

#![allow(dead_code, reason = "each test uses some of it")]

pub(crate) mod server;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use carium_bulk::{EncryptionKey, OnboardingQueue, QueueLocation, RowCounts, Target, WorkOptions};
use carium_mock::FakeCarium;
use tempfile::TempDir;

use self::server::Server;

/// A folder for a queue, its file of rows and their documents.
pub(crate) struct RowLocation {
    pub(crate) folder: TempDir,
    /// Where the queue is.
    pub(crate) location: QueueLocation,
    server: Option<Server>,
}

/// What the rows of a queue on a server are sealed with.
pub(crate) const KEY: [u8; 32] = *b"a key of the tests and of no one";

impl RowLocation {
    /// With the queue in a file.
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let location = QueueLocation::File(folder.path().join("queue.db"));
        Self { folder, location, server: None }
    }

    /// With the queue on a server of its own. `None`, and said so, where there is none to be had.
    pub(crate) fn on_server() -> Option<Self> {
        let server = Server::start()?;
        let location = QueueLocation::Server(server.url());
        Some(Self { folder: TempDir::new().unwrap(), location, server: Some(server) })
    }

    /// The server.
    pub(crate) fn server(&mut self) -> &mut Server {
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

/// Works until nothing waits, and gives the books.
pub(crate) async fn work(bulk: &OnboardingQueue, fake: &FakeCarium, place: &RowLocation) -> RowCounts {
    let options = WorkOptions::new().stop_when_settled();
    let folder = place.folder.path().to_owned();
    let onboarding = |ledger| fake.client().onboarding(ledger).documents_folder(folder);
    bulk.work(options, onboarding).await.unwrap().stopped().await.unwrap();
    bulk.status().await.unwrap()
}

/// A row of the patient with this number: the patient alone.
pub(crate) fn patient(fake: &FakeCarium, number: usize) -> String {
    format!(
        r#"{{"first-name":"Zoë{number}","last-name":"O'Hara","birth-date":"1984-02-29","gender":"female","email":"zoe{number}@example.com","organization-id":"{}"}}"#,
        fake.organization()
    )
}

/// The same with everything that can be asked for. The document is `letter-{number}.txt`.
pub(crate) fn whole_row(fake: &FakeCarium, number: usize) -> String {
    let alone = patient(fake, number);
    let rest = format!(
        r#""invite":["email"],"documents":[{{"path":"letter-{number}.txt","class":"Letters","name":"Letter {number}"}}],"appointment":{{"practitioner":"Dr. Ada","type":"Checkup","status":"Planned","start-time":"2031-01-04T09:00:00Z","end-time":"2031-01-04T09:30:00Z","add-video-channel":false}}"#
    );
    format!("{},{rest}}}", alone.trim_end_matches('}'))
}

/// What rows name.
pub(crate) fn furnish(fake: &FakeCarium) {
    fake.practitioner("Dr. Ada");
    fake.appointment_type("Checkup");
    fake.appointment_status("Planned");
    fake.document_class("Letters");
}

/// What the letter of a patient says.
pub(crate) fn letter(number: usize) -> String {
    format!("Letter to patient {number}. ").repeat(number % 7 + 1)
}

/// Writes the letters of these patients.
pub(crate) fn write_letters(folder: &Path, numbers: impl IntoIterator<Item = usize>) {
    for number in numbers {
        fs::write(folder.join(format!("letter-{number}.txt")), letter(number)).unwrap();
    }
}

/// One row a line.
pub(crate) fn lines(rows: impl IntoIterator<Item = String>) -> String {
    rows.into_iter().fold(String::new(), |mut text, row| {
        writeln!(text, "{row}").unwrap();
        text
    })
}
