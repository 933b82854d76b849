//! Many independent sandboxes in one process.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use carium::NewInvitation;
use carium::documents::UploadSource;
use carium::patients::Gender;
use carium_mock::Sandbox;
use futures_util::future::join_all;

const SANDBOXES: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_sandboxes_run_concurrently() {
    // All sandboxes are started before any is used.
    let started = join_all((0..SANDBOXES).map(|_| Sandbox::start())).await;
    let sandboxes: Vec<_> = started.into_iter().map(Result::unwrap).collect();
    let tasks = sandboxes.into_iter().enumerate().map(|(index, sandbox)| {
        tokio::spawn(async move {
            use_sandbox(&sandbox, index).await;
            sandbox
        })
    });
    for sandbox in join_all(tasks).await {
        // The patients of the other sandboxes are not in this one.
        assert_eq!(sandbox.unwrap().fake().patients().len(), 1);
    }
}

async fn use_sandbox(sandbox: &Sandbox, index: usize) {
    let carium = sandbox.client();
    let email = format!("patient.{index}@example.com");
    let patient = carium.new_patient().first_name("James").last_name("Reece").birth_date("1980-07-04");
    let patient = patient.gender(Gender::Male).email(email.as_str()).build().unwrap();
    let id = carium.patients().create(patient).await.unwrap();
    carium.invitations().send(NewInvitation::by_email(&email).unwrap()).await.unwrap();
    let class = sandbox.fake().document_class("Referral letter");
    let document = carium.new_document().patient(id).class(class).name("Letter").file_name("letter.txt");
    let receipt =
        carium.uploads().upload(document.build().unwrap(), UploadSource::bytes(email.clone())).await.unwrap();
    let mut written = Vec::new();
    carium.downloads().to_writer(receipt.id, &mut written).await.unwrap();
    assert_eq!(written, email.as_bytes());
}
