//! Canaries in every part of a document's way: neither the token, nor a presigned form or URL, nor a name, a path
//! or a byte of a file is in what the program emits, at TRACE, nor in any `Debug`, `Display` or chain of errors.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use carium::documents::{Document, DocumentQuery, DownloadRequest, Source, UploadState};
use carium_mock::object_store::{Object, StoreFault};
use futures_util::TryStreamExt as _;
use support::clinic::Clinic;
use support::log::{Log, assert_free_of, printed};

fn faults() -> Vec<Option<StoreFault>> {
    vec![
        None,
        Some(StoreFault::ResetAfter(70_000)),
        Some(StoreFault::StallAfter(70_000)),
        Some(StoreFault::LostResponse),
        Some(StoreFault::Corrupt),
        Some(StoreFault::IgnoreRange),
        Some(StoreFault::error(403, "AccessDenied", "canary: Policy expired.")),
        Some(StoreFault::error(500, "canary", "canary")),
        Some(StoreFault::error(307, "canary", "canary")),
    ]
}

#[tokio::test]
async fn nothing_private_is_printed_of_a_document() {
    let log = Log::of_everything();
    let mut said = String::new();
    let mut secrets = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    let canaries = folder.path().join("canary-folder");
    std::fs::create_dir(&canaries).unwrap();
    let path = canaries.join("canary-file.pdf");
    std::fs::write(&path, "canary-content ".repeat(30_000)).unwrap();

    for fault in faults() {
        let clinic = Clinic::start().await;
        let carium = clinic.builder().transfer_idle_timeout(Duration::from_millis(50)).build().unwrap();
        let id = clinic.file(Object::new("canary-content ".repeat(30_000)).with_file_name("canary-name"));
        clinic.store.set_faults(move |_, before| if before < 5 { fault.clone() } else { None });
        let document = carium
            .new_document()
            .patient(support::ID.parse().unwrap())
            .class(support::ID.parse().unwrap())
            .name("canary-title")
            .description("canary-description")
            .for_file(&path);
        said.push_str(&format!("{document:?}"));
        let document = document.build().unwrap();
        let query = DocumentQuery::default().filter("name", "canary-filter");
        said.push_str(&format!("{document:?} {document:#?} {query:?} {carium:?}"));

        for source in [
            Source::path(&path),
            Source::path(canaries.join("canary-missing")),
            Source::bytes("canary-small"),
        ] {
            let upload = carium.uploads().upload(document.clone(), source);
            let handle = upload.handle();
            said.push_str(&format!("{upload:?} {handle:?}"));
            match upload.await {
                Ok(receipt) => said.push_str(&format!("{receipt:?}")),
                Err(failure) => {
                    said.push_str(&printed(&failure));
                    let state = failure.into_state();
                    said.push_str(&format!("{state:?}"));
                    let kept = serde_json::to_string(&state).unwrap();
                    assert!(!kept.contains("canary-title") && !kept.contains("canary-token"));
                    said.push_str(&format!("{:?}", serde_json::from_str::<UploadState>(&kept).unwrap()));
                }
            }
            said.push_str(&format!("{handle:?}"));
        }
        let listed: Vec<Document> = carium.documents().list(query).try_collect().await.unwrap();
        said.push_str(&format!("{listed:?} {:?}", DownloadRequest::from(&listed[0])));
        let url = carium.documents().download_info(id).await.unwrap();
        match carium.transfers().get(&url, None).await {
            Ok(incoming) => said.push_str(&format!("{incoming:?}")),
            Err(error) => said.push_str(&printed(&error)),
        }
        for target in [canaries.join("canary-target"), canaries.join("canary-missing/canary")] {
            match carium.downloads().to_path(id, target).await {
                Ok(receipt) => said.push_str(&format!("{receipt:?}")),
                Err(error) => said.push_str(&printed(&error)),
            }
        }
        let mut stream = carium.downloads().stream(id);
        said.push_str(&format!("{stream:?}"));
        while let Ok(Some(_)) = stream.try_next().await {}
        secrets.append(&mut clinic.presigns.lock().unwrap().secrets);
    }

    let log = log.text();
    assert!(log.contains("TRACE") && log.contains("hyper"), "the HTTP stack is heard: {} bytes", log.len());
    assert!(log.contains("carium.upload") && log.contains("carium.download"), "and so are the pipelines");
    assert!(secrets.len() > 20);
    let secrets: Vec<&str> =
        secrets.iter().map(String::as_str).chain(["canary", "X-Amz-Signature"]).collect();
    assert_free_of(&secrets, &[&said, &log]);
}
