//! Model checking of the ledger: one row with every interleaving of two workers, their faults and the decisions of a
//! person.
//!
//! The workers run the real code of an onboarding, and the person's decisions are those of the real `resolve`. The
//! model has the service, and a ledger and a row store with the rules of the database: entries are replaced by
//! compare-and-swap, and a row by its version. `conformance.rs` compares the ledger with the real one, and
//! `src/assignment.rs` the row store. It makes no assumption about who is assigned a row: a second worker
//! may take a pending row at any time. This includes a lease that expires while its worker is frozen, a clock that
//! jumps, and a worker that lost the database.
//!
//! A path has no cycle, because each action uses up a call, a run, a fault or a decision. A property of the states
//! without a further action is therefore reached on every path ("eventually").
//!
//! `MODEL_DEEP=1` explores more faults; `cargo xtask ci --full` sets it.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "model/conformance.rs"]
mod conformance;
#[cfg(feature = "postgres")]
#[path = "support/postgres.rs"]
mod postgres;
#[path = "model/protocol.rs"]
mod protocol;
#[path = "model/run.rs"]
mod run;

use std::io::{self, Write as _};
use std::sync::atomic::Ordering;

use stateright::{Checker as _, Model as _};

use self::protocol::{Bounds, Mutation, Protocol};
use self::run::Part;
use self::run::Part::{Appointment, Document, Invitation, Patient};

/// Explores all states of a row with these steps. Fails with the actions that lead to a broken property.
fn check(parts: &[Part], faults: u8, overlaps: u8) {
    let checker = Protocol::new(parts, Bounds { faults, overlaps }).checker().spawn_dfs().join();
    let model = checker.model();
    // Written directly, so that it is visible when the test passes.
    let _ = writeln!(
        io::stderr(),
        "{parts:?}, {faults} faults, {overlaps} overlaps: {states} states, at most {depth} actions, {runs} states of \
         runs, {refused} refused writes, {decisions} decisions",
        states = checker.unique_state_count(),
        depth = checker.max_depth() - 1,
        runs = model.run_states(),
        refused = model.refused_writes.load(Ordering::Relaxed),
        decisions = model.decisions.load(Ordering::Relaxed),
    );
    if let Some((property, path)) = checker.discoveries().into_iter().next() {
        let end = path.last_state().clone();
        let actions = path.into_vec().into_iter().filter_map(|(state, action)| Some((state, action?)));
        let actions: Vec<_> = actions.map(|(state, action)| model.describe(&state, action)).collect();
        panic!("broken: {property}\n{}\n{end:#?}", actions.join("\n"));
    }
}

/// Returns the properties that are broken if a rule of the protocol is removed.
fn broken_by(mutation: Mutation, parts: &[Part], faults: u8, overlaps: u8) -> Vec<&'static str> {
    let protocol = Protocol::new(parts, Bounds { faults, overlaps }).mutation(mutation);
    let checker = protocol.checker().spawn_dfs().join();
    let mut broken: Vec<_> = checker.discoveries().into_keys().collect();
    broken.sort_unstable();
    broken
}

fn is_deep() -> bool {
    std::env::var_os("MODEL_DEEP").is_some()
}

#[test]
fn a_patient_is_created_once() {
    check(&[Patient], 2, 1);
    if is_deep() {
        check(&[Patient], 4, 0);
        check(&[Patient], 3, 2);
    }
}

#[test]
fn an_appointment_is_booked_once() {
    check(&[Patient, Appointment], 1, 1);
    if is_deep() {
        check(&[Patient, Appointment], 3, 0);
        check(&[Patient, Appointment], 2, 1);
        check(&[Patient, Appointment], 1, 2);
    }
}

#[test]
fn an_invitation_is_sent_once() {
    check(&[Patient, Invitation], 1, 1);
    if is_deep() {
        check(&[Patient, Invitation], 2, 1);
    }
}

#[test]
fn a_document_is_filed_once() {
    check(&[Patient, Document(0)], 2, 0);
    check(&[Patient, Document(0)], 0, 1);
    if is_deep() {
        check(&[Patient, Document(0)], 3, 0);
        check(&[Patient, Document(0)], 1, 1);
    }
}

#[test]
fn all_steps_of_a_row_are_completed_once() {
    check(&[Patient, Invitation, Appointment, Document(0)], 0, 0);
    if is_deep() {
        check(&[Patient, Invitation, Appointment, Document(0)], 2, 0);
        check(&[Patient, Invitation, Appointment], 1, 1);
        check(&[Patient, Document(0), Document(1)], 1, 0);
    }
}

#[test]
fn finds_calls_without_an_intent() {
    let broken = broken_by(Mutation::NoIntent, &[Patient], 1, 0);
    assert!(broken.contains(&"an intent precedes each call"), "{broken:?}");
}

#[test]
fn finds_an_intent_that_is_lost() {
    let broken = broken_by(Mutation::LostIntent, &[Patient], 1, 0);
    assert!(broken.contains(&"nothing exists twice"), "{broken:?}");
}

#[test]
fn finds_a_ledger_without_versions() {
    let broken = broken_by(Mutation::NoVersionCheck, &[Patient], 0, 1);
    assert!(broken.contains(&"nothing exists twice"), "{broken:?}");
    let broken = broken_by(Mutation::NoVersionCheck, &[Patient, Document(0)], 0, 1);
    assert!(broken.contains(&"a recorded result stays"), "{broken:?}");
}

#[test]
fn finds_a_document_that_is_not_looked_up() {
    let broken = broken_by(Mutation::NoLookup, &[Patient, Document(0)], 1, 0);
    assert_eq!(broken, ["no document reference is lost"]);
}

#[test]
fn finds_a_lost_response_that_counts_as_not_applied() {
    let broken = broken_by(Mutation::LostMeansNotApplied, &[Patient], 1, 0);
    assert!(broken.contains(&"nothing exists twice"), "{broken:?}");
}

#[test]
fn finds_a_row_store_without_versions() {
    let broken = broken_by(Mutation::NoRowVersionCheck, &[Patient], 0, 1);
    assert_eq!(broken, ["a recorded result stays"]);
}

#[test]
fn finds_assignments_without_a_version_of_their_own() {
    let broken = broken_by(Mutation::SameVersionForEachAssignment, &[Patient], 2, 1);
    assert_eq!(broken, ["the report of a parked row is current"]);
}

#[test]
fn finds_a_person_who_does_not_look() {
    let broken = broken_by(Mutation::PersonGuesses, &[Patient], 1, 0);
    assert_eq!(broken, ["nothing exists twice"]);
}

/// The limit that `carium::onboarding` documents: a call that is on its way while a person looks arrives later.
#[test]
fn a_person_who_decides_while_a_worker_is_suspended_can_be_wrong() {
    let broken = broken_by(Mutation::PersonDoesNotWait, &[Patient], 0, 1);
    assert_eq!(broken, ["nothing exists twice"]);
}
