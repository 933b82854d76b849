//! Checks that the `rust-version` of each published crate is the one that its dependencies need, neither lower nor higher.
//!
//! Clippy's `incompatible_msrv` checks that the crate's own code needs no newer version.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use semver::Version;
use serde_json::Value;

use crate::json::{items, strings, text};
use crate::process::Command;

pub(crate) fn check(root: &Path) -> Result<(), String> {
    let command = Command::new("cargo", &["metadata", "--locked", "--quiet", "--format-version", "1"]);
    let output = command.current_dir(root).output()?;
    // Warnings follow the JSON value.
    let mut values = serde_json::Deserializer::from_str(&output).into_iter::<Value>();
    let metadata = values.next().and_then(Result::ok).ok_or("`cargo metadata` returned no JSON")?;
    let problems = problems(&metadata);
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

fn problems(metadata: &Value) -> Vec<String> {
    let packages: BTreeMap<_, _> =
        items(metadata.get("packages")).filter_map(|package| Some((text(package, "id")?, package))).collect();
    let nodes = items(metadata.pointer("/resolve/nodes"));
    let nodes: BTreeMap<_, _> = nodes.filter_map(|node| Some((text(node, "id")?, node))).collect();
    let mut problems = Vec::new();
    for id in strings(metadata.get("workspace_default_members")) {
        let Some(package) = packages.get(id) else { continue };
        let name = text(package, "name").unwrap_or_default();
        let dependencies = dependencies(&nodes, id);
        let needs = dependencies.iter().filter_map(|id| {
            let dependency = packages.get(id)?;
            Some((rust_version(dependency)?, text(dependency, "name")?))
        });
        let Some((needed, by)) = needs.max() else { continue };
        let needed_text = format!("{}.{}", needed.major, needed.minor);
        match rust_version(package) {
            Some(stated) if stated == needed => {}
            Some(stated) if stated > needed => problems.push(format!(
                "{name}: `rust-version` is {}.{}, but no dependency needs more than {needed_text}; lower it",
                stated.major, stated.minor
            )),
            _ => {
                problems.push(format!("{name}: `rust-version` must be {needed_text}, because {by} needs it"));
            }
        }
    }
    problems
}

/// Returns the `rust-version` of a package.
fn rust_version(package: &Value) -> Option<Version> {
    let version = text(package, "rust_version")?;
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    Some(Version::new(numbers.next()?, numbers.next().unwrap_or(0), 0))
}

/// Returns the IDs of all direct and indirect dependencies of a package, except those of tests.
fn dependencies<'v>(nodes: &BTreeMap<&'v str, &'v Value>, id: &'v str) -> BTreeSet<&'v str> {
    let mut found = BTreeSet::new();
    let mut pending = vec![id];
    while let Some(node) = pending.pop().and_then(|id| nodes.get(id)) {
        for dependency in items(node.get("deps")) {
            let is_used = items(dependency.get("dep_kinds")).any(|kind| text(kind, "kind") != Some("dev"));
            if let Some(id) = text(dependency, "pkg").filter(|id| is_used && found.insert(*id)) {
                pending.push(id);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn compares_with_the_highest_version_of_the_dependencies() {
        let problems_with = |stated: Option<&str>| {
            let dependency = |id: &str, kind: Value| json!({"pkg": id, "dep_kinds": [{"kind": kind}]});
            problems(&json!({
                "workspace_default_members": ["a"],
                "packages": [
                    {"id": "a", "name": "a", "rust_version": stated},
                    {"id": "b", "name": "b"},
                    {"id": "c", "name": "c", "rust_version": "1.89.0"},
                    {"id": "d", "name": "d", "rust_version": "1.95"},
                ],
                "resolve": {"nodes": [
                    {"id": "a", "deps": [dependency("b", Value::Null), dependency("d", json!("dev"))]},
                    {"id": "b", "deps": [dependency("c", json!("build")), dependency("a", json!("dev"))]},
                    {"id": "c", "deps": []},
                    {"id": "d", "deps": []},
                ]},
            }))
        };
        assert_eq!(problems_with(Some("1.89")), Vec::<String>::new());
        assert_eq!(problems_with(Some("1.88")), ["a: `rust-version` must be 1.89, because c needs it"]);
        assert_eq!(problems_with(None).len(), 1);
        let higher = "a: `rust-version` is 1.95, but no dependency needs more than 1.89; lower it";
        assert_eq!(problems_with(Some("1.95")), [higher]);
    }
}
