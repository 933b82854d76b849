//! Runs the contract tests against the fake. `coverage.rs` checks that they call every operation.

use carium_mock::FakeCarium;

/// One whose lists have several pages, whatever the size of a page.
fn subject() -> FakeCarium {
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

carium_mock::contract_tests!(subject = subject());
