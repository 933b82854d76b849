//! Where the queue of a file lies when nobody says so: in a folder of the program's own.
//!
//! A file is the same by its path, also when it has grown, and by what is in it, also when it was moved or copied: in
//! both cases its rows must meet the queue that knows which of them are done.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use carium_bulk::{QueueLocation, Target};
use sha2::{Digest as _, Sha256};

use super::options::quoted;
use crate::exit::{CliError, Exit};
use crate::places;

/// Longer names are cut.
const LONGEST_NAME: usize = 40;

/// The queue of a file for a target: the one that knows it, or a new one. Reads the file, which may block.
pub(super) fn of(file: &Path, target: &Target) -> Result<QueueLocation, CliError> {
    own_folder().and_then(|folder| of_file(&folder, file, target)).map(QueueLocation::Sqlite).map_err(|error| {
        CliError::new(Exit::Other, "there is no place for a queue of this file")
            .because(error)
            .next("say where it is to be: `--queue FILE.db`")
    })
}

/// The queue in the folder, where there is one only.
pub(super) fn only() -> Result<QueueLocation, CliError> {
    let unread = |error| CliError::new(Exit::Other, "the folder of queues cannot be read").because(error);
    let entries = own_folder().and_then(fs::read_dir).map_err(unread)?;
    let mut queues: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| is_queue(path))
        .collect();
    queues.sort();
    match queues.as_slice() {
        [queue] => Ok(QueueLocation::Sqlite(queue.clone())),
        [] => Err(CliError::new(Exit::InvalidInput, "there is no queue yet")
            .next("say which one with `--queue`; `carium onboard FILE` makes one")),
        several => {
            let names: Vec<_> = several
                .iter()
                .map(|path| format!("  --queue {}", quoted(&path.display().to_string())))
                .collect();
            Err(CliError::new(Exit::InvalidInput, "there is more than one queue")
                .next(format!("say which one:\n{}", names.join("\n"))))
        }
    }
}

fn own_folder() -> io::Result<PathBuf> {
    places::own_folder("queues")
}

fn is_queue(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("db"))
}

fn of_file(folder: &Path, file: &Path, target: &Target) -> io::Result<PathBuf> {
    let file = file.canonicalize()?;
    let organization = target.organization().map(|id| id.to_string()).unwrap_or_default();
    let target = [target.base_url().as_bytes(), organization.as_bytes()];
    let blind = |what: &[u8]| places::blind_name(target.into_iter().chain([what]));
    let (path, content) = (blind(file.as_os_str().as_encoded_bytes()), blind(&digest(&file)?));
    // What each of the two is known by: a note with the name of the queue.
    let notes = [&path, &content].map(|name| folder.join(format!("{name}.note")));
    let known = notes.iter().find_map(|note| {
        let queue = folder.join(fs::read_to_string(note).ok()?.trim());
        (is_queue(&queue) && queue.parent() == Some(folder) && queue.is_file()).then_some(queue)
    });
    let queue = known.unwrap_or_else(|| folder.join(format!("{}-{content}.db", plain_stem(&file))));
    for note in notes {
        let mut written = tempfile::NamedTempFile::new_in(folder)?;
        let name = queue.file_name().unwrap_or_default();
        written.write_all(name.as_encoded_bytes())?;
        written.persist(note)?;
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

/// The name of a file without what a shell or a file system could take amiss.
fn plain_stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let plain =
        stem.chars().map(|letter| if letter.is_alphanumeric() || letter == '-' { letter } else { '_' });
    plain.take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_meets_its_queue_when_it_has_grown_and_when_it_was_copied() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let queues = tempfile::tempdir().unwrap();
        let target = Target::sandbox(None);
        let of = |path: &Path| of_file(queues.path(), path, &target).unwrap();
        let file = write("clinic patients.csv", "one\n");
        let queue = of(&file);
        assert!(queue.file_name().unwrap().to_str().unwrap().starts_with("clinic_patients-"));
        // As the queue itself would.
        fs::write(&queue, "").unwrap();
        assert_eq!(of(&file), queue);
        assert_eq!(of(&write("clinic patients.csv", "one\ntwo\n")), queue, "it has grown");
        fs::create_dir(folder.path().join("copy")).unwrap();
        assert_eq!(of(&write("copy/again.csv", "one\ntwo\n")), queue, "it was copied");
        assert_eq!(of(&write("copy/again.csv", "one\ntwo\nthree\n")), queue, "and has grown there");
        assert_ne!(of(&write("other.csv", "other\n")), queue);
        let other = Target::sandbox(Some("8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse().unwrap()));
        assert_ne!(of_file(queues.path(), &file, &other).unwrap(), queue, "for another target");
    }
}
