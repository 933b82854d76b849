//! Downloads with every fault at every stage and every chunk: the target is complete or does not exist, and no
//! temporary file remains.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use carium::ErrorKind;
use carium::documents::{
    Digest, Document, DocumentReferenceId, DownloadBatch, DownloadRequest, Sha256Digest, TransferStage,
};
use futures_util::StreamExt as _;
use futures_util::future::join;
use support::faulty_documents::{CHUNK, Call, Fault, FaultyDocuments, always, sequence};
use tempfile::TempDir;

const CHUNKS: usize = 20;
const SIZE: usize = CHUNKS * CHUNK + 17;

static CONTENT: LazyLock<Bytes> =
    LazyLock::new(|| (0..SIZE).map(|index| u8::try_from(index % 251).unwrap()).collect());

fn chunk_boundaries() -> impl Iterator<Item = u64> {
    (0..=CHUNKS).map(|chunk| (chunk * CHUNK) as u64)
}

/// Returns a record with these faults, and the ID of its document.
fn with_document(
    plan: impl Fn(Call, usize) -> Option<Fault> + Send + Sync + 'static,
) -> (Arc<FaultyDocuments>, DocumentReferenceId) {
    let record = FaultyDocuments::new(plan);
    let id = record.add_document(CONTENT.clone());
    (record, id)
}

fn temp_folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn file_names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Asserts that the folder has this file, complete, and no other.
fn assert_only_file(folder: &Path, name: &str, content: &[u8], label: &str) {
    assert_eq!(file_names(folder), [name], "{label}");
    assert!(fs::read(folder.join(name)).unwrap() == content, "{label}");
}

/// Asserts that a download to a file succeeds, and that its folder has this content and no other file.
async fn assert_downloads_file(
    record: &Arc<FaultyDocuments>,
    request: impl Into<DownloadRequest>,
    digest: Digest,
    content: &[u8],
    label: &str,
) {
    let folder = temp_folder();
    let request = request.into().digest(digest);
    let receipt = record.downloads().to_path(request, folder.path().join("a.bin")).await.unwrap();
    let sha256 = (digest == Digest::Sha256).then(|| Sha256Digest::of(content));
    let expected = (content.len() as u64, sha256);
    assert_eq!((receipt.size, receipt.sha256), expected, "{label}");
    assert_only_file(folder.path(), "a.bin", content, label);
}

/// Asserts that a download into a folder fails with this kind of error, and leaves no file.
async fn assert_leaves_no_file(
    record: &Arc<FaultyDocuments>,
    request: impl Into<DownloadRequest>,
    kind: ErrorKind,
    label: &str,
) {
    let folder = temp_folder();
    let error = record.downloads().to_path(request, folder.path()).await.unwrap_err();
    assert_eq!((error.kind(), file_names(folder.path())), (kind, Vec::new()), "{label}");
}

#[tokio::test(start_paused = true)]
async fn downloads_to_a_path_a_writer_and_a_stream() {
    let (record, id) = with_document(|_, _| None);
    let (digest, size) = (Some(Sha256Digest::of(&CONTENT)), SIZE as u64);
    let folder = temp_folder();

    let download = record.downloads().to_path(id, folder.path().join("a.bin"));
    let handle = download.handle();
    let receipt = download.await.unwrap();
    assert_eq!((receipt.size, receipt.sha256), (size, digest));
    assert_eq!(receipt.path(), Some(&*folder.path().join("a.bin")));
    assert_only_file(folder.path(), "a.bin", &CONTENT, "a path");
    let progress = handle.progress();
    assert_eq!(
        (progress.stage, progress.bytes, progress.total),
        (TransferStage::Completed, size, Some(size))
    );

    let mut writer = Vec::new();
    let receipt = record.downloads().to_writer(id, &mut writer).await.unwrap();
    assert_eq!((receipt.size, receipt.sha256, receipt.path()), (size, digest, None));
    assert!(writer == *CONTENT);

    let mut stream = record.downloads().stream(id);
    let mut read = Vec::new();
    while let Some(bytes) = stream.next().await {
        assert!(stream.receipt().is_none());
        read.extend_from_slice(&bytes.unwrap());
    }
    assert!(read == *CONTENT);
    assert_eq!(stream.receipt().unwrap().sha256, digest);

    let empty = record.add_document(Bytes::new());
    let receipt = record.downloads().to_path(empty, folder.path().join("empty")).await.unwrap();
    assert_eq!((receipt.size, receipt.sha256), (0, Some(Sha256Digest::of(b""))));
}

/// Each fault happens to the first request. In every case, the file is complete in the end.
#[tokio::test(start_paused = true)]
async fn recovers_from_every_fault_of_the_first_request() {
    let faults = chunk_boundaries()
        .flat_map(|after| [Fault::Reset(after), Fault::SilentAfter(after), Fault::Short(after)])
        .chain([Fault::NotApplied, Fault::Expired, Fault::Forbidden]);
    for fault in faults {
        for (has_versions, has_lengths) in [(true, true), (false, true), (true, false)] {
            // Without a length, a body that is too short but ends normally cannot be detected.
            if !has_lengths && matches!(fault, Fault::Short(_)) {
                continue;
            }
            let label = format!("{fault:?} versions {has_versions} lengths {has_lengths}");
            let expires = matches!(fault, Fault::Expired | Fault::Forbidden);
            let with_document = || {
                let record =
                    FaultyDocuments::without(!has_versions, !has_lengths, sequence(Call::Get, [fault]));
                let id = record.add_document(CONTENT.clone());
                (record, id)
            };
            let (record, id) = with_document();
            assert_downloads_file(&record, id, Digest::Sha256, &CONTENT, &label).await;
            assert_eq!(record.count(Call::Info), 1 + usize::from(expires), "{label}");
            // Without a version, the whole document is requested again.
            let is_ranged = record.ranges().iter().any(Option::is_some);
            assert!(has_versions || !is_ranged, "{label}");

            let (record, id) = with_document();
            let mut written = Vec::new();
            record.downloads().to_writer(id, &mut written).await.unwrap();
            assert!(written == *CONTENT, "{label}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn continues_where_each_connection_was_lost() {
    let (record, id) = with_document(always(Call::Get, Fault::Reset(CHUNK as u64)));
    assert_downloads_file(&record, id, Digest::Sha256, &CONTENT, "").await;
    let ranges = record.ranges().into_iter();
    let starts: Vec<_> = ranges.map(|range| range.map_or(0, |range| range.from)).collect();
    assert_eq!(starts[..CHUNKS], chunk_boundaries().take(CHUNKS).collect::<Vec<_>>());
}

/// The document is larger than all buffers and queues and is synced during the download. The first connection is
/// lost; in the second case, the document has also changed by then.
#[tokio::test(start_paused = true)]
async fn downloads_a_document_larger_than_all_buffers() {
    // The period is not a multiple of the piece size, so that no two pieces are equal.
    let content: Bytes = (0_u32..3_500_003).flat_map(u32::to_le_bytes).collect::<Vec<u8>>().repeat(2).into();
    let changed: Bytes = content.iter().map(|byte| !byte).collect();
    let middle = Fault::Reset((content.len() / CHUNK / 2 * CHUNK) as u64);
    for (record, expected) in [
        (FaultyDocuments::new(sequence(Call::Get, [middle])), &content),
        (FaultyDocuments::new(sequence(Call::Get, [middle, Fault::Changed])), &changed),
    ] {
        let id = record.add_document(content.clone());
        assert_downloads_file(&record, id, Digest::Sha256, expected, "").await;
    }
}

/// If the store ignores the range, the bytes that have already been written are compared and not written again.
#[tokio::test(start_paused = true)]
async fn skips_written_bytes_if_the_store_ignores_the_range() {
    for after in chunk_boundaries() {
        let plan = sequence(Call::Get, [Fault::Reset(after), Fault::IgnoresRange]);
        let (record, id) = with_document(plan);
        assert_downloads_file(&record, id, Digest::Sha256, &CONTENT, "").await;
        let (record, id) = with_document(plan);
        let mut written = Vec::new();
        record.downloads().to_writer(id, &mut written).await.unwrap();
        assert!(written == *CONTENT, "{after}");
    }
}

/// Bytes of two versions must never be combined.
#[tokio::test(start_paused = true)]
async fn restarts_or_fails_if_the_document_changes() {
    let changed: Bytes = CONTENT.iter().map(|byte| !byte).collect();
    for has_versions in [true, false] {
        for after in chunk_boundaries().skip(1) {
            let label = format!("{after} {has_versions}");
            let with_document = || {
                let plan = sequence(Call::Get, [Fault::Reset(after), Fault::Changed]);
                let record = FaultyDocuments::without(!has_versions, false, plan);
                let id = record.add_document(CONTENT.clone());
                (record, id)
            };
            let (record, id) = with_document();
            assert_downloads_file(&record, id, Digest::Sha256, &changed, &label).await;
            assert_eq!(record.count(Call::Info), 1, "{label}: a restart uses the same URL");

            // Bytes that a writer or a stream has received cannot be discarded.
            let (record, id) = with_document();
            let error = record.downloads().to_writer(id, Vec::new()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{label}");
            let (record, id) = with_document();
            let last = record.downloads().stream(id).collect::<Vec<_>>().await.pop().unwrap();
            assert_eq!(last.unwrap_err().kind(), ErrorKind::Corrupt, "{label}");
        }
    }
    // A document that keeps changing ends the download.
    let (record, id) = with_document(|call, earlier_calls| match (call, earlier_calls % 2) {
        (Call::Get, 0) => Some(Fault::Reset(CHUNK as u64)),
        (Call::Get, _) => Some(Fault::Changed),
        _ => None,
    });
    assert_leaves_no_file(&record, id, ErrorKind::Corrupt, "keeps changing").await;
}

#[tokio::test(start_paused = true)]
async fn failed_downloads_leave_no_file() {
    for (call, fault, kind, attempts) in [
        (Call::Info, Fault::Refused, ErrorKind::Rejected, 1),
        (Call::Get, Fault::Refused, ErrorKind::Rejected, 1),
        // Each attempt requests a new URL.
        (Call::Get, Fault::Expired, ErrorKind::Expired, 5),
        (Call::Get, Fault::NotApplied, ErrorKind::Unavailable, 5),
        (Call::Get, Fault::Reset(0), ErrorKind::Unavailable, 5),
        (Call::Get, Fault::SilentAfter(0), ErrorKind::TimedOut, 5),
        (Call::Get, Fault::Short(0), ErrorKind::Unavailable, 5),
        (Call::Get, Fault::Long, ErrorKind::Corrupt, 1),
    ] {
        let label = format!("{call:?} {fault:?}");
        let (record, id) = with_document(always(call, fault));
        assert_leaves_no_file(&record, id, kind, &label).await;
        assert_eq!(record.count(call), attempts, "{label}");
    }
}

#[tokio::test(start_paused = true)]
async fn verifies_the_expected_digest() {
    let (record, id) = with_document(|_, _| None);
    let mismatch = DownloadRequest::new(id).expected_sha256(Sha256Digest::of(b"another"));
    assert_leaves_no_file(&record, mismatch.clone(), ErrorKind::Corrupt, "another digest").await;
    let error = record.downloads().to_writer(mismatch, Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let matching = DownloadRequest::new(id).expected_sha256(Sha256Digest::of(&CONTENT));
    record.downloads().to_path(matching, temp_folder().path()).await.unwrap();
    assert!(record.ranges().iter().all(Option::is_none));
}

#[tokio::test(start_paused = true)]
async fn computes_no_digest_and_skips_syncing() {
    let (record, id) = with_document(|_, _| None);
    let request = DownloadRequest::new(id).skip_sync();
    assert_downloads_file(&record, request.clone(), Digest::None, &CONTENT, "without digest").await;
    assert_downloads_file(&record, request.clone(), Digest::Sha256, &CONTENT, "with digest").await;

    let request = request.digest(Digest::None);
    let mut writer = Vec::new();
    let receipt = record.downloads().to_writer(request.clone(), &mut writer).await.unwrap();
    assert_eq!((receipt.size, receipt.sha256), (SIZE as u64, None));
    assert!(writer == *CONTENT);
    let mut stream = record.downloads().stream(request.clone());
    while let Some(bytes) = stream.next().await {
        bytes.unwrap();
    }
    assert_eq!(stream.receipt().unwrap().sha256, None);

    // A digest that is expected and not computed could not be compared.
    let requests = record.count(Call::Info);
    let expecting = request.expected_sha256(Sha256Digest::of(&CONTENT));
    assert_leaves_no_file(&record, expecting, ErrorKind::InvalidInput, "expects a digest").await;
    assert_eq!(record.count(Call::Info), requests);
}

/// Without a digest, only a version shows that the bytes that were already written are still the same. Bytes of two
/// versions must never be combined, and a writer must never get the same bytes twice.
#[tokio::test(start_paused = true)]
async fn continues_without_digest_only_if_the_version_is_known() {
    let changed: Bytes = CONTENT.iter().map(|byte| !byte).collect();
    for after in chunk_boundaries() {
        for (has_versions, second) in [
            (true, None),
            (true, Some(Fault::IgnoresRange)),
            (true, Some(Fault::IgnoresRangeAndVersion)),
            (true, Some(Fault::Changed)),
            (false, None),
            (false, Some(Fault::Changed)),
        ] {
            let label = format!("{after} {second:?} versions {has_versions}");
            let with_document = || {
                let plan = move |call, earlier_calls| match (call, earlier_calls) {
                    (Call::Get, 0) => Some(Fault::Reset(after)),
                    (Call::Get, 1) => second,
                    _ => None,
                };
                let record = FaultyDocuments::without(!has_versions, false, plan);
                let id = record.add_document(CONTENT.clone());
                (record, id)
            };
            let expected = if second == Some(Fault::Changed) { &changed } else { &*CONTENT };
            let (record, id) = with_document();
            assert_downloads_file(&record, id, Digest::None, expected, &label).await;

            let (record, id) = with_document();
            let mut written = Vec::new();
            let request = DownloadRequest::new(id).digest(Digest::None);
            let result = record.downloads().to_writer(request, &mut written).await;
            match (result, has_versions, second) {
                (Ok(_), ..) if after == 0 => assert!(written == *expected, "{label}"),
                (Ok(_), true, None | Some(Fault::IgnoresRange)) => assert!(written == *CONTENT, "{label}"),
                (Err(error), true, Some(_)) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{label}"),
                (Err(error), false, _) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{label}"),
                (result, ..) => panic!("{label}: {result:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn restarts_at_most_three_times_without_digest() {
    let plan = always(Call::Get, Fault::Reset(CHUNK as u64));
    let record = FaultyDocuments::without(true, false, plan);
    let id = record.add_document(CONTENT.clone());
    let request = DownloadRequest::new(id).digest(Digest::None);
    assert_leaves_no_file(&record, request, ErrorKind::Unavailable, "").await;
    assert_eq!(record.count(Call::Get), 4);
    assert!(record.ranges().iter().all(Option::is_none));
}

/// What is known of the object store and of the target outlasts a restart.
#[tokio::test(start_paused = true)]
async fn restarts_keep_what_is_known() {
    let reset = Fault::Reset(CHUNK as u64);
    // A second rejected URL in a row is not replaced.
    let faults = [reset, Fault::Forbidden, Fault::Changed, Fault::Forbidden, Fault::Forbidden];
    let record = FaultyDocuments::new(sequence(Call::Get, faults));
    let id = record.add_document(CONTENT.clone());
    assert_leaves_no_file(&record, id, ErrorKind::Forbidden, "").await;
    assert_eq!((record.count(Call::Get), record.count(Call::Info)), (4, 2));

    // No range is requested from a store that sent one without its version.
    let record = FaultyDocuments::new(sequence(Call::Get, [reset, Fault::OmitsVersion, reset]));
    let id = record.add_document(CONTENT.clone());
    assert_downloads_file(&record, id, Digest::None, &CONTENT, "").await;
    let ranges: Vec<_> = record.ranges().iter().map(Option::is_some).collect();
    assert_eq!(ranges, [false, true, false, false]);

    // A name that was chosen is kept.
    let faults = [Some(reset), Some(Fault::Changed), None];
    let record = FaultyDocuments::new(move |call, earlier_calls| {
        (call == Call::Get).then_some(faults[earlier_calls % 3]).flatten()
    });
    let (folder, batch) = (temp_folder(), DownloadBatch::default());
    for name in ["letter.pdf", "letter (2).pdf"] {
        let request = DownloadRequest::new(record.add_document(CONTENT.clone())).in_batch(&batch);
        let receipt = record.downloads().to_path(request, folder.path()).await.unwrap();
        assert_eq!(receipt.path(), Some(&*folder.path().join(name)));
    }
}

#[tokio::test]
async fn a_failed_download_of_a_batch_delays_no_other() {
    let record = FaultyDocuments::new(|call, earlier_calls| {
        (call == Call::Info && earlier_calls == 0).then_some(Fault::Refused)
    });
    let (folder, batch) = (temp_folder(), DownloadBatch::default());
    let [refused, letter] =
        [(), ()].map(|()| DownloadRequest::new(record.add_document(CONTENT.clone())).in_batch(&batch));
    // The request is kept, for example to report it.
    assert!(record.downloads().to_path(refused.clone(), folder.path()).await.is_err());
    record.downloads().to_path(letter, folder.path()).await.unwrap();
    drop(refused);
}

#[tokio::test(start_paused = true)]
async fn canceling_at_any_chunk_leaves_no_file() {
    for after in chunk_boundaries() {
        // The backoff after each chunk gives the test time to cancel.
        let (record, id) = with_document(always(Call::Get, Fault::Reset(CHUNK as u64)));
        let folder = temp_folder();
        let download = record.downloads().to_path(id, folder.path().join("a.bin"));
        let handle = download.handle();
        let watched = handle.clone();
        let mut progress = handle.watch();
        let cancel = async move {
            while progress.borrow_and_update().bytes < after {
                progress.changed().await.unwrap();
            }
            watched.cancel();
        };
        let (result, ()) = join(download, cancel).await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Canceled, "{after}");
        assert_eq!(file_names(folder.path()), Vec::<String>::new(), "{after}");
    }
}

/// The temporary file is removed in the background, so it may exist for a moment after the drop.
#[tokio::test]
async fn dropping_a_download_removes_its_temporary_file() {
    let (record, id) = with_document(sequence(Call::Get, [Fault::Reset(CHUNK as u64), Fault::Silent]));
    let folder = temp_folder();
    let download = record.downloads().to_path(id, folder.path());
    // The download stalls after the first chunk and is dropped as soon as the temporary file exists.
    let watched = folder.path().to_owned();
    let file_exists = async {
        while file_names(&watched).is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        result = download => panic!("{result:?}"),
        () = file_exists => {}
    }
    for _ in 0..1000 {
        if file_names(folder.path()).is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", file_names(folder.path()));
}

#[tokio::test(start_paused = true)]
async fn keeps_an_existing_file_unless_overwrite_is_set() {
    let (record, id) = with_document(|_, _| None);
    let folder = temp_folder();
    let path = folder.path().join("letter.pdf");
    fs::write(&path, "kept").unwrap();
    // A file as the target is checked before any request; in a directory, the name is known only after the first one.
    for (target, requests) in [(path.as_path(), 0), (folder.path(), 1)] {
        let error = record.downloads().to_path(id, target).await.unwrap_err();
        assert_eq!((error.kind(), record.count(Call::Get)), (ErrorKind::AlreadyExists, requests));
        assert_only_file(folder.path(), "letter.pdf", b"kept", "");
    }
    record.downloads().to_path(DownloadRequest::new(id).overwrite(), &path).await.unwrap();
    assert_only_file(folder.path(), "letter.pdf", &CONTENT, "");

    // A file that is created during the download is kept too.
    let (record, id) = with_document(|_, _| None);
    let other = folder.path().join("other.pdf");
    let download = record.downloads().to_path(id, &other);
    let mut progress = download.handle().watch();
    let written = other.clone();
    let create_file = async move {
        while progress.borrow_and_update().bytes == 0 {
            progress.changed().await.unwrap();
        }
        fs::write(written, "created").unwrap();
    };
    let (result, ()) = join(download, create_file).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&other).unwrap(), b"created");
}

#[tokio::test(start_paused = true)]
async fn uses_a_sanitized_name_in_a_directory() {
    let (record, id) = with_document(|_, _| None);
    let mut document = Document::from_id(id);
    document.file_name = Some("../../Überweisung\u{202e}fdp.exe".to_owned());
    let requests = [
        // The store sends the name `../letter.pdf`.
        (DownloadRequest::new(id), "letter.pdf".to_owned()),
        (DownloadRequest::from(&document), "Überweisung_fdp.exe".to_owned()),
        (DownloadRequest::new(id).file_name("/etc/passwd"), "passwd".to_owned()),
        (DownloadRequest::new(id).file_name(".."), id.to_string()),
        (DownloadRequest::new(id).file_name("nul"), "_nul".to_owned()),
    ];
    for (request, name) in requests {
        let outer = temp_folder();
        let inner = outer.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let receipt = record.downloads().to_path(request, &inner).await.unwrap();
        assert_eq!(receipt.path(), Some(&*inner.join(&name)));
        assert_only_file(&inner, &name, &CONTENT, &name);
        assert_eq!(file_names(outer.path()), ["inner"]);
    }
    // A missing directory is not created.
    let folder = temp_folder();
    let error = record.downloads().to_path(id, folder.path().join("not/there/")).await.unwrap_err();
    assert_eq!((error.kind(), file_names(folder.path())), (ErrorKind::Io, Vec::new()));
    assert!(!format!("{error:?}").contains("there/"));
}
