//! Workers that are processes of their own, and what becomes of a queue when they are killed, stopped and woken.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::{HashMap, HashSet};
use std::env;
use std::io::{self, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use carium::onboarding::{Resolution, Step, StepOutcome};
use carium::{Carium, Credentials};
use carium_bulk::rows::RowOptions;
use carium_bulk::{
    EncryptionKey, Limits, OnboardingQueue, QueueLocation, RowRecord, RowState, Target, WorkOptions,
};
use carium_mock::{FakeCarium, Sandbox};
use futures_util::TryStreamExt as _;
use tokio::time::sleep;

use self::support::{KEY, RowLocation, furnish, letter, lines, patient, whole_row, write_letters};

/// Says something past the harness, which keeps what a test that passes prints.
macro_rules! say {
    ($($what:tt)*) => {
        let _ = writeln!(io::stderr(), $($what)*);
    };
}

/// How many rows a worker has at a time.
const AT_A_TIME: usize = 16;

/// A worker in a process of its own: this program, with the test `worker` alone.
struct Worker(Child);

impl Worker {
    fn start(place: &RowLocation, sandbox: &Sandbox) -> Self {
        let queue = match &place.location {
            QueueLocation::Server(url) => url.clone(),
            QueueLocation::File(path) => path.display().to_string(),
            _ => unreachable!("there are no others"),
        };
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "worker", "--ignored", "--nocapture"]);
        command
            .env("TEST_QUEUE", queue)
            .env("TEST_URL", sandbox.url())
            .env("TEST_FOLDER", place.folder.path());
        command.env("TEST_ORGANIZATION", sandbox.fake().organization().to_string());
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }

    #[cfg(feature = "postgres")]
    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success());
    }

    /// SIGKILL: nothing can be done about it, and nothing is done after it.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Until it has found nothing more to do.
    async fn finish(mut self) {
        let begun = Instant::now();
        while self.0.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_mins(20), "the worker does not come to an end");
            sleep(Duration::from_millis(50)).await;
        }
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the process of a worker, which other tests start"]
async fn worker() {
    let Ok(queue) = env::var("TEST_QUEUE") else { return };
    let organization = env::var("TEST_ORGANIZATION").unwrap().parse().unwrap();
    let (target, location) = (Target::sandbox(Some(organization)), QueueLocation::parse(&queue));
    let bulk = match location {
        QueueLocation::Server(_) => {
            OnboardingQueue::open_encrypted(&location, target, &EncryptionKey::from(KEY)).await.unwrap()
        }
        _ => OnboardingQueue::open(&location, target).await.unwrap(),
    };
    let carium = Carium::builder()
        .base_url(env::var("TEST_URL").unwrap())
        .credentials(Credentials::new("username", "password").unwrap())
        .organization(organization)
        .build()
        .unwrap();
    let options = WorkOptions::new().max_concurrent_rows(AT_A_TIME).stop_when_settled();
    let folder = env::var("TEST_FOLDER").unwrap();
    let working =
        bulk.work(options, |ledger| carium.onboarding(ledger).documents_folder(folder)).await.unwrap();
    working.stopped().await.unwrap();
}

/// Waits until so many patients are there.
async fn until_patients(fake: &FakeCarium, patients: usize) {
    let begun = Instant::now();
    while fake.patients().len() < patients {
        assert!(
            begun.elapsed() < Duration::from_mins(5),
            "{} patients, not {patients}",
            fake.patients().len()
        );
        sleep(Duration::from_millis(10)).await;
    }
}

async fn submitted(place: &RowLocation, sandbox: &Sandbox, rows: usize) -> OnboardingQueue {
    let fake = sandbox.fake();
    furnish(fake);
    write_letters(place.folder.path(), 0..rows);
    let file = place.write("patients.ndjson", &lines((0..rows).map(|number| whole_row(fake, number))));
    let bulk = place.open(fake).await;
    let submission = bulk.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!(submission.new, rows as u64, "{submission:?}");
    bulk
}

/// Finishes what is left: says of each unknown step what the sandbox knows of it, until nothing is parked. Gives how
/// many rows were unknown.
async fn settle(bulk: &OnboardingQueue, place: &RowLocation, sandbox: &Sandbox) -> usize {
    let fake = sandbox.fake();
    let mut unknown = HashSet::new();
    for _ in 0..5 {
        Worker::start(place, sandbox).finish().await;
        let parked: Vec<RowRecord> = bulk.parked().try_collect().await.unwrap();
        if parked.is_empty() {
            return unknown.len();
        }
        for row in parked {
            assert_eq!(row.state, RowState::Unknown, "{row:?}");
            unknown.insert(row.row);
            let email = format!("zoe{}@example.com", row.line - 1);
            let outcome = row.outcome.unwrap();
            let steps = outcome.steps().iter();
            let steps = steps.filter(|report| matches!(report.result, StepOutcome::Unknown(_)));
            for step in steps.map(|report| &report.step) {
                let resolution = looked_up(fake, step, &email);
                bulk.resolve(row.row, step, resolution).await.unwrap();
            }
        }
    }
    panic!("rows are parked again and again");
}

fn looked_up(fake: &FakeCarium, step: &Step, email: &str) -> Resolution {
    let patients = fake.patients();
    let mut patients = patients.iter();
    let id =
        patients.find(|(_, patient)| patient.email.as_ref().unwrap().as_str() == email).map(|(id, _)| *id);
    match step {
        Step::Patient => id.map_or(Resolution::NotApplied, |id| Resolution::Created(id.into())),
        Step::Invitation(_) if fake.invitations_to(email).is_empty() => Resolution::NotApplied,
        Step::Invitation(_) => Resolution::Sent,
        Step::Appointment => {
            let appointments = fake.appointments();
            let booked = appointments.iter().find(|(_, booked)| Some(booked.individual_id) == id);
            booked.map_or(Resolution::NotApplied, |(id, _)| Resolution::Created((*id).into()))
        }
        step => panic!("{step} is looked up by the worker"),
    }
}

/// Every patient once, with everything that was asked for, once.
async fn each_is_there_once(bulk: &OnboardingQueue, fake: &FakeCarium, rows: usize) {
    let counts = bulk.status().await.unwrap();
    assert_eq!((counts.completed, counts.rows()), (rows as u64, rows as u64));
    let patients = fake.patients();
    assert_eq!(patients.len(), rows);
    let numbers: HashMap<_, usize> = patients
        .iter()
        .map(|(id, patient)| {
            let email = patient.email.as_ref().unwrap().as_str();
            (*id, email.trim_start_matches("zoe").trim_end_matches("@example.com").parse().unwrap())
        })
        .collect();
    let distinct: HashSet<usize> = numbers.values().copied().collect();
    assert_eq!(distinct.len(), rows);
    // The sandbox has others' from the beginning.
    let mut appointments = fake.appointments();
    appointments.retain(|(_, appointment)| numbers.contains_key(&appointment.individual_id));
    let booked: HashSet<_> = appointments.iter().map(|(_, appointment)| appointment.individual_id).collect();
    assert_eq!((appointments.len(), booked.len()), (rows, rows));
    let mut filed = HashSet::new();
    // References without a file are those of workers who were killed; the report names them.
    let mut documents = fake.documents();
    documents.retain(|document| numbers.contains_key(&document.attributes.individual_id));
    let mut orphans: HashSet<_> = documents.iter().map(|document| document.id).collect();
    for document in documents.iter().filter(|document| document.is_processed) {
        let number = numbers[&document.attributes.individual_id];
        // The same bytes have the same digest.
        assert_eq!(fake.document_bytes(document.id).unwrap(), letter(number).as_bytes());
        assert!(filed.insert(number), "a document is there twice");
        orphans.remove(&document.id);
    }
    assert_eq!(filed.len(), rows);
    for number in 0..rows {
        assert_eq!(fake.invitations_to(&format!("zoe{number}@example.com")).len(), 1, "{number}");
    }
    let report: Vec<RowRecord> = bulk.report().try_collect().await.unwrap();
    for row in &report {
        assert_eq!(row.state, RowState::Completed);
        for report in row.outcome.as_ref().unwrap().steps() {
            for orphan in &report.orphans {
                orphans.remove(orphan);
            }
        }
    }
    assert!(orphans.is_empty(), "references that nobody knows of: {}", orphans.len());
}

async fn workers_are_killed(rows: usize) {
    const KILLS: usize = 10;
    let (place, sandbox) = (RowLocation::new(), Sandbox::start().await.unwrap());
    let bulk = submitted(&place, &sandbox, rows).await;
    for kill in 1..=KILLS {
        let worker = Worker::start(&place, &sandbox);
        until_patients(sandbox.fake(), kill * rows / (KILLS + 2)).await;
        sleep(Duration::from_millis(fastrand::u64(0..300))).await;
        worker.kill();
        let counts = bulk.status().await.unwrap();
        assert_eq!(counts.rows(), rows as u64, "{counts:?}");
        assert!(counts.pending + counts.running > 0, "it was killed too late");
    }
    let unknown = settle(&bulk, &place, &sandbox).await;
    say!("{rows} rows, {KILLS} kills, {unknown} rows unknown");
    assert!(unknown <= KILLS * AT_A_TIME, "{unknown}");
    each_is_there_once(&bulk, sandbox.fake(), rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_killed_ten_times() {
    workers_are_killed(1000).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; `cargo xtask ci --full` runs it"]
async fn a_worker_is_killed_ten_times_in_ten_thousand_rows() {
    workers_are_killed(10_000).await;
}

#[cfg(feature = "postgres")]
async fn everything_happens_to_three_workers(rows: usize) {
    let Some(mut place) = RowLocation::on_server() else { return };
    let sandbox = Sandbox::start().await.unwrap();
    let bulk = submitted(&place, &sandbox, rows).await;
    let [killed, paused, lucky] = std::array::from_fn(|_| Worker::start(&place, &sandbox));
    until_patients(sandbox.fake(), rows / 6).await;
    killed.kill();
    until_patients(sandbox.fake(), rows / 4).await;
    paused.signal("-STOP");
    let stopped = Instant::now();
    until_patients(sandbox.fake(), rows / 2).await;
    place.server().restart();
    // Longer than a worker may be silent before the others take its rows up.
    sleep(Duration::from_secs(9).saturating_sub(stopped.elapsed())).await;
    paused.signal("-CONT");
    paused.finish().await;
    lucky.finish().await;
    let unknown = settle(&bulk, &place, &sandbox).await;
    say!("{rows} rows, 3 workers, {unknown} rows unknown");
    assert!(unknown <= 4 * AT_A_TIME, "{unknown}");
    each_is_there_once(&bulk, sandbox.fake(), rows).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn of_three_workers_one_is_killed_and_one_paused() {
    everything_happens_to_three_workers(1000).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; `cargo xtask ci --full` runs it"]
async fn of_three_workers_one_is_killed_and_one_paused_in_ten_thousand_rows() {
    everything_happens_to_three_workers(10_000).await;
}

async fn two_workers_keep_to_one_rate(place: RowLocation) {
    const RATE: f64 = 20.0;
    let sandbox = Sandbox::start().await.unwrap();
    let fake = sandbox.fake();
    let file = place.write("patients.ndjson", &lines((0..1000).map(|number| patient(fake, number))));
    let bulk = place.open(fake).await;
    bulk.submit(&file, RowOptions::new()).await.unwrap();
    bulk.set_limits(Limits::unlimited().max_calls_per_second(RATE)).await.unwrap();
    let workers = [Worker::start(&place, &sandbox), Worker::start(&place, &sandbox)];
    // Both are at work for some time.
    until_patients(fake, 60).await;
    let (begun, before) = (Instant::now(), fake.patients().len());
    sleep(Duration::from_secs(10)).await;
    let (elapsed, after) = (begun.elapsed(), fake.patients().len());
    drop(workers);
    let created = f64::from(u32::try_from(after - before).unwrap());
    let rate = created / elapsed.as_secs_f64();
    say!("{rate:.2} a second, of {RATE}");
    assert!((rate / RATE - 1.0).abs() < 0.05, "{rate}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_rate_is_kept_in_a_file() {
    two_workers_keep_to_one_rate(RowLocation::new()).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn one_rate_is_kept_on_a_server() {
    if let Some(place) = RowLocation::on_server() {
        two_workers_keep_to_one_rate(place).await;
    }
}
