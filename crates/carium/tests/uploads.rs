//! Uploads with every fault at every stage and every chunk: completed stages are not executed again, every upload can
//! be resumed, and references without a file are reported.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carium::documents::{
    Digest, Sha256Digest, TransferStage, Upload, UploadError, UploadReceipt, UploadSource, UploadStage,
    UploadState, UploadStateStore, Uploads,
};
use carium::{Error, ErrorKind};
use futures_util::future::join;
use futures_util::{StreamExt as _, stream};
use support::faulty_documents::{CHUNK, Call, Fault, FaultyDocuments, always, sequence};
use support::{document, document_builder};

/// Larger than the limit for files that are read as a whole, and not a multiple of any block size.
const SIZE: usize = 20 * CHUNK + 17;

static CONTENT: LazyLock<Bytes> =
    LazyLock::new(|| (0..SIZE).map(|index| u8::try_from(index % 251).unwrap()).collect());

fn content() -> Bytes {
    CONTENT.clone()
}

fn source() -> UploadSource {
    UploadSource::bytes(content())
}

fn reader(content: impl Into<Bytes>) -> impl io::Read + Send {
    io::Cursor::new(content.into())
}

fn chunk_boundaries() -> impl Iterator<Item = u64> {
    (0..=SIZE).step_by(CHUNK).map(|after| after as u64)
}

/// Serializes and deserializes a state, as a program does that stores it.
fn stored(state: &UploadState) -> UploadState {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

/// Resumes a failed upload, and starts over if the outcome of the creation is unknown.
async fn resume(uploads: &Uploads, error: UploadError) -> UploadReceipt {
    let state = stored(error.state()).start_over(None);
    match uploads.resume(state, document(), source()).await {
        Ok(receipt) => receipt,
        Err(error) => panic!("{error}"),
    }
}

/// Asserts that an upload ends with this kind of error at this stage, and returns the error.
async fn assert_fails(upload: Upload, kind: ErrorKind, stage: UploadStage) -> UploadError {
    let error = upload.await.unwrap_err();
    assert_eq!((error.kind(), error.state().stage()), (kind, stage), "{error}");
    error
}

/// Asserts that one reference has the whole file and is processed, and that all others have no file.
fn assert_uploaded_once(record: &FaultyDocuments, receipt: &UploadReceipt, label: &str) {
    assert_eq!(receipt.size, SIZE as u64, "{label}");
    assert_eq!(receipt.sha256, Some(Sha256Digest::of(&content())), "{label}");
    for (id, reference) in record.references() {
        if id == receipt.id {
            assert!(reference.is_processed && reference.file.as_deref() == Some(&content()[..]), "{label}");
        } else {
            assert!(reference.file.is_none() && !reference.is_processed, "{label}: {reference:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn uploads_a_document_with_three_calls() {
    let record = FaultyDocuments::healthy();
    let upload = record.uploads().upload(document(), source());
    let handle = upload.handle();
    assert_eq!(handle.progress().stage, TransferStage::Preparing);
    let receipt = upload.await.unwrap();
    assert_uploaded_once(&record, &receipt, "");
    assert!(receipt.orphans.is_empty());
    let calls = [Call::Create, Call::Post, Call::Process].map(|call| record.count(call));
    assert_eq!(calls, [1, 1, 1]);
    let progress = handle.progress();
    assert_eq!(
        (progress.stage, progress.bytes, progress.total),
        (TransferStage::Completed, SIZE as u64, Some(SIZE as u64))
    );
    assert_eq!(handle.state().stage(), UploadStage::Processed);
}

/// For each fault of each call: whether the pipeline recovers by itself or stops and has to be resumed.
#[tokio::test(start_paused = true)]
async fn recovers_or_can_be_resumed_after_every_fault() {
    use Fault::{
        Conflict, Expired, Forbidden, NoForm, NotApplied, NotFound, Refused, RequestLost, ResponseLost,
    };
    use UploadStage::{Created, Creating, New, Uploaded};
    // The call, its fault, the stage at which the upload stops (`None` if it recovers by itself), and the number of
    // references and of posted files in the end.
    let table = [
        (Call::Create, NotApplied, Some(New), 1, 1),
        (Call::Create, Refused, Some(New), 1, 1),
        (Call::Create, RequestLost, Some(Creating), 1, 1),
        (Call::Create, ResponseLost, Some(Creating), 2, 1),
        (Call::Create, NoForm, Some(New), 2, 1),
        (Call::Post, NotApplied, None, 1, 1),
        (Call::Post, ResponseLost, None, 1, 2),
        (Call::Post, Refused, Some(Created), 1, 1),
        (Call::Post, Expired, None, 2, 1),
        (Call::Post, Forbidden, Some(Created), 1, 1),
        (Call::Process, NotApplied, Some(Uploaded), 1, 1),
        (Call::Process, RequestLost, Some(Uploaded), 1, 1),
        (Call::Process, ResponseLost, None, 1, 1),
        (Call::Process, Conflict, None, 1, 1),
        (Call::Process, NotFound, None, 1, 1),
        (Call::Process, Refused, Some(Uploaded), 1, 1),
    ];
    for (call, fault, stops_at, references, files) in table {
        let label = format!("{call:?} {fault:?}");
        let record = FaultyDocuments::fails_once(call, fault);
        let uploads = record.uploads();
        let receipt = match uploads.upload(document(), source()).await {
            Ok(receipt) => {
                assert_eq!(stops_at, None, "{label}");
                receipt
            }
            Err(error) => {
                assert_eq!(Some(error.state().stage()), stops_at, "{label}: {error}");
                let is_lost = matches!(fault, RequestLost | ResponseLost);
                assert_eq!(error.error().may_have_been_applied(), is_lost, "{label}");
                assert_eq!(error.needs_check(), error.state().stage() == Creating, "{label}");
                resume(&uploads, error).await
            }
        };
        assert_uploaded_once(&record, &receipt, &label);
        assert_eq!(record.references().len(), references, "{label}");
        let posted: usize = record.references().iter().map(|(_, reference)| reference.uploads).sum();
        assert_eq!(posted, files, "{label}");
        // Every reference without a file is reported, except one whose creation got no response.
        let unknown = usize::from((call, fault) == (Call::Create, ResponseLost));
        assert_eq!(receipt.orphans.len() + 1 + unknown, references, "{label}");
    }
}

#[tokio::test(start_paused = true)]
async fn retries_after_a_failure_at_any_chunk() {
    for after in chunk_boundaries() {
        for fault in [Fault::Reset(after), Fault::SilentAfter(after)] {
            let label = format!("{fault:?}");
            let record = FaultyDocuments::fails_once(Call::Post, fault);
            let receipt = record.uploads().upload(document(), source()).await.unwrap();
            assert_uploaded_once(&record, &receipt, &label);
            assert_eq!((record.count(Call::Create), record.count(Call::Post)), (1, 2), "{label}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn can_be_resumed_after_the_last_retry_failed() {
    let record = FaultyDocuments::new(sequence(Call::Post, [Fault::Reset(1); 5]));
    let uploads = record.uploads();
    let upload = uploads.upload(document(), source());
    let error = assert_fails(upload, ErrorKind::Unavailable, UploadStage::Created).await;
    assert_eq!(record.count(Call::Post), 5);
    let receipt = resume(&uploads, error).await;
    assert_uploaded_once(&record, &receipt, "");
    assert_eq!(record.count(Call::Create), 1);
}

#[tokio::test(start_paused = true)]
async fn ends_if_a_fresh_form_is_rejected() {
    // After `Expired`, one new form is requested. After `Forbidden`, none: a fresh form cannot have expired.
    for (fault, orphans) in [(Fault::Expired, 1), (Fault::Forbidden, 0)] {
        let record = FaultyDocuments::new(always(Call::Post, fault));
        let error = record.uploads().upload(document(), source()).await.unwrap_err();
        assert_eq!(record.count(Call::Create), 1 + orphans);
        assert_eq!((error.state().stage(), error.state().orphans().len()), (UploadStage::Created, orphans));
        assert_eq!(error.to_string().contains("left without a file"), orphans > 0, "{error}");
        // When the upload is resumed later, the form may have expired, so a new one is requested.
        let state = stored(error.state());
        let error = record.uploads().resume(state, document(), source()).await.unwrap_err();
        assert_eq!(error.state().orphans().len(), orphans + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn errors_say_whether_a_reference_was_left() {
    // The creation with this number is refused, after the form of the one before has expired.
    for (refused, sentence) in
        [(0, "no document reference was created"), (1, "a resumed upload creates a new document reference")]
    {
        let record = FaultyDocuments::new(move |call, earlier_calls| match call {
            Call::Create => (earlier_calls == refused).then_some(Fault::Refused),
            _ => (call == Call::Post).then_some(Fault::Expired),
        });
        let error = record.uploads().upload(document(), source()).await.unwrap_err();
        assert_eq!(error.state().stage(), UploadStage::New, "{error}");
        assert!(error.to_string().contains(sentence), "{error}");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "a rule");
    }
}

#[tokio::test(start_paused = true)]
async fn can_be_canceled_at_any_chunk_and_resumed() {
    for after in chunk_boundaries() {
        let record = FaultyDocuments::healthy();
        let uploads = record.uploads();
        let upload = uploads.upload(document(), source());
        let handle = upload.handle();
        let last_position = Arc::new(Mutex::new(0));
        let position = Arc::clone(&last_position);
        record.on_moved(move |_, bytes| {
            *position.lock().unwrap() = bytes;
            if bytes >= after {
                handle.cancel();
            }
        });
        let error = assert_fails(upload, ErrorKind::Canceled, UploadStage::Created).await;
        assert!(*last_position.lock().unwrap() <= after + CHUNK as u64, "{after}");
        assert!(error.to_string().contains("has no file yet"), "{error}");
        record.on_moved(|_, _| {});
        let receipt = resume(&uploads, error).await;
        assert_uploaded_once(&record, &receipt, &after.to_string());
        assert_eq!((record.count(Call::Create), record.references().len()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn reports_what_remains_after_canceling_a_call_to_the_service() {
    // Canceled before the first call, during the creation, and during the processing.
    for (call, stage, message) in [
        (None, UploadStage::New, "no document reference was created"),
        (Some(Call::Create), UploadStage::Creating, "a document reference without a file may exist"),
        (Some(Call::Process), UploadStage::Uploaded, "is uploaded but not processed"),
    ] {
        let record = FaultyDocuments::new(move |current, earlier_calls| {
            (Some(current) == call && earlier_calls == 0).then_some(Fault::Silent)
        });
        let uploads = record.uploads();
        let upload = uploads.upload(document(), source());
        let handle = upload.handle();
        match call {
            None => handle.cancel(),
            Some(call) => {
                let (record, handle) = (Arc::clone(&record), handle.clone());
                tokio::spawn(async move {
                    while record.count(call) == 0 {
                        tokio::task::yield_now().await;
                    }
                    handle.cancel();
                });
            }
        }
        let error = assert_fails(upload, ErrorKind::Canceled, stage).await;
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.error().may_have_been_applied(), stage == UploadStage::Creating);
        let receipt = resume(&uploads, error).await;
        assert_uploaded_once(&record, &receipt, "");
        assert_eq!(record.references().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn can_be_resumed_from_the_handle_of_a_dropped_upload() {
    let record = FaultyDocuments::fails_once(Call::Process, Fault::Silent);
    let uploads = record.uploads();
    let upload = uploads.upload(document(), source());
    let handle = upload.handle();
    tokio::select! {
        _ = upload => panic!("the upload must not complete"),
        () = tokio::time::sleep(Duration::from_secs(1)) => {}
    }
    assert_eq!(handle.state().stage(), UploadStage::Uploaded);
    let receipt = uploads.resume(stored(&handle.state()), document(), source()).await.unwrap();
    assert_uploaded_once(&record, &receipt, "");
    assert_eq!((record.count(Call::Create), record.count(Call::Post)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn does_not_retry_a_creation_with_unknown_outcome() {
    let record = FaultyDocuments::fails_once(Call::Create, Fault::ResponseLost);
    let uploads = record.uploads();
    let state = uploads.upload(document(), source()).await.unwrap_err().into_state();
    for _ in 0..3 {
        let error = uploads.resume(stored(&state), document(), source()).await.unwrap_err();
        assert!(error.error().may_have_been_applied(), "{error}");
        assert_eq!(error.state(), &state);
    }
    assert_eq!(record.count(Call::Create), 1);
    // The reference was found in the record.
    let (found, _) = record.references()[0].clone();
    let receipt = uploads.resume(state.start_over(Some(found)), document(), source()).await.unwrap();
    assert_eq!(receipt.orphans, [found]);
}

#[tokio::test(start_paused = true)]
async fn rejects_a_state_of_another_document() {
    let record = FaultyDocuments::fails_once(Call::Post, Fault::Refused);
    let state = record.uploads().upload(document(), source()).await.unwrap_err().into_state();
    for other in [
        document_builder().patient(support::ORGANIZATION.parse().unwrap()),
        document_builder().class(support::ORGANIZATION.parse().unwrap()),
        document_builder().name("X-ray"),
        document_builder().description("of the hand"),
        document_builder().file_name("x-ray.pdf"),
        document_builder().media_type("image/png"),
    ] {
        let resumed = record.uploads().resume(stored(&state), other.build().unwrap(), source());
        assert_eq!(resumed.await.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(record.count(Call::Post), 1);
    }
    record.uploads().resume(stored(&state), document(), source()).await.unwrap();
}

/// Records the stages of the saved states, and fails at one of them.
struct RecordingStore {
    stages: Mutex<Vec<UploadStage>>,
    fails_at: Option<UploadStage>,
}

impl RecordingStore {
    fn new(fails_at: Option<UploadStage>) -> Arc<Self> {
        Arc::new(Self { stages: Mutex::default(), fails_at })
    }
}

#[async_trait]
impl UploadStateStore for RecordingStore {
    async fn save(&self, state: &UploadState) -> Result<(), Error> {
        self.stages.lock().unwrap().push(state.stage());
        match self.fails_at {
            Some(stage) if stage == state.stage() => Err(Error::new(ErrorKind::Io, "the disk is full")),
            _ => Ok(()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn saves_each_stage_before_the_next_one_starts() {
    use UploadStage::{Created, Creating, Processed, Uploaded};
    let record = FaultyDocuments::healthy();
    let store = RecordingStore::new(None);
    record.uploads().upload(document(), source()).state_store(store.clone()).await.unwrap();
    assert_eq!(*store.stages.lock().unwrap(), [Creating, Created, Uploaded, Processed]);
    // If a state cannot be saved, the next stage does not start, and the error still has the stage that was reached.
    for (fails_at, stage, creations) in [
        (Creating, UploadStage::New, 0),
        (Created, Created, 1),
        (Uploaded, Uploaded, 1),
        (Processed, Processed, 1),
    ] {
        let record = FaultyDocuments::healthy();
        let store = RecordingStore::new(Some(fails_at));
        let upload = record.uploads().upload(document(), source()).state_store(store);
        let error = assert_fails(upload, ErrorKind::Io, stage).await;
        assert!(!error.error().may_have_been_applied());
        assert_eq!(record.count(Call::Create), creations, "{fails_at:?}");
        let receipt = record.uploads().resume(stored(error.state()), document(), source()).await.unwrap();
        assert_uploaded_once(&record, &receipt, "");
        assert_eq!((record.references().len(), receipt.orphans.len()), (1, 0));
    }
    // If the service and then the state store fail, the service's error is returned.
    let record = FaultyDocuments::fails_once(Call::Create, Fault::Refused);
    let store = RecordingStore::new(Some(UploadStage::New));
    let error = record.uploads().upload(document(), source()).state_store(store).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
}

/// A state store whose `save` never returns.
struct HangingStore;

#[async_trait]
impl UploadStateStore for HangingStore {
    async fn save(&self, _state: &UploadState) -> Result<(), Error> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn canceling_before_the_creation_sends_no_request() {
    let record = FaultyDocuments::healthy();
    let upload = record.uploads().upload(document(), source()).state_store(Arc::new(HangingStore));
    let handle = upload.handle();
    let cancel = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        handle.cancel();
    };
    join(assert_fails(upload, ErrorKind::Canceled, UploadStage::New), cancel).await;
    assert_eq!(record.count(Call::Create), 0);
}

#[tokio::test(start_paused = true)]
async fn resumes_with_a_new_reader_after_an_expired_form() {
    let record = FaultyDocuments::fails_once(Call::Post, Fault::ExpiresAfterReading);
    let uploads = record.uploads();
    let source = || UploadSource::reader(reader(content()), SIZE as u64);
    let error = assert_fails(uploads.upload(document(), source()), ErrorKind::Io, UploadStage::New).await;
    let receipt = uploads.resume(stored(error.state()), document(), source()).await.unwrap();
    assert_uploaded_once(&record, &receipt, "");
    assert_eq!(receipt.orphans.len(), 1);
}

#[tokio::test]
async fn uploads_every_kind_and_size_of_source() {
    let folder = tempfile::tempdir().unwrap();
    for size in
        [0, 1, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 1024 * 1024, 1024 * 1024 + 1, 3 * 1024 * 1024]
    {
        let content: Vec<u8> = CONTENT.iter().copied().cycle().take(size).collect();
        let path = folder.path().join(size.to_string());
        std::fs::write(&path, &content).unwrap();
        let length = size as u64;
        let sources = || {
            [
                UploadSource::path(&path),
                UploadSource::bytes(content.clone()),
                UploadSource::reader(reader(content.clone()), length),
                UploadSource::async_reader(io::Cursor::new(content.clone()), length),
            ]
        };
        let with_digests =
            [(Digest::Sha256, sources(), Some(Sha256Digest::of(&content))), (Digest::None, sources(), None)];
        for (digest, sources, expected) in with_digests {
            for source in sources {
                let label = format!("{source:?} of {size}, {digest:?}");
                let record = FaultyDocuments::healthy();
                let upload = record.uploads().upload(document(), source).digest(digest);
                let receipt = upload.await.unwrap();
                assert_eq!((receipt.size, receipt.sha256), (length, expected), "{label}");
                assert_eq!(record.references()[0].1.file.as_deref(), Some(&content[..]), "{label}");
            }
        }
    }
}

/// A file that changes between two runs is sent as a whole or not at all, with and without a digest.
#[tokio::test(start_paused = true)]
async fn resumes_with_a_changed_file() {
    let changed = Bytes::from(vec![b'c'; SIZE - 1]);
    for (first, second) in
        [(Digest::None, Digest::None), (Digest::None, Digest::Sha256), (Digest::Sha256, Digest::None)]
    {
        let label = format!("{first:?} {second:?}");
        let digest_of =
            |digest, content: &Bytes| (digest == Digest::Sha256).then(|| Sha256Digest::of(content));
        // The first run fails in the middle of the file: the second one sends the changed file from its first byte.
        let record = FaultyDocuments::new(sequence(Call::Post, [Fault::Reset(5 * CHUNK as u64); 5]));
        let uploads = record.uploads();
        let upload = uploads.upload(document(), source()).digest(first);
        let error = assert_fails(upload, ErrorKind::Unavailable, UploadStage::Created).await;
        let source_of = |content: &Bytes| UploadSource::bytes(content.clone());
        let upload = uploads.resume(stored(error.state()), document(), source_of(&changed)).digest(second);
        let receipt = upload.await.unwrap();
        assert_eq!((receipt.size, receipt.sha256), (SIZE as u64 - 1, digest_of(second, &changed)), "{label}");
        assert_eq!(record.references()[0].1.file.as_ref(), Some(&changed), "{label}");

        // The first run has sent the file: the second one neither sends nor hashes the changed file.
        let record = FaultyDocuments::fails_once(Call::Process, Fault::NotApplied);
        let uploads = record.uploads();
        let upload = uploads.upload(document(), source()).digest(first);
        let error = assert_fails(upload, ErrorKind::Unavailable, UploadStage::Uploaded).await;
        let upload = uploads.resume(stored(error.state()), document(), source_of(&changed)).digest(second);
        let receipt = upload.await.unwrap();
        assert_eq!((receipt.size, receipt.sha256), (SIZE as u64, digest_of(first, &content())), "{label}");
        assert_eq!(record.references()[0].1.file.as_ref(), Some(&content()), "{label}");
        assert_eq!(record.count(Call::Post), 1, "{label}");
    }
}

/// A large reader can be read only once. If it has not been read yet, or if it is small, the transfer is retried.
#[tokio::test(start_paused = true)]
async fn retries_readers_only_if_unread_or_small() {
    let length = SIZE as u64;
    let sources: [fn() -> UploadSource; 2] = [
        || UploadSource::reader(reader(content()), SIZE as u64),
        || UploadSource::async_reader(io::Cursor::new(content()), SIZE as u64),
    ];
    for source in sources {
        let record = FaultyDocuments::fails_once(Call::Post, Fault::Reset(1));
        let uploads = record.uploads();
        let upload = uploads.upload(document(), source());
        let error = assert_fails(upload, ErrorKind::Io, UploadStage::Created).await;
        assert!(error.to_string().contains("can be read only once"), "{error}");
        let receipt = uploads.resume(error.into_state(), document(), source()).await.unwrap();
        assert_eq!((receipt.size, record.count(Call::Create)), (length, 1));

        let record = FaultyDocuments::fails_once(Call::Post, Fault::NotApplied);
        assert_eq!(record.uploads().upload(document(), source()).await.unwrap().size, length);
    }
    let record = FaultyDocuments::fails_once(Call::Post, Fault::Reset(1));
    let small = UploadSource::reader(reader(vec![7; 1000]), 1000);
    assert_eq!(record.uploads().upload(document(), small).await.unwrap().size, 1000);
    assert_eq!(record.count(Call::Post), 2);
}

#[tokio::test]
async fn rejects_sources_whose_length_is_not_the_announced_length() {
    for (size, announced) in [(100, 101), (101, 100), (SIZE, SIZE + 1), (SIZE + 1, SIZE), (2 << 20, 1 << 20)]
    {
        let bytes: Vec<u8> = vec![7; size];
        for (source, digest) in [
            (UploadSource::reader(reader(bytes.clone()), announced as u64), Digest::Sha256),
            (UploadSource::reader(reader(bytes.clone()), announced as u64), Digest::None),
            (UploadSource::async_reader(io::Cursor::new(bytes.clone()), announced as u64), Digest::Sha256),
            (UploadSource::async_reader(io::Cursor::new(bytes.clone()), announced as u64), Digest::None),
        ] {
            let label = format!("{source:?} of {size} bytes, announced {announced}, {digest:?}");
            let record = FaultyDocuments::healthy();
            let error = record.uploads().upload(document(), source).digest(digest).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Io, "{label}");
            assert!(record.references().iter().all(|(_, reference)| reference.uploads == 0), "{label}");
        }
    }
}

#[tokio::test]
async fn error_of_an_unreadable_file_has_no_path() {
    for path in ["/nowhere/canary.pdf", "/"] {
        let record = FaultyDocuments::healthy();
        let error = record.uploads().upload(document(), UploadSource::path(path)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}

#[tokio::test(start_paused = true)]
async fn upload_all_limits_concurrency_and_continues_after_failures() {
    let record = FaultyDocuments::new(|call, earlier_calls| {
        (call == Call::Create && earlier_calls % 10 == 3).then_some(Fault::Refused)
    });
    let max_running = Arc::new(Mutex::new(0_usize));
    let captured = (Arc::clone(&record), Arc::clone(&max_running));
    record.on_moved(move |_, _| {
        let (record, max_running) = (&captured.0, &mut *captured.1.lock().unwrap());
        let processed = record.references().iter().filter(|(_, reference)| reference.is_processed).count();
        *max_running = (*max_running).max(record.references().len() - processed);
    });
    let uploads = record.uploads();
    let all =
        stream::iter(0..100).map(|key| (key, uploads.upload(document(), UploadSource::bytes(vec![7; 10]))));
    let mut results: Vec<_> = Uploads::upload_all(all, 8).collect().await;
    results.sort_by_key(|(key, _)| *key);
    let keys: Vec<_> = results.iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, (0..100).collect::<Vec<_>>());
    assert_eq!(results.iter().filter(|(_, result)| result.is_err()).count(), 10);
    assert_eq!(record.references().len(), 90);
    assert!(*max_running.lock().unwrap() <= 8);
}
