//! How far each operation of the spec has come: a method, a trait, the stand-ins, their contract, the command line.
//!
//! An operation that the generator made a method of is not yet one that a team can use, or test against. This asks
//! the code itself, operation by operation; a hole is an error unless `specs/coverage.yaml` gives the reason for it,
//! and so is a reason for what is no hole any more.

mod calls;
mod columns;
mod holes;
mod names;
mod places;
mod promises;
mod reach;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod walk;

use std::path::Path;

use crate::finding;
use crate::generate::Sources;
use crate::workspace;
use holes::Holes;
use places::Places;

/// Looks, prints the table, and says what is missing.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let spec = Sources::read(root)?.api;
    let places = Places::read(root, &spec)?;
    let holes = Holes::read(root)?;
    let rows: Vec<_> = spec.operations().iter().map(|operation| table::Row::of(operation, &places)).collect();
    workspace::say(&table::text(&rows, &holes));
    let findings = holes.judge(&spec, &rows);
    if findings.is_empty() { Ok(()) } else { Err(finding::report(&findings)) }
}
