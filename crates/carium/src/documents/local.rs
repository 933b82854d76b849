//! Failures of this machine: files, readers, writers.

use std::io;

use crate::error::{Error, ErrorKind};

/// The error that a failure of this machine comes down to. A path may hold a patient's name, and libraries put
/// paths into their errors: what is kept is the system's own code, or failing that the kind.
pub(super) fn failed(what: &'static str, error: &io::Error) -> Error {
    Error::new(ErrorKind::Io, what).with_source(bare(error))
}

fn bare(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| io::Error::from(error.kind()), io::Error::from_raw_os_error)
}

/// A task of ours was ended before it was done: the runtime is shutting down.
pub(super) fn ended() -> Error {
    Error::new(ErrorKind::Canceled, "the program is ending")
}
