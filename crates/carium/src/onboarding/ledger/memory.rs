//! An in-memory ledger.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{EntryVersion, Ledger, LedgerEntry};
use crate::error::Error;
use crate::onboarding::{RowKey, Step};

/// An in-memory ledger, for tests and for programs that store outcomes instead.
///
/// Its entries are lost when the program ends, including the intents of calls in progress. Cheap to clone; clones
/// share the entries.
#[derive(Clone, Default)]
pub struct MemoryLedger(Arc<Mutex<BTreeMap<RowKey, RowEntries>>>);

type RowEntries = BTreeMap<Step, LedgerEntry>;

impl MemoryLedger {
    /// Creates an empty ledger.
    pub fn new() -> Self {
        Self::default()
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<RowKey, RowEntries>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn entries(&self, row: &RowKey) -> Result<Vec<(Step, LedgerEntry)>, Error> {
        let rows = self.rows();
        let entries = rows.get(row).into_iter().flatten();
        Ok(entries.map(|(step, entry)| (step.clone(), entry.clone())).collect())
    }

    async fn insert(
        &self,
        row: &RowKey,
        step: &Step,
        entry: &LedgerEntry,
    ) -> Result<Option<LedgerEntry>, Error> {
        let mut rows = self.rows();
        let entries = rows.entry(row.clone()).or_default();
        if let Some(existing) = entries.get(step) {
            return Ok(Some(existing.clone()));
        }
        entries.insert(step.clone(), entry.clone());
        Ok(None)
    }

    async fn compare_and_swap(
        &self,
        row: &RowKey,
        step: &Step,
        expected: EntryVersion,
        entry: &LedgerEntry,
    ) -> Result<bool, Error> {
        let mut rows = self.rows();
        let current = rows.get_mut(row).and_then(|entries| entries.get_mut(step));
        match current.filter(|current| current.version() == expected) {
            Some(current) => {
                *current = entry.clone();
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

impl fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLedger").field("rows", &self.rows().len()).finish()
    }
}
