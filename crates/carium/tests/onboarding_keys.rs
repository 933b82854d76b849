//! Row keys: a key belongs to one request, and a step of one request never counts as a step of another.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use carium::onboarding::{
    NextAction, OnboardingOutcome, Resolution, RowKey, SkipReason, Step, StepOutcome, UnknownReason, resolve,
};
use carium::{Error, ErrorKind};
use serde_json::{Value, json};
use support::fault_injection::{FaultHarness, InjectedFault, documents_folder, full_row, parse_request};

/// Returns the steps for which a run is rejected.
fn rejected_steps(result: Result<OnboardingOutcome, Error>) -> Vec<String> {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let text = format!("{error} {error:?}");
    assert!(!text.contains("canary"), "{text}");
    error.problems().iter().map(|problem| problem.field().unwrap().to_owned()).collect()
}

/// Counts the patients, invitations, documents and appointments of the service.
fn object_counts(harness: &FaultHarness) -> (usize, usize, usize, usize) {
    let addresses = ["zoe.ohara@example.com", "canary@example.com", "+15555550100"];
    let invitations = addresses.iter().map(|address| harness.fake.invitations_to(address).len()).sum();
    (
        harness.fake.patients().len(),
        invitations,
        harness.fake.documents().len(),
        harness.fake.appointments().len(),
    )
}

/// Returns a copy of the row with another value at a JSON pointer.
fn with_value(row: &Value, pointer: &str, value: Value) -> Value {
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
async fn rejects_another_request_under_a_completed_key() {
    let folder = documents_folder();
    let harness = FaultHarness::new();
    let onboarding = harness.onboarding(folder.path());
    let (key, row) = (RowKey::new("1"), full_row(&harness.fake));
    assert!(onboarding.run(&key, &parse_request(&row)).await.unwrap().is_complete());
    let counts = object_counts(&harness);
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
        let request = parse_request(&with_value(&row, pointer, value));
        assert_eq!(rejected_steps(onboarding.run(&key, &request).await), steps, "{pointer}");
        assert!(onboarding.run(&key, &parse_request(&row)).await.unwrap().is_complete());
        assert_eq!(object_counts(&harness), counts, "{pointer}");
    }
    // Fields that do not identify the patient can be corrected.
    let mut corrected = row.clone();
    (corrected["gender"], corrected["mobile-phone"]) = ("other".into(), "+15555550100".into());
    assert!(onboarding.run(&key, &parse_request(&corrected)).await.unwrap().is_complete());
    assert_eq!(object_counts(&harness), counts);
}

#[tokio::test(start_paused = true)]
async fn rejects_a_document_inserted_before_filed_ones() {
    let folder = documents_folder();
    std::fs::write(folder.path().join("new.pdf"), "new").unwrap();
    let harness = FaultHarness::new();
    let onboarding = harness.onboarding(folder.path());
    let (key, mut row) = (RowKey::new("1"), full_row(&harness.fake));
    assert!(onboarding.run(&key, &parse_request(&row)).await.unwrap().is_complete());
    let new = json!({"class": "Referral", "name": "New", "path": "new.pdf"});
    row["documents"].as_array_mut().unwrap().insert(0, new.clone());
    assert_eq!(
        rejected_steps(onboarding.run(&key, &parse_request(&row)).await),
        ["documents[0]", "documents[1]"]
    );
    assert_eq!(harness.fake.documents().len(), 2);
    let documents = row["documents"].as_array_mut().unwrap();
    documents.rotate_left(1);
    let outcome = onboarding.run(&key, &parse_request(&row)).await.unwrap();
    assert!(outcome.is_complete());
    assert_eq!(harness.fake.documents().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn accepts_corrections_to_steps_that_were_not_applied() {
    let folder = documents_folder();
    let harness = FaultHarness::new();
    let onboarding = harness.onboarding(folder.path());
    let (key, row) = (RowKey::new("1"), full_row(&harness.fake));
    let points = ["create_patient #0", "create letter.pdf #0", "create_appointment #0"];
    harness.inject(points.map(|point| (point.to_owned(), InjectedFault::Rejected)));
    let outcome = onboarding.run(&key, &parse_request(&row)).await.unwrap();
    assert_eq!(outcome.next_action(), NextAction::NeedsPerson);
    let mut corrected = with_value(&row, "/first-name", json!("Zoe"));
    assert_eq!(
        onboarding.run(&key, &parse_request(&corrected)).await.unwrap().next_action(),
        NextAction::NeedsPerson
    );
    corrected = with_value(&corrected, "/documents/0/name", json!("Letter"));
    corrected = with_value(&corrected, "/appointment/location", json!("Desk 4"));
    assert!(onboarding.run(&key, &parse_request(&corrected)).await.unwrap().is_complete());
    assert_eq!(object_counts(&harness), (1, 1, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn changed_invite_sends_nothing_twice_and_keeps_the_unknown_step() {
    let folder = documents_folder();
    let harness = FaultHarness::new();
    let onboarding = harness.onboarding(folder.path());
    let key = RowKey::new("1");
    let mut row = full_row(&harness.fake);
    row["mobile-phone"] = "+15555550100".into();
    harness.inject([("resend_invitation #0".to_owned(), InjectedFault::ResponseLost)]);
    let outcome = onboarding.run(&key, &parse_request(&row)).await.unwrap();
    assert_eq!(outcome.unknown_steps().count(), 1);
    let both = with_value(&row, "/invite", json!(["email", "sms"]));
    assert_eq!(rejected_steps(onboarding.run(&key, &parse_request(&both)).await), ["invite[email]"]);
    // An invitation through another channel only is a separate step, and the first one remains unknown.
    let by_email = Step::Invitation([carium::invitations::NotificationChannel::Email].into());
    for invite in [json!([]), json!(["sms"])] {
        let outcome =
            onboarding.run(&key, &parse_request(&with_value(&row, "/invite", invite))).await.unwrap();
        let StepOutcome::Unknown(unknown) = &outcome.step(&by_email).unwrap().result else {
            panic!("{outcome:?}")
        };
        assert_eq!((unknown.reason, outcome.is_complete()), (UnknownReason::ResponseLost, false));
    }
    assert_eq!(object_counts(&harness).1, 2);
    resolve(&harness, &key, &by_email, Resolution::NotApplied).await.unwrap();
    let by_sms = parse_request(&with_value(&row, "/invite", json!(["sms"])));
    let outcome = onboarding.run(&key, &by_sms).await.unwrap();
    let StepOutcome::Skipped { reason } = outcome.step(&by_email).unwrap().result else {
        panic!("{outcome:?}")
    };
    assert_eq!((reason, outcome.is_complete()), (SkipReason::NotRequested, true));
}

#[tokio::test(start_paused = true)]
async fn reports_steps_that_are_no_longer_requested() {
    let folder = documents_folder();
    let harness = FaultHarness::new();
    let onboarding = harness.onboarding(folder.path());
    let (key, row) = (RowKey::new("1"), full_row(&harness.fake));
    // Each document leaves a reference: one has no file yet, and the creation of the other got no response.
    let points =
        [("post letter.pdf #0", InjectedFault::Rejected), ("create scan.png #0", InjectedFault::RequestLost)];
    harness.inject(points.map(|(point, fault)| (point.to_owned(), fault)));
    let before = onboarding.run(&key, &parse_request(&row)).await.unwrap();
    let mut reduced = row.clone();
    reduced["documents"] = json!([]);
    reduced.as_object_mut().unwrap().remove("appointment");
    let outcome = onboarding.run(&key, &parse_request(&reduced)).await.unwrap();
    assert_eq!(outcome.appointment(), before.appointment());
    let not_filed = outcome.step(&Step::Document(0)).unwrap();
    assert!(matches!(not_filed.result, StepOutcome::Skipped { reason: SkipReason::NotRequested }));
    assert_eq!(not_filed.orphans.len(), 1);
    assert!(matches!(outcome.step(&Step::Document(1)).unwrap().result, StepOutcome::Unknown(_)));
    assert_eq!(outcome.next_action(), NextAction::NeedsPerson);
}

#[tokio::test(start_paused = true)]
async fn concurrent_requests_under_one_key_are_not_mixed() {
    let folder = documents_folder();
    let harness = FaultHarness::new();
    let onboarding = harness.onboarding(folder.path());
    let (key, row) = (RowKey::new("1"), full_row(&harness.fake));
    let other = parse_request(&with_value(&row, "/email", json!("canary@example.com")));
    let row = parse_request(&row);
    // Both runs read an empty ledger. One creates its patient, and the other files nothing for that patient.
    let (first, second) = tokio::join!(onboarding.run(&key, &row), onboarding.run(&key, &other));
    let patients: Vec<_> =
        [first, second].into_iter().flatten().filter_map(|outcome| outcome.patient()).collect();
    assert_eq!(patients.len(), 1);
    assert_eq!(object_counts(&harness), (1, 1, 2, 1));
}
