//! Where the files are.

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

use super::with_a_bit_flipped;
use crate::faults::{Fault, FaultResponse, Faults, Moment, Target, What};

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
    faults: Arc<Faults>,
}

#[derive(Clone)]
struct Stored {
    name: String,
    content: Bytes,
}

const UPLOADS: &str = "https://store.invalid/uploads";
const DOWNLOADS: &str = "https://store.invalid/downloads";
/// How much a download gives at a time.
const CHUNK: usize = 64 * 1024;

impl MemoryStore {
    pub(crate) fn new(valid_for: Duration, faults: Arc<Faults>) -> Self {
        Self { files: Mutex::default(), started: Instant::now(), valid_for, faults }
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
        let (key, until) = (id.to_string(), self.until().to_string());
        let signature = sign(UPLOADS, &key, &until);
        let fields = [("key", key), ("expires", until), ("signature", signature)];
        Form { url: UPLOADS.to_owned(), fields: fields.map(|(name, value)| (name.to_owned(), value)).into() }
    }

    fn url(&self, id: DocumentReferenceId) -> String {
        let until = self.until().to_string();
        let signature = sign(DOWNLOADS, &id.to_string(), &until);
        format!("{DOWNLOADS}/{id}?expires={until}&signature={signature}")
    }

    fn file(&self, id: DocumentReferenceId) -> Option<Bytes> {
        self.files().get(&id).map(|stored| stored.content.clone())
    }
}

/// What ties a key to its time, so that a form or a URL that was changed is not taken. It keeps no secret: a
/// stand-in is not attacked.
fn sign(what: &str, key: &str, until: &str) -> String {
    Sha256Digest::of(format!("{what} {key} {until}").as_bytes()).to_string()
}

/// How long nothing is heard until that is a failure: what the client grants transfers unless told otherwise.
const SILENCE: Duration = Duration::from_mins(1);

fn expired() -> Error {
    store_error(StatusCode::FORBIDDEN, &HeaderMap::new(), b"Request has expired")
}

fn refused(status: StatusCode) -> Error {
    store_error(status, &HeaderMap::new(), b"")
}

fn cut_off() -> Error {
    Error::new(ErrorKind::Unavailable, "the connection to the object store was lost")
}

fn unreadable() -> Error {
    Error::new(ErrorKind::Io, "the file could not be read, or its length is not the announced length")
}

async fn silent() -> Error {
    tokio::time::sleep(SILENCE).await;
    Error::new(ErrorKind::TimedOut, "the connection to the object store was idle for too long")
}

/// What a reply that a fault gives means to a client.
fn judged(reply: &FaultResponse) -> Result<(), Error> {
    if reply.status.is_success() {
        return Ok(());
    }
    Err(store_error(reply.status, &reply.headers, &reply.body))
}

#[async_trait]
impl Transfers for MemoryStore {
    async fn post(&self, form: &UploadForm, file: FilePart) -> Result<(), Error> {
        let fault = self.faults.next(Target::Upload);
        if let Some(Fault { moment: Moment::Before, what, .. }) = &fault {
            return match what {
                What::Answer(reply) => {
                    read(file, u64::MAX).await?;
                    judged(reply)
                }
                What::Silence => Err(silent().await),
                What::Expire => Err(expired()),
                What::Reset { after } => {
                    read(file, after.unwrap_or(u64::MAX)).await?;
                    Err(cut_off())
                }
                What::Truncate | What::Corrupt | What::RevokeToken => Err(cut_off()),
            };
        }
        self.store(form, file).await?;
        match fault.map(|fault| fault.what) {
            Some(What::Answer(reply)) => judged(&reply),
            Some(What::Silence) => Err(silent().await),
            Some(_) => Err(cut_off()),
            None => Ok(()),
        }
    }

    async fn get(&self, url: &Secret, range: Option<ByteRange>) -> Result<DownloadResponse, Error> {
        range.as_ref().map_or(Ok(()), ByteRange::check)?;
        let what = self.faults.next(Target::Download).map(|fault| fault.what);
        match &what {
            Some(What::Answer(reply)) => {
                judged(reply)?;
                // A yes without the file.
                return Ok(DownloadResponse::whole(
                    Some(reply.body.len() as u64),
                    stream::iter([Ok(reply.body.clone())]).boxed(),
                ));
            }
            Some(What::Reset { after: None }) => return Err(cut_off()),
            Some(What::Silence) => return Err(silent().await),
            Some(What::Expire) => return Err(expired()),
            _ => {}
        }
        let forbidden = || refused(StatusCode::FORBIDDEN);
        let (key, query) = url
            .expose()
            .strip_prefix(DOWNLOADS)
            .and_then(|rest| rest.strip_prefix('/')?.split_once("?expires="))
            .ok_or_else(forbidden)?;
        let (until, signature) = query.split_once("&signature=").ok_or_else(forbidden)?;
        if signature != sign(DOWNLOADS, key, until) {
            return Err(forbidden());
        }
        if self.is_over(Some(until)) {
            return Err(expired());
        }
        let id = key.parse().map_err(|_| forbidden())?;
        let Some(Stored { name, content }) = self.files().get(&id).cloned() else {
            return Err(refused(StatusCode::NOT_FOUND));
        };
        let total = content.len() as u64;
        let version = format!("\"{}\"", Sha256Digest::of(&content));
        let range = range.filter(|range| range.if_version.as_ref().is_none_or(|wanted| *wanted == version));
        let (from, until) =
            range.map_or((0, total), |range| (range.from, range.until.unwrap_or(total).min(total)));
        if from > total {
            return Err(refused(StatusCode::RANGE_NOT_SATISFIABLE));
        }
        let at = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(content.len());
        let body = sent(content.slice(at(from)..at(until.max(from))), what.as_ref());
        let mut incoming = DownloadResponse::whole(Some(total), body);
        (incoming.start, incoming.version, incoming.file_name) = (from, Some(version), Some(name));
        Ok(incoming)
    }
}

impl MemoryStore {
    async fn store(&self, form: &UploadForm, file: FilePart) -> Result<(), Error> {
        let forbidden = || refused(StatusCode::FORBIDDEN);
        // As with S3, fields of such a name are the client's business.
        let fields: Vec<_> =
            form.fields().iter().filter(|(name, _)| !name.starts_with("x-ignore-")).collect();
        let [("key", key), ("expires", until), ("signature", signature)] = &fields[..] else {
            return Err(forbidden());
        };
        let id = key.parse().map_err(|_| forbidden())?;
        if form.url().expose() != UPLOADS || *signature != sign(UPLOADS, key, until) {
            return Err(forbidden());
        }
        if self.is_over(Some(until)) {
            return Err(expired());
        }
        let (name, length) = (file.name.clone(), file.length);
        let content = read(file, u64::MAX).await?;
        if content.len() as u64 != length {
            return Err(unreadable());
        }
        self.files().insert(id, Stored { name, content: content.freeze() });
        Ok(())
    }
}

/// Reads a file until there are so many bytes.
async fn read(file: FilePart, most: u64) -> Result<BytesMut, Error> {
    let mut all = BytesMut::new();
    let mut blocks = file.content.into_stream();
    while (all.len() as u64) < most
        && let Some(block) = blocks.next().await
    {
        all.extend_from_slice(
            &block.map_err(|error| unreadable().with_source(io::Error::from(error.kind())))?,
        );
    }
    Ok(all)
}

/// The body of a download, some at a time, as far as a fault lets it.
fn sent(content: Bytes, fault: Option<&What>) -> ByteStream<Error> {
    let (content, is_cut) = match fault {
        Some(What::Reset { after: Some(bytes) }) => {
            let most = usize::try_from(*bytes).unwrap_or(usize::MAX).min(content.len());
            // Who has every byte has a whole file, whatever becomes of the connection.
            (content.slice(..most), most < content.len())
        }
        Some(What::Truncate) => (content.slice(..content.len() / 2), !content.is_empty()),
        Some(What::Corrupt) => (with_a_bit_flipped(&content, content.len() / 2), false),
        _ => (content, false),
    };
    let chunks: Vec<_> = content.chunks(CHUNK).map(|chunk| Ok(content.slice_ref(chunk))).collect();
    stream::iter(chunks.into_iter().chain(is_cut.then(|| Err(cut_off())))).boxed()
}
