//! `carium`: the command-line interface of the Carium platform, for people and for scripts.
//!
//! Data is written to stdout in the requested format. Messages and errors are written to stderr. The exit code shows
//! scripts which kind of error occurred; see `error.rs`.

mod cli;
mod commands;
mod connection;
mod credentials;
mod directories;
mod error;
#[rustfmt::skip]
mod generated;
mod interrupt;
mod output;
mod settings;
mod stderr;

use std::fs::OpenOptions;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

use clap::{CommandFactory as _, Parser as _};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::Cli;
use crate::error::{CliError, Exit};
use crate::settings::Settings;

/// Keeps the memory of long runs flat. glibc has an arena for each thread, and the memory that one frees is not used by
/// the others: a run of 100,000 rows took a third more memory than one of 10,000.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| {
        // Exits with code 2, or with 0 after `--help` and `--version`.
        cli::redact_values(error).exit()
    });
    let verbose = cli.global.verbose;
    match run(cli) {
        Ok(()) => Exit::Success.into(),
        Err(error) => {
            error.report(verbose);
            error.exit().into()
        }
    }
}

fn run(cli: Cli) -> Result<(), CliError> {
    if let Some(result) = cli.command.run_offline(Cli::command) {
        return result;
    }
    let settings = Settings::read(cli.global)?;
    if let Some(file) = &settings.log {
        start_log(file)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        CliError::new(Exit::Other, "could not start the async runtime").with_source(error)
    })?;
    let result = runtime.block_on(cli.command.run(&settings));
    // A prompt may still block one of the runtime's threads; do not wait for it.
    runtime.shutdown_background();
    result
}

/// Appends the traces of this project's crates to a file. The traces of other crates are excluded,
/// because an HTTP client may trace headers and URLs.
fn start_log(path: &Path) -> Result<(), CliError> {
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
