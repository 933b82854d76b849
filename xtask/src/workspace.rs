//! Where the workspace is, and how its maintainer is talked to.

use std::path::{Path, PathBuf};

/// The folder of the workspace: the one given, else the one that this program was built in.
pub(crate) fn root(given: Option<PathBuf>) -> PathBuf {
    given.unwrap_or_else(|| {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        manifest.parent().unwrap_or(manifest).to_owned()
    })
}

/// The folder that cargo builds into: two above this program.
pub(crate) fn target() -> Result<PathBuf, String> {
    let own = std::env::current_exe()
        .map_err(|error| format!("this program does not know where it lies: {error}"))?;
    own.ancestors()
        .nth(2)
        .map(Path::to_owned)
        .ok_or_else(|| "this program lies in no target folder".to_owned())
}

/// Says something on standard output.
#[expect(clippy::print_stdout, reason = "this is where a command line program prints")]
pub(crate) fn say(message: &str) {
    println!("{message}");
}

/// Says what went wrong, on standard error.
#[expect(clippy::print_stderr, reason = "this is where a command line program complains")]
pub(crate) fn complain(message: &str) {
    eprintln!("{message}");
}
