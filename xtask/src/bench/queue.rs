//! Measures the queue of rows against that of another revision: rows are submitted to a SQLite file, and processed with a
//! service that responds at once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Goal, Pairs, Usage, build, callgrind, children_cpu, output};

const ROWS: u32 = 30_000;

/// The tasks of the program, and the largest ratio that each should have.
const TASKS: [(&str, &str, Goal); 2] = [
    ("submit 30,000 rows to a queue file", "submit", Goal::Wall(1.0)),
    ("process 30,000 rows of a queue file", "work", Goal::Wall(0.33)),
];

/// Measures each task in pairs with the program of `revision`.
pub(super) fn compare(root: &Path, folder: &Path, revision: &str, pairs: usize) -> Result<String, String> {
    let own = build(root, "carium-bulk", "bulk")?;
    let checkout = checkout(root, folder, revision)?;
    let base = build(&checkout, "carium-bulk", "bulk")?;
    let mut table = String::new();
    for (name, task, goal) in TASKS {
        let mut measured = Vec::new();
        for index in 0..pairs {
            let run = |is_base: bool| run(if is_base { &base } else { &own }, folder, task);
            let first = run(index % 2 == 0)?;
            let second = run(index % 2 == 1)?;
            measured.push(if index % 2 == 0 { (second, first) } else { (first, second) });
        }
        table.push_str(&Pairs(measured).line(name, goal));
    }
    Ok(table)
}

/// Checks out a revision, and returns its folder.
fn checkout(root: &Path, folder: &Path, revision: &str) -> Result<PathBuf, String> {
    let checkout = folder.join("base");
    let path = checkout.to_str().ok_or("the path of the target folder is not valid UTF-8")?;
    // Fails if there is none.
    let _ = output(Command::new("git").args(["worktree", "remove", "--force", path]).current_dir(root));
    output(
        Command::new("git")
            .args(["worktree", "add", "--force", "--detach", path, revision])
            .current_dir(root),
    )?;
    Ok(checkout)
}

/// Runs a task with a new queue.
fn run(program: &Path, folder: &Path, task: &str) -> Result<Usage, String> {
    let folder = Folder::create(folder, ROWS)?;
    if task != "submit" {
        measure(program, &folder, "submit")?;
    }
    measure(program, &folder, task)
}

/// Returns the instructions to process one row.
pub(super) fn instructions(root: &Path, folder: &Path) -> Result<usize, String> {
    const COUNTS: [u32; 2] = [300, 2300];
    let program = build(root, "carium-bulk", "bulk")?;
    let [few, many] = COUNTS.map(|rows| {
        let folder = Folder::create(folder, rows)?;
        measure(&program, &folder, "submit")?;
        callgrind(&program, &["measure", "work", &folder.0.display().to_string()])
    });
    Ok(many?.saturating_sub(few?) / (COUNTS[1] - COUNTS[0]) as usize)
}

/// A folder with a file of rows. Its queue is created by the first task.
struct Folder(PathBuf, u32);

impl Folder {
    fn create(parent: &Path, rows: u32) -> Result<Self, String> {
        let folder = parent.join("queue");
        // Fails if there is none.
        let _ = fs::remove_dir_all(&folder);
        let text: String = (0..rows).map(row).collect();
        let write = || fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("rows.ndjson"), text));
        write().map_err(|error| format!("could not write to {}: {error}", folder.display()))?;
        Ok(Self(folder, rows))
    }
}

/// Runs a task, and checks that it processed all rows.
fn measure(program: &Path, Folder(folder, rows): &Folder, task: &str) -> Result<Usage, String> {
    let (cpu, text) = (children_cpu()?, output(Command::new(program).args(["measure", task]).arg(folder))?);
    let [count, seconds, kibibytes] = text.split_whitespace().collect::<Vec<_>>()[..] else {
        return Err(format!("{task} printed `{text}`"));
    };
    if count.parse() != Ok(*rows) {
        return Err(format!("{task} processed {count} rows instead of {rows}"));
    }
    let number = |text: &str| text.parse::<f64>().map_err(|error| format!("{task} printed {text}: {error}"));
    let peak = Some(number(kibibytes)? / 1024.0);
    Ok(Usage { wall: number(seconds)?, cpu: children_cpu()? - cpu, peak })
}

fn row(number: u32) -> String {
    format!(
        r#"{{"first-name":"Zoë","last-name":"O'Hara","birth-date":"1984-02-29","gender":"female","email":"zoe{number}@example.com","organization-id":"8d25a2a6-8219-40d1-a34f-c24ec69f4f72"}}"#
    ) + "\n"
}
