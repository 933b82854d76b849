//! Writes to the ledger and to the row store, batched so that the writes of many rows share one transaction.
//!
//! Each write must be on disk before its row continues, and a disk can flush only a limited number of times per
//! second.

use std::collections::HashSet;

use async_trait::async_trait;
use carium::Error;
use carium::onboarding::RowKey;

use crate::batch::{BatchHandler, Batches};
use crate::database::{Database, Transaction, in_time};
use crate::row_store::{RowId, RowUpdate};

/// Accepts write requests, and responds when they are on disk.
pub(crate) type Writer = Batches<WriteHandler>;

/// A write to the ledger or to the row store.
#[derive(Debug)]
pub(crate) enum WriteRequest {
    Entry(EntryWrite),
    /// Updates a row in the row store.
    UpdateRow(RowUpdate),
}

/// Inserts the ledger entry of a step that has none, or replaces the one with the expected version.
#[derive(Debug)]
pub(crate) struct EntryWrite {
    pub(crate) row: RowKey,
    pub(crate) step: String,
    pub(crate) version: String,
    pub(crate) entry: String,
    /// The state of an upload with its presigned form, encrypted if the database is on a server.
    pub(crate) upload: Option<Vec<u8>>,
    pub(crate) expected: Option<String>,
}

/// The result of a write.
#[derive(Debug)]
pub(crate) enum WriteResult {
    /// The write was applied.
    Written,
    /// The write was not applied, because of an existing entry or another version. Contains the existing ledger entry
    /// if the step was expected to have none.
    Conflict(Option<String>),
}

/// Executes each batch of writes in one transaction.
pub(crate) struct WriteHandler(pub(crate) Database);

#[async_trait]
impl BatchHandler for WriteHandler {
    type Request = WriteRequest;
    type Response = WriteResult;

    async fn execute(&self, requests: &[WriteRequest]) -> Result<Vec<WriteResult>, Error> {
        let results = in_time(write_batch(&self.0, requests)).await;
        if let Err(error) = &results {
            self.0.record_failure();
            tracing::warn!(%error, writes = requests.len(), "could not write to the queue's database");
        }
        results
    }
}

async fn write_batch(database: &Database, requests: &[WriteRequest]) -> Result<Vec<WriteResult>, Error> {
    let now = database.now().await?;
    let mut transaction = database.begin().await?;
    let mut results = Vec::with_capacity(requests.len());
    let mut rest = requests;
    while !rest.is_empty() {
        let (group, others) = rest.split_at(count_distinct(rest));
        results.extend(write_group(&mut transaction, group, now).await?);
        rest = others;
    }
    transaction.commit().await?;
    Ok(results)
}

/// Returns how many of the first requests write to different ledger entries and rows. A later request may depend on
/// theirs.
fn count_distinct(requests: &[WriteRequest]) -> usize {
    let mut targets = HashSet::new();
    requests.iter().take_while(|request| targets.insert(request.target())).count()
}

/// Writes to different ledger entries and rows, with one statement for each kind of write.
async fn write_group(
    transaction: &mut Transaction,
    requests: &[WriteRequest],
    now: i64,
) -> Result<Vec<WriteResult>, Error> {
    let (mut inserts, mut replacements, mut updates) = (Vec::new(), Vec::new(), Vec::new());
    for request in requests {
        match request {
            WriteRequest::Entry(write) if write.expected.is_none() => inserts.push(write),
            WriteRequest::Entry(write) => replacements.push(write),
            WriteRequest::UpdateRow(update) => updates.push(update),
        }
    }
    let (mut entries, mut rows) = (HashSet::new(), HashSet::new());
    if !inserts.is_empty() {
        entries.extend(transaction.insert_entries(&inserts).await?);
    }
    if !replacements.is_empty() {
        entries.extend(transaction.replace_entries(&replacements).await?);
    }
    if !updates.is_empty() {
        rows.extend(transaction.update_rows(&updates, now).await?);
    }
    let mut results = Vec::with_capacity(requests.len());
    for request in requests {
        let is_written = match request.target() {
            WriteTarget::Entry(row, step) => entries.contains(&(row.to_owned(), step.to_owned())),
            WriteTarget::Row(row) => rows.contains(&row),
        };
        results.push(match request {
            _ if is_written => WriteResult::Written,
            WriteRequest::Entry(write) if write.expected.is_none() => {
                WriteResult::Conflict(transaction.entry(&write.row, &write.step).await?)
            }
            _ => WriteResult::Conflict(None),
        });
    }
    Ok(results)
}

/// The ledger entry or the row that a request writes to.
#[derive(PartialEq, Eq, Hash)]
enum WriteTarget<'a> {
    Entry(&'a str, &'a str),
    Row(RowId),
}

impl WriteRequest {
    fn target(&self) -> WriteTarget<'_> {
        match self {
            Self::Entry(write) => WriteTarget::Entry(write.row.as_str(), &write.step),
            Self::UpdateRow(update) => WriteTarget::Row(update.row),
        }
    }
}
