//! `cargo xtask drift`: compares our spec with the API descriptions that the vendor publishes.
//!
//! The vendor publishes one OpenAPI file for each service and documents far more than this workspace uses, so only our
//! operations are compared, in the files that were given. Both sides are brought into one normal form (`align.rs`):
//! references resolved, combinations worked out (`shape.rs`), JSON media types, path parameters and server paths unified
//! (`vendor.rs`). Then [`compare::apis`] compares them, so a difference is described as the change from our spec to the
//! vendor's document, and reported at its location in our spec.
//!
//! Limits (`minLength`, `pattern`, …) are not compared: most of ours say which values this workspace refuses to send,
//! which the vendor does not document.

mod align;
mod shape;
#[cfg(test)]
mod tests;
mod vendor;

use std::collections::HashMap;

use serde_json::Value;
use similar::TextDiff;

use crate::diff;
use crate::diff::change::Change;
use crate::diff::compare;
use crate::flags;
use crate::spec::{Operation, Sources, Spec};
use crate::workspace;
use align::{Aligned, SpecLocation};
use vendor::{Api, Vendor};

/// The minimum similarity, from 0 to 1, of a path that is suggested for a missing one: one or two typing errors.
const SIMILAR_PATH: f32 = 0.9;

/// The differences between our spec and the vendor's documents.
#[derive(Debug, Clone, Default)]
struct Drift {
    /// The IDs of the operations that were compared, and of those whose services are in none of the files.
    compared: Vec<String>,
    not_compared: Vec<String>,
    /// The changes from our spec to the vendor's documents, with their locations in our spec.
    changes: Vec<Change>,
    /// Parts that are marked as inferred although the vendor documents them, each with its line.
    documented: Vec<(usize, SpecLocation)>,
}

/// Runs the command.
///
/// # Errors
/// A file cannot be read or compared, or there is a difference.
pub(crate) fn run(flags: &flags::Drift) -> Result<(), String> {
    let root = workspace::root(flags.root.clone());
    let spec = Sources::read(&root)?.api;
    let paths = [&flags.vendor].into_iter().chain(&flags.more);
    let vendors = paths.map(|path| Vendor::read(path)).collect::<Result<Vec<_>, _>>()?;
    let drift = compare(&spec, &vendors)?;
    let vendors: Vec<_> = vendors.iter().map(Vendor::title).collect();
    workspace::print(&report(&spec, &vendors, &drift));
    match drift.changes.len() {
        0 => Ok(()),
        count => Err(format!("the spec differs from the vendor's documents ({count})")),
    }
}

/// Formats the report. It contains names, types and enum values, but no examples of the vendor.
fn report(spec: &Spec, vendors: &[String], drift: &Drift) -> String {
    let file = &spec.document.file;
    let release = spec.root().pointer("/info/version").and_then(Value::as_str).unwrap_or("no version");
    let mut text = format!("From {file} ({release}) to {}: ", vendors.join(", "));
    text.push_str(&format!("{} operations compared", drift.compared.len()));
    if !drift.not_compared.is_empty() {
        text.push_str(&format!("; no file was given for {}", drift.not_compared.join(", ")));
    }
    text.push_str(&diff::changes_text(&drift.changes));
    if drift.changes.is_empty() {
        text.push_str("\n\nNo differences.");
    }
    if !drift.documented.is_empty() {
        text.push_str("\n\nMarked as inferred, but documented by the vendor (set `x-source: reference`)");
    }
    for (line, location) in &drift.documented {
        let differs = drift.changes.iter().any(|change| location.contains(&change.place));
        let agreement = if differs { "differently, see above" } else { "as in our spec" };
        text.push_str(&format!("\n  {} is documented {agreement}\n    at {file}:{line}", location.name));
    }
    text
}

/// Compares the operations of the services that the vendor's files describe.
///
/// # Errors
/// A file describes none of our services, or has a reference that cannot be resolved.
fn compare(spec: &Spec, vendors: &[Vendor]) -> Result<Drift, String> {
    let operations = spec.operations();
    for vendor in vendors {
        if !operations.iter().any(|it| it.tag().is_some_and(|service| vendor.has_service(service))) {
            return Err(format!(
                "{} has no path of our services, with or without the path of its servers",
                vendor.api.file
            ));
        }
    }
    let mut drift = Drift::default();
    let ours = Api::new(spec);
    let mut aligned = Aligned::default();
    let mut hints = HashMap::new();
    for operation in &operations {
        let service = operation.tag().unwrap_or_default();
        let of_service: Vec<_> = vendors.iter().filter(|vendor| vendor.has_service(service)).collect();
        if of_service.is_empty() {
            drift.not_compared.push(operation.id().to_owned());
            continue;
        }
        drift.compared.push(operation.id().to_owned());
        let mut documented = Vec::new();
        for vendor in &of_service {
            documented.extend(vendor.at(operation.path)?.into_iter().map(|it| (&vendor.api, it)));
        }
        if let Some((theirs, it)) = documented.iter().find(|(_, it)| it.item.get(operation.method).is_some())
        {
            aligned.operation(spec, &ours, theirs, operation, it)?;
            continue;
        }
        aligned.undocumented(operation);
        let methods = documented.iter().flat_map(|(_, it)| vendor::methods(it.item)).collect::<Vec<_>>();
        let hint = if methods.is_empty() {
            let similar = of_service.iter().find_map(|vendor| similar_path(vendor, operation));
            similar.map(|path| format!("; the most similar path is `{path}`"))
        } else {
            Some(format!("; methods of `{}`: {}", operation.path, methods.join(", ").to_uppercase()))
        };
        hints.insert(operation.id().to_owned(), hint.unwrap_or_default());
    }
    let [old, new] = aligned.specs();
    for mut change in compare::apis(&old, &new) {
        add_details(&mut change, &new, &hints);
        let SpecLocation { name, pointer } = aligned.locate(&change);
        (change.line, change.in_old_file) = (spec.document.line(&pointer), false);
        (change.place, change.pointer) = (name, pointer);
        drift.changes.push(change);
    }
    drift.changes.sort_by_key(|change| change.line);
    compare::merge(&mut drift.changes);
    let documented = aligned.documented.into_iter();
    drift.documented = documented.map(|it| (spec.document.line(&it.pointer), it)).collect();
    drift.documented.sort();
    Ok(drift)
}

/// Adds hints and the types of new parts to the message of a change.
fn add_details(change: &mut Change, new: &Spec, hints: &HashMap<String, String>) {
    if change.kind == "operation-removed" {
        let hint = change.operations.first().and_then(|id| hints.get(id));
        change.message = format!("is not documented{}", hint.map_or("", String::as_str));
    } else if change.kind == "property-added"
        && let Some(kind) =
            new.root().pointer(&change.pointer).and_then(|schema| schema.get("type")?.as_str())
    {
        change.message.push_str(&format!(" (`{kind}`)"));
    }
}

fn similar_path<'v>(vendor: &'v Vendor, operation: &Operation<'_>) -> Option<&'v str> {
    let similarity = |path: &str| TextDiff::from_chars(path, operation.path).ratio();
    let paths = vendor.paths_of(operation.tag()?).map(|path| (similarity(path), path));
    let best = paths.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 >= SIMILAR_PATH).then_some(best.1)
}
