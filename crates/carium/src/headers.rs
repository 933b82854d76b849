//! Headers: those that only the client sets, the request ID and `Retry-After`.

use std::time::{Duration, SystemTime};

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName};

/// Headers that a caller cannot set: the client sets the credentials, and the HTTP client frames the message.
pub(crate) const RESERVED_HEADERS: [&str; 14] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "upgrade",
    "te",
    "trailer",
    "expect",
];

/// Checks whether a response header can contain a secret.
pub(crate) fn is_private_header(name: &HeaderName) -> bool {
    let names = ["set-cookie", "www-authenticate", "proxy-authenticate", "authentication-info", "location"];
    names.contains(&name.as_str())
}

/// The response headers in which services and reverse proxies return the request ID, by priority.
static REQUEST_ID_NAMES: [HeaderName; 4] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
    HeaderName::from_static("x-amzn-requestid"),
    HeaderName::from_static("x-correlation-id"),
];

/// The maximum length of a request ID.
const MAX_REQUEST_ID_LENGTH: usize = 64;

/// Returns the service's request ID from the headers of a response.
///
/// The ID is logged, so values with other characters than letters, digits and dashes are ignored.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<&str> {
    let is_loggable = |text: &str| {
        (1..=MAX_REQUEST_ID_LENGTH).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    REQUEST_ID_NAMES.iter().filter_map(|name| headers.get(name)?.to_str().ok()).find(|text| is_loggable(text))
}

/// Returns the delay of the `Retry-After` header (RFC 9110, section 10.2.3), which is either seconds or an HTTP date.
///
/// A date is compared with the `Date` header of the same response, if there is one, so that a wrong local clock
/// does not matter. For a date in the past, the delay is zero.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that does not fit into `u32` is replaced by the maximum, about 136 years.
        return Some(Duration::from_secs(text.parse::<u32>().unwrap_or(u32::MAX).into()));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let response_date =
        headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    let now = response_date.unwrap_or_else(SystemTime::now);
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delay(pairs: &[(&str, &str)]) -> Option<Duration> {
        let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        retry_after(&headers.collect::<HeaderMap>())
    }

    #[test]
    fn parses_seconds_and_dates_and_ignores_other_values() {
        assert_eq!(delay(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(delay(&[("retry-after", "99999999999")]), Some(Duration::from_secs(u32::MAX.into())));
        let (now, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:00 GMT");
        assert_eq!(delay(&[("date", now), ("retry-after", later)]), Some(Duration::from_secs(23)));
        assert_eq!(delay(&[("date", later), ("retry-after", now)]), Some(Duration::ZERO));
        for text in ["", "soon", "-1", "1.5"] {
            assert_eq!(delay(&[("retry-after", text)]), None, "{text}");
        }
        assert_eq!(delay(&[]), None);
    }

    mod fuzz {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn any_headers_give_a_limited_delay(
                after in prop_oneof![
                    proptest::collection::vec(any::<u8>(), 0..40),
                    "[A-Z][a-z]{2},? [0-9]{1,3}[ -][A-Z][a-z]{2}[ -][0-9]{1,6} [0-9:]{3,9} GMT".prop_map(String::into_bytes),
                    "[0-9]{0,30}".prop_map(String::into_bytes),
                ],
                date in proptest::option::of("Sun, [0-9]{2} Nov [0-9]{4} [0-2][0-9]:[0-5][0-9]:[0-6][0-9] GMT"),
            ) {
                let Ok(after) = http::HeaderValue::from_bytes(&after) else { return Ok(()) };
                let mut headers = HeaderMap::new();
                headers.insert(RETRY_AFTER, after.clone());
                headers.insert("x-request-id", after);
                if let Some(date) = date {
                    headers.insert(DATE, date.parse().unwrap());
                }
                // A date has four digits for the year, so the delay is less than 10,000 years.
                prop_assert!(retry_after(&headers).unwrap_or_default() < Duration::from_secs(10_000 * 366 * 86_400));
                prop_assert!(request_id(&headers).is_none_or(str::is_ascii));
            }
        }
    }
}
