//! Each rule of uploads, with a form that breaks this rule and no other.

use std::time::Duration;

use carium_mock::object_store::{ObjectStore, PresignPost};

use crate::support::{A_WHILE, Upload, bytes, connect, hear, pass, split, until, upload};

type Spoil = fn(&mut Upload);

/// What is done, and the status, code and part of the message that it is answered with.
type Case = (&'static str, Spoil, u16, &'static str, &'static str);

/// The request and its parts.
const REQUESTS: &[Case] = &[
    (
        "credentials of another kind",
        |upload| upload.headers.push(("authorization", "Bearer a".to_owned())),
        400,
        "InvalidArgument",
        "Only one auth mechanism allowed",
    ),
    ("not a form", |upload| upload.set_media_type("text/plain"), 412, "PreconditionFailed", "pre-cond"),
    ("no media type", |upload| drop(upload.headers.remove(0)), 412, "PreconditionFailed", "pre-conditions"),
    (
        "no boundary",
        |upload| upload.set_media_type("multipart/form-data"),
        400,
        "MalformedPOSTRequest",
        "not well-formed",
    ),
    (
        "another boundary",
        |upload| upload.set_media_type("multipart/form-data; boundary=other"),
        400,
        "MalformedPOSTRequest",
        "not well-formed",
    ),
    ("no last boundary", |upload| upload.ending = "\r\n", 400, "MalformedPOSTRequest", "not well-formed"),
    (
        "fields that are too long",
        |upload| upload.add_first("x-ignore-it", &"a".repeat(20 * 1024)),
        400,
        "MaxPostPreDataLengthExceededError",
        "too large",
    ),
    (
        "no file",
        |upload| upload.files.clear(),
        400,
        "InvalidArgument",
        "POST requires exactly one file upload",
    ),
    (
        "two files",
        |upload| upload.files.push(b"content 2".to_vec()),
        400,
        "InvalidArgument",
        "POST requires exactly one file upload",
    ),
    (
        "a field after the file",
        |upload| upload.after.push(("x-ignore-it".to_owned(), String::new())),
        400,
        "InvalidArgument",
        "The file must be the last field",
    ),
    (
        "a presigned field after the file",
        |upload| upload.after.extend(upload.fields.pop()),
        400,
        "InvalidArgument",
        "a field named 'x-amz-signature'.  If it is specified, please check the order",
    ),
    ("a file that is too long", |upload| upload.files[0] = vec![0; 17], 400, "EntityTooLarge", "maximum"),
    ("a file that is too short", |upload| upload.files[0] = vec![0; 3], 400, "EntityTooSmall", "minimum"),
    ("a key in the path", |upload| upload.url.push_str("/a/1"), 405, "MethodNotAllowed", "not allowed"),
    ("no such bucket", |upload| upload.url.push('s'), 404, "NoSuchBucket", "does not exist"),
];

/// The fields, and the policy that they must conform to.
const FIELDS: &[Case] = &[
    ("no policy", |upload| upload.drop_field("policy"), 403, "AccessDenied", "Access Denied"),
    (
        "no signature",
        |upload| upload.drop_field("x-amz-signature"),
        400,
        "InvalidArgument",
        "a field named 'x-amz-signature'",
    ),
    (
        "no credential",
        |upload| upload.drop_field("x-amz-credential"),
        400,
        "InvalidArgument",
        "a field named 'x-amz-credential'",
    ),
    (
        "no algorithm",
        |upload| upload.drop_field("x-amz-algorithm"),
        400,
        "InvalidArgument",
        "a field named 'x-amz-algorithm'",
    ),
    (
        "no date",
        |upload| upload.drop_field("x-amz-date"),
        400,
        "InvalidArgument",
        "a field named 'x-amz-date'",
    ),
    ("no key", |upload| upload.drop_field("key"), 400, "InvalidArgument", "a field named 'key'"),
    (
        "a presigned field missing",
        |upload| upload.drop_field("acl"),
        403,
        "AccessDenied",
        "Invalid according to Policy: Policy Condition failed: [\"eq\", \"$acl\", \"private\"]",
    ),
    (
        "another key",
        |upload| upload.set("key", "a/2"),
        403,
        "AccessDenied",
        "Invalid according to Policy: Policy Condition failed: [\"eq\", \"$key\", \"a/1\"]",
    ),
    (
        "another media type",
        |upload| upload.set("Content-Type", "text/html"),
        403,
        "AccessDenied",
        "Policy Condition failed: [\"eq\", \"$Content-Type\", \"text/plain\"]",
    ),
    (
        "another date",
        |upload| upload.set("x-amz-date", "20200101T000000Z"),
        403,
        "AccessDenied",
        "Policy Condition failed: [\"eq\", \"$x-amz-date\"",
    ),
    (
        "another bucket",
        |upload| upload.add_first("bucket", "other"),
        403,
        "AccessDenied",
        "Policy Condition failed: [\"eq\", \"$bucket\"",
    ),
    (
        "a field that the policy does not have",
        |upload| upload.add("tagging", "a"),
        403,
        "AccessDenied",
        "Invalid according to Policy: Extra input fields: tagging",
    ),
    (
        "a file by another name",
        |upload| {
            upload.files.clear();
            upload.add("upload", "content 1");
        },
        403,
        "AccessDenied",
        "Invalid according to Policy: Extra input fields: upload",
    ),
    (
        "a field twice",
        |upload| upload.add("acl", "private"),
        400,
        "InvalidArgument",
        "more than one field named 'acl'",
    ),
    (
        "a signature of something else",
        |upload| upload.set("x-amz-signature", &"0".repeat(64)),
        403,
        "SignatureDoesNotMatch",
        "does not match",
    ),
    (
        "a policy that was not signed",
        |upload| upload.field("policy").insert(0, 'e'),
        403,
        "SignatureDoesNotMatch",
        "does not match",
    ),
    (
        "another access key",
        |upload| upload.field("x-amz-credential").insert(0, 'x'),
        403,
        "InvalidAccessKeyId",
        "does not exist",
    ),
    (
        "fields in another order",
        |upload| upload.fields.swap(1, 2),
        400,
        "InvalidArgument",
        "not in the order of the presigned form",
    ),
    (
        "a policy after its signature",
        |upload| upload.fields.swap(6, 7),
        400,
        "InvalidArgument",
        "not in the order of the presigned form",
    ),
];

/// An upload of 9 bytes that uses all that a form can say.
fn full(store: &ObjectStore) -> Upload {
    let form = PresignPost::new("a/1")
        .content_type("text/plain")
        .content_length_range(4..=16)
        .field("acl", "private")
        .valid_for(Duration::from_mins(1));
    Upload::new(store.presign_post(form), "content 1")
}

#[tokio::test]
async fn an_upload_that_is_in_order_is_stored() {
    let store = ObjectStore::start().await.unwrap();
    let answer = full(&store).send().await;
    let object = store.object("a/1").unwrap();
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(answer.header("etag"), Some(object.etag()));
    assert_eq!(answer.header("location"), Some(format!("{}/carium-mock/a/1", store.url()).as_str()));
    assert_eq!(object.content(), "content 1");
    assert_eq!(object.media_type(), "text/plain", "the field's, not the part's");
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
    assert_eq!(call.content_length, Some(call.body_read));
    assert_eq!(call.body_read, full(&store).body().len() as u64);
    assert_eq!(call.content_type.as_deref(), Some(full(&store).headers[0].1.as_str()));
    assert_eq!((call.authorization, call.transfer_encoding.as_deref()), (false, None));
}

#[tokio::test]
async fn any_bytes_are_stored_as_they_are() {
    let store = ObjectStore::start().await.unwrap();
    let tricky = format!("\r\n--{}\r\n--\r\n\r", &crate::support::BOUNDARY[1..]).into_bytes();
    for content in [Vec::new(), tricky, bytes(3_000_000)] {
        assert_eq!(upload(&store, content.clone()).send().await.status, 204);
        assert!(store.object("a/1").unwrap().content() == &content, "{} bytes", content.len());
    }
    assert_eq!(
        store.object("a/1").unwrap().media_type(),
        "binary/octet-stream",
        "S3's, where nothing is said"
    );
}

#[tokio::test]
async fn each_way_to_spoil_an_upload_is_refused() {
    let store = ObjectStore::start().await.unwrap();
    for (what, spoil, status, code, message) in REQUESTS.iter().chain(FIELDS) {
        println!("{what}");
        let mut upload = full(&store);
        spoil(&mut upload);
        upload.send().await.refuses(*status, code, message);
        assert_eq!(store.keys(), Vec::<String>::new());
        assert_eq!(store.calls().last().unwrap().status, Some(*status));
    }
}

#[tokio::test]
async fn what_s3_allows_is_allowed() {
    let store = ObjectStore::start().await.unwrap();
    let cases: &[(&str, Spoil)] = &[
        ("a field that is to be ignored", |upload| upload.add_first("x-ignore-it", "a")),
        ("the bucket as a field", |upload| upload.add_first("bucket", "carium-mock")),
        ("the least length", |upload| upload.files[0] = vec![0; 4]),
        ("the greatest length", |upload| upload.files[0] = vec![0; 16]),
        ("a slash after the bucket", |upload| upload.url.push('/')),
        ("an epilogue", |upload| upload.ending = "--\r\nthe end"),
        ("nothing after the last boundary", |upload| upload.ending = "--"),
        ("names in capitals", |upload| {
            upload.fields.iter_mut().for_each(|(name, _)| name.make_ascii_uppercase());
        }),
    ];
    for (what, vary) in cases {
        let mut upload = full(&store);
        vary(&mut upload);
        let answer = upload.send().await;
        assert_eq!(answer.status, 204, "{what}: {}", answer.text());
        let call = store.calls().pop().unwrap();
        assert_eq!(call.content_length, Some(call.body_read), "{what}");
    }
}

#[tokio::test]
async fn a_media_type_that_must_only_start_so_is_for_the_client_to_add() {
    let store = ObjectStore::start().await.unwrap();
    let form = store.presign_post(PresignPost::new("a/1").content_type_prefix("image/"));
    for (media_type, status) in [(Some("image/png"), 204), (Some("text/plain"), 403), (None, 403)] {
        for place in [0, form.fields.len()] {
            let mut upload = Upload::new(form.clone(), "content 1");
            if let Some(media_type) = media_type {
                upload.fields.insert(place, ("Content-Type".to_owned(), media_type.to_owned()));
            }
            let answer = upload.send().await;
            assert_eq!(answer.status, status, "{media_type:?}: {}", answer.text());
            if status == 403 {
                let message = "Policy Condition failed: [\"starts-with\", \"$Content-Type\", \"image/\"]";
                answer.refuses(403, "AccessDenied", message);
            }
        }
    }
    assert_eq!(store.object("a/1").unwrap().media_type(), "image/png");
}

#[tokio::test]
async fn a_form_can_be_used_again_until_it_expires() {
    let store = ObjectStore::start().await.unwrap();
    let mut upload = full(&store);
    assert_eq!(upload.send().await.status, 204);
    pass(Duration::from_secs(58)).await;
    upload.files[0] = b"content 2".to_vec();
    assert_eq!(upload.send().await.status, 204);
    assert_eq!(store.object("a/1").unwrap().content(), "content 2");
    pass(Duration::from_secs(2)).await;
    upload.files[0] = b"content 3".to_vec();
    upload.send().await.refuses(403, "AccessDenied", "Invalid according to Policy: Policy expired.");
    assert_eq!(store.object("a/1").unwrap().content(), "content 2");
}

#[tokio::test]
async fn a_form_of_another_store_is_refused() {
    let (store, other) = (ObjectStore::start().await.unwrap(), ObjectStore::start().await.unwrap());
    let mut upload = full(&other);
    upload.url = full(&store).url;
    upload.send().await.refuses(403, "SignatureDoesNotMatch", "does not match");
}

#[tokio::test]
async fn success_is_stated_as_the_form_asks() {
    let store = ObjectStore::start().await.unwrap();
    for (asked, status) in [("200", 200), ("201", 201), ("204", 204), ("500", 204)] {
        let form = PresignPost::new("a/1").field("success_action_status", asked);
        let answer = Upload::new(store.presign_post(form), "content 1").send().await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.body.is_empty(), status != 201);
        if status == 201 {
            assert_eq!(answer.element("Key"), "a/1");
            assert_eq!(answer.element("Bucket"), "carium-mock");
            assert_eq!(answer.element("Location"), answer.header("location").unwrap());
        }
    }
}

#[tokio::test]
async fn no_form_allows_more_than_the_limit() {
    let store = ObjectStore::start().await.unwrap();
    store.set_object_limit(1000);
    assert_eq!(upload(&store, vec![0; 1000]).send().await.status, 204);
    for length in [1001, 1_000_000] {
        let answer = upload(&store, vec![0; length]).send().await;
        answer.refuses(400, "EntityTooLarge", "exceeds the maximum");
        assert_eq!(answer.element("MaxSizeAllowed"), "1000");
        let form = PresignPost::new("a/1").content_length_range(0..=2_000_000);
        let upload = Upload::new(store.presign_post(form), vec![0; length]);
        upload.send().await.refuses(400, "EntityTooLarge", "exceeds the maximum");
    }
    // Whether it may be there at all comes first.
    let mut refused = upload(&store, vec![0; 8_000_000]);
    refused.set("x-amz-signature", "other");
    refused.send().await.refuses(403, "SignatureDoesNotMatch", "does not match");
    // Nor does what is no file at all make the store keep everything.
    let mut upload = upload(&store, "");
    upload.fields = vec![(format!("a\"; b=\"{}", "b".repeat(1_000_000)), String::new())];
    upload.send().await.refuses(400, "EntityTooLarge", "exceeds the maximum");
}

#[tokio::test]
async fn a_body_without_a_length_is_refused_before_it_is_read() {
    let store = ObjectStore::start().await.unwrap();
    let upload = upload(&store, "content 1");
    let length = format!("content-length: {}", upload.body().len());
    let head = upload.head().replace(&length, "transfer-encoding: chunked");
    let mut stream = connect(&store, head).await;
    let (head, body) = split(&hear(&mut stream, 1).await.0);
    assert!(head.starts_with("http/1.1 411 "), "{head}");
    assert!(String::from_utf8(body).unwrap().contains("<Code>MissingContentLength</Code>"));
    let call = &store.calls()[0];
    assert_eq!((call.body_read, call.status), (0, Some(411)));
    assert_eq!(call.transfer_encoding.as_deref(), Some("chunked"));
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_the_file_and_what_still_comes_does_not_lose_it() {
    let store = ObjectStore::start().await.unwrap();
    let content = bytes(8_000_000);
    let mut upload = upload(&store, content);
    upload.set("x-amz-signature", &"0".repeat(64));
    let body = upload.body();
    let mut stream = connect(&store, [upload.head().as_bytes(), &body[..4000]].concat()).await;
    let (head, _) = split(&hear(&mut stream, 1).await.0);
    assert!(head.starts_with("http/1.1 403 "), "{head}");
    assert!(head.contains("connection: close"), "{head}");
    assert!(store.calls()[0].body_read <= 4000);
    // All of it at once, as a client does that does not listen while it sends.
    upload.send().await.refuses(403, "SignatureDoesNotMatch", "does not match");
}

#[tokio::test]
async fn a_body_is_read_as_it_comes_and_nothing_is_stored_before_its_end() {
    let store = ObjectStore::start().await.unwrap();
    let upload = upload(&store, bytes(100_000));
    let body = upload.body();
    let (first, last) = body.split_at(body.len() - 1);
    let mut stream = connect(&store, [upload.head().as_bytes(), first].concat()).await;
    until(|| store.calls().first().is_some_and(|call| call.body_read == first.len() as u64)).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!((store.keys().len(), store.calls()[0].status), (0, None));
    tokio::io::AsyncWriteExt::write_all(&mut stream, last).await.unwrap();
    assert!(hear(&mut stream, 1).await.0.starts_with(b"HTTP/1.1 204 "));
    assert_eq!(store.keys(), ["a/1"]);
}

#[tokio::test]
async fn a_client_that_goes_away_has_stored_nothing() {
    let store = ObjectStore::start().await.unwrap();
    let upload = upload(&store, "content 1");
    let body = upload.body();
    let stream = connect(&store, [upload.head().as_bytes(), &body[..body.len() - 1]].concat()).await;
    until(|| store.calls().first().is_some_and(|call| call.body_read > 0)).await;
    drop(stream);
    tokio::time::sleep(A_WHILE).await;
    assert_eq!((store.keys().len(), store.calls()[0].status), (0, None));
}
