//! The fake keeps the contract of the traits, and the checks of the contract reach every operation.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use carium::api::operations;
use carium_mock::{FakeCarium, contract_tests};

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

/// The operations that each check reaches, by the check's name.
macro_rules! reach {
    ($($group:ident),+) => {{
        let mut reached = Vec::new();
        $(carium_mock::__contract_table! { $group, of_group, reached, })+
        reached
    }};
}

macro_rules! of_group {
    ($reached:ident, $group:ident, $subject:ident, [$($check:ident: $promise:literal,)+]) => {
        $(
            let fake = FakeCarium::new();
            contract_tests::checks::$group::$check(&fake).await.unwrap();
            let operations: BTreeSet<_> = fake.calls().iter().map(|call| call.operation).collect();
            $reached.push((concat!(stringify!($group), "::", stringify!($check)), operations));
        )+
    };
}

#[tokio::test]
async fn every_operation_has_a_check_and_every_check_an_operation() {
    let reached = reach!(patients, invitations, appointments, documents, transfers, together);
    let idle: Vec<_> = reached.iter().filter(|(_, operations)| operations.is_empty()).collect();
    // What is refused before it is sent reaches nothing.
    assert!(idle.iter().all(|(name, _)| name.ends_with("method_of_its_own_is_refused")), "{idle:?}");
    let all: BTreeSet<_> = operations::ALL.iter().map(|operation| operation.id).collect();
    let with_a_check = reached.iter().flat_map(|(_, operations)| operations).copied().collect();
    assert_eq!(all.difference(&with_a_check).collect::<Vec<_>>(), Vec::<&&str>::new());
}
