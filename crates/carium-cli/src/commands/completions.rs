//! `carium completions`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::CliError;
use crate::output;

/// Print completions for a shell
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium completions bash > ~/.local/share/bash-completion/completions/carium
  carium completions zsh > \"${fpath[1]}/_carium\"
  carium completions fish > ~/.config/fish/completions/carium.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "carium", &mut script);
        output::text(&script)
    }
}
