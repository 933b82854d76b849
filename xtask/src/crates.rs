//! The crates of the workspace, as cargo reports them: their versions, and the packages that are published.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::json::{items, members, strings, text};
use crate::process::Command;

/// A crate of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The path of its `Cargo.toml`.
    pub(crate) manifest: PathBuf,
    /// Whether it is published: whether a plain `cargo build` builds it.
    pub(crate) is_released: bool,
    pub(crate) has_library: bool,
    pub(crate) features: Vec<String>,
    /// Its dependencies on other crates of the workspace, except those of its tests.
    pub(crate) siblings: Vec<Sibling>,
}

/// A feature that requires a system library.
const SYSTEM_FEATURE: &str = "native-tls";

impl Crate {
    /// Returns the features that need no library of the system, separated by commas.
    pub(crate) fn portable_features(&self) -> String {
        portable_features(&self.features)
    }
}

/// Returns the features that need no library of the system, separated by commas.
pub(crate) fn portable_features(features: &[String]) -> String {
    let features: Vec<_> = features.iter().map(String::as_str).filter(|it| *it != SYSTEM_FEATURE).collect();
    features.join(",")
}

/// A dependency on a crate of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sibling {
    pub(crate) name: String,
    /// The version requirement, such as `^0.1.0`.
    pub(crate) requirement: String,
}

/// All crates of the workspace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crates {
    pub(crate) all: Vec<Crate>,
    pub(crate) target: PathBuf,
}

impl Crates {
    /// Reads the output of `cargo metadata`.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let command = Command::new("cargo", &["metadata", "--no-deps", "--quiet", "--format-version", "1"])
            .current_dir(root);
        let output = command.output()?;
        // Warnings follow the JSON value.
        let mut values = serde_json::Deserializer::from_str(&output).into_iter::<Value>();
        let metadata = values.next().and_then(Result::ok);
        metadata
            .map(|metadata| Self::from_metadata(&metadata))
            .ok_or_else(|| format!("`{command}` returned no JSON"))
    }

    fn from_metadata(metadata: &Value) -> Self {
        let released: Vec<_> = strings(metadata.get("workspace_default_members")).collect();
        let target = text(metadata, "target_directory").unwrap_or("target");
        Self {
            all: items(metadata.get("packages")).map(|package| read_package(package, &released)).collect(),
            target: target.into(),
        }
    }

    /// Returns the crates that are published.
    pub(crate) fn released(&self) -> impl Iterator<Item = &Crate> {
        self.all.iter().filter(|it| it.is_released)
    }

    /// Returns the version of the workspace, which is that of the first published crate.
    pub(crate) fn version(&self) -> Option<&str> {
        self.released().next().map(|it| it.version.as_str())
    }

    /// Checks that all crates have the same version, and depend on that version of each other.
    pub(crate) fn check_versions(&self) -> Result<(), Vec<String>> {
        let Some(version) = self.version() else { return Err(vec!["no crate is published".to_owned()]) };
        let mut problems = Vec::new();
        for package in &self.all {
            if package.version != version {
                problems.push(format!(
                    "{} has version {}, but the workspace has {version}; write `version.workspace = true`",
                    package.name, package.version
                ));
            }
            for sibling in &package.siblings {
                if sibling.requirement != format!("^{version}") {
                    problems.push(format!(
                        "{} requires {} {}, but its version is {version}; correct `[workspace.dependencies]`",
                        package.name, sibling.name, sibling.requirement
                    ));
                }
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

fn read_package(package: &Value, released: &[&str]) -> Crate {
    let member = |value: &Value, name: &str| text(value, name).unwrap_or_default().to_owned();
    let is_library = |target: &Value| strings(target.get("kind")).any(|kind| kind == "lib");
    let siblings =
        items(package.get("dependencies")).filter(|it| it.get("path").is_some_and(Value::is_string));
    // Dependencies of tests are not part of a package.
    let siblings = siblings
        .filter(|it| text(it, "kind") != Some("dev"))
        .map(|it| Sibling { name: member(it, "name"), requirement: member(it, "req") });
    Crate {
        name: member(package, "name"),
        version: member(package, "version"),
        manifest: member(package, "manifest_path").into(),
        is_released: text(package, "id").is_some_and(|id| released.contains(&id)),
        has_library: items(package.get("targets")).any(is_library),
        features: members(package.get("features")).map(|(name, _)| name.to_owned()).collect(),
        siblings: siblings.collect(),
    }
}

/// Creates the packages and builds each from the files that it contains.
///
/// The crates are published to a registry of the organization that this workspace does not know, so they have
/// `publish = false`, and cargo's own verification, which looks for the crates in that registry, cannot be used. Instead,
/// the packages are created without verification, unpacked into one workspace, and built there.
pub(crate) fn check_packages(root: &Path, crates: &Crates) -> Result<(), String> {
    let released: Vec<_> = crates.released().collect();
    let mut package = vec!["package", "--quiet", "--locked", "--no-verify", "--exclude-lockfile"];
    for released in &released {
        package.extend(["--package", &released.name]);
    }
    Command::new("cargo", &package).current_dir(root).output()?;
    let directory = crates.target.join("package/unpacked");
    let io_error = |error: std::io::Error| format!("{}: {error}", directory.display());
    unpack(root, crates, &released, &directory).map_err(io_error)??;
    // The target directory of the workspace already contains the dependencies.
    let target = crates.target.display().to_string();
    let build = ["check", "--quiet", "--workspace", "--target-dir", &target];
    let result = Command::new("cargo", &build).current_dir(&directory).output();
    result.map(drop).map_err(|error| format!("a package does not build from its files: {error}"))
}

/// Returns the path of a package's file.
pub(crate) fn package_file(crates: &Crates, package: &Crate) -> PathBuf {
    crates.target.join(format!("package/{}.crate", directory_of(package)))
}

fn directory_of(package: &Crate) -> String {
    format!("{}-{}", package.name, package.version)
}

fn unpack(
    root: &Path,
    crates: &Crates,
    released: &[&Crate],
    directory: &Path,
) -> std::io::Result<Result<(), String>> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory)?;
    fs::write(directory.join("Cargo.toml"), manifest_of(released))?;
    fs::copy(root.join("Cargo.lock"), directory.join("Cargo.lock"))?;
    for package in released {
        let file = package_file(crates, package).display().to_string();
        if let Err(error) = Command::new("tar", &["-xzf", &file]).current_dir(directory).output() {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

/// Returns the manifest of a workspace in which each package uses the others by path.
fn manifest_of(released: &[&Crate]) -> String {
    let members: Vec<_> = released.iter().map(|package| format!("{:?}", directory_of(package))).collect();
    let mut text =
        format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n[patch.crates-io]\n", members.join(", "));
    for package in released {
        text.push_str(&format!("{} = {{ path = {:?} }}\n", package.name, directory_of(package)));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_every_crate_with_a_wrong_version() {
        let check = |other: &str, requirement: &str, for_tests: &str| {
            let metadata = json!({
                "workspace_default_members": ["one", "other"],
                "target_directory": "target",
                "packages": [
                    {"id": "one", "name": "one", "version": "0.2.0", "targets": [{"kind": ["lib"]}], "dependencies": [
                        {"name": "elsewhere", "req": "^7.0.0", "kind": null},
                        {"name": "mock", "req": for_tests, "kind": "dev", "path": "/mock"}
                    ]},
                    {"id": "other", "name": "other", "version": other, "targets": [], "dependencies": [
                        {"name": "one", "req": requirement, "kind": null, "path": "/one"}
                    ]}
                ]
            });
            Crates::from_metadata(&metadata).check_versions()
        };
        assert_eq!(check("0.2.0", "^0.2.0", "*"), Ok(()));
        let problems = check("0.1.0", "^0.1.0", "*").unwrap_err();
        assert!(
            problems[0].starts_with("other has version 0.1.0, but the workspace has 0.2.0"),
            "{problems:?}"
        );
        assert!(
            problems[1].starts_with("other requires one ^0.1.0, but its version is 0.2.0"),
            "{problems:?}"
        );
        assert_eq!(problems.len(), 2);
        // A path without a version means nothing in a registry.
        assert_eq!(check("0.2.0", "*", "*").unwrap_err().len(), 1);
        assert!(Crates::default().check_versions().is_err());
    }
}
