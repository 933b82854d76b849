//! The objects in the store.

use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::sign::digest;

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
