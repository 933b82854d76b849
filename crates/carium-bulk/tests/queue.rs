//! A queue from end to end, in one process, against a Carium in memory: in a file, and on a server.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use carium::api::async_trait;
use carium::onboarding::{Ledger, Onboarding, OnboardingServices, Resolution, Step};
use carium::patients::{IndividualId, NewPatient, Patients};
use carium::{Error, ErrorKind};
use carium_bulk::rows::RowOptions;
use carium_bulk::{
    OnboardingQueue, QueueLocation, ReportFormat, RetrySelection, RowRecord, RowState, Target, WorkOptions,
};
use carium_mock::FakeCarium;
use futures_util::TryStreamExt as _;

use self::support::{RowLocation, furnish, letter, lines, patient, whole_row, work, write_letters};

/// The test for a queue in a file, and for one on a server.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod in_a_file {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::$name(super::RowLocation::new()).await;
                }
            )*
        }

        #[cfg(feature = "postgres")]
        mod on_a_server {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    if let Some(place) = super::RowLocation::on_server() {
                        super::$name(place).await;
                    }
                }
            )*
        }
    };
}

on_both![
    what_failed_before_anything_was_created_is_mended_in_the_file,
    a_worker_stops_when_it_has_parked_enough,
    rows_go_in_and_patients_come_out,
    a_file_is_submitted_again,
    another_target_is_refused,
    a_newer_schema_is_refused,
    a_person_decides,
    what_fails_is_parked_and_tried_again,
    a_wait_is_no_try,
    a_worker_stops_when_it_is_told_to,
    limits_are_kept,
    a_row_that_got_lost_is_found,
];

fn rows(fake: &FakeCarium, numbers: Range<usize>) -> String {
    lines(numbers.map(|number| patient(fake, number)))
}

async fn parked(bulk: &OnboardingQueue) -> Vec<RowRecord> {
    bulk.parked().try_collect().await.unwrap()
}

async fn rows_go_in_and_patients_come_out(place: RowLocation) {
    let fake = FakeCarium::new();
    furnish(&fake);
    write_letters(place.folder.path(), 0..20);
    let file = place.write("patients.ndjson", &lines((0..20).map(|number| whole_row(&fake, number))));
    let bulk = place.open(&fake).await;
    let submission = bulk.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((submission.rows(), submission.new), (20, 20));
    assert_eq!(bulk.status().await.unwrap().pending, 20);

    let counts = work(&bulk, &fake, &place).await;

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
    let report: Vec<RowRecord> = bulk.report().try_collect().await.unwrap();
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

async fn a_file_is_submitted_again(place: RowLocation) {
    let fake = FakeCarium::new();
    let file = place.write("patients.ndjson", &rows(&fake, 0..10));
    let bulk = place.open(&fake).await;
    bulk.submit(&file, RowOptions::new()).await.unwrap();
    work(&bulk, &fake, &place).await;

    let same = bulk.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((same.new, same.known, same.changed), (0, 10, 0));
    assert_eq!(work(&bulk, &fake, &place).await.completed, 10);
    assert_eq!(fake.patients().len(), 10);

    place.write("patients.ndjson", &rows(&fake, 0..12));
    let grown = bulk.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((grown.new, grown.known, grown.changed), (2, 10, 0));
    assert_eq!(work(&bulk, &fake, &place).await.completed, 12);

    // A row that says something else, and one that is none.
    let odd = rows(&fake, 0..12).replace("Zoë3\"", "Zoe3\"") + "{\"first-name\": 1}\n";
    place.write("patients.ndjson", &odd);
    let odd = bulk.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((odd.new, odd.known, odd.changed, odd.invalid), (0, 11, 1, 1));
    assert_eq!(odd.changed_lines, [4]);
    assert_eq!(work(&bulk, &fake, &place).await.completed, 12);
    assert_eq!(fake.patients().len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_there_twice_is_told() {
    let (place, fake) = (RowLocation::new(), FakeCarium::new());
    let file = place.write("patients.ndjson", &(rows(&fake, 0..10) + &rows(&fake, 4..5)));
    let bulk = place.open(&fake).await;
    let first = bulk.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((first.new, first.duplicates, first.duplicate_lines.as_slice()), (10, 1, [11].as_slice()));
    let second = bulk.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((second.known, second.duplicates), (10, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_not_read_from_a_file_that_has_changed() {
    let (place, fake) = (RowLocation::new(), FakeCarium::new());
    let file = place.write("patients.ndjson", &rows(&fake, 0..3));
    let bulk = place.open(&fake).await;
    bulk.submit(&file, RowOptions::new()).await.unwrap();
    place.write("patients.ndjson", &rows(&fake, 0..3).replace("1984", "1985"));

    assert_eq!(work(&bulk, &fake, &place).await.failed, 3);
    assert!(fake.patients().is_empty());

    // Under another name, with other rows before it.
    let moved = place.write("moved.ndjson", &(rows(&fake, 7..9) + &rows(&fake, 0..3)));
    let moved = bulk.submit(&moved, RowOptions::new()).await.unwrap();
    assert_eq!((moved.new, moved.known), (2, 3));
    assert_eq!(work(&bulk, &fake, &place).await.completed, 5);
}

async fn another_target_is_refused(place: RowLocation) {
    let fake = FakeCarium::new();
    place.open(&fake).await;
    let refused = place.try_open(Target::for_client(fake.client())).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.to_string().contains("another base URL"), "{refused}");
    let refused = place.try_open(Target::sandbox(fake.add_organization())).await.unwrap_err();
    assert!(refused.to_string().contains("another organization"), "{refused}");
    place.open(&fake).await;
}

async fn a_newer_schema_is_refused(place: RowLocation) {
    let fake = FakeCarium::new();
    place.open(&fake).await.close().await;
    let newer = "UPDATE carium_version SET version = version + 1";
    behind_its_back(&place, [newer, newer]).await;
    let refused = place.try_open(Target::sandbox(fake.organization())).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.to_string().contains("newer version"), "{refused}");
}

/// Asks this of the database: of SQLite the first, of PostgreSQL the second.
async fn behind_its_back(place: &RowLocation, [sqlite, postgres]: [&'static str; 2]) {
    match &place.location {
        QueueLocation::File(path) => {
            let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
            sqlx::query(sqlite).execute(&pool).await.unwrap();
            pool.close().await;
        }
        #[cfg(not(feature = "postgres"))]
        QueueLocation::Server(_) => panic!("{postgres} asks for a server"),
        #[cfg(feature = "postgres")]
        QueueLocation::Server(url) => {
            let pool = sqlx::PgPool::connect(url).await.unwrap();
            sqlx::query(postgres).execute(&pool).await.unwrap();
        }
        _ => unreachable!("there are no others"),
    }
}

/// A claim that was committed, and whose answer was lost with the connection.
async fn a_row_that_got_lost_is_found(place: RowLocation) {
    let fake = FakeCarium::new();
    let file = place.write("patients.ndjson", &rows(&fake, 0..1));
    let bulk = place.open(&fake).await;
    bulk.submit(&file, RowOptions::new()).await.unwrap();
    let later = "UPDATE river_job SET scheduled_at = '2100-01-01 00:00:00.000'";
    behind_its_back(&place, [later, later]).await;
    let options = WorkOptions::new().stop_when_settled();
    let working = bulk.work(options, |ledger| fake.client().onboarding(ledger)).await.unwrap();
    let claims = [
        "UPDATE river_job SET state = 'running', attempt = 1, attempted_at = '2020-01-01 00:00:00.000',
            attempted_by = (SELECT jsonb_array(id) FROM carium_worker)",
        "UPDATE river_job SET state = 'running', attempt = 1, attempted_at = '2020-01-01 00:00:00.000',
            attempted_by = (SELECT ARRAY[id] FROM carium_worker)",
    ];
    behind_its_back(&place, claims).await;
    assert_eq!(fake.patients().len(), 0);
    working.stopped().await.unwrap();
    assert_eq!((bulk.status().await.unwrap().completed, fake.patients().len()), (1, 1));
}

/// Patients whose first creations end so.
struct Odd {
    patients: Arc<dyn Patients>,
    first: AtomicUsize,
    is_created: bool,
    error: fn() -> Error,
}

#[async_trait]
impl Patients for Odd {
    async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error> {
        let is_odd =
            self.first.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if !is_odd {
            return self.patients.create(patient).await;
        }
        if self.is_created {
            self.patients.create(patient).await?;
        }
        Err((self.error)())
    }
}

fn odd(fake: &FakeCarium, first: usize, is_created: bool, error: fn() -> Error) -> OnboardingServices {
    let client = fake.client();
    OnboardingServices {
        patients: Arc::new(Odd {
            patients: Arc::clone(client.patients()),
            first: first.into(),
            is_created,
            error,
        }),
        invitations: Arc::clone(client.invitations()),
        appointments: Arc::clone(client.appointments()),
        documents: Arc::clone(client.documents()),
        transfers: Arc::clone(client.transfers()),
    }
}

async fn work_with(bulk: &OnboardingQueue, options: WorkOptions, services: OnboardingServices) {
    let onboarding = |ledger: Arc<dyn Ledger>| Onboarding::new(services, ledger);
    bulk.work(options.stop_when_settled(), onboarding).await.unwrap().stopped().await.unwrap();
}

fn lost() -> Error {
    Error::new(ErrorKind::TimedOut, "the answer was lost").with_unknown_outcome()
}

async fn a_person_decides(place: RowLocation) {
    let fake = FakeCarium::new();
    let file = place.write("patients.ndjson", &rows(&fake, 0..4));
    let bulk = place.open(&fake).await;
    bulk.submit(&file, RowOptions::new()).await.unwrap();
    work_with(&bulk, WorkOptions::new(), odd(&fake, 2, true, lost)).await;

    let counts = bulk.status().await.unwrap();
    assert_eq!((counts.completed, counts.unknown, counts.rows()), (2, 2, 4));
    let unknown = parked(&bulk).await;
    assert!(unknown.iter().all(|row| row.state == RowState::Unknown));
    // What is unknown stays so, however often it is tried.
    bulk.retry(RetrySelection::Row(unknown[0].row)).await.unwrap();
    assert_eq!(work(&bulk, &fake, &place).await.unknown, 2);
    assert_eq!(fake.patients().len(), 4);

    let of = |row: &RowRecord| {
        let email = format!("zoe{}@example.com", row.line - 1);
        let of =
            fake.patients().into_iter().find(|(_, patient)| format!("{:?}", patient.email).contains(&email));
        of.map_or_else(|| fake.patients()[0].0, |(id, _)| id)
    };
    let id = of(&unknown[0]);
    bulk.resolve(unknown[0].row, &Step::Patient, Resolution::Created(id.into())).await.unwrap();
    let refused = bulk.resolve(unknown[0].row, &Step::Patient, Resolution::NotApplied).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert_eq!(
        bulk.resolve(99, &Step::Patient, Resolution::NotApplied).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let counts = work(&bulk, &fake, &place).await;
    assert_eq!((counts.completed, counts.unknown), (3, 1));
    // Said to be not there, and it is: the username is taken, so it is in doubt again, and not made twice.
    bulk.resolve(unknown[1].row, &Step::Patient, Resolution::NotApplied).await.unwrap();
    assert_eq!(work(&bulk, &fake, &place).await.unknown, 1);
    assert_eq!(fake.patients().len(), 4);
}

async fn what_fails_is_parked_and_tried_again(place: RowLocation) {
    let fake = FakeCarium::new();
    let file = place.write("patients.ndjson", &rows(&fake, 0..3));
    let bulk = place.open(&fake).await;
    bulk.submit(&file, RowOptions::new()).await.unwrap();
    let refused = || Error::new(ErrorKind::Rejected, "refused");
    let away = || Error::new(ErrorKind::Unavailable, "away");
    work_with(&bulk, WorkOptions::new(), odd(&fake, 1, false, refused)).await;
    let counts = bulk.status().await.unwrap();
    assert_eq!((counts.completed, counts.failed), (2, 1));
    let failed = parked(&bulk).await;
    let text = ReportFormat::Csv.line(&failed[0]).unwrap();
    assert!(text.contains("failed") && text.contains("patient: "), "{text}");

    // Two tries, of which the last one fails too.
    assert_eq!(bulk.retry(RetrySelection::Failed).await.unwrap(), 1);
    work_with(&bulk, WorkOptions::new().max_attempts(2), odd(&fake, 2, false, away)).await;
    assert_eq!(parked(&bulk).await[0].attempts, 2);

    bulk.retry(RetrySelection::Row(failed[0].row)).await.unwrap();
    assert_eq!(work(&bulk, &fake, &place).await.completed, 3);
    assert_eq!(bulk.retry(RetrySelection::Row(failed[0].row)).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(bulk.retry(RetrySelection::Failed).await.unwrap(), 0);
}

async fn a_wait_is_no_try(place: RowLocation) {
    let fake = FakeCarium::new();
    let file = place.write("patients.ndjson", &rows(&fake, 0..1));
    let bulk = place.open(&fake).await;
    bulk.submit(&file, RowOptions::new()).await.unwrap();
    let limited = || Error::new(ErrorKind::RateLimited, "too many").with_retry_after(Duration::from_secs(1));
    work_with(&bulk, WorkOptions::new().max_attempts(1), odd(&fake, 2, false, limited)).await;
    let counts = bulk.status().await.unwrap();
    assert_eq!((counts.completed, fake.patients().len()), (1, 1));
    let report: Vec<RowRecord> = bulk.report().try_collect().await.unwrap();
    assert_eq!(report[0].attempts, 0);
}

/// Refused by the service, lost on the way, and done: of these only the first may be taken anew.
async fn what_failed_before_anything_was_created_is_mended_in_the_file(place: RowLocation) {
    let fake = FakeCarium::new();
    let bulk = place.open(&fake).await;
    let file = place.write("patients.ndjson", &rows(&fake, 0..1));
    bulk.submit(&file, RowOptions::new()).await.unwrap();
    let refused = || Error::new(ErrorKind::Rejected, "no");
    work_with(&bulk, WorkOptions::new(), odd(&fake, 1, false, refused)).await;
    assert_eq!(bulk.status().await.unwrap().failed, 1);
    let file = place.write("patients.ndjson", &rows(&fake, 0..2));
    bulk.submit(&file, RowOptions::new()).await.unwrap();
    work_with(&bulk, WorkOptions::new(), odd(&fake, 1, true, lost)).await;
    let counts = bulk.status().await.unwrap();
    assert_eq!((counts.failed, counts.unknown), (1, 1), "what failed is not tried by itself");

    place.write("patients.ndjson", &rows(&fake, 0..2).replace("O'Hara", "O'Hare"));
    let mended = bulk.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((mended.corrected, mended.changed, mended.changed_lines.as_slice()), (1, 1, [2].as_slice()));
    assert_eq!(mended.rows(), 2);
    let counts = work(&bulk, &fake, &place).await;
    assert_eq!((counts.completed, counts.unknown), (1, 1));
    let names = fake.patients().into_iter().map(|(_, patient)| patient.last_name.to_string());
    assert_eq!(names.filter(|name| name == "O'Hare").count(), 1);
    // It is done now, and what is done is not taken anew.
    place.write("patients.ndjson", &rows(&fake, 0..1).replace("O'Hara", "O'Hora"));
    let late = bulk.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((late.corrected, late.changed), (0, 1));
}

async fn a_worker_stops_when_it_has_parked_enough(place: RowLocation) {
    let fake = FakeCarium::new();
    let file = place.write("patients.ndjson", &rows(&fake, 0..500));
    let bulk = place.open(&fake).await;
    bulk.submit(&file, RowOptions::new()).await.unwrap();
    let refused = || Error::new(ErrorKind::Forbidden, "no");
    let options = WorkOptions::new().max_concurrent_rows(4).max_parked(10);
    work_with(&bulk, options, odd(&fake, usize::MAX, false, refused)).await;
    let counts = bulk.status().await.unwrap();
    assert!((10..=10 + 4).contains(&counts.failed), "{counts:?}");
    assert_eq!(counts.running, 0);
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_as_it_is() {
    let place = RowLocation::new();
    let QueueLocation::File(path) = &place.location else { panic!("it is in a file") };
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("CREATE TABLE another (id INTEGER)").execute(&pool).await.unwrap();
    pool.close().await;
    let before = std::fs::read(path).unwrap();
    for opened in [
        OnboardingQueue::open(&place.location, Target::sandbox(None)).await,
        OnboardingQueue::open_read_only(&place.location).await,
    ] {
        assert_eq!(opened.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(std::fs::read(path).unwrap(), before);
    place.write("queue.db", "first-name,last-name\n".repeat(100).as_str());
    let opened = OnboardingQueue::open(&place.location, Target::sandbox(None)).await;
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::InvalidInput);
}

async fn a_worker_stops_when_it_is_told_to(place: RowLocation) {
    let fake = FakeCarium::new();
    let file = place.write("patients.ndjson", &rows(&fake, 0..2000));
    let bulk = place.open(&fake).await;
    bulk.submit(&file, RowOptions::new()).await.unwrap();
    let working = bulk.work(WorkOptions::new(), |ledger| fake.client().onboarding(ledger)).await.unwrap();
    let mut progress = working.progress();
    progress.wait_for(|progress| progress.counts.completed > 0).await.unwrap();
    working.stop().stop();
    working.stopped().await.unwrap();
    let counts = bulk.status().await.unwrap();
    // What was in flight was finished.
    assert_eq!((counts.running, counts.unknown, counts.failed, counts.rows()), (0, 0, 0, 2000));
    assert_eq!(fake.patients().len() as u64, counts.completed);
}

async fn limits_are_kept(place: RowLocation) {
    let fake = FakeCarium::new();
    let bulk = place.open(&fake).await;
    assert_eq!(bulk.limits().await.unwrap(), carium_bulk::Limits::unlimited());
    let limits = carium_bulk::Limits::unlimited().max_calls_per_second(50.0).max_in_flight(3);
    bulk.set_limits(limits).await.unwrap();
    assert_eq!(bulk.limits().await.unwrap(), limits);
    let wrong =
        bulk.set_limits(carium_bulk::Limits::unlimited().max_calls_per_second(0.0)).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::InvalidInput);

    let file = place.write("patients.ndjson", &rows(&fake, 0..100));
    bulk.submit(&file, RowOptions::new()).await.unwrap();
    let begun = std::time::Instant::now();
    assert_eq!(work(&bulk, &fake, &place).await.completed, 100);
    assert!(begun.elapsed() > Duration::from_millis(1900), "{:?}", begun.elapsed());
}
