//! The ledger: a durable record of the calls that must not be sent twice, written before and after each of them.

mod entry;
mod memory;
mod resolve;

use async_trait::async_trait;

pub use entry::{EntryState, EntryVersion, LedgerEntry};
pub use memory::MemoryLedger;
pub use resolve::{Resolution, resolve};
pub(super) use resolve::{no_unknown_outcome, resolve_entry};

use super::{RowKey, Step};
use crate::error::Error;

/// A durable record of the intent and the result of each step of each row.
///
/// Before a call that must not be sent twice, an entry with the state [`Intent`](EntryState::Intent) is written.
/// After the response, the entry is replaced by one with the result. If a run finds an intent without a result, the
/// call may or may not have been applied, and the run does not send it again. Entries must therefore survive a
/// crash: a method returns only when the entry is on durable storage.
///
/// The trait is designed for a database table that several processes share. The key consists of the row key and the
/// step (in its [`Display`](std::fmt::Display) form). The entry is stored as JSON, with its
/// [version](LedgerEntry::version) in a column of its own. [`insert`](Self::insert) is then `INSERT … ON CONFLICT DO
/// NOTHING`, and [`compare_and_swap`](Self::compare_and_swap) is `UPDATE … WHERE version = …`.
///
/// # Errors
/// A method fails if the underlying store fails. The caller does not rely on whether a failed write was applied.
/// Error messages are logged, so they must not contain health information or secrets.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Returns all entries of a row, in any order.
    async fn entries(&self, row: &RowKey) -> Result<Vec<(Step, LedgerEntry)>, Error>;

    /// Inserts an entry if the step of this row has none. The operation is atomic.
    ///
    /// Returns `None` if the entry was inserted, and otherwise the existing entry.
    async fn insert(
        &self,
        row: &RowKey,
        step: &Step,
        entry: &LedgerEntry,
    ) -> Result<Option<LedgerEntry>, Error>;

    /// Replaces the entry of a step if its current version is `expected`. The operation is atomic (compare-and-swap).
    ///
    /// Returns whether the entry was replaced. `false` means that the step has no entry or one with another version.
    async fn compare_and_swap(
        &self,
        row: &RowKey,
        step: &Step,
        expected: EntryVersion,
        entry: &LedgerEntry,
    ) -> Result<bool, Error>;
}

/// Converts a failure of the ledger into an error for the caller.
///
/// The ledger write itself may have been applied, but the API call that it belongs to was not: the flag
/// [`may_have_been_applied`](Error::may_have_been_applied) describes the API call and is cleared.
pub(super) fn ledger_error(error: Error) -> Error {
    error.with(|inner| {
        inner.may_have_been_applied = false;
        inner.message = format!("the ledger failed: {}", inner.message).into();
    })
}
