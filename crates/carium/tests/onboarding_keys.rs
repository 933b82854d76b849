//! A row key stands for one request: what is done for one is never taken for another's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use carium::onboarding::{
    MemoryLedger, NextAction, OnboardingOutcome, Resolution, RowKey, SkipReason, Step, StepOutcome,
    UnknownReason, resolve,
};
use carium::{Error, ErrorKind};
use serde_json::{Value, json};
use support::mishaps::{Mishap, Rig, folder, full_row, request};

/// The steps that a run is refused for.
fn refused(result: Result<OnboardingOutcome, Error>) -> Vec<String> {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let said = format!("{error} {error:?}");
    assert!(!said.contains("canary"), "{said}");
    error.problems().iter().map(|problem| problem.field().unwrap().to_owned()).collect()
}

/// What a call would have changed.
fn made(rig: &Rig) -> (usize, usize, usize, usize) {
    let mails = ["zoe.ohara@example.com", "canary@example.com", "+15555550100"];
    let sent = mails.iter().map(|to| rig.fake.invitations_to(to).len()).sum();
    (rig.fake.patients().len(), sent, rig.fake.documents().len(), rig.fake.appointments().len())
}

fn changed(row: &Value, pointer: &str, value: Value) -> Value {
    let mut row = row.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = row.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        parent => parent[name] = value,
    }
    row
}

#[tokio::test(start_paused = true)]
async fn a_done_row_is_no_other_rows() {
    let folder = folder();
    let rig = Rig::new();
    let onboarding = rig.onboarding(folder.path());
    let (key, row) = (RowKey::new("1"), full_row(&rig.fake));
    let before = onboarding.run(&key, &request(&row)).await.unwrap();
    assert!(before.is_complete());
    let is_made = made(&rig);
    for (pointer, value, steps) in [
        ("/first-name", json!("canary"), &["patient"][..]),
        ("/last-name", json!("canary"), &["patient"]),
        ("/birth-date", json!("1984-03-01"), &["patient"]),
        ("/email", json!("canary@example.com"), &["patient", "invite[email]"]),
        ("/organization-id", json!("8d25a2a6-8219-40d1-a34f-c24ec69f4f72"), &["patient"]),
        ("/documents/0/class", json!("canary"), &["documents[0]"]),
        ("/documents/1/name", json!("canary"), &["documents[1]"]),
        ("/documents/1/description", json!("canary"), &["documents[1]"]),
        ("/documents/1/path", json!("letter.pdf"), &["documents[1]"]),
        ("/appointment/start-time", json!("2027-01-04T08:00:00Z"), &["appointment"]),
        ("/appointment/location", json!("canary"), &["appointment"]),
    ] {
        let request = request(&changed(&row, pointer, value));
        assert_eq!(refused(onboarding.run(&key, &request).await), steps, "{pointer}");
        // Nor is the ledger told of it by an outcome.
        *rig.ledger.lock().unwrap() = MemoryLedger::new();
        assert_eq!(refused(onboarding.resume(&key, &request, &before).await), steps, "{pointer}");
        assert!(
            onboarding.resume(&key, &support::mishaps::request(&row), &before).await.unwrap().is_complete()
        );
        assert_eq!(made(&rig), is_made, "{pointer}");
    }
    // What does not say who they are can be mended.
    let mut mended = row.clone();
    (mended["gender"], mended["mobile-phone"]) = ("other".into(), "+15555550100".into());
    assert!(onboarding.run(&key, &request(&mended)).await.unwrap().is_complete());
    assert_eq!(made(&rig), is_made);
}

#[tokio::test(start_paused = true)]
async fn a_document_that_is_put_between_others_is_not_taken_for_one() {
    let folder = folder();
    std::fs::write(folder.path().join("new.pdf"), "new").unwrap();
    let rig = Rig::new();
    let onboarding = rig.onboarding(folder.path());
    let (key, mut row) = (RowKey::new("1"), full_row(&rig.fake));
    assert!(onboarding.run(&key, &request(&row)).await.unwrap().is_complete());
    let new = json!({"class": "Referral", "name": "New", "path": "new.pdf"});
    row["documents"].as_array_mut().unwrap().insert(0, new.clone());
    assert_eq!(refused(onboarding.run(&key, &request(&row)).await), ["documents[0]", "documents[1]"]);
    assert_eq!(rig.fake.documents().len(), 2);
    let documents = row["documents"].as_array_mut().unwrap();
    documents.rotate_left(1);
    let outcome = onboarding.run(&key, &request(&row)).await.unwrap();
    assert!(outcome.is_complete());
    assert_eq!(rig.fake.documents().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_was_certainly_not_done_can_be_mended() {
    let folder = folder();
    let rig = Rig::new();
    let onboarding = rig.onboarding(folder.path());
    let (key, row) = (RowKey::new("1"), full_row(&rig.fake));
    let points = ["create_patient #0", "create letter.pdf #0", "create_appointment #0"];
    rig.plan(points.map(|point| (point.to_owned(), Mishap::Refused)));
    let outcome = onboarding.run(&key, &request(&row)).await.unwrap();
    assert_eq!(outcome.next_action(), NextAction::NeedsPerson);
    let mut mended = changed(&row, "/first-name", json!("Zoe"));
    assert_eq!(onboarding.run(&key, &request(&mended)).await.unwrap().next_action(), NextAction::NeedsPerson);
    mended = changed(&mended, "/documents/0/name", json!("Letter"));
    mended = changed(&mended, "/appointment/location", json!("Room 4"));
    assert!(onboarding.run(&key, &request(&mended)).await.unwrap().is_complete());
    assert_eq!(made(&rig), (1, 1, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_gone_on_from_under_its_own_key_only() {
    let folder = folder();
    let rig = Rig::new();
    let onboarding = rig.onboarding(folder.path());
    let request = request(&full_row(&rig.fake));
    let outcome = onboarding.run(&RowKey::new("canary 1"), &request).await.unwrap();
    let text = serde_json::to_string(&outcome).unwrap();
    assert!(!text.contains("canary"), "{text}");
    let is_made = made(&rig);
    let other = RowKey::new("canary 2");
    assert!(refused(onboarding.resume(&other, &request, &outcome).await).is_empty());
    let ledger = rig.ledger.lock().unwrap().clone();
    assert!(carium::onboarding::Ledger::entries(&ledger, &other).await.unwrap().is_empty());
    assert_eq!(made(&rig), is_made);
}

#[tokio::test(start_paused = true)]
async fn a_changed_invite_sends_nothing_twice_and_hides_no_doubt() {
    let folder = folder();
    let rig = Rig::new();
    let onboarding = rig.onboarding(folder.path());
    let key = RowKey::new("1");
    let mut row = full_row(&rig.fake);
    row["mobile-phone"] = "+15555550100".into();
    rig.plan([("resend_invitation #0".to_owned(), Mishap::ResponseLost)]);
    let outcome = onboarding.run(&key, &request(&row)).await.unwrap();
    assert_eq!(outcome.unknown().count(), 1);
    let both = changed(&row, "/invite", json!(["email", "sms"]));
    assert_eq!(refused(onboarding.run(&key, &request(&both)).await), ["invite[email]"]);
    // In another way only it is another invitation, and the doubt about the first one stays.
    let by_email = Step::Invitation([carium::invitations::NotificationChannel::Email].into());
    for invite in [json!([]), json!(["sms"])] {
        let outcome = onboarding.run(&key, &request(&changed(&row, "/invite", invite))).await.unwrap();
        let StepOutcome::Unknown(doubt) = &outcome.step(&by_email).unwrap().result else {
            panic!("{outcome:?}")
        };
        assert_eq!((doubt.reason, outcome.is_complete()), (UnknownReason::InterruptedRun, false));
    }
    assert_eq!(made(&rig).1, 2);
    resolve(&rig, &key, &by_email, Resolution::NotApplied).await.unwrap();
    let by_sms = request(&changed(&row, "/invite", json!(["sms"])));
    let outcome = onboarding.run(&key, &by_sms).await.unwrap();
    let StepOutcome::Skipped { reason } = outcome.step(&by_email).unwrap().result else {
        panic!("{outcome:?}")
    };
    assert_eq!((reason, outcome.is_complete()), (SkipReason::NotRequested, true));
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_no_more_is_told() {
    let folder = folder();
    let rig = Rig::new();
    let onboarding = rig.onboarding(folder.path());
    let (key, row) = (RowKey::new("1"), full_row(&rig.fake));
    // Each document leaves a reference behind: one is open, one not answered.
    let points = [("post letter.pdf #0", Mishap::Refused), ("create scan.png #0", Mishap::RequestLost)];
    rig.plan(points.map(|(point, mishap)| (point.to_owned(), mishap)));
    let before = onboarding.run(&key, &request(&row)).await.unwrap();
    let mut less = row.clone();
    less["documents"] = json!([]);
    less.as_object_mut().unwrap().remove("appointment");
    let outcome = onboarding.run(&key, &request(&less)).await.unwrap();
    assert_eq!(outcome.appointment(), before.appointment());
    let open = outcome.step(&Step::Document(0)).unwrap();
    assert!(matches!(open.result, StepOutcome::Skipped { reason: SkipReason::NotRequested }));
    assert_eq!(open.orphans.len(), 1);
    assert!(matches!(outcome.step(&Step::Document(1)).unwrap().result, StepOutcome::Unknown(_)));
    assert_eq!(outcome.next_action(), NextAction::NeedsPerson);
}

#[tokio::test(start_paused = true)]
async fn two_rows_under_one_key_at_once_are_not_mixed() {
    let folder = folder();
    let rig = Rig::new();
    let onboarding = rig.onboarding(folder.path());
    let (key, row) = (RowKey::new("1"), full_row(&rig.fake));
    let other = request(&changed(&row, "/email", json!("canary@example.com")));
    let row = request(&row);
    // Both read an empty ledger. One of them creates the patient, and the other files nothing for that one.
    let (one, two) = tokio::join!(onboarding.run(&key, &row), onboarding.run(&key, &other));
    let patients: Vec<_> = [one, two].into_iter().flatten().filter_map(|outcome| outcome.patient()).collect();
    assert_eq!(patients.len(), 1);
    assert_eq!(made(&rig), (1, 1, 2, 1));
}
