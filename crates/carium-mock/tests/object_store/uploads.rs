//! The rules of presigned uploads. Each test case breaks exactly one rule.

use std::time::Duration;

use carium_mock::object_store::{ObjectStore, PresignPost};

use crate::support::{
    QUIET_PERIOD, Upload, advance_time, connect, read_until_quiet, split_head, upload, varied_bytes,
    wait_until,
};

type Modify = fn(&mut Upload);

/// A name, a modification of a valid upload, and a part of the expected message.
type Case = (&'static str, Modify, &'static str);

/// Modifications by the status and code of the expected error.
const INVALID_UPLOADS: &[(u16, &str, &[Case])] = &[
    (400, "EntityTooLarge", &[("file too long", |upload| upload.files[0] = vec![0; 17], "maximum")]),
    (400, "EntityTooSmall", &[("file too short", |upload| upload.files[0] = vec![0; 3], "minimum")]),
    (404, "NoSuchBucket", &[("unknown bucket", |upload| upload.url.push('s'), "does not exist")]),
    (405, "MethodNotAllowed", &[("key in the path", |upload| upload.url.push_str("/a/1"), "not allowed")]),
    (412, "PreconditionFailed", NOT_MULTIPART),
    (400, "MalformedPOSTRequest", MALFORMED),
    (400, "InvalidArgument", INVALID_ARGUMENT),
    (403, "AccessDenied", ACCESS_DENIED),
    (403, "SignatureDoesNotMatch", WRONG_SIGNATURE),
    (
        403,
        "InvalidAccessKeyId",
        &[("another access key", |upload| upload.field("x-amz-credential").insert(0, 'x'), "does not exist")],
    ),
    (
        400,
        "MaxPostPreDataLengthExceededError",
        &[("fields too long", |upload| upload.add_first("x-ignore-it", &"a".repeat(20 * 1024)), "too large")],
    ),
];

const NOT_MULTIPART: &[Case] = &[
    ("not a multipart form", |upload| upload.set_media_type("text/plain"), "pre-cond"),
    ("no media type", |upload| drop(upload.headers.remove(0)), "pre-conditions"),
];

const MALFORMED: &[Case] = &[
    ("no boundary", |upload| upload.set_media_type("multipart/form-data"), "not well-formed"),
    (
        "another boundary",
        |upload| upload.set_media_type("multipart/form-data; boundary=other"),
        "not well-formed",
    ),
    ("no last boundary", |upload| upload.ending = "\r\n", "not well-formed"),
];

const INVALID_ARGUMENT: &[Case] = &[
    (
        "Authorization header",
        |upload| upload.headers.push(("authorization", "Bearer a".to_owned())),
        "Only one auth mechanism allowed",
    ),
    ("no file", |upload| upload.files.clear(), "POST requires exactly one file upload"),
    ("two files", |upload| upload.files.push(b"content 2".to_vec()), "POST requires exactly one file upload"),
    (
        "field after the file",
        |upload| upload.after.push(("x-ignore-it".to_owned(), String::new())),
        "The file must be the last field",
    ),
    (
        "presigned field after the file",
        |upload| upload.after.extend(upload.fields.pop()),
        "a field named 'x-amz-signature'.  If it is specified, please check the order",
    ),
    ("no signature", |upload| upload.drop_field("x-amz-signature"), "a field named 'x-amz-signature'"),
    ("no credential", |upload| upload.drop_field("x-amz-credential"), "a field named 'x-amz-credential'"),
    ("no algorithm", |upload| upload.drop_field("x-amz-algorithm"), "a field named 'x-amz-algorithm'"),
    ("no date", |upload| upload.drop_field("x-amz-date"), "a field named 'x-amz-date'"),
    ("no key", |upload| upload.drop_field("key"), "a field named 'key'"),
    ("duplicate field", |upload| upload.add("acl", "private"), "more than one field named 'acl'"),
    ("fields in another order", |upload| upload.fields.swap(1, 2), "not in the order of the presigned form"),
    (
        "policy after its signature",
        |upload| upload.fields.swap(6, 7),
        "not in the order of the presigned form",
    ),
];

const ACCESS_DENIED: &[Case] = &[
    ("no policy", |upload| upload.drop_field("policy"), "Access Denied"),
    (
        "missing presigned field",
        |upload| upload.drop_field("acl"),
        "Invalid according to Policy: Policy Condition failed: [\"eq\", \"$acl\", \"private\"]",
    ),
    (
        "another key",
        |upload| upload.set("key", "a/2"),
        "Invalid according to Policy: Policy Condition failed: [\"eq\", \"$key\", \"a/1\"]",
    ),
    (
        "another media type",
        |upload| upload.set("Content-Type", "text/html"),
        "Policy Condition failed: [\"eq\", \"$Content-Type\", \"text/plain\"]",
    ),
    (
        "another date",
        |upload| upload.set("x-amz-date", "20200101T000000Z"),
        "Policy Condition failed: [\"eq\", \"$x-amz-date\"",
    ),
    (
        "another bucket",
        |upload| upload.add_first("bucket", "other"),
        "Policy Condition failed: [\"eq\", \"$bucket\"",
    ),
    (
        "field without a condition in the policy",
        |upload| upload.add("tagging", "a"),
        "Invalid according to Policy: Extra input fields: tagging",
    ),
    (
        "file in a part with another name",
        |upload| {
            upload.files.clear();
            upload.add("upload", "content 1");
        },
        "Invalid according to Policy: Extra input fields: upload",
    ),
];

const WRONG_SIGNATURE: &[Case] = &[
    ("wrong signature", |upload| upload.set("x-amz-signature", &"0".repeat(64)), "does not match"),
    ("modified policy", |upload| upload.field("policy").insert(0, 'e'), "does not match"),
];

/// Returns a valid upload of 9 bytes with every option of a form.
fn upload_with_all_options(store: &ObjectStore) -> Upload {
    let form = PresignPost::new("a/1")
        .content_type("text/plain")
        .content_length_range(4..=16)
        .field("acl", "private")
        .valid_for(Duration::from_secs(60));
    Upload::new(store.presign_post(form), "content 1")
}

#[tokio::test]
async fn stores_valid_upload() {
    let store = ObjectStore::start().await.unwrap();
    let response = upload_with_all_options(&store).send().await;
    let object = store.object("a/1").unwrap();
    assert_eq!((response.status, response.body.len()), (204, 0));
    assert_eq!(response.header("etag"), Some(object.etag()));
    assert_eq!(response.header("location"), Some(format!("{}/carium-mock/a/1", store.url()).as_str()));
    assert_eq!(object.content(), "content 1");
    assert_eq!(
        object.media_type(),
        "text/plain",
        "the media type comes from the form field, not from the file part"
    );
    assert_eq!(object.file_name(), Some("report 1.txt"));

    let call = &store.calls()[0];
    assert_eq!((call.method.as_str(), call.key.as_deref(), call.status), ("POST", Some("a/1"), Some(204)));
    let names = [
        "key",
        "Content-Type",
        "acl",
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "policy",
        "x-amz-signature",
        "file",
    ];
    assert_eq!(call.fields, names);
    assert_eq!(call.content_length, Some(call.body_bytes_read));
    assert_eq!(call.body_bytes_read, upload_with_all_options(&store).body().len() as u64);
    assert_eq!(call.content_type.as_deref(), Some(upload_with_all_options(&store).headers[0].1.as_str()));
    assert_eq!((call.has_authorization, call.transfer_encoding.as_deref()), (false, None));
}

#[tokio::test]
async fn stores_arbitrary_content_unchanged() {
    let store = ObjectStore::start().await.unwrap();
    let with_boundary = format!("\r\n--{}\r\n--\r\n\r", &crate::support::BOUNDARY[1..]).into_bytes();
    for content in [Vec::new(), with_boundary, varied_bytes(3_000_000)] {
        assert_eq!(upload(&store, content.clone()).send().await.status, 204);
        assert!(store.object("a/1").unwrap().content() == &content, "{} bytes", content.len());
    }
    assert_eq!(store.object("a/1").unwrap().media_type(), "binary/octet-stream", "S3's default media type");
}

#[tokio::test]
async fn rejects_invalid_uploads() {
    let store = ObjectStore::start().await.unwrap();
    for (status, code, cases) in INVALID_UPLOADS {
        for (case, modify, message) in *cases {
            println!("{case}");
            let mut upload = upload_with_all_options(&store);
            modify(&mut upload);
            upload.send().await.assert_error(*status, code, message);
            assert_eq!(store.keys(), Vec::<String>::new());
            assert_eq!(store.calls().last().unwrap().status, Some(*status));
        }
    }
}

#[tokio::test]
async fn accepts_variations_that_s3_accepts() {
    let store = ObjectStore::start().await.unwrap();
    let cases: &[(&str, Modify)] = &[
        ("ignored field", |upload| upload.add_first("x-ignore-it", "a")),
        ("bucket field", |upload| upload.add_first("bucket", "carium-mock")),
        ("minimum length", |upload| upload.files[0] = vec![0; 4]),
        ("maximum length", |upload| upload.files[0] = vec![0; 16]),
        ("slash after the bucket", |upload| upload.url.push('/')),
        ("epilogue", |upload| upload.ending = "--\r\nthe end"),
        ("nothing after the last boundary", |upload| upload.ending = "--"),
        ("uppercase field names", |upload| {
            upload.fields.iter_mut().for_each(|(name, _)| name.make_ascii_uppercase());
        }),
    ];
    for (case, modify) in cases {
        let mut upload = upload_with_all_options(&store);
        modify(&mut upload);
        let response = upload.send().await;
        assert_eq!(response.status, 204, "{case}: {}", response.text());
        let call = store.calls().pop().unwrap();
        assert_eq!(call.content_length, Some(call.body_bytes_read), "{case}");
    }
}

#[tokio::test]
async fn client_adds_media_type_if_form_requires_only_a_prefix() {
    let store = ObjectStore::start().await.unwrap();
    let form = store.presign_post(PresignPost::new("a/1").content_type_prefix("image/"));
    for (media_type, status) in [(Some("image/png"), 204), (Some("text/plain"), 403), (None, 403)] {
        for position in [0, form.fields.len()] {
            let mut upload = Upload::new(form.clone(), "content 1");
            if let Some(media_type) = media_type {
                upload.fields.insert(position, ("Content-Type".to_owned(), media_type.to_owned()));
            }
            let response = upload.send().await;
            assert_eq!(response.status, status, "{media_type:?}: {}", response.text());
            if status == 403 {
                let message = "Policy Condition failed: [\"starts-with\", \"$Content-Type\", \"image/\"]";
                response.assert_error(403, "AccessDenied", message);
            }
        }
    }
    assert_eq!(store.object("a/1").unwrap().media_type(), "image/png");
}

#[tokio::test]
async fn form_can_be_reused_until_it_expires() {
    let store = ObjectStore::start().await.unwrap();
    let mut upload = upload_with_all_options(&store);
    assert_eq!(upload.send().await.status, 204);
    advance_time(Duration::from_secs(58)).await;
    upload.files[0] = b"content 2".to_vec();
    assert_eq!(upload.send().await.status, 204);
    assert_eq!(store.object("a/1").unwrap().content(), "content 2");
    advance_time(Duration::from_secs(2)).await;
    upload.files[0] = b"content 3".to_vec();
    upload.send().await.assert_error(403, "AccessDenied", "Invalid according to Policy: Policy expired.");
    assert_eq!(store.object("a/1").unwrap().content(), "content 2");
}

#[tokio::test]
async fn rejects_forms_of_other_stores() {
    let (store, other) = (ObjectStore::start().await.unwrap(), ObjectStore::start().await.unwrap());
    let mut upload = upload_with_all_options(&other);
    upload.url = upload_with_all_options(&store).url;
    upload.send().await.assert_error(403, "SignatureDoesNotMatch", "does not match");
}

#[tokio::test]
async fn success_status_is_the_requested_one() {
    let store = ObjectStore::start().await.unwrap();
    for (requested, status) in [("200", 200), ("201", 201), ("204", 204), ("500", 204)] {
        let form = PresignPost::new("a/1").field("success_action_status", requested);
        let response = Upload::new(store.presign_post(form), "content 1").send().await;
        assert_eq!(response.status, status);
        assert_eq!(response.body.is_empty(), status != 201);
        if status == 201 {
            assert_eq!(response.element("Key"), "a/1");
            assert_eq!(response.element("Bucket"), "carium-mock");
            assert_eq!(response.element("Location"), response.header("location").unwrap());
        }
    }
}

#[tokio::test]
async fn limit_of_the_store_applies_to_every_form() {
    let store = ObjectStore::start().await.unwrap();
    store.set_max_object_bytes(1000);
    assert_eq!(upload(&store, vec![0; 1000]).send().await.status, 204);
    for length in [1001, 1_000_000] {
        let response = upload(&store, vec![0; length]).send().await;
        response.assert_error(400, "EntityTooLarge", "exceeds the maximum");
        assert_eq!(response.element("MaxSizeAllowed"), "1000");
        let form = PresignPost::new("a/1").content_length_range(0..=2_000_000);
        let upload = Upload::new(store.presign_post(form), vec![0; length]);
        upload.send().await.assert_error(400, "EntityTooLarge", "exceeds the maximum");
    }
    // The signature is checked before the length.
    let mut unsigned = upload(&store, vec![0; 8_000_000]);
    unsigned.set("x-amz-signature", "other");
    unsigned.send().await.assert_error(403, "SignatureDoesNotMatch", "does not match");
    // The limit also applies to data before the file.
    let mut upload = upload(&store, "");
    upload.fields = vec![(format!("a\"; b=\"{}", "b".repeat(1_000_000)), String::new())];
    upload.send().await.assert_error(400, "EntityTooLarge", "exceeds the maximum");
}

#[tokio::test]
async fn rejects_body_without_length_before_reading_it() {
    let store = ObjectStore::start().await.unwrap();
    let upload = upload(&store, "content 1");
    let length = format!("content-length: {}", upload.body().len());
    let head = upload.head().replace(&length, "transfer-encoding: chunked");
    let mut stream = connect(&store, head).await;
    let (head, body) = split_head(&read_until_quiet(&mut stream, 1).await.0);
    assert!(head.starts_with("http/1.1 411 "), "{head}");
    assert!(String::from_utf8(body).unwrap().contains("<Code>MissingContentLength</Code>"));
    let call = &store.calls()[0];
    assert_eq!((call.body_bytes_read, call.status), (0, Some(411)));
    assert_eq!(call.transfer_encoding.as_deref(), Some("chunked"));
}

#[tokio::test]
async fn early_error_response_is_not_lost_if_client_keeps_sending() {
    let store = ObjectStore::start().await.unwrap();
    let content = varied_bytes(8_000_000);
    let mut upload = upload(&store, content);
    upload.set("x-amz-signature", &"0".repeat(64));
    let body = upload.body();
    let mut stream = connect(&store, [upload.head().as_bytes(), &body[..4000]].concat()).await;
    let (head, _) = split_head(&read_until_quiet(&mut stream, 1).await.0);
    assert!(head.starts_with("http/1.1 403 "), "{head}");
    assert!(head.contains("connection: close"), "{head}");
    assert!(store.calls()[0].body_bytes_read <= 4000);
    // A client that sends its whole body before it reads also receives the response.
    upload.send().await.assert_error(403, "SignatureDoesNotMatch", "does not match");
}

#[tokio::test]
async fn reads_body_as_a_stream_and_stores_it_at_the_end() {
    let store = ObjectStore::start().await.unwrap();
    let upload = upload(&store, varied_bytes(100_000));
    let body = upload.body();
    let (first, last) = body.split_at(body.len() - 1);
    let mut stream = connect(&store, [upload.head().as_bytes(), first].concat()).await;
    wait_until(|| store.calls().first().is_some_and(|call| call.body_bytes_read == first.len() as u64)).await;
    tokio::time::sleep(QUIET_PERIOD).await;
    assert_eq!((store.keys().len(), store.calls()[0].status), (0, None));
    tokio::io::AsyncWriteExt::write_all(&mut stream, last).await.unwrap();
    assert!(read_until_quiet(&mut stream, 1).await.0.starts_with(b"HTTP/1.1 204 "));
    assert_eq!(store.keys(), ["a/1"]);
}

#[tokio::test]
async fn stores_nothing_if_client_disconnects() {
    let store = ObjectStore::start().await.unwrap();
    let upload = upload(&store, "content 1");
    let body = upload.body();
    let stream = connect(&store, [upload.head().as_bytes(), &body[..body.len() - 1]].concat()).await;
    wait_until(|| store.calls().first().is_some_and(|call| call.body_bytes_read > 0)).await;
    drop(stream);
    tokio::time::sleep(QUIET_PERIOD).await;
    assert_eq!((store.keys().len(), store.calls()[0].status), (0, None));
}
