//! Ledgers: every ledger fulfills the contract of the trait, and a ledger file survives crashes and recognizes damage.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use carium::ErrorKind;
use carium::onboarding::{
    EntryVersion, FileLedger, Ledger, LedgerEntry, MemoryLedger, Resolution, RowKey, Step,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;

/// Creates an entry with the version of this number.
fn entry(version: u32) -> LedgerEntry {
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    serde_json::from_value(json!({
        "version": format!("0123456789abcdef0123456789abcdef-{version}"),
        "state": "intent",
        "request": {"salt": "00", "digest": digest},
    }))
    .unwrap()
}

fn version(version: u32) -> EntryVersion {
    entry(version).version()
}

/// Inserts an entry with version 0 and replaces it this many times.
async fn write(ledger: &dyn Ledger, row: &RowKey, step: &Step, replacements: u32) {
    assert_eq!(ledger.insert(row, step, &entry(0)).await.unwrap(), None);
    for old in 0..replacements {
        assert!(ledger.compare_and_swap(row, step, version(old), &entry(old + 1)).await.unwrap());
    }
}

fn row(number: usize) -> RowKey {
    RowKey::new(format!("row {number}"))
}

/// A folder with a ledger file.
struct LedgerFolder(TempDir);

impl LedgerFolder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("ledger")
    }

    async fn open(&self) -> FileLedger {
        FileLedger::open(self.path()).await.unwrap()
    }

    async fn open_error(&self) -> carium::Error {
        FileLedger::open(self.path()).await.unwrap_err()
    }

    fn lines(&self) -> usize {
        fs::read_to_string(self.path()).unwrap().lines().count()
    }

    /// Creates a ledger with one entry in each of three rows, and returns the bytes of its file.
    async fn with_three_rows(&self) -> Vec<u8> {
        let ledger = self.open().await;
        for number in 0..3 {
            assert_eq!(ledger.insert(&row(number), &Step::Patient, &entry(0)).await.unwrap(), None);
        }
        fs::read(self.path()).unwrap()
    }
}

/// Returns a ledger of each kind.
async fn ledgers(folder: &LedgerFolder) -> [(&'static str, Arc<dyn Ledger>); 2] {
    [("memory", Arc::new(MemoryLedger::new())), ("file", Arc::new(folder.open().await))]
}

#[tokio::test]
async fn replaces_only_the_expected_entry() {
    let folder = LedgerFolder::new();
    for (name, ledger) in ledgers(&folder).await {
        let (row, other) = (row(1), row(2));
        let swap = async |step: &Step, expected, new| {
            ledger.compare_and_swap(&row, step, version(expected), &entry(new)).await.unwrap()
        };
        assert!(!swap(&Step::Patient, 1, 2).await, "{name}: there is no entry");
        assert_eq!(ledger.insert(&row, &Step::Patient, &entry(1)).await.unwrap(), None, "{name}");
        let existing = ledger.insert(&row, &Step::Patient, &entry(2)).await.unwrap();
        assert_eq!(existing, Some(entry(1)), "{name}");
        assert!(!swap(&Step::Patient, 0, 2).await, "{name}: the version is another one");
        assert!(!swap(&Step::Appointment, 1, 2).await, "{name}: the step is another one");
        assert!(swap(&Step::Patient, 1, 2).await, "{name}");
        assert_eq!(ledger.insert(&row, &Step::Document(3), &entry(7)).await.unwrap(), None, "{name}");
        let mut entries = ledger.entries(&row).await.unwrap();
        entries.sort_by(|(left, _), (right, _)| left.cmp(right));
        assert_eq!(entries, [(Step::Patient, entry(2)), (Step::Document(3), entry(7))], "{name}");
        assert!(ledger.entries(&other).await.unwrap().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn finds_the_row_of_an_id() {
    let folder = LedgerFolder::new();
    let id = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002".parse().unwrap();
    for (name, ledger) in ledgers(&folder).await {
        write(&*ledger, &row(1), &Step::Patient, 0).await;
        assert_eq!(ledger.row_with_id(&Step::Patient, id).await.unwrap(), None, "{name}");
        carium::onboarding::resolve(&*ledger, &row(1), &Step::Patient, Resolution::Created(id))
            .await
            .unwrap();
        assert_eq!(ledger.row_with_id(&Step::Patient, id).await.unwrap(), Some(row(1)), "{name}");
        assert_eq!(ledger.row_with_id(&Step::Appointment, id).await.unwrap(), None, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn applies_one_of_several_concurrent_writes() {
    const TASKS: u32 = 8;
    let folder = LedgerFolder::new();
    for (name, ledger) in ledgers(&folder).await {
        // All tasks insert the entry of the same step, and then replace it in turns.
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let ledger = Arc::clone(&ledger);
            tasks.spawn(async move {
                let inserted = ledger.insert(&row(1), &Step::Patient, &entry(0)).await.unwrap().is_none();
                let own = ledger.insert(&row(1), &Step::Document(task as usize), &entry(task)).await.unwrap();
                assert_eq!(own, None);
                let mut replaced = Vec::new();
                for expected in 0..20 {
                    let (old, new) = (version(expected), entry(expected + 1));
                    if ledger.compare_and_swap(&row(1), &Step::Patient, old, &new).await.unwrap() {
                        replaced.push(expected);
                    }
                }
                (inserted, replaced)
            });
        }
        let results = tasks.join_all().await;
        assert_eq!(results.iter().filter(|(inserted, _)| *inserted).count(), 1, "{name}");
        let mut replaced: Vec<u32> = results.into_iter().flat_map(|(_, replaced)| replaced).collect();
        replaced.sort_unstable();
        assert_eq!(replaced, (0..20).collect::<Vec<_>>(), "{name}");
        assert_eq!(ledger.entries(&row(1)).await.unwrap().len(), 1 + TASKS as usize, "{name}");
    }
    let reopened = folder.open().await;
    let entries = reopened.entries(&row(1)).await.unwrap();
    assert!(entries.len() == 1 + TASKS as usize && entries.contains(&(Step::Patient, entry(20))));
}

#[tokio::test]
async fn keeps_entries_when_the_file_is_reopened() {
    let folder = LedgerFolder::new();
    let mut expected = Vec::new();
    for number in 0..4 {
        let ledger = folder.open().await;
        write(&ledger, &row(1), &Step::Document(number), 1).await;
        expected.push((Step::Document(number), entry(1)));
        assert_eq!(ledger.entries(&row(1)).await.unwrap(), expected);
    }
    assert_eq!(folder.open().await.entries(&row(1)).await.unwrap(), expected);
    // One header, and two records in each of four runs.
    assert_eq!(folder.lines(), 9);
}

#[tokio::test]
async fn only_one_process_at_a_time_opens_the_file() {
    let folder = LedgerFolder::new();
    let ledger = folder.open().await;
    let clone = ledger.clone();
    drop(ledger);
    assert_eq!(folder.open_error().await.kind(), ErrorKind::Conflict);
    #[cfg(unix)]
    {
        let link = folder.0.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        assert_eq!(FileLedger::open(link).await.unwrap_err().kind(), ErrorKind::Conflict);
    }
    drop(clone);
    drop(folder.open().await);
}

#[tokio::test]
async fn removes_an_incomplete_last_record() {
    let folder = LedgerFolder::new();
    let complete = folder.with_three_rows().await;
    let last_line = complete[..complete.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let cut = |end: usize| complete[..end].to_vec();
    let zeros = [cut(last_line), vec![0; 100]].concat();
    for torn in (last_line..complete.len()).map(cut).chain([zeros]) {
        fs::write(folder.path(), &torn).unwrap();
        let ledger = folder.open().await;
        assert_eq!(fs::read(folder.path()).unwrap(), &complete[..last_line]);
        for (number, entries) in [(0, 1), (1, 1), (2, 0)] {
            assert_eq!(ledger.entries(&row(number)).await.unwrap().len(), entries);
        }
        assert_eq!(ledger.insert(&row(2), &Step::Patient, &entry(0)).await.unwrap(), None);
        assert_eq!(fs::read(folder.path()).unwrap(), complete);
    }
}

#[tokio::test]
async fn names_the_line_of_a_damaged_record() {
    let folder = LedgerFolder::new();
    let intact = folder.with_three_rows().await;
    let ends: Vec<usize> =
        intact.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(index, _)| index).collect();
    // Every byte of a record in the middle, and some bytes of the last one.
    let positions = (ends[1] + 1..ends[2]).map(|position| (position, 3));
    for (position, line) in positions.chain((ends[2] + 1..ends[3]).step_by(17).map(|position| (position, 4)))
    {
        let mut damaged = intact.clone();
        damaged[position] ^= 1;
        fs::write(folder.path(), &damaged).unwrap();
        let error = folder.open_error().await;
        assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {position}");
        assert!(error.to_string().contains(&format!("line {line} ")), "byte {position}: {error}");
        assert_eq!(fs::read(folder.path()).unwrap(), damaged, "byte {position}: the file is unchanged");
    }
}

#[tokio::test]
async fn rejects_a_file_that_is_not_a_ledger() {
    let folder = LedgerFolder::new();
    let newer = "{\"format\":\"carium-onboarding-ledger\",\"version\":2}\n";
    for content in ["first-name,last-name\nAda,Quill\n", "no newline", "{}\n", "\n", newer] {
        fs::write(folder.path(), content).unwrap();
        let error = folder.open_error().await;
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{content}");
        assert!(content != newer || error.to_string().contains("newer version"), "{error}");
        assert_eq!(fs::read_to_string(folder.path()).unwrap(), content);
    }
    // An incomplete header is that of a program that was killed while it created the file.
    fs::write(folder.path(), &newer[..20]).unwrap();
    drop(folder.open().await);
    assert_eq!(folder.lines(), 1);
    let missing = FileLedger::open(folder.0.path().join("canary/ledger")).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Io);
    assert!(!format!("{missing} {missing:?}").contains("canary"));
}

#[tokio::test]
async fn compaction_keeps_the_current_entries() {
    const ROWS: usize = 30;
    let folder = LedgerFolder::new();
    let ledger = folder.open().await;
    for number in 0..ROWS {
        write(&ledger, &row(number), &Step::Patient, 3).await;
    }
    drop(ledger);
    assert_eq!(folder.lines(), 1 + 4 * ROWS);
    let permissions = |path: &Path| fs::metadata(path).unwrap().permissions();
    let before = permissions(&folder.path());
    for _ in 0..2 {
        let ledger = folder.open().await;
        assert_eq!(folder.lines(), 1 + ROWS);
        assert_eq!(permissions(&folder.path()), before);
        // Only the ledger and its lock remain, and the lock is held.
        assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 2);
        assert_eq!(folder.open_error().await.kind(), ErrorKind::Conflict);
        for number in 0..ROWS {
            assert_eq!(ledger.entries(&row(number)).await.unwrap(), [(Step::Patient, entry(3))]);
        }
    }
    // Records can be appended to a compacted file.
    let ledger = folder.open().await;
    assert_eq!(ledger.insert(&row(ROWS), &Step::Patient, &entry(0)).await.unwrap(), None);
    drop(ledger);
    assert_eq!(folder.lines(), 2 + ROWS);
    assert_eq!(folder.open().await.entries(&row(ROWS)).await.unwrap(), [(Step::Patient, entry(0))]);
}

#[tokio::test]
async fn is_compacted_only_if_at_least_64_records_and_more_than_half_are_superseded() {
    for (rows, replacements, is_compacted) in [(1, 63, false), (1, 64, true), (65, 1, false), (33, 2, true)] {
        let folder = LedgerFolder::new();
        let ledger = folder.open().await;
        for number in 0..rows {
            write(&ledger, &row(number), &Step::Patient, replacements).await;
        }
        drop(ledger);
        drop(folder.open().await);
        let records = if is_compacted { rows } else { rows * (replacements as usize + 1) };
        assert_eq!(folder.lines(), 1 + records, "{rows} rows, {replacements} replacements");
    }
}

#[tokio::test]
async fn debug_hides_row_keys_and_paths() {
    let folder = LedgerFolder::new();
    let (memory, file) = (MemoryLedger::new(), folder.open().await);
    for ledger in [&memory as &dyn Ledger, &file] {
        ledger.insert(&RowKey::new("canary"), &Step::Patient, &entry(0)).await.unwrap();
    }
    let text = format!("{memory:?} {file:?} {file:#?}");
    assert!(!text.contains("canary") && !text.contains(folder.0.path().to_str().unwrap()), "{text}");
}
