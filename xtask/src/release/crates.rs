//! The crates of the workspace, as cargo reports them, and their versions.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::process::Command;
use crate::spec::{members, strings};

/// A crate of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Crate {
    pub(super) name: String,
    pub(super) version: String,
    /// The path of its `Cargo.toml`.
    pub(super) manifest: PathBuf,
    /// Whether it is published: whether a plain `cargo build` builds it.
    pub(super) is_released: bool,
    pub(super) has_library: bool,
    pub(super) features: Vec<String>,
    /// Its dependencies on other crates of the workspace, except those of its tests.
    pub(super) siblings: Vec<Sibling>,
}

/// A dependency on a crate of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sibling {
    pub(super) name: String,
    /// The version requirement, such as `^0.1.0`.
    pub(super) requirement: String,
}

/// All crates of the workspace.
#[derive(Debug, Clone, Default)]
pub(super) struct Crates {
    pub(super) all: Vec<Crate>,
    pub(super) target: PathBuf,
}

impl Crates {
    /// Reads the output of `cargo metadata`.
    pub(super) fn read(root: &Path) -> Result<Self, String> {
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
        let packages = metadata.get("packages").and_then(Value::as_array).into_iter().flatten();
        let target = metadata.get("target_directory").and_then(Value::as_str).unwrap_or("target");
        Self {
            all: packages.map(|package| read_package(package, &released)).collect(),
            target: target.into(),
        }
    }

    /// Returns the crates that are published.
    pub(super) fn released(&self) -> impl Iterator<Item = &Crate> {
        self.all.iter().filter(|it| it.is_released)
    }

    /// Returns the version of the workspace, which is that of the first published crate.
    pub(super) fn version(&self) -> Option<&str> {
        self.released().next().map(|it| it.version.as_str())
    }

    /// Checks that all crates have the same version, and depend on that version of each other.
    pub(super) fn check_versions(&self) -> Result<(), Vec<String>> {
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
    let text = |member: &str| package.get(member).and_then(Value::as_str).unwrap_or_default();
    let list = |member: &str| package.get(member).and_then(Value::as_array).into_iter().flatten();
    let is_library = |target: &Value| strings(target.get("kind")).any(|kind| kind == "lib");
    let siblings = list("dependencies").filter(|it| it.get("path").is_some_and(Value::is_string));
    // Dependencies of tests are not part of a package.
    let siblings =
        siblings.filter(|it| it.get("kind").and_then(Value::as_str) != Some("dev")).map(|it| Sibling {
            name: it.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            requirement: it.get("req").and_then(Value::as_str).unwrap_or_default().to_owned(),
        });
    Crate {
        name: text("name").to_owned(),
        version: text("version").to_owned(),
        manifest: text("manifest_path").into(),
        is_released: released.contains(&text("id")),
        has_library: list("targets").any(is_library),
        features: members(package.get("features")).map(|(name, _)| name.to_owned()).collect(),
        siblings: siblings.collect(),
    }
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
