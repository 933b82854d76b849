//! Downloads.

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, NaiveDateTime, SecondsFormat, TimeDelta, Utc};
use http::header::{
    ACCEPT_RANGES, AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ETAG, HOST, IF_RANGE,
    LAST_MODIFIED, RANGE,
};
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use super::address::Place;
use super::answer::Answer;
use super::fault::StoreFault;
use super::object::Object;
use super::query::{self, Query};
use super::range::{self, Asked};
use super::refusal::Refusal;
use super::server::Store;
use super::sign::{ALGORITHM, DATE_FORMAT, Signer};

pub(super) fn get(store: &Store, place: &Place, head: &Parts, fault: Option<&StoreFault>) -> Answer {
    let mut answer = match find(store, place, head, fault) {
        Ok(answer) => answer,
        Err(refusal) => refusal.into(),
    };
    if matches!(fault, Some(StoreFault::Corrupt)) {
        answer.body = corrupt(&answer.body);
    }
    answer
}

fn find(store: &Store, place: &Place, head: &Parts, fault: Option<&StoreFault>) -> Result<Answer, Refusal> {
    let key = match place {
        Place::Key(key) if !key.is_empty() => key,
        // To list what is there takes a right that no link gives.
        Place::Key(_) | Place::Bucket => return Err(Refusal::access_denied("Access Denied")),
        Place::Elsewhere => return Err(Refusal::no_such_bucket()),
    };
    authorize(store, key, head)?;
    if let Some(StoreFault::Changed(object)) = fault {
        store.put(key.clone(), object.clone());
    }
    let object = store.object(key).ok_or_else(|| {
        Refusal::new(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist.").with("Key", key)
    })?;
    serve(&object, &head.headers, matches!(fault, Some(StoreFault::IgnoreRange)))
}

fn authorize(store: &Store, key: &str, head: &Parts) -> Result<(), Refusal> {
    let query = Query::read(head.uri.query().unwrap_or_default());
    let signed = query.get(query::ALGORITHM).is_some() || query.get(query::SIGNATURE).is_some();
    if head.headers.contains_key(AUTHORIZATION) {
        return Err(Refusal::two_mechanisms());
    }
    if !signed {
        return Err(Refusal::access_denied("Access Denied"));
    }
    let (Some(ALGORITHM), Some(credential), Some(date), Some(expires), Some("host"), Some(signature)) = (
        query.get(query::ALGORITHM),
        query.get(query::CREDENTIAL),
        query.get(query::DATE),
        query.get(query::EXPIRES),
        query.get(query::SIGNED_HEADERS),
        query.get(query::SIGNATURE),
    ) else {
        return Err(incomplete());
    };
    let scope = Signer::scope(credential).ok_or_else(Refusal::unknown_access_key)?;
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if store.signer.sign(scope, &query.to_sign(key, host, date, scope)) != signature {
        return Err(Refusal::wrong_signature());
    }
    let end = end_of(date, expires).ok_or_else(incomplete)?;
    let now = store.clock.now();
    if now >= end {
        return Err(Refusal::access_denied("Request has expired")
            .with("X-Amz-Expires", expires)
            .with("Expires", &end.to_rfc3339_opts(SecondsFormat::Secs, true))
            .with("ServerTime", &now.to_rfc3339_opts(SecondsFormat::Secs, true)));
    }
    Ok(())
}

fn incomplete() -> Refusal {
    Refusal::bad_request(
        "AuthorizationQueryParametersError",
        "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, \
         X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
    )
}

fn end_of(date: &str, expires: &str) -> Option<DateTime<Utc>> {
    let date = NaiveDateTime::parse_from_str(date, DATE_FORMAT).ok()?.and_utc();
    date.checked_add_signed(TimeDelta::try_seconds(expires.parse().ok()?)?)
}

fn serve(object: &Object, headers: &HeaderMap, ignore_range: bool) -> Result<Answer, Refusal> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let length = object.content().len();
    let last_modified = object.last_modified();
    // A date that is not to the letter that of the object is another object's, as an ETag is.
    let same = text(IF_RANGE).is_none_or(|version| version == object.etag() || version == last_modified);
    let range = text(RANGE).filter(|_| same && !ignore_range);
    let answer = match range::read(range, length) {
        Asked::Whole => Answer { body: object.content().clone(), ..Answer::new(StatusCode::OK) },
        Asked::Part(part) => {
            let range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            Answer { body: object.content().slice(part), ..Answer::new(StatusCode::PARTIAL_CONTENT) }
                .with(CONTENT_RANGE, &range)
        }
        Asked::Outside => {
            let message = "The requested range is not satisfiable";
            return Err(Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange", message)
                .with("RangeRequested", range.unwrap_or_default())
                .with("ActualObjectSize", &length)
                .outside_of(length));
        }
    };
    let answer = answer
        .with(CONTENT_TYPE, object.media_type())
        .with(ETAG, object.etag())
        .with(LAST_MODIFIED, &last_modified)
        .with(ACCEPT_RANGES, "bytes");
    Ok(match object.content_disposition() {
        Some(disposition) => answer.with(CONTENT_DISPOSITION, &disposition),
        None => answer,
    })
}

fn corrupt(body: &Bytes) -> Bytes {
    let mut body = BytesMut::from(body.as_ref());
    let middle = body.len() / 2;
    if let Some(byte) = body.get_mut(middle) {
        *byte ^= 1;
    }
    body.freeze()
}
