//! Whether the workspace can be released as it stands. Releasing it is a person's: a tag, and the packages put into the
//! organization's registry.
//!
//! What can be told at once (versions, the lock file, the changelog) is told at once, all of it; what takes minutes
//! (packages, the public API, the docs) comes after, all of it again.

mod changelog;
mod crates;
mod git;
mod packages;
mod public_api;
mod versions;

use std::path::Path;

use crate::process::{self, Command};
use crate::workspace::{self, say};
use crate::{ci, flags};
use crates::Crates;

/// What a check that was made says: nothing, or why it was not made.
enum Done {
    Checked,
    Skipped(String),
}

type Check<'c> = (&'static str, &'c dyn Fn() -> Result<Done, Vec<String>>);

pub(crate) fn run(flags: &flags::Release) -> Result<(), String> {
    let root = workspace::root(flags.root.clone());
    let crates = Crates::read(&root)?;
    let version = crates.version().unwrap_or("VERSION");
    if !flags.dry_run {
        return Err(format!(
            "a release is made by a person: run `cargo xtask release --dry-run`, tag the commit `v{version}`, and put \
             the packages that it leaves into your registry"
        ));
    }
    let tag = git::last_tag(&root);
    checked(&[
        ("versions", &|| versions::check(&crates).map(|()| Done::Checked)),
        ("Cargo.lock", &|| lock(&root).map(|()| Done::Checked).map_err(one)),
        ("CHANGELOG.md", &|| changelog::check(&root, version).map(|()| Done::Checked).map_err(one)),
        ("tag", &|| git::check(&root, tag.as_deref(), version).map(|()| Done::Checked).map_err(one)),
    ])?;
    checked(&[
        ("packages", &|| packages::check(&root, &crates).map(|()| Done::Checked).map_err(one)),
        ("public API", &|| public_api::check(&root, &crates, tag.as_deref())),
        ("docs", &|| ci::docs(&root).map(|()| Done::Checked).map_err(one)),
    ])?;
    say(&format!(
        "{version} can be released: tag the commit `v{version}`, and put these into your registry:"
    ));
    for package in crates.released() {
        say(&format!("    {}", packages::file(&crates, package).display()));
    }
    say(process::ALL_IS_WELL);
    Ok(())
}

/// Makes every check, and gives the problems of all of them.
fn checked(checks: &[Check<'_>]) -> Result<(), String> {
    let mut problems = Vec::new();
    for (name, check) in checks {
        match check() {
            Ok(Done::Checked) => say(&format!("ok      {name}")),
            Ok(Done::Skipped(why)) => say(&format!("SKIPPED {name}: {why}")),
            Err(found) => {
                say(&format!("FAILED  {name}"));
                problems.extend(found.into_iter().map(|problem| format!("{name}: {problem}")));
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

fn one(problem: String) -> Vec<String> {
    vec![problem]
}

/// Whether the lock file is the one that the manifests lead to.
fn lock(root: &Path) -> Result<(), String> {
    let resolve = Command::new("cargo", &["metadata", "--locked", "--quiet", "--format-version", "1"]);
    resolve.within(root).output().map(drop).map_err(|error| {
        format!("it is not what the manifests lead to; run `cargo check` and commit it\n{}", error.trim_end())
    })
}
