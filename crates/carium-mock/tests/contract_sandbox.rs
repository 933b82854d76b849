//! Runs the contract tests against the client over HTTP, with the sandbox as the service.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use carium_mock::Sandbox;

/// Returns a sandbox with enough items for several pages of every page size that the test cases use.
async fn fixture() -> Sandbox {
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

carium_mock::contract_tests!(fixture = fixture().await);
