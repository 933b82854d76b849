//! Chaos tests: the program onboards a file over a connection that fails in every way, while it is killed, while the
//! service, the disk and the database fail. Then the books of both sides must balance.
//!
//! A seed gives the faults and events. `cargo xtask chaos` runs many seeds; `--seed` runs one again.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints a table"
)]
#![allow(clippy::cast_possible_truncation, reason = "the numbers are those of small tests")]

mod balance;
mod clinic;
mod kills;
mod plan;
#[path = "../../../carium-bulk/tests/support/postgres.rs"]
mod postgres;
mod proxy;
mod run;
#[path = "../support/mod.rs"]
mod support;

use std::env;
use std::io::{self, Write as _};

use futures_util::stream::{self, StreamExt as _};

use self::postgres::PostgresServer;
use self::run::{Totals, run_seed};

/// Prints a message that the test harness does not capture, so that it is visible when the test passes.
fn report(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}

fn variable(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn books_balance_with_sqlite() {
    run_seeds(0..3, 8, false).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs the seeds of `cargo xtask chaos`"]
async fn books_balance_with_given_seeds() {
    let (first, seeds) = (variable("CHAOS_SEED", 0), variable("CHAOS_SEEDS", 20));
    let (rows, postgres) = (variable("CHAOS_ROWS", 20), variable("CHAOS_POSTGRES", 0));
    run_seeds(first..first + seeds, rows as usize, postgres == 1).await;
}

/// The number of runs at a time. They mostly wait.
const CONCURRENT_RUNS: usize = 12;

/// Runs seeds and prints the closing table. Fails with the plans of the seeds that do not balance.
async fn run_seeds(seeds: std::ops::Range<u64>, rows: usize, has_server: bool) {
    let runs = stream::iter(seeds).map(async |seed| {
        let server = if has_server { Some(PostgresServer::start()?) } else { None };
        Some(run_seed(seed, rows, server).await)
    });
    let mut runs = std::pin::pin!(runs.buffer_unordered(CONCURRENT_RUNS));
    let mut totals = Totals::default();
    let mut failures = Vec::new();
    while let Some(seed) = runs.next().await {
        // Without a server, a message was printed.
        let Some(seed) = seed else { return };
        if !seed.is_ok() {
            report(&seed.to_string());
            failures.push(seed.to_string());
        }
        totals.add(seed);
    }
    report(&format!("\n{totals}"));
    assert!(failures.is_empty(), "{} seeds failed:\n{}", failures.len(), failures.join("\n"));
}
