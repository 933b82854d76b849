//! What the tests of the queue share.

#![allow(dead_code, reason = "each test uses some of it")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use carium_bulk::{Bulk, Location, Target};
use carium_mock::FakeCarium;
use tempfile::TempDir;

/// A folder for a queue, its file of rows and their documents.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn location(&self) -> Location {
        Location::File(self.path("queue.db"))
    }

    pub(crate) async fn open(&self, fake: &FakeCarium) -> Bulk {
        Bulk::open(&self.location(), Target::sandbox(fake.organization())).await.unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }
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
        r#""invite":["email"],"documents":[{{"path":"letter-{number}.txt","class":"Letters","name":"Letter {number}"}}],"appointment":{{"practitioner":"Dr. Ada","type":"Checkup","status":"Planned","start-time":"2031-01-04T09:00:00Z","end-time":"2031-01-04T09:30:00Z"}}"#
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
