//! The ledger of a queue, stored in its database.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use carium::api::uuid::Uuid;
use carium::onboarding::{EntryState, EntryVersion, Ledger, LedgerEntry, RowKey, Step};
use carium::{Error, ErrorKind};

use crate::batch::{BatchHandler, Batches};
use crate::database::{Database, Transaction, json, run_sql, sql_for_list, to_u64};
use crate::limits::{CallLimiter, CallPermit};
use crate::queue::QueueInner;
use crate::rows::hex;
use crate::writer::{EntryWrite, WriteRequest, WriteResult};

/// The rows and steps of entries that were written.
type WrittenEntries = HashSet<(String, String)>;

/// The ledger of a queue: the permanent record of the intent and the result of every step.
///
/// The ledger of a worker also applies the call limits, because it is called just before each limited call. An intent
/// means that the call may have been made. The wait for a limit therefore comes before the intent is written;
/// otherwise, rows that only waited would have an unknown outcome after a crash.
pub(crate) struct DatabaseLedger {
    queue: Arc<QueueInner>,
    limiter: Option<CallLimiter>,
    /// The permits of the calls in flight.
    permits: Mutex<HashMap<(RowKey, Step), CallPermit>>,
}

impl DatabaseLedger {
    /// Creates a ledger without call limits.
    pub(crate) fn new(queue: Arc<QueueInner>) -> Self {
        Self { queue, limiter: None, permits: Mutex::default() }
    }

    /// Applies call limits to the steps of this ledger.
    pub(crate) fn with_limiter(self, limiter: CallLimiter) -> Self {
        Self { limiter: Some(limiter), ..self }
    }

    /// Writes an entry. An intent first waits for a permit, which is held until the next entry of the step.
    async fn write(
        &self,
        row: &RowKey,
        step: &Step,
        entry: &LedgerEntry,
        expected: Option<EntryVersion>,
    ) -> Result<WriteResult, Error> {
        let request = WriteRequest::Entry(EntryWrite {
            row: row.clone(),
            step: step.to_string(),
            version: entry.version().to_string(),
            entry: json(entry)?,
            upload: self.stored_upload(row, step, entry)?,
            expected: expected.map(|version| version.to_string()),
        });
        let Some(limiter) = &self.limiter else { return self.queue.writer.execute(request).await };
        let key = (row.clone(), step.clone());
        // An intent that replaces one belongs to a call that has ended.
        let is_before_call = entry.state() == EntryState::Intent && !self.permits().contains_key(&key);
        let permit = if is_before_call { Some(limiter.acquire().await?) } else { None };
        let result = self.queue.writer.execute(request).await;
        match permit.filter(|_| matches!(result, Ok(WriteResult::Written))) {
            Some(permit) => self.permits().insert(key, permit),
            None => self.permits().remove(&key),
        };
        result
    }

    /// Returns the state of an upload that can be resumed, with its presigned form, as it is stored: encrypted if others
    /// than the user of this process can read the database.
    fn stored_upload(
        &self,
        row: &RowKey,
        step: &Step,
        entry: &LedgerEntry,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(upload) = entry.resumable_upload() else { return Ok(None) };
        let text = json(upload)?;
        match &self.queue.cipher {
            Some(cipher) => cipher.encrypt(&upload_context(row, step), text.as_bytes()).map(Some),
            None if self.queue.database.stores_rows() => Ok(None),
            None => Ok(Some(text.into_bytes())),
        }
    }

    /// Adds the stored state of an upload to its entry. If it cannot be read, the document gets a new reference.
    fn with_stored_upload(
        &self,
        row: &RowKey,
        step: &Step,
        entry: LedgerEntry,
        stored: Vec<u8>,
    ) -> LedgerEntry {
        let text = match &self.queue.cipher {
            Some(cipher) => cipher.decrypt(&upload_context(row, step), stored),
            None => Ok(stored),
        };
        match text.ok().and_then(|text| serde_json::from_slice(&text).ok()) {
            Some(upload) => entry.with_resumable_upload(upload),
            None => entry,
        }
    }

    /// Releases all permits of a row, after its run has ended for any reason.
    pub(crate) fn release_permits_of(&self, row: &RowKey) {
        if self.limiter.is_some() {
            self.permits().retain(|(other, _), _| other != row);
        }
    }

    fn permits(&self) -> MutexGuard<'_, HashMap<(RowKey, Step), CallPermit>> {
        self.permits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ledger for DatabaseLedger {
    async fn entries(&self, row: &RowKey) -> Result<Vec<(Step, LedgerEntry)>, Error> {
        let stored = self.queue.entry_reader.execute(row.clone()).await?;
        let entries = stored.into_iter().map(|stored| {
            let (step, entry) = (stored.step.parse()?, parse_entry(&stored.entry)?);
            let entry = match stored.upload {
                Some(upload) => self.with_stored_upload(row, &step, entry, upload),
                None => entry,
            };
            Ok((step, entry))
        });
        entries.collect()
    }

    async fn insert(
        &self,
        row: &RowKey,
        step: &Step,
        entry: &LedgerEntry,
    ) -> Result<Option<LedgerEntry>, Error> {
        match self.write(row, step, entry, None).await? {
            WriteResult::Written => Ok(None),
            WriteResult::Conflict(Some(existing)) => parse_entry(&existing).map(Some),
            WriteResult::Conflict(None) => {
                Err(Error::new(ErrorKind::Unavailable, "a ledger entry of the queue has disappeared"))
            }
        }
    }

    async fn compare_and_swap(
        &self,
        row: &RowKey,
        step: &Step,
        expected: EntryVersion,
        entry: &LedgerEntry,
    ) -> Result<bool, Error> {
        let result = self.write(row, step, entry, Some(expected)).await?;
        Ok(matches!(result, WriteResult::Written))
    }

    async fn row_with_id(&self, step: &Step, id: Uuid) -> Result<Option<RowKey>, Error> {
        let sql = "SELECT row_key FROM carium_ledger WHERE step = $1 AND entry LIKE $2 LIMIT 1";
        let (step, pattern) = (step.to_string(), format!("%\"id\":\"{id}\"%"));
        let row: Option<String> =
            run_sql!(Pool(&self.queue.database.reads), query_scalar(sql, step, pattern).fetch_optional)?;
        Ok(row.map(RowKey::new))
    }
}

/// Reads the ledger entries of rows.
pub(crate) type EntryReader = Batches<EntryHandler>;

/// Reads the entries of each batch of rows with one statement.
pub(crate) struct EntryHandler(pub(crate) Database);

/// An entry as it is stored.
#[derive(Clone)]
pub(crate) struct StoredEntry {
    step: String,
    entry: String,
    upload: Option<Vec<u8>>,
}

#[async_trait]
impl BatchHandler for EntryHandler {
    type Request = RowKey;
    type Response = Vec<StoredEntry>;

    async fn execute(&self, rows: &[RowKey]) -> Result<Vec<Vec<StoredEntry>>, Error> {
        let sql = sql_for_list!(
            Pool(&self.0.reads),
            "SELECT row_key, step, entry, upload FROM carium_ledger WHERE row_key IN (SELECT value FROM ",
            values,
            ")"
        );
        let keys: Vec<&str> = rows.iter().map(RowKey::as_str).collect();
        let stored: Vec<(String, String, String, Option<Vec<u8>>)> =
            run_sql!(Pool(&self.0.reads), query_as(sql, json(&keys)?).fetch_all)?;
        let mut entries: HashMap<String, Vec<StoredEntry>> = HashMap::new();
        for (row, step, entry, upload) in stored {
            entries.entry(row).or_default().push(StoredEntry { step, entry, upload });
        }
        Ok(rows.iter().map(|row| entries.get(row.as_str()).cloned().unwrap_or_default()).collect())
    }
}

/// Returns the data that binds an encrypted upload to its step.
fn upload_context(row: &RowKey, step: &Step) -> Vec<u8> {
    format!("{} {step}", row.as_str()).into_bytes()
}

/// The number of completed steps of each kind, and of document references without a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepCounts {
    /// Patients that were created.
    pub patients: u64,
    /// Invitations that were sent.
    pub invitations: u64,
    /// Documents that were filed.
    pub documents: u64,
    /// Appointments that were booked.
    pub appointments: u64,
    /// Document references that were abandoned without a file. A person has to remove them.
    pub orphans: u64,
}

impl Database {
    pub(crate) async fn completed_steps(&self) -> Result<StepCounts, Error> {
        // Entries are stored as compact JSON.
        let sql = "SELECT CASE WHEN step LIKE 'invite%' THEN 'invitation' WHEN step LIKE 'documents%' THEN 'document'
                ELSE step END AS kind, count(*)
            FROM carium_ledger WHERE entry LIKE '%\"state\":\"completed\"%' GROUP BY kind";
        let kinds: Vec<(String, i64)> = run_sql!(Pool(&self.reads), query_as(sql).fetch_all)?;
        let mut counts = StepCounts::default();
        for (kind, steps) in kinds {
            let count = match kind.as_str() {
                "patient" => &mut counts.patients,
                "invitation" => &mut counts.invitations,
                "document" => &mut counts.documents,
                _ => &mut counts.appointments,
            };
            *count = to_u64(steps);
        }
        let sql = "SELECT entry FROM carium_ledger WHERE entry LIKE '%\"orphans\":[\"%'";
        let entries: Vec<String> = run_sql!(Pool(&self.reads), query_scalar(sql).fetch_all)?;
        for entry in entries {
            counts.orphans += parse_entry(&entry)?.orphans().len() as u64;
        }
        Ok(counts)
    }
}

impl Transaction {
    /// Returns the entry of a step, as it is stored.
    pub(crate) async fn entry(&mut self, row: &RowKey, step: &str) -> Result<Option<String>, Error> {
        let sql = "SELECT entry FROM carium_ledger WHERE row_key = $1 AND step = $2";
        run_sql!(Transaction(self), query_scalar(sql, row.as_str(), step).fetch_optional)
    }

    /// Inserts the entries of different steps that have none. Returns the rows and steps of those that were inserted.
    pub(crate) async fn insert_entries(&mut self, writes: &[&EntryWrite]) -> Result<WrittenEntries, Error> {
        let sql = sql_for_list!(
            Transaction(self),
            "INSERT INTO carium_ledger (row_key, step, version, entry, upload)
            SELECT value->>0, value->>1, value->>2, value->>3, ",
            (from_hex "value->>4"),
            " FROM ",
            list,
            // Without a condition, SQLite would parse ON as part of a join.
            " WHERE true ON CONFLICT (row_key, step) DO NOTHING RETURNING row_key, step"
        );
        self.write_entries(sql, writes).await
    }

    /// Replaces the entries of different steps that have the expected versions. Returns the rows and steps of those
    /// that were replaced.
    pub(crate) async fn replace_entries(&mut self, writes: &[&EntryWrite]) -> Result<WrittenEntries, Error> {
        let sql = sql_for_list!(
            Transaction(self),
            "UPDATE carium_ledger SET version = value->>2, entry = value->>3, upload = ",
            (from_hex "value->>4"),
            " FROM ",
            list,
            " WHERE row_key = value->>0 AND step = value->>1 AND version = value->>5 RETURNING row_key, step"
        );
        self.write_entries(sql, writes).await
    }

    async fn write_entries(
        &mut self,
        sql: &'static str,
        writes: &[&EntryWrite],
    ) -> Result<WrittenEntries, Error> {
        let list: Vec<_> = writes
            .iter()
            .map(|write| {
                let upload = write.upload.as_deref().map(hex);
                (write.row.as_str(), &write.step, &write.version, &write.entry, upload, &write.expected)
            })
            .collect();
        let written: Vec<(String, String)> =
            run_sql!(Transaction(self), query_as(sql, json(&list)?).fetch_all)?;
        Ok(written.into_iter().collect())
    }

    /// Deletes the ledger entries of a row if none of its steps can have been applied. Returns whether they were
    /// deleted.
    pub(crate) async fn delete_ledger_if_not_applied(&mut self, key: &str) -> Result<bool, Error> {
        let sql = "SELECT entry FROM carium_ledger WHERE row_key = $1";
        let entries: Vec<String> = run_sql!(Transaction(&mut *self), query_scalar(sql, key).fetch_all)?;
        if !entries.iter().all(|entry| parse_entry(entry).is_ok_and(|entry| entry.is_not_applied())) {
            return Ok(false);
        }
        let sql = "DELETE FROM carium_ledger WHERE row_key = $1";
        run_sql!(Transaction(self), query(sql, key).execute)?;
        Ok(true)
    }
}

fn parse_entry(entry: &str) -> Result<LedgerEntry, Error> {
    let entry = serde_json::from_str(entry);
    // The message of the parser's error is dropped because it may contain parts of the entry.
    entry.map_err(|_| Error::new(ErrorKind::Undecodable, "a ledger entry of the queue cannot be parsed"))
}

impl fmt::Debug for DatabaseLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseLedger").finish_non_exhaustive()
    }
}
