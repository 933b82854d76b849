//! Presigned downloads.

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, NaiveDateTime, SecondsFormat, TimeDelta, Utc};
use http::header::{
    ACCEPT_RANGES, AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ETAG, HOST, IF_RANGE,
    LAST_MODIFIED, RANGE,
};
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use super::address::Resource;
use super::error::S3Error;
use super::fault::StoreFault;
use super::object::Object;
use super::query::{self, LinkQuery};
use super::range::{self, RequestedRange};
use super::response::BufferedResponse;
use super::server::StoreState;
use super::sign::{ALGORITHM, DATE_FORMAT, Signer};

/// Handles a download. Faults that change the object or the body are applied here, all others by the caller.
pub(super) fn get(
    store: &StoreState,
    resource: &Resource,
    head: &Parts,
    fault: Option<&StoreFault>,
) -> BufferedResponse {
    let mut response = match try_get(store, resource, head, fault) {
        Ok(response) => response,
        Err(error) => error.into(),
    };
    if matches!(fault, Some(StoreFault::Corrupt)) {
        response.body = corrupt(&response.body);
    }
    response
}

fn try_get(
    store: &StoreState,
    resource: &Resource,
    head: &Parts,
    fault: Option<&StoreFault>,
) -> Result<BufferedResponse, S3Error> {
    let key = match resource {
        Resource::Object(key) if !key.is_empty() => key,
        // A presigned link does not give permission to list the bucket.
        Resource::Object(_) | Resource::Bucket => return Err(S3Error::access_denied("Access Denied")),
        Resource::UnknownBucket => return Err(S3Error::no_such_bucket()),
    };
    authorize(store, key, head)?;
    if let Some(StoreFault::ReplaceObject(object)) = fault {
        store.put(key.clone(), object.clone());
    }
    let object = store.object(key).ok_or_else(|| {
        S3Error::new(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist.").with("Key", key)
    })?;
    object_response(&object, &head.headers, matches!(fault, Some(StoreFault::IgnoreRange)))
}

/// Checks the signature and the expiry of a link.
fn authorize(store: &StoreState, key: &str, head: &Parts) -> Result<(), S3Error> {
    let query = LinkQuery::parse(head.uri.query().unwrap_or_default());
    let is_signed = query.get(query::ALGORITHM).is_some() || query.get(query::SIGNATURE).is_some();
    if head.headers.contains_key(AUTHORIZATION) {
        return Err(S3Error::two_auth_mechanisms());
    }
    if !is_signed {
        return Err(S3Error::access_denied("Access Denied"));
    }
    let (Some(ALGORITHM), Some(credential), Some(date), Some(expires), Some("host"), Some(signature)) = (
        query.get(query::ALGORITHM),
        query.get(query::CREDENTIAL),
        query.get(query::DATE),
        query.get(query::EXPIRES),
        query.get(query::SIGNED_HEADERS),
        query.get(query::SIGNATURE),
    ) else {
        return Err(missing_parameters());
    };
    let scope = Signer::scope(credential).ok_or_else(S3Error::unknown_access_key)?;
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if store.signer.sign(scope, &query.string_to_sign(key, host, date, scope)) != signature {
        return Err(S3Error::wrong_signature());
    }
    let expiry = expiry(date, expires).ok_or_else(missing_parameters)?;
    let now = store.clock.now();
    if now >= expiry {
        return Err(S3Error::access_denied("Request has expired")
            .with("X-Amz-Expires", expires)
            .with("Expires", &expiry.to_rfc3339_opts(SecondsFormat::Secs, true))
            .with("ServerTime", &now.to_rfc3339_opts(SecondsFormat::Secs, true)));
    }
    Ok(())
}

fn missing_parameters() -> S3Error {
    S3Error::bad_request(
        "AuthorizationQueryParametersError",
        "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, \
         X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
    )
}

fn expiry(date: &str, expires: &str) -> Option<DateTime<Utc>> {
    let date = NaiveDateTime::parse_from_str(date, DATE_FORMAT).ok()?.and_utc();
    date.checked_add_signed(TimeDelta::try_seconds(expires.parse().ok()?)?)
}

fn object_response(
    object: &Object,
    headers: &HeaderMap,
    ignore_range: bool,
) -> Result<BufferedResponse, S3Error> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let length = object.content().len();
    let last_modified = object.last_modified();
    // Dates are compared as strings, like ETags: any other date means another version of the object.
    let is_same_version =
        text(IF_RANGE).is_none_or(|version| version == object.etag() || version == last_modified);
    let range = text(RANGE).filter(|_| is_same_version && !ignore_range);
    let response = match range::parse(range, length) {
        RequestedRange::Whole => {
            BufferedResponse { body: object.content().clone(), ..BufferedResponse::new(StatusCode::OK) }
        }
        RequestedRange::Part(part) => {
            let range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            let response = BufferedResponse::new(StatusCode::PARTIAL_CONTENT);
            BufferedResponse { body: object.content().slice(part), ..response }
                .with_header(CONTENT_RANGE, &range)
        }
        RequestedRange::Unsatisfiable => {
            let message = "The requested range is not satisfiable";
            return Err(S3Error::new(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange", message)
                .with("RangeRequested", range.unwrap_or_default())
                .with("ActualObjectSize", &length)
                .with_object_length(length));
        }
    };
    let response = response
        .with_header(CONTENT_TYPE, object.media_type())
        .with_header(ETAG, object.etag())
        .with_header(LAST_MODIFIED, &last_modified)
        .with_header(ACCEPT_RANGES, "bytes");
    Ok(match object.content_disposition() {
        Some(disposition) => response.with_header(CONTENT_DISPOSITION, &disposition),
        None => response,
    })
}

/// Flips one bit in the middle of the body.
fn corrupt(body: &Bytes) -> Bytes {
    let mut body = BytesMut::from(body.as_ref());
    let middle = body.len() / 2;
    if let Some(byte) = body.get_mut(middle) {
        *byte ^= 1;
    }
    body.freeze()
}
