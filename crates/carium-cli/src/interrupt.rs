//! Interruption by Ctrl-C or SIGTERM.

use std::future::Future;

use futures_util::future::{Either, select};

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
    }
}

/// Completes when the program receives Ctrl-C or SIGTERM.
pub(crate) async fn interrupted() {
    let ctrl_c = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            let terminate = std::pin::pin!(terminate.recv());
            select(std::pin::pin!(ctrl_c), terminate).await;
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
