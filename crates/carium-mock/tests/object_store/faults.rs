//! Injected faults take effect at the exact byte and have no other effects.

use std::time::Duration;

use carium_mock::object_store::ObjectStore;
use carium_mock::{Fault, FaultResponse};
use tokio::io::AsyncWriteExt as _;

use crate::support::{
    client, connect, get_head, read_until_quiet, send, split_head, try_send, upload, varied_bytes, wait_until,
};

const HOUR: Duration = Duration::from_secs(3600);

/// Starts a store that injects these faults.
async fn store_with_faults(faults: impl IntoIterator<Item = Fault>) -> ObjectStore {
    let store = ObjectStore::start().await.unwrap();
    store.set_faults(faults);
    store
}

#[tokio::test]
async fn uploads_and_downloads_are_counted_separately() {
    let slow_down = FaultResponse::s3_error(503, "SlowDown", "Please reduce your request rate.");
    let store = store_with_faults([Fault::on_download().call(2).respond(slow_down)]).await;
    store.put("b", "content 1");
    let link = store.presign_get("b", HOUR);
    for status in [200, 503, 200] {
        assert_eq!(send(client().get(&link)).await.status, status);
        assert_eq!(upload(&store, "content 1").send().await.status, 204);
    }
    store.set_faults([Fault::on_download().every_call().lose_response()]);
    store.clear_faults();
    assert_eq!(send(client().get(&link)).await.status, 200);
}

#[tokio::test]
async fn respond_fault_replaces_response_and_stores_nothing() {
    let response = FaultResponse::status(500).header("retry-after", "7").header("b d", "").body("injected");
    let faults = [Fault::on_upload().respond(response.clone()), Fault::on_download().respond(response)];
    let store = store_with_faults(faults).await;
    let upload = upload(&store, varied_bytes(3_000_000));
    let link = store.presign_get("a/1", HOUR);
    for response in [upload.send().await, send(client().get(&link)).await] {
        assert_eq!((response.status, response.text().as_str()), (500, "injected"));
        assert_eq!(response.header("retry-after"), Some("7"));
    }
    let call = &store.calls()[0];
    assert_eq!((call.body_bytes_read, call.status), (upload.body().len() as u64, Some(500)));
    assert_eq!(call.key.as_deref(), Some("a/1"));
    assert_eq!(store.keys(), Vec::<String>::new());

    let response = FaultResponse::s3_error(503, "SlowDown", "Less < more");
    let store = store_with_faults([Fault::on_download().respond(response)]).await;
    let response = send(client().get(store.presign_get("a/1", HOUR))).await;
    response.assert_error(503, "SlowDown", "Less ");
}

#[tokio::test]
async fn response_can_be_sent_before_the_body_is_read() {
    let store = store_with_faults([Fault::on_upload().every_call().respond_early(503)]).await;
    let upload = upload(&store, varied_bytes(3_000_000));
    let mut stream = connect(&store, upload.head()).await;
    let (response, _) = read_until_quiet(&mut stream, 1).await;
    assert!(response.starts_with(b"HTTP/1.1 503 "));
    // The store continues reading, so a client that sends its whole body first also receives the response.
    stream.write_all(&upload.body()).await.unwrap();
    assert_eq!(read_until_quiet(&mut stream, usize::MAX).await, (Vec::new(), true));
    assert_eq!((store.calls()[0].body_bytes_read, store.calls()[0].status), (0, Some(503)));
    assert_eq!(upload.send().await.status, 503);
    assert_eq!(store.keys(), Vec::<String>::new());
}

#[tokio::test]
async fn reset_after_closes_upload_at_exact_byte() {
    let length = upload(&ObjectStore::start().await.unwrap(), varied_bytes(1_000_000)).body().len() as u64;
    for (limit, read) in [(0, 0), (1, 1), (500_000, 500_000), (length, length), (length + 1, length)] {
        let store = store_with_faults([Fault::on_upload().reset_after(limit)]).await;
        assert!(try_send(upload(&store, varied_bytes(1_000_000)).request()).await.is_err());
        let call = &store.calls()[0];
        assert_eq!((call.body_bytes_read, call.status), (read, None), "{limit}");
        assert_eq!(store.keys(), Vec::<String>::new());
    }
    // The same applies to an upload that is rejected before the limit is reached.
    let store = store_with_faults([Fault::on_upload().reset_after(500_000)]).await;
    let mut upload = upload(&store, varied_bytes(1_000_000));
    upload.drop_field("policy");
    assert!(try_send(upload.request()).await.is_err());
    assert_eq!(store.calls()[0].body_bytes_read, 500_000);
}

#[tokio::test]
async fn hang_after_stops_reading_upload_at_exact_byte() {
    let store = store_with_faults([Fault::on_upload().hang_after(5000)]).await;
    let upload = upload(&store, varied_bytes(10_000));
    let mut stream = connect(&store, [upload.head().into_bytes(), upload.body()].concat()).await;
    wait_until(|| store.calls().first().is_some_and(|call| call.body_bytes_read == 5000)).await;
    assert_eq!(read_until_quiet(&mut stream, 0).await, (Vec::new(), false));
    assert_eq!((store.calls()[0].body_bytes_read, store.calls()[0].status), (5000, None));
    assert_eq!(store.keys(), Vec::<String>::new());
}

#[tokio::test]
async fn lost_response_fault_stores_valid_uploads_only() {
    let faults =
        [Fault::on_upload().every_call().lose_response(), Fault::on_download().every_call().lose_response()];
    let store = store_with_faults(faults).await;
    let mut upload = upload(&store, "content 1");
    assert!(try_send(upload.request()).await.is_err());
    assert_eq!(store.object("a/1").unwrap().content(), "content 1");
    assert_eq!(store.calls()[0].status, None);
    assert!(try_send(client().get(store.presign_get("a/1", HOUR))).await.is_err());
    // An invalid upload is not stored.
    upload.files[0] = b"content 2".to_vec();
    upload.add("tagging", "a");
    assert!(try_send(upload.request()).await.is_err());
    assert_eq!(store.object("a/1").unwrap().content(), "content 1");
}

#[tokio::test]
async fn reset_and_hang_end_download_at_exact_byte() {
    let content = varied_bytes(4_000_000);
    for (limit, is_reset) in
        [(0, true), (1, true), (65_536, true), (3_000_001, true), (0, false), (3_000_001, false)]
    {
        let on = || Fault::on_download().every_call();
        let fault = if is_reset { on().reset_after(limit) } else { on().hang_after(limit) };
        let store = store_with_faults([fault]).await;
        store.put("a/1", content.clone());
        let link = store.presign_get("a/1", HOUR);
        let mut stream = connect(&store, get_head(&store, &link)).await;
        // The head of the response is longer than 100 bytes.
        let at_least = if is_reset { usize::MAX } else { usize::try_from(limit).unwrap() + 100 };
        let (response, is_closed) = read_until_quiet(&mut stream, at_least).await;
        let (head, body) = split_head(&response);
        assert!(head.starts_with("http/1.1 200 ") && head.contains("content-length: 4000000\r\n"), "{head}");
        assert!(
            body == content[..usize::try_from(limit).unwrap()],
            "{} bytes instead of {limit}",
            body.len()
        );
        assert_eq!(is_closed, is_reset, "{limit}");
        if is_reset {
            assert!(try_send(client().get(&link)).await.is_err());
        }
    }
}

#[tokio::test]
async fn reset_after_is_exact_if_client_reads_late() {
    // The content is larger than the socket buffers, so the store is still writing when the client starts reading.
    let content = varied_bytes(20_000_000);
    let store = store_with_faults([Fault::on_download().reset_after(19_000_000)]).await;
    store.put("a/1", content.clone());
    let mut stream = connect(&store, get_head(&store, &store.presign_get("a/1", HOUR))).await;
    wait_until(|| !store.calls().is_empty()).await;
    tokio::time::sleep(crate::support::QUIET_PERIOD).await;
    let (response, is_closed) = read_until_quiet(&mut stream, usize::MAX).await;
    assert!(split_head(&response).1 == content[..19_000_000] && is_closed);
}

#[tokio::test]
async fn ignore_range_returns_whole_object() {
    let store = store_with_faults([Fault::on_download().every_call().ignore_range()]).await;
    store.put("a/1", "content 1");
    for range in ["bytes=2-4", "bytes=99-"] {
        let response = send(client().get(store.presign_get("a/1", HOUR)).header("range", range)).await;
        assert_eq!((response.status, response.text().as_str()), (200, "content 1"));
        assert_eq!(response.header("content-range"), None);
    }
}

#[tokio::test]
async fn corrupt_flips_one_bit() {
    let store = store_with_faults([Fault::on_download().every_call().corrupt()]).await;
    store.put("a/1", "content 1");
    let link = store.presign_get("a/1", HOUR);
    let response = send(client().get(&link)).await;
    assert_eq!((response.status, response.text().as_str()), (200, "contdnt 1"));
    assert_eq!(response.header("etag"), Some(store.object("a/1").unwrap().etag()));
    store.clear_faults();
    assert_eq!(send(client().get(&link)).await.text(), "content 1");
}

#[tokio::test]
async fn replace_file_replaces_content_before_download() {
    let store = ObjectStore::start().await.unwrap();
    store.put("a/1", "content 1");
    let link = store.presign_get("a/1", HOUR);
    let etag = store.object("a/1").unwrap().etag().to_owned();
    store.set_faults([Fault::on_download().call(2).replace_file("content 2, longer")]);
    for body in ["tent 1", "content 2, longer", "content 2, longer"] {
        let request = client().get(&link).header("range", "bytes=3-").header("if-range", &etag);
        assert_eq!(send(request).await.text(), body);
    }
    assert_ne!(store.object("a/1").unwrap().etag(), etag);
}

#[tokio::test]
async fn download_faults_do_not_affect_uploads() {
    let on = || Fault::on_download().every_call();
    for fault in [on().corrupt(), on().ignore_range(), on().replace_file("other")] {
        let store = store_with_faults([fault]).await;
        assert_eq!(upload(&store, "content 1").send().await.status, 204);
        assert_eq!(store.object("a/1").unwrap().content(), "content 1");
    }
}
