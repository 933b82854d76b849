//! Traces into a file, for those who look for what went wrong.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::exit::{CliError, Exit};

/// Appends the traces of this project's crates to a file, where one is given. Those of other crates stay out: an
/// HTTP client may trace headers and URLs.
pub(crate) fn start(file: Option<&Path>) -> Result<(), CliError> {
    let Some(path) = file else { return Ok(()) };
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|error| {
        CliError::new(Exit::Other, "the file for `--log` cannot be written")
            .because(error)
            .next("check that its folder is there and yours")
    })?;
    let ours = Targets::new().with_target("carium", LevelFilter::TRACE);
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Mutex::new(file));
    tracing_subscriber::registry().with(layer.with_filter(ours)).init();
    Ok(())
}
