//! Locates document files by the paths in a row, which are untrusted input.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use unicode_normalization::UnicodeNormalization as _;

use crate::error::Error;
use crate::local_io::{run_blocking, wait_for_descriptor};

/// Checks that a path is relative, does not leave its base folder, and means the same on every operating system.
///
/// # Errors
/// The message of a problem with the field.
pub(super) fn check_relative(path: &str) -> Result<&Path, &'static str> {
    if path.contains('\0') {
        return Err("contains a NUL character");
    }
    if path.contains('\\') {
        return Err("contains a backslash instead of `/`");
    }
    let has_drive = path.as_bytes().get(1) == Some(&b':')
        && path.starts_with(|letter: char| letter.is_ascii_alphabetic());
    if path.starts_with('/') || has_drive {
        return Err("is not relative to the documents folder");
    }
    let path = Path::new(path);
    let mut names = 0;
    for component in path.components() {
        match component {
            Component::Normal(_) => names += 1,
            Component::CurDir => {}
            Component::ParentDir => return Err("leaves the documents folder through `..`"),
            Component::RootDir | Component::Prefix(_) => {
                return Err("is not relative to the documents folder");
            }
        }
    }
    if names == 0 { Err("does not name a file") } else { Ok(path) }
}

/// The absolute path of a file.
pub(super) type FileResult = Result<PathBuf, FileProblem>;

/// Why a file cannot be used.
#[derive(Debug)]
pub(super) enum FileProblem {
    Missing,
    /// The message of a problem with the path.
    Invalid(&'static str),
    /// The file exists, or may exist, but cannot be read now, for example because its network share is not available.
    Unreadable(io::Error),
}

impl FileProblem {
    pub(super) fn message(&self) -> &'static str {
        match self {
            Self::Missing => "does not exist in the documents folder",
            Self::Invalid(message) => message,
            Self::Unreadable(_) => "cannot be read",
        }
    }
}

/// Locates files by their paths relative to a folder.
///
/// Symbolic links are followed, and their targets must be inside the folder too. The files are opened later, so a
/// process that can write to the folder in the meantime can replace them. The folder is trusted in this respect.
///
/// # Errors
/// - `Io`: the folder itself cannot be read, or a file does not exist and the folder is empty, as the mount point of a share
///   that is not mounted.
/// - `Canceled`: the runtime is shutting down.
pub(super) async fn locate_all(folder: PathBuf, paths: Vec<String>) -> Result<Vec<FileResult>, Error> {
    let located = run_blocking(move || {
        let root = folder.canonicalize()?;
        let files: Vec<FileResult> = paths.iter().map(|path| locate_in(&root, path)).collect();
        let is_missing = |file: &FileResult| matches!(file, Err(FileProblem::Missing));
        if files.iter().any(is_missing) && fs::read_dir(&root)?.next().is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(files)
    })
    .await?;
    located.map_err(|error: io::Error| Error::from_io("the documents folder cannot be read", &error))
}

/// Locates a file in a folder whose path is already canonical. Blocks the thread.
pub(super) fn locate_in(root: &Path, path: &str) -> FileResult {
    let given = root.join(check_relative(path).map_err(FileProblem::Invalid)?).canonicalize();
    let path =
        given.or_else(|error| find_normalized(root, path).ok_or(error)).map_err(|error| {
            match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FileProblem::Missing,
                _ => FileProblem::Unreadable(error),
            }
        })?;
    if !path.starts_with(root) {
        return Err(FileProblem::Invalid("leaves the documents folder through a symbolic link"));
    }
    // Checked before the file is opened: opening a named pipe blocks until another process writes to it.
    if !fs::metadata(&path).map_err(FileProblem::Unreadable)?.is_file() {
        return Err(FileProblem::Invalid("is not a regular file"));
    }
    wait_for_descriptor(|| File::open(&path)).map_err(FileProblem::Unreadable)?;
    Ok(path)
}

/// Finds a file whose path is the given one in another Unicode normalization. macOS and some file servers decompose names:
/// the `ü` of a spreadsheet is then `u` with a combining mark on the disk.
fn find_normalized(root: &Path, path: &str) -> Option<PathBuf> {
    if path.is_ascii() {
        return None;
    }
    let composed: String = path.nfc().collect();
    let decomposed: String = path.nfd().collect();
    [composed, decomposed].into_iter().find_map(|path| root.join(path).canonicalize().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_file_in_another_unicode_normalization() {
        let (composed, decomposed) = ("\u{fc}berweisung.pdf", "u\u{308}berweisung.pdf");
        for (on_disk, given) in [(composed, decomposed), (decomposed, composed), (composed, composed)] {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().canonicalize().unwrap();
            fs::write(root.join(on_disk), "x").unwrap();
            assert_eq!(locate_in(&root, given).unwrap(), root.join(on_disk));
        }
        let folder = tempfile::tempdir().unwrap();
        let missing = locate_in(&folder.path().canonicalize().unwrap(), composed).unwrap_err();
        assert_eq!(missing.message(), "does not exist in the documents folder");
    }

    #[tokio::test]
    async fn an_empty_folder_may_be_a_share_that_is_not_mounted() {
        let folder = tempfile::tempdir().unwrap();
        let locate = async || locate_all(folder.path().to_owned(), vec!["letter.pdf".to_owned()]).await;
        assert_eq!(locate().await.unwrap_err().kind(), crate::ErrorKind::Io);
        fs::write(folder.path().join("another.pdf"), "x").unwrap();
        assert!(matches!(locate().await.unwrap()[..], [Err(FileProblem::Missing)]));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_cannot_be_read_may_be_readable_later() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::os::unix::fs::symlink("loop", root.join("loop")).unwrap();
        assert!(matches!(locate_in(&root, "loop"), Err(FileProblem::Unreadable(_))));
    }

    #[test]
    fn accepts_only_paths_inside_the_folder() {
        for path in
            ["letter.pdf", "a/b/letter.pdf", "./letter.pdf", "Überweisung 1.pdf", "..letter", "a..b/c"]
        {
            assert!(check_relative(path).is_ok(), "{path}");
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
            assert!(check_relative(path).is_err(), "{path:?}");
        }
    }
}
