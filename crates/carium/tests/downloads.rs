//! Downloads that fail at every stage and at every chunk, in every way, enumerated: the target is whole or not
//! there, and nothing is left beside it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;
use carium::ErrorKind;
use carium::documents::{Document, DownloadRequest, Sha256Digest, Stage};
use futures_util::StreamExt as _;
use support::record::{CHUNK, Call, Fault, Record};
use tempfile::TempDir;

const CHUNKS: usize = 20;
const SIZE: usize = CHUNKS * CHUNK + 17;

static CONTENT: LazyLock<Bytes> =
    LazyLock::new(|| (0..SIZE).map(|at| u8::try_from(at % 251).unwrap()).collect());

fn chunk_ends() -> impl Iterator<Item = u64> {
    (0..=CHUNKS).map(|chunk| (chunk * CHUNK) as u64)
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The names of what is in a folder.
fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

/// The file is there whole, and nothing else is.
fn assert_arrived(folder: &Path, name: &str, content: &[u8], label: &str) {
    assert_eq!(names(folder), [name], "{label}");
    assert!(fs::read(folder.join(name)).unwrap() == content, "{label}");
}

#[tokio::test(start_paused = true)]
async fn a_document_arrives_at_every_kind_of_target() {
    let record = Record::works();
    let id = record.file(CONTENT.clone());
    let (digest, size) = (Sha256Digest::of(&CONTENT), SIZE as u64);
    let folder = folder();

    let download = record.downloads().to_path(id, folder.path().join("a.bin"));
    let handle = download.handle();
    let receipt = download.await.unwrap();
    assert_eq!((receipt.size, receipt.sha256), (size, digest));
    assert_eq!(receipt.path(), Some(&*folder.path().join("a.bin")));
    assert_arrived(folder.path(), "a.bin", &CONTENT, "a path");
    let progress = handle.progress();
    assert_eq!((progress.stage, progress.bytes, progress.total), (Stage::Done, size, Some(size)));

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

    let empty = record.file(Bytes::new());
    let receipt = record.downloads().to_path(empty, folder.path().join("empty")).await.unwrap();
    assert_eq!((receipt.size, receipt.sha256), (0, Sha256Digest::of(b"")));
}

/// What happens to the first answer, and what comes of it: in every case the file arrives whole.
#[tokio::test(start_paused = true)]
async fn every_stage_fails_in_every_way_and_the_file_arrives() {
    let mut table: Vec<_> = chunk_ends()
        .flat_map(|after| [Fault::Reset(after), Fault::SilentAfter(after), Fault::Short(after)])
        .map(|fault| (Call::Get, fault))
        .collect();
    table.extend([Fault::NotApplied, Fault::Expired, Fault::Forbidden].map(|fault| (Call::Get, fault)));
    for (call, fault) in table {
        for (has_versions, has_lengths) in [(true, true), (false, true), (true, false)] {
            // Without a length, nobody can tell that a body which ends well is short.
            if !has_lengths && matches!(fault, Fault::Short(_)) {
                continue;
            }
            let label = format!("{call:?} {fault:?} versions {has_versions} lengths {has_lengths}");
            let expires = matches!(fault, Fault::Expired | Fault::Forbidden);
            let plan = move |each, before| (each == call && before == 0).then_some(fault);
            let record = Record::without(!has_versions, !has_lengths, plan);
            let id = record.file(CONTENT.clone());
            let folder = folder();
            let receipt = record.downloads().to_path(id, folder.path().join("a.bin")).await.unwrap();
            assert_eq!(receipt.sha256, Sha256Digest::of(&CONTENT), "{label}");
            assert_arrived(folder.path(), "a.bin", &CONTENT, &label);
            assert_eq!(record.count(Call::Info), 1 + usize::from(expires), "{label}");
            // Where there is no version to ask for a range of, the whole is asked for again.
            let is_ranged = record.ranges().iter().any(Option::is_some);
            assert!(has_versions || !is_ranged, "{label}");

            let record = Record::without(!has_versions, !has_lengths, plan);
            let id = record.file(CONTENT.clone());
            let mut written = Vec::new();
            record.downloads().to_writer(id, &mut written).await.unwrap();
            assert!(written == *CONTENT, "{label}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_at_every_chunk_is_taken_up_at_every_chunk() {
    let record = Record::new(|call, _| (call == Call::Get).then_some(Fault::Reset(CHUNK as u64)));
    let id = record.file(CONTENT.clone());
    let folder = folder();
    record.downloads().to_path(id, folder.path().join("a.bin")).await.unwrap();
    assert_arrived(folder.path(), "a.bin", &CONTENT, "");
    let from: Vec<_> = record.ranges().into_iter().map(|range| range.map_or(0, |range| range.from)).collect();
    assert_eq!(from[..CHUNKS], chunk_ends().take(CHUNKS).collect::<Vec<_>>());
}

/// Longer than what may wait at any place on its way, and brought to the disk meanwhile: cut, and cut and replaced.
#[tokio::test(start_paused = true)]
async fn a_large_document_arrives_piece_by_piece() {
    // No power of two, so that no two pieces are the same.
    let content: Bytes = (0_u32..3_500_003).flat_map(u32::to_le_bytes).collect::<Vec<u8>>().repeat(2).into();
    let changed: Bytes = content.iter().map(|byte| !byte).collect();
    let middle = (content.len() / CHUNK / 2 * CHUNK) as u64;
    for (then, expected) in [(None, &content), (Some(Fault::Changed), &changed)] {
        let record = Record::new(move |call, before| match (call, before) {
            (Call::Get, 0) => Some(Fault::Reset(middle)),
            (Call::Get, 1) => then,
            _ => None,
        });
        let id = record.file(content.clone());
        let folder = folder();
        let receipt = record.downloads().to_path(id, folder.path().join("a.bin")).await.unwrap();
        assert_eq!((receipt.size, receipt.sha256), (expected.len() as u64, Sha256Digest::of(expected)));
        assert_arrived(folder.path(), "a.bin", expected, "");
    }
}

/// A store that ignores the range: what is there already is compared, and not written twice.
#[tokio::test(start_paused = true)]
async fn a_store_that_gives_the_whole_again_does_no_harm() {
    for after in chunk_ends() {
        let plan = move |call, before| match (call, before) {
            (Call::Get, 0) => Some(Fault::Reset(after)),
            (Call::Get, _) => Some(Fault::IgnoresRange),
            _ => None,
        };
        let record = Record::new(plan);
        let id = record.file(CONTENT.clone());
        let folder = folder();
        record.downloads().to_path(id, folder.path().join("a.bin")).await.unwrap();
        assert_arrived(folder.path(), "a.bin", &CONTENT, "");
        let mut written = Vec::new();
        let record = Record::new(plan);
        let id = record.file(CONTENT.clone());
        record.downloads().to_writer(id, &mut written).await.unwrap();
        assert!(written == *CONTENT, "{after}");
    }
}

/// Half of one version and half of another is neither.
#[tokio::test(start_paused = true)]
async fn a_document_that_changes_meanwhile_is_read_from_its_beginning() {
    let changed: Bytes = CONTENT.iter().map(|byte| !byte).collect();
    for has_versions in [true, false] {
        for after in chunk_ends().skip(1) {
            let plan = move |call, before| match (call, before) {
                (Call::Get, 0) => Some(Fault::Reset(after)),
                (Call::Get, 1) => Some(Fault::Changed),
                _ => None,
            };
            let label = format!("{after} {has_versions}");
            let record = Record::without(!has_versions, false, plan);
            let id = record.file(CONTENT.clone());
            let folder = folder();
            record.downloads().to_path(id, folder.path().join("a.bin")).await.unwrap();
            assert_arrived(folder.path(), "a.bin", &changed, &label);

            // What was handed on cannot be taken back.
            let record = Record::without(!has_versions, false, plan);
            let id = record.file(CONTENT.clone());
            let error = record.downloads().to_writer(id, Vec::new()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{label}");
            let record = Record::without(!has_versions, false, plan);
            let id = record.file(CONTENT.clone());
            let last = record.downloads().stream(id).collect::<Vec<_>>().await.pop().unwrap();
            assert_eq!(last.unwrap_err().kind(), ErrorKind::Corrupt, "{label}");
        }
    }
    // One that changes each time is given up.
    let record = Record::new(|call, before| match (call, before % 2) {
        (Call::Get, 0) => Some(Fault::Reset(CHUNK as u64)),
        (Call::Get, _) => Some(Fault::Changed),
        _ => None,
    });
    let id = record.file(CONTENT.clone());
    let folder = folder();
    let error = record.downloads().to_path(id, folder.path()).await.unwrap_err();
    assert_eq!((error.kind(), names(folder.path())), (ErrorKind::Corrupt, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_had_leaves_nothing() {
    let table = [
        (Call::Info, Fault::Refused, ErrorKind::Rejected),
        (Call::Get, Fault::Refused, ErrorKind::Rejected),
        (Call::Get, Fault::Expired, ErrorKind::Expired),
        (Call::Get, Fault::NotApplied, ErrorKind::Unavailable),
        (Call::Get, Fault::Reset(0), ErrorKind::Unavailable),
        (Call::Get, Fault::SilentAfter(0), ErrorKind::TimedOut),
        (Call::Get, Fault::Short(0), ErrorKind::Unavailable),
        (Call::Get, Fault::Long, ErrorKind::Corrupt),
    ];
    for (call, fault, kind) in table {
        let label = format!("{call:?} {fault:?}");
        let record = Record::new(move |each, _| (each == call).then_some(fault));
        let id = record.file(CONTENT.clone());
        let folder = folder();
        let error = record.downloads().to_path(id, folder.path()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{label}");
        assert_eq!(names(folder.path()), Vec::<String>::new(), "{label}");
        let tries = match kind {
            // Another URL is asked for each time.
            ErrorKind::Expired => 5,
            _ if error.is_transient() => 5,
            _ => 1,
        };
        assert_eq!(record.count(call), tries, "{label}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_digest_that_is_known_is_checked() {
    let record = Record::works();
    let id = record.file(CONTENT.clone());
    let folder = folder();
    let wrong = DownloadRequest::new(id).expected_sha256(Sha256Digest::of(b"another"));
    let error = record.downloads().to_path(wrong.clone(), folder.path()).await.unwrap_err();
    assert_eq!((error.kind(), names(folder.path())), (ErrorKind::Corrupt, Vec::new()));
    let error = record.downloads().to_writer(wrong, Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let right = DownloadRequest::new(id).expected_sha256(Sha256Digest::of(&CONTENT));
    record.downloads().to_path(right, folder.path()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn cancelled_at_any_chunk_it_leaves_nothing() {
    for after in chunk_ends() {
        // It waits after each chunk, so that there is a moment to cancel in.
        let record = Record::new(|call, _| (call == Call::Get).then_some(Fault::Reset(CHUNK as u64)));
        let id = record.file(CONTENT.clone());
        let folder = folder();
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
        let (result, ()) = futures_util::future::join(download, cancel).await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Canceled, "{after}");
        assert_eq!(names(folder.path()), Vec::<String>::new(), "{after}");
    }
}

/// Nobody waits for a future that was dropped, so what it wrote is gone a moment later.
#[tokio::test]
async fn dropped_it_leaves_nothing() {
    let record = Record::new(|call, before| match (call, before) {
        (Call::Get, 0) => Some(Fault::Reset(CHUNK as u64)),
        (Call::Get, _) => Some(Fault::Silent),
        _ => None,
    });
    let id = record.file(CONTENT.clone());
    let folder = folder();
    let download = record.downloads().to_path(id, folder.path());
    // It never gets further than the first chunk, and is dropped when that is written.
    let watched = folder.path().to_owned();
    let is_there = async {
        while names(&watched).is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        result = download => panic!("{result:?}"),
        () = is_there => {}
    }
    for _ in 0..1000 {
        if names(folder.path()).is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{:?}", names(folder.path()));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_there_is_kept_unless_it_is_to_be_replaced() {
    let record = Record::works();
    let id = record.file(CONTENT.clone());
    let folder = folder();
    let path = folder.path().join("letter.pdf");
    fs::write(&path, "kept").unwrap();
    // At the very path nobody is asked for anything; in a directory, only for the name.
    for (target, asked) in [(path.as_path(), 0), (folder.path(), 1)] {
        let error = record.downloads().to_path(id, target).await.unwrap_err();
        assert_eq!((error.kind(), record.count(Call::Get)), (ErrorKind::AlreadyExists, asked));
        assert_arrived(folder.path(), "letter.pdf", b"kept", "");
    }
    record.downloads().to_path(DownloadRequest::new(id).overwrite(), &path).await.unwrap();
    assert_arrived(folder.path(), "letter.pdf", &CONTENT, "");

    // One that comes up meanwhile is kept too.
    let record = Record::works();
    let id = record.file(CONTENT.clone());
    let other = folder.path().join("other.pdf");
    let download = record.downloads().to_path(id, &other);
    let mut progress = download.handle().watch();
    let written = other.clone();
    let meanwhile = async move {
        while progress.borrow_and_update().bytes == 0 {
            progress.changed().await.unwrap();
        }
        fs::write(written, "came up").unwrap();
    };
    let (result, ()) = futures_util::future::join(download, meanwhile).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&other).unwrap(), b"came up");
}

#[tokio::test(start_paused = true)]
async fn in_a_directory_it_takes_the_documents_name_and_no_other_place() {
    let record = Record::works();
    let id = record.file(CONTENT.clone());
    let mut document = Document::from_id(id);
    document.file_name = Some("../../Überweisung\u{202e}fdp.exe".to_owned());
    let requests = [
        // The store of this test calls it `../letter.pdf`.
        (DownloadRequest::new(id), "letter.pdf".to_owned()),
        (DownloadRequest::from(&document), "Überweisung_fdp.exe".to_owned()),
        (DownloadRequest::new(id).file_name("/etc/passwd"), "passwd".to_owned()),
        (DownloadRequest::new(id).file_name(".."), id.to_string()),
        (DownloadRequest::new(id).file_name("nul"), "_nul".to_owned()),
    ];
    for (request, name) in requests {
        let outer = folder();
        let inner = outer.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let receipt = record.downloads().to_path(request, &inner).await.unwrap();
        assert_eq!(receipt.path(), Some(&*inner.join(&name)));
        assert_arrived(&inner, &name, &CONTENT, &name);
        assert_eq!(names(outer.path()), ["inner"]);
    }
    // A directory that is not there is not made.
    let folder = folder();
    let error = record.downloads().to_path(id, folder.path().join("not/there/")).await.unwrap_err();
    assert_eq!((error.kind(), names(folder.path())), (ErrorKind::Io, Vec::new()));
    assert!(!format!("{error:?}").contains("there/"));
}
