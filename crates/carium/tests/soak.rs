//! A long load on one client: its memory stays flat, its connections are reused, and nothing is left when it is dropped.
//!
//! The service runs in a runtime of its own, so that the tasks of the client's runtime are those of the client alone.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use carium::{Carium, Credentials, Method};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The number of calls at a time.
const CONCURRENCY: usize = 8;

/// Responds to every request.
async fn serve(mut socket: TcpStream) {
    let mut received = Vec::new();
    while socket.read_buf(&mut received).await.is_ok_and(|bytes| bytes > 0) {
        let text = String::from_utf8_lossy(&received);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() < length.map_or(0, |length| length.parse().unwrap()) {
            continue;
        }
        let body = if head.contains("/login") { r#"{"access-token":"token"}"# } else { r#"{"data":[]}"# };
        let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        socket.write_all(response.as_bytes()).await.unwrap();
        received.clear();
    }
}

/// Returns the resident memory of this process in KiB.
fn resident_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn soak(calls: usize) {
    let service = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = service.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let accepted = Arc::clone(&connections);
    service.spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            accepted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(socket));
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let files = open_files();
    runtime.block_on(async {
        let carium = Carium::builder().base_url(&url);
        let carium = carium.credentials(Credentials::new("username", "password").unwrap()).build().unwrap();
        let run = async |calls: usize| {
            let tasks = (0..CONCURRENCY).map(|_| {
                let carium = carium.clone();
                tokio::spawn(async move {
                    for _ in 0..calls / CONCURRENCY {
                        carium.request(Method::GET, "/caredb/v1/org-practitioners/").send().await.unwrap();
                    }
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
        };
        run(calls / 4).await;
        let warm = resident_memory();
        run(calls - calls / 4).await;
        let grown = resident_memory().saturating_sub(warm);
        // A leak of 100 bytes per call would be more, from 100,000 calls on.
        assert!(grown < 8 * 1024, "the memory has grown by {grown} KiB in {calls} calls");
        let connections = connections.load(Ordering::Relaxed);
        assert!(connections <= CONCURRENCY + 1, "{connections} connections for {calls} calls");
        drop(carium);
        // The connections close when the client's pool is gone.
        for _ in 0..500 {
            if tokio::runtime::Handle::current().metrics().num_alive_tasks() == 0
                && open_files() <= files + connections
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0, "tasks are left");
    });
    drop(runtime);
    drop(service);
    assert!(open_files() <= files, "{} files are open instead of {files}", open_files());
}

#[test]
fn client_is_flat_and_leaves_nothing() {
    soak(4_000);
}

/// As many calls as an hour with almost 140 calls per second.
#[test]
#[ignore = "takes minutes; `cargo xtask ci --full` runs it"]
fn client_is_flat_and_leaves_nothing_in_half_a_million_calls() {
    soak(500_000);
}
