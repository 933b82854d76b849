//! From a method and a path to an operation.

use carium_api::{Operation, operations};
use http::Method;

/// What a request is for.
pub(crate) enum Route {
    Operation(&'static Operation),
    /// There is such a path, with these methods.
    OtherMethod(Vec<&'static Method>),
    /// There is no such path; the nearest there is.
    Unknown(Option<&'static str>),
}

pub(crate) fn route(method: &Method, path: &str) -> Route {
    let at_path: Vec<_> = operations::ALL.iter().filter(|operation| matches(operation.path, path)).collect();
    if let Some(operation) = at_path.iter().find(|operation| operation.method == *method) {
        return Route::Operation(operation);
    }
    if at_path.is_empty() {
        return Route::Unknown(nearest(path));
    }
    Route::OtherMethod(at_path.into_iter().map(|operation| &operation.method).collect())
}

/// Whether a path is one of this template. Its last slash counts, a double one does not: two of the vendor's own
/// programs write one.
fn matches(template: &str, path: &str) -> bool {
    let (template, segments) = (segments(template), segments(path));
    path.ends_with('/')
        && template.len() == segments.len()
        && template
            .iter()
            .zip(&segments)
            .all(|(expected, segment)| expected.starts_with('{') || expected == segment)
}

fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|segment| !segment.is_empty()).collect()
}

/// A call as it may be shown: what the spec knows of its method and its path, as the rest is the client's.
pub(crate) fn shown(method: &Method, path: &str) -> String {
    let is_known = |segment: &str| {
        operations::ALL.iter().any(|operation| segments(operation.path).contains(&segment))
            && !segment.starts_with('{')
    };
    let method = operations::ALL.iter().map(|operation| &operation.method).find(|known| *known == method);
    let mut shown = format!("{} /", method.map_or("(another method)", Method::as_str));
    for segment in segments(path) {
        shown.push_str(if is_known(segment) { segment } else { "…" });
        shown.push('/');
    }
    if !path.ends_with('/') {
        shown.pop();
    }
    shown
}

/// The path that begins and ends most like this one, for whoever mistyped it.
fn nearest(path: &str) -> Option<&'static str> {
    let likeness = |operation: &&Operation| {
        let shared = |(one, other): &(u8, u8)| one == other;
        let prefix = path.bytes().zip(operation.path.bytes()).take_while(shared).count();
        let suffix = path.bytes().rev().zip(operation.path.bytes().rev()).take_while(shared).count();
        (prefix + suffix).saturating_sub(path.len().abs_diff(operation.path.len()))
    };
    let best = operations::ALL.iter().copied().max_by_key(likeness)?;
    // The slashes at both ends are everyone's.
    (likeness(&best) > 2).then_some(best.path)
}
