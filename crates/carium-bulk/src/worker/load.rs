//! Loads pending rows and their onboarding requests, from the row store and the submitted files.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use carium::onboarding::{OnboardingRequest, OnboardingRow};
use carium::{Error, ErrorKind};

use crate::batch::{BatchHandler, Batches};
use crate::files::{SourceFiles, file_changed};
use crate::queue::QueueInner;
use crate::row_store::{RowId, RowState, StoredRow};
use crate::rows::Row;

/// Loads rows by their IDs. There is no response for a row that is not pending.
pub(super) type RowLoader = Batches<LoadHandler>;

/// Loads the rows of each batch together.
pub(super) struct LoadHandler {
    pub(super) queue: Arc<QueueInner>,
    pub(super) files: SourceFiles,
}

/// A pending row.
pub(super) struct LoadedRow {
    pub(super) stored: StoredRow,
    /// The request, or why it cannot be read.
    pub(super) request: Result<OnboardingRequest, Error>,
}

#[async_trait]
impl BatchHandler for LoadHandler {
    type Request = RowId;
    type Response = Option<Arc<LoadedRow>>;

    async fn execute(&self, ids: &[RowId]) -> Result<Vec<Option<Arc<LoadedRow>>>, Error> {
        let mut stored = self.queue.database.rows(ids).await?;
        stored.retain(|_, row| row.state == RowState::Pending);
        let mut requests = match &self.queue.cipher {
            Some(_) => self.decrypt(&stored).await?,
            None => self.read_files(&stored).await,
        };
        let loaded: HashMap<RowId, Arc<LoadedRow>> = stored
            .into_iter()
            .map(|(id, stored)| {
                let request = requests.remove(&id).unwrap_or_else(|| Err(no_content()));
                (id, Arc::new(LoadedRow { stored, request }))
            })
            .collect();
        Ok(ids.iter().map(|id| loaded.get(id).cloned()).collect())
    }
}

type Requests = HashMap<RowId, Result<OnboardingRequest, Error>>;

impl LoadHandler {
    /// Reads the requests of rows from their files.
    async fn read_files(&self, stored: &HashMap<RowId, StoredRow>) -> Requests {
        let mut by_file: HashMap<i64, Vec<&StoredRow>> = HashMap::new();
        for row in stored.values() {
            if let Some(file) = row.file {
                by_file.entry(file).or_default().push(row);
            }
        }
        let mut requests = Requests::new();
        for (file, rows) in by_file {
            let locations = rows.iter().map(|row| row.location).collect();
            let read = self.files.read(file, locations).await;
            requests.extend(
                rows.iter()
                    .zip(read)
                    .map(|(stored, row)| (stored.id, row.and_then(|row| unchanged_request(row, stored)))),
            );
        }
        requests
    }

    /// Decrypts the requests of rows that are stored in the database.
    async fn decrypt(&self, stored: &HashMap<RowId, StoredRow>) -> Result<Requests, Error> {
        let Some(cipher) = &self.queue.cipher else { return Ok(Requests::new()) };
        let ids: Vec<RowId> = stored.keys().copied().collect();
        let encrypted = self.queue.database.encrypted_rows(&ids).await?;
        let decrypt = |(id, encrypted): (RowId, Vec<u8>)| {
            let row = cipher.decrypt(stored.get(&id)?.key.as_bytes(), encrypted);
            Some((id, row.and_then(|row| parse(&row))))
        };
        Ok(encrypted.into_iter().filter_map(decrypt).collect())
    }
}

/// Returns the request of a row that was read from its file, if it is the row that was submitted.
fn unchanged_request(row: Row, stored: &StoredRow) -> Result<OnboardingRequest, Error> {
    let is_same = row.key.to_string() == stored.key && row.digest.to_string() == stored.digest;
    if is_same { Ok(row.request) } else { Err(file_changed()) }
}

fn parse(row: &[u8]) -> Result<OnboardingRequest, Error> {
    let row = serde_json::from_slice::<OnboardingRow>(row);
    row.map_err(|_| Error::new(ErrorKind::Corrupt, "the decrypted row cannot be parsed"))?.check()
}

fn no_content() -> Error {
    Error::new(ErrorKind::InvalidInput, "the row is encrypted, but the queue was opened without a key")
}
