//! Writes to the ledger and to the row store, batched so that the writes of many rows share one transaction.
//!
//! Each write must be on disk before its row continues, and a disk can flush only a limited number of times per
//! second. While one transaction is being committed, new requests collect for the next one.

use carium::onboarding::RowKey;
use carium::{Error, ErrorKind};
use tokio::sync::{mpsc, oneshot};

use crate::database::{Database, Transaction, run_sql};
use crate::row_store::RowUpdate;

/// The maximum number of requests that wait for a transaction. Further callers wait until there is capacity.
const CHANNEL_CAPACITY: usize = 1024;
/// The maximum number of requests in one transaction.
const MAX_BATCH: usize = 256;

type PendingWrite = (WriteRequest, oneshot::Sender<Result<WriteResult, Error>>);

/// Accepts write requests, and responds when they are on disk. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Writer(mpsc::Sender<PendingWrite>);

/// A write to the ledger or to the row store.
#[derive(Debug)]
pub(crate) enum WriteRequest {
    /// Inserts the ledger entry of a step that has none, or replaces the one with the expected version.
    Entry {
        row: RowKey,
        step: String,
        version: String,
        entry: String,
        /// The state of an upload with its presigned form, encrypted if the database is on a server.
        upload: Option<Vec<u8>>,
        expected: Option<String>,
    },
    /// Updates a row in the row store.
    UpdateRow(RowUpdate),
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
        let stopped = || Error::new(ErrorKind::Unavailable, "the queue is closed");
        self.0.send((request, sender)).await.map_err(|_| stopped())?;
        receiver.await.map_err(|_| stopped())?
    }
}

async fn write_batches(database: Database, mut receiver: mpsc::Receiver<PendingWrite>) {
    let mut pending = Vec::with_capacity(MAX_BATCH);
    while receiver.recv_many(&mut pending, MAX_BATCH).await > 0 {
        let (requests, senders): (Vec<_>, Vec<_>) = pending.drain(..).unzip();
        // Each sender gets its result, or the same error. The receiver may have been canceled.
        match write_batch(&database, &requests).await {
            Ok(results) => {
                for (sender, result) in senders.into_iter().zip(results) {
                    let _ = sender.send(Ok(result));
                }
            }
            Err(error) => {
                database.record_failure();
                tracing::warn!(%error, writes = requests.len(), "could not write to the queue's database");
                for sender in senders {
                    let _ = sender.send(Err(Error::new(error.kind(), error.to_string())));
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
        let is_written = match self {
            Self::Entry { row, step, version, entry, upload, expected: Some(expected) } => {
                let sql = "UPDATE carium_ledger SET version = $1, entry = $2, upload = $3
                    WHERE row_key = $4 AND step = $5 AND version = $6";
                let row = row.as_str();
                let updated = run_sql!(
                    Transaction(transaction),
                    query(sql, version, entry, upload, row, step, expected).execute
                );
                updated? == 1
            }
            Self::Entry { row, step, version, entry, upload, expected: None } => {
                let row = row.as_str();
                let sql = "INSERT INTO carium_ledger (row_key, step, version, entry, upload)
                    VALUES ($1, $2, $3, $4, $5)
                    ON CONFLICT (row_key, step) DO NOTHING";
                let inserted = run_sql!(
                    Transaction(&mut *transaction),
                    query(sql, row, step, version, entry, upload).execute
                )?;
                if inserted == 0 {
                    let sql = "SELECT entry FROM carium_ledger WHERE row_key = $1 AND step = $2";
                    let existing =
                        run_sql!(Transaction(transaction), query_scalar(sql, row, step).fetch_optional);
                    return existing.map(WriteResult::Conflict);
                }
                true
            }
            Self::UpdateRow(update) => transaction.update_row(update).await?,
        };
        Ok(if is_written { WriteResult::Written } else { WriteResult::Conflict(None) })
    }
}
