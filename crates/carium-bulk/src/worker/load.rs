//! Loads rows and their onboarding requests, from the row store and the submitted files.

use std::collections::HashMap;
use std::sync::Arc;

use carium::onboarding::{OnboardingRequest, OnboardingRow};
use carium::{Error, ErrorKind};

use crate::files::{SourceFiles, file_changed};
use crate::queue::QueueInner;
use crate::row_store::{RowId, RowState, StoredRow};
use crate::rows::Row;

/// Loads the rows that are assigned to a worker.
pub(super) struct RowLoader {
    queue: Arc<QueueInner>,
    files: SourceFiles,
}

/// A pending row.
pub(super) struct LoadedRow {
    pub(super) stored: StoredRow,
    /// The request, or why it cannot be read.
    pub(super) request: Result<OnboardingRequest, Error>,
}

type Requests = HashMap<RowId, Result<OnboardingRequest, Error>>;

impl RowLoader {
    pub(super) fn new(queue: Arc<QueueInner>) -> Self {
        let files = SourceFiles::new(queue.database.clone(), queue.salt.clone());
        Self { queue, files }
    }

    /// Loads those of the rows that are pending.
    pub(super) async fn load(&self, ids: &[RowId]) -> Result<Vec<LoadedRow>, Error> {
        let mut rows = self.queue.database.rows(ids).await?;
        rows.retain(|row| row.state == RowState::Pending);
        let mut requests = match &self.queue.cipher {
            Some(_) => self.decrypt(&rows).await?,
            None => self.read_files(&rows).await,
        };
        let load = |stored: StoredRow| {
            let request = requests.remove(&stored.id).unwrap_or_else(|| Err(no_content()));
            LoadedRow { stored, request }
        };
        Ok(rows.into_iter().map(load).collect())
    }

    /// Reads the requests of rows from their files.
    async fn read_files(&self, rows: &[StoredRow]) -> Requests {
        let mut by_file: HashMap<i64, Vec<&StoredRow>> = HashMap::new();
        for row in rows {
            if let Some(file) = row.file {
                by_file.entry(file).or_default().push(row);
            }
        }
        let mut requests = Requests::new();
        for (file, rows) in by_file {
            let locations = rows.iter().map(|row| row.location).collect();
            let read = self.files.read(file, locations).await;
            let read = read.into_iter().zip(rows);
            requests.extend(read.map(|(row, stored)| {
                (stored.id, row.and_then(|row| check(row, &stored.key, &stored.digest)))
            }));
        }
        requests
    }

    /// Decrypts the requests of rows that are stored in the database.
    async fn decrypt(&self, rows: &[StoredRow]) -> Result<Requests, Error> {
        let Some(cipher) = &self.queue.cipher else { return Ok(Requests::new()) };
        let ids: Vec<RowId> = rows.iter().map(|row| row.id).collect();
        let mut encrypted = self.queue.database.encrypted_rows(&ids).await?;
        let decrypt = |stored: &StoredRow| {
            let row = cipher.decrypt(stored.key.as_bytes(), encrypted.remove(&stored.id)?);
            Some((stored.id, row.and_then(|row| parse(&row))))
        };
        Ok(rows.iter().filter_map(decrypt).collect())
    }
}

/// Returns the request of a row that was read from its file, if it is the row that was submitted with this key and
/// digest.
fn check(row: Row, key: &str, digest: &str) -> Result<OnboardingRequest, Error> {
    let is_same = row.key.to_string() == key && row.digest.to_string() == digest;
    if is_same { Ok(row.request) } else { Err(file_changed()) }
}

fn parse(row: &[u8]) -> Result<OnboardingRequest, Error> {
    let row = serde_json::from_slice::<OnboardingRow>(row);
    row.map_err(|_| Error::new(ErrorKind::Corrupt, "the decrypted row cannot be parsed"))?.check()
}

fn no_content() -> Error {
    Error::new(ErrorKind::InvalidInput, "the row is encrypted, but the queue was opened without a key")
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;
    use crate::rows::{RowFormat, RowOptions, Rows, Salt};

    async fn read(first_name: &str, email: &str) -> Row {
        let organization = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72";
        let text = format!(
            "first-name,last-name,birth-date,gender,email,organization-id\n\
             {first_name},Quill,1984-12-31,female,{email},{organization}\n"
        );
        let (reader, salt) = (std::io::Cursor::new(text), Salt::new([1; 32]));
        let rows = Rows::from_reader(reader, RowFormat::Csv, RowOptions::new(), salt).await;
        rows.unwrap().next().await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_row_with_another_key_or_another_content_was_not_submitted() {
        let submitted = read("Ada", "ada@example.com").await;
        let (key, digest) = (submitted.key.to_string(), submitted.digest.to_string());
        assert!(check(submitted, &key, &digest).is_ok());
        let other = read("Eve", "eve@example.com").await;
        let other_digest = other.digest.to_string();
        assert_eq!(check(other, &key, &other_digest).unwrap_err().kind(), ErrorKind::Corrupt);
        let edited = read("Eve", "ada@example.com").await;
        assert_eq!(edited.key.to_string(), key);
        assert_eq!(check(edited, &key, &digest).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
