//! Interruption by Ctrl-C, SIGTERM, SIGHUP or SIGQUIT.

use std::future::Future;
#[cfg(unix)]
use std::sync::LazyLock;

use futures_util::future::{Either, select};
#[cfg(unix)]
use futures_util::future::{FutureExt as _, select_all};

use crate::error::{CliError, Exit};

/// Installs handlers, so that a signal no longer ends the program immediately. A password prompt that is ended
/// immediately would leave the terminal without echo.
pub(crate) fn install_handlers() {
    // Once tokio has registered a handler, it stays installed, whether or not the returned stream is polled.
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        // If a handler cannot be installed, the signal keeps its default effect.
        let _ = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
        let _ = signal(SignalKind::quit());
        if !ignores_hangup() {
            let _ = signal(SignalKind::hangup());
        }
    }
}

/// Checks whether the program was started with SIGHUP ignored, as by `nohup`. A handler would undo that. It is only known
/// on Linux.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    static IGNORES: LazyLock<bool> = LazyLock::new(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        // SIGHUP is signal 1, the lowest bit of the mask.
        ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
    });
    *IGNORES
}

/// Completes when the program receives Ctrl-C, SIGTERM, SIGHUP or SIGQUIT.
pub(crate) async fn interrupted() {
    let ctrl_c = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        // A closed terminal or ssh session sends SIGHUP, and Ctrl-\ sends SIGQUIT.
        let hangup = (!ignores_hangup()).then(SignalKind::hangup);
        let kinds = [SignalKind::terminate(), SignalKind::quit()].into_iter().chain(hangup);
        let signals: Vec<_> = kinds.filter_map(|kind| signal(kind).ok()).collect();
        if !signals.is_empty() {
            let received = signals.into_iter().map(|mut signal| async move { signal.recv().await }.boxed());
            select(std::pin::pin!(ctrl_c), select_all(received)).await;
            return;
        }
    }
    // If no handler can be installed, this future never completes.
    if ctrl_c.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Runs a command, and drops it if the program is interrupted. If the command `may_change_data`, the hint of
/// the error states that the operation may have been applied.
pub(crate) async fn unless_interrupted<T>(
    command: impl Future<Output = Result<T, CliError>>,
    may_change_data: bool,
) -> Result<T, CliError> {
    match select(std::pin::pin!(command), std::pin::pin!(interrupted())).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => {
            let error = CliError::new(Exit::Interrupted, "interrupted");
            Err(if may_change_data {
                error.with_hint(
                    "the operation may have been applied: check in Carium before you run the command again",
                )
            } else {
                error
            })
        }
    }
}
