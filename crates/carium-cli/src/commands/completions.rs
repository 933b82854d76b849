//! `carium completions`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::error::CliError;
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
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "carium", &mut script);
        output::write_bytes(&script)
    }
}
