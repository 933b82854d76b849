//! The default location of a file's queue: a directory of the program.
//!
//! The queue of a file is found by the file's path, so that rows can be added to the file, and by its content, so
//! that the file can be moved or copied. In both cases the rows must reach the queue that records which of them are
//! completed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use carium_bulk::{QueueLocation, Target};
use sha2::{Digest as _, Sha256};

use super::options::shell_quoted;
use crate::directories;
use crate::error::{CliError, Exit};

/// Maximum length of the part of a queue's name that comes from its file.
const MAX_STEM_CHARS: usize = 40;

/// Returns the location of a file's queue for a target: the queue that was used for this file before, or a new one.
/// Reads the file, so the call may block.
pub(super) fn for_file(file: &Path, target: &Target) -> Result<QueueLocation, CliError> {
    let path = queues_dir().and_then(|directory| queue_path(&directory, file, target));
    path.map(QueueLocation::Sqlite).map_err(|error| {
        CliError::new(Exit::Other, "could not choose a location for the queue of this file")
            .with_source(error)
            .with_hint("pass a location: `--queue FILE.db`")
    })
}

/// Returns the location of the only queue in the default directory.
pub(super) fn only_queue() -> Result<QueueLocation, CliError> {
    let failed =
        |error| CliError::new(Exit::Other, "could not read the directory of queues").with_source(error);
    let entries = queues_dir().and_then(fs::read_dir).map_err(failed)?;
    let mut queues: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| is_queue(path))
        .collect();
    queues.sort();
    match queues.as_slice() {
        [queue] => Ok(QueueLocation::Sqlite(queue.clone())),
        [] => Err(CliError::new(Exit::InvalidInput, "no queue exists yet")
            .with_hint("pass `--queue`; `carium onboard FILE` creates a queue")),
        several => {
            let names: Vec<_> = several
                .iter()
                .map(|path| format!("  --queue {}", shell_quoted(&path.display().to_string())))
                .collect();
            Err(CliError::new(Exit::InvalidInput, "more than one queue exists")
                .with_hint(format!("pass one of these:\n{}", names.join("\n"))))
        }
    }
}

fn queues_dir() -> io::Result<PathBuf> {
    directories::private_state_dir("queues")
}

fn is_queue(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("db"))
}

fn queue_path(directory: &Path, file: &Path, target: &Target) -> io::Result<PathBuf> {
    let file = file.canonicalize()?;
    let organization = target.organization().map(|id| id.to_string()).unwrap_or_default();
    let target = [target.base_url().as_bytes(), organization.as_bytes()];
    let hashed = |identity: &[u8]| directories::hashed_name(target.into_iter().chain([identity]));
    let (path, content) = (hashed(file.as_os_str().as_encoded_bytes()), hashed(&digest(&file)?));
    // An index file for the path and one for the content. Both contain the file name of the queue.
    let index_files = [&path, &content].map(|name| directory.join(format!("{name}.note")));
    let existing = index_files.iter().find_map(|index_file| {
        let queue = directory.join(fs::read_to_string(index_file).ok()?.trim());
        (is_queue(&queue) && queue.parent() == Some(directory) && queue.is_file()).then_some(queue)
    });
    let queue = existing.unwrap_or_else(|| directory.join(format!("{}-{content}.db", sanitized_stem(&file))));
    for index_file in index_files {
        let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
        let name = queue.file_name().unwrap_or_default();
        temporary.write_all(name.as_encoded_bytes())?;
        temporary.persist(index_file)?;
    }
    Ok(queue)
}

fn digest(file: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(file)?;
    let mut digest = Sha256::new();
    let mut block = vec![0; 256 * 1024];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(digest.finalize().to_vec()),
            count => digest.update(&block[..count]),
        }
    }
}

/// Returns the name of a file without its extension. Characters that are special to shells or file systems are
/// replaced.
fn sanitized_stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let sanitized =
        stem.chars().map(|letter| if letter.is_alphanumeric() || letter == '-' { letter } else { '_' });
    sanitized.take(MAX_STEM_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_queue_of_a_file_by_its_path_and_by_its_content() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let queues = tempfile::tempdir().unwrap();
        let target = Target::sandbox(None);
        let queue_of = |path: &Path| queue_path(queues.path(), path, &target).unwrap();
        let file = write("clinic patients.csv", "one\n");
        let queue = queue_of(&file);
        assert!(queue.file_name().unwrap().to_str().unwrap().starts_with("clinic_patients-"));
        // Opening the queue would create its file.
        fs::write(&queue, "").unwrap();
        assert_eq!(queue_of(&file), queue);
        assert_eq!(queue_of(&write("clinic patients.csv", "one\ntwo\n")), queue, "rows were added");
        fs::create_dir(directory.path().join("copy")).unwrap();
        assert_eq!(queue_of(&write("copy/renamed.csv", "one\ntwo\n")), queue, "the file was copied");
        assert_eq!(
            queue_of(&write("copy/renamed.csv", "one\ntwo\nthree\n")),
            queue,
            "rows were added to the copy"
        );
        assert_ne!(queue_of(&write("other.csv", "other\n")), queue);
        let other = Target::sandbox(Some("8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse().unwrap()));
        assert_ne!(queue_path(queues.path(), &file, &other).unwrap(), queue, "another target");
    }
}
