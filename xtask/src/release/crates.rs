//! The crates of the workspace, as cargo sees them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::process::Command;
use crate::spec::{members, strings};

/// A crate of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Crate {
    pub(super) name: String,
    pub(super) version: String,
    /// Its `Cargo.toml`.
    pub(super) manifest: PathBuf,
    /// Whether others get it: those that a bare `cargo build` builds.
    pub(super) is_released: bool,
    pub(super) has_library: bool,
    pub(super) features: Vec<String>,
    /// The crates of the workspace that it depends on, outside of its tests.
    pub(super) siblings: Vec<Sibling>,
}

/// A dependency on a crate of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sibling {
    pub(super) name: String,
    /// The versions that are asked for, such as `^0.1.0`.
    pub(super) asked_for: String,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Crates {
    pub(super) all: Vec<Crate>,
    pub(super) target: PathBuf,
}

impl Crates {
    /// Asks cargo.
    pub(super) fn read(root: &Path) -> Result<Self, String> {
        let ask = Command::new("cargo", &["metadata", "--no-deps", "--quiet", "--format-version", "1"]);
        let said = ask.within(root).output()?;
        // What cargo warns of comes after it.
        let mut values = serde_json::Deserializer::from_str(&said).into_iter::<Value>();
        let metadata = values.next().and_then(Result::ok);
        metadata
            .map(|metadata| Self::of(&metadata))
            .ok_or_else(|| "cargo does not say which crates there are".to_owned())
    }

    pub(super) fn of(metadata: &Value) -> Self {
        let released: Vec<_> = strings(metadata.get("workspace_default_members")).collect();
        let packages = metadata.get("packages").and_then(Value::as_array).into_iter().flatten();
        let target = metadata.get("target_directory").and_then(Value::as_str).unwrap_or("target");
        Self { all: packages.map(|package| of_package(package, &released)).collect(), target: target.into() }
    }

    /// Those that others get.
    pub(super) fn released(&self) -> impl Iterator<Item = &Crate> {
        self.all.iter().filter(|it| it.is_released)
    }

    /// The version of the workspace: that of the first crate which is released.
    pub(super) fn version(&self) -> Option<&str> {
        self.released().next().map(|it| it.version.as_str())
    }
}

fn of_package(package: &Value, released: &[&str]) -> Crate {
    let text = |member: &str| package.get(member).and_then(Value::as_str).unwrap_or_default();
    let list = |member: &str| package.get(member).and_then(Value::as_array).into_iter().flatten();
    let is_library = |target: &Value| strings(target.get("kind")).any(|kind| kind == "lib");
    let siblings = list("dependencies").filter(|it| it.get("path").is_some_and(Value::is_string));
    // Those of tests are not in a package.
    let siblings =
        siblings.filter(|it| it.get("kind").and_then(Value::as_str) != Some("dev")).map(|it| Sibling {
            name: it.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            asked_for: it.get("req").and_then(Value::as_str).unwrap_or_default().to_owned(),
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
