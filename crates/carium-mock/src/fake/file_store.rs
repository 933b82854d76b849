//! The in-memory object store of the fake.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use carium::documents::{
    ByteRange, ByteStream, DocumentReferenceId, DownloadResponse, FilePart, Sha256Digest, Transfers,
    UploadForm, store_error, upload_result,
};
use carium::{Error, ErrorKind, Secret};
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use crate::faults::{FaultInjector, FaultKind, FaultResponse, FaultTarget, with_bit_flipped};
use crate::service::{FileStore, PRESIGN_VALIDITY, PresignedForm};

/// The object store of the in-memory fake, which clients access through the [`Transfers`] trait.
pub(crate) struct MemoryFileStore {
    files: Mutex<BTreeMap<DocumentReferenceId, StoredFile>>,
    started_at: Instant,
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
    pub(crate) fn new(faults: Arc<FaultInjector>) -> Self {
        Self { files: Mutex::default(), started_at: Instant::now(), faults }
    }

    /// Returns the expiry time of a form or URL that is presigned now, in milliseconds since the start.
    fn expiry(&self) -> u128 {
        (self.started_at.elapsed() + PRESIGN_VALIDITY).as_millis()
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
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

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

/// Returns the result of an upload with this fault.
async fn fail(fault: FaultKind) -> Result<(), Error> {
    match fault {
        FaultKind::Respond(response) | FaultKind::RespondEarly(response) => {
            upload_result(response.status, &response.headers, &response.body)
        }
        FaultKind::Hang { .. } => Err(hang().await),
        FaultKind::Expire => Err(expired()),
        _ => Err(disconnected()),
    }
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
        let (before, after) = self.faults.next(&FaultTarget::Upload);
        if let Some(fault) = before {
            match &fault {
                FaultKind::Respond(_) => drop(read(file, u64::MAX).await?),
                FaultKind::Reset { after } => drop(read(file, after.unwrap_or(u64::MAX)).await?),
                FaultKind::Hang { after: Some(bytes) } => drop(read(file, *bytes).await?),
                _ => {}
            }
            return fail(fault).await;
        }
        self.store(form, file).await?;
        match after {
            Some(fault) => fail(fault).await,
            None => Ok(()),
        }
    }

    async fn get(&self, url: &Secret, range: Option<ByteRange>) -> Result<DownloadResponse, Error> {
        range.as_ref().map_or(Ok(()), ByteRange::validate)?;
        let (before, after) = self.faults.next(&FaultTarget::Download);
        let fault = before.or(after);
        match &fault {
            Some(FaultKind::Respond(response) | FaultKind::RespondEarly(response)) => {
                check_status(response)?;
                // A successful response with the body of the fault instead of the file.
                return Ok(DownloadResponse::whole(
                    Some(response.body.len() as u64),
                    stream::iter([Ok(response.body.clone())]).boxed(),
                ));
            }
            Some(FaultKind::Reset { after: None }) => return Err(disconnected()),
            Some(FaultKind::Hang { after: None }) => return Err(hang().await),
            Some(FaultKind::Expire) => return Err(expired()),
            _ => {}
        }
        let id = self.check_url(url)?;
        let mut files = self.files();
        let stored = files.get_mut(&id).ok_or_else(|| rejected(StatusCode::NOT_FOUND))?;
        if let Some(FaultKind::ReplaceFile(content)) = &fault {
            stored.content = content.clone();
        }
        let StoredFile { name, content } = stored.clone();
        drop(files);
        let range = range.filter(|_| !matches!(fault, Some(FaultKind::IgnoreRange)));
        let total = content.len() as u64;
        let version = format!("\"{}\"", Sha256Digest::of(&content));
        let range = range.filter(|range| range.if_version.as_ref().is_none_or(|wanted| *wanted == version));
        let (from, until) =
            range.map_or((0, total), |range| (range.from, range.until.unwrap_or(total).min(total)));
        if from > total {
            return Err(rejected(StatusCode::RANGE_NOT_SATISFIABLE));
        }
        let index = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(content.len());
        let body = body_stream(&content.slice(index(from)..index(until.max(from))), fault.as_ref());
        let mut response = DownloadResponse::whole(Some(total), body);
        (response.start, response.version, response.file_name) = (from, Some(version), Some(name));
        Ok(response)
    }
}

impl MemoryFileStore {
    /// Checks a presigned URL and returns the ID of its document.
    fn check_url(&self, url: &Secret) -> Result<DocumentReferenceId, Error> {
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
        key.parse().map_err(|_| forbidden())
    }

    /// Checks a form and stores its file.
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
fn body_stream(content: &Bytes, fault: Option<&FaultKind>) -> ByteStream<Error> {
    let cut_at = match fault {
        Some(FaultKind::Reset { after: Some(bytes) } | FaultKind::Hang { after: Some(bytes) }) => {
            usize::try_from(*bytes).unwrap_or(usize::MAX)
        }
        Some(FaultKind::Truncate) => content.len() / 2,
        _ => usize::MAX,
    };
    // If all bytes are sent before the fault, the client has the complete file.
    let is_cut = cut_at < content.len();
    let content = match fault {
        Some(FaultKind::Corrupt) => with_bit_flipped(content, content.len() / 2),
        _ => content.slice(..cut_at.min(content.len())),
    };
    let chunks: Vec<_> = content.chunks(CHUNK).map(|chunk| Ok(content.slice_ref(chunk))).collect();
    let hangs = matches!(fault, Some(FaultKind::Hang { .. }));
    let failure = stream::once(async move { Err(if hangs { hang().await } else { disconnected() }) });
    stream::iter(chunks).chain(failure.take(usize::from(is_cut))).boxed()
}
