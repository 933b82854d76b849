//! Onboarding many patients with Carium: files of rows, and a durable queue.

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

pub use self::books::{BookedRow, Retry, RowFailure, RowState};
pub use self::database::Location;
pub use self::limits::Limits;
pub use self::queue::Bulk;
pub use self::report::ReportFormat;
pub use self::seal::{QUEUE_KEY, QueueKey};
pub use self::status::Counts;
pub use self::submit::Submission;
pub use self::target::Target;
pub use self::work::{Progress, Stop, WorkOptions, Working};
