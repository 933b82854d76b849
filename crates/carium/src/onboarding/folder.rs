//! Files of documents, by paths that someone else wrote.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use tokio::task::spawn_blocking;

use crate::error::{Error, ErrorKind};

/// The path, if it leads down from wherever it begins, and is read the same on every system.
pub(super) fn relative(path: &str) -> Result<&Path, &'static str> {
    if path.contains('\0') {
        return Err("has a NUL in it");
    }
    if path.contains('\\') {
        return Err("has a backslash in it: write folders with `/`");
    }
    let is_drive = path.as_bytes().get(1) == Some(&b':')
        && path.starts_with(|letter: char| letter.is_ascii_alphabetic());
    if path.starts_with('/') || is_drive {
        return Err("is not relative to the folder of documents");
    }
    let path = Path::new(path);
    let mut names = 0;
    for component in path.components() {
        match component {
            Component::Normal(_) => names += 1,
            Component::CurDir => {}
            Component::ParentDir => return Err("leads out of the folder of documents by `..`"),
            Component::RootDir | Component::Prefix(_) => {
                return Err("is not relative to the folder of documents");
            }
        }
    }
    if names == 0 { Err("names no file") } else { Ok(path) }
}

/// A file of a row: where it lies, or what is wrong with it.
pub(super) type Found = Result<PathBuf, &'static str>;

/// Looks for files in a folder, by the paths that a row has for them.
///
/// Links are followed, and what they lead to has to be in the folder too. What is found here is opened later: who can
/// write to the folder in between can still have another file read. It is the operator's.
pub(super) async fn find(folder: PathBuf, paths: Vec<String>) -> Result<Vec<Found>, Error> {
    let looked = spawn_blocking(move || {
        let root = folder.canonicalize()?;
        Ok(paths.iter().map(|path| file(&root, path)).collect())
    });
    let found: io::Result<_> =
        looked.await.map_err(|_| Error::new(ErrorKind::Canceled, "the program is ending"))?;
    found.map_err(|error| {
        // Its own text may quote the path.
        let bare = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
        Error::new(ErrorKind::Io, "the folder of documents cannot be read").with_source(bare)
    })
}

/// Where the file lies that a path leads to in a folder. Blocks.
pub(super) fn find_one(folder: &Path, path: &str) -> Found {
    let root =
        folder.canonicalize().map_err(|_| "cannot be found: the folder of documents cannot be read")?;
    file(&root, path)
}

fn file(root: &Path, path: &str) -> Result<PathBuf, &'static str> {
    let path = root.join(relative(path)?).canonicalize().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "leads to no file in the folder of documents"
        }
        _ => "cannot be read",
    })?;
    if !path.starts_with(root) {
        return Err("leads out of the folder of documents by a link");
    }
    // Before it is opened: opening a pipe waits for who writes to it.
    if !fs::metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
        return Err("is no file");
    }
    File::open(&path).map(|_| path).map_err(|_| "cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_down() {
        for path in
            ["letter.pdf", "a/b/letter.pdf", "./letter.pdf", "Überweisung 1.pdf", "..letter", "a..b/c"]
        {
            assert!(relative(path).is_ok(), "{path}");
        }
        for path in [
            "",
            ".",
            "./",
            "/etc/passwd",
            "..",
            "../x",
            "a/../../x",
            "a/..",
            "a\\b",
            "C:\\x",
            "C:x",
            "C:/x",
            "\\\\h\\s",
            "a\0",
        ] {
            assert!(relative(path).is_err(), "{path:?}");
        }
    }
}
