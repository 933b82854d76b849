//! Canaries in every private field of a row: none of them is in an outcome, in the ledger, in an error, in a `Debug` or in
//! a trace, whatever goes wrong.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use carium::onboarding::{Ledger as _, OnboardingRow, RowKey};
use serde_json::json;
use support::log::{Log, assert_free_of, printed};
use support::mishaps::{Mishap, OF_SERVICES, OF_THE_LEDGER, Rig};

#[tokio::test(start_paused = true)]
async fn nothing_private_is_kept_or_printed_of_a_row() {
    let log = Log::of_everything();
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("canary-folder");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(inside.join("canary-file.pdf"), "canary-content").unwrap();
    let (mut said, mut kept) = (String::new(), String::new());
    let mut points: Vec<(String, Mishap)> = vec![("nothing".to_owned(), Mishap::NotApplied)];
    let mut at = 0;
    while let Some((point, mishap)) = points.get(at).cloned() {
        let rig = Rig::new();
        rig.fake.practitioner("canary-practitioner");
        let row = json!({
            "first-name": "canary-first",
            "last-name": "canary-last",
            "birth-date": "1811-02-03",
            "gender": "female",
            "email": "canary@example.com",
            "mobile-phone": "+15559990000",
            "organization-id": rig.fake.organization().to_string(),
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
        });
        let row: OnboardingRow = serde_json::from_value(row).unwrap();
        let request = row.check().unwrap();
        let onboarding = rig.onboarding(&inside);
        said.push_str(&format!("{row:?} {request:?} {request:#?} {onboarding:?}"));
        // A key that someone made of a person all the same.
        let key = RowKey::new("canary@example.com");
        said.push_str(&format!("{key:?}"));
        rig.plan([(point, mishap)]);
        for _ in 0..2 {
            match rig.until_death(onboarding.run(&key, &request)).await {
                None => {}
                Some(Ok(outcome)) => {
                    said.push_str(&format!("{outcome:?} {outcome:#?}"));
                    kept.push_str(&serde_json::to_string(&outcome).unwrap());
                }
                Some(Err(error)) => said.push_str(&printed(&error)),
            }
        }
        let ledger = rig.ledger.lock().unwrap().clone();
        for (step, entry) in ledger.entries(&key).await.unwrap() {
            said.push_str(&format!("{step} {step:?} {entry:?}"));
            kept.push_str(&serde_json::to_string(&entry).unwrap());
        }
        said.push_str(&format!("{ledger:?}"));
        if at == 0 {
            for point in rig.passed() {
                let mishaps = if point.starts_with("ledger") { OF_THE_LEDGER } else { OF_SERVICES };
                points.extend(mishaps.map(|mishap| (point.clone(), mishap)));
            }
            assert!(points.len() > 60, "{}", points.len());
        }
        at += 1;
    }

    let log = log.text();
    assert!(log.contains("carium.onboarding") && log.contains("unknown"), "the workflow is heard");
    assert!(kept.contains("create_patient") || kept.contains("not done"));
    let canaries =
        ["canary", "1811-02", "1812-01", "5559990000", "Female", "female", "store.invalid", "expires"];
    assert_free_of(&canaries, &[&said, &kept, &log]);
}
