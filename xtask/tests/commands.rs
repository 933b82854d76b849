//! The commands as a maintainer runs them, on copies of the workspace that were edited.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;

use support::Copy;

const SPEC: &str = "specs/carium.yaml";
const TYPES: &str = "crates/carium-api/src/generated/types.rs";

// ---- generate, lint

#[test]
fn generated_files_are_up_to_date_and_generating_reproduces_them() {
    let copy = Copy::new();
    let output = copy.xtask(&["generate", "--check"]);
    assert!(output.success, "{}", output.stderr);
    let last = output.stdout.lines().last().unwrap();
    assert!(last.contains("files, up to date, in ") && last.ends_with(" s"), "{last}");
    for directory in [
        "crates/carium-api/src/generated",
        "crates/carium-api/tests/generated",
        "crates/carium-mock/src/generated",
    ] {
        fs::remove_dir_all(copy.path(directory)).unwrap();
    }
    let output = copy.xtask(&["generate"]);
    assert!(output.success, "{}", output.stderr);
    assert!(copy.xtask(&["generate", "--check"]).success);
    assert_eq!(copy.read(TYPES), fs::read_to_string(support::workspace().join(TYPES)).unwrap());
    let output = copy.xtask(&["generate"]);
    assert!(output.stdout.lines().last().unwrap().contains(" 0 changed"), "{}", output.stdout);
}

#[test]
fn generate_check_shows_an_edit_by_hand_and_the_command_that_corrects_it() {
    let copy = Copy::new();
    copy.replace(TYPES, "pub struct Appointment {", "pub struct Appointments {");
    let edited = copy.read(TYPES);
    let output = copy.xtask(&["generate", "--check"]);
    assert!(!output.success);
    for expected in ["-pub struct Appointments {", "+pub struct Appointment {", "Run `cargo xtask generate`"]
    {
        assert!(output.stderr.contains(expected), "{expected:?} is not in {}", output.stderr);
    }
    assert_eq!(copy.read(TYPES), edited, "--check writes nothing");
}

#[test]
fn generate_check_names_missing_and_additional_files() {
    let copy = Copy::new();
    fs::remove_file(copy.path(TYPES)).unwrap();
    let stray = "crates/carium-api/src/generated/stray.rs";
    copy.write(stray, "");
    let output = copy.xtask(&["generate", "--check"]);
    assert!(!output.success);
    assert!(output.stderr.contains("generated/types.rs is missing"), "{}", output.stderr);
    assert!(output.stderr.contains(stray), "{}", output.stderr);
    assert!(copy.xtask(&["generate"]).success);
    assert!(!copy.path(stray).exists());
}

#[test]
fn changed_spec_makes_generated_files_stale() {
    let copy = Copy::new();
    copy.insert_before(SPEC, "openapi: 3.0.3", "# A remark.\n");
    let output = copy.xtask(&["generate", "--check"]);
    assert!(!output.success);
    assert!(output.stderr.contains("SHA-256"), "{}", output.stderr);
    assert!(copy.xtask(&["generate"]).success);
    assert!(copy.xtask(&["generate", "--check"]).success);
}

#[test]
fn generate_check_accepts_files_with_windows_line_ends() {
    let copy = Copy::new();
    let canaries = "crates/carium-api/tests/generated/canaries.rs";
    let copied_spec = "crates/carium-mock/src/generated/carium.yaml";
    for path in [SPEC, "specs/onboarding.schema.json", TYPES, canaries, copied_spec] {
        copy.write(path, &copy.read(path).replace('\n', "\r\n"));
    }
    let output = copy.xtask(&["generate", "--check"]);
    assert!(output.success, "{}", output.stderr);
}

#[test]
fn every_command_reports_a_mistake_in_the_spec_and_writes_nothing() {
    let copy = Copy::new();
    copy.replace(SPEC, "      x-retry: safe\n", "");
    let before = copy.read(TYPES);
    for arguments in [&["lint"][..], &["generate"], &["generate", "--check"]] {
        let output = copy.xtask(arguments);
        assert!(!output.success);
        assert!(
            output.stderr.contains("specs/carium.yaml:") && output.stderr.contains("x-retry"),
            "{output:?}"
        );
        assert!(!output.stderr.contains("panicked"), "{output:?}");
    }
    assert_eq!(copy.read(TYPES), before);
    copy.write(SPEC, "openapi: 3.0.3\n  info: [");
    let output = copy.xtask(&["lint"]);
    assert!(!output.success && output.stderr.contains("specs/carium.yaml:"), "{output:?}");
    fs::remove_file(copy.path(SPEC)).unwrap();
    let output = copy.xtask(&["lint"]);
    assert!(!output.success && output.stderr.contains(SPEC), "{output:?}");
}

// ---- diff

/// Returns a copy with two commits, the first of which adds the spec.
fn with_history() -> Copy {
    let copy = Copy::new();
    copy.git(&["init", "--quiet"]);
    copy.git(&["add", "specs", "Cargo.toml"]);
    copy.git(&["commit", "--quiet", "--message", "Add the spec"]);
    copy.write("README.md", "Changed.\n");
    copy.git(&["add", "README.md"]);
    copy.git(&["commit", "--quiet", "--message", "Change the README"]);
    copy
}

fn rename_an_operation(copy: &Copy) {
    copy.replace(SPEC, "operationId: resend_invitation", "operationId: drill_operation");
}

#[test]
fn diff_starts_at_the_last_release_or_at_a_given_revision() {
    let copy = with_history();
    let output = copy.xtask(&["diff"]);
    assert_eq!(output.code, Some(2), "{}", output.stdout);
    assert!(output.stderr.contains("there is no release tag") && output.stderr.contains("--base HEAD"));
    let output = copy.xtask(&["diff", "--base", "HEAD"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(output.stdout.contains(": 0 changes"), "{}", output.stdout);
    rename_an_operation(&copy);
    assert_eq!(copy.xtask(&["diff", "--base", "HEAD"]).code, Some(1));
    copy.git(&["add", "specs"]);
    copy.git(&["commit", "--quiet", "--message", "Rename"]);
    // A pre-release does not count, and neither does an older release.
    copy.git(&["tag", "v9.9.9-rc.1", "HEAD~1"]);
    copy.git(&["tag", "v0.0.9", "HEAD~2"]);
    copy.git(&["tag", "v0.1.0"]);
    let output = copy.xtask(&["diff"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(output.stdout.starts_with("From v0.1.0 ("), "{}", output.stdout);
    let output = copy.xtask(&["diff", "--base", "v0.0.9"]);
    assert_eq!(output.code, Some(1), "{}", output.stdout);
    assert!(output.stdout.starts_with("From v0.0.9 ("), "{}", output.stdout);
}

#[test]
fn diff_fails_until_the_version_is_high_enough() {
    let copy = with_history();
    copy.git(&["tag", "v0.1.0"]);
    rename_an_operation(&copy);
    let output = copy.xtask(&["diff"]);
    assert_eq!(output.code, Some(1));
    for expected in [
        "Breaks callers",
        "was renamed from `resend_invitation` to `drill_operation` [operation-renamed; breaks requests]",
        "/paths/~1identity~1v1~1resend-invitation~1/post/operationId",
        "operations: drill_operation",
        "Required: a minor bump",
    ] {
        assert!(output.stdout.contains(expected), "{expected:?} is not in\n{}", output.stdout);
    }
    assert!(output.stderr.contains("drill_operation"), "{}", output.stderr);
    let report: serde_json::Value = serde_json::from_str(&copy.xtask(&["diff", "--json"]).stdout).unwrap();
    assert_eq!((&report["bump"], &report["required_version"]), (&"minor".into(), &"0.2.0".into()));
    assert_eq!(report["has_required_version"], false);
    assert_eq!(report["changes"][0]["class"], "break");
    assert_eq!(report["changes"][0]["breaks"], serde_json::json!({ "request": true, "response": false }));
    copy.replace("Cargo.toml", "\nversion = \"0.1.0\"", "\nversion = \"0.1.1\"");
    assert_eq!(copy.xtask(&["diff"]).code, Some(1), "a patch is not enough");
    copy.replace("Cargo.toml", "\nversion = \"0.1.1\"", "\nversion = \"0.2.0\"");
    let output = copy.xtask(&["diff"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
}

#[test]
fn diff_reports_errors_in_one_line_with_their_own_exit_code() {
    let copy = with_history();
    copy.git(&["rm", "--quiet", "-r", "--cached", "specs"]);
    copy.git(&["commit", "--quiet", "--message", "Remove the spec"]);
    copy.write("broken.yaml", "openapi: 3.0.3\n  info: [");
    copy.write("other.yaml", "a: 1\n");
    let path = |name: &str| copy.path(name).display().to_string();
    let (broken, other, none) = (path("broken.yaml"), path("other.yaml"), path("none.yaml"));
    for (arguments, expected) in [
        (&["diff", "--base", "nothing"][..], "git has no revision `nothing`"),
        (&["diff", "--base", "--all"], "git has no revision `--all`"),
        (&["diff", "--base", "HEAD"], "revision `HEAD` has no specs/carium.yaml"),
        (&["diff", "--base", "HEAD", &other], "not both"),
        (&["diff", &none], "none.yaml"),
        (&["diff", &path("crates")], "crates"),
        (&["diff", &broken], "broken.yaml:2: "),
        (&["diff", &other], "other.yaml is not an OpenAPI document"),
    ] {
        let output = copy.xtask(arguments);
        assert_eq!(output.code, Some(2), "{arguments:?}: {}", output.stderr);
        assert!(output.stderr.contains(expected), "{arguments:?}: {}", output.stderr);
        assert_eq!(output.stderr.trim().lines().count(), 1, "{}", output.stderr);
        assert_eq!(output.stdout, "");
    }
    let without_history = Copy::new();
    let output = without_history.xtask(&["diff"]);
    assert_eq!(output.code, Some(2), "{}", output.stdout);
    assert!(output.stderr.contains("`--base`"), "{}", output.stderr);
}

// ---- drift

#[test]
fn drift_reports_differences_from_a_file_of_one_service() {
    let copy = Copy::with_fixture_specs();
    let vendor = copy.path("identity.json").display().to_string();
    let document = include_str!("../src/drift/tests/identity.json");
    copy.write("identity.json", &document.replace("{\"type\": \"boolean\"}", "{\"type\": \"string\"}"));
    let output = copy.xtask(&["drift", &vendor]);
    assert!(!output.success);
    assert_eq!(output.stderr, "the spec differs from the vendor's documents (2)\n");
    for expected in [
        "\n  LoginRequest.interactive is `string` instead of `boolean`: the Rust type changes [type; breaks requests]\n    at specs/carium.yaml:",
        "\n    operations: login\n",
        "From specs/carium.yaml (R2025010800) to ",
        "; no file was given for create_patient, create_appointment",
    ] {
        assert!(output.stdout.contains(expected), "{expected:?} is not in\n{}", output.stdout);
    }
    copy.write("identity.json", "openapi: 3.0.0");
    for (name, expected) in [("identity.json", "is not JSON"), ("missing.json", "could not read")] {
        let output = copy.xtask(&["drift", copy.path(name).to_str().unwrap()]);
        assert!(!output.success && output.stderr.contains(expected), "{}", output.stderr);
        assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    }
}

// ---- words, release

#[test]
fn words_reports_tracked_files_only() {
    let copy = Copy::new();
    copy.git(&["init", "--quiet"]);
    copy.write("docs/tracked.md", "Nobody knows.\n"); // words: quoted
    copy.write("docs/untracked.md", "Nobody knows.\n"); // words: quoted
    copy.git(&["add", "docs/tracked.md"]);
    let output = copy.xtask(&["words"]);
    assert!(!output.success);
    assert!(output.stderr.starts_with("docs/tracked.md:1: \""), "{}", output.stderr);
    assert!(!output.stderr.contains("untracked"), "{}", output.stderr);
}

#[test]
fn release_is_manual() {
    let output = Copy::new().xtask(&["release"]);
    assert!(!output.success);
    let expected =
        "error: publishing is manual: run `cargo xtask release --dry-run`, tag the commit `v0.1.0`";
    assert!(output.stderr.starts_with(expected) && output.stderr.lines().count() == 1, "{}", output.stderr);
}

#[test]
fn release_reports_the_problems_of_all_quick_checks() {
    let copy = Copy::new();
    copy.write("CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n### Added\n");
    copy.replace("crates/carium-cli/Cargo.toml", "\nversion.workspace = true", "\nversion = \"0.3.0\"");
    let output = copy.xtask(&["release", "--dry-run"]);
    assert!(!output.success);
    assert_eq!(output.stdout, "FAILED  versions\nFAILED  Cargo.lock\nFAILED  CHANGELOG.md\nok      tag\n");
    for expected in [
        "versions: carium-cli has version 0.3.0, but the workspace has 0.1.0; ",
        "Cargo.lock: does not match the manifests; ",
        "CHANGELOG.md: has no section `## 0.1.0` or `## Unreleased` with changes",
    ] {
        assert!(output.stderr.lines().any(|line| line.starts_with(expected)), "{}", output.stderr);
    }
}

#[test]
fn release_closes_the_changelog() {
    let copy = Copy::new();
    copy.write("CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n- A thing.\n");
    let output = copy.xtask(&["release", "--close-changelog"]);
    assert!(output.success, "{}", output.stderr);
    let changelog = copy.read("CHANGELOG.md");
    assert!(changelog.contains("## Unreleased\n\n## 0.1.0 - 20"), "{changelog}");
    assert!(!copy.xtask(&["release", "--close-changelog"]).success);
}
