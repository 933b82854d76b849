//! The store's side of documents: presigned uploads and downloads.

mod activity;
mod answer;
mod http;
mod multipart;

use std::fmt;
use std::io;
use std::sync::Arc;

use ::http::{HeaderMap, StatusCode};
use async_trait::async_trait;
use bytes::Bytes;
use carium_api::{FormFields, Redacted, Secret};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) use http::HttpTransfers;

use crate::error::{Error, ErrorKind};

/// Moves files to and from an object store, by what the service presigned.
///
/// Whoever implements it has no token and needs none. It makes one try: the pipelines decide what is tried
/// again. There is no deadline on a whole transfer, as nobody knows how long a file takes; silence ends it.
#[async_trait]
pub trait Transfers: Send + Sync {
    /// Posts a form with a file: the fields first, unchanged and in their order, the file last in a part named
    /// `file`, with a `Content-Length`. Done again while the form is valid, it leaves what it leaves done once.
    ///
    /// # Errors
    /// - [`Expired`](crate::ErrorKind::Expired) or [`Forbidden`](crate::ErrorKind::Forbidden): the store does
    ///   not take the form, or no longer.
    /// - [`Rejected`](crate::ErrorKind::Rejected): it does not take the file.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable), [`TimedOut`](crate::ErrorKind::TimedOut),
    ///   [`RateLimited`](crate::ErrorKind::RateLimited): it may, another time.
    /// - [`Io`](crate::ErrorKind::Io): the file could not be read.
    async fn post(&self, form: &UploadForm, file: FilePart) -> Result<(), Error>;

    /// Reads what a URL leads to, or a range of it. A store may ignore the range: [`DownloadResponse::start`] says where
    /// its answer begins.
    ///
    /// # Errors
    /// - [`Expired`](crate::ErrorKind::Expired) or [`Forbidden`](crate::ErrorKind::Forbidden): the store does
    ///   not take the URL, or no longer.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput): the range [cannot be asked for](ByteRange::check).
    /// - [`NotFound`](crate::ErrorKind::NotFound): there is nothing.
    /// - [`Rejected`](crate::ErrorKind::Rejected): the range begins past the end.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable), [`TimedOut`](crate::ErrorKind::TimedOut),
    ///   [`RateLimited`](crate::ErrorKind::RateLimited): there may be, another time. The stream of the body may
    ///   end with these too.
    async fn get(&self, url: &Secret, range: Option<ByteRange>) -> Result<DownloadResponse, Error>;
}

/// The error that an object store's refusal comes down to, by its status, its headers and as much of its body as
/// one cares to read. For those who implement [`Transfers`]; of the body nothing is kept.
pub fn store_error(status: StatusCode, headers: &HeaderMap, text: &[u8]) -> Error {
    answer::refused(status, headers, text)
}

/// A presigned form: where to post it, and its fields in their order. Whoever has it can upload, for a while.
///
/// `Debug` shows the names of the fields and nothing else.
#[derive(Clone, PartialEq)]
pub struct UploadForm(Arc<FormParts>);

#[derive(PartialEq, Serialize, Deserialize)]
struct FormParts {
    url: Secret,
    fields: FormFields,
}

impl UploadForm {
    /// A form as the service gave it.
    pub fn new(url: Secret, fields: FormFields) -> Self {
        Self(Arc::new(FormParts { url, fields }))
    }

    /// Where to post it.
    pub fn url(&self) -> &Secret {
        &self.0.url
    }

    /// Its fields, in the order in which they are to be posted.
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
        FormParts::deserialize(deserializer).map(|parts| Self(Arc::new(parts)))
    }
}

/// A file, as it is posted. `Debug` shows neither its name nor its content.
#[non_exhaustive]
pub struct FilePart {
    /// Its name, without a path.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// How many bytes it has.
    pub length: u64,
    /// Its bytes.
    pub content: Content,
}

/// A stream of the bytes of a file, some at a time.
pub type ByteStream<E> = BoxStream<'static, Result<Bytes, E>>;

/// The bytes of a file.
#[non_exhaustive]
pub enum Content {
    /// All of them: a small file.
    Bytes(Bytes),
    /// Some at a time. Ends with an error where the source fails, or turns out shorter or longer than it said:
    /// then the file was not sent.
    Stream(ByteStream<io::Error>),
}

impl FilePart {
    /// A file of this name and media type.
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
    /// The bytes as a stream, whatever they are.
    pub fn into_stream(self) -> ByteStream<io::Error> {
        match self {
            Self::Bytes(bytes) => stream::iter([Ok(bytes)]).boxed(),
            Self::Stream(blocks) => blocks,
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

/// A range of a file, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ByteRange {
    /// The first byte, counted from 0.
    pub from: u64,
    /// The byte before which it ends. Left out, the end of the file.
    pub until: Option<u64>,
    /// Only if the file is still this one: [`DownloadResponse::version`] of an earlier answer. Otherwise the whole file
    /// is wanted (RFC 9110, `If-Range`).
    pub if_version: Option<String>,
}

impl ByteRange {
    /// From this byte on.
    pub fn starting_at(byte: u64) -> Self {
        Self { from: byte, until: None, if_version: None }
    }

    /// Up to this byte, which is not in it.
    #[must_use]
    pub fn until(mut self, byte: u64) -> Self {
        self.until = Some(byte);
        self
    }

    /// Whether it can be asked for, for those who implement [`Transfers`].
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput): there is nothing in it, which HTTP has no words for (RFC 9110, section
    /// 14.1.2).
    pub fn check(&self) -> Result<(), Error> {
        if self.until.is_some_and(|until| until <= self.from) {
            return Err(Error::new(ErrorKind::InvalidInput, "the range of the file has nothing in it"));
        }
        Ok(())
    }

    /// Only of this version of the file.
    #[must_use]
    pub fn if_version(mut self, version: impl Into<String>) -> Self {
        self.if_version = Some(version.into());
        self
    }
}

/// A file, or a range of one, on its way from the store. `Debug` shows neither its name nor its content.
#[non_exhaustive]
pub struct DownloadResponse {
    /// Which byte of the file the body begins with, counted from 0.
    pub start: u64,
    /// How many bytes the whole file has, where the store says so.
    pub total: Option<u64>,
    /// What this version of the file is recognised by: a strong `ETag`, where the store gives one.
    pub version: Option<String>,
    /// What the store calls the file. Chosen by someone else: not a name to write to as it is.
    pub file_name: Option<String>,
    /// The bytes.
    pub body: ByteStream<Error>,
}

impl DownloadResponse {
    /// A whole file of this length.
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
