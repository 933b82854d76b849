//! `carium man`.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use crate::cli::Cli;
use crate::exit::{CliError, Exit};
use crate::output;

/// Print the manual
///
/// One page, of `carium` itself; with a folder, a page for each command into that.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium man | man -l -
  carium man --dir ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// Write a page for each command into this folder
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let wrong = |error| CliError::new(Exit::Other, "the manual cannot be written").because(error);
        if let Some(folder) = &self.dir {
            return clap_mangen::generate_to(Cli::command(), folder).map_err(wrong);
        }
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(wrong)?;
        output::text(&page)
    }
}
