//! The copy of the workspace.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What cargo needs of the workspace, and nothing that is built.
const PARTS: [&str; 9] =
    ["Cargo.toml", "Cargo.lock", ".cargo", "crates", "docs", "examples", "specs", "xtask", "README.md"];

/// A copy of the workspace in a folder of its own.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    copy: PathBuf,
}

impl Tree {
    pub(super) fn new(root: &Path, copy: &Path) -> Self {
        Self { root: root.to_owned(), copy: copy.to_owned() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.copy
    }

    /// Makes the copy as the workspace is. A file that is the same keeps its time, and cargo does not build it again.
    pub(super) fn restore(&self) -> Result<(), String> {
        let refuse =
            |error: io::Error| format!("the workspace cannot be copied to {}: {error}", self.copy.display());
        fs::create_dir_all(&self.copy).map_err(refuse)?;
        for part in PARTS {
            same(&self.root.join(part), &self.copy.join(part)).map_err(refuse)?;
        }
        Ok(())
    }

    /// Changes the text of a file.
    pub(super) fn edit(
        &self,
        file: &str,
        change: impl FnOnce(&str) -> Result<String, String>,
    ) -> Result<(), String> {
        let path = self.copy.join(file);
        let refuse = |error: io::Error| format!("{} cannot be edited: {error}", path.display());
        let text = change(&fs::read_to_string(&path).map_err(refuse)?)?;
        fs::write(&path, text).map_err(refuse)
    }
}

fn same(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        let text = fs::read(from)?;
        if fs::read(to).is_ok_and(|there| there == text) {
            return Ok(());
        }
        return fs::write(to, text);
    }
    fs::create_dir_all(to)?;
    let names = names(from)?;
    for name in &names {
        same(&from.join(name), &to.join(name))?;
    }
    for name in self::names(to)?.difference(&names) {
        let path = to.join(name);
        if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
    }
    Ok(())
}

fn names(folder: &Path) -> io::Result<BTreeSet<std::ffi::OsString>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}
