//! `cargo xtask release`: checks whether the workspace can be released. Publishing is manual: a tag, and an upload of the
//! packages to the organization's registry.
//!
//! The quick checks (versions, lock file, changelog, tag) run first and report all their problems. The checks that take
//! minutes (packages, public API, compatibility with the last release, docs) follow.

mod changelog;
mod last_release;

use std::path::Path;

use crate::crates::{self, Crates};
use crate::process::Command;
use crate::workspace::{self, print};
use crate::{api, ci, flags};

/// Returns `Some` with the reason if the check was skipped.
type Check<'c> = (&'static str, &'c dyn Fn() -> Result<Option<String>, Vec<String>>);

pub(crate) fn run(flags: &flags::Release) -> Result<(), String> {
    let root = workspace::root(flags.root.clone());
    let crates = Crates::read(&root)?;
    let version = crates.version().unwrap_or("VERSION");
    if flags.close_changelog {
        return changelog::close(&root, version);
    }
    if !flags.dry_run {
        return Err(format!(
            "error: publishing is manual: run `cargo xtask release --dry-run`, tag the commit `v{version}`, and upload \
             the packages to your registry"
        ));
    }
    let tag = workspace::last_release(&root);
    run_checks(&[
        ("versions", &|| crates.check_versions().map(|()| None)),
        ("Cargo.lock", &|| one(lock_file(&root))),
        ("CHANGELOG.md", &|| one(changelog::check(&root, version))),
        ("tag", &|| one(last_release::check_tag(&root, version))),
    ])?;
    run_checks(&[
        ("packages", &|| one(crates::check_packages(&root, &crates))),
        ("public API", &|| one(api::check(&root))),
        ("compatibility", &|| last_release::check_public_api(&root, &crates, tag.as_deref())),
        ("docs", &|| one(ci::docs(&root))),
    ])?;
    print(&format!(
        "version {version} can be released: tag the commit `v{version}` and upload these packages to your registry:"
    ));
    for package in crates.released() {
        print(&format!("    {}", crates::package_file(&crates, package).display()));
    }
    Ok(())
}

/// Runs every check and returns the problems of all of them.
fn run_checks(checks: &[Check<'_>]) -> Result<(), String> {
    let mut problems = Vec::new();
    for (name, check) in checks {
        match check() {
            Ok(None) => print(&format!("ok      {name}")),
            Ok(Some(reason)) => print(&format!("SKIPPED {name}: {reason}")),
            Err(found) => {
                print(&format!("FAILED  {name}"));
                problems.extend(found.into_iter().map(|problem| format!("{name}: {problem}")));
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

fn one(result: Result<(), String>) -> Result<Option<String>, Vec<String>> {
    result.map(|()| None).map_err(|problem| vec![problem])
}

/// Checks that the lock file matches the manifests.
fn lock_file(root: &Path) -> Result<(), String> {
    let resolve = Command::new("cargo", &["metadata", "--locked", "--quiet", "--format-version", "1"]);
    resolve.current_dir(root).output().map(drop).map_err(|error| {
        format!("does not match the manifests; run `cargo check` and commit it\n{}", error.trim_end())
    })
}
