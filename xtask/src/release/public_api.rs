//! The public API against that of the last release: `cargo-semver-checks`, which asks whether the version was raised as
//! far as the changes demand.

use std::path::Path;

use super::Done;
use super::crates::{Crate, Crates};
use crate::ci;
use crate::process::Command;

/// A feature that wants a library of the system's.
const OF_THE_SYSTEM: &str = "native-tls";

pub(super) fn check(root: &Path, crates: &Crates, tag: Option<&str>) -> Result<Done, Vec<String>> {
    let Some(tag) = tag else {
        let why = "cargo-semver-checks has nothing to compare with: there is no tag v*, so nothing was released yet";
        return Ok(Done::Skipped(why.to_owned()));
    };
    let tool = match ci::tool(root, "cargo-semver-checks", &[]) {
        Ok(tool) => tool,
        Err(why) => return Ok(Done::Skipped(format!("cargo-semver-checks cannot be had: {why}"))),
    };
    let libraries = crates.released().filter(|package| package.has_library);
    let problems =
        libraries.filter_map(|package| compare(root, &tool, package, tag).err()).collect::<Vec<_>>();
    if problems.is_empty() { Ok(Done::Checked) } else { Err(problems) }
}

fn compare(root: &Path, tool: &str, package: &Crate, tag: &str) -> Result<(), String> {
    let mut arguments = vec!["semver-checks", "--package", &package.name, "--baseline-rev", tag];
    arguments.push("--only-explicit-features");
    for feature in package.features.iter().filter(|feature| *feature != OF_THE_SYSTEM) {
        arguments.extend(["--features", feature]);
    }
    Command::new(tool, &arguments).within(root).output().map(drop)
}
