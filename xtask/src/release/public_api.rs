//! The public API against that of the last release: `cargo-semver-checks`, which asks whether the version was raised as
//! far as the changes demand.

use std::path::Path;

use super::Done;
use super::crates::{Crate, Crates};
use super::git;
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
    // One that was not there then has nothing to break.
    let Some(manifest) = git::text_at(root, tag, &package.manifest) else { return Ok(()) };
    let (now, then) = (asked_for(&package.features), asked_for(&features_of(&manifest)?));
    let mut arguments = vec!["semver-checks", "--package", &package.name, "--baseline-rev", tag];
    arguments.extend(["--only-explicit-features", "--current-features", &now, "--baseline-features", &then]);
    Command::new(tool, &arguments).within(root).output().map(drop)
}

/// The features of a manifest. Those of then need not be those of now.
fn features_of(manifest: &str) -> Result<Vec<String>, String> {
    let manifest: toml::Table =
        manifest.parse().map_err(|error| format!("the manifest of the last release is not TOML: {error}"))?;
    let features = manifest.get("features").and_then(toml::Value::as_table);
    Ok(features.into_iter().flat_map(|features| features.keys().cloned()).collect())
}

fn asked_for(features: &[String]) -> String {
    let asked_for: Vec<_> = features.iter().map(String::as_str).filter(|it| *it != OF_THE_SYSTEM).collect();
    asked_for.join(",")
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn library(name: &str, features: &[&str]) -> Crate {
        Crate {
            name: name.to_owned(),
            version: "0.2.0".to_owned(),
            manifest: format!("{name}/Cargo.toml").into(),
            is_released: true,
            has_library: true,
            features: features.iter().map(ToString::to_string).collect(),
            siblings: Vec::new(),
        }
    }

    fn crates() -> Crates {
        let program = Crate { has_library: false, ..library("program", &[]) };
        let own = Crate { is_released: false, ..library("xtask", &[]) };
        let all =
            vec![library("one", &["default", "native-tls", "sandbox"]), library("two", &[]), program, own];
        Crates { all, ..Crates::default() }
    }

    #[test]
    fn without_a_release_it_is_skipped_by_name() {
        let Ok(Done::Skipped(why)) = check(Path::new("."), &crates(), None) else {
            panic!("there is nothing to compare with");
        };
        assert!(why.contains("cargo-semver-checks") && why.contains("no tag v*"), "{why}");
    }

    #[test]
    fn each_library_is_compared_with_the_last_release() {
        let root = tempfile::tempdir().unwrap();
        for (name, features) in
            [("one", "[features]\ndefault = []\nnative-tls = []\nold = []\n"), ("two", "")]
        {
            fs::create_dir(root.path().join(name)).unwrap();
            fs::write(root.path().join(name).join("Cargo.toml"), features).unwrap();
        }
        let git = |arguments: &[&str]| Command::new("git", arguments).within(root.path()).output().unwrap();
        git(&["init", "--quiet"]);
        git(&["add", "."]);
        let who = ["-c", "user.name=Someone", "-c", "user.email=someone@example.com"];
        git(&[&who[..], &["commit", "--quiet", "--message", "A release"]].concat());
        git(&[&who[..], &["tag", "v0.1.0"]].concat());
        assert_eq!(git::last_tag(root.path()).as_deref(), Some("v0.1.0"));
        let tool = root.path().join("target/tools/bin/cargo-semver-checks");
        fs::create_dir_all(tool.parent().unwrap()).unwrap();
        // Stands in for the tool: notes how it was called, and refuses one of the two.
        fs::write(
            &tool,
            "#!/bin/sh\necho \"$@\" >> calls\ncase \"$3\" in two) echo removed; exit 1;; esac\n",
        )
        .unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        let Err(problems) = check(root.path(), &crates(), Some("v0.1.0")) else { panic!("one is refused") };
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("--package two") && problems[0].contains("removed"), "{problems:?}");
        let calls = fs::read_to_string(root.path().join("calls")).unwrap();
        let first = "semver-checks --package one --baseline-rev v0.1.0 --only-explicit-features \
                     --current-features default,sandbox --baseline-features default,old";
        assert_eq!(calls.lines().next(), Some(first));
        assert_eq!(calls.lines().count(), 2, "{calls}");
    }
}
