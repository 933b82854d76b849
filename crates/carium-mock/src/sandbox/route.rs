//! Maps a method and a path to an operation.

use carium_api::{Operation, operations};
use http::Method;

/// The result of routing a request.
pub(crate) enum Route {
    Operation(&'static Operation),
    /// The path exists, but only with these methods.
    MethodNotAllowed(Vec<&'static Method>),
    /// The path does not exist. Contains the most similar path of the spec, if any.
    NotFound(Option<&'static str>),
}

pub(crate) fn route(method: &Method, path: &str) -> Route {
    let at_path: Vec<_> = operations::ALL.iter().filter(|operation| matches(operation.path, path)).collect();
    if let Some(operation) = at_path.iter().find(|operation| operation.method == *method) {
        return Route::Operation(operation);
    }
    if at_path.is_empty() {
        return Route::NotFound(most_similar(path));
    }
    Route::MethodNotAllowed(at_path.into_iter().map(|operation| &operation.method).collect())
}

/// Checks whether a path matches a template. The trailing slash is required. Double slashes are ignored, because
/// two of the vendor's example programs send one.
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

/// Formats a call without data of the client: the method and the path segments that the spec defines are printed, and
/// all others are replaced.
pub(crate) fn redacted_call(method: &Method, path: &str) -> String {
    let is_known = |segment: &str| {
        operations::ALL.iter().any(|operation| segments(operation.path).contains(&segment))
            && !segment.starts_with('{')
    };
    let method = operations::ALL.iter().map(|operation| &operation.method).find(|known| *known == method);
    let mut call = format!("{} /", method.map_or("(unknown method)", Method::as_str));
    for segment in segments(path) {
        call.push_str(if is_known(segment) { segment } else { "…" });
        call.push('/');
    }
    if !path.ends_with('/') {
        call.pop();
    }
    call
}

/// Returns the path of the spec that shares the longest prefix and suffix with this one, as a hint for a typo.
fn most_similar(path: &str) -> Option<&'static str> {
    let similarity = |operation: &&Operation| {
        let is_equal = |(one, other): &(u8, u8)| one == other;
        let prefix = path.bytes().zip(operation.path.bytes()).take_while(is_equal).count();
        let suffix = path.bytes().rev().zip(operation.path.bytes().rev()).take_while(is_equal).count();
        (prefix + suffix).saturating_sub(path.len().abs_diff(operation.path.len()))
    };
    let best = operations::ALL.iter().copied().max_by_key(similarity)?;
    // Every path starts and ends with a slash, so these two bytes are not a similarity.
    (similarity(&best) > 2).then_some(best.path)
}
