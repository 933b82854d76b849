//! The files of documents, and the in-memory object store of the fake.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use carium::documents::{
    ByteRange, ByteStream, DocumentReferenceId, DownloadResponse, FilePart, Sha256Digest, Transfers,
    UploadForm, store_error,
};
use carium::{Error, ErrorKind, Secret};
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::with_bit_flipped;
use crate::faults::{Fault, FaultInjector, FaultKind, FaultResponse, FaultTarget, FaultTiming};

/// The service's view of the object store: it presigns transfers and reads files.
pub(crate) trait FileStore: Send + Sync {
    fn presign_upload(&self, id: DocumentReferenceId) -> PresignedForm;
    fn presign_download(&self, id: DocumentReferenceId) -> String;
    fn file(&self, id: DocumentReferenceId) -> Option<Bytes>;

    fn has_file(&self, id: DocumentReferenceId) -> bool {
        self.file(id).is_some()
    }
}

pub(crate) struct PresignedForm {
    pub(crate) url: String,
    pub(crate) fields: Vec<(String, String)>,
}

/// The object store of the in-memory fake, which clients access through the [`Transfers`] trait.
pub(crate) struct MemoryFileStore {
    files: Mutex<BTreeMap<DocumentReferenceId, StoredFile>>,
    started_at: Instant,
    /// How long presigned forms and URLs are valid.
    valid_for: Duration,
    faults: Arc<FaultInjector>,
}

#[derive(Clone)]
struct StoredFile {
    name: String,
    content: Bytes,
}

const UPLOADS: &str = "https://store.invalid/uploads";
const DOWNLOADS: &str = "https://store.invalid/downloads";
/// The chunk size of downloads.
const CHUNK: usize = 64 * 1024;

impl MemoryFileStore {
    pub(crate) fn new(valid_for: Duration, faults: Arc<FaultInjector>) -> Self {
        Self { files: Mutex::default(), started_at: Instant::now(), valid_for, faults }
    }

    /// Returns the expiry time of a form or URL that is presigned now, in milliseconds since the start.
    fn expiry(&self) -> u128 {
        (self.started_at.elapsed() + self.valid_for).as_millis()
    }

    fn is_expired(&self, expiry: Option<&str>) -> bool {
        expiry
            .and_then(|expiry| expiry.parse::<u128>().ok())
            .is_none_or(|expiry| self.started_at.elapsed().as_millis() >= expiry)
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<DocumentReferenceId, StoredFile>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FileStore for MemoryFileStore {
    fn presign_upload(&self, id: DocumentReferenceId) -> PresignedForm {
        let (key, expiry) = (id.to_string(), self.expiry().to_string());
        let signature = sign(UPLOADS, &key, &expiry);
        let fields = [("key", key), ("expires", expiry), ("signature", signature)];
        let fields = fields.map(|(name, value)| (name.to_owned(), value)).into();
        PresignedForm { url: UPLOADS.to_owned(), fields }
    }

    fn presign_download(&self, id: DocumentReferenceId) -> String {
        let expiry = self.expiry().to_string();
        let signature = sign(DOWNLOADS, &id.to_string(), &expiry);
        format!("{DOWNLOADS}/{id}?expires={expiry}&signature={signature}")
    }

    fn file(&self, id: DocumentReferenceId) -> Option<Bytes> {
        self.files().get(&id).map(|file| file.content.clone())
    }
}

/// Signs a key and its expiry time, so that a modified form or URL is rejected. The signature uses no secret because
/// the fake does not have to withstand attacks.
fn sign(base_url: &str, key: &str, expiry: &str) -> String {
    Sha256Digest::of(format!("{base_url} {key} {expiry}").as_bytes()).to_string()
}

/// The time after which a hanging transfer fails: the default `transfer_idle_timeout` of the client.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

fn expired() -> Error {
    store_error(StatusCode::FORBIDDEN, &HeaderMap::new(), b"Request has expired")
}

fn rejected(status: StatusCode) -> Error {
    store_error(status, &HeaderMap::new(), b"")
}

fn disconnected() -> Error {
    Error::new(ErrorKind::Unavailable, "the object store closed the connection too early")
}

fn unreadable() -> Error {
    Error::new(ErrorKind::Io, "the file could not be read, or its length differs from the announced length")
}

async fn hang() -> Error {
    tokio::time::sleep(IDLE_TIMEOUT).await;
    Error::new(ErrorKind::TimedOut, "the transfer made no progress for too long")
}

/// Converts the status of an injected response to the result that a client returns for it.
fn check_status(response: &FaultResponse) -> Result<(), Error> {
    if response.status.is_success() {
        return Ok(());
    }
    Err(store_error(response.status, &response.headers, &response.body))
}

#[async_trait]
impl Transfers for MemoryFileStore {
    async fn post(&self, form: &UploadForm, file: FilePart) -> Result<(), Error> {
        let fault = self.faults.next(FaultTarget::Upload);
        if let Some(Fault { timing: FaultTiming::Before, kind, .. }) = &fault {
            return match kind {
                FaultKind::Respond(response) => {
                    read(file, u64::MAX).await?;
                    check_status(response)
                }
                FaultKind::Hang => Err(hang().await),
                FaultKind::Expire => Err(expired()),
                FaultKind::Reset { after } => {
                    read(file, after.unwrap_or(u64::MAX)).await?;
                    Err(disconnected())
                }
                FaultKind::Truncate | FaultKind::Corrupt | FaultKind::RevokeToken => Err(disconnected()),
            };
        }
        self.store(form, file).await?;
        match fault.map(|fault| fault.kind) {
            Some(FaultKind::Respond(response)) => check_status(&response),
            Some(FaultKind::Hang) => Err(hang().await),
            Some(_) => Err(disconnected()),
            None => Ok(()),
        }
    }

    async fn get(&self, url: &Secret, range: Option<ByteRange>) -> Result<DownloadResponse, Error> {
        range.as_ref().map_or(Ok(()), ByteRange::validate)?;
        let fault = self.faults.next(FaultTarget::Download).map(|fault| fault.kind);
        match &fault {
            Some(FaultKind::Respond(response)) => {
                check_status(response)?;
                // A successful response with the body of the fault instead of the file.
                return Ok(DownloadResponse::whole(
                    Some(response.body.len() as u64),
                    stream::iter([Ok(response.body.clone())]).boxed(),
                ));
            }
            Some(FaultKind::Reset { after: None }) => return Err(disconnected()),
            Some(FaultKind::Hang) => return Err(hang().await),
            Some(FaultKind::Expire) => return Err(expired()),
            _ => {}
        }
        let forbidden = || rejected(StatusCode::FORBIDDEN);
        let (key, query) = url
            .expose()
            .strip_prefix(DOWNLOADS)
            .and_then(|rest| rest.strip_prefix('/')?.split_once("?expires="))
            .ok_or_else(forbidden)?;
        let (expiry, signature) = query.split_once("&signature=").ok_or_else(forbidden)?;
        if signature != sign(DOWNLOADS, key, expiry) {
            return Err(forbidden());
        }
        if self.is_expired(Some(expiry)) {
            return Err(expired());
        }
        let id = key.parse().map_err(|_| forbidden())?;
        let Some(StoredFile { name, content }) = self.files().get(&id).cloned() else {
            return Err(rejected(StatusCode::NOT_FOUND));
        };
        let total = content.len() as u64;
        let version = format!("\"{}\"", Sha256Digest::of(&content));
        let range = range.filter(|range| range.if_version.as_ref().is_none_or(|wanted| *wanted == version));
        let (from, until) =
            range.map_or((0, total), |range| (range.from, range.until.unwrap_or(total).min(total)));
        if from > total {
            return Err(rejected(StatusCode::RANGE_NOT_SATISFIABLE));
        }
        let index = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(content.len());
        let body = body_stream(content.slice(index(from)..index(until.max(from))), fault.as_ref());
        let mut response = DownloadResponse::whole(Some(total), body);
        (response.start, response.version, response.file_name) = (from, Some(version), Some(name));
        Ok(response)
    }
}

impl MemoryFileStore {
    async fn store(&self, form: &UploadForm, file: FilePart) -> Result<(), Error> {
        let forbidden = || rejected(StatusCode::FORBIDDEN);
        // As in S3, fields with this prefix are not part of the signature.
        let fields: Vec<_> =
            form.fields().iter().filter(|(name, _)| !name.starts_with("x-ignore-")).collect();
        let [("key", key), ("expires", expiry), ("signature", signature)] = &fields[..] else {
            return Err(forbidden());
        };
        let id = key.parse().map_err(|_| forbidden())?;
        if form.url().expose() != UPLOADS || *signature != sign(UPLOADS, key, expiry) {
            return Err(forbidden());
        }
        if self.is_expired(Some(expiry)) {
            return Err(expired());
        }
        let (name, length) = (file.name.clone(), file.length);
        let content = read(file, u64::MAX).await?;
        if content.len() as u64 != length {
            return Err(unreadable());
        }
        self.files().insert(id, StoredFile { name, content: content.freeze() });
        Ok(())
    }
}

/// Reads a file until its end or until at least `limit` bytes are read.
async fn read(file: FilePart, limit: u64) -> Result<BytesMut, Error> {
    let mut content = BytesMut::new();
    let mut blocks = file.content.into_stream();
    while (content.len() as u64) < limit
        && let Some(block) = blocks.next().await
    {
        content.extend_from_slice(
            &block.map_err(|error| unreadable().with_source(io::Error::from(error.kind())))?,
        );
    }
    Ok(content)
}

/// Returns the body of a download in chunks, with a fault applied.
fn body_stream(content: Bytes, fault: Option<&FaultKind>) -> ByteStream<Error> {
    let (content, is_cut) = match fault {
        Some(FaultKind::Reset { after: Some(bytes) }) => {
            let limit = usize::try_from(*bytes).unwrap_or(usize::MAX).min(content.len());
            // If all bytes are sent before the reset, the client has the complete file.
            (content.slice(..limit), limit < content.len())
        }
        Some(FaultKind::Truncate) => (content.slice(..content.len() / 2), !content.is_empty()),
        Some(FaultKind::Corrupt) => (with_bit_flipped(&content, content.len() / 2), false),
        _ => (content, false),
    };
    let chunks: Vec<_> = content.chunks(CHUNK).map(|chunk| Ok(content.slice_ref(chunk))).collect();
    stream::iter(chunks.into_iter().chain(is_cut.then(|| Err(disconnected())))).boxed()
}
