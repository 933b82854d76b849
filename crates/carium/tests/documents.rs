//! Documents over HTTP: the real HTTP client against a local object store that is as strict as S3.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use carium::documents::{
    ByteRange, Content, DocumentQuery, DownloadRequest, FilePart, Sha256Digest, Upload, UploadForm,
    UploadSource, UploadStage,
};
use carium::{Carium, ErrorKind, ListOptions};
use carium_mock::object_store::Object;
use carium_mock::{Fault, FaultResponse};
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::Method;
use proptest::prelude::*;
use support::document_fixture::DocumentFixture;

const CHUNK: u64 = 64 * 1024;
const SIZE: u64 = 5 * CHUNK + 17;

static CONTENT: LazyLock<Bytes> =
    LazyLock::new(|| (0..SIZE).map(|index| u8::try_from(index % 251).unwrap()).collect());

/// An upload of the content as `letter.pdf`.
fn upload(carium: &Carium) -> Upload {
    carium.uploads().upload(support::document(), UploadSource::bytes(CONTENT.clone()))
}

/// Offsets at, before and after each chunk boundary.
fn offsets() -> impl Iterator<Item = u64> {
    (0..=SIZE / CHUNK).map(|chunk| chunk * CHUNK).flat_map(|at| [at.saturating_sub(1), at, at + 1])
}

#[tokio::test]
async fn uploads_lists_and_downloads_documents_of_any_size() {
    let fixture = DocumentFixture::start().await;
    let carium = fixture.client();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letter.pdf");
    for size in [0, 1, 20_000, 256 * 1024, 256 * 1024 + 1, 3_000_000] {
        let content: Bytes = CONTENT.iter().copied().cycle().take(size).collect();
        std::fs::write(&path, &content).unwrap();
        let upload = carium.uploads().upload(support::document(), UploadSource::path(&path));
        let receipt = upload.await.unwrap();
        assert_eq!((receipt.size, receipt.sha256), (size as u64, Some(Sha256Digest::of(&content))));
        let listed: Vec<_> = carium.documents().list(DocumentQuery::default()).try_collect().await.unwrap();
        let document = listed.iter().find(|document| document.id == receipt.id).unwrap();
        assert_eq!(document.media_type.as_deref(), Some("application/pdf"));
        let target = tempfile::tempdir().unwrap();
        let request = DownloadRequest::from(document).expected_sha256(receipt.sha256.unwrap());
        let downloaded = carium.downloads().to_path(request, target.path()).await.unwrap();
        assert_eq!(downloaded.path(), Some(&*target.path().join("letter.pdf")));
        assert!(std::fs::read(target.path().join("letter.pdf")).unwrap() == content);
    }
    for call in fixture.store.calls() {
        assert!(!call.has_authorization && call.transfer_encoding.is_none(), "{call:?}");
        if call.method == Method::POST {
            assert!(call.content_length.is_some_and(|length| length == call.body_bytes_read), "{call:?}");
        }
    }
}

/// Connections are lost at, before and after each chunk boundary, and after the store has accepted the file.
#[tokio::test]
async fn upload_recovers_from_object_store_faults() {
    let faults = offsets()
        .flat_map(|offset| [Fault::on_upload().reset_after(offset), Fault::on_upload().hang_after(offset)])
        .chain([Fault::on_upload().lose_response()])
        .chain(
            [(500, "InternalError"), (503, "SlowDown"), (400, "RequestTimeout"), (429, "TooManyRequests")]
                .map(|(status, code)| {
                    Fault::on_upload().respond(FaultResponse::s3_error(status, code, "canary"))
                }),
        );
    let fixture = DocumentFixture::start().await;
    let carium = fixture.client();
    for fault in faults {
        let label = format!("{fault:?}");
        fixture.store.set_faults([fault]);
        let receipt = upload(&carium).await.unwrap_or_else(|error| panic!("{label}: {error}"));
        assert_eq!((receipt.sha256, receipt.orphans.len()), (Some(Sha256Digest::of(&CONTENT)), 0), "{label}");
        assert!(*fixture.store.object(&receipt.id.to_string()).unwrap().content() == *CONTENT, "{label}");
    }
}

#[tokio::test]
async fn replaces_an_expired_form_and_reports_its_reference_as_an_orphan() {
    let fixture = DocumentFixture::start().await;
    fixture.presigns.lock().unwrap().valid_for = vec![Duration::ZERO, Duration::from_secs(3600)];
    let receipt = upload(&fixture.client()).await.unwrap();
    assert_eq!(receipt.orphans.len(), 1);
    assert!(fixture.store.object(&receipt.orphans[0].to_string()).is_none());
    assert!(fixture.store.object(&receipt.id.to_string()).is_some());
}

#[tokio::test]
async fn reports_the_reason_of_a_rejected_upload() {
    let fixture = DocumentFixture::start().await;
    fixture.presigns.lock().unwrap().max_bytes = 100;
    let error = upload(&fixture.client()).await.unwrap_err();
    assert_eq!((error.kind(), error.error().status()), (ErrorKind::Rejected, Some(400)));
    assert!(error.to_string().contains("larger than the form permits"), "{error}");
    assert_eq!(error.state().stage(), UploadStage::Created);
}

/// A presigned URL over plain HTTP is accepted only if the API itself is reached over plain HTTP.
#[tokio::test]
async fn rejects_plain_http_urls_if_the_api_uses_https() {
    let fixture = DocumentFixture::start().await;
    let https = fixture.builder().base_url("https://api.example.com").build().unwrap();
    assert_eq!(upload(&https).await.unwrap_err().kind(), ErrorKind::Undecodable);
    let id = fixture.add_document(Object::new(CONTENT.clone()));
    let error = https.downloads().to_writer(id, Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undecodable);
    assert_eq!(fixture.store.calls().len(), 0);
    for url in ["ftp://example.com/", "file:///etc/passwd", "", "https://"] {
        let form = UploadForm::new(url.into(), [("key", "value")].into_iter().collect());
        let file = FilePart::new("a", "b", 0, Content::Bytes(Bytes::new()));
        let error = fixture.client().transfers().post(&form, file).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undecodable, "{url}");
    }
}

#[tokio::test]
async fn download_recovers_from_object_store_faults() {
    let changed_content: Bytes = CONTENT.iter().map(|byte| !byte).collect();
    let second = || Fault::on_download().call(2);
    let error = |status, code| second().respond(FaultResponse::s3_error(status, code, "canary"));
    let second_faults = [
        (error(500, "InternalError"), &*CONTENT),
        (error(503, "SlowDown"), &*CONTENT),
        (error(403, "AccessDenied"), &*CONTENT),
        (second().ignore_range(), &*CONTENT),
        (second().replace_file(changed_content.clone()), &changed_content),
    ]
    .map(|(second, expected)| (vec![Fault::on_download().reset_after(CHUNK), second], expected));
    let table = offsets()
        .flat_map(|offset| {
            [Fault::on_download().reset_after(offset), Fault::on_download().hang_after(offset)]
        })
        .map(|fault| (vec![fault], &*CONTENT))
        .chain(second_faults);
    for (faults, expected) in table {
        let label = format!("{faults:?}");
        let fixture = DocumentFixture::start().await;
        let carium = fixture.client();
        let id = fixture.add_document(Object::new(CONTENT.clone()).with_file_name("../Überweisung.pdf"));
        fixture.store.set_faults(faults);
        let folder = tempfile::tempdir().unwrap();
        let receipt = carium.downloads().to_path(id, folder.path()).await;
        let receipt = receipt.unwrap_or_else(|error| panic!("{label}: {error}"));
        assert_eq!(receipt.sha256, Some(Sha256Digest::of(expected)), "{label}");
        let names: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["Überweisung.pdf"], "{label}");
    }
}

#[tokio::test]
async fn requests_a_new_url_after_expiry_and_continues_with_a_range() {
    let fixture = DocumentFixture::start().await;
    let id = fixture.add_document(Object::new(CONTENT.clone()));
    // The first URL expires while the first connection stalls.
    fixture.presigns.lock().unwrap().valid_for = vec![Duration::from_secs(1), Duration::from_secs(3600)];
    fixture.store.set_faults([Fault::on_download().hang_after(CHUNK)]);
    let carium = fixture.builder().transfer_idle_timeout(Duration::from_millis(2100)).build().unwrap();
    let mut written = Vec::new();
    carium.downloads().to_writer(id, &mut written).await.unwrap();
    assert!(written == *CONTENT);
    let calls = fixture.store.calls();
    assert_eq!(calls.last().unwrap().range.as_deref(), Some(&*format!("bytes={CHUNK}-")));
    assert!(calls.last().unwrap().if_range.is_some());
    assert_eq!(calls.iter().filter(|call| call.status == Some(403)).count(), 1, "{calls:?}");
    assert_eq!(fixture.service.count("get_download_info"), 2);
}

#[tokio::test]
async fn detects_corruption_if_the_digest_is_expected() {
    let fixture = DocumentFixture::start().await;
    let carium = fixture.client();
    let id = fixture.add_document(Object::new(CONTENT.clone()));
    fixture.store.set_faults([Fault::on_download().every_call().corrupt()]);
    let folder = tempfile::tempdir().unwrap();
    let request = DownloadRequest::new(id).expected_sha256(Sha256Digest::of(&CONTENT));
    let error = carium.downloads().to_path(request, folder.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn reads_byte_ranges() {
    let fixture = DocumentFixture::start().await;
    let carium = fixture.client();
    fixture.store.put("a", "0123456789");
    let url = fixture.store.presign_get("a", Duration::from_secs(3600)).into();
    let read = async |range: ByteRange| {
        let response = carium.transfers().get(&url, Some(range)).await?;
        let (start, total) = (response.start, response.total);
        let body: Vec<Bytes> = response.body.try_collect().await?;
        Ok::<_, carium::Error>((start, total, String::from_utf8(body.concat()).unwrap()))
    };
    for (range, start, content) in [
        (ByteRange::starting_at(3), 3, "3456789"),
        (ByteRange::starting_at(3).until(5), 3, "34"),
        (ByteRange::starting_at(10), 10, ""),
        (ByteRange::starting_at(3).if_version("\"other\""), 0, "0123456789"),
    ] {
        assert_eq!(read(range).await.unwrap(), (start, Some(10), content.to_owned()));
    }
    assert_eq!(read(ByteRange::starting_at(11)).await.unwrap_err().status(), Some(416));
}

#[tokio::test]
async fn sends_all_filters_of_a_list() {
    let fixture = DocumentFixture::start().await;
    let carium = fixture.client();
    let classes: Vec<_> = carium.documents().classes(ListOptions::default()).try_collect().await.unwrap();
    assert_eq!(classes[0].name.as_deref(), Some("Referral letter"));
    let query = DocumentQuery::default()
        .patient(support::ID.parse().unwrap())
        .class(support::ID.parse().unwrap())
        .filter("created-after", "2030-01-01 & more");
    let _: Vec<_> = carium.documents().list(query).try_collect().await.unwrap();
    let uri = fixture.service.requests().last().unwrap().uri.clone();
    let url = uri.parse::<url::Url>().unwrap();
    let mut pairs: Vec<_> = url.query_pairs().into_owned().collect();
    pairs.sort();
    let expected = [
        ("filter[class-id]", support::ID),
        ("filter[created-after]", "2030-01-01 & more"),
        ("filter[individual-id]", support::ID),
        ("organization-id", support::ORGANIZATION),
        ("page[limit]", "100"),
    ];
    assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for invalid_name in ["individual-id", "", "a]b"] {
        let mut list = carium.documents().list(DocumentQuery::default().filter(invalid_name, "x"));
        let error = list.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{invalid_name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Any valid file name is unchanged in the record, and correctly encoded in the multipart body.
    #[test]
    fn sends_any_file_name_unchanged(
        name in prop_oneof![any::<String>(), r"[\x01-\x1f\x7f-\x9fa]{1,8}", r#"[\PC"';=%\r\n\t é紹\u{202e}]{1,30}\.pdf"#]
            .prop_filter("a valid file name", |name| {
                !name.contains(['/', '\\', '\0']) && !name.trim().is_empty() && !matches!(&**name, "." | "..")
            })
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fixture = DocumentFixture::start().await;
            let carium = fixture.client();
            let document = support::document_builder().file_name(&name).build().unwrap();
            let receipt = carium.uploads().upload(document, UploadSource::bytes("file")).await.unwrap();
            let listed: Vec<_> = carium.documents().list(DocumentQuery::default()).try_collect().await.unwrap();
            assert_eq!(listed[0].file_name.as_deref(), Some(&*name));
            let stored = fixture.store.object(&receipt.id.to_string()).unwrap();
            let encoded_name: String = name
                .chars()
                .map(|letter| match letter {
                    '"' | '\0'..='\x1f' | '\x7f' => format!("%{:02X}", u32::from(letter)),
                    other => other.to_string(),
                })
                .collect();
            assert_eq!(stored.file_name(), Some(&*encoded_name));
            assert_eq!(stored.content(), "file");
        });
    }
}
