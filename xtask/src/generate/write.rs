//! Writes generated files to disk.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{FOLDERS, Output};

/// Writes the files that differ and removes those that are no longer generated. Returns the paths of both.
pub(crate) fn write(root: &Path, outputs: &[Output]) -> io::Result<Vec<String>> {
    let mut changed = Vec::new();
    for output in outputs {
        let path = root.join(&output.path);
        // An unchanged file keeps its modification time, so that cargo does not rebuild it.
        if fs::read_to_string(&path).is_ok_and(|text| text == output.text) {
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, &output.text)?;
        changed.push(output.path.clone());
    }
    for path in stale_files(root, outputs)? {
        fs::remove_file(root.join(&path))?;
        changed.push(path);
    }
    Ok(changed)
}

/// Returns the files in the folders of generated files that are no longer generated.
pub(super) fn stale_files(root: &Path, outputs: &[Output]) -> io::Result<Vec<String>> {
    let wanted: BTreeSet<_> = outputs.iter().map(|output| root.join(&output.path)).collect();
    let mut found = Vec::new();
    for folder in FOLDERS {
        files_below(&root.join(folder), &mut found)?;
    }
    found.sort();
    found.retain(|path| !wanted.contains(path));
    Ok(found.into_iter().map(|path| path.strip_prefix(root).unwrap_or(&path).display().to_string()).collect())
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files_below(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}
