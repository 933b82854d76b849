//! Runs the contract tests against the fake, and checks that they cover every operation of the API.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use carium::api::operations;
use carium_mock::{FakeCarium, contract_tests};

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

/// Runs every test case of these groups, and returns the operations that each one called.
macro_rules! called_operations {
    ($($group:ident),+) => {{
        let mut called = Vec::new();
        $(carium_mock::__contract_table! { $group, called_operations_of_group, called, })+
        called
    }};
}

macro_rules! called_operations_of_group {
    ($called:ident, $group:ident, $fixture:ident, [$($test_case:ident: $requirement:literal,)+]) => {
        $(
            let fake = FakeCarium::new();
            contract_tests::cases::$group::$test_case(&fake).await.unwrap();
            let operations: BTreeSet<_> = fake.calls().iter().map(|call| call.operation).collect();
            $called.push((concat!(stringify!($group), "::", stringify!($test_case)), operations));
        )+
    };
}

#[tokio::test]
async fn contract_tests_cover_every_operation() {
    let called = called_operations!(patients, invitations, appointments, documents, transfers, cross_service);
    let without_calls: Vec<_> =
        called.iter().filter(|(_, operations)| operations.is_empty()).map(|(name, _)| *name).collect();
    // This is the only test case whose input is rejected before the first call.
    assert_eq!(without_calls, ["documents::rejects_reserved_filter_names"]);
    let all: BTreeSet<_> = operations::ALL.iter().map(|operation| operation.id).collect();
    let covered = called.iter().flat_map(|(_, operations)| operations).copied().collect();
    assert_eq!(all.difference(&covered).collect::<Vec<_>>(), Vec::<&&str>::new());
}
