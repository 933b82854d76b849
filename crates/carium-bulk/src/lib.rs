//! Onboards many patients from files, with a durable queue.
//!
//! A CSV or NDJSON file has one patient per row ([`rows`]). Each patient is created once and invited, their documents
//! are uploaded, and their first appointment is booked, even if the network, the process or the machine fails in
//! between. Any number of processes can work on a queue; if it is on a PostgreSQL server, they can run on any number
//! of machines.
//!
//! ```
//! use carium_bulk::rows::{RowOptions, validate};
//! use carium_bulk::{OnboardingQueue, Limits, QueueLocation, ReportFormat, Target, WorkOptions};
//! use futures_util::TryStreamExt as _;
//! # use carium_mock::FakeCarium;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let fake = FakeCarium::new();
//! # let carium = fake.client().clone();
//! # let folder = tempfile::tempdir()?;
//! # let (file, queue) = (folder.path().join("patients.csv"), folder.path().join("queue.db"));
//! # std::fs::write(&file, format!("first-name,last-name,birth-date,gender,email,organization-id\n\
//! #     Zoë,O'Hara,1984-02-29,female,zoe@example.com,{}\n", fake.organization()))?;
//! // Validate the whole file before anything is sent.
//! let report = validate(&file, RowOptions::new(), 100).await?;
//! assert!(report.is_ok());
//!
//! // A queue belongs to one base URL and one organization. This one is a SQLite file, created if it does not exist.
//! let queue = OnboardingQueue::open(&QueueLocation::Sqlite(queue), Target::for_client(&carium)).await?;
//! let submission = queue.submit(&file, RowOptions::new()).await?;
//! println!("{} rows are new, {} were known", submission.new, submission.known);
//!
//! // Limits apply to all workers of the queue together.
//! queue.set_limits(Limits::unlimited().max_calls_per_second(50.0).max_in_flight(32)).await?;
//! let options = WorkOptions::new().max_concurrent_rows(16).stop_when_settled();
//! let worker = queue.work(options, |ledger| carium.onboarding(ledger).documents_folder("scans/")).await?;
//! worker.join().await?;
//! assert_eq!(queue.status().await?.completed, 1);
//!
//! // List the rows that a person must look at, and report on all rows.
//! let parked: Vec<_> = queue.parked().try_collect().await?;
//! assert!(parked.is_empty());
//! let report = queue.report().and_then(|row| async move { ReportFormat::Csv.line(&row) });
//! let lines: String = report.try_collect().await?;
//! # assert_eq!(lines.lines().count(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Row states
//! Every submitted row is in one of five states, which [`status`](OnboardingQueue::status) counts: pending, running,
//! completed, failed or unknown. A row with a retryable error is retried automatically, with a backoff of up to 30
//! seconds, or after the time that the service requests if that is longer, up to 15 minutes. A row with another error,
//! or without attempts left, is *parked* until a person handles it:
//!
//! - *Failed*: a person fixes the cause, such as a missing document, an unknown name or missing permissions, and
//!   [retries](OnboardingQueue::retry) the row. If the content of the row is wrong, it is corrected in the file, and
//!   the file is [submitted](OnboardingQueue::submit) again. The row then starts over, provided that nothing was
//!   created for it.
//! - *Unknown*: a request was sent, but its response was lost, or the process was killed. The API cannot search for
//!   patients, appointments or invitations, so a request that creates one of them is not retried automatically. A
//!   person checks in Carium and [resolves](OnboardingQueue::resolve) the step. The row then continues.
//!
//! A cause that concerns every row, such as a service that cannot be reached, is an [`Outage`]. It pauses the workers of the
//! queue, and the rows stay pending. A row that the service refuses for a lack of permissions is failed after three attempts,
//! unless ten rows in a row are refused.
//!
//! A worker that has sent no heartbeat for five seconds is stale. Other workers, or the next one to start, reclaim
//! its rows and continue from the [ledger](carium::onboarding::Ledger). If the worker was only suspended,
//! it detects when it resumes that its rows were reclaimed, and the ledger prevents duplicate requests.
//!
//! One case of a duplicate request cannot be prevented without idempotency keys in the API: a machine is suspended
//! after it wrote an intent to the ledger and before it sent the request, a person resolves the step in the meantime,
//! and the machine then resumes and sends the request.
//!
//! # Stored data
//! | | SQLite file | PostgreSQL server |
//! | --- | --- | --- |
//! | workers | on one machine | on any number of machines |
//! | rows | stay in the submitted file. The queue stores the path of the file and the location of each row, and verifies hashes of the file and the row before it uses them | stored in the database, encrypted with AES-256-GCM. The [key](EncryptionKey) stays with the workers |
//! | documents | in the documents folder of each worker | in the documents folder of each worker, on its machine |
//! | row states and ledger | in the database | in the database |
//!
//! Row states and the ledger contain IDs, kinds of errors, names of fields, and keys as salted hashes, but no data
//! from the rows. The salt is stored with them, so anyone with the database can check whether a person whose username
//! they know is in it. Protect the database like a list of patients. The paths of submitted files are stored
//! unencrypted.
//!
//! The URL of a server determines whether the connection is encrypted. Use `?sslmode=verify-full` for any server that
//! is not on the same machine.

mod assignment;
mod batch;
mod database;
mod decisions;
mod encryption;
mod files;
#[rustfmt::skip]
mod generated;
mod ledger;
mod limits;
mod outage;
mod queue;
mod report;
mod row_store;
pub mod rows;
mod submit;
mod worker;
mod writer;

pub use self::database::QueueLocation;
pub use self::decisions::{Decision, DecisionProblem, DecisionsError};
pub use self::encryption::{ENCRYPTION_KEY_VARIABLE, EncryptionKey};
pub use self::files::{SourceKey, SourceText};
pub use self::ledger::StepCounts;
pub use self::limits::Limits;
pub use self::outage::Outage;
pub use self::queue::{OnboardingQueue, RetrySelection, Target};
pub use self::report::ReportFormat;
pub use self::row_store::{RowCounts, RowFailure, RowRecord, RowState};
pub use self::submit::Submission;
pub use self::worker::{StopHandle, WorkOptions, WorkProgress, WorkerHandle};
