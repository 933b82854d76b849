//! Uploads and downloads with an object store that is not ours: SeaweedFS, signed for by botocore.
//!
//! The store of `carium-mock` reads S3's rules as we do; this one was written by people who never saw this
//! crate. It does not check everything that S3 does: it ignores `If-Range`, takes a form without a length and
//! one whose fields come after the file, so nothing of that is asserted here. Both are installed from the Python
//! package index into cargo's target folder, at the versions and hashes in `real_store/requirements.txt`; where
//! they cannot be had, the test is skipped, and says so.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "real_store/process.rs"]
mod process;
#[path = "../../carium-mock/tests/support/python.rs"]
mod python;

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
    Documents, DownloadResponse, Downloads, FilePart, NewDocument, Sha256Digest, Source, Transfers,
    UploadForm, UploadStage, Uploads,
};
use carium::{Carium, Credentials, Error, ErrorKind, Items, ListOptions};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use process::{Store, Terms};
use tokio::time::sleep;

const MIB: usize = 1024 * 1024;
const ID: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";

#[tokio::test]
async fn documents_go_to_a_real_store_and_come_back() {
    let world = match Store::start() {
        Ok(store) => World::new(store),
        Err(why) => return skip(&why),
    };
    // Those that wait for something to expire let the others go on meanwhile.
    tokio::join!(
        an_expired_form_is_renewed(&world),
        a_url_that_expires_on_the_way_is_renewed(&world),
        async {
            documents_of_every_size_come_back(&world).await;
            a_name_comes_back_as_a_name_for_a_file(&world).await;
            a_name_reaches_the_store_as_browsers_write_it(&world).await;
            ranges_are_those_that_were_asked_for(&world).await;
            a_file_that_is_too_large_is_rejected(&world).await;
            what_is_forged_is_forbidden(&world).await;
            what_is_not_there_is_not_found(&world).await;
        }
    );
}

/// Past the test harness, which shows what a test prints only where it fails.
fn skip(why: &str) {
    std::io::stderr().write_all(format!("SKIPPED real_store: {why}\n").as_bytes()).unwrap();
}

/// The store, a client's way to it, and a place for files.
struct World {
    store: Arc<Store>,
    transfers: Arc<dyn Transfers>,
    folder: tempfile::TempDir,
}

impl World {
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
            terms: Terms::default(),
            forms: Mutex::default(),
            urls: Mutex::default(),
            references: Mutex::default(),
            asked: AtomicUsize::default(),
        }
    }

    fn uploads(&self, record: &Arc<Record>) -> Uploads {
        Uploads::new(Arc::<Record>::clone(record), Arc::clone(&self.transfers))
    }

    fn downloads(&self, record: &Arc<Record>) -> Downloads {
        Downloads::new(Arc::<Record>::clone(record), Arc::clone(&self.transfers))
    }

    /// Puts a file into the store, and gives its id.
    async fn put(&self, content: &Bytes) -> DocumentReferenceId {
        let record = Arc::new(self.record());
        let upload = self.uploads(&record).upload(document("letter.pdf"), Source::bytes(content.clone()));
        upload.await.unwrap().id
    }

    async fn get(&self, key: &str, range: Option<ByteRange>) -> (DownloadResponse, Bytes) {
        let url = self.store.link(key, "letter.pdf", Terms::default());
        let mut incoming = self.transfers.get(&url, range).await.unwrap();
        let body = std::mem::replace(&mut incoming.body, stream::empty().boxed());
        let chunks: Vec<_> = body.try_collect().await.unwrap();
        (incoming, chunks.concat().into())
    }
}

/// The service's side of documents: references in memory, whose files are in the store.
struct Record {
    store: Arc<Store>,
    terms: Terms,
    /// Given out before any that are signed when they are asked for.
    forms: Mutex<VecDeque<UploadForm>>,
    urls: Mutex<VecDeque<Secret>>,
    references: Mutex<Vec<Reference>>,
    /// How often a URL was asked for.
    asked: AtomicUsize,
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

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// An id that no other reference has. The files of all are in one place.
fn next_id() -> DocumentReferenceId {
    static IDS: AtomicUsize = AtomicUsize::new(1);
    format!("00000000-0000-4000-8000-{:012}", IDS.fetch_add(1, Ordering::Relaxed)).parse().unwrap()
}

#[async_trait]
impl Documents for Record {
    fn classes(&self, _options: ListOptions) -> Items<DocumentClass> {
        stream::empty().boxed()
    }

    fn list(&self, _query: DocumentQuery) -> Items<Document> {
        stream::empty().boxed()
    }

    async fn create(&self, document: NewDocument) -> Result<CreatedDocument, Error> {
        let id = next_id();
        let file_name = document.file_name().to_owned();
        self.references.lock().unwrap().push(Reference { id, file_name, is_processed: false });
        let kept = self.forms.lock().unwrap().pop_front();
        let form =
            kept.unwrap_or_else(|| self.store.form(&id.to_string(), document.media_type(), self.terms));
        Ok(CreatedDocument::new(id, Some(form)))
    }

    async fn process(&self, id: DocumentReferenceId) -> Result<(), Error> {
        let mut references = self.references.lock().unwrap();
        references.iter_mut().find(|reference| reference.id == id).unwrap().is_processed = true;
        Ok(())
    }

    async fn download_info(&self, id: DocumentReferenceId) -> Result<Secret, Error> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if let Some(url) = self.urls.lock().unwrap().pop_front() {
            return Ok(url);
        }
        let reference = self.references().into_iter().find(|reference| reference.id == id);
        let file_name = reference.map_or_else(|| "letter.pdf".to_owned(), |reference| reference.file_name);
        Ok(self.store.link(&id.to_string(), &file_name, self.terms))
    }
}

fn document(file_name: &str) -> NewDocument {
    NewDocument::builder()
        .organization(ID.parse().unwrap())
        .patient(ID.parse().unwrap())
        .class(ID.parse().unwrap())
        .name("Referral letter")
        .file_name(file_name)
        .build()
        .unwrap()
}

/// Bytes in which no two stretches are the same for long.
fn content(length: usize) -> Bytes {
    (0..length).map(|at| u8::try_from((at ^ (at >> 8) ^ (at >> 16)) & 0xff).unwrap()).collect()
}

async fn documents_of_every_size_come_back(world: &World) {
    // Nothing, one that travels with its form in one buffer, and one in blocks.
    for size in [0, 20 * 1000, 3 * MIB + 17] {
        let content = content(size);
        let path = world.folder.path().join(format!("{size}.pdf"));
        std::fs::write(&path, &content).unwrap();
        let record = Arc::new(world.record());
        let upload = world.uploads(&record).upload(document("letter.pdf"), Source::path(&path));
        let sent = upload.await.unwrap();
        assert_eq!((sent.size, sent.sha256), (size as u64, Sha256Digest::of(&content)));
        assert!(sent.orphans.is_empty());
        assert!(record.references().iter().all(|reference| reference.is_processed));
        let target = world.folder.path().join(format!("{size} again.pdf"));
        let came = world.downloads(&record).to_path(sent.id, &target).await.unwrap();
        assert_eq!((came.size, came.sha256), (sent.size, sent.sha256));
        assert!(std::fs::read(&target).unwrap() == content, "{size} bytes come back as others");
    }
}

async fn a_name_comes_back_as_a_name_for_a_file(world: &World) {
    let record = Arc::new(world.record());
    let document = document("Überweisung \"Müller\" 紹介状.pdf");
    let sent = world.uploads(&record).upload(document, Source::bytes(content(1000))).await.unwrap();
    let came = world.downloads(&record).to_path(sent.id, world.folder.path()).await.unwrap();
    let name = came.path().and_then(Path::file_name).unwrap();
    assert_eq!(name, "Überweisung _Müller_ 紹介状.pdf");
    assert_eq!(came.sha256, sent.sha256);
}

/// A key can have the name of the file in it, as the store reads that in the form.
async fn a_name_reaches_the_store_as_browsers_write_it(world: &World) {
    let folder = next_id();
    let form = world.store.form(&format!("{folder}/${{filename}}"), "text/plain", Terms::default());
    let name = "Überweisung; \"Müller\" 紹介状.txt";
    let bytes = Bytes::from_static(b"James Reece");
    let file = FilePart::new(name, "text/plain", bytes.len() as u64, Content::Bytes(bytes.clone()));
    world.transfers.post(&form, file).await.unwrap();
    let (_, came) = world.get(&format!("{folder}/Überweisung; %22Müller%22 紹介状.txt"), None).await;
    assert_eq!(came, bytes);
}

async fn ranges_are_those_that_were_asked_for(world: &World) {
    let content = content(MIB);
    let total = content.len() as u64;
    let key = world.put(&content).await.to_string();
    let (whole, all) = world.get(&key, None).await;
    assert_eq!((whole.start, whole.total, whole.file_name.as_deref()), (0, Some(total), Some("letter.pdf")));
    assert!(all == content && whole.version.is_some());
    for (from, until) in
        [(1, None), (700_001, None), (total - 1, None), (10, Some(11)), (65_536, Some(total))]
    {
        let mut range = ByteRange::starting_at(from);
        range.until = until;
        let (incoming, bytes) = world.get(&key, Some(range)).await;
        assert_eq!((incoming.start, incoming.total), (from, Some(total)));
        assert_eq!(incoming.version, whole.version);
        let (from, until) =
            (usize::try_from(from).unwrap(), usize::try_from(until.unwrap_or(total)).unwrap());
        assert!(bytes == content[from..until], "{from} to {until}");
    }
    // Of a file that is there already, nothing is left.
    let (incoming, bytes) = world.get(&key, Some(ByteRange::starting_at(total))).await;
    assert_eq!((incoming.start, incoming.total, bytes.len()), (total, Some(total), 0));
}

async fn a_file_that_is_too_large_is_rejected(world: &World) {
    // Also where it is still being sent when the store has seen enough.
    for (size, most) in [(20_001, 20_000), (3 * MIB, 20_000)] {
        let terms = Terms { most, ..Terms::default() };
        let record = Arc::new(Record { terms, ..world.record() });
        let upload = world.uploads(&record).upload(document("letter.pdf"), Source::bytes(content(size)));
        let failure = upload.await.unwrap_err();
        assert_eq!(failure.kind(), ErrorKind::Rejected, "{failure}");
        assert_eq!((failure.state().stage(), record.references().len()), (UploadStage::Created, 1));
    }
}

async fn what_is_forged_is_forbidden(world: &World) {
    let terms = Terms { is_forged: true, ..Terms::default() };
    let record = Arc::new(Record { terms, ..world.record() });
    let upload = world.uploads(&record).upload(document("letter.pdf"), Source::bytes(content(1000)));
    let failure = upload.await.unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::Forbidden, "{failure}");
    // A form that was just given has not expired, so there is no other.
    assert_eq!((record.references().len(), failure.state().orphans().len()), (1, 0));
    let target = world.folder.path().join("forged.pdf");
    let failure = world.downloads(&record).to_path(next_id(), target).await.unwrap_err();
    assert_eq!((failure.kind(), record.asked()), (ErrorKind::Forbidden, 2));
}

async fn what_is_not_there_is_not_found(world: &World) {
    let record = Arc::new(world.record());
    let target = world.folder.path().join("nothing.pdf");
    let failure = world.downloads(&record).to_path(next_id(), &target).await.unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::NotFound);
    assert!(!target.exists());
}

/// What is signed to expire soon.
fn short(seconds: u32) -> (Terms, Duration) {
    let expires_after = Duration::from_secs(seconds.into());
    (Terms { expires: seconds, ..Terms::default() }, expires_after + Duration::from_millis(500))
}

async fn an_expired_form_is_renewed(world: &World) {
    let (terms, until_expired) = short(1);
    let form = world.store.form(&next_id().to_string(), "application/pdf", terms);
    sleep(until_expired).await;
    let content = content(20_000);
    let record = Arc::new(Record { forms: Mutex::new([form].into()), ..world.record() });
    let upload = world.uploads(&record).upload(document("letter.pdf"), Source::bytes(content.clone()));
    let sent = upload.await.unwrap();
    let [given_up, filed] = record.references().try_into().unwrap_or_else(|_| panic!("not two references"));
    assert_eq!((sent.id, &sent.orphans[..]), (filed.id, &[given_up.id][..]));
    assert!(filed.is_processed && !given_up.is_processed);
    assert!(world.get(&filed.id.to_string(), None).await.1 == content);
}

async fn a_url_that_expires_on_the_way_is_renewed(world: &World) {
    let content = content(MIB);
    let id = world.put(&content).await;
    // Longer than it takes to get to the store, on a machine that has much else to do.
    let (terms, until_expired) = short(3);
    let url = world.store.link(&id.to_string(), "letter.pdf", terms);
    let record = Arc::new(Record { urls: Mutex::new([url.clone()].into()), ..world.record() });
    let breaking = Arc::new(BreaksOnce {
        transfers: Arc::clone(&world.transfers),
        at: 300_001,
        after: until_expired,
        ranges: Mutex::default(),
    });
    let downloads = Downloads::new(Arc::<Record>::clone(&record), Arc::<BreaksOnce>::clone(&breaking));
    let target = world.folder.path().join("renewed.pdf");
    let came = downloads.to_path(id, target).await.unwrap();
    assert_eq!((came.sha256, record.asked()), (Sha256Digest::of(&content), 2));
    // What is there already is not read again: the whole, its rest with the old URL, and with the new one.
    assert_eq!(*breaking.ranges.lock().unwrap(), [None, Some(300_001), Some(300_001)]);
    // One that had expired when it was given is asked for again too, once.
    let record = Arc::new(Record { urls: Mutex::new([url].into()), ..world.record() });
    let target = world.folder.path().join("expired.pdf");
    let came = world.downloads(&record).to_path(id, target).await.unwrap();
    assert_eq!((came.sha256, record.asked()), (Sha256Digest::of(&content), 2));
}

/// A way to the store on which the first download breaks at a byte, after a while.
struct BreaksOnce {
    transfers: Arc<dyn Transfers>,
    at: usize,
    after: Duration,
    /// From which byte each download was to begin.
    ranges: Mutex<Vec<Option<u64>>>,
}

#[async_trait]
impl Transfers for BreaksOnce {
    async fn post(&self, form: &UploadForm, file: FilePart) -> Result<(), Error> {
        self.transfers.post(form, file).await
    }

    async fn get(&self, url: &Secret, range: Option<ByteRange>) -> Result<DownloadResponse, Error> {
        let is_first = {
            let mut ranges = self.ranges.lock().unwrap();
            ranges.push(range.as_ref().map(|range| range.from));
            ranges.len() == 1
        };
        let mut incoming = self.transfers.get(url, range).await?;
        if is_first {
            let (at, after) = (self.at, self.after);
            let begun = incoming.body.scan(at, |left, chunk| {
                let chunk = chunk.map(|mut chunk| chunk.split_to(chunk.len().min(*left)));
                *left -= chunk.as_ref().map_or(0, Bytes::len);
                ready(chunk.as_ref().map_or(true, |chunk| !chunk.is_empty()).then_some(chunk))
            });
            let broken = stream::once(async move {
                sleep(after).await;
                Err(Error::new(ErrorKind::Unavailable, "reset"))
            });
            incoming.body = begun.chain(broken).boxed();
        }
        Ok(incoming)
    }
}
