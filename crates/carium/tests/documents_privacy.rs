//! Privacy of uploads and downloads. Tokens, presigned forms and URLs, names, paths and the content of files must not
//! appear in any log event, even at TRACE, nor in any `Debug` or `Display` output or chain of errors. Each of these
//! has a canary value in this test.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use carium::documents::{Document, DocumentQuery, DownloadRequest, UploadSource, UploadState};
use carium_mock::object_store::Object;
use carium_mock::{Fault, FaultResponse};
use futures_util::TryStreamExt as _;
use support::document_fixture::DocumentFixture;
use support::log::{Log, all_output, assert_contains_none};

/// Plans whose faults apply to the first five uploads and the first five downloads.
fn fault_plans() -> Vec<Vec<Fault>> {
    let upload = || Fault::on_upload().calls(..=5);
    let download = || Fault::on_download().calls(..=5);
    let respond =
        |response: FaultResponse| vec![upload().respond(response.clone()), download().respond(response)];
    vec![
        vec![],
        vec![upload().reset_after(70_000), download().reset_after(70_000)],
        vec![upload().hang_after(70_000), download().hang_after(70_000)],
        vec![upload().lose_response(), download().lose_response()],
        vec![download().corrupt()],
        vec![download().ignore_range()],
        respond(FaultResponse::s3_error(403, "AccessDenied", "canary: Policy expired.")),
        respond(FaultResponse::s3_error(500, "canary", "canary")),
        respond(FaultResponse::s3_error(307, "canary", "canary")),
    ]
}

#[tokio::test]
async fn logs_debug_output_and_errors_have_no_private_data() {
    let log = Log::capture_all();
    let mut output = String::new();
    let mut secrets = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    let canaries = folder.path().join("canary-folder");
    std::fs::create_dir(&canaries).unwrap();
    let path = canaries.join("canary-file.pdf");
    std::fs::write(&path, "canary-content ".repeat(30_000)).unwrap();

    for faults in fault_plans() {
        let fixture = DocumentFixture::start().await;
        let carium = fixture.builder().transfer_idle_timeout(Duration::from_millis(50)).build().unwrap();
        let id =
            fixture.add_document(Object::new("canary-content ".repeat(30_000)).with_file_name("canary-name"));
        fixture.store.set_faults(faults);
        let document = carium
            .new_document()
            .patient(support::ID.parse().unwrap())
            .class(support::ID.parse().unwrap())
            .name("canary-title")
            .description("canary-description")
            .for_file(&path);
        output.push_str(&format!("{document:?}"));
        let document = document.build().unwrap();
        let query = DocumentQuery::default().filter("name", "canary-filter");
        output.push_str(&format!("{document:?} {document:#?} {query:?} {carium:?}"));

        for source in [
            UploadSource::path(&path),
            UploadSource::path(canaries.join("canary-missing")),
            UploadSource::bytes("canary-small"),
        ] {
            let upload = carium.uploads().upload(document.clone(), source);
            let handle = upload.handle();
            output.push_str(&format!("{upload:?} {handle:?}"));
            match upload.await {
                Ok(receipt) => output.push_str(&format!("{receipt:?}")),
                Err(error) => {
                    output.push_str(&all_output(&error));
                    let state = error.into_state();
                    output.push_str(&format!("{state:?}"));
                    let stored = serde_json::to_string(&state).unwrap();
                    assert!(!stored.contains("canary-title") && !stored.contains("canary-token"));
                    output.push_str(&format!("{:?}", serde_json::from_str::<UploadState>(&stored).unwrap()));
                }
            }
            output.push_str(&format!("{handle:?}"));
        }
        let listed: Vec<Document> = carium.documents().list(query).try_collect().await.unwrap();
        output.push_str(&format!("{listed:?} {:?}", DownloadRequest::from(&listed[0])));
        let url = carium.documents().download_url(id).await.unwrap();
        match carium.transfers().get(&url, None).await {
            Ok(response) => output.push_str(&format!("{response:?}")),
            Err(error) => output.push_str(&all_output(&error)),
        }
        for target in [canaries.join("canary-target"), canaries.join("canary-missing/canary")] {
            match carium.downloads().to_path(id, target).await {
                Ok(receipt) => output.push_str(&format!("{receipt:?}")),
                Err(error) => output.push_str(&all_output(&error)),
            }
        }
        let mut stream = carium.downloads().stream(id);
        output.push_str(&format!("{stream:?}"));
        while let Ok(Some(_)) = stream.try_next().await {}
        secrets.append(&mut fixture.presigns.lock().unwrap().secrets);
    }

    let log = log.text();
    assert!(
        log.contains("TRACE") && log.contains("hyper"),
        "the log has no events of the HTTP stack: {} bytes",
        log.len()
    );
    assert!(
        log.contains("carium.upload") && log.contains("carium.download"),
        "the log has no spans of uploads and downloads"
    );
    assert!(secrets.len() > 20);
    let secrets: Vec<&str> =
        secrets.iter().map(String::as_str).chain(["canary", "X-Amz-Signature"]).collect();
    assert_contains_none(&secrets, &[&output, &log]);
}
