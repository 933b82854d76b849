//! The ledger of a queue, in its database.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use carium::onboarding::{EntryState, EntryVersion, Ledger, LedgerEntry, RowKey, Step};
use carium::{Error, ErrorKind};

use crate::database::{Database, either, unavailable};
use crate::limits::{Gate, Permit};
use crate::writer::{Write, Writer, Written};

/// The ledger of a queue: the permanent record of what was intended for its rows, and of what came of it.
///
/// It is also where calls wait for their turn. An intent says that a call may have been made, so whatever a call has to
/// wait for comes before it.
pub(crate) struct BulkLedger {
    database: Database,
    writer: Writer,
    gate: Option<Gate>,
    /// What calls under way have been let through with.
    under_way: Mutex<HashMap<(RowKey, Step), Permit>>,
}

impl BulkLedger {
    /// One for people's decisions.
    pub(crate) fn new(database: Database, writer: Writer) -> Self {
        Self { database, writer, gate: None, under_way: Mutex::default() }
    }

    /// One for a worker, whose calls wait at this gate.
    pub(crate) fn behind(self, gate: Gate) -> Self {
        Self { gate: Some(gate), ..self }
    }

    async fn before(&self, row: &RowKey, step: &Step, entry: &LedgerEntry) -> Result<(), Error> {
        let Some(gate) = self.gate.as_ref().filter(|_| entry.state() == EntryState::Intent) else {
            return Ok(());
        };
        let permit = gate.enter().await?;
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.insert((row.clone(), step.clone()), permit);
        Ok(())
    }

    fn after(&self, row: &RowKey, step: &Step, is_under_way: bool) {
        if !is_under_way && self.gate.is_some() {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            under_way.remove(&(row.clone(), step.clone()));
        }
    }

    /// The run of a row has ended, however it did.
    pub(crate) fn leave(&self, row: &RowKey) {
        if self.gate.is_some() {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            under_way.retain(|(each, _), _| each != row);
        }
    }
}

#[async_trait]
impl Ledger for BulkLedger {
    async fn entries(&self, row: &RowKey) -> Result<Vec<(Step, LedgerEntry)>, Error> {
        let entries = "SELECT step, entry FROM carium_ledger WHERE row_key = $1";
        let found: Vec<(String, String)> = either!(Pool, &self.database.durable, pool => {
            sqlx::query_as(entries).bind(row.as_str()).fetch_all(pool).await.map_err(unavailable)?
        });
        found.into_iter().map(|(step, entry)| Ok((step.parse()?, read(&entry)?))).collect()
    }

    async fn insert(
        &self,
        row: &RowKey,
        step: &Step,
        entry: &LedgerEntry,
    ) -> Result<Option<LedgerEntry>, Error> {
        self.before(row, step, entry).await?;
        let write = Write::Insert { row: row.clone(), step: step.clone(), entry: entry.clone() };
        let written = self.writer.write(write).await;
        let is_under_way = entry.state() == EntryState::Intent && matches!(written, Ok(Written::Yes));
        self.after(row, step, is_under_way);
        match written? {
            Written::Yes => Ok(None),
            Written::No(Some(there)) => read(&there).map(Some),
            Written::No(None) => Err(Error::new(ErrorKind::Unavailable, "an entry of the ledger is gone")),
        }
    }

    async fn compare_and_swap(
        &self,
        row: &RowKey,
        step: &Step,
        mark: EntryVersion,
        entry: &LedgerEntry,
    ) -> Result<bool, Error> {
        self.before(row, step, entry).await?;
        let write = Write::Replace { row: row.clone(), step: step.clone(), mark, entry: entry.clone() };
        let written = self.writer.write(write).await;
        let is_written = matches!(written, Ok(Written::Yes));
        self.after(row, step, entry.state() == EntryState::Intent && is_written);
        written.map(|_| is_written)
    }
}

fn read(entry: &str) -> Result<LedgerEntry, Error> {
    let read = serde_json::from_str(entry);
    // Its words may quote the entry.
    read.map_err(|_| Error::new(ErrorKind::Undecodable, "an entry of the ledger cannot be read"))
}

impl fmt::Debug for BulkLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkLedger").finish_non_exhaustive()
    }
}
