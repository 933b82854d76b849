//! That memory does not grow with a file. A test of its own, as it is the process that is measured.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{self, Read};

use carium_bulk::rows::{RowFormat, RowOptions, Rows, Salt};
use futures_util::StreamExt as _;

/// The most memory that this process had, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A line of 50 MB, and then short ones.
fn lines() -> impl Read + Send {
    Read::chain(io::repeat(b'a').take(50_000_000), io::Cursor::new("\n{}\n".repeat(100_000)))
}

#[tokio::test]
async fn a_long_line_and_many_lines_take_no_more_than_short_ones() {
    let before = peak();
    let rows = Rows::from_reader(lines(), RowFormat::Ndjson, RowOptions::new(), Salt::new([1; 32])).await;
    let wrong = rows.unwrap().filter(|row| std::future::ready(row.is_err())).count().await;
    assert_eq!(wrong, 100_001);
    let grown = peak() - before;
    assert!(grown < 16 * 1024, "{grown} KiB");
}
