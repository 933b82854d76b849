//! Traces of the program in a file, for `--log`.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::error::{CliError, Exit};

/// Appends the traces of this project's crates to a file, if one is given. The traces of other crates are excluded,
/// because an HTTP client may trace headers and URLs.
pub(crate) fn start(file: Option<&Path>) -> Result<(), CliError> {
    let Some(path) = file else { return Ok(()) };
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|error| {
        CliError::new(Exit::Other, "could not write the file of `--log`")
            .with_source(error)
            .with_hint("check that its directory exists and that you may write to it")
    })?;
    let own_crates = Targets::new().with_target("carium", LevelFilter::TRACE);
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Mutex::new(file));
    tracing_subscriber::registry().with(layer.with_filter(own_crates)).init();
    Ok(())
}
