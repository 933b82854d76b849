//! File names of several downloads into the same directories.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use unicode_normalization::UnicodeNormalization as _;

/// Several downloads that never share a target: if two documents have the same file name, the second gets another one,
/// such as `letter (2).pdf`.
///
/// Names also count as the same if they differ only in case or in their Unicode normalization, as on the file systems of
/// macOS and Windows. The names follow from the order in which the requests joined the batch, so run them in this order
/// or concurrently. [`overwrite`](super::DownloadRequest::overwrite) replaces only files that were there before.
///
/// ```
/// use carium::documents::{DownloadBatch, DownloadRequest};
///
/// # fn requests(ids: Vec<carium::documents::DocumentReferenceId>) -> Vec<DownloadRequest> {
/// let batch = DownloadBatch::default();
/// ids.into_iter().map(|id| DownloadRequest::new(id).in_batch(&batch)).collect()
/// # }
/// ```
#[derive(Clone, Default)]
pub struct DownloadBatch(Arc<BatchState>);

struct BatchState {
    progress: Mutex<BatchProgress>,
    /// The number of the request that may choose its name next.
    turn: watch::Sender<u64>,
}

impl Default for BatchState {
    fn default() -> Self {
        Self { progress: Mutex::default(), turn: watch::Sender::new(0) }
    }
}

#[derive(Default)]
struct BatchProgress {
    joined: u64,
    /// The requests that have a name, or need none, although it is not their turn yet.
    early: BTreeSet<u64>,
    /// The targets, in the form in which they are compared.
    targets: HashSet<PathBuf>,
}

impl DownloadBatch {
    /// Returns the place of another request.
    pub(super) fn join(&self) -> BatchTurn {
        let mut progress = self.0.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let number = progress.joined;
        progress.joined += 1;
        BatchTurn(Arc::new(TurnInner { batch: Arc::clone(&self.0), number }))
    }
}

impl fmt::Debug for DownloadBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadBatch").finish_non_exhaustive()
    }
}

/// The place of a request in its batch. The next one can choose its name when all clones are dropped, or when the download of
/// this one has chosen its name or has ended.
#[derive(Clone)]
pub(super) struct BatchTurn(Arc<TurnInner>);

/// The place of a download that runs. Its turn ends when this is dropped, even if the caller keeps the request.
pub(super) struct RunningTurn(BatchTurn);

struct TurnInner {
    batch: Arc<BatchState>,
    number: u64,
}

impl BatchTurn {
    pub(super) fn run(self) -> RunningTurn {
        RunningTurn(self)
    }
}

impl RunningTurn {
    /// Waits until all earlier requests have chosen their names, and returns a target that no other request has.
    pub(super) async fn choose_target(self, target: &Path) -> PathBuf {
        let TurnInner { batch, number } = &*self.0.0;
        // The sender is not dropped while `batch` exists, so this does not fail.
        let _ = batch.turn.subscribe().wait_for(|turn| turn >= number).await;
        let chosen = {
            let mut progress = batch.progress.lock().unwrap_or_else(PoisonError::into_inner);
            let mut candidates = (1_u64..).map(|number| numbered(target, number));
            // The number of targets is finite, so one of the candidates is new.
            let chosen = candidates.find(|candidate| progress.targets.insert(comparable(candidate)));
            chosen.unwrap_or_else(|| target.to_owned())
        };
        drop(self);
        chosen
    }
}

impl Drop for RunningTurn {
    fn drop(&mut self) {
        self.0.0.end();
    }
}

impl PartialEq for BatchTurn {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl TurnInner {
    fn end(&self) {
        let Self { batch, number } = self;
        // If the turn has ended already, this only leaves a number that is never reached again.
        if *batch.turn.borrow() <= *number {
            let mut progress = batch.progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.early.insert(*number);
            batch.turn.send_modify(|turn| {
                while progress.early.remove(turn) {
                    *turn += 1;
                }
            });
        }
    }
}

impl Drop for TurnInner {
    fn drop(&mut self) {
        self.end();
    }
}

/// Returns the target with a number in its name: `letter (2).pdf`. Number 1 is the target itself.
fn numbered(target: &Path, number: u64) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    match (number, name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty())) {
        (1, _) => target.to_owned(),
        (_, Some((stem, extension))) => target.with_file_name(format!("{stem} ({number}).{extension}")),
        (_, None) => target.with_file_name(format!("{name} ({number})")),
    }
}

/// Returns a path in the form in which targets are compared: without differences in case and normalization.
fn comparable(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let name: String = name.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    target.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_are_distinct_in_the_order_of_the_requests() {
        let batch = DownloadBatch::default();
        let names = [
            "letter.pdf",
            "LETTER.PDF",
            "a\u{308}.pdf",
            "\u{e4}.pdf",
            "letter (2).pdf",
            "x",
            "x",
            "letter.pdf",
        ];
        let turns: Vec<_> = names.iter().map(|_| batch.join()).collect();
        assert!(turns[0] == turns[0].clone() && turns[0] != turns[1]);
        // They choose in the reverse order, and one of them never does.
        let tasks: Vec<_> = turns.into_iter().zip(names).rev().collect();
        let chosen = tasks.into_iter().map(|(turn, name)| async move {
            if name == "LETTER.PDF" {
                drop(turn);
                return "none".to_owned();
            }
            turn.run().choose_target(&Path::new("folder").join(name)).await.to_string_lossy().into_owned()
        });
        let mut chosen = futures_util::future::join_all(chosen).await;
        chosen.reverse();
        let expected = [
            "folder/letter.pdf",
            "none",
            "folder/a\u{308}.pdf",
            "folder/\u{e4} (2).pdf",
            "folder/letter (2).pdf",
            "folder/x",
            "folder/x (2)",
            "folder/letter (3).pdf",
        ];
        assert_eq!(chosen, expected);
    }
}
