//! Our spec, held against what the vendor publishes.
//!
//! The vendor has a file for each service, and documents far more in it than this workspace uses. So only our own
//! operations are looked for, in the files of the services that are there. What the vendor says is read with
//! everything that such files do: references, combinations, both of the JSON media types, other names of path
//! parameters, a part of the path in `servers`. See [`shape`] for what becomes of a schema, and [`schemas`] for
//! which differences count: an answer that promises more than we rely on is none.
//!
//! Limits (`minLength`, `pattern`, …) are not compared: most of ours say what this workspace refuses to send, which
//! the vendor never said.

mod api;
mod compare;
mod difference;
mod operations;
mod report;
mod schemas;
mod shape;
#[cfg(test)]
mod tests;
mod vendor;

use std::fs;
use std::path::Path;

use crate::flags;
use crate::generate::Sources;
use crate::workspace;
use vendor::Vendor;

/// Compares, says what differs, and writes it down where that is asked for. An error where anything differs.
pub(crate) fn run(flags: &flags::Drift) -> Result<(), String> {
    let root = workspace::root(flags.root.clone());
    let spec = Sources::read(&root)?.api;
    let paths = [&flags.vendor].into_iter().chain(&flags.more);
    let vendors = paths.map(|path| Vendor::read(path)).collect::<Result<Vec<_>, _>>()?;
    let drift = compare::run(&spec, &vendors)?;
    workspace::say(&report::text(&drift));
    if let Some(path) = &flags.markdown {
        write(path, &report::markdown(&drift))?;
    }
    match drift.differences.len() {
        0 => Ok(()),
        1 => Err("the spec differs from what the vendor documents, in one place".to_owned()),
        count => Err(format!("the spec differs from what the vendor documents, in {count} places")),
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{} cannot be written: {error}", path.display()))
}
