//! A copy of the workspace, to do things to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The workspace that is tested.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A copy of everything that is not built, removed when dropped.
pub(crate) struct Copy {
    folder: TempDir,
}

impl Copy {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for part in [
            "Cargo.toml",
            "Cargo.lock",
            ".cargo",
            "crates",
            "docs",
            "examples",
            "specs",
            "xtask",
            "ARCHITECTURE.md",
            "CHANGELOG.md",
            "CONTRIBUTING.md",
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "README.md",
        ] {
            copy(&workspace().join(part), &folder.path().join(part));
        }
        Self { folder }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
    }

    /// Puts a text before the first place where another one stands, which must be there.
    #[allow(dead_code, reason = "not every test adds to a file")]
    pub(crate) fn insert_before(&self, path: &str, place: &str, text: &str) {
        let old = self.read(path);
        let at = old.find(place).unwrap_or_else(|| panic!("{path} has no {place:?}"));
        self.write(path, &format!("{}{text}{}", &old[..at], &old[at..]));
    }

    /// Runs `cargo xtask …` on the copy: the program that was built here, told to work there.
    pub(crate) fn xtask(&self, arguments: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(arguments)
            .arg("--root")
            .arg(self.folder.path())
            .output()
            .unwrap();
        Said::from(output)
    }

    /// Runs cargo in the copy. What it builds is kept for the next run, but apart from what this workspace
    /// builds: cargo takes a crate at the same place in two workspaces for the same crate.
    #[allow(dead_code, reason = "not every test builds")]
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Said {
        // The target folder of the running test is two folders above the program.
        let target = Path::new(env!("CARGO_BIN_EXE_xtask")).ancestors().nth(2).unwrap().join("drill");
        let output = Command::new(env!("CARGO"))
            .args(arguments)
            .env("CARGO_TARGET_DIR", target)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        Said::from(output)
    }
}

/// What a program said, and whether it succeeded.
#[derive(Debug)]
pub(crate) struct Said {
    #[allow(dead_code, reason = "where the exit code tells more, it is looked at")]
    pub(crate) success: bool,
    #[allow(dead_code, reason = "most tests tell success from failure only")]
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            success: output.status.success(),
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
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
