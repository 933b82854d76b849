//! Where things are: `/bucket/key`, S3's path style.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The one bucket there is.
pub(super) const BUCKET: &str = "carium-mock";

/// What signatures encode of a query: everything but the unreserved characters.
const OUTSIDE_UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same, and the slashes of a path stay.
const OUTSIDE_PATH: &AsciiSet = &OUTSIDE_UNRESERVED.remove(b'/');

pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, OUTSIDE_UNRESERVED).to_string()
}

pub(super) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

pub(super) fn path_of(key: &str) -> String {
    format!("/{BUCKET}/{}", utf8_percent_encode(key, OUTSIDE_PATH))
}

/// The store's URL less its scheme: what a client puts into `Host`.
pub(super) fn host_of(store: &str) -> &str {
    store.strip_prefix("http://").unwrap_or(store)
}

/// What a path names.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    Bucket,
    Key(String),
    Elsewhere,
}

impl Place {
    pub(super) fn of(path: &str) -> Self {
        match path.strip_prefix('/').and_then(|path| path.strip_prefix(BUCKET)) {
            Some("" | "/") => Self::Bucket,
            Some(rest) => rest.strip_prefix('/').map_or(Self::Elsewhere, |key| Self::Key(decode(key))),
            None => Self::Elsewhere,
        }
    }
}
