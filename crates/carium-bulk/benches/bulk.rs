//! A million patients through a queue in a file, against a service that answers at once: what the queue costs.
//!
//! ```text
//! cargo bench -p carium-bulk --bench bulk                 10,000 and 1,000,000 rows
//! cargo bench -p carium-bulk --bench bulk -- --quick      1,000 and 10,000
//! ```
//!
//! Beside it in the same run, with the smaller number of rows: the same rows in plain inserts of one transaction a
//! thousand, and the same calls by hand, 64 at a time, that nothing remembers. Nothing fails for being slow.
//!
//! With glibc, what many threads allocate and free lies in as many arenas, which grow for a while: MALLOC_ARENA_MAX=1 in
//! the environment shows what the queue itself holds.

mod measured;

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

use self::measured::{Asked, Failed, asked};

/// How many rows are worked on at a time.
const AT_A_TIME: usize = 64;
const ORGANIZATION: &str = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72";

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match asked(&arguments) {
        Asked::Measure(work, folder) => measure(work, folder),
        Asked::Run { quick: true } => run(1_000, 10_000),
        Asked::Run { quick: false } => run(10_000, 1_000_000),
        Asked::Nothing => Ok(()),
    }
}

fn run(few: u64, many: u64) -> Result<(), Failed> {
    measured::heading()?;
    for rows in [few, many] {
        let folder = tempfile::tempdir()?;
        write(&folder.path().join("rows.ndjson"), rows)?;
        for (work, name) in [
            ("inserts", "plain inserts, nothing checked"),
            ("hand", "calls by hand, nothing remembered"),
            ("submit", "submit"),
            ("again", "submit the same file again"),
            ("work", "work"),
        ] {
            if rows == few || !matches!(work, "inserts" | "hand") {
                measured::line(work, name, rows, folder.path())?;
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

fn measure(work: &str, folder: &Path) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (count, seconds) = runtime.block_on(async {
        let file = folder.join("rows.ndjson");
        let location = QueueLocation::File(folder.join("queue.db"));
        let bulk = OnboardingQueue::open(&location, Target::sandbox(None)).await?;
        let begun = Instant::now();
        let count = match work {
            "inserts" => inserts(&folder.join("plain.db"), &file).await?,
            "hand" => hand(&file).await?,
            "submit" => bulk.submit(&file, RowOptions::new()).await?.new,
            "again" => bulk.submit(&file, RowOptions::new()).await?.known,
            "work" => {
                let options = WorkOptions::new().max_concurrent_rows(AT_A_TIME).stop_when_settled();
                let onboarding = |ledger: Arc<dyn Ledger>| Onboarding::new(services(), ledger);
                bulk.work(options, onboarding).await?.stopped().await?;
                bulk.status().await?.completed
            }
            _ => return Err("there is no such measurement".into()),
        };
        Ok::<_, Failed>((count, begun.elapsed().as_secs_f64()))
    })?;
    measured::tell(count, seconds)
}

/// Creates patients in no time, and forgets them.
struct Instantly(AtomicU64);

#[async_trait]
impl Patients for Instantly {
    async fn create(&self, _: NewPatient) -> Result<IndividualId, carium::Error> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(IndividualId(carium::api::uuid::Uuid::from_u64_pair(1, number)))
    }
}

fn services() -> OnboardingServices {
    let fake = FakeCarium::new();
    let client = fake.client();
    OnboardingServices {
        patients: Arc::new(Instantly(AtomicU64::new(0))),
        invitations: Arc::clone(client.invitations()),
        appointments: Arc::clone(client.appointments()),
        documents: Arc::clone(client.documents()),
        transfers: Arc::clone(client.transfers()),
    }
}

/// The rows in a table, as one would write it without a queue.
async fn inserts(database: &Path, file: &Path) -> Result<u64, Failed> {
    let url = format!("sqlite://{}?mode=rwc", database.display());
    let pool = sqlx::SqlitePool::connect(&url).await?;
    sqlx::query("PRAGMA journal_mode = WAL").execute(&pool).await?;
    sqlx::query("CREATE TABLE row (id INTEGER PRIMARY KEY, text TEXT NOT NULL)").execute(&pool).await?;
    let (text, mut count) = (fs::read_to_string(file)?, 0);
    for chunk in text.lines().collect::<Vec<_>>().chunks(1000) {
        let mut transaction = pool.begin().await?;
        for line in chunk {
            let insert = sqlx::query("INSERT INTO row (text) VALUES ($1)").bind(*line);
            count += insert.execute(&mut *transaction).await?.rows_affected();
        }
        transaction.commit().await?;
    }
    Ok(count)
}

/// The calls alone.
async fn hand(file: &Path) -> Result<u64, Failed> {
    let services = services();
    let rows = Rows::open(file, RowOptions::new(), Salt::new([1; 32])).await?;
    let patients = &services.patients;
    let created = rows.map(|row| async move {
        let row = row.map_err(|error| error.to_string())?;
        patients.create(row.request.patient().clone()).await.map_err(|error| error.to_string())
    });
    let mut created = created.buffer_unordered(AT_A_TIME);
    let mut count = 0;
    while let Some(created) = created.next().await {
        created?;
        count += 1;
    }
    Ok(count)
}
