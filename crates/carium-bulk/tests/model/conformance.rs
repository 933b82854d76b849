//! The ledger of the model follows the same rules as the real one: random paths of the model are repeated on a queue.

use std::collections::BTreeMap;

use carium::onboarding::{EntryVersion, Ledger, LedgerEntry, RowKey};
use carium_bulk::{OnboardingQueue, QueueLocation, Target};
use carium_mock::FakeCarium;
use fastrand::Rng;
use stateright::Model as _;

use crate::protocol::{Action, Bounds, Protocol};
use crate::run::Part::{self, Appointment, Document, Invitation, Patient};

const PATHS: u64 = 60;

type Entries = BTreeMap<Part, LedgerEntry>;

/// An action on the ledger, with its entries before and after the action.
struct Step {
    /// The write of a worker. A person's decisions are the differences.
    write: Option<(Part, Option<EntryVersion>, LedgerEntry)>,
    before: Entries,
    after: Entries,
}

/// Follows a random path of the model to its end.
fn random_path(seed: u64) -> Vec<Step> {
    let protocol =
        Protocol::new(&[Patient, Invitation, Appointment, Document(0)], Bounds { faults: 4, overlaps: 2 });
    let mut random = Rng::with_seed(seed);
    let mut state = protocol.init_states().remove(0);
    let mut path = Vec::new();
    loop {
        let mut actions = Vec::new();
        protocol.actions(&state, &mut actions);
        let Some(action) = random.choice(actions) else { return path };
        let next = protocol.next_state(&state, action).unwrap();
        let (before, after) = (protocol.ledger(&state), protocol.ledger(&next));
        let write = protocol.applied_write(&state, action);
        if write.is_some() || action == Action::Person {
            path.push(Step { write, before, after });
        }
        state = next;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ledger_of_a_queue_does_what_the_model_does() {
    let folder = tempfile::tempdir().unwrap();
    let location = QueueLocation::Sqlite(folder.path().join("queue.db"));
    let target = Target::sandbox(FakeCarium::new().organization());
    repeat_paths(&*OnboardingQueue::open(&location, target).await.unwrap().ledger()).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn ledger_of_a_queue_on_a_server_does_what_the_model_does() {
    let Some(server) = crate::postgres::PostgresServer::start() else { return };
    let location = QueueLocation::Postgres(server.url());
    let target = Target::sandbox(FakeCarium::new().organization());
    let key = carium_bulk::EncryptionKey::from([1; 32]);
    repeat_paths(&*OnboardingQueue::open_encrypted(&location, target, &key).await.unwrap().ledger()).await;
}

async fn repeat_paths(ledger: &dyn Ledger) {
    let (mut writes, mut refused, mut decisions) = (0, 0, 0);
    for seed in 0..PATHS {
        // The runs of the model have a runtime of their own.
        let path = tokio::task::spawn_blocking(move || random_path(seed)).await.unwrap();
        let row = RowKey::new(format!("row {seed}"));
        for (number, Step { write, before, after }) in path.into_iter().enumerate() {
            let place = format!("seed {seed}, action {number}");
            if let Some((part, expected, entry)) = write {
                let (step, current) = (part.step(), before.get(&part));
                let is_written = match expected {
                    None => {
                        let existing = ledger.insert(&row, &step, &entry).await.unwrap();
                        // The ledger returns the existing entry without its presigned form.
                        let without_form = |entry: &LedgerEntry| serde_json::to_value(entry).unwrap();
                        assert_eq!(existing.as_ref().map(without_form), current.map(without_form), "{place}");
                        existing.is_none()
                    }
                    Some(version) => {
                        let is_written = ledger.compare_and_swap(&row, &step, version, &entry).await.unwrap();
                        assert_eq!(is_written, current.map(LedgerEntry::version) == Some(version), "{place}");
                        is_written
                    }
                };
                writes += 1;
                refused += u32::from(!is_written);
            } else {
                for (part, new) in after.iter().filter(|(part, new)| before.get(part) != Some(new)) {
                    let old = before[part].version();
                    assert!(ledger.compare_and_swap(&row, &part.step(), old, new).await.unwrap(), "{place}");
                    decisions += 1;
                }
            }
            let entries: BTreeMap<_, _> = ledger.entries(&row).await.unwrap().into_iter().collect();
            let after: BTreeMap<_, _> = after.into_iter().map(|(part, entry)| (part.step(), entry)).collect();
            assert_eq!(entries, after, "{place}");
        }
    }
    assert!(writes > 500 && refused > 50 && decisions > 5, "{writes}, {refused}, {decisions}");
}
