//! Forms that upload and links that download, as S3 presigns them.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::SecondsFormat;
use serde_json::json;

use super::address::{self, BUCKET, path_of};
use super::clock::{Clock, whole_seconds};
use super::query::{self, Query};
use super::sign::{ALGORITHM, DATE_FORMAT, Signer};

/// What may be uploaded with a form.
#[derive(Clone)]
pub struct PresignPost {
    key: String,
    valid_for: Duration,
    length: Option<(u64, u64)>,
    content_type_prefix: Option<String>,
    fields: Vec<(String, String)>,
}

impl PresignPost {
    /// A file under this key, within an hour.
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            valid_for: Duration::from_hours(1),
            length: None,
            content_type_prefix: None,
            fields: Vec::new(),
        }
    }

    /// The form can be used for so long, a week at the most.
    #[must_use]
    pub fn valid_for(mut self, valid_for: Duration) -> Self {
        self.valid_for = valid_for;
        self
    }

    /// The file has so many bytes: `content-length-range`.
    #[must_use]
    pub fn content_length_range(mut self, range: RangeInclusive<u64>) -> Self {
        self.length = Some((*range.start(), *range.end()));
        self
    }

    /// The file is of exactly this media type, which becomes a field of the form.
    #[must_use]
    pub fn content_type(self, media_type: impl Into<String>) -> Self {
        self.field("Content-Type", media_type)
    }

    /// The file is of a media type that starts so. The field `Content-Type` is for who uploads to add, anywhere
    /// before the file.
    #[must_use]
    pub fn content_type_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.content_type_prefix = Some(prefix.into());
        self
    }

    /// One field more, with a value that must be exactly this.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    pub(super) fn sign(self, signer: &Signer, clock: &Clock, store: &str) -> PresignedPost {
        let (now, end) = (clock.now(), clock.end_of(self.valid_for));
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
        conditions.extend(self.length.map(|(least, most)| json!(["content-length-range", least, most])));
        let expiration = end.to_rfc3339_opts(SecondsFormat::Millis, true);
        let policy = STANDARD.encode(json!({"expiration": expiration, "conditions": conditions}).to_string());

        let signature = signer.sign(&scope, &policy);
        fields.push(("policy".to_owned(), policy));
        fields.push(("x-amz-signature".to_owned(), signature));
        PresignedPost { url: format!("{store}/{BUCKET}"), fields }
    }
}

impl fmt::Debug for PresignPost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresignPost").field("valid_for", &self.valid_for).finish_non_exhaustive()
    }
}

/// A form that uploads one file: whoever has it can use it while it is valid, and use it again. Its `Debug` shows
/// neither.
#[derive(Clone)]
pub struct PresignedPost {
    /// Where to send it.
    pub url: String,
    /// The fields, in the order in which they are sent. The file follows, in a part named `file`.
    pub fields: Vec<(String, String)>,
}

impl fmt::Debug for PresignedPost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresignedPost").finish_non_exhaustive()
    }
}

/// A link to what is under the key.
pub(super) fn presign_get(
    key: &str,
    valid_for: Duration,
    signer: &Signer,
    clock: &Clock,
    store: &str,
) -> String {
    let now = clock.now();
    let credential = Signer::credential(now);
    let scope = Signer::scope(&credential).unwrap_or_default();
    let date = now.format(DATE_FORMAT).to_string();
    let mut query = Query::default();
    query.push(query::ALGORITHM, ALGORITHM);
    query.push(query::CREDENTIAL, &credential);
    query.push(query::DATE, &date);
    query.push(query::EXPIRES, &whole_seconds(valid_for).to_string());
    query.push(query::SIGNED_HEADERS, "host");
    let host = address::host_of(store);
    let signature = signer.sign(scope, &query.to_sign(key, host, &date, scope));
    query.push(query::SIGNATURE, &signature);
    format!("{store}{}?{}", path_of(key), query.encoded())
}
