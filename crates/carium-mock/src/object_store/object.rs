//! What is kept under a key.

use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::sign::digest;

/// What S3 takes content for whose media type it was not told.
const NO_MEDIA_TYPE: &str = "binary/octet-stream";

/// What a parameter of a header may hold as it is: `attr-char` of RFC 8187.
const OUTSIDE_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
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

/// What the store keeps under a key. Its `Debug` shows neither content nor file name.
#[derive(Clone, PartialEq)]
pub struct Object {
    content: Bytes,
    media_type: String,
    etag: String,
    file_name: Option<String>,
    last_modified: DateTime<Utc>,
}

impl Object {
    /// Content of no particular type, without a file name.
    pub fn new(content: impl Into<Bytes>) -> Self {
        let content = content.into();
        Self {
            // S3 has MD5 here; to clients an ETag is opaque, and SHA-256 is there anyway.
            etag: format!("\"{}\"", digest(&content)),
            content,
            media_type: NO_MEDIA_TYPE.to_owned(),
            file_name: None,
            last_modified: DateTime::UNIX_EPOCH,
        }
    }

    /// Of this media type. A download says so in `Content-Type`.
    #[must_use]
    pub fn with_media_type(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = media_type.into();
        self
    }

    /// With this file name. A download says so in `Content-Disposition`.
    #[must_use]
    pub fn with_file_name(mut self, file_name: impl Into<String>) -> Self {
        self.file_name = Some(file_name.into());
        self
    }

    pub(super) fn modified(self, last_modified: DateTime<Utc>) -> Self {
        Self { last_modified, ..self }
    }

    /// As headers state it, to the second.
    pub(super) fn last_modified(&self) -> String {
        self.last_modified.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// The bytes.
    pub fn content(&self) -> &Bytes {
        &self.content
    }

    /// The media type, which an upload states in its field `Content-Type`; the header of that name in the part
    /// of the file counts for nothing, as with S3.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The entity tag, with its quotation marks. It follows from the content.
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// The file name; of an upload, that of the part of the file.
    pub fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// As RFC 6266 has it: once in ASCII for old programs, and once as it is.
    pub(super) fn content_disposition(&self) -> Option<String> {
        let name = self.file_name()?;
        let plain: String = name
            .chars()
            .map(|character| match character {
                '"' | '\\' => '_',
                ' '..='~' => character,
                _ => '_',
            })
            .collect();
        let encoded = utf8_percent_encode(name, OUTSIDE_ATTR_CHAR);
        Some(format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"))
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
