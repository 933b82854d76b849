//! An in-memory ledger.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use carium_api::uuid::Uuid;

use super::{EntryVersion, Ledger, LedgerEntry};
use crate::error::Error;
use crate::onboarding::step::{RowKey, Step};

/// The current entry of each step of each row.
#[derive(Default)]
pub(super) struct EntryTable(BTreeMap<RowKey, BTreeMap<Step, LedgerEntry>>);

impl EntryTable {
    pub(super) fn get(&self, row: &RowKey, step: &Step) -> Option<&LedgerEntry> {
        self.0.get(row)?.get(step)
    }

    pub(super) fn set(&mut self, row: RowKey, step: Step, entry: LedgerEntry) {
        self.0.entry(row).or_default().insert(step, entry);
    }

    /// Returns all entries of a row.
    pub(super) fn entries(&self, row: &RowKey) -> Vec<(Step, LedgerEntry)> {
        let entries = self.0.get(row).into_iter().flatten();
        entries.map(|(step, entry)| (step.clone(), entry.clone())).collect()
    }

    /// Returns a row whose step is completed with this ID.
    pub(super) fn row_with_id(&self, step: &Step, id: Uuid) -> Option<RowKey> {
        let mut entries = self.iter();
        let found = entries.find(|(_, other, entry)| *other == step && entry.id() == Some(id));
        found.map(|(row, ..)| row.clone())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&RowKey, &Step, &LedgerEntry)> {
        self.0.iter().flat_map(|(row, entries)| entries.iter().map(move |(step, entry)| (row, step, entry)))
    }
}

/// An in-memory ledger, for tests.
///
/// Its entries are lost when the program ends, including the intents of calls in progress. Cheap to clone; clones
/// share the entries.
#[derive(Clone, Default)]
pub struct MemoryLedger(Arc<Mutex<EntryTable>>);

impl MemoryLedger {
    /// Creates an empty ledger.
    pub fn new() -> Self {
        Self::default()
    }

    fn table(&self) -> MutexGuard<'_, EntryTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn entries(&self, row: &RowKey) -> Result<Vec<(Step, LedgerEntry)>, Error> {
        Ok(self.table().entries(row))
    }

    async fn insert(
        &self,
        row: &RowKey,
        step: &Step,
        entry: &LedgerEntry,
    ) -> Result<Option<LedgerEntry>, Error> {
        let mut table = self.table();
        let existing = table.get(row, step).cloned();
        if existing.is_none() {
            table.set(row.clone(), step.clone(), entry.clone());
        }
        Ok(existing)
    }

    async fn compare_and_swap(
        &self,
        row: &RowKey,
        step: &Step,
        expected: EntryVersion,
        entry: &LedgerEntry,
    ) -> Result<bool, Error> {
        let mut table = self.table();
        let is_expected = table.get(row, step).is_some_and(|current| current.version() == expected);
        if is_expected {
            table.set(row.clone(), step.clone(), entry.clone());
        }
        Ok(is_expected)
    }

    async fn row_with_id(&self, step: &Step, id: Uuid) -> Result<Option<RowKey>, Error> {
        Ok(self.table().row_with_id(step, id))
    }
}

impl fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLedger").field("entries", &self.table().iter().count()).finish()
    }
}
