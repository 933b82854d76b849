//! What the vendor's page says of an appointment's fields, taken together.

use carium_api::DateTime;
use url::Url;

use crate::problem::Problem;

/// The end comes after the start, and both are whole seconds, as the page writes them.
pub(super) fn in_order(start: Option<DateTime>, end: Option<DateTime>, problems: &mut Vec<Problem>) {
    for (field, time) in [("start-time", start), ("end-time", end)] {
        if time.is_some_and(|time| time.to_chrono().timestamp_subsec_nanos() != 0) {
            problems.push(Problem::new(field, "has a fraction of a second: give a whole one"));
        }
    }
    if let (Some(start), Some(end)) = (start, end)
        && end <= start
    {
        problems.push(Problem::new("end-time", "is not after `start-time`"));
    }
}

/// The page gives the URLs for the case without a channel of the platform.
pub(super) fn check_url(
    field: &'static str,
    url: Option<&str>,
    with_channel: bool,
    problems: &mut Vec<Problem>,
) {
    let Some(url) = url else { return };
    if with_channel {
        problems.push(Problem::new(field, "has no place beside a video channel of the platform"));
    } else if !is_web_url(url) {
        problems.push(Problem::new(field, "is not a URL: write it like https://example.com/room"));
    }
}

/// Patients open it: the web's own schemes only, and nothing that another program would read differently.
fn is_web_url(text: &str) -> bool {
    let plain = !text.chars().any(|letter| letter.is_whitespace() || letter.is_control() || letter == '\\');
    // The parser adds slashes that are missing and drops those that are too many; others read a path there.
    let has_origin = text.split_once("://").is_some_and(|(_, rest)| !rest.starts_with('/'));
    plain
        && has_origin
        && Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
