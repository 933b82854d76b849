//! What was released before.

use std::path::Path;

use crate::process::Command;

/// The last tag of a release before or at this commit; none where there is none, or no repository.
pub(super) fn last_tag(root: &Path) -> Option<String> {
    let describe = ["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"];
    let said = Command::new("git", &describe).within(root).output().ok()?;
    Some(said.trim().to_owned()).filter(|tag| !tag.is_empty())
}

/// Whether the version is still to be released, or is what was released here.
pub(super) fn check(root: &Path, tag: Option<&str>, version: &str) -> Result<(), String> {
    let Some(tag) = tag.filter(|tag| *tag == format!("v{version}")) else { return Ok(()) };
    let commit =
        |name: &str| Command::new("git", &["rev-parse", &format!("{name}^{{commit}}")]).within(root).output();
    if commit(tag)? == commit("HEAD")? {
        return Ok(());
    }
    Err(format!("{tag} is released, and commits have come since; raise the version in Cargo.toml"))
}

/// What a file said at a tag; none where it was not there.
pub(super) fn text_at(root: &Path, tag: &str, path: &Path) -> Option<String> {
    let path = path.strip_prefix(root).unwrap_or(path);
    let name = format!("{tag}:./{}", path.display());
    Command::new("git", &["show", &name]).within(root).output().ok()
}
