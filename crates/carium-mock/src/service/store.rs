//! Where the files are.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use carium::documents::{
    ByteRange, DocumentReferenceId, FilePart, Incoming, Sha256Digest, Transfers, UploadForm,
};
use carium::{Error, ErrorKind, Secret};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::Instant;

/// Where the files are: what the service presigns, and looks into.
pub(crate) trait Store: Send + Sync {
    fn form(&self, id: DocumentReferenceId) -> Form;
    fn url(&self, id: DocumentReferenceId) -> String;
    fn file(&self, id: DocumentReferenceId) -> Option<Bytes>;

    fn has(&self, id: DocumentReferenceId) -> bool {
        self.file(id).is_some()
    }
}

/// A presigned form.
pub(crate) struct Form {
    pub(crate) url: String,
    pub(crate) fields: Vec<(String, String)>,
}

/// Files in memory, reached by the trait alone.
pub(crate) struct MemoryStore {
    files: Mutex<BTreeMap<DocumentReferenceId, Stored>>,
    started: Instant,
    valid_for: Duration,
}

#[derive(Clone)]
struct Stored {
    name: String,
    content: Bytes,
}

const UPLOADS: &str = "https://store.invalid/uploads";
const DOWNLOADS: &str = "https://store.invalid/downloads/";
/// How much a download gives at a time.
const CHUNK: usize = 64 * 1024;

impl MemoryStore {
    pub(crate) fn new(valid_for: Duration) -> Self {
        Self { files: Mutex::default(), started: Instant::now(), valid_for }
    }

    /// When what is presigned now ends, in milliseconds.
    fn until(&self) -> u128 {
        (self.started.elapsed() + self.valid_for).as_millis()
    }

    fn is_over(&self, until: Option<&str>) -> bool {
        until
            .and_then(|until| until.parse::<u128>().ok())
            .is_none_or(|until| self.started.elapsed().as_millis() >= until)
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<DocumentReferenceId, Stored>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn form(&self, id: DocumentReferenceId) -> Form {
        let fields = [("key", id.to_string()), ("expires", self.until().to_string())];
        Form { url: UPLOADS.to_owned(), fields: fields.map(|(name, value)| (name.to_owned(), value)).into() }
    }

    fn url(&self, id: DocumentReferenceId) -> String {
        format!("{DOWNLOADS}{id}?expires={}", self.until())
    }

    fn file(&self, id: DocumentReferenceId) -> Option<Bytes> {
        self.files().get(&id).map(|stored| stored.content.clone())
    }
}

fn expired() -> Error {
    Error::new(ErrorKind::Expired, "the object store says that what it was shown has expired")
        .with_status(403)
}

fn forbidden() -> Error {
    Error::new(ErrorKind::Forbidden, "the object store does not take what it was shown").with_status(403)
}

#[async_trait]
impl Transfers for MemoryStore {
    async fn post(&self, form: &UploadForm, file: FilePart) -> Result<(), Error> {
        // As with S3, fields of such a name are the client's business.
        let fields: Vec<_> =
            form.fields().iter().filter(|(name, _)| !name.starts_with("x-ignore-")).collect();
        let [("key", key), ("expires", until)] = &fields[..] else { return Err(forbidden()) };
        let id = key.parse().map_err(|_| forbidden())?;
        if form.url().expose() != UPLOADS {
            return Err(forbidden());
        }
        if self.is_over(Some(until)) {
            return Err(expired());
        }
        let length = file.length;
        let read = file.content.into_blocks().try_fold(BytesMut::new(), |mut all, block| async move {
            all.extend_from_slice(&block);
            Ok::<_, io::Error>(all)
        });
        let content = read.await.map_err(|error| {
            Error::new(ErrorKind::Io, "the file could not be read as it was announced")
                .with_source(io::Error::from(error.kind()))
        })?;
        if content.len() as u64 != length {
            return Err(Error::new(ErrorKind::Io, "the file could not be read as it was announced"));
        }
        self.files().insert(id, Stored { name: file.name, content: content.freeze() });
        Ok(())
    }

    async fn get(&self, url: &Secret, range: Option<ByteRange>) -> Result<Incoming, Error> {
        let (id, until) = url
            .expose()
            .strip_prefix(DOWNLOADS)
            .and_then(|rest| rest.split_once("?expires="))
            .ok_or_else(forbidden)?;
        if self.is_over(Some(until)) {
            return Err(expired());
        }
        let id = id.parse().map_err(|_| forbidden())?;
        let Some(Stored { name, content }) = self.files().get(&id).cloned() else {
            return Err(
                Error::new(ErrorKind::NotFound, "the object store does not have the file").with_status(404)
            );
        };
        let total = content.len() as u64;
        let version = format!("\"{}\"", Sha256Digest::of(&content));
        let range = range.filter(|range| range.of_version.as_ref().is_none_or(|wanted| *wanted == version));
        let (from, until) =
            range.map_or((0, total), |range| (range.from, range.until.unwrap_or(total).min(total)));
        if from > total {
            let what = "the object store refuses the request";
            return Err(Error::new(ErrorKind::Rejected, what).with_status(416));
        }
        let at = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(content.len());
        let chunks: Vec<_> = content
            .slice(at(from)..at(until.max(from)))
            .chunks(CHUNK)
            .map(|chunk| Ok(content.slice_ref(chunk)))
            .collect();
        let mut incoming = Incoming::whole(Some(total), stream::iter(chunks).boxed());
        (incoming.start, incoming.version, incoming.file_name) = (from, Some(version), Some(name));
        Ok(incoming)
    }
}
