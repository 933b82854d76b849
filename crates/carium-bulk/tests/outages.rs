//! Outages of the service: rows wait until they are over, and none needs a person.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use carium::api::bytes::Bytes;
use carium::api::http::{Request, Response};
use carium::api::{Operation, Transport, TransportError, async_trait, operations};
use carium::onboarding::{OnboardingOutcome, SkipReason, Step, StepOutcome};
use carium::{Carium, ErrorKind, RetryPolicy, TransportFailure};
use carium_bulk::rows::RowOptions;
use carium_bulk::{Limits, OnboardingQueue, QueueLocation, RowCounts, RowRecord, WorkOptions, WorkerHandle};
use carium_mock::{FakeCarium, Fault, FaultResponse};
use futures_util::TryStreamExt as _;
use tokio::time::sleep;

use self::support::{
    QueueFixture, add_lookups, full_row, lines, patient_row, test_both_backends, write_letters,
};

test_both_backends![
    rows_wait_while_the_service_cannot_be_reached,
    worker_stops_after_the_maximum_outage_and_continues_when_started_again,
    refused_sign_in_stops_the_worker_at_once,
    rows_wait_while_every_call_is_rate_limited,
    rows_wait_while_every_creation_fails,
    missing_permissions_park_no_row,
    missing_permissions_are_noticed_at_a_low_rate,
    unreadable_responses_to_lookups_park_no_row,
    a_failed_lookup_is_repeated,
    an_earlier_check_does_not_hide_an_outage,
    rows_wait_while_a_proxy_responds,
    creations_wait_while_a_proxy_responds,
    rows_wait_while_their_files_cannot_be_read,
    row_that_alone_is_refused_is_parked,
    two_workers_share_one_outage,
    only_calls_that_cannot_be_looked_up_wait_for_a_person,
];

/// A transport that can lose its connection to the service.
struct Cable {
    inner: Arc<dyn Transport>,
    is_cut: Arc<AtomicBool>,
}

#[async_trait]
impl Transport for Cable {
    async fn send(
        &self,
        operation: &Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        if self.is_cut.load(Ordering::Relaxed) {
            return Err(TransportFailure::not_sent("no route to host").into());
        }
        self.inner.send(operation, request).await
    }
}

/// A service, its client and a queue of rows.
struct Scene {
    fake: FakeCarium,
    client: Carium,
    is_cut: Arc<AtomicBool>,
    queue: OnboardingQueue,
    fixture: QueueFixture,
}

impl Scene {
    async fn new(fixture: QueueFixture, row: fn(&FakeCarium, usize) -> String, rows: usize) -> Self {
        Self::with_attempts(1, fixture, row, rows).await
    }

    /// Creates a scene whose client sends each call up to this number of times.
    async fn with_attempts(
        attempts: u32,
        fixture: QueueFixture,
        row: fn(&FakeCarium, usize) -> String,
        rows: usize,
    ) -> Self {
        let fake = FakeCarium::new();
        add_lookups(&fake);
        write_letters(fixture.folder.path(), 0..rows);
        let is_cut = Arc::<AtomicBool>::default();
        let cable = Arc::clone(&is_cut);
        let client = fake
            .client_builder()
            .retry_policy(
                RetryPolicy::default()
                    .max_attempts(attempts)
                    .backoff(Duration::from_millis(1), Duration::from_millis(10)),
            )
            .wrap_transport(|inner| Arc::new(Cable { inner, is_cut: cable }))
            .build()
            .unwrap();
        let queue = fixture.open(&fake).await;
        let file = fixture.write("rows.ndjson", &lines((0..rows).map(|number| row(&fake, number))));
        queue.submit(&file, RowOptions::new()).await.unwrap();
        Self { fake, client, is_cut, queue, fixture }
    }

    async fn work(&self, options: WorkOptions) -> WorkerHandle {
        let folder = self.fixture.folder.path().to_owned();
        let onboarding = |ledger| self.client.onboarding(ledger).documents_folder(folder);
        self.queue.work(options.stop_when_settled(), onboarding).await.unwrap()
    }

    fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::Relaxed);
    }

    /// Responds in this way to every call except sign-ins.
    fn fail_every_call(&self, response: &FaultResponse) {
        let failing = operations::ALL.iter().filter(|operation| operation.id != "login");
        let respond = |operation| Fault::on(operation).every_call().respond(response.clone());
        self.fake.set_faults(failing.map(|operation| respond(operation)).collect::<Vec<_>>());
    }

    async fn wait_for_patients(&self, patients: usize) {
        while self.fake.patients().len() < patients {
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn counts(&self) -> RowCounts {
        self.queue.status().await.unwrap()
    }

    async fn rows(&self) -> Vec<RowRecord> {
        self.queue.report().try_collect().await.unwrap()
    }
}

/// Waits until the worker is paused, and checks the cause.
async fn wait_for_outage(worker: &WorkerHandle, kind: ErrorKind) {
    let mut outage = worker.outage();
    let outage = outage.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert_eq!(outage.kind, kind, "{outage:?}");
    assert!(outage.next_attempt >= outage.since && !outage.message.is_empty(), "{outage:?}");
}

async fn rows_wait_while_the_service_cannot_be_reached(fixture: QueueFixture) {
    let scene = Scene::new(fixture, full_row, 150).await;
    let worker = scene.work(WorkOptions::new().max_attempts(1)).await;
    scene.wait_for_patients(40).await;
    scene.cut(true);
    wait_for_outage(&worker, ErrorKind::Unavailable).await;
    assert_eq!(scene.queue.outage().await.unwrap().map(|outage| outage.kind), Some(ErrorKind::Unavailable));
    sleep(Duration::from_secs(2)).await;
    let counts = scene.counts().await;
    assert!(counts.parked() == 0 && counts.completed < 150, "{counts:?}");
    scene.cut(false);
    worker.join().await.unwrap();
    assert_eq!((scene.counts().await.completed, scene.fake.patients().len()), (150, 150));
    assert!(scene.rows().await.iter().all(|row| row.attempts == 0), "no attempt is counted");
    assert_eq!(scene.queue.outage().await.unwrap(), None);
}

async fn worker_stops_after_the_maximum_outage_and_continues_when_started_again(fixture: QueueFixture) {
    let scene = Scene::new(fixture, patient_row, 60).await;
    scene.cut(true);
    let worker = scene.work(WorkOptions::new().max_outage(Duration::from_secs(2))).await;
    let error = worker.join().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("rows stay pending"), "{error}");
    let counts = scene.counts().await;
    assert_eq!((counts.pending, counts.rows()), (60, 60));
    // The stored outage is tried again at once, although it has lasted for longer than the maximum.
    scene.cut(false);
    scene.work(WorkOptions::new().max_outage(Duration::from_secs(2))).await.join().await.unwrap();
    assert_eq!(scene.counts().await.completed, 60);
}

async fn refused_sign_in_stops_the_worker_at_once(fixture: QueueFixture) {
    let scene = Scene::new(fixture, patient_row, 400).await;
    let worker = scene.work(WorkOptions::new()).await;
    scene.wait_for_patients(50).await;
    let refused = Fault::on(&operations::LOGIN).every_call().respond(FaultResponse::status(401));
    scene.fake.set_faults([refused]);
    let sign_ins = || scene.fake.calls().iter().filter(|call| call.operation == "login").count();
    let before = sign_ins();
    scene.fake.revoke_tokens();
    let error = worker.join().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    let counts = scene.counts().await;
    assert_eq!((counts.parked(), counts.completed + counts.pending), (0, 400), "{counts:?}");
    assert!(sign_ins() - before <= 2, "{} sign-ins", sign_ins() - before);
    scene.fake.clear_faults();
    // The client keeps the refusal for some seconds.
    sleep(Duration::from_secs(5)).await;
    scene.work(WorkOptions::new()).await.join().await.unwrap();
    assert_eq!(scene.counts().await.completed, 400);
}

async fn rows_wait_while_every_call_is_rate_limited(fixture: QueueFixture) {
    let scene = Scene::new(fixture, patient_row, 100).await;
    scene.fail_every_call(&FaultResponse::status(429).header("retry-after", "4"));
    let worker = scene.work(WorkOptions::new().max_attempts(1)).await;
    wait_for_outage(&worker, ErrorKind::RateLimited).await;
    let outage = scene.queue.outage().await.unwrap().unwrap();
    let delay = outage.next_attempt.duration_since(outage.since).unwrap();
    assert!(delay >= Duration::from_secs(4), "the service asked for a delay: {delay:?}");
    // The heartbeat reads the outage each second, and announces only what has changed.
    let mut announced = worker.outage();
    let before = announced.borrow_and_update().clone();
    sleep(Duration::from_millis(1_300)).await;
    let is_changed = announced.has_changed().unwrap();
    assert_eq!(is_changed, *announced.borrow() != before);
    scene.fake.clear_faults();
    worker.join().await.unwrap();
    assert_eq!(scene.counts().await.completed, 100);
}

/// The service answers other calls, so a few attempts are counted, but far fewer than rows are allowed.
async fn rows_wait_while_every_creation_fails(fixture: QueueFixture) {
    let scene = Scene::new(fixture, patient_row, 100).await;
    let unavailable = Fault::on(&operations::CREATE_PATIENT).every_call();
    scene.fake.set_faults([unavailable.respond(FaultResponse::status(503))]);
    let worker = scene.work(WorkOptions::new()).await;
    wait_for_outage(&worker, ErrorKind::Unavailable).await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(scene.counts().await.parked(), 0);
    scene.fake.clear_faults();
    worker.join().await.unwrap();
    assert_eq!(scene.counts().await.completed, 100);
    assert!(scene.rows().await.iter().all(|row| row.attempts <= 2));
}

async fn missing_permissions_park_no_row(fixture: QueueFixture) {
    let scene = Scene::new(fixture, patient_row, 100).await;
    let forbidden = Fault::on(&operations::CREATE_PATIENT).every_call();
    scene.fake.set_faults([forbidden.respond(FaultResponse::status(403))]);
    let worker = scene.work(WorkOptions::new().max_outage(Duration::from_secs(3))).await;
    let error = worker.join().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden, "{error}");
    let counts = scene.counts().await;
    assert_eq!((counts.pending, counts.rows()), (100, 100), "{counts:?}");
    // The tenth row shows that the cause does not concern the rows. No later attempt is counted.
    let attempts: u64 = scene.rows().await.iter().map(|row| row.attempts).sum();
    assert!(attempts <= 9, "{attempts}");
    scene.fake.clear_faults();
    scene.work(WorkOptions::new()).await.join().await.unwrap();
    assert_eq!(scene.counts().await.completed, 100);
}

/// The failed rows are counted until one succeeds, however long this takes.
async fn missing_permissions_are_noticed_at_a_low_rate(fixture: QueueFixture) {
    let scene = Scene::new(fixture, patient_row, 12).await;
    scene.queue.set_limits(Limits::unlimited().max_calls_per_second(5.0)).await.unwrap();
    let forbidden = Fault::on(&operations::CREATE_PATIENT).every_call();
    scene.fake.set_faults([forbidden.respond(FaultResponse::status(403))]);
    let worker = scene.work(WorkOptions::new().max_outage(Duration::from_secs(1))).await;
    assert_eq!(worker.join().await.unwrap_err().kind(), ErrorKind::Forbidden);
    assert_eq!(scene.counts().await.pending, 12);
}

async fn unreadable_responses_to_lookups_park_no_row(fixture: QueueFixture) {
    let scene = Scene::new(fixture, full_row, 30).await;
    let html = FaultResponse::status(200).body("<html></html>");
    scene.fake.set_faults([
        Fault::on(&operations::LIST_PRACTITIONERS).respond(FaultResponse::status(302)),
        Fault::on(&operations::LIST_APPOINTMENT_TYPES).respond(html),
    ]);
    scene.work(WorkOptions::new()).await.join().await.unwrap();
    assert_eq!(scene.fake.unused_faults(), []);
    assert_eq!(scene.counts().await.completed, 30);
}

async fn a_failed_lookup_is_repeated(fixture: QueueFixture) {
    let scene = Scene::new(fixture, full_row, 1).await;
    let faults = [429, 503, 503].into_iter().zip(1..).map(|(status, call)| {
        let response = FaultResponse::status(status).header("retry-after", "1");
        Fault::on(&operations::LIST_PRACTITIONERS).call(call).respond(response)
    });
    scene.fake.set_faults(faults.collect::<Vec<_>>());
    scene.work(WorkOptions::new()).await.join().await.unwrap();
    assert_eq!((scene.fake.unused_faults(), scene.counts().await.completed), (Vec::new(), 1));
    assert_eq!(scene.rows().await[0].attempts, 2, "a rate limit does not count");
}

/// A check of the service is valid for a second. Then a failed row is a reason to check again.
async fn an_earlier_check_does_not_hide_an_outage(fixture: QueueFixture) {
    let scene = Scene::new(fixture, patient_row, 1).await;
    let unavailable = Fault::on(&operations::CREATE_PATIENT).every_call();
    scene.fake.set_faults([unavailable.respond(FaultResponse::status(503))]);
    let worker = scene.work(WorkOptions::new().max_attempts(3).max_outage(Duration::from_secs(1))).await;
    while scene.rows().await[0].attempts < 2 {
        sleep(Duration::from_millis(10)).await;
    }
    // The third attempt is at least a second later.
    scene.cut(true);
    assert_eq!(worker.join().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!((scene.counts().await.pending, scene.rows().await[0].attempts), (1, 2));
}

async fn rows_wait_while_a_proxy_responds(fixture: QueueFixture) {
    let scene = Scene::new(fixture, full_row, 60).await;
    scene.fail_every_call(&FaultResponse::status(302));
    let worker = scene.work(WorkOptions::new()).await;
    wait_for_outage(&worker, ErrorKind::Undecodable).await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(scene.counts().await.parked(), 0);
    scene.fake.clear_faults();
    worker.join().await.unwrap();
    assert_eq!(scene.counts().await.completed, 60);
}

/// The response to a creation is lost behind the page of a proxy, so its outcome is unknown. The check of the service sees
/// the page, too.
async fn creations_wait_while_a_proxy_responds(fixture: QueueFixture) {
    let scene = Scene::new(fixture, patient_row, 60).await;
    scene.fail_every_call(&FaultResponse::status(200).body("<html></html>"));
    let worker = scene.work(WorkOptions::new().max_concurrent_rows(4)).await;
    wait_for_outage(&worker, ErrorKind::Undecodable).await;
    sleep(Duration::from_secs(4)).await;
    let counts = scene.counts().await;
    assert!(counts.unknown <= 4 && counts.failed == 0, "{counts:?}");
    scene.fake.clear_faults();
    worker.join().await.unwrap();
    assert_eq!(scene.counts().await.completed, 60 - counts.unknown);
}

/// The files are on a network share, for example.
async fn rows_wait_while_their_files_cannot_be_read(fixture: QueueFixture) {
    let scene = Scene::new(fixture, full_row, 60).await;
    let documents = scene.fixture.path("documents");
    std::fs::create_dir(&documents).unwrap();
    write_letters(&documents, 0..60);
    let onboarding = |ledger| scene.client.onboarding(ledger).documents_folder(&documents);
    let work = || scene.queue.work(WorkOptions::new().max_attempts(3).stop_when_settled(), onboarding);
    // A share that is not mounted leaves an empty folder.
    let mut files = vec![(documents.clone(), 10, false), (documents.clone(), 20, true)];
    if matches!(scene.fixture.location, QueueLocation::Sqlite(_)) {
        // A server stores the rows themselves.
        files.push((scene.fixture.path("rows.ndjson"), 30, false));
    }
    for (path, patients, leaves_empty_folder) in files {
        let worker = work().await.unwrap();
        scene.wait_for_patients(patients).await;
        std::fs::rename(&path, scene.fixture.path("away")).unwrap();
        if leaves_empty_folder {
            std::fs::create_dir(&path).unwrap();
        }
        wait_for_outage(&worker, ErrorKind::Io).await;
        sleep(Duration::from_secs(3)).await;
        assert_eq!(scene.counts().await.parked(), 0);
        worker.stop_handle().stop();
        worker.join().await.unwrap();
        if leaves_empty_folder {
            std::fs::remove_dir(&path).unwrap();
        }
        std::fs::rename(scene.fixture.path("away"), &path).unwrap();
    }
    work().await.unwrap().join().await.unwrap();
    assert_eq!((scene.counts().await.completed, scene.fake.patients().len()), (60, 60));
}

async fn row_that_alone_is_refused_is_parked(fixture: QueueFixture) {
    let scene = Scene::new(fixture, patient_row, 1).await;
    let forbidden = Fault::on(&operations::CREATE_PATIENT).every_call();
    scene.fake.set_faults([forbidden.respond(FaultResponse::status(403))]);
    scene.work(WorkOptions::new()).await.join().await.unwrap();
    assert_eq!((scene.counts().await.failed, scene.rows().await[0].attempts), (1, 3));
}

async fn two_workers_share_one_outage(fixture: QueueFixture) {
    let scene = Scene::new(fixture, patient_row, 100).await;
    let checks =
        || scene.fake.calls().iter().filter(|call| call.operation == "list_appointment_statuses").count();
    scene.fail_every_call(&FaultResponse::status(503));
    let workers = [scene.work(WorkOptions::new()).await, scene.work(WorkOptions::new()).await];
    for worker in &workers {
        wait_for_outage(worker, ErrorKind::Unavailable).await;
    }
    let before = checks();
    sleep(Duration::from_secs(4)).await;
    // Attempts after 1, 2 and 4 seconds, by one worker each.
    let attempts = checks() - before;
    assert!((1..=3).contains(&attempts), "{attempts} attempts");
    scene.fake.clear_faults();
    for worker in workers {
        worker.join().await.unwrap();
    }
    assert_eq!((scene.counts().await.completed, scene.fake.patients().len()), (100, 100));
}

/// Injects faults of all kinds into this part of the calls, chosen at random from a seed.
fn random_faults(seed: u64, calls: u64, percent: u64) -> Vec<Fault> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut faults = Vec::new();
    for operation in operations::ALL.iter().filter(|operation| operation.id != "login") {
        for call in 1..=calls {
            if random.u64(0..100) >= percent {
                continue;
            }
            let fault = || Fault::on(operation).call(call);
            faults.push(match random.u8(0..13) {
                0 => fault().reset(),
                1 => fault().lose_response(),
                2 => fault().truncate(),
                3 => fault().corrupt(),
                4 => fault().revoke_token(),
                5 => fault().respond(FaultResponse::status(503)),
                6 => fault().respond(FaultResponse::status(500)),
                7 => fault().respond(FaultResponse::status(429).header("retry-after", "0")),
                8 => fault().after_applying().respond(FaultResponse::status(502)),
                9 => fault().respond(FaultResponse::status(408)),
                10 => fault().respond(FaultResponse::status(401)),
                11 => fault().after_applying().respond(FaultResponse::status(200).body("<html></html>")),
                _ => fault().after_applying().respond(FaultResponse::status(302)),
            });
        }
    }
    for call in 1..=calls {
        if random.u64(0..100) >= percent {
            continue;
        }
        let fault = || Fault::on_upload().call(call);
        faults.push(match random.u8(0..6) {
            0 => fault().reset_after(3),
            1 => fault().expire(),
            2 => fault().respond(FaultResponse::status(503)),
            3 => fault().respond_early(FaultResponse::status(500)),
            4 => fault().lose_response(),
            _ => fault().respond(FaultResponse::status(200).body("<html></html>")),
        });
    }
    faults
}

async fn only_calls_that_cannot_be_looked_up_wait_for_a_person(fixture: QueueFixture) {
    const ROWS: usize = 300;
    let scene = Scene::with_attempts(3, fixture, full_row, ROWS).await;
    scene.fake.set_faults(random_faults(18, 4 * ROWS as u64, 5));
    scene.work(WorkOptions::new()).await.join().await.unwrap();
    let mut waiting = BTreeMap::<String, usize>::new();
    for row in scene.rows().await {
        for report in row.outcome.iter().flat_map(OnboardingOutcome::steps) {
            match &report.result {
                StepOutcome::Completed(_) | StepOutcome::Skipped { reason: SkipReason::NoPatient } => {}
                StepOutcome::Unknown(unknown) if !matches!(report.step, Step::Document(_)) => {
                    let step = format!("{} {:?}", report.step, unknown.reason);
                    *waiting.entry(step).or_default() += 1;
                }
                other => panic!("row {}: {} is {other:?}", row.row, report.step),
            }
        }
        assert_eq!(row.failure, None, "row {}", row.row);
    }
    let _ = writeln!(
        std::io::stderr(),
        "{ROWS} rows, faults in 5 % of the calls, wait for a person: {waiting:?}"
    );
    assert!(waiting.values().sum::<usize>() < ROWS / 5, "{waiting:?}");
}
