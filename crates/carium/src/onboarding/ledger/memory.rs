//! A ledger in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{EntryVersion, Ledger, LedgerEntry};
use crate::error::Error;
use crate::onboarding::{RowKey, Step};

/// A ledger in memory, for tests, and for programs that keep outcomes instead. It ends with the program, and with it
/// what is known of calls that were under way. Cheap to clone; the clones are one.
#[derive(Clone, Default)]
pub struct MemoryLedger(Arc<Mutex<BTreeMap<RowKey, Steps>>>);

type Steps = BTreeMap<Step, LedgerEntry>;

impl MemoryLedger {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<RowKey, Steps>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn entries(&self, row: &RowKey) -> Result<Vec<(Step, LedgerEntry)>, Error> {
        let rows = self.rows();
        let steps = rows.get(row).into_iter().flatten();
        Ok(steps.map(|(step, entry)| (step.clone(), entry.clone())).collect())
    }

    async fn insert(
        &self,
        row: &RowKey,
        step: &Step,
        entry: &LedgerEntry,
    ) -> Result<Option<LedgerEntry>, Error> {
        let mut rows = self.rows();
        let steps = rows.entry(row.clone()).or_default();
        if let Some(there) = steps.get(step) {
            return Ok(Some(there.clone()));
        }
        steps.insert(step.clone(), entry.clone());
        Ok(None)
    }

    async fn replace(
        &self,
        row: &RowKey,
        step: &Step,
        mark: EntryVersion,
        entry: &LedgerEntry,
    ) -> Result<bool, Error> {
        let mut rows = self.rows();
        let there = rows.get_mut(row).and_then(|steps| steps.get_mut(step));
        match there.filter(|there| there.mark() == mark) {
            Some(there) => {
                *there = entry.clone();
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
