//! The directories, files and git history of the workspace, and output to the terminal.

use std::fs;
use std::path::{Path, PathBuf};

use semver::Version;

use crate::process::Command;

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

/// Reads a text file. Line ends are normalized to `\n`, because git may convert them at checkout.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let text = fs::read_to_string(path);
    text.map(|text| text.replace("\r\n", "\n"))
        .map_err(|error| format!("could not read {}: {error}", path.display()))
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

/// Returns the output of a git command, or `None` if it fails.
pub(crate) fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let (success, stdout) = Command::new("git", arguments).current_dir(root).status_and_stdout().ok()?;
    success.then_some(stdout)
}

/// Returns the ID of the commit of a revision.
pub(crate) fn commit(root: &Path, revision: &str) -> Option<String> {
    let revision = format!("{revision}^{{commit}}");
    let commit = git(root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &revision])?;
    Some(commit.trim().to_owned())
}

/// Returns a file at a revision. The path is relative to the workspace.
pub(crate) fn file_at(root: &Path, revision: &str, path: &str) -> Option<String> {
    git(root, &["show", &format!("{revision}:./{path}")])
}

/// Returns the tag of the last release: the highest tag vX.Y.Z that is an ancestor of `HEAD`. Pre-releases do not count.
pub(crate) fn last_release(root: &Path) -> Option<String> {
    let tags = git(root, &["tag", "--list", "v*", "--merged", "HEAD"])?;
    let releases = tags.lines().filter_map(|tag| {
        let version: Version = tag.strip_prefix('v')?.parse().ok()?;
        (version.pre.is_empty() && version.build.is_empty()).then(|| (version, tag.to_owned()))
    });
    releases.max().map(|(_, tag)| tag)
}
