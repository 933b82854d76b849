//! The object store: the trait [`Transfers`] for presigned uploads and downloads, and its implementation over HTTP.

mod http;
mod multipart;
mod response;

use std::fmt;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::{FormFields, Redacted, Secret};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) use http::HttpTransfers;
pub use response::{store_error, upload_result};

use crate::error::{Error, ErrorKind};

/// Transfers files to and from an object store, with presigned forms and URLs.
///
/// An implementation has no access token and needs none. Each call makes one attempt: [`Uploads`](super::Uploads) and
/// [`Downloads`](super::Downloads) decide about retries. A transfer has an idle timeout instead of a deadline,
/// because its duration depends on the size of the file.
#[async_trait]
pub trait Transfers: Send + Sync {
    /// Posts a presigned form with a file.
    ///
    /// The request has a `Content-Length`. Its body has the form's fields first, unchanged and in their order, and
    /// the file last, in a part named `file`. Idempotent while the form is valid.
    ///
    /// # Errors
    /// - [`Expired`](crate::ErrorKind::Expired) or [`Forbidden`](crate::ErrorKind::Forbidden): the object store
    ///   does not accept the form, or does not accept it any more.
    /// - [`Rejected`](crate::ErrorKind::Rejected): the object store does not accept the file.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable), [`TimedOut`](crate::ErrorKind::TimedOut),
    ///   [`RateLimited`](crate::ErrorKind::RateLimited): temporary failures. A retry may succeed.
    /// - [`Io`](crate::ErrorKind::Io): the file could not be read.
    async fn post(&self, form: &UploadForm, file: FilePart) -> Result<(), Error>;

    /// Reads a file, or a range of it, from a presigned URL. An object store may ignore the range:
    /// [`DownloadResponse::start`] is where the returned body starts.
    ///
    /// # Errors
    /// - [`Expired`](crate::ErrorKind::Expired) or [`Forbidden`](crate::ErrorKind::Forbidden): the object store
    ///   does not accept the URL, or does not accept it any more.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput): the range does not pass [`ByteRange::validate`].
    /// - [`NotFound`](crate::ErrorKind::NotFound): the file does not exist.
    /// - [`Rejected`](crate::ErrorKind::Rejected): the range starts after the end of the file.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable), [`TimedOut`](crate::ErrorKind::TimedOut),
    ///   [`RateLimited`](crate::ErrorKind::RateLimited): temporary failures. The body's stream can also end with
    ///   one of these. A retry may succeed.
    async fn get(&self, url: &Secret, range: Option<ByteRange>) -> Result<DownloadResponse, Error>;
}

/// A presigned form: the URL to post it to, and its fields in order. Anyone who has it can upload a file until it
/// expires.
///
/// `Debug` shows the names of the fields and nothing else.
#[derive(Clone, PartialEq)]
pub struct UploadForm(Arc<UploadFormInner>);

#[derive(PartialEq, Serialize, Deserialize)]
struct UploadFormInner {
    url: Secret,
    fields: FormFields,
}

impl UploadForm {
    /// Creates a form from the URL and the fields that the service returned.
    pub fn new(url: Secret, fields: FormFields) -> Self {
        Self(Arc::new(UploadFormInner { url, fields }))
    }

    /// Returns the URL to post the form to.
    pub fn url(&self) -> &Secret {
        &self.0.url
    }

    /// Returns the fields, in the order in which they must be posted.
    pub fn fields(&self) -> &FormFields {
        &self.0.fields
    }
}

impl fmt::Debug for UploadForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadForm").field("url", self.url()).field("fields", self.fields()).finish()
    }
}

impl Serialize for UploadForm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for UploadForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        UploadFormInner::deserialize(deserializer).map(|inner| Self(Arc::new(inner)))
    }
}

/// A file to post. `Debug` shows neither its name nor its content.
#[non_exhaustive]
pub struct FilePart {
    /// The file name, without a path.
    pub name: String,
    /// The media type.
    pub media_type: String,
    /// The size in bytes.
    pub length: u64,
    /// The bytes of the file.
    pub content: Content,
}

/// A stream of the bytes of a file, in chunks.
pub type ByteStream<E> = BoxStream<'static, Result<Bytes, E>>;

/// The bytes of a file.
#[non_exhaustive]
pub enum Content {
    /// All bytes of a small file.
    Bytes(Bytes),
    /// The bytes in chunks. The stream ends with an error if the source fails, or if its length is not the announced
    /// length: the file is not sent completely then.
    Stream(ByteStream<io::Error>),
}

impl FilePart {
    /// Creates a file to post.
    pub fn new(
        name: impl Into<String>,
        media_type: impl Into<String>,
        length: u64,
        content: Content,
    ) -> Self {
        Self { name: name.into(), media_type: media_type.into(), length, content }
    }
}

impl Content {
    /// Converts the content into a stream.
    pub fn into_stream(self) -> ByteStream<io::Error> {
        match self {
            Self::Bytes(bytes) => stream::iter([Ok(bytes)]).boxed(),
            Self::Stream(chunks) => chunks,
        }
    }
}

impl fmt::Debug for FilePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilePart")
            .field("name", &Redacted::Phi)
            .field("media_type", &self.media_type)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({})", Redacted::Phi)
    }
}

/// A range of bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ByteRange {
    /// The first byte, counted from 0.
    pub from: u64,
    /// The end of the range, exclusive. If `None`, the range extends to the end of the file.
    pub until: Option<u64>,
    /// Requests the range only if the file still has this [version](DownloadResponse::version), and the whole file
    /// otherwise (`If-Range` in RFC 9110).
    pub if_version: Option<String>,
}

impl ByteRange {
    /// Creates a range from this byte to the end of the file.
    pub fn starting_at(byte: u64) -> Self {
        Self { from: byte, until: None, if_version: None }
    }

    /// Sets the end of the range, exclusive.
    #[must_use]
    pub fn until(mut self, byte: u64) -> Self {
        self.until = Some(byte);
        self
    }

    /// Validates the range. For implementations of [`Transfers`].
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput): the range is empty, which HTTP cannot express (RFC 9110, section
    /// 14.1.2).
    pub fn validate(&self) -> Result<(), Error> {
        if self.until.is_some_and(|until| until <= self.from) {
            return Err(Error::new(ErrorKind::InvalidInput, "the requested byte range is empty"));
        }
        Ok(())
    }

    /// Requests the range only if the file still has this version, and the whole file otherwise.
    #[must_use]
    pub fn if_version(mut self, version: impl Into<String>) -> Self {
        self.if_version = Some(version.into());
        self
    }
}

/// An object store's response with a file or a range of it. `Debug` shows neither the file name nor the content.
#[non_exhaustive]
pub struct DownloadResponse {
    /// The position of the body's first byte in the file, counted from 0.
    pub start: u64,
    /// The size of the whole file, if the object store reports it.
    pub total: Option<u64>,
    /// The version of the file: a strong `ETag`, if the object store sends one.
    pub version: Option<String>,
    /// The file name that the object store sends. Untrusted: it must not be used as a path without being sanitized.
    pub file_name: Option<String>,
    /// The bytes.
    pub body: ByteStream<Error>,
}

impl DownloadResponse {
    /// Creates a response with a whole file.
    pub fn whole(total: Option<u64>, body: ByteStream<Error>) -> Self {
        Self { start: 0, total, version: None, file_name: None, body }
    }
}

impl fmt::Debug for DownloadResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadResponse")
            .field("start", &self.start)
            .field("total", &self.total)
            .field("version", &self.version)
            .field("file_name", &self.file_name.as_ref().map(|_| Redacted::Phi))
            .finish_non_exhaustive()
    }
}
