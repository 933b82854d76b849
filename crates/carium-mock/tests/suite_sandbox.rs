//! The client keeps the contract of the traits over HTTP, against the sandbox.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use carium_mock::Sandbox;

/// One whose lists have several pages, whatever the size of a page.
async fn subject() -> Sandbox {
    let sandbox = Sandbox::start().await.unwrap();
    for number in 0..60 {
        let name = format!("number {number}");
        sandbox.fake().practitioner(&name);
        sandbox.fake().appointment_status(&name);
        sandbox.fake().appointment_type(&name);
        sandbox.fake().document_class(&name);
    }
    sandbox
}

carium_mock::contract_tests!(subject = subject().await);
