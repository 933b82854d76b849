//! Measures the cost of a queue in a SQLite file: a million patients with a service that responds immediately.
//!
//! ```text
//! cargo bench -p carium-bulk --bench bulk                 10,000 and 1,000,000 rows
//! cargo bench -p carium-bulk --bench bulk -- --quick      1,000 and 10,000
//! ```
//!
//! For comparison, the same run measures the smaller number of rows with plain inserts in transactions of 1,000 rows,
//! and with direct calls, 64 at a time, without storing any state. The benchmark does not assert any times.
//!
//! glibc allocates memory of each thread in a separate arena, which makes the peak memory look higher. Set
//! `MALLOC_ARENA_MAX=1` in the environment to measure the memory of the queue itself.

mod measurement;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use carium::api::async_trait;
use carium::onboarding::{Ledger, Onboarding, OnboardingServices};
use carium::patients::{IndividualId, NewPatient, Patients};
use carium_bulk::rows::{RowOptions, Rows, Salt};
use carium_bulk::{OnboardingQueue, QueueLocation, Target, WorkOptions};
use carium_mock::FakeCarium;
use futures_util::StreamExt as _;

use self::measurement::{BenchError, Command, parse_arguments};

/// The number of rows that are processed at a time.
const CONCURRENCY: usize = 64;
const ORGANIZATION: &str = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72";

fn main() -> Result<(), BenchError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match parse_arguments(&arguments) {
        Command::Measure(task, folder) => measure(task, folder),
        Command::Run { quick: true } => run(1_000, 10_000),
        Command::Run { quick: false } => run(10_000, 1_000_000),
        Command::Nothing => Ok(()),
    }
}

fn run(few: u64, many: u64) -> Result<(), BenchError> {
    measurement::print_heading()?;
    for rows in [few, many] {
        let folder = tempfile::tempdir()?;
        write(&folder.path().join("rows.ndjson"), rows)?;
        for (task, name) in [
            ("inserts", "plain inserts, no validation"),
            ("direct", "direct calls, no stored state"),
            ("submit", "submit"),
            ("resubmit", "submit the same file again"),
            ("work", "work"),
        ] {
            if rows == few || !matches!(task, "inserts" | "direct") {
                measurement::run_and_print(task, name, rows, folder.path())?;
            }
        }
    }
    Ok(())
}

fn write(path: &Path, rows: u64) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for row in 0..rows {
        writeln!(
            file,
            r#"{{"first-name":"Zoë","last-name":"O'Hara","birth-date":"1984-02-29","gender":"female","email":"zoe{row}@example.com","organization-id":"{ORGANIZATION}"}}"#
        )?;
    }
    file.flush()
}

fn measure(task: &str, folder: &Path) -> Result<(), BenchError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (count, seconds) = runtime.block_on(async {
        let file = folder.join("rows.ndjson");
        let location = QueueLocation::Sqlite(folder.join("queue.db"));
        let queue = OnboardingQueue::open(&location, Target::sandbox(None)).await?;
        let started = Instant::now();
        let count = match task {
            "inserts" => plain_inserts(&folder.join("plain.db"), &file).await?,
            "direct" => direct_calls(&file).await?,
            "submit" => queue.submit(&file, RowOptions::new()).await?.new,
            "resubmit" => queue.submit(&file, RowOptions::new()).await?.known,
            "work" => {
                let options = WorkOptions::new().max_concurrent_rows(CONCURRENCY).stop_when_settled();
                let onboarding = |ledger: Arc<dyn Ledger>| Onboarding::new(services(), ledger);
                queue.work(options, onboarding).await?.join().await?;
                queue.status().await?.completed
            }
            _ => return Err("unknown task".into()),
        };
        Ok::<_, BenchError>((count, started.elapsed().as_secs_f64()))
    })?;
    measurement::print_result(count, seconds)
}

/// Responds to each creation immediately with a new ID, and stores nothing.
struct InstantPatients(AtomicU64);

#[async_trait]
impl Patients for InstantPatients {
    async fn create(&self, _: NewPatient) -> Result<IndividualId, carium::Error> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(IndividualId(carium::api::uuid::Uuid::from_u64_pair(1, number)))
    }
}

fn services() -> OnboardingServices {
    let fake = FakeCarium::new();
    let client = fake.client();
    OnboardingServices {
        organizations: Arc::clone(client.organizations()),
        patients: Arc::new(InstantPatients(AtomicU64::new(0))),
        invitations: Arc::clone(client.invitations()),
        appointments: Arc::clone(client.appointments()),
        documents: Arc::clone(client.documents()),
        transfers: Arc::clone(client.transfers()),
    }
}

/// Inserts the rows into a table, without a queue.
async fn plain_inserts(database: &Path, file: &Path) -> Result<u64, BenchError> {
    let url = format!("sqlite://{}?mode=rwc", database.display());
    let pool = sqlx::SqlitePool::connect(&url).await?;
    sqlx::query("PRAGMA journal_mode = WAL").execute(&pool).await?;
    sqlx::query("CREATE TABLE row (id INTEGER PRIMARY KEY, text TEXT NOT NULL)").execute(&pool).await?;
    let (text, mut count) = (fs::read_to_string(file)?, 0);
    for chunk in text.lines().collect::<Vec<_>>().chunks(1000) {
        let mut transaction = pool.begin().await?;
        for line in chunk {
            let query = sqlx::query("INSERT INTO row (text) VALUES ($1)").bind(*line);
            count += query.execute(&mut *transaction).await?.rows_affected();
        }
        transaction.commit().await?;
    }
    Ok(count)
}

/// Makes the calls for the rows, without a queue.
async fn direct_calls(file: &Path) -> Result<u64, BenchError> {
    let services = services();
    let rows = Rows::open(file, RowOptions::new(), Salt::new([1; 32])).await?;
    let patients = &services.patients;
    let created = rows.map(|row| async move {
        let row = row.map_err(|error| error.to_string())?;
        patients.create(row.request.patient().clone()).await.map_err(|error| error.to_string())
    });
    let mut created = created.buffer_unordered(CONCURRENCY);
    let mut count = 0;
    while let Some(created) = created.next().await {
        created?;
        count += 1;
    }
    Ok(count)
}
