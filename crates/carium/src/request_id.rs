//! The service's ID of a request.

use http::HeaderMap;

/// The response headers in which services and reverse proxies return the request ID, by priority.
const HEADER_NAMES: [&str; 4] = ["x-request-id", "request-id", "x-amzn-requestid", "x-correlation-id"];

/// The maximum length of a request ID.
const MAX_LENGTH: usize = 64;

/// Returns the service's request ID from the headers of a response.
///
/// The ID is logged, so values with other characters than letters, digits and dashes are ignored.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<&str> {
    let is_loggable = |text: &str| {
        (1..=MAX_LENGTH).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    HEADER_NAMES.iter().filter_map(|name| headers.get(*name)?.to_str().ok()).find(|text| is_loggable(text))
}
