//! Presigned upload forms and download links, as in S3.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::SecondsFormat;
use serde_json::json;

use super::address::{self, BUCKET, path_of};
use super::clock::{Clock, whole_seconds};
use super::query::{self, LinkQuery};
use super::sign::{ALGORITHM, DATE_FORMAT, Signer};

/// The options of a presigned upload form.
#[derive(Clone)]
pub struct PresignPost {
    key: String,
    valid_for: Duration,
    /// Minimum and maximum length.
    length: Option<(u64, u64)>,
    content_type_prefix: Option<String>,
    fields: Vec<(String, String)>,
}

impl PresignPost {
    /// Creates options for uploading one file to this key, valid for one hour.
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            valid_for: Duration::from_hours(1),
            length: None,
            content_type_prefix: None,
            fields: Vec::new(),
        }
    }

    /// Sets how long the form is valid. Defaults to one hour. At most one week.
    #[must_use]
    pub fn valid_for(mut self, valid_for: Duration) -> Self {
        self.valid_for = valid_for;
        self
    }

    /// Limits the length of the file in bytes: `content-length-range`.
    #[must_use]
    pub fn content_length_range(mut self, range: RangeInclusive<u64>) -> Self {
        self.length = Some((*range.start(), *range.end()));
        self
    }

    /// Requires exactly this media type, which becomes a field of the form.
    #[must_use]
    pub fn content_type(self, media_type: impl Into<String>) -> Self {
        self.field("Content-Type", media_type)
    }

    /// Requires a media type with this prefix. The client that uploads has to add the field `Content-Type`, anywhere
    /// before the file.
    #[must_use]
    pub fn content_type_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.content_type_prefix = Some(prefix.into());
        self
    }

    /// Adds a field, whose value must be sent unchanged.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    pub(super) fn sign(self, signer: &Signer, clock: &Clock, store_url: &str) -> PresignedPost {
        let (now, expiry) = (clock.now(), clock.expiry(self.valid_for));
        let credential = Signer::credential(now);
        let scope = Signer::scope(&credential).unwrap_or_default().to_owned();
        let mut fields = vec![("key".to_owned(), self.key)];
        fields.extend(self.fields);
        fields.push(("x-amz-algorithm".to_owned(), ALGORITHM.to_owned()));
        fields.push(("x-amz-credential".to_owned(), credential));
        fields.push(("x-amz-date".to_owned(), now.format(DATE_FORMAT).to_string()));

        let mut conditions = vec![json!({"bucket": BUCKET})];
        conditions.extend(fields.iter().map(|(name, value)| json!({name: value})));
        conditions
            .extend(self.content_type_prefix.map(|prefix| json!(["starts-with", "$Content-Type", prefix])));
        conditions.extend(self.length.map(|(min, max)| json!(["content-length-range", min, max])));
        let expiration = expiry.to_rfc3339_opts(SecondsFormat::Millis, true);
        let policy = STANDARD.encode(json!({"expiration": expiration, "conditions": conditions}).to_string());

        let signature = signer.sign(&scope, &policy);
        fields.push(("policy".to_owned(), policy));
        fields.push(("x-amz-signature".to_owned(), signature));
        PresignedPost { url: format!("{store_url}/{BUCKET}"), fields }
    }
}

impl fmt::Debug for PresignPost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresignPost").field("valid_for", &self.valid_for).finish_non_exhaustive()
    }
}

/// A presigned form that uploads one file.
///
/// Anyone who has the form can use it, repeatedly, while it is valid. `Debug` therefore shows neither its URL nor its
/// fields.
#[derive(Clone)]
pub struct PresignedPost {
    /// The URL to post the form to.
    pub url: String,
    /// The fields, in the order in which they must be sent. The file follows in a part named `file`.
    pub fields: Vec<(String, String)>,
}

impl fmt::Debug for PresignedPost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresignedPost").finish_non_exhaustive()
    }
}

/// Presigns a download link.
pub(super) fn presign_get(
    key: &str,
    valid_for: Duration,
    signer: &Signer,
    clock: &Clock,
    store_url: &str,
) -> String {
    let now = clock.now();
    let credential = Signer::credential(now);
    let scope = Signer::scope(&credential).unwrap_or_default();
    let date = now.format(DATE_FORMAT).to_string();
    let mut query = LinkQuery::default();
    query.push(query::ALGORITHM, ALGORITHM);
    query.push(query::CREDENTIAL, &credential);
    query.push(query::DATE, &date);
    query.push(query::EXPIRES, &whole_seconds(valid_for).to_string());
    query.push(query::SIGNED_HEADERS, "host");
    let host = address::host_of(store_url);
    let signature = signer.sign(scope, &query.string_to_sign(key, host, &date, scope));
    query.push(query::SIGNATURE, &signature);
    format!("{store_url}{}?{}", path_of(key), query.encoded())
}
