//! The last release: its tag, and its public API, which `cargo-semver-checks` compares with today's.

use std::path::Path;

use crate::ci;
use crate::crates::{Crate, Crates, portable_features};
use crate::process::Command;
use crate::workspace;

/// Checks that the version is not released yet, or is released at this commit.
pub(super) fn check_tag(root: &Path, version: &str) -> Result<(), String> {
    let tag = format!("v{version}");
    match workspace::commit(root, &tag) {
        Some(commit) if Some(&commit) != workspace::commit(root, "HEAD").as_ref() => {
            Err(format!("{tag} is already released at an earlier commit; increase the version in Cargo.toml"))
        }
        _ => Ok(()),
    }
}

/// Checks with `cargo-semver-checks` that the version was increased as far as the changes of the public API require.
/// Returns the reason if the check is skipped.
pub(super) fn check_public_api(
    root: &Path,
    crates: &Crates,
    tag: Option<&str>,
) -> Result<Option<String>, Vec<String>> {
    let Some(tag) = tag else {
        return Ok(Some("cargo-semver-checks needs an earlier release, but there is no tag v*".to_owned()));
    };
    let tool = match ci::tool(root, "cargo-semver-checks", &[]) {
        Ok(tool) => tool,
        Err(error) => return Ok(Some(format!("cargo-semver-checks could not be installed: {error}"))),
    };
    let libraries = crates.released().filter(|package| package.has_library);
    let problems: Vec<_> = libraries.filter_map(|package| compare(root, &tool, package, tag).err()).collect();
    if problems.is_empty() { Ok(None) } else { Err(problems) }
}

fn compare(root: &Path, tool: &str, package: &Crate, tag: &str) -> Result<(), String> {
    // A crate that did not exist then has no public API to break.
    let manifest = package.manifest.strip_prefix(root).unwrap_or(&package.manifest);
    let Some(manifest) = workspace::file_at(root, tag, &manifest.display().to_string()) else {
        return Ok(());
    };
    let (current, baseline) = (package.portable_features(), portable_features(&features_of(&manifest)?));
    let mut arguments = vec!["semver-checks", "--package", &package.name, "--baseline-rev", tag];
    arguments.extend(["--only-explicit-features", "--current-features", &current]);
    arguments.extend(["--baseline-features", &baseline]);
    Command::new(tool, &arguments).current_dir(root).output().map(drop)
}

/// Returns the features of a manifest. The features of an earlier release may differ from today's.
fn features_of(manifest: &str) -> Result<Vec<String>, String> {
    let manifest: toml::Table = manifest
        .parse()
        .map_err(|error| format!("could not parse the manifest of the last release: {error}"))?;
    let features = manifest.get("features").and_then(toml::Value::as_table);
    Ok(features.into_iter().flat_map(|features| features.keys().cloned()).collect())
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
        let unpublished = Crate { is_released: false, ..library("xtask", &[]) };
        let one = library("one", &["default", "native-tls", "sandbox"]);
        Crates { all: vec![one, library("two", &[]), program, unpublished], ..Crates::default() }
    }

    #[test]
    fn is_skipped_without_a_release() {
        let skipped = check_public_api(Path::new("."), &crates(), None).unwrap().unwrap();
        assert!(skipped.contains("cargo-semver-checks") && skipped.contains("no tag v*"), "{skipped}");
    }

    #[test]
    fn compares_each_library_with_the_last_release() {
        let root = tempfile::tempdir().unwrap();
        let manifests = [("one", "[features]\ndefault = []\nnative-tls = []\nold = []\n"), ("two", "")];
        for (name, features) in manifests {
            fs::create_dir(root.path().join(name)).unwrap();
            fs::write(root.path().join(name).join("Cargo.toml"), features).unwrap();
        }
        let git =
            |arguments: &[&str]| Command::new("git", arguments).current_dir(root.path()).output().unwrap();
        git(&["init", "--quiet"]);
        git(&["add", "."]);
        let user = ["-c", "user.name=A", "-c", "user.email=a@example.com"];
        git(&[&user[..], &["commit", "--quiet", "--message", "Release"]].concat());
        git(&[&user[..], &["tag", "v0.1.0"]].concat());
        assert_eq!(workspace::last_release(root.path()).as_deref(), Some("v0.1.0"));
        // Replaces the tool: records its arguments and fails for one of the two crates.
        let tool = root.path().join("target/tools/bin/cargo-semver-checks");
        fs::create_dir_all(tool.parent().unwrap()).unwrap();
        let script = "#!/bin/sh\necho \"$@\" >> calls\ncase \"$3\" in two) echo removed; exit 1;; esac\n";
        fs::write(&tool, script).unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        let problems = check_public_api(root.path(), &crates(), Some("v0.1.0")).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("--package two") && problems[0].contains("removed"), "{problems:?}");
        let calls = fs::read_to_string(root.path().join("calls")).unwrap();
        let first = "semver-checks --package one --baseline-rev v0.1.0 --only-explicit-features \
                     --current-features default,sandbox --baseline-features default,old";
        assert_eq!(calls.lines().next(), Some(first));
        assert_eq!(calls.lines().count(), 2, "{calls}");
    }
}
