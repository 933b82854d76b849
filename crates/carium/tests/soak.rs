//! A long load of calls, uploads, downloads and renewals of the token on one client: its memory stays flat, its connections
//! are reused, and nothing is left when it is dropped.
//!
//! The service runs in a runtime of its own, so that the tasks of the client's runtime are those of the client alone.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints figures"
)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use carium::documents::{DocumentReferenceId, DownloadRequest, NewDocument, UploadSource};
use carium::{Carium, Credentials, Method};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The number of calls at a time.
const CONCURRENCY: usize = 8;

/// The number of calls for each document that is uploaded and downloaded.
const CALLS_PER_DOCUMENT: usize = 50;
/// The number of requests with a token for each one that is rejected.
const REQUESTS_PER_REJECTION: usize = 1000;
const ID: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";

/// The service and the object store.
#[derive(Default)]
struct Service {
    url: String,
    connections: AtomicUsize,
    sign_ins: AtomicUsize,
    requests: AtomicUsize,
}

impl Service {
    async fn serve(&self, mut socket: TcpStream) {
        let mut received = Vec::new();
        while socket.read_buf(&mut received).await.is_ok_and(|bytes| bytes > 0) {
            let text = String::from_utf8_lossy(&received);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let lower_case = head.to_lowercase();
            let length = lower_case.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() < length.map_or(0, |length| length.parse().unwrap()) {
                continue;
            }
            let (status, body) = self.respond(head, lower_case.contains("\r\nauthorization: "));
            let length = body.len();
            let response = format!("HTTP/1.1 {status} Example\r\ncontent-length: {length}\r\n\r\n{body}");
            socket.write_all(response.as_bytes()).await.unwrap();
            received.clear();
        }
    }

    /// Returns the status and the body of the response.
    fn respond(&self, head: &str, has_token: bool) -> (u16, String) {
        let reference = |attributes: String| {
            format!(
                r#"{{"data":{{"id":"{ID}","type":"org-document-references","attributes":{attributes}}}}}"#
            )
        };
        let (url, path) = (&self.url, head.split(' ').nth(1).unwrap());
        if has_token && self.requests.fetch_add(1, Ordering::Relaxed) % REQUESTS_PER_REJECTION == 500 {
            return (401, "{}".to_owned());
        }
        match path.rsplit('/').find(|part| !part.is_empty()).unwrap() {
            "login" => {
                self.sign_ins.fetch_add(1, Ordering::Relaxed);
                (200, r#"{"access-token":"token"}"#.to_owned())
            }
            "org-document-references" => {
                let form = format!(r#"{{"upload-url":"{url}/upload","upload-data":{{"key":"letter"}}}}"#);
                (201, reference(format!(r#"{{"upload-info":{form}}}"#)))
            }
            "get-download-info" => (200, reference(format!(r#"{{"download-url":"{url}/letter"}}"#))),
            "upload" => (204, String::new()),
            "letter" => (200, "letter".repeat(1000)),
            _ => (200, r#"{"data":[]}"#.to_owned()),
        }
    }
}

async fn upload_and_download(carium: &Carium, folder: &Path) {
    let document = NewDocument::builder().organization(ID.parse().unwrap()).patient(ID.parse().unwrap());
    let document = document.class(ID.parse().unwrap()).name("Letter").description("").file_name("letter.txt");
    let source = UploadSource::bytes(vec![b'a'; 20_000]);
    carium.uploads().upload(document.build().unwrap(), source).await.unwrap();
    let id: DocumentReferenceId = ID.parse().unwrap();
    let target = folder.join(format!("{:?}", tokio::task::id()));
    carium.downloads().to_path(DownloadRequest::new(id).overwrite(), target).await.unwrap();
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
    let state = Arc::new(Service { url: url.clone(), ..Service::default() });
    let accepting = Arc::clone(&state);
    service.spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            accepting.connections.fetch_add(1, Ordering::Relaxed);
            let state = Arc::clone(&accepting);
            tokio::spawn(async move { state.serve(socket).await });
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let files = open_files();
    runtime.block_on(async {
        let carium = Carium::builder().base_url(&url);
        let carium = carium.credentials(Credentials::new("username", "password").unwrap());
        let carium = carium.token_lifetime(Duration::from_secs(1)).build().unwrap();
        let run = async |calls: usize| {
            let tasks = (0..CONCURRENCY).map(|_| {
                let (carium, folder) = (carium.clone(), folder.path().to_owned());
                tokio::spawn(async move {
                    for call in 0..calls / CONCURRENCY {
                        if call % CALLS_PER_DOCUMENT == 0 {
                            upload_and_download(&carium, &folder).await;
                        }
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
        let [connections, sign_ins] =
            [&state.connections, &state.sign_ins].map(|count| count.load(Ordering::Relaxed));
        println!("{calls} calls: {connections} connections, {sign_ins} sign-ins, {grown} KiB more");
        // Calls, creations and transfers have connections of their own. Those of creations are not reused after a pause.
        assert!(connections <= 6 * CONCURRENCY + calls / 2000, "{connections} connections for {calls} calls");
        assert!(sign_ins > calls / REQUESTS_PER_REJECTION, "{sign_ins} sign-ins for {calls} calls");
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
