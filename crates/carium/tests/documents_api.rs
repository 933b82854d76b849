//! Document operations of the service whose responses the vendor's documentation does not specify.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use carium::documents::{DocumentQuery, DocumentReferenceId, NewDocument, UploadSource, UploadStage};
use carium::{Carium, Credentials, ErrorKind, ListOptions};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use support::document;
use support::{Behavior, Service};

fn id() -> DocumentReferenceId {
    support::ID.parse().unwrap()
}

fn conflict(error: &Value) -> Behavior {
    Behavior::Respond(409, Vec::new(), json!({"errors": [error]}))
}

#[tokio::test(start_paused = true)]
async fn process_succeeds_after_a_conflict_that_reports_completion() {
    for (error, expected) in [
        (json!({"detail": "The upload has already been processed."}), Ok(())),
        (json!({"title": "Processed"}), Ok(())),
        (json!({"code": "ALREADY_DONE"}), Ok(())),
        (json!({"detail": "Already completed"}), Ok(())),
        (json!({}), Err(ErrorKind::Conflict)),
        (json!({"detail": "There is no file."}), Err(ErrorKind::Conflict)),
        (json!({"detail": "The upload cannot be processed: there is no file."}), Err(ErrorKind::Conflict)),
        (json!({"detail": "It has not been completed."}), Err(ErrorKind::Conflict)),
        (json!({"detail": "It can't be processed."}), Err(ErrorKind::Conflict)),
        (json!({"detail": "It is being processed."}), Err(ErrorKind::Conflict)),
        (json!({"detail": "It isn’t processed"}), Err(ErrorKind::Conflict)),
        (json!({"detail": "Another upload is already in progress."}), Err(ErrorKind::Conflict)),
        (json!({"code": "NOT_DONE"}), Err(ErrorKind::Conflict)),
    ] {
        let client = Service::script([conflict(&error)]).client();
        let result = client.documents().process(id()).await;
        assert_eq!(result.map_err(|error| error.kind()), expected, "{error}");
    }
    // The conflict has no text, and follows an attempt that may have been applied.
    for first in [Behavior::Lost, Behavior::status(502)] {
        let service = Service::script([first, conflict(&json!({}))]);
        service.client().documents().process(id()).await.unwrap();
        assert_eq!(service.count("process_upload"), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn finds_the_download_url_in_any_of_its_possible_fields() {
    let url = "https://downloads.example.com/canary";
    for attributes in [
        json!({"download-url": url, "url": "https://other.example.com/"}),
        json!({"download-url": "", "download-info": {"download-url": url}, "url": "https://other.example.com/"}),
        json!({"download-url": null, "download-info": {}, "url": url}),
        json!({"download-url": 7, "url": url}),
    ] {
        let client = Service::script([Behavior::body(json!({"data": {"attributes": attributes}}))]).client();
        assert_eq!(client.documents().download_url(id()).await.unwrap().expose(), url, "{attributes}");
        // The same members at the top level, where the vendor's SDK reads the URL of a similar action.
        let client = Service::script([Behavior::body(attributes.clone())]).client();
        assert_eq!(client.documents().download_url(id()).await.unwrap().expose(), url, "{attributes}");
    }
    let other = "https://other.example.com/";
    for response in [
        json!({"data": {"attributes": {"url": url}}, "download-url": other}),
        json!({"data": {"attributes": {"url": ""}}, "url": url}),
        json!({"data": null, "meta": {"page[total]": 1}, "download-info": {"download-url": url}, "url": other}),
        json!({"data": [], "url": url}),
    ] {
        let client = Service::script([Behavior::body(response.clone())]).client();
        assert_eq!(client.documents().download_url(id()).await.unwrap().expose(), url, "{response}");
    }
    let in_attributes = |attributes: Value| json!({"data": {"attributes": attributes}});
    let no_names = "its members are: none with a plain name";
    for (response, message) in [
        (
            in_attributes(json!({"link": url, "download-info": {}})),
            "its members are: `data.attributes.download-info`, `data.attributes.link`",
        ),
        (json!({"url": 7, "link": url}), "its members are: `url`, `link`"),
        (in_attributes(json!({"https://canary": 1, "Canary Name": 2, "x".repeat(41): 3})), no_names),
        (in_attributes(json!({})), no_names),
        (in_attributes(json!(null)), no_names),
        (json!({}), no_names),
    ] {
        let client = Service::script([Behavior::body(response)]).client();
        let error = client.documents().download_url(id()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undecodable);
        assert!(error.to_string().contains(message), "{error}");
        assert!(!format!("{error:?}").to_lowercase().contains("canary"), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn reports_a_reference_without_a_form_as_an_orphan() {
    for info in [
        json!(null),
        json!({}),
        json!({"upload-url": "", "upload-data": {}}),
        json!({"upload-url": "https://uploads.example.com/"}),
        json!({"upload-url": "https://uploads.example.com/", "upload-data": {"key": []}}),
    ] {
        let response = json!({"data": {"id": support::ID, "attributes": {"upload-info": info}}});
        let client = Service::script([Behavior::body(response)]).client();
        let error = client.uploads().upload(document(), UploadSource::bytes("file")).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.state().stage()),
            (ErrorKind::Undecodable, UploadStage::New),
            "{info}"
        );
        assert_eq!(error.state().orphans(), [id()]);
    }
}

#[tokio::test(start_paused = true)]
async fn does_not_retry_a_creation_whose_outcome_is_unknown() {
    for (step, stage) in [
        (Behavior::Lost, UploadStage::Creating),
        (Behavior::status(500), UploadStage::Creating),
        (Behavior::Silent, UploadStage::Creating),
        (Behavior::body(json!({"data": {}})), UploadStage::Creating),
        (Behavior::NotSent, UploadStage::New),
        (Behavior::status(429), UploadStage::New),
        (Behavior::status(503), UploadStage::New),
    ] {
        let service = Service::script([step]);
        let upload = service.client().uploads().upload(document(), UploadSource::bytes("file"));
        let error = upload.await.unwrap_err();
        let is_unknown = stage == UploadStage::Creating;
        assert_eq!(
            (error.state().stage(), error.error().may_have_been_applied()),
            (stage, is_unknown),
            "{error}"
        );
        assert!(!is_unknown || service.count("create_document_reference") == 1);
    }
}

#[test]
fn builder_reports_every_invalid_field_and_guesses_the_media_type() {
    let error = NewDocument::builder().name(" ").file_name("a/..").media_type("none").build().unwrap_err();
    let fields: Vec<_> = error.problems().iter().map(|problem| problem.field().unwrap()).collect();
    let expected = [
        "organization-id",
        "individual-id",
        "class-id",
        "name",
        "attachment-filename",
        "attachment-content-type",
    ];
    assert_eq!(fields, expected);
    for (file_name, media_type) in [
        ("letter.pdf", "application/pdf"),
        ("scan.PNG", "image/png"),
        ("C:\\scans\\photo.jpeg", "image/jpeg"),
        ("knee.dcm", "application/dicom"),
        ("KNEE.DCM", "application/dicom"),
        ("summary.xml", "text/xml"),
        ("letter.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("scan.tiff", "image/tiff"),
        ("photo.heic", "image/heic"),
        ("message.hl7", "application/octet-stream"),
        ("notes", "application/octet-stream"),
        ("data.unknown", "application/octet-stream"),
    ] {
        let document = support::document_builder().file_name(file_name).build().unwrap();
        assert_eq!(document.media_type(), media_type);
        assert!(!document.file_name().contains('\\'));
    }
}

#[tokio::test]
async fn lists_without_an_organization_fail_before_sending() {
    let service = Service::script([Behavior::status(200)]);
    let client = Carium::builder()
        .base_url("https://api.example.com")
        .credentials(Credentials::new("username", "password").unwrap())
        .transport(service.clone())
        .build()
        .unwrap();
    let classes = client.documents().classes(ListOptions::default()).next().await.unwrap().map(drop);
    let documents = client.documents().list(DocumentQuery::default()).next().await.unwrap().map(drop);
    for result in [classes, documents] {
        assert_eq!(result.unwrap_err().problems()[0].field(), Some("organization-id"));
    }
    assert!(service.requests().is_empty());
}
