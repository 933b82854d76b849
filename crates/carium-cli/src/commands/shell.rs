//! `carium completions` and `carium man`: the command line, described for a shell and as a manual.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::error::{CliError, Exit};
use crate::output;

/// Print the completion script of a shell
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium completions bash > ~/.local/share/bash-completion/completions/carium
  carium completions zsh > \"${fpath[1]}/_carium\"
  carium completions fish > ~/.config/fish/completions/carium.fish")]
pub(crate) struct Completions {
    /// Shell to print the script for
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, mut command_line: Command) -> Result<(), CliError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command_line, "carium", &mut script);
        output::write_bytes(&script)
    }
}

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
    pub(crate) fn run(&self, command_line: Command) -> Result<(), CliError> {
        let failed = |error| CliError::new(Exit::Other, "could not write the manual").with_source(error);
        if let Some(directory) = &self.dir {
            return clap_mangen::generate_to(command_line, directory).map_err(failed);
        }
        let mut page = Vec::new();
        clap_mangen::Man::new(command_line).render(&mut page).map_err(failed)?;
        output::write_bytes(&page)
    }
}
