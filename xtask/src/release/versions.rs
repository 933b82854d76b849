//! One version for all, and each crate asking for that of the others.

use super::crates::Crates;

/// Every problem with the versions.
pub(super) fn check(crates: &Crates) -> Result<(), Vec<String>> {
    let Some(version) = crates.version() else { return Err(vec!["no crate is released".to_owned()]) };
    let mut problems = Vec::new();
    for package in &crates.all {
        if package.version != version {
            problems.push(format!(
                "{} is {}, and the workspace {version}; write `version.workspace = true`",
                package.name, package.version
            ));
        }
        for sibling in &package.siblings {
            if sibling.asked_for != format!("^{version}") {
                problems.push(format!(
                    "{} asks for {} {}, which is {version}; write it under `[workspace.dependencies]`",
                    package.name, sibling.name, sibling.asked_for
                ));
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_crate_that_is_off_is_named() {
        let metadata = |other: &str, asked_for: &str, for_tests: &str| {
            json!({
                "workspace_default_members": ["one", "other"],
                "target_directory": "target",
                "packages": [
                    {"id": "one", "name": "one", "version": "0.2.0", "targets": [{"kind": ["lib"]}], "dependencies": [
                        {"name": "elsewhere", "req": "^7.0.0", "kind": null},
                        {"name": "mock", "req": for_tests, "kind": "dev", "path": "/mock"}
                    ]},
                    {"id": "other", "name": "other", "version": other, "targets": [], "dependencies": [
                        {"name": "one", "req": asked_for, "kind": null, "path": "/one"}
                    ]}
                ]
            })
        };
        assert_eq!(check(&Crates::of(&metadata("0.2.0", "^0.2.0", "*"))), Ok(()));
        let problems = check(&Crates::of(&metadata("0.1.0", "^0.1.0", "*"))).unwrap_err();
        assert!(problems[0].starts_with("other is 0.1.0, and the workspace 0.2.0"), "{problems:?}");
        assert!(problems[1].starts_with("other asks for one ^0.1.0, which is 0.2.0"), "{problems:?}");
        assert_eq!(problems.len(), 2);
        // A path alone is nothing in a registry.
        assert_eq!(check(&Crates::of(&metadata("0.2.0", "*", "*"))).unwrap_err().len(), 1);
        assert!(check(&Crates::default()).is_err());
    }
}
