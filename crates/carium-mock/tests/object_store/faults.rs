//! What goes wrong does so at the exact place, and only there.

use std::time::Duration;

use carium_mock::object_store::{Object, ObjectStore, StoreFault, StoreResponse};
use tokio::io::AsyncWriteExt as _;

use crate::support::{bytes, client, connect, get_head, hear, send, split, try_send, until, upload};

const HOUR: Duration = Duration::from_hours(1);

/// A store in which each call goes wrong like this.
async fn faulty(fault: StoreFault) -> ObjectStore {
    let store = ObjectStore::start().await.unwrap();
    store.set_faults(move |_, _| Some(fault.clone()));
    store
}

#[tokio::test]
async fn a_fault_is_asked_for_with_the_call_and_its_number_among_those_of_its_method() {
    let store = ObjectStore::start().await.unwrap();
    store.put("b", "content 1");
    store.set_faults(|call, nth| {
        let second_get = call.method == "GET" && call.key.as_deref() == Some("b") && nth == 1;
        second_get.then(|| StoreFault::error(503, "SlowDown", "Please reduce your request rate."))
    });
    let link = store.presign_get("b", HOUR);
    for status in [200, 503, 200] {
        assert_eq!(send(client().get(&link)).await.status, status);
        assert_eq!(upload(&store, "content 1").send().await.status, 204);
    }
    store.set_faults(|_, _| Some(StoreFault::LostResponse));
    store.clear_faults();
    assert_eq!(send(client().get(&link)).await.status, 200);
}

#[tokio::test]
async fn another_answer_is_given_and_nothing_done() {
    let answer =
        StoreResponse::new(500).with_header("retry-after", "7").with_header("b d", "").with_body("sorry");
    let store = faulty(StoreFault::Status(answer)).await;
    let upload = upload(&store, bytes(3_000_000));
    let link = store.presign_get("a/1", HOUR);
    for answer in [upload.send().await, send(client().get(&link)).await] {
        assert_eq!((answer.status, answer.text().as_str()), (500, "sorry"));
        assert_eq!(answer.header("retry-after"), Some("7"));
    }
    let call = &store.calls()[0];
    assert_eq!((call.body_read, call.status), (upload.body().len() as u64, Some(500)));
    assert_eq!(call.key.as_deref(), Some("a/1"));
    assert_eq!(store.keys(), Vec::<String>::new());

    let store = faulty(StoreFault::error(503, "SlowDown", "Less < more")).await;
    let answer = send(client().get(store.presign_get("a/1", HOUR))).await;
    answer.refuses(503, "SlowDown", "Less ");
}

#[tokio::test]
async fn an_answer_can_come_before_the_body() {
    let store = faulty(StoreFault::Status(StoreResponse::new(503).at_once())).await;
    let upload = upload(&store, bytes(3_000_000));
    let mut stream = connect(&store, upload.head()).await;
    let (answer, _) = hear(&mut stream, 1).await;
    assert!(answer.starts_with(b"HTTP/1.1 503 "));
    // It goes on reading: who does not listen while sending gets the answer too.
    stream.write_all(&upload.body()).await.unwrap();
    assert_eq!(hear(&mut stream, usize::MAX).await, (Vec::new(), true));
    assert_eq!((store.calls()[0].body_read, store.calls()[0].status), (0, Some(503)));
    assert_eq!(upload.send().await.status, 503);
    assert_eq!(store.keys(), Vec::<String>::new());
}

#[tokio::test]
async fn an_upload_is_cut_after_so_many_bytes() {
    let length = upload(&ObjectStore::start().await.unwrap(), bytes(1_000_000)).body().len() as u64;
    for (most, read) in [(0, 0), (1, 1), (500_000, 500_000), (length, length), (length + 1, length)] {
        let store = faulty(StoreFault::ResetAfter(most)).await;
        assert!(try_send(upload(&store, bytes(1_000_000)).request()).await.is_err());
        let call = &store.calls()[0];
        assert_eq!((call.body_read, call.status), (read, None), "{most}");
        assert_eq!(store.keys(), Vec::<String>::new());
    }
    // Also one that is refused before so much was read.
    let store = faulty(StoreFault::ResetAfter(500_000)).await;
    let mut upload = upload(&store, bytes(1_000_000));
    upload.drop_field("policy");
    assert!(try_send(upload.request()).await.is_err());
    assert_eq!(store.calls()[0].body_read, 500_000);
}

#[tokio::test]
async fn an_upload_is_met_with_silence_after_so_many_bytes() {
    let store = faulty(StoreFault::StallAfter(5000)).await;
    let upload = upload(&store, bytes(10_000));
    let mut stream = connect(&store, [upload.head().into_bytes(), upload.body()].concat()).await;
    until(|| store.calls().first().is_some_and(|call| call.body_read == 5000)).await;
    assert_eq!(hear(&mut stream, 0).await, (Vec::new(), false));
    assert_eq!((store.calls()[0].body_read, store.calls()[0].status), (5000, None));
    assert_eq!(store.keys(), Vec::<String>::new());
}

#[tokio::test]
async fn an_answer_is_lost_and_what_was_asked_done() {
    let store = faulty(StoreFault::LostResponse).await;
    let mut upload = upload(&store, "content 1");
    assert!(try_send(upload.request()).await.is_err());
    assert_eq!(store.object("a/1").unwrap().content(), "content 1");
    assert_eq!(store.calls()[0].status, None);
    assert!(try_send(client().get(store.presign_get("a/1", HOUR))).await.is_err());
    // What is not in order is not stored for all that.
    upload.files[0] = b"content 2".to_vec();
    upload.add("tagging", "a");
    assert!(try_send(upload.request()).await.is_err());
    assert_eq!(store.object("a/1").unwrap().content(), "content 1");
}

#[tokio::test]
async fn a_download_ends_after_so_many_bytes() {
    let content = bytes(4_000_000);
    for (most, cut) in
        [(0, true), (1, true), (65_536, true), (3_000_001, true), (0, false), (3_000_001, false)]
    {
        let fault = if cut { StoreFault::ResetAfter(most) } else { StoreFault::StallAfter(most) };
        let store = faulty(fault).await;
        store.put("a/1", content.clone());
        let link = store.presign_get("a/1", HOUR);
        let mut stream = connect(&store, get_head(&store, &link)).await;
        // The answer's head is longer than 100 bytes.
        let enough = if cut { usize::MAX } else { usize::try_from(most).unwrap() + 100 };
        let (answer, ended) = hear(&mut stream, enough).await;
        let (head, body) = split(&answer);
        assert!(head.starts_with("http/1.1 200 ") && head.contains("content-length: 4000000\r\n"), "{head}");
        assert!(body == content[..usize::try_from(most).unwrap()], "{} bytes, not {most}", body.len());
        assert_eq!(ended, cut, "{most}");
        if cut {
            assert!(try_send(client().get(&link)).await.is_err());
        }
    }
}

#[tokio::test]
async fn a_download_that_nobody_reads_is_cut_where_it_should_be_all_the_same() {
    // More than the kernel takes, so that writing waits for the reader when the fault is due.
    let content = bytes(20_000_000);
    let store = faulty(StoreFault::ResetAfter(19_000_000)).await;
    store.put("a/1", content.clone());
    let mut stream = connect(&store, get_head(&store, &store.presign_get("a/1", HOUR))).await;
    until(|| !store.calls().is_empty()).await;
    tokio::time::sleep(crate::support::A_WHILE).await;
    let (answer, ended) = hear(&mut stream, usize::MAX).await;
    assert!(split(&answer).1 == content[..19_000_000] && ended);
}

#[tokio::test]
async fn a_range_is_ignored() {
    let store = faulty(StoreFault::IgnoreRange).await;
    store.put("a/1", "content 1");
    for range in ["bytes=2-4", "bytes=99-"] {
        let answer = send(client().get(store.presign_get("a/1", HOUR)).header("range", range)).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "content 1"));
        assert_eq!(answer.header("content-range"), None);
    }
}

#[tokio::test]
async fn one_bit_is_wrong() {
    let store = faulty(StoreFault::Corrupt).await;
    store.put("a/1", "content 1");
    let link = store.presign_get("a/1", HOUR);
    let answer = send(client().get(&link)).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "contdnt 1"));
    assert_eq!(answer.header("etag"), Some(store.object("a/1").unwrap().etag()));
    store.clear_faults();
    assert_eq!(send(client().get(&link)).await.text(), "content 1");
}

#[tokio::test]
async fn an_object_changes() {
    let store = ObjectStore::start().await.unwrap();
    store.put("a/1", "content 1");
    let link = store.presign_get("a/1", HOUR);
    let etag = store.object("a/1").unwrap().etag().to_owned();
    store.set_faults(|_, nth| (nth == 1).then(|| StoreFault::Changed(Object::new("content 2, longer"))));
    for body in ["tent 1", "content 2, longer", "content 2, longer"] {
        let request = client().get(&link).header("range", "bytes=3-").header("if-range", &etag);
        assert_eq!(send(request).await.text(), body);
    }
    assert_ne!(store.object("a/1").unwrap().etag(), etag);
}

#[tokio::test]
async fn faults_of_downloads_do_nothing_to_uploads() {
    for fault in [StoreFault::Corrupt, StoreFault::IgnoreRange, StoreFault::Changed(Object::new("other"))] {
        let store = faulty(fault).await;
        assert_eq!(upload(&store, "content 1").send().await.status, 204);
        assert_eq!(store.object("a/1").unwrap().content(), "content 1");
    }
}
