//! Maps a method and a path to an operation of the spec.

use carium_api::{Operation, operations};
use http::Method;

/// The result of routing a request.
pub(crate) enum Route {
    Operation(&'static Operation),
    /// The path exists, but only with these methods.
    MethodNotAllowed(Vec<&'static Method>),
    /// The path is not in the spec.
    NotFound,
}

/// Finds the operation of the spec for a method and a path, which starts after the path of the base URL.
pub(crate) fn route(method: &Method, path: &str) -> Route {
    let at_path: Vec<_> = operations::ALL.iter().filter(|operation| matches(&operation.path, path)).collect();
    if let Some(operation) = at_path.iter().find(|operation| operation.method == *method) {
        return Route::Operation(operation);
    }
    if at_path.is_empty() {
        return Route::NotFound;
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

pub(crate) fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|segment| !segment.is_empty()).collect()
}
