//! `cargo xtask release`: checks whether the workspace can be released. Publishing is manual: a tag, and an upload of the
//! packages to the organization's registry.
//!
//! The quick checks (versions, lock file, changelog, tag) run first and report all their problems. The checks that take
//! minutes (packages, public API, docs) follow.

mod crates;
mod last_release;

use std::path::Path;

use crate::ci;
use crate::flags;
use crate::process::Command;
use crate::workspace::{self, print};
use crates::Crates;

/// Returns `Some` with the reason if the check was skipped.
type Check<'c> = (&'static str, &'c dyn Fn() -> Result<Option<String>, Vec<String>>);

pub(crate) fn run(flags: &flags::Release) -> Result<(), String> {
    let root = workspace::root(flags.root.clone());
    let crates = Crates::read(&root)?;
    let version = crates.version().unwrap_or("VERSION");
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
        ("CHANGELOG.md", &|| one(check_changelog(&root, version))),
        ("tag", &|| one(last_release::check_tag(&root, version))),
    ])?;
    run_checks(&[
        ("packages", &|| one(crates::check_packages(&root, &crates))),
        ("public API", &|| last_release::check_public_api(&root, &crates, tag.as_deref())),
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

/// Checks that the changelog describes the version, in a section of that name or in `Unreleased`.
fn check_changelog(root: &Path, version: &str) -> Result<(), String> {
    check_sections(&workspace::read(&root.join("CHANGELOG.md"))?, version)
}

fn check_sections(text: &str, version: &str) -> Result<(), String> {
    let sections = [version, "Unreleased"].map(|name| (name, section(text, name)));
    match sections.into_iter().find_map(|(name, lines)| Some((name, lines?))) {
        Some((_, lines)) if lines.iter().any(|line| !line.trim().is_empty() && !line.starts_with('#')) => {
            Ok(())
        }
        Some((name, _)) => Err(format!("section `{name}` is empty; describe the changes for users")),
        None => Err(format!("has no section `## {version}` or `## Unreleased`")),
    }
}

/// Returns the lines below a heading of the second level: `## 0.1.0`, `## [0.1.0] - 2026-01-01`.
fn section<'t>(text: &'t str, name: &str) -> Option<Vec<&'t str>> {
    let is_heading = |line: &&str| {
        let heading = line.strip_prefix("## ").and_then(|it| it.split_whitespace().next());
        heading.is_some_and(|it| it.trim_matches(['[', ']']).eq_ignore_ascii_case(name))
    };
    let mut lines = text.lines().skip_while(|line| !is_heading(line));
    lines.next()?;
    Some(lines.take_while(|line| !line.starts_with("## ")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_a_section_with_text_for_the_version_or_unreleased() {
        for (text, expected) in [
            ("# Changelog\n\n## Unreleased\n\n### Added\n- A thing.\n", None),
            ("## [0.2.0] - 2026-01-01\n- A thing.\n\n## 0.1.0\n- Another.\n", None),
            ("## 0.2.0\n- A thing.\n## Unreleased\n", None),
            ("## Unreleased\n\n### Added\n\n## 0.1.0\n- Another.\n", Some("`Unreleased` is empty")),
            ("## Unreleased\n- A thing.\n## 0.2.0\n\n## 0.1.0\n- Another.\n", Some("`0.2.0` is empty")),
            ("# Changelog\n\n## 0.1.0\n- Another.\n## 0.2.0-rc.1\n- A thing.\n", Some("has no section")),
            ("", Some("has no section")),
        ] {
            match (check_sections(text, "0.2.0"), expected) {
                (result, None) => assert_eq!(result, Ok(()), "{text}"),
                (result, Some(expected)) => assert!(result.unwrap_err().contains(expected), "{text}"),
            }
        }
    }
}
