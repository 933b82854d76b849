//! `carium man`.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use crate::cli::Cli;
use crate::error::{CliError, Exit};
use crate::output;

/// Print the manual page
///
/// Prints the page of `carium` itself. With `--dir`, writes a page for each command into a directory.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium man | man -l -
  carium man --dir ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// Write a page for each command into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let failed = |error| CliError::new(Exit::Other, "could not write the manual").with_source(error);
        if let Some(directory) = &self.dir {
            return clap_mangen::generate_to(Cli::command(), directory).map_err(failed);
        }
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(failed)?;
        output::write_bytes(&page)
    }
}
