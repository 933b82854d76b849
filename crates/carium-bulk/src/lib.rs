//! Onboarding many patients with Carium: files of rows, and a durable queue.
//!
//! A file of patients goes in, as CSV or as NDJSON ([`rows`]). Each of them is created in Carium once, invited, given
//! their documents and booked a first appointment, however often the network, the process or the machine fails on
//! the way; and any number of processes work on it, with a queue on a server of PostgreSQL on any number of machines.
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
//! // The whole file, before anything is sent.
//! let report = validate(&file, RowOptions::new(), 100).await?;
//! assert!(report.is_ok());
//!
//! // A queue belongs to one base URL and one organization. Here it is a file, which is made where there is none.
//! let bulk = OnboardingQueue::open(&QueueLocation::File(queue), Target::for_client(&carium)).await?;
//! let submission = bulk.submit(&file, RowOptions::new()).await?;
//! println!("{} rows are new, {} were known", submission.new, submission.known);
//!
//! // What all processes that work on it keep to together.
//! bulk.set_limits(Limits::unlimited().max_calls_per_second(50.0).in_flight(32)).await?;
//! let options = WorkOptions::new().max_concurrent_rows(16).stop_when_settled();
//! let working = bulk.work(options, |ledger| carium.onboarding(ledger).documents_folder("scans/")).await?;
//! working.stopped().await?;
//! assert_eq!(bulk.status().await?.completed, 1);
//!
//! // What a person has to look at, and everything.
//! let parked: Vec<_> = bulk.parked().try_collect().await?;
//! assert!(parked.is_empty());
//! let report = bulk.report().and_then(|row| async move { ReportFormat::Csv.line(&row) });
//! let lines: String = report.try_collect().await?;
//! # assert_eq!(lines.lines().count(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What is done once
//! Every row that was ever submitted is in one of five states, and [`status`](OnboardingQueue::status) counts them: it waits, a
//! worker has it, it is done, it failed, or something of it is unknown. What may be tried again is, by itself,
//! with growing waits of up to 30 seconds, and after a 429 when the service says. What may not is parked:
//!
//! - *failed*: a person mends what is wrong (a document that is missing, a name that means nothing, an account without
//!   rights), and has the row [tried again](OnboardingQueue::retry). A row whose own text was wrong is
//!   corrected in its file and [submitted](OnboardingQueue::submit) again: as long as nothing was created for it, it is taken anew.
//! - *unknown*: a call was sent whose answer was lost, or whose process was killed. Calls that create a patient or
//!   an appointment, and invitations, cannot be looked up in the API, and so are not sent again by themselves. A person
//!   looks, and [says](OnboardingQueue::resolve) what is there; the row then goes on.
//!
//! A worker whose heart has been silent for five seconds is taken for dead, and the others, or the next one that is
//! started, take up what it had. Whatever it did is in the [ledger](carium::onboarding::Ledger). One that was only
//! paused finds, when it wakes, that its rows were taken, and its books are put together with the others'.
//!
//! What nothing here can close: a machine that is frozen between the ledger and the network, for so long that a
//! person has looked and decided in the meantime, and that sends its call when it thaws. Only the service could, with
//! idempotency keys.
//!
//! # What lies where
//! | | in a file of SQLite | on a server of PostgreSQL |
//! | --- | --- | --- |
//! | processes | of one machine | of many |
//! | rows | where they were: the queue knows the path of the file, and where in it each row lies. The file's hash, and the row's, are checked before it is used | sealed in the database with AES-256-GCM; the [key](EncryptionKey) is with the workers |
//! | documents | in the folder that a worker is given | the same, on each machine |
//! | books, ledger | in the database | in the database |
//!
//! Books and ledger hold ids, kinds of errors, names of fields, and keys as salted hashes; nothing of what a row says.
//! The salt lies beside them, so that whoever has the database can find out whether someone whom they can name is in
//! it: it is to be kept like a list of patients. So are the paths of files, which are kept as they are.
//!
//! The connection to a server is encrypted as its URL says: `?sslmode=verify-full` for everything but one's own machine.

mod books;
mod database;
mod engine;
mod files;
mod ledger;
mod limits;
mod queue;
mod report;
pub mod rows;
mod seal;
mod status;
mod submit;
mod target;
mod work;
mod writer;

pub use self::books::{RetrySelection, RowFailure, RowRecord, RowState};
pub use self::database::QueueLocation;
pub use self::limits::Limits;
pub use self::queue::OnboardingQueue;
pub use self::report::ReportFormat;
pub use self::seal::{ENCRYPTION_KEY_VARIABLE, EncryptionKey};
pub use self::status::RowCounts;
pub use self::submit::Submission;
pub use self::target::Target;
pub use self::work::{StopHandle, WorkOptions, WorkProgress, WorkerHandle};
