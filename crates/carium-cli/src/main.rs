//! `carium`: the command-line interface of the Carium platform, for people and for scripts.
//!
//! Data is written to stdout in the requested format. Messages and errors are written to stderr. The exit code tells
//! scripts what kind of error occurred; see `error.rs`.

mod cli;
mod commands;
mod connection;
mod directories;
mod error;
#[rustfmt::skip]
mod generated;
mod interrupt;
mod keyring;
mod logging;
mod lookup;
mod one_time_code;
mod output;
mod progress;
mod settings;
mod stderr;
mod usage;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;
use crate::error::{CliError, Exit};
use crate::settings::Settings;

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| {
        // Exits with code 2, or with 0 after `--help` and `--version`.
        usage::redact_values(error).exit()
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
    if let Some(result) = commands::run_offline(&cli.command) {
        return result;
    }
    let settings = Settings::read(cli.global)?;
    logging::start(settings.log.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        CliError::new(Exit::Other, "could not start the async runtime").with_source(error)
    })?;
    let result = runtime.block_on(commands::run(cli.command, &settings));
    // A prompt may still block one of the runtime's threads; do not wait for it.
    runtime.shutdown_background();
    result
}
