//! The state of the object store: its objects, and the record of its calls.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, IF_RANGE, RANGE, TRANSFER_ENCODING,
};
use http::{HeaderMap, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::signature::{Clock, Signer, digest};
use crate::faults::FaultInjector;

/// The default maximum size of an object in bytes.
const MAX_OBJECT_BYTES: u64 = 64 * 1024 * 1024;

/// The state that all connections share.
pub(super) struct StoreState {
    pub(super) url: String,
    pub(super) clock: Clock,
    pub(super) signer: Signer,
    pub(super) calls: CallLog,
    pub(super) faults: Arc<FaultInjector>,
    /// By key.
    objects: Mutex<BTreeMap<String, Object>>,
    pub(super) max_object_bytes: AtomicU64,
}

impl fmt::Debug for StoreState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreState").finish_non_exhaustive()
    }
}

impl StoreState {
    pub(super) fn new(url: String, faults: Arc<FaultInjector>) -> Self {
        Self {
            url,
            clock: Clock::start(),
            signer: Signer::random(),
            calls: CallLog::default(),
            faults,
            objects: Mutex::default(),
            max_object_bytes: AtomicU64::new(MAX_OBJECT_BYTES),
        }
    }

    pub(super) fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Object>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn object(&self, key: &str) -> Option<Object> {
        self.objects().get(key).cloned()
    }

    pub(super) fn put(&self, key: String, object: Object) {
        self.objects().insert(key, object.with_last_modified(self.clock.now()));
    }

    pub(super) fn max_object_bytes(&self) -> u64 {
        self.max_object_bytes.load(Ordering::Relaxed)
    }
}

/// The media type of S3 for objects that were uploaded without one.
const DEFAULT_MEDIA_TYPE: &str = "binary/octet-stream";

/// Characters that are percent-encoded in a header parameter: all except `attr-char` of RFC 8187.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// An object in the store. `Debug` shows neither its content nor its file name.
#[derive(Clone, PartialEq)]
pub struct Object {
    content: Bytes,
    media_type: String,
    etag: String,
    file_name: Option<String>,
    last_modified: DateTime<Utc>,
}

impl Object {
    /// Creates an object with the media type `binary/octet-stream` and without a file name.
    pub fn new(content: impl Into<Bytes>) -> Self {
        let content = content.into();
        Self {
            // S3 uses MD5. An ETag is opaque to clients, and SHA-256 is needed for signatures anyway.
            etag: format!("\"{}\"", digest(&content)),
            content,
            media_type: DEFAULT_MEDIA_TYPE.to_owned(),
            file_name: None,
            last_modified: DateTime::UNIX_EPOCH,
        }
    }

    pub(super) fn with_content(self, content: Bytes) -> Self {
        Self { media_type: self.media_type, file_name: self.file_name, ..Self::new(content) }
    }

    /// Sets the media type, which downloads return as `Content-Type`.
    #[must_use]
    pub fn with_media_type(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = media_type.into();
        self
    }

    /// Sets the file name, which downloads return in `Content-Disposition`.
    #[must_use]
    pub fn with_file_name(mut self, file_name: impl Into<String>) -> Self {
        self.file_name = Some(file_name.into());
        self
    }

    pub(super) fn with_last_modified(self, last_modified: DateTime<Utc>) -> Self {
        Self { last_modified, ..self }
    }

    /// Formats the time of the last modification for the `Last-Modified` header.
    pub(super) fn last_modified(&self) -> String {
        self.last_modified.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// Returns the content.
    pub fn content(&self) -> &Bytes {
        &self.content
    }

    /// Returns the media type. For an upload, this is the value of the form field `Content-Type`. As in S3, the
    /// `Content-Type` header of the file part is ignored.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// Returns the ETag including its quotation marks. It is derived from the content.
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// Returns the file name. For an upload, this is the file name of the file part.
    pub fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// Returns the `Content-Disposition` header (RFC 6266), with the file name in ASCII for old clients and in UTF-8.
    pub(super) fn content_disposition(&self) -> Option<String> {
        let name = self.file_name()?;
        let ascii: String = name
            .chars()
            .map(|character| match character {
                '"' | '\\' => '_',
                ' '..='~' => character,
                _ => '_',
            })
            .collect();
        let encoded = utf8_percent_encode(name, NOT_ATTR_CHAR);
        Some(format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}"))
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("len", &self.content.len())
            .field("media_type", &self.media_type)
            .field("etag", &self.etag)
            .finish_non_exhaustive()
    }
}

/// A call to the object store.
///
/// It has the headers that affect the response. Credentials are not recorded, only whether they were sent.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoreCall {
    /// The HTTP method.
    pub method: Method,
    /// The key of the object. For a download, it comes from the path. For an upload, it is known once the form field
    /// `key` has been read.
    pub key: Option<String>,
    /// Whether the request had an `Authorization` header.
    pub has_authorization: bool,
    /// The `Range` header.
    pub range: Option<String>,
    /// The `If-Range` header.
    pub if_range: Option<String>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The `Content-Length` header.
    pub content_length: Option<u64>,
    /// The `Transfer-Encoding` header.
    pub transfer_encoding: Option<String>,
    /// The names of the form fields that have been read, in order.
    pub fields: Vec<String>,
    /// The number of bytes of the request body that were read before the response was sent.
    pub body_bytes_read: u64,
    /// The status of the response, or `None` if no response has been sent.
    pub status: Option<u16>,
}

impl StoreCall {
    pub(super) fn new(method: Method, key: Option<String>, headers: &HeaderMap) -> Self {
        let text =
            |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self {
            method,
            key,
            has_authorization: headers.contains_key(AUTHORIZATION),
            range: text(RANGE),
            if_range: text(IF_RANGE),
            content_type: text(CONTENT_TYPE),
            content_length: text(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
            transfer_encoding: text(TRANSFER_ENCODING),
            fields: Vec::new(),
            body_bytes_read: 0,
            status: None,
        }
    }
}

/// The calls since the store was started. Clones share the same log.
#[derive(Clone, Debug, Default)]
pub(super) struct CallLog(Arc<Mutex<LogState>>);

/// The number of calls that are kept, which is more than a test makes. It limits the memory of a store that runs for
/// days to some tens of MB.
const MAX_CALLS: usize = 100_000;

#[derive(Debug, Default)]
struct LogState {
    calls: VecDeque<StoreCall>,
    /// The number of calls that were removed from the front.
    removed: usize,
}

impl CallLog {
    pub(super) fn all(&self) -> Vec<StoreCall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).calls.iter().cloned().collect()
    }

    /// Adds a call and returns its entry.
    pub(super) fn add(&self, call: StoreCall) -> CallEntry {
        let state = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.calls.len() == MAX_CALLS {
            state.calls.pop_front();
            state.removed += 1;
        }
        let number = state.removed + state.calls.len();
        state.calls.push_back(call);
        CallEntry { log: self.clone(), number }
    }
}

/// The entry of a call in progress. It is updated continuously, because the client may disconnect at any time.
#[derive(Clone, Debug)]
pub(super) struct CallEntry {
    log: CallLog,
    /// The number of calls before this one, including removed ones.
    number: usize,
}

impl CallEntry {
    pub(super) fn update(&self, update: impl FnOnce(&mut StoreCall)) {
        let state = &mut *self.log.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = self.number.checked_sub(state.removed);
        if let Some(call) = index.and_then(|index| state.calls.get_mut(index)) {
            update(call);
        }
    }
}
