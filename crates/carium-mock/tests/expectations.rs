//! The mocks can be used in place of the traits of `carium`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use carium::api::FormFields;
use carium::api::types::{DocumentReferenceId, PractitionerId};
use carium::appointments::Practitioner;
use carium::documents::{
    ByteRange, Content, CreatedDocument, DownloadResponse, FilePart, UploadForm, UploadSource, UploadStage,
    UploadStateStore,
};
use carium::onboarding::Ledger;
use carium::{
    Appointments, Documents, Error, ErrorKind, Invitations, ListOptions, NewDocument, NewInvitation,
    Organizations, Patients, Secret, Transfers, Uploads,
};
use carium_mock::expectations::{
    MockAppointments, MockDocuments, MockInvitations, MockLedger, MockOrganizations, MockPatients,
    MockTransfers, MockUploadStateStore,
};
use carium_mock::{items, items_then_error};
use futures_util::StreamExt as _;
use mockall::predicate::{always, eq};

const ID: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";

#[test]
fn mocks_can_be_used_as_trait_objects() {
    let _: Arc<dyn Organizations> = Arc::new(MockOrganizations::new());
    let _: Arc<dyn Patients> = Arc::new(MockPatients::new());
    let _: Arc<dyn Invitations> = Arc::new(MockInvitations::new());
    let _: Arc<dyn Appointments> = Arc::new(MockAppointments::new());
    let _: Arc<dyn Documents> = Arc::new(MockDocuments::new());
    let _: Arc<dyn Transfers> = Arc::new(MockTransfers::new());
    let _: Arc<dyn UploadStateStore> = Arc::new(MockUploadStateStore::new());
    let _: Arc<dyn Ledger> = Arc::new(MockLedger::new());
}

#[tokio::test]
async fn returns_configured_error() {
    let invitation = NewInvitation::by_email("james.reece@example.com").unwrap();
    let mut invitations = MockInvitations::new();
    let timed_out = |_| Err(Error::new(ErrorKind::TimedOut, "no response").with_unknown_outcome());
    invitations.expect_send().with(eq(invitation.clone())).once().returning(timed_out);
    let invitations: &dyn Invitations = &invitations;
    assert!(invitations.send(invitation).await.unwrap_err().may_have_been_applied());
}

#[tokio::test]
async fn returns_lists_with_and_without_final_error() {
    let id: PractitionerId = ID.parse().unwrap();
    let practitioners = [Practitioner::new(id, "Dr. Ann Reed"), Practitioner::new(id, "Dr. Li Wen")];
    let mut appointments = MockAppointments::new();
    let all = practitioners.clone();
    appointments.expect_practitioners().once().returning(move |_| items(all.clone()));
    let first = practitioners[0].clone();
    let fails_after_first =
        move |_| items_then_error([first.clone()], Error::new(ErrorKind::Unavailable, "down"));
    appointments.expect_practitioners().once().returning(fails_after_first);

    let list = || appointments.practitioners(ListOptions::default());
    let complete: Vec<_> = list().map(Result::unwrap).collect().await;
    assert_eq!(complete, practitioners);
    let results: Vec<_> = list().collect().await;
    assert_eq!(results[0].as_ref().unwrap(), &practitioners[0]);
    assert_eq!(results[1].as_ref().unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(results.len(), 2);
}

#[tokio::test]
async fn upload_pipeline_runs_with_mocks() {
    let form = UploadForm::new("https://store.example.com/".into(), FormFields::default());
    let (mut documents, mut transfers, mut store) =
        (MockDocuments::new(), MockTransfers::new(), MockUploadStateStore::new());
    let returned_form = form.clone();
    documents
        .expect_create()
        .once()
        .returning(move |_| Ok(CreatedDocument::new(ID.parse().unwrap(), Some(returned_form.clone()))));
    documents
        .expect_process()
        .with(eq(ID.parse::<DocumentReferenceId>().unwrap()))
        .once()
        .returning(|_| Ok(()));
    transfers
        .expect_post()
        .withf(move |to, file| *to == form && file.name == "letter.pdf" && file.length == 3)
        .once()
        .returning(|_, _: FilePart| Ok(()));
    store.expect_save().withf(|state| state.stage() != UploadStage::New).times(3..).returning(|_| Ok(()));

    let document = NewDocument::builder()
        .organization(ID.parse().unwrap())
        .patient(ID.parse().unwrap())
        .class(ID.parse().unwrap())
        .name("Referral letter")
        .file_name("letter.pdf")
        .build()
        .unwrap();
    let uploads = Uploads::new(Arc::new(documents), Arc::new(transfers));
    let receipt =
        uploads.upload(document, UploadSource::bytes("abc")).state_store(Arc::new(store)).await.unwrap();
    assert_eq!((receipt.id.to_string().as_str(), receipt.size), (ID, 3));
}

#[tokio::test]
async fn matches_arguments_that_are_references() {
    let mut transfers = MockTransfers::new();
    let url: Secret = "https://store.example.com/letter".into();
    transfers.expect_get().with(eq(url.clone()), always()).returning(|_, _| {
        Ok(DownloadResponse::whole(
            Some(3),
            Content::Bytes("abc".into())
                .into_stream()
                .map(|it| it.map_err(|_| Error::new(ErrorKind::Io, "unreadable")))
                .boxed(),
        ))
    });
    let response = transfers.get(&url, Some(ByteRange::starting_at(0))).await.unwrap();
    assert_eq!(response.total, Some(3));
}
