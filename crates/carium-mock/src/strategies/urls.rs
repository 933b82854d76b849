//! Strategies for the URLs of video calls.

use proptest::prelude::*;

use super::strings::one_of;

/// Generates `http` and `https` URLs at reserved domains.
pub fn web_url() -> impl Strategy<Value = String> + Clone {
    let origin = one_of(&[
        "https://example.com",
        "https://meet.example.org",
        "http://example.net:8080",
        "https://bücher.example",
        "https://[2001:db8::1]",
    ]);
    let rest = one_of(&["/", "", "/room", "/j/5550100?pwd=a%20b&lang=en", "/a/b#start", "/r%C3%B6m/%2F"]);
    (origin, rest).prop_map(|(origin, rest)| origin + &rest).boxed()
}

/// Generates strings that are not absolute URLs with a host.
pub(super) fn malformed_url() -> impl Strategy<Value = String> {
    one_of(&[
        "",
        "room",
        "example.com/room",
        "/room",
        "//example.com/room",
        "https://",
        "https:///",
        "https:example.com/room",
        "https:///example.com/room",
        r"https://example.com\room",
        "https://exa mple.com",
        " https://example.com",
        "https://example.com/a\nb",
    ])
}

/// Generates URLs with a scheme other than `http` and `https`.
pub(super) fn url_with_other_scheme() -> impl Strategy<Value = String> {
    one_of(&[
        "ftp://example.com/room",
        "file:///room",
        "mailto:ann@example.com",
        "tel:+15550100000",
        "javascript:alert(1)",
        "data:text/plain,a",
        "zoommtg://example.com/join",
    ])
}
