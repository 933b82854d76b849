//! `cargo xtask api`: the public API of each published library, as a committed listing in `docs/public-api/`.
//!
//! The listings show each change of the public API in a review, and are what a release is compared with before there is
//! a tag. They are made from the JSON of rustdoc, which is unstable. The variable `RUSTC_BOOTSTRAP` enables it on a stable
//! toolchain, as in `cargo-semver-checks`.

use std::fs;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use crate::crates::{Crate, Crates};
use crate::process::Command;
use crate::workspace;

const DIRECTORY: &str = "docs/public-api";

/// The number of lines of a diff that are shown.
const MAX_DIFF_LINES: usize = 60;

/// Writes the listings, or compares them.
pub(crate) fn run(root: &Path, check_only: bool) -> Result<(), String> {
    if check_only {
        return check(root);
    }
    for (path, text) in listings(root)? {
        let directory = path.parent().unwrap_or(root);
        fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        workspace::print(&path.strip_prefix(root).unwrap_or(&path).display().to_string());
    }
    Ok(())
}

/// Compares the listings with the public API.
///
/// # Errors
/// The differences, and the command that updates the listings.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let mut differences = Vec::new();
    for (path, text) in listings(root)? {
        let committed = if path.exists() { workspace::read(&path)? } else { String::new() };
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        differences.extend(difference(&name, &committed, &text));
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the public API differs from its listing. If the change is intended, run `cargo xtask api`, commit \
         {DIRECTORY}, and describe the change in CHANGELOG.md\n{}",
        differences.join("\n")
    ))
}

/// Returns the lines that differ, with `+` for the new API, or `None` if there are none.
fn difference(name: &str, committed: &str, current: &str) -> Option<String> {
    let diff = TextDiff::from_lines(committed, current);
    let changes = diff.iter_all_changes().filter(|change| change.tag() != similar::ChangeTag::Equal);
    let lines: Vec<_> =
        changes.map(|change| format!("{}{}", change.tag(), change.to_string_lossy().trim_end())).collect();
    let more = lines.len().saturating_sub(MAX_DIFF_LINES);
    let mut text = format!("{name}:\n{}", lines.get(..lines.len() - more)?.join("\n"));
    if more > 0 {
        text.push_str(&format!("\nand {more} more lines"));
    }
    (!lines.is_empty()).then_some(text)
}

/// Returns the path and the content of each listing.
fn listings(root: &Path) -> Result<Vec<(PathBuf, String)>, String> {
    let crates = Crates::read(root)?;
    let libraries = crates.released().filter(|package| package.has_library);
    libraries
        .map(|package| {
            let path = root.join(DIRECTORY).join(format!("{}.txt", package.name));
            Ok((path, listing(root, &crates, package)?))
        })
        .collect()
}

fn listing(root: &Path, crates: &Crates, package: &Crate) -> Result<String, String> {
    // A directory of its own, because the variable would rebuild the dependencies of other builds.
    let target = crates.target.join("public-api");
    let features = package.portable_features();
    let target_directory = target.display().to_string();
    let mut arguments = vec!["rustdoc", "--quiet", "--locked", "--lib", "--package", &package.name];
    arguments.extend(["--no-default-features", "--features", &features, "--target-dir", &target_directory]);
    arguments.extend(["--", "-Z", "unstable-options", "--output-format", "json", "--cap-lints", "allow"]);
    Command::new("cargo", &arguments).current_dir(root).env("RUSTC_BOOTSTRAP", "1").output()?;
    let json = target.join(format!("doc/{}.json", package.name.replace('-', "_")));
    // These implementations follow from the others, and would double the size of the listing.
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_auto_derived_impls(true)
        .omit_auto_trait_impls(true)
        .omit_blanket_impls(true)
        .build();
    let api = api.map_err(|error| {
        format!("{}: {error}; the crate `public-api` may not support this version of rustdoc", package.name)
    })?;
    Ok(format!("{api}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_lines_that_differ() {
        assert_eq!(difference("one.txt", "pub mod one\n", "pub mod one\n"), None);
        let changed = difference("one.txt", "pub mod one\npub fn a()\n", "pub mod one\npub fn b()\n");
        assert_eq!(changed.unwrap(), "one.txt:\n-pub fn a()\n+pub fn b()");
        let many = "pub fn f()\n".repeat(100);
        let changed = difference("one.txt", "", &many).unwrap();
        assert_eq!((changed.lines().count(), changed.lines().last()), (62, Some("and 40 more lines")));
    }
}
