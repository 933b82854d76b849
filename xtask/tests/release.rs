//! What keeps a release back, on copies of the workspace that were edited.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use support::Copy;

const CHANGELOG: &str = "CHANGELOG.md";

#[test]
fn a_release_is_a_persons() {
    let copy = Copy::new();
    let said = copy.xtask(&["release"]);
    assert!(!said.success);
    let expected =
        "a release is made by a person: run `cargo xtask release --dry-run`, tag the commit `v0.1.0`";
    assert!(said.err.starts_with(expected) && said.err.lines().count() == 1, "{}", said.err);
}

#[test]
fn all_that_is_known_without_building_is_said_at_once() {
    let copy = Copy::new();
    copy.write(CHANGELOG, "# Changelog\n\n## Unreleased\n\n### Added\n");
    let manifest = copy.read("crates/carium-cli/Cargo.toml");
    copy.write(
        "crates/carium-cli/Cargo.toml",
        &manifest.replacen("\nversion.workspace = true", "\nversion = \"0.3.0\"", 1),
    );
    let said = copy.xtask(&["release", "--dry-run"]);
    assert!(!said.success);
    assert_eq!(said.out, "FAILED  versions\nFAILED  Cargo.lock\nFAILED  CHANGELOG.md\nok      tag\n");
    for expected in [
        "versions: carium-cli is 0.3.0, and the workspace 0.1.0; ",
        "Cargo.lock: it is not what the manifests lead to; ",
        "CHANGELOG.md: its section `Unreleased` is empty; ",
    ] {
        assert!(said.err.lines().any(|line| line.starts_with(expected)), "{}", said.err);
    }
}
