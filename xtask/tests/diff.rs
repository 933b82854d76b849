//! What a maintainer sees of `diff`: where it begins, what it says, and how it ends.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::process::Command;

use support::Copy;

/// Runs git in the copy, where nobody is known to it.
fn git(copy: &Copy, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"])
        .args(["-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"])
        .args(arguments)
        .current_dir(copy.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A copy with a history: the spec came, and then something else did.
fn with_history() -> Copy {
    let copy = Copy::new();
    git(&copy, &["init", "--quiet"]);
    git(&copy, &["add", "specs", "Cargo.toml", "crates/carium/src"]);
    git(&copy, &["commit", "--quiet", "--message", "Begin"]);
    copy.write("README.md", "Another.\n");
    git(&copy, &["add", "README.md"]);
    git(&copy, &["commit", "--quiet", "--message", "Go on"]);
    copy
}

fn replace(copy: &Copy, path: &str, old: &str, new: &str) {
    let text = copy.read(path);
    assert!(text.contains(old), "{path} has no {old:?}");
    copy.write(path, &text.replacen(old, new, 1));
}

fn rename_an_operation(copy: &Copy) {
    replace(copy, "specs/carium.yaml", "operationId: resend_invitation", "operationId: send_invitation");
}

#[test]
fn it_begins_where_the_spec_came_and_from_then_on_at_the_last_release() {
    let copy = with_history();
    let said = copy.xtask(&["diff"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("no changes"), "{}", said.out);
    rename_an_operation(&copy);
    assert_eq!(copy.xtask(&["diff"]).code, Some(1));
    git(&copy, &["add", "specs"]);
    git(&copy, &["commit", "--quiet", "--message", "Rename"]);
    // Not a release, and of another time.
    git(&copy, &["tag", "v9.9.9-rc.1", "HEAD~1"]);
    git(&copy, &["tag", "v0.0.9", "HEAD~2"]);
    git(&copy, &["tag", "v0.1.0"]);
    let said = copy.xtask(&["diff"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.starts_with("From v0.1.0 ("), "{}", said.out);
    let said = copy.xtask(&["diff", "--base", "v0.0.9"]);
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(said.out.starts_with("From v0.0.9 ("), "{}", said.out);
}

#[test]
fn a_break_is_named_until_the_version_says_it() {
    let copy = with_history();
    rename_an_operation(&copy);
    let said = copy.xtask(&["diff"]);
    assert_eq!(said.code, Some(1));
    for expected in [
        "Breaks callers",
        "is called `send_invitation`, was `resend_invitation` [operation-renamed; breaks requests]",
        "/paths/~1identity~1v1~1resend-invitation~1/post/operationId",
        "ClientIdentityExt::resend_invitation",
        "invitations::Invitations::send",
        "A minor bump follows",
    ] {
        assert!(said.out.contains(expected), "{expected:?} is not in\n{}", said.out);
    }
    assert!(said.err.contains("send_invitation"), "what asks for it is named: {}", said.err);
    replace(&copy, "Cargo.toml", "\nversion = \"0.1.0\"", "\nversion = \"0.1.1\"");
    assert_eq!(copy.xtask(&["diff"]).code, Some(1), "a patch is too little");
    replace(&copy, "Cargo.toml", "\nversion = \"0.1.1\"", "\nversion = \"0.2.0\"");
    let said = copy.xtask(&["diff"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
}

#[test]
fn programs_read_the_same_as_json() {
    let copy = with_history();
    rename_an_operation(&copy);
    let said = copy.xtask(&["diff", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["bump"], "minor");
    assert_eq!((&report["needed"], &report["carried"]), (&"0.2.0".into(), &false.into()));
    let change = &report["changes"][0];
    assert_eq!(change["class"], "break");
    assert_eq!(change["breaks"], serde_json::json!({ "request": true, "response": false }));
    assert_eq!(change["carium"][0]["file"], "crates/carium/src/invitations.rs");
}

#[test]
fn a_file_can_be_the_older_version() {
    let copy = with_history();
    let older = copy.path("older.yaml");
    copy.write("older.yaml", &copy.read("specs/carium.yaml"));
    replace(&copy, "specs/carium.yaml", "enum: [male, female,", "enum: [male, female, two-spirit,");
    let said = copy.xtask(&["diff", older.to_str().unwrap()]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("Gender.two-spirit"), "{}", said.out);
    assert!(said.out.contains("types::Gender::TwoSpirit"), "{}", said.out);
    assert!(said.out.contains("A patch bump follows"), "enums are open: {}", said.out);
}

#[test]
fn what_cannot_be_compared_is_one_sentence_and_another_exit_code() {
    let copy = with_history();
    git(&copy, &["rm", "--quiet", "-r", "--cached", "specs"]);
    git(&copy, &["commit", "--quiet", "--message", "Without"]);
    copy.write("broken.yaml", "openapi: 3.0.3\n  info: [");
    copy.write("other.yaml", "a: 1\n");
    let path = |name: &str| copy.path(name).display().to_string();
    let (broken, other, none) = (path("broken.yaml"), path("other.yaml"), path("none.yaml"));
    for (arguments, expected) in [
        (&["diff", "--base", "nothing"][..], "git knows no revision `nothing`"),
        (&["diff", "--base", "--all"], "git knows no revision `--all`"),
        (&["diff", "--base", "HEAD"], "revision `HEAD` has no specs/carium.yaml"),
        (&["diff", "--base", "HEAD", &other], "not both"),
        (&["diff", &none], "none.yaml cannot be read"),
        (&["diff", &path("crates")], "crates cannot be read"),
        (&["diff", &broken], "broken.yaml:2: this is not YAML"),
        (&["diff", &other], "other.yaml is no OpenAPI document"),
    ] {
        let said = copy.xtask(arguments);
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.err);
        assert!(said.err.contains(expected), "{arguments:?}: {}", said.err);
        assert_eq!(said.err.trim().lines().count(), 1, "{}", said.err);
        assert_eq!(said.out, "");
    }
    // Where there is no history, nothing says where to begin.
    let bare = Copy::new();
    let said = bare.xtask(&["diff"]);
    assert_eq!(said.code, Some(2), "{}", said.out);
    assert!(said.err.contains("`--base`"), "{}", said.err);
}
