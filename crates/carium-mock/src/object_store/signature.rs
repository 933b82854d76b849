//! What presigned forms and links have in common: addresses of objects, the store's clock, and AWS Signature Version 4.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

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

/// The maximum validity of a presigned form or link in S3.
const MAX_VALIDITY: Duration = Duration::from_secs(3600 * 7 * 24);

/// A wall clock that advances with tokio's clock.
///
/// Policies and links contain dates, so the clock starts at the current date. From then on it follows tokio's clock,
/// which a test can pause and advance to let them expire.
#[derive(Debug)]
pub(super) struct Clock {
    started_at: Instant,
    start_date: DateTime<Utc>,
}

impl Clock {
    pub(super) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // The start is a whole second, like the dates of links. Under a paused clock, links then expire exactly on
        // time.
        let start_date =
            i64::try_from(since_epoch.as_secs()).ok().and_then(|secs| DateTime::from_timestamp(secs, 0));
        Self { started_at: Instant::now(), start_date: start_date.unwrap_or_default() }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        let elapsed = TimeDelta::from_std(self.started_at.elapsed()).unwrap_or(TimeDelta::MAX);
        self.start_date.checked_add_signed(elapsed).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Returns the expiry date of something that is valid for this long, at most one week.
    pub(super) fn expiry(&self, valid_for: Duration) -> DateTime<Utc> {
        let valid_for = TimeDelta::from_std(valid_for.min(MAX_VALIDITY)).unwrap_or_default();
        self.now().checked_add_signed(valid_for).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// Rounds a validity down to whole seconds and limits it to one week.
pub(super) fn whole_seconds(valid_for: Duration) -> u64 {
    valid_for.min(MAX_VALIDITY).as_secs()
}

/// The only supported algorithm.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The format of dates in a signature.
pub(super) const DATE_FORMAT: &str = "%Y%m%dT%H%M%SZ";

const ACCESS_KEY: &str = "carium-mock";

pub(super) struct Signer {
    secret: String,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

impl Signer {
    /// Creates a signer with a random secret, so that each store rejects the signatures of other stores.
    pub(super) fn random() -> Self {
        // The standard library's hasher has random keys. A test double needs no stronger secret.
        Self { secret: format!("{:016x}", RandomState::new().build_hasher().finish()) }
    }

    /// Returns the credential of a signature: the access key and the scope.
    pub(super) fn credential(date: DateTime<Utc>) -> String {
        format!("{ACCESS_KEY}/{}/us-east-1/s3/aws4_request", date.format("%Y%m%d"))
    }

    /// Returns the scope of a credential, or `None` if its access key is not that of the store.
    pub(super) fn scope(credential: &str) -> Option<&str> {
        credential.strip_prefix(ACCESS_KEY)?.strip_prefix('/')
    }

    pub(super) fn sign(&self, scope: &str, text: &str) -> String {
        let initial_key = format!("AWS4{}", self.secret).into_bytes();
        let key = scope.split('/').fold(initial_key, |key, part| keyed_hash(&key, part));
        hex(&keyed_hash(&key, text))
    }
}

fn keyed_hash(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC accepts keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

pub(super) fn digest(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected signature was computed with Python's `hmac` module.
    #[test]
    fn matches_the_signature_of_another_implementation() {
        let signer = Signer { secret: "example-secret".to_owned() };
        let signature = signer.sign("20151229/us-east-1/s3/aws4_request", "eyAiZXhwaXJhdGlvbiI6");
        assert_eq!(signature, "6b3039d2cc517f9582f922de6c14d24fb71667592f9e0c8ac8076555d3199527");
    }
}
