//! The rules of presigned downloads.

use std::time::Duration;

use carium_mock::object_store::{Object, ObjectStore};

use crate::support::{TestResponse, advance_time, client, send};

const HOUR: Duration = Duration::from_secs(3600);

async fn get(link: &str, headers: &[(&str, &str)]) -> TestResponse {
    let request = client().get(link);
    send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

#[tokio::test]
async fn download_returns_content_and_headers() {
    let store = ObjectStore::start().await.unwrap();
    let report = Object::new("content 1").with_media_type("text/plain").with_file_name("Größe \"1\".txt");
    store.put_object("a/b c+d&e/ö", report.clone());
    let response = get(&store.presign_get("a/b c+d&e/ö", HOUR), &[("range", "bytes=0-3")]).await;
    assert_eq!((response.status, response.text().as_str()), (206, "cont"));
    let response = get(&store.presign_get("a/b c+d&e/ö", HOUR), &[]).await;
    assert_eq!((response.status, response.text().as_str()), (200, "content 1"));
    for (name, value) in [
        ("content-length", "9"),
        ("content-type", "text/plain"),
        ("etag", report.etag()),
        ("accept-ranges", "bytes"),
        (
            "content-disposition",
            "attachment; filename=\"Gr__e _1_.txt\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%221%22.txt",
        ),
    ] {
        assert_eq!(response.header(name), Some(value));
    }
    assert!(response.header("last-modified").unwrap().ends_with(" GMT"));
    let [ranged, call] = &store.calls()[..] else { panic!("expected two calls") };
    assert_eq!((call.method.as_str(), call.key.as_deref()), ("GET", Some("a/b c+d&e/ö")));
    assert_eq!(
        (ranged.range.as_deref(), ranged.status, call.status),
        (Some("bytes=0-3"), Some(206), Some(200))
    );

    store.put("plain", "content 2");
    let response = get(&store.presign_get("plain", HOUR), &[]).await;
    assert_eq!(response.header("content-type"), Some("binary/octet-stream"));
    assert_eq!(response.header("content-disposition"), None);
    assert_eq!(store.keys(), ["a/b c+d&e/ö", "plain"]);
}

#[tokio::test]
async fn rejects_modified_links() {
    type Modify = fn(&str) -> String;
    let store = ObjectStore::start().await.unwrap();
    store.put("a/1", "content 1");
    store.put("a/2", "content 2");
    let cases: &[(&str, Modify, u16, &str)] = &[
        ("another key", |link| link.replace("a/1", "a/2"), 403, "SignatureDoesNotMatch"),
        (
            "longer validity",
            |link| link.replace("Expires=3600", "Expires=3601"),
            403,
            "SignatureDoesNotMatch",
        ),
        ("additional parameter", |link| format!("{link}&x=y"), 403, "SignatureDoesNotMatch"),
        ("another host", |link| link.replace("127.0.0.1", "localhost"), 403, "SignatureDoesNotMatch"),
        ("another signature", |link| format!("{link}0"), 403, "SignatureDoesNotMatch"),
        ("another access key", |link| link.replace("=carium-mock", "=other"), 403, "InvalidAccessKeyId"),
        ("no query string", |link| link.split_once('?').unwrap().0.to_owned(), 403, "AccessDenied"),
        (
            "no signature",
            |link| link.split_once("&X-Amz-Signature").unwrap().0.to_owned(),
            400,
            "AuthorizationQueryParametersError",
        ),
        ("no date", |link| link.replace("X-Amz-Date", "X-Amz-Dat"), 400, "AuthorizationQueryParametersError"),
        (
            "another header signed",
            |link| link.replace("SignedHeaders=host", "SignedHeaders=date"),
            400,
            "AuthorizationQueryParametersError",
        ),
        ("list of the bucket", |link| link.replace("/a/1?", "?"), 403, "AccessDenied"),
        ("another bucket", |link| link.replace("/carium-mock/", "/other/"), 404, "NoSuchBucket"),
    ];
    for (case, modify, status, code) in cases {
        println!("{case}");
        get(&modify(&store.presign_get("a/1", HOUR)), &[]).await.assert_error(*status, code, "");
    }
    let response = get(&store.presign_get("a/1", HOUR), &[("authorization", "Bearer a")]).await;
    response.assert_error(400, "InvalidArgument", "Only one auth mechanism allowed");
    assert!(store.calls().last().unwrap().has_authorization);
    let response = get(&store.presign_get("a/<3>", HOUR), &[]).await;
    response.assert_error(404, "NoSuchKey", "The specified key does not exist.");
    assert_eq!(response.element("Key"), "a/&lt;3&gt;");
}

#[tokio::test]
async fn accepts_links_with_other_parameter_order_and_encoding() {
    let store = ObjectStore::start().await.unwrap();
    store.put("a/1", "content 1");
    let link = store.presign_get("a/1", HOUR);
    let (path, query) = link.split_once('?').unwrap();
    let reversed = query.split('&').rev().collect::<Vec<_>>().join("&");
    for link in [format!("{path}?{reversed}"), link.replace("%2F", "/"), link.replace("a/1", "%61/1")] {
        assert_eq!(get(&link, &[]).await.status, 200, "{link}");
    }
}

#[tokio::test]
async fn rejects_links_of_other_stores() {
    let (store, other) = (ObjectStore::start().await.unwrap(), ObjectStore::start().await.unwrap());
    store.put("a/1", "content 1");
    let link = other.presign_get("a/1", HOUR);
    let host = other.url().strip_prefix("http://").unwrap();
    // The `Host` header matches the signature, so only the secret of the store differs.
    let response = get(&link.replace(other.url(), store.url()), &[("host", host)]).await;
    response.assert_error(403, "SignatureDoesNotMatch", "does not match");
}

#[tokio::test]
async fn links_expire() {
    let store = ObjectStore::start().await.unwrap();
    store.put("a/1", "content 1");
    let link = store.presign_get("a/1", Duration::from_secs(60));
    advance_time(Duration::from_secs(58)).await;
    assert_eq!(get(&link, &[]).await.status, 200);
    advance_time(Duration::from_secs(2)).await;
    get(&link, &[]).await.assert_error(403, "AccessDenied", "Request has expired");
    let link = store.presign_get("a/1", Duration::MAX);
    advance_time(Duration::from_secs(3600 * (7 * 24 - 1))).await;
    assert_eq!(get(&link, &[]).await.status, 200, "the maximum validity is one week");
    advance_time(HOUR).await;
    assert_eq!(get(&link, &[]).await.status, 403);
}

#[tokio::test]
async fn returns_requested_range() {
    let store = ObjectStore::start().await.unwrap();
    store.put("a/1", "0123456789");
    store.put("empty", "");
    let overflowing = format!("bytes={0}{0}-", u64::MAX);
    let overflowing_end = format!("bytes=8-{0}{0}", u64::MAX);
    for (key, range, status, content_range, body) in [
        ("a/1", "bytes=2-4", 206, Some("bytes 2-4/10"), "234"),
        ("a/1", "bytes=0-0", 206, Some("bytes 0-0/10"), "0"),
        ("a/1", "bytes=7-", 206, Some("bytes 7-9/10"), "789"),
        ("a/1", "bytes=8-99", 206, Some("bytes 8-9/10"), "89"),
        ("a/1", &overflowing_end, 206, Some("bytes 8-9/10"), "89"),
        ("a/1", "bytes=-3", 206, Some("bytes 7-9/10"), "789"),
        ("a/1", "bytes=-99", 206, Some("bytes 0-9/10"), "0123456789"),
        ("a/1", "bytes=4-2", 200, None, "0123456789"),
        ("a/1", "bytes=0-1,3-4", 200, None, "0123456789"),
        ("a/1", "bytes=-", 200, None, "0123456789"),
        ("a/1", "bytes=+1-4", 200, None, "0123456789"),
        ("a/1", "chars=0-1", 200, None, "0123456789"),
        ("a/1", "bytes=10-", 416, Some("bytes */10"), ""),
        ("a/1", "bytes=10-11", 416, Some("bytes */10"), ""),
        ("a/1", &overflowing, 416, Some("bytes */10"), ""),
        ("a/1", "bytes=-0", 416, Some("bytes */10"), ""),
        ("empty", "bytes=0-", 416, Some("bytes */0"), ""),
        ("empty", "bytes=-1", 416, Some("bytes */0"), ""),
    ] {
        let response = get(&store.presign_get(key, HOUR), &[("range", range)]).await;
        assert_eq!((response.status, response.header("content-range")), (status, content_range), "{range}");
        if status == 416 {
            response.assert_error(416, "InvalidRange", "The requested range is not satisfiable");
        } else {
            assert_eq!(response.text(), body, "{range}");
            assert_eq!(response.header("content-length"), Some(body.len().to_string().as_str()));
            assert_eq!(response.header("etag"), Some(store.object(key).unwrap().etag()));
        }
    }
}

#[tokio::test]
async fn returns_whole_object_if_if_range_does_not_match() {
    let store = ObjectStore::start().await.unwrap();
    store.put("a/1", "0123456789");
    let link = store.presign_get("a/1", HOUR);
    let current = get(&link, &[]).await;
    let (etag, date) = (current.header("etag").unwrap(), current.header("last-modified").unwrap());
    let weak = format!("W/{etag}");
    for (if_range, status) in [
        (etag, 206),
        (date, 206),
        ("\"other\"", 200),
        (weak.as_str(), 200),
        (etag.trim_matches('"'), 200),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 200),
    ] {
        let response = get(&link, &[("range", "bytes=2-4"), ("if-range", if_range)]).await;
        assert_eq!(response.status, status, "{if_range}");
        assert_eq!(response.body.len(), if status == 206 { 3 } else { 10 });
        assert_eq!(store.calls().pop().unwrap().if_range.as_deref(), Some(if_range));
    }
    // A range that is past the end is ignored as well if it is for another version.
    let response = get(&link, &[("range", "bytes=20-"), ("if-range", "\"other\"")]).await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn rejects_other_methods() {
    let store = ObjectStore::start().await.unwrap();
    store.put("a/1", "content 1");
    let link = store.presign_get("a/1", HOUR);
    for method in ["PUT", "DELETE", "OPTIONS", "PATCH"] {
        let response = send(client().request(method.parse().unwrap(), &link)).await;
        response.assert_error(405, "MethodNotAllowed", "not allowed against this resource");
        assert_eq!(response.header("allow"), Some("GET, POST"));
    }
    assert_eq!(send(client().head(&link)).await.status, 405);
    assert_eq!(store.object("a/1").unwrap().content(), "content 1");
}
