//! The directories of the workspace, and output to the terminal.

use std::path::{Path, PathBuf};

/// Returns the root directory of the workspace: the given one, or the one that this program was built in.
pub(crate) fn root(given: Option<PathBuf>) -> PathBuf {
    given.unwrap_or_else(|| {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        manifest.parent().unwrap_or(manifest).to_owned()
    })
}

/// Returns cargo's target directory, which is two levels above this program.
pub(crate) fn target() -> Result<PathBuf, String> {
    let program = std::env::current_exe()
        .map_err(|error| format!("could not find the path of this program: {error}"))?;
    let target = program.ancestors().nth(2);
    target.map(Path::to_owned).ok_or_else(|| format!("{} is not in a target directory", program.display()))
}

/// Prints a line to standard output.
#[expect(clippy::print_stdout, reason = "the output of a command line program")]
pub(crate) fn print(message: &str) {
    println!("{message}");
}

/// Prints a line to standard error.
#[expect(clippy::print_stderr, reason = "the error output of a command line program")]
pub(crate) fn print_error(message: &str) {
    eprintln!("{message}");
}
