//! What is asked of the books of a queue, and what a person writes into them.

mod again;
mod parked;
mod reason;
mod report;
mod resolve;
mod status;

pub(super) use again::Again;
pub(super) use parked::Parked;
pub(super) use reason::reasons;
pub(super) use report::Report;
pub(super) use resolve::Resolve;
pub(super) use status::Status;

/// What has to be run for rows that are on the queue again.
const GO_ON: &str =
    "they are gone on with by the next `carium onboard` of their file, or by a `carium worker`";
