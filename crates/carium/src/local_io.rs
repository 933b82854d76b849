//! Local I/O of this process: tasks that block, and durable directories.

#[cfg(unix)]
use std::fs::File;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use crate::error::{Error, ErrorKind};

/// Runs a task on a blocking thread.
///
/// # Errors
/// `Canceled`: the runtime is shutting down and dropped the task.
pub(crate) async fn run_blocking<T: Send + 'static>(
    task: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    spawn_blocking(task).await.map_err(|_| shutting_down())
}

/// Opens a file. While the process or the system has too many open files, waits for up to a minute: others close theirs.
/// Blocks the thread. For the other crates of this workspace.
///
/// # Errors
/// Those of `open`.
#[doc(hidden)]
pub fn wait_for_descriptor<T>(mut open: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    const MAX_WAIT: Duration = Duration::from_secs(60);
    const INTERVAL: Duration = Duration::from_millis(50);
    let start = Instant::now();
    loop {
        match open() {
            Err(error) if is_out_of_descriptors(&error) && start.elapsed() < MAX_WAIT => {
                thread::sleep(INTERVAL);
            }
            result => return result,
        }
    }
}

/// Checks for `ENFILE` and `EMFILE`, or `ERROR_TOO_MANY_OPEN_FILES` of Windows. `std` has no kind for them.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    let codes: &[i32] = if cfg!(windows) { &[4] } else { &[23, 24] };
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

/// Returns the error for a background task that ended early because the runtime is shutting down.
pub(crate) fn shutting_down() -> Error {
    Error::new(ErrorKind::Canceled, "the async runtime is shutting down")
}

/// Returns the directory that contains a path.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Syncs a directory, which makes the new name of a file in it durable.
#[cfg(unix)]
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match wait_for_descriptor(|| File::open(directory)).and_then(|directory| directory.sync_all()) {
        // The directory can be written but not read, or the file system does not support syncing directories. The
        // file itself is complete and synced.
        Err(error) if matches!(error.kind(), PermissionDenied | InvalidInput | Unsupported) => Ok(()),
        result => result,
    }
}

/// Does nothing: on this platform, a directory cannot be opened to be synced.
#[cfg(not(unix))]
pub(crate) fn sync_directory(_directory: &Path) -> io::Result<()> {
    Ok(())
}
