//! Runs the contract tests against the fake. `coverage.rs` checks that they call every operation.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use carium_mock::FakeCarium;

/// Returns a fake with enough items for several pages of every page size that the test cases use.
fn fixture() -> FakeCarium {
    let fake = FakeCarium::new();
    for number in 0..60 {
        let name = format!("number {number}");
        fake.practitioner(&name);
        fake.appointment_status(&name);
        fake.appointment_type(&name);
        fake.document_class(&name);
    }
    fake
}

carium_mock::contract_tests!(fixture = fixture());
