//! The service's own id of a request.

use http::HeaderMap;

/// The headers in which services and the proxies before them give it.
const NAMES: [&str; 4] = ["x-request-id", "request-id", "x-amzn-requestid", "x-correlation-id"];

/// The longest id that is taken for one.
const LONGEST: usize = 64;

/// The service's id of a request, where an answer has one that looks like one: letters, digits and dashes.
/// It is logged, so anything else is passed over.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<&str> {
    let looks_like_one = |text: &str| {
        (1..=LONGEST).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    NAMES.iter().filter_map(|name| headers.get(*name)?.to_str().ok()).find(|text| looks_like_one(text))
}
