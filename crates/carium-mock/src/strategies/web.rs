//! Where calls are joined.

use proptest::prelude::*;

use super::words::one_of;

/// The URL of a room at a domain that belongs to nobody.
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

/// No URL at all.
pub(super) fn no_url() -> impl Strategy<Value = String> {
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

/// A URL that does not lead to a place on the web.
pub(super) fn url_of_another_scheme() -> impl Strategy<Value = String> {
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
