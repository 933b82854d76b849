//! The addresses of objects: `/bucket/key`, which S3 calls path style.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The only bucket.
pub(super) const BUCKET: &str = "carium-mock";

/// Characters that are percent-encoded in a query for a signature: all except the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Characters that are percent-encoded in a path: the same except slashes.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

pub(super) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

pub(super) fn path_of(key: &str) -> String {
    format!("/{BUCKET}/{}", utf8_percent_encode(key, RESERVED_IN_PATH))
}

/// Returns the store's URL without its scheme, which is the value of a client's `Host` header.
pub(super) fn host_of(store_url: &str) -> &str {
    store_url.strip_prefix("http://").unwrap_or(store_url)
}

/// The resource that a path addresses.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Resource {
    Bucket,
    Object(String),
    UnknownBucket,
}

impl Resource {
    pub(super) fn from_path(path: &str) -> Self {
        match path.strip_prefix('/').and_then(|path| path.strip_prefix(BUCKET)) {
            Some("" | "/") => Self::Bucket,
            Some(rest) => rest.strip_prefix('/').map_or(Self::UnknownBucket, |key| Self::Object(decode(key))),
            None => Self::UnknownBucket,
        }
    }
}
