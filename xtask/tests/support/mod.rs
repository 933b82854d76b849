//! A copy of the workspace that tests can edit.

#![allow(dead_code, reason = "each test program uses a part of this")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const PARTS: [&str; 8] =
    ["Cargo.toml", "Cargo.lock", "crates", "docs", "examples", "specs", "xtask", "CHANGELOG.md"];

/// Files that crates include or package.
const DOCUMENTS: [&str; 5] =
    ["ARCHITECTURE.md", "CONTRIBUTING.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// Returns the root directory of the workspace under test.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A copy of the workspace without build output. Dropping it removes the copy.
pub(crate) struct Copy {
    directory: TempDir,
}

impl Copy {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for part in PARTS.iter().chain(&DOCUMENTS) {
            copy(&workspace().join(part), &directory.path().join(part));
        }
        Self { directory }
    }

    /// A copy with the specs of the fixtures, which do not change with the API.
    pub(crate) fn with_fixture_specs() -> Self {
        let copy = Self::new();
        for file in ["specs/carium.yaml", "specs/onboarding.schema.json"] {
            copy.write(file, &copy.read(&format!("xtask/tests/fixtures/{file}")));
        }
        copy
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
    }

    /// Replaces the first occurrence of a text, which must exist.
    pub(crate) fn replace(&self, path: &str, old: &str, new: &str) {
        let text = self.read(path);
        assert!(text.contains(old), "{path} does not contain {old:?}");
        self.write(path, &text.replacen(old, new, 1));
    }

    /// Inserts a text before the first occurrence of another, which must exist.
    pub(crate) fn insert_before(&self, path: &str, place: &str, text: &str) {
        self.replace(path, place, &format!("{text}{place}"));
    }

    /// Runs `xtask` on the copy.
    pub(crate) fn xtask(&self, arguments: &[&str]) -> CommandOutput {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(arguments).arg("--root").arg(self.directory.path());
        CommandOutput::from(command.output().unwrap())
    }

    /// Runs cargo in the copy. Its target directory is kept for the next run. It is not that of the workspace, because
    /// cargo identifies a crate by its path in the workspace and would mix up the crates of both.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> CommandOutput {
        // The target directory is two levels above the program.
        let target = Path::new(env!("CARGO_BIN_EXE_xtask")).ancestors().nth(2).unwrap().join("regenerated");
        let mut command = Command::new(env!("CARGO"));
        command.args(arguments).env("CARGO_TARGET_DIR", target).current_dir(self.directory.path());
        CommandOutput::from(command.output().unwrap())
    }

    /// Runs git in the copy, with an invented identity. The command must succeed.
    pub(crate) fn git(&self, arguments: &[&str]) {
        let output = Command::new("git")
            .args(["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"])
            .args(["-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"])
            .args(arguments)
            .current_dir(self.directory.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The output and exit status of a program.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) success: bool,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for CommandOutput {
    fn from(output: Output) -> Self {
        Self {
            success: output.status.success(),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}
