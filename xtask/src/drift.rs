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
mod report;
mod shape;
#[cfg(test)]
mod tests;
mod vendor;

use std::collections::HashMap;

use serde_json::Value;
use similar::TextDiff;

use crate::diff::change::Change;
use crate::diff::compare;
use crate::flags;
use crate::generate::Sources;
use crate::spec::{Operation, Spec};
use crate::workspace;
use align::Aligned;
use report::{Difference, Documented, Drift};
use vendor::{Api, Vendor};

/// The minimum similarity, from 0 to 1, of a path that is suggested for a missing one: one or two typing errors.
const SIMILAR_PATH: f32 = 0.9;

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
    workspace::print(&report::markdown(&drift));
    match drift.differences.len() {
        0 => Ok(()),
        count => Err(format!("the spec differs from the vendor's documents ({count})")),
    }
}

/// Compares the operations of the services that the vendor's files describe.
///
/// # Errors
/// A file describes none of our services, or has a reference that cannot be resolved.
fn compare(spec: &Spec, vendors: &[Vendor]) -> Result<Drift, String> {
    let release = spec.root().pointer("/info/version").and_then(Value::as_str);
    let mut drift = Drift {
        file: spec.document.file.clone(),
        release: release.unwrap_or("no version").to_owned(),
        vendors: vendors.iter().map(Vendor::title).collect(),
        ..Drift::default()
    };
    let operations = spec.operations();
    for vendor in vendors {
        if !operations.iter().any(|it| it.tag().is_some_and(|service| vendor.has_service(service))) {
            return Err(format!(
                "{} has no path of our services, with or without the path of its servers",
                vendor.api.file
            ));
        }
    }
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
        } else {
            aligned.undocumented(operation);
            let methods = documented.iter().flat_map(|(_, it)| vendor::methods(it.item)).collect::<Vec<_>>();
            let hint = if methods.is_empty() {
                let similar = of_service.iter().find_map(|vendor| similar_path(vendor, operation));
                similar.map(|path| format!("; the most similar path is `{path}`"))
            } else {
                let methods = methods.join(", ").to_uppercase();
                Some(format!("; methods of `{}`: {methods}", operation.path))
            };
            hints.insert(operation.id(), hint.unwrap_or_default());
        }
    }
    let [old, new] = aligned.specs();
    for change in compare::apis(&old, &new) {
        let change = with_details(change, &new, &hints);
        add(&mut drift.differences, difference(spec, &aligned, &change), &change.operations);
    }
    drift.differences.sort_by_key(|it| it.line);
    drift.documented = documented(spec, &aligned, &drift.differences);
    Ok(drift)
}

/// Adds to a change's message what only this command knows: hints, and the types of new parts.
fn with_details(mut change: Change, new: &Spec, hints: &HashMap<&str, String>) -> Change {
    match change.kind {
        "operation-removed" => {
            let hint = change.operations.first().and_then(|id| hints.get(id.as_str()));
            change.message = format!("is not documented{}", hint.map_or("", String::as_str));
        }
        "property-added" => {
            let schema = new.root().pointer(&change.pointer);
            if let Some(kind) = schema.and_then(|schema| schema.get("type")?.as_str()) {
                change.message.push_str(&format!(" (`{kind}`)"));
            }
        }
        _ => {}
    }
    change
}

fn difference(spec: &Spec, aligned: &Aligned, change: &Change) -> Difference {
    let location = aligned.locate(change);
    Difference {
        line: spec.document.line(&location.pointer),
        location,
        // `/paths/<path>/<method>/<part>`
        side: change.pointer.split('/').nth(4).and_then(|part| match part {
            "parameters" | "requestBody" => Some("request"),
            "responses" => Some("response"),
            _ => None,
        }),
        kind: change.kind,
        class: change.effect.class(),
        message: change.message.clone(),
        operations: Vec::new(),
    }
}

/// Adds a difference with its operations, or only the operations if another operation has the same difference.
fn add(differences: &mut Vec<Difference>, new: Difference, operations: &[String]) {
    let key = |it: &Difference| (it.location.clone(), it.side, it.message.clone());
    let index = differences.iter().position(|it| key(it) == key(&new)).unwrap_or_else(|| {
        differences.push(new);
        differences.len() - 1
    });
    let known = &mut differences[index].operations;
    known.extend(operations.iter().filter(|id| !known.contains(id)).cloned().collect::<Vec<_>>());
}

fn documented(spec: &Spec, aligned: &Aligned, differences: &[Difference]) -> Vec<Documented> {
    let mut documented: Vec<_> = aligned
        .documented
        .iter()
        .map(|(location, operations)| Documented {
            line: spec.document.line(&location.pointer),
            differs: differences.iter().any(|it| it.location.is_within(location)),
            location: location.clone(),
            operations: operations.clone(),
        })
        .collect();
    documented.sort_by_key(|it| it.line);
    documented
}

fn similar_path<'v>(vendor: &'v Vendor, operation: &Operation<'_>) -> Option<&'v str> {
    let similarity = |path: &str| TextDiff::from_chars(path, operation.path).ratio();
    let paths = vendor.paths_of(operation.tag()?).map(|path| (similarity(path), path));
    let best = paths.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 >= SIMILAR_PATH).then_some(best.1)
}
