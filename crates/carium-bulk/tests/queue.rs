//! End-to-end tests of a queue in one process with an in-memory service, both with SQLite and with PostgreSQL.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use carium::api::{BaseUrl, async_trait, operations};
use carium::onboarding::{
    Ledger, LedgerEntry, Onboarding, OnboardingOutcome, OnboardingServices, Resolution, RowKey, Step,
    StepOutcome,
};
use carium::patients::{IndividualId, NewPatient, Patients};
use carium::{Carium, Credentials, Error, ErrorKind};
use carium_bulk::rows::RowOptions;
use carium_bulk::{
    Decision, DecisionsError, Limits, OnboardingQueue, QueueLocation, ReportFormat, RetrySelection,
    RowRecord, RowState, Target, WorkOptions,
};
use carium_mock::{FakeCarium, Fault};
use futures_util::{StreamExt as _, TryStreamExt as _, future};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use self::support::{
    QueueFixture, add_lookups, full_row, letter, lines, patient_row, test_both_backends, work, write_letters,
};

test_both_backends![
    accepts_corrected_row_if_nothing_was_created,
    accepts_a_corrected_row_that_is_pending,
    a_later_row_with_the_same_key_replaces_no_earlier_one,
    stops_after_max_parked_rows,
    completes_full_rows,
    continues_an_upload_with_its_stored_form,
    submits_a_file_again,
    rejects_another_target,
    resolves_all_rows_or_none,
    moves_to_another_base_url_on_purpose,
    rejects_a_newer_schema,
    resolves_unknown_steps,
    lists_parked_rows_in_order_over_several_pages,
    parks_and_retries_failed_rows,
    a_row_that_two_workers_processed_is_processed_again,
    a_row_that_cannot_be_loaded_is_processed_later,
    rate_limits_do_not_count_as_attempts,
    outcome_is_stored_although_an_outage_cannot_be,
    measures_the_progress_at_intervals,
    stops_gracefully_on_request,
    stops_when_its_handle_is_dropped,
    two_workers_share_the_calls_in_flight,
    stores_and_applies_limits,
    reclaims_a_lost_assignment,
    a_clock_that_was_set_back_delays_no_row,
    continues_a_queue_of_the_version_before,
    writes_one_of_many_entries_for_a_step,
    processes_a_row_again_after_a_panic,
];

fn rows(fake: &FakeCarium, numbers: Range<usize>) -> String {
    lines(numbers.map(|number| patient_row(fake, number)))
}

/// Opens the queue of a fixture, and submits a file with the rows of these patients to it.
async fn submit(fixture: &QueueFixture, fake: &FakeCarium, numbers: Range<usize>) -> OnboardingQueue {
    let file = fixture.write("patients.ndjson", &rows(fake, numbers));
    let queue = fixture.open(fake).await;
    queue.submit(&file, RowOptions::new()).await.unwrap();
    queue
}

async fn report(queue: &OnboardingQueue) -> Vec<RowRecord> {
    queue.report().try_collect().await.unwrap()
}

async fn parked(queue: &OnboardingQueue) -> Vec<RowRecord> {
    queue.parked().try_collect().await.unwrap()
}

async fn completes_full_rows(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    add_lookups(&fake);
    write_letters(fixture.folder.path(), 0..20);
    let file = fixture.write("patients.ndjson", &lines((0..20).map(|number| full_row(&fake, number))));
    let queue = fixture.open(&fake).await;
    let submission = queue.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((submission.rows(), submission.new), (20, 20));
    assert_eq!(queue.status().await.unwrap().pending, 20);

    let counts = work(&queue, &fake, &fixture).await;

    assert_eq!((counts.completed, counts.rows()), (20, 20));
    assert_eq!(fake.patients().len(), 20);
    assert_eq!(fake.appointments().len(), 20);
    let documents = fake.documents();
    assert_eq!(documents.len(), 20);
    for document in documents {
        let number = document.attributes.name.as_str().rsplit(' ').next().unwrap().parse().unwrap();
        assert_eq!(fake.document_bytes(document.id).unwrap(), letter(number).as_bytes());
        assert_eq!(fake.invitations_to(&format!("zoe{number}@example.com")).len(), 1);
    }
    let report = report(&queue).await;
    assert_eq!(report.len(), 20);
    for (row, line) in report.iter().zip(1..) {
        assert_eq!((row.state, row.line), (RowState::Completed, line));
        let text = ReportFormat::Csv.line(row).unwrap();
        assert_eq!(
            text.split(',').count(),
            ReportFormat::Csv.header_line().unwrap().split(',').count(),
            "{text}"
        );
        let patient = row.outcome.as_ref().unwrap().patient().unwrap();
        assert!(text.contains(&patient.to_string()), "{text}");
        assert!(ReportFormat::Ndjson.line(row).unwrap().contains(&patient.to_string()));
    }
}

/// Returns the stored states of uploads.
async fn stored_uploads(location: &QueueLocation) -> Vec<Vec<u8>> {
    let sql = "SELECT upload FROM carium_ledger WHERE upload IS NOT NULL";
    match location {
        QueueLocation::Sqlite(path) => {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
            let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
            sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap()
        }
        #[cfg(feature = "postgres")]
        QueueLocation::Postgres(url) => {
            let pool = sqlx::PgPool::connect(url).await.unwrap();
            sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap()
        }
        _ => unreachable!("queue locations are files or servers"),
    }
}

/// The worker stops between the creation of a document reference and the upload of the file.
async fn continues_an_upload_with_its_stored_form(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    add_lookups(&fake);
    write_letters(fixture.folder.path(), 0..1);
    let file = fixture.write("patients.ndjson", &lines([full_row(&fake, 0)]));
    let queue = fixture.open(&fake).await;
    queue.submit(&file, RowOptions::new()).await.unwrap();
    fake.set_faults([Fault::on_upload().every_call().hang()]);
    let onboarding = |ledger| fake.client().onboarding(ledger).documents_folder(fixture.folder.path());
    let worker = queue.work(WorkOptions::new(), onboarding).await.unwrap();
    while stored_uploads(&fixture.location).await.is_empty() {
        sleep(Duration::from_millis(20)).await;
    }
    worker.stop_handle().stop_now();
    worker.join().await.unwrap();
    let [stored] = &stored_uploads(&fixture.location).await[..] else { panic!("one upload is stored") };
    // On a server, the form is encrypted.
    let is_readable = stored.windows(6).any(|bytes| bytes == b"\"form\"");
    assert_eq!(is_readable, matches!(fixture.location, QueueLocation::Sqlite(_)));

    fake.clear_faults();
    assert_eq!(work(&queue, &fake, &fixture).await.completed, 1);
    assert_eq!((fake.documents().len(), queue.completed_steps().await.unwrap().orphans), (1, 0));
    assert!(stored_uploads(&fixture.location).await.is_empty());
}

async fn submits_a_file_again(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..10).await;
    let file = fixture.path("patients.ndjson");
    work(&queue, &fake, &fixture).await;

    let same = queue.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((same.new, same.known, same.changed), (0, 10, 0));
    assert_eq!(work(&queue, &fake, &fixture).await.completed, 10);
    assert_eq!(fake.patients().len(), 10);

    fixture.write("patients.ndjson", &rows(&fake, 0..12));
    let grown = queue.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((grown.new, grown.known, grown.changed), (2, 10, 0));
    assert_eq!(work(&queue, &fake, &fixture).await.completed, 12);

    // A changed row and an invalid row.
    let changed = rows(&fake, 0..12).replace("Zoë3\"", "Zoe3\"") + "{\"first-name\": 1}\n";
    fixture.write("patients.ndjson", &changed);
    let changed = queue.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((changed.new, changed.known, changed.changed, changed.invalid), (0, 11, 1, 1));
    assert_eq!(changed.changed_lines, [4]);
    assert_eq!(work(&queue, &fake, &fixture).await.completed, 12);
    assert_eq!(fake.patients().len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_duplicate_keys() {
    let (fixture, fake) = (QueueFixture::sqlite(), FakeCarium::new());
    let file = fixture.write("patients.ndjson", &(rows(&fake, 0..10) + &rows(&fake, 4..5)));
    let queue = fixture.open(&fake).await;
    let first = queue.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((first.new, first.duplicates, first.duplicate_lines.as_slice()), (10, 1, [11].as_slice()));
    let second = queue.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((second.known, second.duplicates), (10, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn does_not_read_rows_from_a_changed_file() {
    let (fixture, fake) = (QueueFixture::sqlite(), FakeCarium::new());
    let queue = submit(&fixture, &fake, 0..3).await;
    fixture.write("patients.ndjson", &rows(&fake, 0..3).replace("1984", "1985"));

    assert_eq!(work(&queue, &fake, &fixture).await.failed, 3);
    assert!(fake.patients().is_empty());

    // The rows are found again in another file, at other locations.
    let moved = fixture.write("moved.ndjson", &(rows(&fake, 7..9) + &rows(&fake, 0..3)));
    let moved = queue.submit(&moved, RowOptions::new()).await.unwrap();
    assert_eq!((moved.new, moved.known), (2, 3));
    assert_eq!(work(&queue, &fake, &fixture).await.completed, 5);
}

async fn rejects_another_target(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    fixture.open(&fake).await;
    let error = fixture.try_open(Target::for_client(fake.client())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("another base URL"), "{error}");
    let error = fixture.try_open(Target::sandbox(fake.add_organization("Other Clinic"))).await.unwrap_err();
    assert!(error.to_string().contains("another organization"), "{error}");
    fixture.open(&fake).await;
}

async fn rejects_a_newer_schema(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    fixture.open(&fake).await.close().await;
    let newer = "UPDATE carium_version SET version = version + 1";
    execute_sql(&fixture.location, [newer, newer]).await;
    let error = fixture.try_open(Target::sandbox(fake.organization())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("newer version"), "{error}");
}

/// Executes a statement directly in the database: the first with SQLite, the second with PostgreSQL.
async fn execute_sql(location: &QueueLocation, [sqlite, postgres]: [&'static str; 2]) {
    match location {
        QueueLocation::Sqlite(path) => {
            let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
            sqlx::query(sqlite).execute(&pool).await.unwrap();
            pool.close().await;
        }
        #[cfg(not(feature = "postgres"))]
        QueueLocation::Postgres(_) => panic!("a server needs the feature `postgres`: {postgres}"),
        #[cfg(feature = "postgres")]
        QueueLocation::Postgres(url) => {
            let pool = sqlx::PgPool::connect(url).await.unwrap();
            sqlx::query(postgres).execute(&pool).await.unwrap();
        }
        _ => unreachable!("queue locations are files or servers"),
    }
}

/// Simulates an assignment that was committed, but never reached the worker because the connection was lost.
async fn reclaims_a_lost_assignment(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..1).await;
    let later = [
        "UPDATE carium_row SET next_attempt = (unixepoch() + 600) * 1000000000",
        "UPDATE carium_row SET next_attempt = (extract(epoch FROM now())::bigint + 600) * 1000000000",
    ];
    execute_sql(&fixture.location, later).await;
    let options = WorkOptions::new().stop_when_settled();
    let worker = queue.work(options, |ledger| fake.client().onboarding(ledger)).await.unwrap();
    let assign = "UPDATE carium_row SET next_attempt = 0, worker = (SELECT id FROM carium_worker)";
    execute_sql(&fixture.location, [assign, assign]).await;
    assert_eq!(fake.patients().len(), 0);
    worker.join().await.unwrap();
    assert_eq!((queue.status().await.unwrap().completed, fake.patients().len()), (1, 1));
}

/// A worker that crashed before the clock was set back: its heartbeat is far in the future.
const INSERT_CRASHED_WORKER: &str =
    "INSERT INTO carium_worker (id, last_heartbeat) VALUES ('crashed', 9000000000000000000)";

/// Times that were stored before the clock was set back are far in the future.
async fn a_clock_that_was_set_back_delays_no_row(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..2).await;
    let assign = "UPDATE carium_row SET worker = 'crashed' WHERE id = 1";
    let delay = "UPDATE carium_row SET next_attempt = 9000000000000000000 WHERE id <> 1";
    for statement in [INSERT_CRASHED_WORKER, assign, delay] {
        execute_sql(&fixture.location, [statement, statement]).await;
    }
    assert_eq!(work(&queue, &fake, &fixture).await.completed, 2);
}

/// Rows that were submitted with a version that kept the assignments of rows in a job queue.
async fn continues_a_queue_of_the_version_before(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..3).await;
    queue.close().await;
    for statement in [
        "DROP INDEX carium_row_due",
        "DROP INDEX carium_row_worker",
        "ALTER TABLE carium_row DROP COLUMN next_attempt",
        "ALTER TABLE carium_row DROP COLUMN worker",
        "UPDATE carium_version SET version = 3",
    ] {
        execute_sql(&fixture.location, [statement, statement]).await;
    }
    let queue = fixture.open(&fake).await;
    assert_eq!(work(&queue, &fake, &fixture).await.completed, 3);
    assert_eq!(fake.patients().len(), 3);
}

/// The entries are written in one batch.
async fn writes_one_of_many_entries_for_a_step(fixture: QueueFixture) {
    let queue = fixture.open(&FakeCarium::new()).await;
    let entry = |run: u128, number: u64| {
        let request = serde_json::json!({"salt": "00", "digest": "0".repeat(64)});
        let version = format!("{run:032x}-{number}");
        let entry = serde_json::json!({"version": version, "state": "not-applied", "request": request});
        serde_json::from_value::<LedgerEntry>(entry).unwrap()
    };
    let (ledger, row, step) = (queue.ledger(), RowKey::new("row"), Step::Patient);
    let entries: Vec<_> = (0..200).map(|run| entry(run, 1)).collect();
    let inserted = entries.iter().map(|entry| ledger.insert(&row, &step, entry));
    let inserted = future::try_join_all(inserted).await.unwrap();
    let winners: Vec<_> = (0..200).filter(|index| inserted[*index].is_none()).collect();
    let [winner] = winners[..] else { panic!("{winners:?}") };
    let winner = &entries[winner];
    assert!(inserted.iter().flatten().all(|existing| existing == winner));
    let replacements: Vec<_> = (0..200).map(|number| entry(1000, number)).collect();
    let replaced =
        replacements.iter().map(|entry| ledger.compare_and_swap(&row, &step, winner.version(), entry));
    let replaced = future::try_join_all(replaced).await.unwrap();
    assert_eq!(replaced.iter().filter(|is_replaced| **is_replaced).count(), 1);
    let stored = ledger.entries(&row).await.unwrap();
    let replacement = replaced.iter().position(|is_replaced| *is_replaced).unwrap();
    assert_eq!(stored, [(step, replacements[replacement].clone())]);
}

/// It is not known whether the call that panicked was sent, so a person must decide. The other rows are not affected.
async fn processes_a_row_again_after_a_panic(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..3).await;
    // The call that panicked is no longer in flight.
    queue.set_limits(Limits::unlimited().max_in_flight(1)).await.unwrap();
    let services = failing(&fake, 1, false, || panic!("the call panics"));
    work_with(&queue, WorkOptions::new(), services).await;
    let counts = queue.status().await.unwrap();
    assert_eq!((counts.completed, counts.unknown, counts.rows()), (2, 1, 3), "{counts:?}");
}

/// A service whose first calls to create a patient fail with an error.
struct FailingPatients {
    patients: Arc<dyn Patients>,
    /// The number of calls that still fail.
    remaining_failures: AtomicUsize,
    /// Whether a failing call creates the patient anyway.
    is_created: bool,
    error: fn() -> Error,
}

#[async_trait]
impl Patients for FailingPatients {
    async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error> {
        let remaining = &self.remaining_failures;
        let remaining =
            remaining.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |calls| calls.checked_sub(1));
        if remaining.is_err() {
            return self.patients.create(patient).await;
        }
        if self.is_created {
            self.patients.create(patient).await?;
        }
        Err((self.error)())
    }
}

/// Returns services in which the first `failures` calls to create a patient fail.
fn failing(fake: &FakeCarium, failures: usize, is_created: bool, error: fn() -> Error) -> OnboardingServices {
    let remaining_failures = failures.into();
    services_with(fake, |patients| FailingPatients { patients, remaining_failures, is_created, error }).0
}

/// Returns services whose patients are created by another one, which is given that of the fake.
fn services_with<P: Patients + 'static>(
    fake: &FakeCarium,
    wrap: impl FnOnce(Arc<dyn Patients>) -> P,
) -> (OnboardingServices, Arc<P>) {
    let client = fake.client();
    let patients = Arc::new(wrap(Arc::clone(client.patients())));
    let services = OnboardingServices {
        organizations: Arc::clone(client.organizations()),
        patients: Arc::<P>::clone(&patients),
        invitations: Arc::clone(client.invitations()),
        appointments: Arc::clone(client.appointments()),
        documents: Arc::clone(client.documents()),
        transfers: Arc::clone(client.transfers()),
    };
    (services, patients)
}

async fn work_with(queue: &OnboardingQueue, options: WorkOptions, services: OnboardingServices) {
    let onboarding = |ledger: Arc<dyn Ledger>| Onboarding::new(services, ledger);
    queue.work(options.stop_when_settled(), onboarding).await.unwrap().join().await.unwrap();
}

fn response_lost() -> Error {
    Error::new(ErrorKind::TimedOut, "the response was lost").with_unknown_outcome()
}

/// A page has 1,000 rows. Failed and unknown rows are listed together.
async fn lists_parked_rows_in_order_over_several_pages(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..2500).await;
    let error = || {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        let is_lost = CALLS.fetch_add(1, Ordering::Relaxed).is_multiple_of(3);
        if is_lost { response_lost() } else { Error::new(ErrorKind::Rejected, "rejected") }
    };
    work_with(&queue, WorkOptions::new(), failing(&fake, 2400, false, error)).await;
    let counts = queue.status().await.unwrap();
    assert_eq!((counts.completed, counts.parked()), (100, 2400), "{counts:?}");
    assert!(counts.failed > 1000 && counts.unknown > 500, "{counts:?}");
    let ids = |rows: Vec<RowRecord>| rows.into_iter().map(|row| row.row).collect::<Vec<_>>();
    let expected = report(&queue).await.into_iter().filter(|row| row.state != RowState::Completed).collect();
    assert_eq!(ids(parked(&queue).await), ids(expected));
}

async fn resolves_unknown_steps(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..4).await;
    work_with(&queue, WorkOptions::new(), failing(&fake, 2, true, response_lost)).await;

    let counts = queue.status().await.unwrap();
    assert_eq!((counts.completed, counts.unknown, counts.rows()), (2, 2, 4));
    let unknown = parked(&queue).await;
    assert!(unknown.iter().all(|row| row.state == RowState::Unknown));
    // A retry does not change an unknown outcome.
    queue.retry(RetrySelection::Row(unknown[0].row)).await.unwrap();
    assert_eq!(work(&queue, &fake, &fixture).await.unknown, 2);
    assert_eq!(fake.patients().len(), 4);

    let patient_of = |row: &RowRecord| {
        let email = format!("zoe{}@example.com", row.line - 1);
        let patient =
            fake.patients().into_iter().find(|(_, patient)| format!("{:?}", patient.email).contains(&email));
        patient.map_or_else(|| fake.patients()[0].0, |(id, _)| id)
    };
    let id = patient_of(&unknown[0]);
    queue.resolve(unknown[0].row, &Step::Patient, Resolution::Created(id.into())).await.unwrap();
    let error = queue.resolve(unknown[0].row, &Step::Patient, Resolution::NotApplied).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(
        queue.resolve(99, &Step::Patient, Resolution::NotApplied).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let counts = work(&queue, &fake, &fixture).await;
    assert_eq!((counts.completed, counts.unknown), (3, 1));
    // The patient exists although the resolution says otherwise. The username is then taken, so the outcome is
    // unknown again, and no second patient is created.
    queue.resolve(unknown[1].row, &Step::Patient, Resolution::NotApplied).await.unwrap();
    assert_eq!(work(&queue, &fake, &fixture).await.unknown, 1);
    assert_eq!(fake.patients().len(), 4);
}

async fn resolves_all_rows_or_none(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..3).await;
    work_with(&queue, WorkOptions::new(), failing(&fake, 2, false, response_lost)).await;
    let unknown: Vec<i64> = parked(&queue).await.iter().map(|row| row.row).collect();
    assert_eq!(unknown.len(), 2);
    let not_applied = |row| Decision::new(row, Resolution::NotApplied);
    let invalid = [
        not_applied(unknown[0]),
        not_applied(unknown[0]).with_step(Step::Patient),
        not_applied(unknown[1]).with_step(Step::Appointment),
        Decision::new(unknown[1], Resolution::Sent),
        not_applied(99),
    ];
    let DecisionsError::Invalid(problems) = queue.resolve_all(&invalid).await.unwrap_err() else {
        panic!("another error")
    };
    let rows: Vec<_> = problems.iter().map(|problem| problem.row.unwrap()).collect();
    assert_eq!(rows, [unknown[0], unknown[1], unknown[1], 99], "{problems:?}");
    assert_eq!(queue.status().await.unwrap().unknown, 2, "nothing was applied");

    queue.resolve_all(&[not_applied(unknown[0]), not_applied(unknown[1])]).await.unwrap();
    assert_eq!(work(&queue, &fake, &fixture).await.completed, 3);
    assert_eq!(fake.patients().len(), 3);
}

async fn moves_to_another_base_url_on_purpose(fixture: QueueFixture) {
    let url = |text: &str| text.parse::<BaseUrl>().unwrap();
    let target = |text: &str| {
        let credentials = Credentials::new("username", "password").unwrap();
        let client = Carium::builder().base_url(text).credentials(credentials).build().unwrap();
        Target::for_client(&client)
    };
    let (old, new) = ("https://old.example.com", "https://new.example.com");
    let queue = fixture.try_open(target(old)).await.unwrap();
    let error = queue.retarget(&url(new), &url(old)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    // The worker crashed before the clock was set back.
    execute_sql(&fixture.location, [INSERT_CRASHED_WORKER; 2]).await;
    queue.retarget(&url(old), &url(new)).await.unwrap();
    assert_eq!(fixture.try_open(target(old)).await.unwrap_err().kind(), ErrorKind::Conflict);
    fixture.try_open(target(new)).await.unwrap();
    // A worker would go on with the old base URL.
    let running = [
        "INSERT INTO carium_worker (id, last_heartbeat) VALUES ('worker', unixepoch() * 1000000000)",
        "INSERT INTO carium_worker (id, last_heartbeat) VALUES ('worker', extract(epoch FROM now())::bigint * 1000000000)",
    ];
    execute_sql(&fixture.location, running).await;
    let error = queue.retarget(&url(new), &url(old)).await.unwrap_err();
    assert!(error.to_string().contains("a worker of the queue is running"), "{error}");
}

async fn parks_and_retries_failed_rows(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..3).await;
    let rejected = || Error::new(ErrorKind::Rejected, "rejected");
    let unavailable = || Error::new(ErrorKind::Unavailable, "unavailable");
    work_with(&queue, WorkOptions::new(), failing(&fake, 1, false, rejected)).await;
    let counts = queue.status().await.unwrap();
    assert_eq!((counts.completed, counts.failed), (2, 1));
    let failed = parked(&queue).await;
    let text = ReportFormat::Csv.line(&failed[0]).unwrap();
    assert!(text.contains("failed") && text.contains("patient: "), "{text}");

    // Both attempts fail.
    assert_eq!(queue.retry(RetrySelection::Failed).await.unwrap(), 1);
    work_with(&queue, WorkOptions::new().max_attempts(2), failing(&fake, 2, false, unavailable)).await;
    assert_eq!(parked(&queue).await[0].attempts, 2);

    queue.retry(RetrySelection::Row(failed[0].row)).await.unwrap();
    assert_eq!(work(&queue, &fake, &fixture).await.completed, 3);
    assert_eq!(
        queue.retry(RetrySelection::Row(failed[0].row)).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(queue.retry(RetrySelection::Failed).await.unwrap(), 0);
}

/// A service that loses a response, and makes the table of outages disappear meanwhile.
struct PatientsWithoutOutageTable {
    location: QueueLocation,
}

#[async_trait]
impl Patients for PatientsWithoutOutageTable {
    async fn create(&self, _: NewPatient) -> Result<IndividualId, Error> {
        let drop_table = "DROP TABLE carium_outage";
        execute_sql(&self.location, [drop_table, drop_table]).await;
        Err(response_lost())
    }
}

async fn outcome_is_stored_although_an_outage_cannot_be(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..1).await;
    // The check of the service fails, so an outage begins.
    fake.set_faults([Fault::on(&operations::LIST_APPOINTMENT_STATUSES).every_call().respond(503)]);
    let location = fixture.location.clone();
    let (services, _) = services_with(&fake, |_| PatientsWithoutOutageTable { location });
    work_with(&queue, WorkOptions::new(), services).await;
    let parked = parked(&queue).await;
    let outcome = parked[0].outcome.as_ref().unwrap();
    let StepOutcome::Unknown(unknown) = &outcome.steps()[0].result else { panic!("{outcome:?}") };
    assert_eq!(unknown.failure.as_ref().map(|failure| failure.kind), Some(ErrorKind::TimedOut));
}

/// A service that rejects the first patient, when the test permits it, and creates the others.
struct DelayedRejection {
    patients: Arc<dyn Patients>,
    has_started: AtomicBool,
    permission: Semaphore,
}

#[async_trait]
impl Patients for DelayedRejection {
    async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error> {
        if self.has_started.swap(true, Ordering::SeqCst) {
            return self.patients.create(patient).await;
        }
        let _permit = self.permission.acquire().await.unwrap();
        Err(Error::new(ErrorKind::Rejected, "rejected"))
    }
}

/// Another worker processes a row whose worker is suspended. It cannot know the outcome of the call in flight.
async fn a_row_that_two_workers_processed_is_processed_again(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..1).await;
    let (has_started, permission) = (AtomicBool::new(false), Semaphore::new(0));
    let (services, rejection) =
        services_with(&fake, |patients| DelayedRejection { patients, has_started, permission });
    let options = WorkOptions::new().max_concurrent_rows(1).stop_when_settled();
    let suspended = queue.work(options, |ledger| Onboarding::new(services, ledger)).await.unwrap();
    while !rejection.has_started.load(Ordering::SeqCst) {
        sleep(Duration::from_millis(10)).await;
    }
    let release = "UPDATE carium_row SET worker = NULL";
    execute_sql(&fixture.location, [release, release]).await;
    assert_eq!(work(&queue, &fake, &fixture).await.unknown, 1);
    rejection.permission.add_permits(1);
    suspended.join().await.unwrap();
    assert_eq!((work(&queue, &fake, &fixture).await.completed, fake.patients().len()), (1, 1));
}

/// What was sent for a row is reported even if its file has changed since.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_row_with_a_call_in_flight_is_unknown() {
    let (fixture, fake) = (QueueFixture::sqlite(), FakeCarium::new());
    let queue = submit(&fixture, &fake, 0..1).await;
    fake.set_faults([Fault::on(&operations::CREATE_PATIENT).hang()]);
    let worker = queue.work(WorkOptions::new(), |ledger| fake.client().onboarding(ledger)).await.unwrap();
    while fake.calls().iter().all(|call| call.operation != "create_patient") {
        sleep(Duration::from_millis(10)).await;
    }
    worker.stop_handle().stop_now();
    worker.join().await.unwrap();
    fixture.write("patients.ndjson", &rows(&fake, 0..1).replace("Zoë", "Zoe"));
    assert_eq!(work(&queue, &fake, &fixture).await.unknown, 1);
    let parked = parked(&queue).await;
    let unknown: Vec<_> = parked[0].outcome.iter().flat_map(OnboardingOutcome::unknown_steps).collect();
    assert_eq!((unknown.len(), &unknown[0].step), (1, &Step::Patient));
}

async fn a_row_that_cannot_be_loaded_is_processed_later(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..1).await;
    let (away, back) = ("ALTER TABLE carium_file RENAME TO away", "ALTER TABLE away RENAME TO carium_file");
    execute_sql(&fixture.location, [away, away]).await;
    let options = WorkOptions::new().stop_when_settled();
    let worker = queue.work(options, |ledger| fake.client().onboarding(ledger)).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    execute_sql(&fixture.location, [back, back]).await;
    worker.join().await.unwrap();
    assert_eq!(queue.status().await.unwrap().completed, 1);
}

async fn rate_limits_do_not_count_as_attempts(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..1).await;
    let limited =
        || Error::new(ErrorKind::RateLimited, "too many requests").with_retry_after(Duration::from_secs(1));
    work_with(&queue, WorkOptions::new().max_attempts(1), failing(&fake, 2, false, limited)).await;
    let counts = queue.status().await.unwrap();
    assert_eq!((counts.completed, fake.patients().len()), (1, 1));
    let report = report(&queue).await;
    assert_eq!(report[0].attempts, 0);
}

/// A corrected row is accepted only if its patient was rejected, but not after a lost response or after completion.
async fn accepts_corrected_row_if_nothing_was_created(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = fixture.open(&fake).await;
    let file = fixture.write("patients.ndjson", &rows(&fake, 0..1));
    queue.submit(&file, RowOptions::new()).await.unwrap();
    let rejected = || Error::new(ErrorKind::Rejected, "rejected");
    work_with(&queue, WorkOptions::new(), failing(&fake, 1, false, rejected)).await;
    assert_eq!(queue.status().await.unwrap().failed, 1);
    let file = fixture.write("patients.ndjson", &rows(&fake, 0..2));
    queue.submit(&file, RowOptions::new()).await.unwrap();
    work_with(&queue, WorkOptions::new(), failing(&fake, 1, true, response_lost)).await;
    let counts = queue.status().await.unwrap();
    assert_eq!((counts.failed, counts.unknown), (1, 1), "failed rows are not retried automatically");

    fixture.write("patients.ndjson", &rows(&fake, 0..2).replace("O'Hara", "O'Hare"));
    let corrected = queue.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((corrected.corrected, corrected.changed), (1, 1));
    assert_eq!(corrected.changed_lines, [2]);
    assert_eq!(corrected.rows(), 2);
    let counts = work(&queue, &fake, &fixture).await;
    assert_eq!((counts.completed, counts.unknown), (1, 1));
    let names = fake.patients().into_iter().map(|(_, patient)| patient.last_name.to_string());
    assert_eq!(names.filter(|name| name == "O'Hare").count(), 1);
    // The row is completed now, so another correction is not accepted.
    fixture.write("patients.ndjson", &rows(&fake, 0..1).replace("O'Hara", "O'Hora"));
    let late = queue.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((late.corrected, late.changed), (0, 1));
}

/// Nothing was sent for a pending row, so its correction replaces it.
async fn accepts_a_corrected_row_that_is_pending(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..2).await;
    let file = fixture.write("patients.ndjson", &rows(&fake, 0..2).replace("Zoë1\"", "Zoe1\""));
    let submission = queue.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((submission.known, submission.corrected, submission.changed), (1, 1, 0));
    assert_eq!(work(&queue, &fake, &fixture).await.completed, 2);
    assert!(fake.patients().iter().any(|(_, patient)| patient.first_name.as_str() == "Zoe1"));
}

async fn a_later_row_with_the_same_key_replaces_no_earlier_one(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = fixture.open(&fake).await;
    let child = patient_row(&fake, 1).replace("Zoë1\"", "Max\"");
    let file = fixture.write("patients.ndjson", &lines([patient_row(&fake, 1), child]));
    let submission = queue.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((submission.new, submission.duplicate_lines), (1, vec![2]));
    let rejected = || Error::new(ErrorKind::Rejected, "rejected");
    work_with(&queue, WorkOptions::new(), failing(&fake, 1, false, rejected)).await;
    let again = queue.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((again.known, again.corrected, again.changed, again.duplicates), (1, 0, 0, 1));
}

async fn stops_after_max_parked_rows(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..500).await;
    let rejected = || Error::new(ErrorKind::Rejected, "rejected");
    let options = WorkOptions::new().max_concurrent_rows(4).max_parked(10);
    work_with(&queue, options, failing(&fake, usize::MAX, false, rejected)).await;
    let counts = queue.status().await.unwrap();
    assert!((10..=10 + 4).contains(&counts.failed), "{counts:?}");
    assert_eq!(counts.running, 0);
}

#[tokio::test]
async fn rejects_another_programs_database_without_changing_it() {
    let fixture = QueueFixture::sqlite();
    let QueueLocation::Sqlite(path) = &fixture.location else { panic!("the queue is not in a file") };
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("CREATE TABLE another (id INTEGER)").execute(&pool).await.unwrap();
    pool.close().await;
    let before = std::fs::read(path).unwrap();
    for result in [
        OnboardingQueue::open(&fixture.location, Target::sandbox(None)).await,
        OnboardingQueue::inspect(&fixture.location).await,
    ] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(std::fs::read(path).unwrap(), before);
    fixture.write("queue.db", "first-name,last-name\n".repeat(100).as_str());
    let result = OnboardingQueue::open(&fixture.location, Target::sandbox(None)).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidInput);
}

async fn measures_the_progress_at_intervals(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..5).await;
    let started = Instant::now();
    let measured: Vec<_> = queue.progress().take(3).try_collect().await.unwrap();
    assert!(started.elapsed() >= 2 * Duration::from_millis(200), "{:?}", started.elapsed());
    assert_eq!(measured.iter().map(|progress| progress.counts.pending).collect::<Vec<_>>(), [5, 5, 5]);
}

async fn stops_gracefully_on_request(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..2000).await;
    let worker = queue.work(WorkOptions::new(), |ledger| fake.client().onboarding(ledger)).await.unwrap();
    let mut progress = worker.progress();
    progress.wait_for(|progress| progress.counts.completed > 0).await.unwrap();
    worker.stop_handle().stop();
    worker.join().await.unwrap();
    let counts = queue.status().await.unwrap();
    // The rows in progress were finished.
    assert_eq!((counts.running, counts.unknown, counts.failed, counts.rows()), (0, 0, 0, 2000));
    assert_eq!(fake.patients().len() as u64, counts.completed);
}

async fn stops_when_its_handle_is_dropped(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..200).await;
    queue.set_limits(Limits::unlimited().max_calls_per_second(100.0)).await.unwrap();
    let worker = queue.work(WorkOptions::new(), |ledger| fake.client().onboarding(ledger)).await.unwrap();
    worker.progress().wait_for(|progress| progress.counts.completed > 0).await.unwrap();
    drop(worker);
    while queue.status().await.unwrap().running > 0 {
        sleep(Duration::from_millis(20)).await;
    }
    let patients = fake.patients().len();
    assert!(patients < 200, "{patients}");
    sleep(Duration::from_millis(500)).await;
    assert_eq!(fake.patients().len(), patients);
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_stops_although_the_server_does_not_respond() {
    let Some(fixture) = QueueFixture::postgres() else { return };
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..100).await;
    queue.set_limits(Limits::unlimited().max_calls_per_second(20.0)).await.unwrap();
    // With room for more rows, the worker looks for rows that are due.
    let options = WorkOptions::new().max_concurrent_rows(200);
    let worker = queue.work(options, |ledger| fake.client().onboarding(ledger)).await.unwrap();
    worker.progress().wait_for(|progress| progress.counts.completed > 0).await.unwrap();
    let QueueLocation::Postgres(url) = &fixture.location else { panic!("the queue is not on a server") };
    let mut lock = sqlx::PgPool::connect(url).await.unwrap().begin().await.unwrap();
    let sql = "LOCK TABLE carium_row, carium_worker, carium_ledger IN ACCESS EXCLUSIVE MODE";
    sqlx::query(sql).execute(&mut *lock).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    worker.stop_handle().stop_now();
    let stopped = tokio::time::timeout(Duration::from_secs(60), worker.join()).await;
    stopped.expect("the worker does not wait for the server").unwrap();
    lock.rollback().await.unwrap();
    assert_eq!(work(&queue, &fake, &fixture).await.pending, 0);
}

/// A service that takes longer than the interval of heartbeats, and counts the calls in flight.
struct SlowPatients {
    patients: Arc<dyn Patients>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

#[async_trait]
impl Patients for SlowPatients {
    async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error> {
        let in_flight = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_in_flight.fetch_max(in_flight, Ordering::SeqCst);
        sleep(Duration::from_millis(1_200)).await;
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.patients.create(patient).await
    }
}

async fn two_workers_share_the_calls_in_flight(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = submit(&fixture, &fake, 0..12).await;
    queue.set_limits(Limits::unlimited().max_in_flight(3)).await.unwrap();
    let [in_flight, most_in_flight] = Default::default();
    let (services, slow) =
        services_with(&fake, |patients| SlowPatients { patients, in_flight, most_in_flight });
    future::join(
        work_with(&queue, WorkOptions::new(), services.clone()),
        work_with(&queue, WorkOptions::new(), services),
    )
    .await;
    assert_eq!((queue.status().await.unwrap().completed, fake.patients().len()), (12, 12));
    assert_eq!(slow.most_in_flight.load(Ordering::SeqCst), 3);
}

async fn stores_and_applies_limits(fixture: QueueFixture) {
    let fake = FakeCarium::new();
    let queue = fixture.open(&fake).await;
    assert_eq!(queue.limits().await.unwrap(), Limits::unlimited());
    let limits = Limits::unlimited().max_calls_per_second(50.0).max_in_flight(3);
    queue.set_limits(limits).await.unwrap();
    assert_eq!(queue.limits().await.unwrap(), limits);
    let error = queue.set_limits(Limits::unlimited().max_calls_per_second(0.0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);

    let file = fixture.write("patients.ndjson", &rows(&fake, 0..100));
    queue.submit(&file, RowOptions::new()).await.unwrap();
    let started = std::time::Instant::now();
    assert_eq!(work(&queue, &fake, &fixture).await.completed, 100);
    assert!(started.elapsed() > Duration::from_millis(1900), "{:?}", started.elapsed());
}
