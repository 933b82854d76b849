//! Validation of appointment fields, by the rules on the vendor's Examples page.

use carium_api::DateTime;
use url::Url;

use crate::problem::Problem;

/// Checks that the end is after the start, and that both are whole seconds, as in the vendor's examples.
pub(super) fn check_times(start: Option<DateTime>, end: Option<DateTime>, problems: &mut Vec<Problem>) {
    for (field, time) in [("start-time", start), ("end-time", end)] {
        if time.is_some_and(|time| time.to_chrono().timestamp_subsec_nanos() != 0) {
            problems.push(Problem::new(field, "has fractional seconds").with_hint("use whole seconds"));
        }
    }
    if let (Some(start), Some(end)) = (start, end)
        && end <= start
    {
        problems.push(Problem::new("end-time", "must be after `start-time`"));
    }
}

/// Checks a URL of an external video call. It cannot be combined with the platform's video channel.
pub(super) fn check_url(
    field: &'static str,
    url: Option<&str>,
    has_video_channel: bool,
    problems: &mut Vec<Problem>,
) {
    let Some(url) = url else { return };
    if has_video_channel {
        problems.push(Problem::new(field, "cannot be combined with the platform's video channel"));
    } else if !is_web_url(url) {
        let problem = Problem::new(field, "is not a valid http or https URL");
        problems.push(problem.with_hint("use the form https://example.com/call"));
    }
}

/// Checks that a text is an `http` or `https` URL that all URL parsers read alike, because the patient's
/// browser opens it.
fn is_web_url(text: &str) -> bool {
    let has_only_plain_chars =
        !text.chars().any(|char| char.is_whitespace() || char.is_control() || char == '\\');
    // `Url::parse` also accepts fewer or more than two slashes after the scheme. Other parsers read a path
    // there.
    let has_origin = text.split_once("://").is_some_and(|(_, rest)| !rest.starts_with('/'));
    has_only_plain_chars
        && has_origin
        && Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
