//! What was intended, and what came of it: what stands before every call that must not be made twice.

mod entry;
mod memory;
mod resolve;

use async_trait::async_trait;

pub use entry::{EntryState, EntryVersion, LedgerEntry};
pub use memory::MemoryLedger;
pub(super) use resolve::resolved;
pub use resolve::{Resolution, resolve};

use super::{RowKey, Step};
use crate::error::Error;

/// The record of what was intended for each step of each row, and of what came of it.
///
/// Before a call that must not be repeated, an entry with the state [`Intent`](EntryState::Intent) is written; after
/// the answer, one that says what came of it. Who finds an intent and not its answer does not know, and does not call
/// again. So an entry that was written is there after any crash: a method returns when it is on the disk.
///
/// It is made for a table of a database that several processes work with: the key is row and step
/// ([`Display`](std::fmt::Display)), and beside the entry, as JSON, stands its [mark](LedgerEntry::mark). Then
/// [`insert`](Self::insert) is `INSERT … ON CONFLICT DO NOTHING`, and [`replace`](Self::replace) is `UPDATE … WHERE mark = …`.
///
/// # Errors
/// Of all methods: whatever the store of it fails with. What is said of it will be logged. Whether something was
/// written is not known then, and nobody who calls relies on either.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// All that is there of a row, in any order.
    async fn entries(&self, row: &RowKey) -> Result<Vec<(Step, LedgerEntry)>, Error>;

    /// Writes the entry if there is none for this step of this row, as one act, whoever else tries the same at the
    /// same time. `None` where it was written, else what is there.
    async fn insert(
        &self,
        row: &RowKey,
        step: &Step,
        entry: &LedgerEntry,
    ) -> Result<Option<LedgerEntry>, Error>;

    /// Writes the entry in the place of the one that has this mark, as one act. `false` where there is none, or one
    /// of another mark: nothing was written then.
    async fn replace(
        &self,
        row: &RowKey,
        step: &Step,
        mark: EntryVersion,
        entry: &LedgerEntry,
    ) -> Result<bool, Error>;
}

/// A failure of the ledger, as the caller hears of it. Whether something was written is in doubt; of the call that it
/// was about, nothing is.
pub(super) fn failed(error: Error) -> Error {
    error.with(|inner| {
        inner.may_have_been_applied = false;
        inner.what = format!("the ledger fails: {}", inner.what).into();
    })
}
