//! Writes to the ledger and to the row store, batched so that the writes of many rows share one transaction.
//!
//! Each write must be on disk before its row continues, and a disk can flush only a limited number of times per
//! second. While one transaction is being committed, new requests collect for the next one.

use carium::onboarding::{EntryVersion, LedgerEntry, RowKey, Step};
use carium::{Error, ErrorKind};
use tokio::sync::{mpsc, oneshot};

use crate::database::{Database, Transaction, for_backend, unavailable};
use crate::engine::RowId;

/// The maximum number of requests that wait for a transaction. Further callers wait until there is capacity.
const CHANNEL_CAPACITY: usize = 1024;
/// The maximum number of requests in one transaction.
const MAX_BATCH: usize = 256;

type PendingWrite = (WriteRequest, oneshot::Sender<Option<WriteResult>>);

/// Accepts write requests, and responds when they are on disk. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Writer(mpsc::Sender<PendingWrite>);

/// A write to the ledger or to the row store.
#[derive(Debug)]
pub(crate) enum WriteRequest {
    /// Inserts a ledger entry, unless the step already has one.
    InsertEntry { row: RowKey, step: Step, entry: LedgerEntry },
    /// Replaces the ledger entry of the step, if it still has the expected version.
    CompareAndSwapEntry { row: RowKey, step: Step, expected: EntryVersion, entry: LedgerEntry },
    /// Updates a row in the row store.
    UpdateRow(RowUpdate),
}

/// The result of processing a row, for the row store.
#[derive(Clone, Debug)]
pub(crate) struct RowUpdate {
    pub(crate) row: RowId,
    /// The version of the row when the worker read it. If it has changed since, another worker has processed the row.
    pub(crate) version: i64,
    pub(crate) state: &'static str,
    pub(crate) attempts: i64,
    pub(crate) outcome: Option<String>,
    pub(crate) failure: Option<String>,
    /// Whether to update the row even if its version has changed. Set for completed rows, because a completed row
    /// stays completed.
    pub(crate) is_final: bool,
}

/// The result of a write.
#[derive(Debug)]
pub(crate) enum WriteResult {
    /// The write was applied.
    Written,
    /// The write was not applied, because of an existing entry or another version. Contains the existing ledger entry
    /// after [`WriteRequest::InsertEntry`].
    Conflict(Option<String>),
}

impl Writer {
    /// Starts the background task that executes the writes.
    pub(crate) fn new(database: Database) -> Self {
        let (sender, receiver) = mpsc::channel(CHANNEL_CAPACITY);
        tokio::spawn(write_batches(database, receiver));
        Self(sender)
    }

    /// Executes a write. After an error it is not known whether the write was applied.
    pub(crate) async fn write(&self, request: WriteRequest) -> Result<WriteResult, Error> {
        let (sender, receiver) = oneshot::channel();
        let failed = || Error::new(ErrorKind::Unavailable, "could not write to the queue's database");
        self.0.send((request, sender)).await.map_err(|_| failed())?;
        receiver.await.ok().flatten().ok_or_else(failed)
    }
}

async fn write_batches(database: Database, mut receiver: mpsc::Receiver<PendingWrite>) {
    let mut pending = Vec::with_capacity(MAX_BATCH);
    while receiver.recv_many(&mut pending, MAX_BATCH).await > 0 {
        let (requests, senders): (Vec<_>, Vec<_>) = pending.drain(..).unzip();
        match write_batch(&database, &requests).await {
            Ok(results) => {
                for (sender, result) in senders.into_iter().zip(results) {
                    // The caller may have been canceled.
                    let _ = sender.send(Some(result));
                }
            }
            Err(error) => {
                tracing::warn!(%error, writes = requests.len(), "could not write to the queue's database");
                for sender in senders {
                    let _ = sender.send(None);
                }
            }
        }
    }
}

async fn write_batch(database: &Database, requests: &[WriteRequest]) -> Result<Vec<WriteResult>, Error> {
    let mut transaction = database.begin().await?;
    let mut results = Vec::with_capacity(requests.len());
    for request in requests {
        results.push(request.execute(&mut transaction).await?);
    }
    transaction.commit().await?;
    Ok(results)
}

impl WriteRequest {
    async fn execute(&self, transaction: &mut Transaction) -> Result<WriteResult, Error> {
        for_backend!(Transaction, transaction, transaction => match self {
            Self::InsertEntry { row, step, entry } => {
                let step = step.to_string();
                let sql = "INSERT INTO carium_ledger (row_key, step, version, entry) VALUES ($1, $2, $3, $4)
                    ON CONFLICT (row_key, step) DO NOTHING";
                let query = sqlx::query(sql).bind(row.as_str()).bind(&step);
                let query = query.bind(entry.version().to_string()).bind(json(entry)?);
                if query.execute(&mut **transaction).await.map_err(unavailable)?.rows_affected() == 1 {
                    return Ok(WriteResult::Written);
                }
                let sql = "SELECT entry FROM carium_ledger WHERE row_key = $1 AND step = $2";
                let query = sqlx::query_scalar(sql).bind(row.as_str()).bind(&step);
                query.fetch_optional(&mut **transaction).await.map(WriteResult::Conflict).map_err(unavailable)
            }
            Self::CompareAndSwapEntry { row, step, expected, entry } => {
                let sql = "UPDATE carium_ledger SET version = $1, entry = $2
                    WHERE row_key = $3 AND step = $4 AND version = $5";
                let query = sqlx::query(sql).bind(entry.version().to_string()).bind(json(entry)?);
                let query = query.bind(row.as_str()).bind(step.to_string()).bind(expected.to_string());
                let updated = query.execute(&mut **transaction).await.map_err(unavailable)?.rows_affected();
                Ok(if updated == 1 { WriteResult::Written } else { WriteResult::Conflict(None) })
            }
            Self::UpdateRow(update) => {
                let sql = "UPDATE carium_row
                    SET state = $1, attempts = $2, outcome = coalesce($3, outcome), failure = $4, version = version + 1
                    WHERE id = $5 AND state <> 'completed' AND (version = $6 OR $7)";
                let query = sqlx::query(sql).bind(update.state).bind(update.attempts);
                let query = query.bind(update.outcome.as_deref()).bind(update.failure.as_deref());
                let query = query.bind(update.row).bind(update.version).bind(update.is_final);
                let updated = query.execute(&mut **transaction).await.map_err(unavailable)?.rows_affected();
                Ok(if updated == 1 { WriteResult::Written } else { WriteResult::Conflict(None) })
            }
        })
    }
}

/// Serializes a value for a database column or a report.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, Error> {
    let json = serde_json::to_string(value);
    json.map_err(|_| Error::new(ErrorKind::InvalidInput, "a value of the queue cannot be written as JSON"))
}
