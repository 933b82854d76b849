//! Checks that memory use does not grow with the file. It is a separate test because it measures the whole process.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{self, Read};

use carium_bulk::rows::{RowFormat, RowOptions, Rows, Salt};
use futures_util::StreamExt as _;

/// Returns the peak memory of this process in KiB.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Returns a line of 50 MB, followed by 100,000 short ones.
fn lines() -> impl Read + Send {
    Read::chain(io::repeat(b'a').take(50_000_000), io::Cursor::new("\n{}\n".repeat(100_000)))
}

#[tokio::test]
async fn memory_does_not_grow_with_long_lines_or_many_lines() {
    let before = peak_memory();
    let rows = Rows::from_reader(lines(), RowFormat::Ndjson, RowOptions::new(), Salt::new([1; 32])).await;
    let invalid = rows.unwrap().filter(|row| std::future::ready(row.is_err())).count().await;
    assert_eq!(invalid, 100_001);
    let growth = peak_memory() - before;
    assert!(growth < 16 * 1024, "memory grew by {growth} KiB");
}
