//! Every trait of `carium` has its mock, and the mocks can stand where the traits are asked for.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
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
    Patients, Secret, Transfers, Uploads,
};
use carium_mock::expectations::{
    MockAppointments, MockDocuments, MockInvitations, MockLedger, MockPatients, MockTransfers,
    MockUploadStateStore,
};
use carium_mock::{items, items_then_error};
use futures_util::StreamExt as _;
use mockall::predicate::{always, eq};

const ID: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";

/// Public traits of `carium` that need no mock, each with the reason.
const WITHOUT: [(&str, &str); 0] = [];

/// The names of the traits that the sources in a folder declare `pub`.
fn traits_in(folder: &Path, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            traits_in(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let declared = text.lines().filter_map(|line| line.trim_start().strip_prefix("pub trait "));
            let name = |rest: &str| {
                rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
                    .next()
                    .map(str::to_owned)
            };
            names.extend(declared.filter_map(name));
        }
    }
}

#[test]
fn every_trait_has_its_mock() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = Vec::new();
    traits_in(&here.join("../carium/src"), &mut names);
    for known in ["Patients", "Invitations", "Appointments", "Documents", "Transfers", "UploadStateStore"] {
        assert!(names.iter().any(|name| name == known), "{known} is not found, so others may not be either");
    }
    // That a mock has each of its trait's methods, the compiler sees to.
    let mocks = fs::read_to_string(here.join("src/expectations.rs")).unwrap();
    for name in names.iter().filter(|name| !WITHOUT.iter().any(|(exception, _)| exception == name)) {
        assert!(
            mocks.contains(&format!("impl {name} for {name} {{")),
            "`{name}` has no mock: declare one in src/expectations.rs, or give the reason in `WITHOUT`"
        );
    }
    for (exception, reason) in WITHOUT {
        assert!(names.iter().any(|name| name == exception), "{exception} ({reason}) is no trait any more");
    }
}

#[test]
fn each_stands_where_its_trait_is_asked_for() {
    let _: Arc<dyn Patients> = Arc::new(MockPatients::new());
    let _: Arc<dyn Invitations> = Arc::new(MockInvitations::new());
    let _: Arc<dyn Appointments> = Arc::new(MockAppointments::new());
    let _: Arc<dyn Documents> = Arc::new(MockDocuments::new());
    let _: Arc<dyn Transfers> = Arc::new(MockTransfers::new());
    let _: Arc<dyn UploadStateStore> = Arc::new(MockUploadStateStore::new());
    let _: Arc<dyn Ledger> = Arc::new(MockLedger::new());
}

#[tokio::test]
async fn answers_what_it_was_told_to() {
    let invitation = NewInvitation::by_email("james.reece@example.com").unwrap();
    let mut invitations = MockInvitations::new();
    let lost = |_| Err(Error::new(ErrorKind::TimedOut, "no answer").with_unknown_outcome());
    invitations.expect_send().with(eq(invitation.clone())).once().returning(lost);
    let invitations: &dyn Invitations = &invitations;
    assert!(invitations.send(invitation).await.unwrap_err().may_have_been_applied());
}

#[tokio::test]
async fn lists_are_given_and_may_break_off() {
    let id: PractitionerId = ID.parse().unwrap();
    let given = [Practitioner::new(id, "Dr. Ann Reed"), Practitioner::new(id, "Dr. Li Wen")];
    let mut appointments = MockAppointments::new();
    let all = given.clone();
    appointments.expect_practitioners().once().returning(move |_| items(all.clone()));
    let first = given[0].clone();
    let broken = move |_| items_then_error([first.clone()], Error::new(ErrorKind::Unavailable, "down"));
    appointments.expect_practitioners().once().returning(broken);

    let list = || appointments.practitioners(ListOptions::default());
    let whole: Vec<_> = list().map(Result::unwrap).collect().await;
    assert_eq!(whole, given);
    let broken: Vec<_> = list().collect().await;
    assert_eq!(broken[0].as_ref().unwrap(), &given[0]);
    assert_eq!(broken[1].as_ref().unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(broken.len(), 2);
}

/// The pipelines take mocks of both of their sides.
#[tokio::test]
async fn an_upload_runs_over_mocks() {
    let form = UploadForm::new("https://store.example.com/".into(), FormFields::default());
    let (mut documents, mut transfers, mut store) =
        (MockDocuments::new(), MockTransfers::new(), MockUploadStateStore::new());
    let given = form.clone();
    documents
        .expect_create()
        .once()
        .returning(move |_| Ok(CreatedDocument::new(ID.parse().unwrap(), Some(given.clone()))));
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
async fn a_reference_may_be_among_what_is_expected() {
    let mut transfers = MockTransfers::new();
    let url: Secret = "https://store.example.com/letter".into();
    transfers.expect_get().with(eq(url.clone()), always()).returning(|_, _| {
        Ok(DownloadResponse::whole(
            Some(3),
            Content::Bytes("abc".into())
                .into_stream()
                .map(|it| it.map_err(|_| Error::new(ErrorKind::Io, "unread")))
                .boxed(),
        ))
    });
    let incoming = transfers.get(&url, Some(ByteRange::starting_at(0))).await.unwrap();
    assert_eq!(incoming.total, Some(3));
}
