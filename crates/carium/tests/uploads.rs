//! Uploads that fail at every stage and at every chunk, in every way, enumerated: what is done is not done again,
//! nothing is lost, and what is left behind is said.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io;
use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use carium::documents::{
    NewDocument, Sha256Digest, Source, Stage, UploadError, UploadReceipt, UploadStage, UploadState,
    UploadStateStore, Uploads,
};
use carium::{Error, ErrorKind};
use futures_util::{StreamExt as _, stream};
use support::document;
use support::record::{CHUNK, Call, Fault, Record};

/// Larger than what is read at once, and not a multiple of anything.
const SIZE: usize = 20 * CHUNK + 17;

static CONTENT: LazyLock<Bytes> =
    LazyLock::new(|| (0..SIZE).map(|at| u8::try_from(at % 251).unwrap()).collect());

fn content() -> Bytes {
    CONTENT.clone()
}

fn source() -> Source {
    Source::bytes(content())
}

/// Through JSON and back, as a program keeps it.
fn kept(state: &UploadState) -> UploadState {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

/// Goes on until it is done, as a program would that knows what it does.
async fn resumed(uploads: &Uploads, failure: UploadError) -> UploadReceipt {
    let state = kept(failure.state()).start_over(None);
    match uploads.resume(state, document(), source()).await {
        Ok(receipt) => receipt,
        Err(failure) => panic!("{failure}"),
    }
}

/// The document is filed once, its file arrived whole, and whatever else is in the record is known as an orphan.
fn assert_filed(record: &Record, receipt: &UploadReceipt, label: &str) {
    assert_eq!(receipt.size, SIZE as u64, "{label}");
    assert_eq!(receipt.sha256, Sha256Digest::of(&content()), "{label}");
    for (id, reference) in record.references() {
        if id == receipt.id {
            assert!(reference.is_processed && reference.file.as_deref() == Some(&content()[..]), "{label}");
        } else {
            assert!(reference.file.is_none() && !reference.is_processed, "{label}: {reference:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_is_filed_in_three_calls() {
    let record = Record::works();
    let upload = record.uploads().upload(document(), source());
    let handle = upload.handle();
    assert_eq!(handle.progress().stage, Stage::Preparing);
    let receipt = upload.await.unwrap();
    assert_filed(&record, &receipt, "");
    assert!(receipt.orphans.is_empty());
    let calls = [Call::Create, Call::Post, Call::Process].map(|call| record.count(call));
    assert_eq!(calls, [1, 1, 1]);
    let progress = handle.progress();
    assert_eq!(
        (progress.stage, progress.bytes, progress.total),
        (Stage::Done, SIZE as u64, Some(SIZE as u64))
    );
    assert_eq!(handle.state().stage(), UploadStage::Processed);
}

/// What of a fault at a stage the pipeline gets over by itself, and what it leaves to a resumption.
#[tokio::test(start_paused = true)]
async fn every_stage_fails_in_every_way() {
    use Fault::{Expired, Forbidden, NoForm, NotApplied, Refused, RequestLost, ResponseLost};
    use UploadStage::{Created, Creating, New, Uploaded};
    // The call, what happens to it, where that leaves the upload (nowhere: it goes on by itself), and how many
    // references and files there are when it is done in the end.
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
        (Call::Process, ResponseLost, Some(Uploaded), 1, 1),
        (Call::Process, Refused, Some(Uploaded), 1, 1),
    ];
    for (call, fault, stops_at, references, files) in table {
        let label = format!("{call:?} {fault:?}");
        let record = Record::fails_once(call, fault);
        let uploads = record.uploads();
        let receipt = match uploads.upload(document(), source()).await {
            Ok(receipt) => {
                assert_eq!(stops_at, None, "{label}");
                receipt
            }
            Err(failure) => {
                assert_eq!(Some(failure.state().stage()), stops_at, "{label}: {failure}");
                assert_eq!(
                    failure.error().may_have_been_applied(),
                    failure.state().stage() == Creating,
                    "{label}"
                );
                resumed(&uploads, failure).await
            }
        };
        assert_filed(&record, &receipt, &label);
        assert_eq!(record.references().len(), references, "{label}");
        let arrived: usize = record.references().iter().map(|(_, reference)| reference.uploads).sum();
        assert_eq!(arrived, files, "{label}");
        // Every reference that nobody can open is named, but for one whose very creation was not answered.
        let unknown = usize::from((call, fault) == (Call::Create, ResponseLost));
        assert_eq!(receipt.orphans.len() + 1 + unknown, references, "{label}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_breaks_at_any_chunk_goes_on_by_itself() {
    for after in (0..=SIZE).step_by(CHUNK).map(|after| after as u64) {
        for fault in [Fault::Reset(after), Fault::SilentAfter(after)] {
            let label = format!("{fault:?}");
            let record = Record::fails_once(Call::Post, fault);
            let receipt = record.uploads().upload(document(), source()).await.unwrap();
            assert_filed(&record, &receipt, &label);
            assert_eq!((record.count(Call::Create), record.count(Call::Post)), (1, 2), "{label}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_never_works_ends_and_is_resumed() {
    let record = Record::new(|call, before| (call == Call::Post && before < 5).then_some(Fault::Reset(1)));
    let uploads = record.uploads();
    let failure = uploads.upload(document(), source()).await.unwrap_err();
    assert_eq!((failure.kind(), failure.state().stage()), (ErrorKind::Unavailable, UploadStage::Created));
    assert_eq!(record.count(Call::Post), 5);
    let receipt = resumed(&uploads, failure).await;
    assert_filed(&record, &receipt, "");
    assert_eq!(record.count(Call::Create), 1);
}

#[tokio::test(start_paused = true)]
async fn a_form_that_is_refused_as_soon_as_it_is_new_ends_the_upload() {
    // One that says why gets another chance; one that does not refuses for another reason.
    for (fault, orphans) in [(Fault::Expired, 1), (Fault::Forbidden, 0)] {
        let record = Record::new(move |call, _| (call == Call::Post).then_some(fault));
        let failure = record.uploads().upload(document(), source()).await.unwrap_err();
        assert_eq!(record.count(Call::Create), 1 + orphans);
        assert_eq!(
            (failure.state().stage(), failure.state().orphans().len()),
            (UploadStage::Created, orphans)
        );
        assert_eq!(failure.to_string().contains("left without a file for good"), orphans > 0, "{failure}");
        // Resumed, it may have expired meanwhile.
        let state = kept(failure.state());
        let failure = record.uploads().resume(state, document(), source()).await.unwrap_err();
        assert_eq!(failure.state().orphans().len(), orphans + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled_at_any_chunk_it_stops_there_and_is_resumed() {
    for after in (0..=SIZE).step_by(CHUNK).map(|after| after as u64) {
        let record = Record::works();
        let uploads = record.uploads();
        let upload = uploads.upload(document(), source());
        let handle = upload.handle();
        let furthest = Arc::new(Mutex::new(0));
        let seen = Arc::clone(&furthest);
        record.on_moved(move |_, bytes| {
            *seen.lock().unwrap() = bytes;
            if bytes >= after {
                handle.cancel();
            }
        });
        let failure = upload.await.unwrap_err();
        assert_eq!((failure.kind(), failure.state().stage()), (ErrorKind::Canceled, UploadStage::Created));
        assert!(*furthest.lock().unwrap() <= after + CHUNK as u64, "{after}");
        assert!(failure.to_string().contains("is left behind without its file"), "{failure}");
        record.on_moved(|_, _| {});
        let receipt = resumed(&uploads, failure).await;
        assert_filed(&record, &receipt, &after.to_string());
        assert_eq!((record.count(Call::Create), record.references().len()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled_while_the_service_is_asked_it_says_what_is_left() {
    // Before anything, in the middle of the creation, in the middle of processing.
    for (call, stage, says) in [
        (None, UploadStage::New, "nothing is left behind"),
        (Some(Call::Create), UploadStage::Creating, "a reference may be left behind"),
        (Some(Call::Process), UploadStage::Uploaded, "is uploaded and not processed"),
    ] {
        let record =
            Record::new(move |each, before| (Some(each) == call && before == 0).then_some(Fault::Silent));
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
        let failure = upload.await.unwrap_err();
        assert_eq!((failure.kind(), failure.state().stage()), (ErrorKind::Canceled, stage), "{call:?}");
        assert!(failure.to_string().contains(says), "{failure}");
        assert_eq!(failure.error().may_have_been_applied(), stage == UploadStage::Creating);
        let receipt = resumed(&uploads, failure).await;
        assert_filed(&record, &receipt, "");
        assert_eq!(record.references().len(), 1);
    }
}

/// An upload that is dropped leaves its state with its handle.
#[tokio::test(start_paused = true)]
async fn dropped_it_can_be_resumed_too() {
    let record = Record::fails_once(Call::Process, Fault::Silent);
    let uploads = record.uploads();
    let upload = uploads.upload(document(), source());
    let handle = upload.handle();
    tokio::select! {
        _ = upload => panic!("it hangs"),
        () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
    }
    assert_eq!(handle.state().stage(), UploadStage::Uploaded);
    let receipt = uploads.resume(kept(&handle.state()), document(), source()).await.unwrap();
    assert_filed(&record, &receipt, "");
    assert_eq!((record.count(Call::Create), record.count(Call::Post)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_creation_is_not_repeated_by_itself() {
    let record = Record::fails_once(Call::Create, Fault::ResponseLost);
    let uploads = record.uploads();
    let state = uploads.upload(document(), source()).await.unwrap_err().into_state();
    for _ in 0..3 {
        let failure = uploads.resume(kept(&state), document(), source()).await.unwrap_err();
        assert!(failure.error().may_have_been_applied(), "{failure}");
        assert_eq!(failure.state(), &state);
    }
    assert_eq!(record.count(Call::Create), 1);
    // Someone has looked and found it.
    let (found, _) = record.references()[0].clone();
    let receipt = uploads.resume(state.start_over(Some(found)), document(), source()).await.unwrap();
    assert_eq!(receipt.orphans, [found]);
}

#[tokio::test(start_paused = true)]
async fn a_state_is_not_resumed_with_another_document() {
    let record = Record::fails_once(Call::Post, Fault::Refused);
    let state = record.uploads().upload(document(), source()).await.unwrap_err().into_state();
    let like_it = || {
        NewDocument::builder()
            .organization(support::ORGANIZATION.parse().unwrap())
            .patient(support::ID.parse().unwrap())
            .class(support::ID.parse().unwrap())
            .name("Referral letter")
            .file_name("letter.pdf")
    };
    for other in [
        like_it().patient(support::ORGANIZATION.parse().unwrap()),
        like_it().class(support::ORGANIZATION.parse().unwrap()),
        like_it().name("X-ray"),
        like_it().description("of the hand"),
        like_it().file_name("x-ray.pdf"),
        like_it().media_type("image/png"),
    ] {
        let failure =
            record.uploads().resume(kept(&state), other.build().unwrap(), source()).await.unwrap_err();
        assert_eq!(failure.kind(), ErrorKind::InvalidInput);
        assert_eq!(record.count(Call::Post), 1);
    }
    record.uploads().resume(kept(&state), like_it().build().unwrap(), source()).await.unwrap();
}

struct Kept(Mutex<Vec<UploadStage>>, Option<UploadStage>);

#[async_trait]
impl UploadStateStore for Kept {
    async fn save(&self, state: &UploadState) -> Result<(), Error> {
        self.0.lock().unwrap().push(state.stage());
        match &self.1 {
            Some(stage) if *stage == state.stage() => Err(Error::new(ErrorKind::Io, "the disk is full")),
            _ => Ok(()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_stage_is_kept_before_the_next_one_begins() {
    use UploadStage::{Created, Creating, Processed, Uploaded};
    let record = Record::works();
    let store = Arc::new(Kept(Mutex::default(), None));
    record.uploads().upload(document(), source()).state_store(store.clone()).await.unwrap();
    assert_eq!(*store.0.lock().unwrap(), [Creating, Created, Uploaded, Processed]);
    // What cannot be kept is not begun, and what was done before is known all the same.
    for (fails_at, left_at, created) in [
        (Creating, UploadStage::New, 0),
        (Created, Created, 1),
        (Uploaded, Uploaded, 1),
        (Processed, Processed, 1),
    ] {
        let record = Record::works();
        let store = Arc::new(Kept(Mutex::default(), Some(fails_at)));
        let failure = record.uploads().upload(document(), source()).state_store(store).await.unwrap_err();
        assert_eq!((failure.kind(), failure.state().stage()), (ErrorKind::Io, left_at), "{fails_at:?}");
        assert!(!failure.error().may_have_been_applied());
        assert_eq!(record.count(Call::Create), created, "{fails_at:?}");
        let receipt = record.uploads().resume(kept(failure.state()), document(), source()).await.unwrap();
        assert_filed(&record, &receipt, "");
        assert_eq!((record.references().len(), receipt.orphans.len()), (1, 0));
    }
    // A failure of the service's is not hidden by one of the store's.
    let record = Record::fails_once(Call::Create, Fault::Refused);
    let store = Arc::new(Kept(Mutex::default(), Some(UploadStage::New)));
    let failure = record.uploads().upload(document(), source()).state_store(store).await.unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::Rejected);
}

/// Never returns.
struct Stuck;

#[async_trait]
impl UploadStateStore for Stuck {
    async fn save(&self, _state: &UploadState) -> Result<(), Error> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled_before_the_service_is_asked_it_is_not_asked() {
    let record = Record::works();
    let upload = record.uploads().upload(document(), source()).state_store(Arc::new(Stuck));
    let handle = upload.handle();
    let cancel = async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        handle.cancel();
    };
    let (result, ()) = futures_util::future::join(upload, cancel).await;
    let failure = result.unwrap_err();
    assert_eq!((failure.kind(), failure.state().stage()), (ErrorKind::Canceled, UploadStage::New));
    assert_eq!(record.count(Call::Create), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reader_gets_over_an_expired_form_with_another_reader() {
    let record = Record::fails_once(Call::Post, Fault::ExpiresAfterReading);
    let uploads = record.uploads();
    let source = || Source::reader(reader(content()), SIZE as u64);
    let failure = uploads.upload(document(), source()).await.unwrap_err();
    assert_eq!((failure.kind(), failure.state().stage()), (ErrorKind::Io, UploadStage::New));
    let receipt = uploads.resume(kept(failure.state()), document(), source()).await.unwrap();
    assert_filed(&record, &receipt, "");
    assert_eq!(receipt.orphans.len(), 1);
}

fn reader(content: impl Into<Bytes>) -> impl io::Read + Send {
    io::Cursor::new(content.into())
}

#[tokio::test]
async fn every_kind_of_source_arrives_whole() {
    let folder = tempfile::tempdir().unwrap();
    for size in
        [0, 1, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 1024 * 1024, 1024 * 1024 + 1, 3 * 1024 * 1024]
    {
        let content: Vec<u8> = CONTENT.iter().copied().cycle().take(size).collect();
        let path = folder.path().join(size.to_string());
        std::fs::write(&path, &content).unwrap();
        let length = size as u64;
        let sources = [
            Source::path(&path),
            Source::bytes(content.clone()),
            Source::reader(reader(content.clone()), length),
            Source::async_reader(io::Cursor::new(content.clone()), length),
        ];
        for source in sources {
            let label = format!("{source:?} of {size}");
            let record = Record::works();
            let receipt = record.uploads().upload(document(), source).await.unwrap();
            assert_eq!((receipt.size, receipt.sha256), (length, Sha256Digest::of(&content)), "{label}");
            assert_eq!(record.references()[0].1.file.as_deref(), Some(&content[..]), "{label}");
        }
    }
}

/// A reader gives what it has once. What has not been touched, and what is small, is sent again all the same.
#[tokio::test(start_paused = true)]
async fn a_source_that_cannot_be_read_again_says_so() {
    let length = SIZE as u64;
    let sources: [fn() -> Source; 2] = [
        || Source::reader(reader(content()), SIZE as u64),
        || Source::async_reader(io::Cursor::new(content()), SIZE as u64),
    ];
    for source in sources {
        let record = Record::fails_once(Call::Post, Fault::Reset(1));
        let uploads = record.uploads();
        let failure = uploads.upload(document(), source()).await.unwrap_err();
        assert_eq!((failure.kind(), failure.state().stage()), (ErrorKind::Io, UploadStage::Created));
        assert!(failure.to_string().contains("can be read only once"), "{failure}");
        let receipt = uploads.resume(failure.into_state(), document(), source()).await.unwrap();
        assert_eq!((receipt.size, record.count(Call::Create)), (length, 1));

        let record = Record::fails_once(Call::Post, Fault::NotApplied);
        assert_eq!(record.uploads().upload(document(), source()).await.unwrap().size, length);
    }
    let record = Record::fails_once(Call::Post, Fault::Reset(1));
    let small = Source::reader(reader(vec![7; 1000]), 1000);
    assert_eq!(record.uploads().upload(document(), small).await.unwrap().size, 1000);
    assert_eq!(record.count(Call::Post), 2);
}

#[tokio::test]
async fn a_source_that_is_not_what_it_said_is_never_sent_as_whole() {
    for (size, said) in [(100, 101), (101, 100), (SIZE, SIZE + 1), (SIZE + 1, SIZE), (2 << 20, 1 << 20)] {
        let bytes: Vec<u8> = vec![7; size];
        for source in [
            Source::reader(reader(bytes.clone()), said as u64),
            Source::async_reader(io::Cursor::new(bytes.clone()), said as u64),
        ] {
            let label = format!("{source:?} of {size} said to be {said}");
            let record = Record::works();
            let failure = record.uploads().upload(document(), source).await.unwrap_err();
            assert_eq!(failure.kind(), ErrorKind::Io, "{label}");
            assert!(record.references().iter().all(|(_, reference)| reference.uploads == 0), "{label}");
        }
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_an_error_without_its_path() {
    for path in ["/nowhere/canary.pdf", "/"] {
        let record = Record::works();
        let failure = record.uploads().upload(document(), Source::path(path)).await.unwrap_err();
        assert_eq!(failure.kind(), ErrorKind::Io);
        assert!(!format!("{failure} {failure:?}").contains("canary"));
    }
}

#[tokio::test(start_paused = true)]
async fn many_go_at_once_and_one_failure_stops_no_other() {
    let record =
        Record::new(|call, before| (call == Call::Create && before % 10 == 3).then_some(Fault::Refused));
    let most = Arc::new(Mutex::new(0_usize));
    let counted = (Arc::clone(&record), Arc::clone(&most));
    record.on_moved(move |_, _| {
        let (record, most) = (&counted.0, &mut *counted.1.lock().unwrap());
        let arrived = record.references().iter().filter(|(_, reference)| reference.is_processed).count();
        *most = (*most).max(record.references().len() - arrived);
    });
    let uploads = record.uploads();
    let all = stream::iter(0..100).map(|key| (key, uploads.upload(document(), Source::bytes(vec![7; 10]))));
    let mut results: Vec<_> = Uploads::upload_all(all, 8).collect().await;
    results.sort_by_key(|(key, _)| *key);
    let keys: Vec<_> = results.iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, (0..100).collect::<Vec<_>>());
    assert_eq!(results.iter().filter(|(_, result)| result.is_err()).count(), 10);
    assert_eq!(record.references().len(), 90);
    assert!(*most.lock().unwrap() <= 8);
}
