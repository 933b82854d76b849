//! `cargo xtask chaos`: the chaos tests of `carium-cli` with many seeds.

use std::path::Path;

use crate::flags::Chaos;
use crate::process::Command;

const TEST: [&str; 9] =
    ["test", "--locked", "--package", "carium-cli", "--features", "postgres", "--test", "chaos", "--"];

/// Runs the seeds and prints a table of what happened.
///
/// # Errors
/// If a seed does not balance. The output has its faults and events, and the command that runs it again.
pub(crate) fn run(root: &Path, flags: &Chaos) -> Result<(), String> {
    let (first, seeds) = match flags.seed {
        Some(seed) => (seed, 1),
        None => (0, flags.seeds.unwrap_or(20)),
    };
    run_seeds(root, first, seeds, flags.rows.unwrap_or(20), flags.postgres)
}

/// Runs the tests that are too slow for every run: more seeds, the program killed at each of its requests and writes, the
/// files of a server searched for health information, and a long load on one client.
pub(crate) fn run_slow(root: &Path) -> Result<(), String> {
    run_seeds(root, 1000, 50, 20, false)?;
    run_seeds(root, 2000, 10, 20, true)?;
    let kills = ["--ignored", "--nocapture", "--skip", "given_seeds"];
    Command::new("cargo", &[&TEST[..], &kills].concat()).current_dir(root).run()?;
    let leaks = ["test", "--locked", "--package", "carium-cli", "--features", "postgres", "--test", "leaks"];
    Command::new("cargo", &leaks).current_dir(root).run()?;
    let soak = ["test", "--locked", "--package", "carium", "--test", "soak", "--", "--ignored"];
    Command::new("cargo", &soak).current_dir(root).run()
}

fn run_seeds(root: &Path, first: u64, seeds: u64, rows: u64, has_server: bool) -> Result<(), String> {
    let seeded = ["--ignored", "--nocapture", "--exact", "books_balance_with_given_seeds"];
    Command::new("cargo", &[&TEST[..], &seeded].concat())
        .current_dir(root)
        .env("CHAOS_SEED", &first.to_string())
        .env("CHAOS_SEEDS", &seeds.to_string())
        .env("CHAOS_ROWS", &rows.to_string())
        .env("CHAOS_POSTGRES", if has_server { "1" } else { "0" })
        .run()
}
