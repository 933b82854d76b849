//! Checks that every operation of the API is supported by the fake and called by a contract test. Exceptions are listed in
//! `specs/coverage.yaml`, each with its reason.
//!
//! Contract tests call methods of the domain traits only, so an operation that they call also has a domain method.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use carium::api::{Error, Operation, RawRequest, operations};
use carium_mock::{FakeCarium, contract_tests};
use saphyr::{LoadableYamlNode as _, Yaml};

const FILE: &str = "specs/coverage.yaml";
const FAKE: &str = "fake";
const CONTRACT_TESTS: &str = "contract-tests";

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

/// Whether the fake has a rule for an operation. Without one, its response has the code `not-implemented`.
async fn is_supported_by_fake(operation: &Operation) -> bool {
    let mut request = RawRequest::default().body("{}");
    for segment in operation.path.split('/') {
        if let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            request = request.path(name, "2097e072-92f6-4333-99d6-9693d63be652");
        }
    }
    match FakeCarium::new().client().api().send_raw(operation, request).await {
        Err(Error::ErrorResponse(response)) => {
            !serde_json::to_string(&*response).unwrap().contains("not-implemented")
        }
        _ => true,
    }
}

/// Returns the exceptions: operation, column and reason.
fn exceptions() -> Vec<(String, String, String)> {
    let text = include_str!("../../../specs/coverage.yaml");
    let documents = Yaml::load_from_str(text).unwrap();
    let operations = documents.iter().filter_map(Yaml::as_mapping).flatten();
    let text = |yaml: &Yaml<'_>| yaml.as_str().unwrap_or_default().trim().to_owned();
    let columns = |(operation, columns): (&Yaml<'_>, &Yaml<'_>)| {
        let operation = text(operation);
        let columns = columns.as_mapping().unwrap_or_else(|| panic!("{FILE}: `{operation}` has no columns"));
        columns
            .iter()
            .map(|(column, reason)| (operation.clone(), text(column), text(reason)))
            .collect::<Vec<_>>()
    };
    operations.flat_map(columns).collect()
}

#[tokio::test]
async fn every_operation_is_covered_or_has_an_exception_with_a_reason() {
    let contract_tests = called_by_contract_tests().await;
    let exceptions = exceptions();
    let mut problems = Vec::new();
    let mut covered = BTreeSet::new();
    for operation in operations::ALL {
        for (column, is_covered, fix) in [
            (
                FAKE,
                is_supported_by_fake(operation).await,
                "add a rule to the match on operation IDs in crates/carium-mock/src/service.rs",
            ),
            (
                CONTRACT_TESTS,
                contract_tests.contains(operation.id),
                "add a method to a domain trait of `carium`, and a test case to crates/carium-mock/src/contract_tests",
            ),
        ] {
            if is_covered {
                covered.insert((operation.id.to_owned(), column.to_owned()));
            } else if !exceptions.iter().any(|it| it.0 == operation.id && it.1 == column) {
                let id = operation.id;
                problems
                    .push(format!("`{id}` is not covered by `{column}`: {fix}, or give a reason in {FILE}"));
            }
        }
    }
    for (operation, column, reason) in exceptions {
        let problem = if !operations::ALL.iter().any(|it| it.id == operation) {
            "there is no such operation"
        } else if ![FAKE, CONTRACT_TESTS].contains(&column.as_str()) {
            "there is no such column"
        } else if reason.is_empty() {
            "the reason is missing"
        } else if covered.contains(&(operation.clone(), column.clone())) {
            "the exception is no longer needed"
        } else {
            continue;
        };
        problems.push(format!("{FILE}: `{column}` of `{operation}`: {problem}"));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
