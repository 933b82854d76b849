//! Tests of workers in separate processes, which are killed, suspended and resumed.
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

use self::support::{KEY, QueueFixture, add_lookups, full_row, letter, lines, patient_row, write_letters};

/// Prints a message that the test harness does not capture, so that it is visible when the test passes.
macro_rules! report {
    ($($arguments:tt)*) => {
        let _ = writeln!(io::stderr(), $($arguments)*);
    };
}

/// The number of rows that a worker processes at a time.
const CONCURRENCY: usize = 16;

/// A worker in a separate process, which runs only the test `worker` of this program.
struct WorkerProcess(Child);

impl WorkerProcess {
    fn start(fixture: &QueueFixture, sandbox: &Sandbox) -> Self {
        let queue = match &fixture.location {
            QueueLocation::Postgres(url) => url.clone(),
            QueueLocation::Sqlite(path) => path.display().to_string(),
            _ => unreachable!("queue locations are files or servers"),
        };
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "worker", "--ignored", "--nocapture"]);
        command
            .env("TEST_QUEUE", queue)
            .env("TEST_URL", sandbox.url())
            .env("TEST_FOLDER", fixture.folder.path());
        command.env("TEST_ORGANIZATION", sandbox.fake().organization().to_string());
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }

    #[cfg(feature = "postgres")]
    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success());
    }

    /// Kills the process with SIGKILL, so that it cannot clean up.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits until the worker stops because all rows are settled.
    async fn finish(mut self) {
        let started = Instant::now();
        while self.0.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < Duration::from_mins(20), "the worker does not stop");
            sleep(Duration::from_millis(50)).await;
        }
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs a worker for the other tests, which start it in a separate process"]
async fn worker() {
    let Ok(queue) = env::var("TEST_QUEUE") else { return };
    let organization = env::var("TEST_ORGANIZATION").unwrap().parse().unwrap();
    let (target, location) = (Target::sandbox(Some(organization)), QueueLocation::parse(&queue));
    let queue = match location {
        QueueLocation::Postgres(_) => {
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
    let options = WorkOptions::new().max_concurrent_rows(CONCURRENCY).stop_when_settled();
    let folder = env::var("TEST_FOLDER").unwrap();
    let worker =
        queue.work(options, |ledger| carium.onboarding(ledger).documents_folder(folder)).await.unwrap();
    worker.join().await.unwrap();
}

/// Waits until the service has this number of patients.
async fn wait_for_patients(fake: &FakeCarium, patients: usize) {
    let started = Instant::now();
    while fake.patients().len() < patients {
        assert!(
            started.elapsed() < Duration::from_mins(5),
            "there are {} patients instead of {patients}",
            fake.patients().len()
        );
        sleep(Duration::from_millis(10)).await;
    }
}

/// Creates a queue and submits full rows to it.
async fn submit_rows(fixture: &QueueFixture, sandbox: &Sandbox, rows: usize) -> OnboardingQueue {
    let fake = sandbox.fake();
    add_lookups(fake);
    write_letters(fixture.folder.path(), 0..rows);
    let file = fixture.write("patients.ndjson", &lines((0..rows).map(|number| full_row(fake, number))));
    let queue = fixture.open(fake).await;
    let submission = queue.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!(submission.new, rows as u64, "{submission:?}");
    queue
}

/// Runs workers and resolves unknown steps from the data of the sandbox, until no row is parked. Returns the number
/// of rows that were unknown.
async fn complete_all(queue: &OnboardingQueue, fixture: &QueueFixture, sandbox: &Sandbox) -> usize {
    let fake = sandbox.fake();
    let mut unknown = HashSet::new();
    for _ in 0..5 {
        WorkerProcess::start(fixture, sandbox).finish().await;
        let parked: Vec<RowRecord> = queue.parked().try_collect().await.unwrap();
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
                let resolution = look_up(fake, step, &email);
                queue.resolve(row.row, step, resolution).await.unwrap();
            }
        }
    }
    panic!("rows are still parked after five runs");
}

/// Checks in the sandbox whether a step was applied, as a person would.
fn look_up(fake: &FakeCarium, step: &Step, email: &str) -> Resolution {
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
            let appointment =
                appointments.iter().find(|(_, appointment)| Some(appointment.individual_id) == id);
            appointment.map_or(Resolution::NotApplied, |(id, _)| Resolution::Created((*id).into()))
        }
        step => panic!("{step} must not be unknown, because workers look it up"),
    }
}

/// Asserts that every patient, invitation, document and appointment was created exactly once.
async fn assert_everything_created_once(queue: &OnboardingQueue, fake: &FakeCarium, rows: usize) {
    let counts = queue.status().await.unwrap();
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
    // A new sandbox already has appointments and documents of other patients.
    let mut appointments = fake.appointments();
    appointments.retain(|(_, appointment)| numbers.contains_key(&appointment.individual_id));
    let patients_with_appointment: HashSet<_> =
        appointments.iter().map(|(_, appointment)| appointment.individual_id).collect();
    assert_eq!((appointments.len(), patients_with_appointment.len()), (rows, rows));
    let mut with_document = HashSet::new();
    // References without a file were created by workers that were then killed. The report must list them as orphans.
    let mut documents = fake.documents();
    documents.retain(|document| numbers.contains_key(&document.attributes.individual_id));
    let mut orphans: HashSet<_> = documents.iter().map(|document| document.id).collect();
    for document in documents.iter().filter(|document| document.is_processed) {
        let number = numbers[&document.attributes.individual_id];
        assert_eq!(fake.document_bytes(document.id).unwrap(), letter(number).as_bytes());
        assert!(with_document.insert(number), "patient {number} has a duplicate document");
        orphans.remove(&document.id);
    }
    assert_eq!(with_document.len(), rows);
    for number in 0..rows {
        assert_eq!(fake.invitations_to(&format!("zoe{number}@example.com")).len(), 1, "{number}");
    }
    let report: Vec<RowRecord> = queue.report().try_collect().await.unwrap();
    for row in &report {
        assert_eq!(row.state, RowState::Completed);
        for report in row.outcome.as_ref().unwrap().steps() {
            for orphan in &report.orphans {
                orphans.remove(orphan);
            }
        }
    }
    assert!(orphans.is_empty(), "{} references are missing in the report", orphans.len());
}

async fn completes_after_kills(rows: usize) {
    const KILLS: usize = 10;
    let (fixture, sandbox) = (QueueFixture::sqlite(), Sandbox::start().await.unwrap());
    let queue = submit_rows(&fixture, &sandbox, rows).await;
    for kill in 1..=KILLS {
        let worker = WorkerProcess::start(&fixture, &sandbox);
        wait_for_patients(sandbox.fake(), kill * rows / (KILLS + 2)).await;
        sleep(Duration::from_millis(fastrand::u64(0..300))).await;
        worker.kill();
        let counts = queue.status().await.unwrap();
        assert_eq!(counts.rows(), rows as u64, "{counts:?}");
        assert!(counts.pending + counts.running > 0, "the worker was killed too late");
    }
    let unknown = complete_all(&queue, &fixture, &sandbox).await;
    report!("{rows} rows, {KILLS} kills, {unknown} rows unknown");
    assert!(unknown <= KILLS * CONCURRENCY, "{unknown}");
    assert_everything_created_once(&queue, sandbox.fake(), rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn creates_everything_once_when_workers_are_killed() {
    completes_after_kills(1000).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; `cargo xtask ci --full` runs it"]
async fn creates_everything_once_when_workers_are_killed_in_ten_thousand_rows() {
    completes_after_kills(10_000).await;
}

#[cfg(feature = "postgres")]
async fn completes_after_kill_suspension_and_restart(rows: usize) {
    let Some(mut fixture) = QueueFixture::postgres() else { return };
    let sandbox = Sandbox::start().await.unwrap();
    let queue = submit_rows(&fixture, &sandbox, rows).await;
    let [killed, suspended, undisturbed] = std::array::from_fn(|_| WorkerProcess::start(&fixture, &sandbox));
    wait_for_patients(sandbox.fake(), rows / 6).await;
    killed.kill();
    wait_for_patients(sandbox.fake(), rows / 4).await;
    suspended.signal("-STOP");
    let suspended_at = Instant::now();
    wait_for_patients(sandbox.fake(), rows / 2).await;
    fixture.server().restart();
    // Longer than the heartbeat timeout, so that the other worker reclaims the rows.
    sleep(Duration::from_secs(9).saturating_sub(suspended_at.elapsed())).await;
    suspended.signal("-CONT");
    suspended.finish().await;
    undisturbed.finish().await;
    let unknown = complete_all(&queue, &fixture, &sandbox).await;
    report!("{rows} rows, 3 workers, {unknown} rows unknown");
    assert!(unknown <= 4 * CONCURRENCY, "{unknown}");
    assert_everything_created_once(&queue, sandbox.fake(), rows).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn creates_everything_once_when_workers_are_killed_and_suspended() {
    completes_after_kill_suspension_and_restart(1000).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; `cargo xtask ci --full` runs it"]
async fn creates_everything_once_when_workers_are_killed_and_suspended_in_ten_thousand_rows() {
    completes_after_kill_suspension_and_restart(10_000).await;
}

/// A worker that is suspended during a transaction keeps the locks of the transaction for a limited time only.
#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn continues_the_row_of_a_worker_that_is_suspended_during_a_transaction() {
    let Some(fixture) = QueueFixture::postgres() else { return };
    let sandbox = Sandbox::start().await.unwrap();
    let queue = submit_rows(&fixture, &sandbox, 1).await;
    let QueueLocation::Postgres(url) = &fixture.location else { panic!("the queue is not on a server") };
    let pool = sqlx::PgPool::connect(url).await.unwrap();
    // The worker waits for the end of this transaction when it writes its first intent.
    let mut transaction = pool.begin().await.unwrap();
    let sql = "INSERT INTO carium_ledger (row_key, step, version, entry)
        SELECT row_key, 'patient', '', '' FROM carium_row";
    sqlx::query(sql).execute(&mut *transaction).await.unwrap();
    let suspended = WorkerProcess::start(&fixture, &sandbox);
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&pool).await.unwrap() == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    suspended.signal("-STOP");
    transaction.rollback().await.unwrap();
    let other = WorkerProcess::start(&fixture, &sandbox);
    wait_for_patients(sandbox.fake(), 1).await;
    other.finish().await;
    suspended.signal("-CONT");
    suspended.finish().await;
    assert_everything_created_once(&queue, sandbox.fake(), 1).await;
}

async fn two_workers_share_one_rate_limit(fixture: QueueFixture) {
    const RATE: f64 = 20.0;
    let sandbox = Sandbox::start().await.unwrap();
    let fake = sandbox.fake();
    let file = fixture.write("patients.ndjson", &lines((0..1000).map(|number| patient_row(fake, number))));
    let queue = fixture.open(fake).await;
    queue.submit(&file, RowOptions::new()).await.unwrap();
    queue.set_limits(Limits::unlimited().max_calls_per_second(RATE)).await.unwrap();
    let workers = [WorkerProcess::start(&fixture, &sandbox), WorkerProcess::start(&fixture, &sandbox)];
    // Wait until both workers have been running for some time.
    wait_for_patients(fake, 60).await;
    let (started, before) = (Instant::now(), fake.patients().len());
    sleep(Duration::from_secs(10)).await;
    let (elapsed, after) = (started.elapsed(), fake.patients().len());
    drop(workers);
    let created = f64::from(u32::try_from(after - before).unwrap());
    let rate = created / elapsed.as_secs_f64();
    report!("{rate:.2} calls per second with a limit of {RATE}");
    assert!((rate / RATE - 1.0).abs() < 0.05, "{rate}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_one_rate_limit_with_sqlite() {
    two_workers_share_one_rate_limit(QueueFixture::sqlite()).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_one_rate_limit_with_postgres() {
    if let Some(fixture) = QueueFixture::postgres() {
        two_workers_share_one_rate_limit(fixture).await;
    }
}
