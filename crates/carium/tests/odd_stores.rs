//! Object stores with unusual or wrong responses: too early, too late, incomplete, or misdirected. Every upload ends,
//! every download is complete or an error, and no credentials or files are sent to the wrong place.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use carium::documents::{DocumentReferenceId, Downloads, UploadSource, Uploads};
use carium::{Carium, Credentials, ErrorKind, RetryPolicy};
use support::document;
use support::faulty_documents::FaultyDocuments;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

fn client() -> Carium {
    Carium::builder()
        .base_url("http://127.0.0.1:1")
        .credentials(Credentials::new("username", "password").unwrap())
        .retry_policy(RetryPolicy::default().backoff(Duration::from_millis(1), Duration::from_millis(2)))
        .transfer_idle_timeout(Duration::from_millis(500))
        .build()
        .unwrap()
}

fn uploads(url: &str) -> Uploads {
    Uploads::new(FaultyDocuments::with_fixed_url(url), Arc::clone(client().transfers()))
}

fn downloads(url: &str) -> Downloads {
    Downloads::new(FaultyDocuments::with_fixed_url(url), Arc::clone(client().transfers()))
}

fn id() -> DocumentReferenceId {
    support::ID.parse().unwrap()
}

/// Starts a store and returns its URL. When the head of a request has arrived, `serve` is called with the number of
/// the connection, counted from 0, the head in lower case, and the socket.
async fn start_store<F>(serve: impl Fn(usize, String, TcpStream) -> F + Send + Sync + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/object", listener.local_addr().unwrap());
    let serve = Arc::new(serve);
    tokio::spawn(async move {
        for number in 0.. {
            let (mut socket, _) = listener.accept().await.unwrap();
            let serve = Arc::clone(&serve);
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
                    if socket.read_buf(&mut bytes).await.unwrap_or_default() == 0 {
                        return;
                    }
                }
                serve(number, String::from_utf8_lossy(&bytes).to_lowercase(), socket).await;
            });
        }
    });
    url
}

/// Sends a response and keeps the connection open.
async fn respond(mut socket: TcpStream, response: &str) {
    // The client may have closed the connection.
    let _ = socket.write_all(response.as_bytes()).await;
    sleep(Duration::from_secs(600)).await;
}

/// Starts a store that sends the same response to every request.
async fn start_store_with(response: &'static str) -> String {
    start_store(move |_, _, socket| respond(socket, response)).await
}

#[tokio::test]
async fn success_status_before_the_whole_file_is_an_error() {
    let url = start_store_with("HTTP/1.1 204 No Content\r\n\r\n").await;
    let upload = uploads(&url).upload(document(), UploadSource::bytes(vec![1; 64 << 20]));
    let error = timeout(Duration::from_secs(30), upload).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

/// After an error status, the rest of the file is not sent and not counted in the progress.
#[tokio::test(flavor = "multi_thread")]
async fn stops_sending_after_an_early_error_status() {
    let received = Arc::new(Mutex::new(0_usize));
    let counted = Arc::clone(&received);
    let url = start_store(move |number, _, mut socket| {
        let counted = Arc::clone(&counted);
        async move {
            if number == 0 {
                let _ = socket.write_all(b"HTTP/1.1 503 Slow\r\ncontent-length: 0\r\n\r\n").await;
                sleep(Duration::from_millis(300)).await;
            }
            let mut buffer = vec![0; 1 << 16];
            let mut total = 0;
            while let Ok(read @ 1..) = socket.read(&mut buffer).await {
                total += read;
                if number == 0 {
                    *counted.lock().unwrap() = total;
                } else if total > 32 << 20 {
                    respond(socket, "HTTP/1.1 204 No Content\r\n\r\n").await;
                    return;
                }
            }
        }
    })
    .await;
    let upload = uploads(&url).upload(document(), UploadSource::bytes(vec![1; 32 << 20]));
    let handle = upload.handle();
    upload.await.unwrap();
    assert_eq!(handle.progress().bytes, 32 << 20);
    sleep(Duration::from_millis(500)).await;
    let received = *received.lock().unwrap();
    assert!(received < 24 << 20, "{received} bytes were sent after the error status");
}

#[tokio::test]
async fn does_not_wait_for_the_body_of_a_success_response() {
    let url = start_store(|_, _, mut socket| async move {
        let _ = socket.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 9000\r\n\r\n").await;
        while socket.write_all(b" ").await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    let upload = uploads(&url).upload(document(), UploadSource::bytes("file"));
    timeout(Duration::from_secs(8), upload).await.unwrap().unwrap();
}

/// Responses with a success status or a redirect to an upload, and whether they come from an object store.
#[tokio::test]
async fn only_a_success_of_an_object_store_is_an_upload() {
    let posted = "<?xml version=\"1.0\"?>\n<PostResponse><Key>canary</Key></PostResponse>";
    let html = "<html><body>canary: please sign in to the network</body></html>";
    for (status, body, is_uploaded) in [
        ("204 No Content", "", true),
        ("200 OK", "", true),
        ("201 Created", posted, true),
        ("201 Created", "", true),
        ("200 OK", html, false),
        ("201 Created", html, false),
        ("202 Accepted", "", false),
        ("203 Non-Authoritative", "", false),
        ("200 OK", "<Error><Code>InternalError</Code><Message>canary</Message></Error>", false),
        ("200 OK", posted, false),
        ("302 Found", html, false),
        ("307 Temporary Redirect", "", false),
    ] {
        let response =
            format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        let url = start_store(move |_, head, mut socket| {
            let response = response.clone();
            async move {
                // Reads the whole request, so that the connection is not reset.
                let length = head.lines().find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
                });
                let mut body = vec![0; length.unwrap_or(0)];
                let _ = timeout(Duration::from_millis(300), socket.read_exact(&mut body)).await;
                respond(socket, &response).await;
            }
        })
        .await;
        let result = uploads(&url).upload(document(), UploadSource::bytes("file")).await;
        assert_eq!(result.is_ok(), is_uploaded, "{status} {body}: {result:?}");
        if let Err(error) = result {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{status} {body}");
            assert!(!format!("{error} {error:#?}").contains("canary"), "{error}");
        }
    }
}

#[tokio::test]
async fn encoded_file_is_not_saved() {
    for (encoding, is_file) in
        [("gzip", false), ("br, identity", false), ("identity", true), ("aws-chunked", true)]
    {
        let url = start_store(move |_, _, mut socket| async move {
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: 4\r\n\r\nfile");
            let _ = socket.write_all(head.as_bytes()).await;
        })
        .await;
        let mut written = Vec::new();
        let result = downloads(&url).to_writer(id(), &mut written).await;
        assert_eq!((result.is_ok(), written.is_empty()), (is_file, !is_file), "{encoding}: {result:?}");
    }
}

#[tokio::test]
async fn rejects_urls_with_credentials() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let target = start_store(move |_, head, socket| {
        seen.lock().unwrap().push(head);
        respond(socket, "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na")
    })
    .await;
    let with_user = target.replace("http://", "http://user:canary@");
    let redirecting = {
        let with_user = with_user.clone();
        start_store(move |_, _, socket| {
            let response =
                format!("HTTP/1.1 302 Found\r\nlocation: {with_user}\r\ncontent-length: 0\r\n\r\n");
            async move { respond(socket, &response).await }
        })
        .await
    };
    for url in [with_user, redirecting] {
        let error = downloads(&url).to_writer(id(), Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undecodable);
        assert!(!format!("{error:?}").contains("canary"));
    }
    assert!(heads.lock().unwrap().is_empty());
}

#[tokio::test]
async fn follows_redirects_with_the_same_scheme_and_keeps_the_range() {
    let url = start_store(|number, head, socket| async move {
        let response = match (number, head.contains("range: bytes=2-")) {
            (0, _) => {
                "HTTP/1.1 307 Moved\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            }
            (_, true) => "HTTP/1.1 206 Partial\r\ncontent-range: bytes 2-3/4\r\ncontent-length: 2\r\n\r\ncd",
            (_, false) => "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd",
        };
        respond(socket, response).await;
    })
    .await;
    let mut written = Vec::new();
    downloads(&url).to_writer(id(), &mut written).await.unwrap();
    assert_eq!(written, b"abcd");
    let redirect = "HTTP/1.1 302 Found\r\nlocation: https://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let other_scheme = start_store_with(redirect).await;
    let error = downloads(&other_scheme).to_writer(id(), Vec::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Undecodable, Some(302)));
}

/// The store's responses on successive connections, and the expected result of the download.
#[tokio::test]
async fn never_reports_success_if_completeness_cannot_be_verified() {
    let tagged = "HTTP/1.1 200 OK\r\netag: \"one\"\r\n";
    let truncated = format!("{tagged}content-length: 10\r\n\r\nAAAAA");
    let truncated_chunked = format!("{tagged}transfer-encoding: chunked\r\n\r\n5\r\nAAAAA\r\n");
    let part = |tag: &str, total: &str| {
        format!(
            "HTTP/1.1 206 Partial\r\n{tag}content-range: bytes 5-9/{total}\r\ncontent-length: 5\r\n\r\nBBBBB"
        )
    };
    let whole = |body: &str| format!("{tagged}content-length: {}\r\n\r\n{body}", body.len());
    let table: Vec<(&str, Vec<String>, Result<&str, ErrorKind>)> = vec![
        (
            "the rest of the same version",
            vec![truncated.clone(), part("etag: \"one\"\r\n", "10")],
            Ok("AAAAABBBBB"),
        ),
        (
            "the rest without a version, then the whole",
            vec![truncated.clone(), part("", "10"), whole("AAAAACCCCC")],
            Ok("AAAAACCCCC"),
        ),
        (
            "the rest without a version, then another document",
            vec![truncated.clone(), part("", "10"), whole("DDDDDCCCCC")],
            Err(ErrorKind::Corrupt),
        ),
        (
            "the rest of another version",
            vec![truncated, part("etag: \"two\"\r\n", "10")],
            Err(ErrorKind::Corrupt),
        ),
        (
            "a length that is known only from the second response",
            vec![truncated_chunked.clone(), part("etag: \"one\"\r\n", "12"), part("etag: \"one\"\r\n", "12")],
            // Two bytes are missing, and the store sends the same range again.
            Err(ErrorKind::Undecodable),
        ),
        (
            "a range of a file whose length is unknown, then the whole",
            vec![truncated_chunked, part("etag: \"one\"\r\n", "*"), whole("AAAAABBBBBCC")],
            Ok("AAAAABBBBBCC"),
        ),
        ("no length", vec!["HTTP/1.1 200 OK\r\n\r\nAAAAA".to_owned()], Err(ErrorKind::Undecodable)),
        (
            "a coding that does not show where the file ends",
            vec!["HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\nAAAAA".to_owned()],
            Err(ErrorKind::Undecodable),
        ),
    ];
    for (label, responses, expected) in table {
        let url = start_store(move |number, _, mut socket| {
            let response = responses[number.min(responses.len() - 1)].clone();
            async move {
                let _ = socket.write_all(response.as_bytes()).await;
            }
        })
        .await;
        let mut written = Vec::new();
        let result = downloads(&url).to_writer(id(), &mut written).await;
        match (result, expected) {
            (Ok(_), Ok(content)) => assert_eq!(String::from_utf8(written).unwrap(), content, "{label}"),
            (Err(error), Err(kind)) => assert_eq!(error.kind(), kind, "{label}: {error}"),
            (result, expected) => panic!("{label}: {result:?}, not {expected:?}"),
        }
    }
}

/// A runtime that shuts down drops the background jobs. A download that waits for them must end.
#[test]
fn download_ends_when_the_runtime_shuts_down() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    let record = FaultyDocuments::healthy();
    let id = record.add_document(Bytes::from(vec![1; 20 << 20]));
    let folder = tempfile::tempdir().unwrap();
    let download = record.downloads().to_path(id, folder.path());
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(handle.block_on(download).map(drop)));
    std::thread::sleep(Duration::from_millis(20));
    runtime.shutdown_background();
    // Whether the download completed before the shutdown is not determined.
    let _ = receiver
        .recv_timeout(Duration::from_secs(20))
        .expect("the download ends after the runtime has shut down");
}
