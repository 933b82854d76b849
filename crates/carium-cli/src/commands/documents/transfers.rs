//! What uploads and downloads share: their results, and how an interruption ends them.

use std::path::PathBuf;

use carium::documents::{Digest, DocumentReferenceId, Sha256Digest};
use clap::ValueEnum;
use futures_util::stream::{Stream, StreamExt as _};
use serde::Serialize;
use serde_json::json;

use crate::error::CliError;
use crate::interrupt::interrupted;
use crate::output::{Format, ListWriter};

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Uploaded,
    /// Uploaded, but `--verify` could not confirm it.
    Unverified,
    Downloaded,
    Failed,
    /// The document may have been created.
    Unknown,
    Interrupted,
}

/// The argument of `--digest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum DigestOption {
    Sha256,
    None,
}

impl From<DigestOption> for Digest {
    fn from(option: DigestOption) -> Self {
        match option {
            DigestOption::Sha256 => Self::Sha256,
            DigestOption::None => Self::None,
        }
    }
}

/// The result of a transfer: one row of the output.
pub(super) struct TransferResult {
    pub(super) status: Status,
    pub(super) id: Option<DocumentReferenceId>,
    pub(super) file: Option<PathBuf>,
    /// The size and the digest of a transferred document. There is no digest with `--digest none`.
    pub(super) content: Option<(u64, Option<Sha256Digest>)>,
}

pub(super) fn write_results(format: Format, results: &[TransferResult]) -> Result<(), CliError> {
    let mut output = ListWriter::new(format, &["status", "id", "file", "size"]);
    for result in results {
        output.push(json!({
            "status": result.status,
            "id": result.id,
            "file": result.file.as_ref().map(|path| path.display().to_string()),
            "sha256": result.content.and_then(|(_, sha256)| sha256),
            "size": result.content.map(|(size, _)| size),
        }))?;
    }
    output.finish()
}

/// Runs transfers until all have ended. If the program is interrupted, cancels them and waits until they have ended:
/// an upload waits some seconds for the response of a call in flight, so that its result is saved.
///
/// Returns the result of each transfer that was started, and whether the program was interrupted.
pub(super) async fn run_transfers<T: Send>(
    count: usize,
    transfers: impl Stream<Item = (usize, T)> + Send,
    cancel: impl Fn() + Send,
) -> (Vec<Option<T>>, bool) {
    let mut results: Vec<Option<T>> = (0..count).map(|_| None).collect();
    let mut transfers = std::pin::pin!(transfers);
    let mut interruption = std::pin::pin!(interrupted());
    let mut was_interrupted = false;
    loop {
        tokio::select! {
            ended = transfers.next() => match ended {
                Some((index, result)) => results[index] = Some(result),
                None => return (results, was_interrupted),
            },
            () = &mut interruption, if !was_interrupted => {
                was_interrupted = true;
                cancel();
            }
        }
    }
}
