//! What the vendor's page says of an appointment's fields, taken together.

use carium_api::DateTime;
use url::Url;

use crate::problem::Problem;

/// The end comes after the start.
pub(super) fn in_order(start: Option<DateTime>, end: Option<DateTime>, problems: &mut Vec<Problem>) {
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
    } else if !Url::parse(url).is_ok_and(|url| url.has_host()) {
        problems.push(Problem::new(field, "is not a URL: write it like https://example.com/room"));
    }
}
