//! The comparison as a whole: which operations, in which files, and what was found so far.

use similar::TextDiff;

use super::api::Api;
use super::difference::{Difference, Documented, Drift, Place, Side};
use super::operations;
use super::vendor::{Found, Vendor};
use crate::spec::{Operation, Spec};

/// How alike two paths have to be for one to be called the nearest of the other, from 0 to 1: a typing error or two.
const NEAR: f32 = 0.9;

/// Compares the operations of the services that the vendor's files are about.
///
/// # Errors
/// One sentence: the files are about none of our services, or a reference in one cannot be followed.
pub(super) fn run(spec: &Spec, vendors: &[Vendor]) -> Result<Drift, String> {
    let version = spec.root().pointer("/info/version").and_then(serde_json::Value::as_str);
    let mut drift = Drift {
        spec: format!("{} ({})", spec.document.file, version.unwrap_or("no version")),
        vendors: vendors.iter().map(Vendor::title).collect(),
        ..Drift::default()
    };
    let operations = spec.operations();
    for vendor in vendors {
        if !operations.iter().any(|it| it.tag().is_some_and(|service| vendor.has_service(service))) {
            return Err(format!(
                "{} has no path of our services, neither by itself nor behind its servers; it is another service's",
                vendor.api.file
            ));
        }
    }
    let ours = Api::of(spec);
    for operation in &operations {
        let service = operation.tag().unwrap_or_default();
        let about: Vec<_> = vendors.iter().filter(|vendor| vendor.has_service(service)).collect();
        if about.is_empty() {
            drift.not_compared.push(operation.id().to_owned());
            continue;
        }
        drift.compared.push(operation.id().to_owned());
        one(spec, &ours, operation, &about, &mut drift)?;
    }
    drift.differences.sort_by_key(|it| it.line);
    drift.documented.sort_by_key(|it| it.line);
    Ok(drift)
}

fn one(
    spec: &Spec,
    ours: &Api,
    operation: &Operation<'_>,
    vendors: &[&Vendor],
    drift: &mut Drift,
) -> Result<(), String> {
    let mut found: Vec<(&Vendor, Found<'_>)> = Vec::new();
    for vendor in vendors {
        found.extend(vendor.at(operation.path)?.into_iter().map(|it| (*vendor, it)));
    }
    let with_method = found.iter().find(|(_, it)| it.item.get(operation.method).is_some());
    let vendor = with_method.or(found.first()).map(|(vendor, _)| *vendor).or(vendors.first().copied());
    let Some(vendor) = vendor else { return Ok(()) };
    let mut findings = Findings { spec, ours, theirs: &vendor.api, operation, drift };
    let place = Place { name: operation.id().to_owned(), pointer: operation.pointer.clone() };
    if let Some((_, it)) = with_method {
        return operations::compare(&mut findings, &place, it);
    }
    let methods: Vec<_> = found.iter().flat_map(|(_, it)| operations::methods_of(it.item)).collect();
    if found.is_empty() {
        let nearest = vendors.iter().find_map(|vendor| nearest(vendor, operation));
        let theirs = nearest
            .map_or_else(|| "no such path".to_owned(), |path| format!("no such path; the nearest is {path}"));
        findings.differs(&place, None, "path", operation.path, theirs);
    } else {
        let ours = operation.method.to_uppercase();
        findings.differs(&place, None, "method", ours, methods.join(", ").to_uppercase());
    }
    Ok(())
}

fn nearest<'v>(vendor: &'v Vendor, operation: &Operation<'_>) -> Option<&'v str> {
    let alike = |path: &str| TextDiff::from_chars(path, operation.path).ratio();
    let paths = vendor.paths_of(operation.tag()?).map(|path| (alike(path), path));
    let best = paths.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 >= NEAR).then_some(best.1)
}

/// One operation on both sides, and where to put what is found.
pub(super) struct Findings<'a, 'd> {
    pub(super) spec: &'a Spec,
    pub(super) ours: &'a Api,
    pub(super) theirs: &'a Api,
    pub(super) operation: &'a Operation<'a>,
    drift: &'d mut Drift,
}

impl Findings<'_, '_> {
    /// Notes a difference; one that another operation has too is noted once.
    pub(super) fn differs(
        &mut self,
        place: &Place,
        side: Option<Side>,
        what: &'static str,
        ours: impl Into<String>,
        theirs: impl Into<String>,
    ) {
        let (ours, theirs) = (ours.into(), theirs.into());
        let line = self.spec.document.line(&place.pointer);
        let same = self.drift.differences.iter_mut().find(|it| {
            it.place == *place && it.side == side && it.what == what && it.ours == ours && it.theirs == theirs
        });
        let id = self.operation.id();
        if let Some(difference) = same {
            add(&mut difference.operations, id);
        } else {
            let (place, operations) = (place.clone(), vec![id.to_owned()]);
            self.drift.differences.push(Difference { place, line, side, what, ours, theirs, operations });
        }
    }

    /// Notes that something is documented that is marked as inferred with us.
    pub(super) fn is_documented(&mut self, place: &Place) {
        let id = self.operation.id();
        if let Some(documented) = self.drift.documented.iter_mut().find(|it| it.place == *place) {
            add(&mut documented.operations, id);
        } else {
            let line = self.spec.document.line(&place.pointer);
            let (place, operations) = (place.clone(), vec![id.to_owned()]);
            self.drift.documented.push(Documented { place, line, operations });
        }
    }
}

fn add(operations: &mut Vec<String>, id: &str) {
    if !operations.iter().any(|it| it == id) {
        operations.push(id.to_owned());
    }
}
