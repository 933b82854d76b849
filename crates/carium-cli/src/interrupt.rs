//! Being asked to stop: by Ctrl-C, or by whoever runs the program.

use std::future::Future;

use futures_util::future::{Either, select};

use crate::exit::{CliError, Exit};

/// From now on a signal does not end the program where it is: it would leave a terminal without its echo, where someone is
/// asked for a password.
pub(crate) fn listen() {
    // What is listened to once is, whether or not anyone waits for it.
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        // Where that cannot be, a signal does what it always did.
        let _ = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    }
}

/// Ends when the program is asked to stop.
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
    // Where there are no signals to be had, nobody can ask.
    if ctrl_c.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What comes of a command that is dropped where it is when the program is asked to stop.
pub(crate) async fn unless_interrupted<T>(
    command: impl Future<Output = Result<T, CliError>>,
    changes_something: bool,
) -> Result<T, CliError> {
    match select(std::pin::pin!(command), std::pin::pin!(interrupted())).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => {
            let failure = CliError::new(Exit::Interrupted, "interrupted");
            Err(if changes_something {
                failure.next("it may have been done: look on the platform before you run this again")
            } else {
                failure
            })
        }
    }
}
