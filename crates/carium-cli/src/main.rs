//! The program `carium`: the Carium platform from a terminal and from scripts.
//!
//! What it prints to stdout is data, in the form that was asked for; what it has to say goes to stderr. Its exit
//! code says what kind of thing went wrong (`exit.rs`).

mod cli;
mod commands;
mod connection;
mod exit;
#[rustfmt::skip]
mod generated;
mod interrupt;
mod keyring;
mod logging;
mod names;
mod one_time_code;
mod output;
mod places;
mod progress;
mod say;
mod settings;
mod usage;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;
use crate::exit::{CliError, Exit};
use crate::settings::Settings;

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| {
        // Ends with 2; with 0 after `--help` and `--version`.
        usage::without_values(error).exit()
    });
    let verbose = cli.global.verbose;
    match run(cli) {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            failure.report(verbose);
            failure.exit().into()
        }
    }
}

fn run(cli: Cli) -> Result<(), CliError> {
    if let Some(done) = commands::offline(&cli.command) {
        return done;
    }
    let settings = Settings::read(cli.global)?;
    logging::start(settings.log.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Other, "the program cannot be set up here").because(error))?;
    let result = runtime.block_on(commands::run(cli.command, &settings));
    // A prompt that is still waited for must not keep the program.
    runtime.shutdown_background();
    result
}
