//! Checks that a contract test calls every operation for which the fake has a rule. Exceptions are listed in
//! `specs/coverage.yaml`, each with its reason. `cargo xtask generate` names the operations without a rule.
//!
//! Contract tests call methods of the domain traits only, so an operation that they call also has a domain method.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use carium::api::{Operation, operations};
use carium_mock::{FakeCarium, contract_tests};
use saphyr::{LoadableYamlNode as _, Yaml};

const FILE: &str = "specs/coverage.yaml";

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
            // Whether the fake passes is the subject of another test.
            let _ = contract_tests::cases::$group::$test_case(&fake).await;
            let operations: BTreeSet<_> = fake.calls().into_iter().map(|call| call.operation).collect();
            $called.push((concat!(stringify!($group), "::", stringify!($test_case)), operations));
        )+
    };
}

/// Returns the IDs of the operations that contract tests call. Calls without an access token do not count, because the
/// client signs in by itself before the first call.
async fn called_by_contract_tests() -> BTreeSet<&'static str> {
    let called = called_operations!(
        organizations,
        patients,
        invitations,
        appointments,
        documents,
        transfers,
        cross_service
    );
    // The input of only one test case is rejected before the first call.
    let without_calls = called.iter().filter(|(_, operations)| operations.is_empty()).count();
    assert!(without_calls <= 1, "{without_calls} test cases make no call");
    let called: BTreeSet<_> = called.into_iter().flat_map(|(_, operations)| operations).collect();
    let with_token = operations::ALL.iter().filter(|operation| operation.needs_token);
    with_token.map(|operation| operation.id).filter(|id| called.contains(*id)).collect()
}

/// Whether the fake has a rule for an operation. Without one, it responds with the example of the spec.
fn has_rule(operation: &Operation) -> bool {
    let rules = include_str!("../src/service/operations.rs");
    rules.contains(&format!("\"{}\" =>", operation.id))
}

/// Returns the exceptions: operation and reason.
fn exceptions() -> Vec<(String, String)> {
    let text = include_str!("../../../specs/coverage.yaml");
    let documents = Yaml::load_from_str(text).unwrap();
    let exceptions = documents.iter().filter_map(Yaml::as_mapping).flatten();
    let text = |yaml: &Yaml<'_>| yaml.as_str().unwrap_or_default().trim().to_owned();
    exceptions.map(|(operation, reason)| (text(operation), text(reason))).collect()
}

#[tokio::test]
async fn every_rule_is_covered_or_has_an_exception_with_a_reason() {
    let covered = called_by_contract_tests().await;
    let exceptions = exceptions();
    let mut problems = Vec::new();
    for operation in operations::ALL.iter().filter(|operation| has_rule(operation)) {
        let id = operation.id;
        if !covered.contains(id) && !exceptions.iter().any(|(exception, _)| exception == id) {
            problems.push(format!(
                "no contract test calls `{id}`: add a method to a domain trait of `carium`, and a test case to \
                 crates/carium-mock/src/contract_tests, or give a reason in {FILE}"
            ));
        }
    }
    for (operation, reason) in exceptions {
        let problem = if !operations::ALL.iter().any(|it| it.id == operation && has_rule(it)) {
            "the fake has no rule for it"
        } else if reason.is_empty() {
            "the reason is missing"
        } else if covered.contains(operation.as_str()) {
            "the exception is no longer needed"
        } else {
            continue;
        };
        problems.push(format!("{FILE}: `{operation}`: {problem}"));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
