//! Privacy of onboarding: every private field of a row contains a canary, and no canary appears in an outcome, the
//! ledger, an error, a `Debug` output or a trace, whichever fault is injected.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use carium::onboarding::{FileLedger, Ledger as _, OnboardingRow, RowKey};
use serde_json::{Value, json};
use support::fault_injection::{FaultHarness, InjectedFault, LEDGER_FAULTS, SERVICE_FAULTS};
use support::log::{Log, all_output, assert_contains_none};

/// Texts that must not be printed or stored: of the row, and of presigned forms.
const CANARIES: [&str; 8] =
    ["canary", "1811-02", "1812-01", "5559990000", "Female", "female", "store.invalid", "expires"];

/// A row whose private fields contain canaries.
fn canary_row(harness: &FaultHarness) -> Value {
    harness.fake.practitioner("canary-practitioner");
    json!({
        "first-name": "canary-first",
        "last-name": "canary-last",
        "birth-date": "1811-02-03",
        "gender": "female",
        "email": "canary@example.com",
        "mobile-phone": "+15559990000",
        "organization-id": harness.fake.organization().to_string(),
        "invite": ["email", "sms"],
        "documents": [{
            "class": "Referral",
            "name": "canary-name",
            "description": "canary-description",
            "path": "canary-file.pdf",
        }],
        "appointment": {
            "practitioner": "canary-practitioner",
            "type": "First visit",
            "status": "Booked",
            "start-time": "1812-01-01T09:00:00Z",
            "end-time": "1812-01-01T10:00:00Z",
            "add-video-channel": false,
            "guest-url": "https://canary.example.com/guest",
            "host-url": "https://canary.example.com/host",
            "description": "canary-description",
            "patient-instruction": "canary-instruction",
            "location": "canary-location",
        },
    })
}

#[tokio::test(start_paused = true)]
async fn stores_and_prints_no_private_field_of_a_row() {
    let log = Log::capture_all();
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("canary-folder");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(inside.join("canary-file.pdf"), "canary-content").unwrap();
    let (mut printed_text, mut stored_text) = (String::new(), String::new());
    let mut points: Vec<(String, InjectedFault)> = vec![("no fault".to_owned(), InjectedFault::NotApplied)];
    let mut index = 0;
    while let Some((point, fault)) = points.get(index).cloned() {
        let harness = FaultHarness::new();
        let row: OnboardingRow = serde_json::from_value(canary_row(&harness)).unwrap();
        let request = row.check().unwrap();
        let onboarding = harness.onboarding(&inside);
        printed_text.push_str(&format!("{row:?} {request:?} {request:#?} {onboarding:?}"));
        // A key that identifies a person, against the documentation of `RowKey`.
        let key = RowKey::new("canary@example.com");
        printed_text.push_str(&format!("{key:?}"));
        harness.inject([(point, fault)]);
        for _ in 0..2 {
            match harness.run_until_crash(onboarding.run(&key, &request)).await {
                None => {}
                Some(Ok(outcome)) => {
                    printed_text.push_str(&format!("{outcome:?} {outcome:#?}"));
                    stored_text.push_str(&serde_json::to_string(&outcome).unwrap());
                }
                Some(Err(error)) => printed_text.push_str(&all_output(&error)),
            }
        }
        let reached = harness.reached_points();
        harness.inject([]);
        for (step, entry) in harness.entries(&key).await.unwrap() {
            printed_text.push_str(&format!("{step} {step:?} {entry:?}"));
            stored_text.push_str(&serde_json::to_string(&entry).unwrap());
        }
        if index == 0 {
            for point in reached {
                let faults = if point.starts_with("ledger") { LEDGER_FAULTS } else { SERVICE_FAULTS };
                points.extend(faults.map(|fault| (point.clone(), fault)));
            }
            assert!(points.len() > 60, "{}", points.len());
        }
        index += 1;
    }

    let log = log.text();
    assert!(log.contains("carium.onboarding") && log.contains("unknown"), "onboarding is traced");
    assert!(stored_text.contains("create_patient") || stored_text.contains("not applied"));
    assert_contains_none(&CANARIES, &[&printed_text, &stored_text, &log]);
}

#[tokio::test(start_paused = true)]
async fn ledger_file_contains_no_private_field_of_a_row() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("canary-file.pdf"), "canary-content").unwrap();
    let harness = FaultHarness::new();
    let row: OnboardingRow = serde_json::from_value(canary_row(&harness)).unwrap();
    let path = folder.path().join("ledger");
    let ledger = FileLedger::open(&path).await.unwrap();
    let onboarding = harness.onboarding_with(Arc::new(ledger.clone()), folder.path());
    let outcome = onboarding.run(&RowKey::new("4711"), &row.check().unwrap()).await.unwrap();
    assert!(outcome.is_complete());
    let stored_text = std::fs::read_to_string(&path).unwrap();
    assert!(stored_text.contains("4711") && stored_text.contains(&outcome.patient().unwrap().to_string()));
    let shown_text = format!("{ledger:?} {ledger:#?}");
    assert_contains_none(&CANARIES, &[&stored_text, &shown_text]);
    assert!(!shown_text.contains("4711"));
}
