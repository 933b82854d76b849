//! Presigned downloads: signing and checking links, and responding with an object or a range of it.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, NaiveDateTime, SecondsFormat, TimeDelta, Utc};
use http::header::{
    ACCEPT_RANGES, AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ETAG, HOST, IF_RANGE,
    LAST_MODIFIED, RANGE,
};
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};

use super::response::{ResponseExt as _, S3Error, empty_response};
use super::signature::{
    ALGORITHM, DATE_FORMAT, Resource, Signer, decode, digest, encode, host_of, path_of, whole_seconds,
};
use super::state::{Object, StoreState};
use crate::faults::{FaultKind, FaultTarget, with_bit_flipped};
use crate::listener::{BodyEnd, ConnectionClosed, Reply};

/// Presigns a download link.
pub(super) fn presign_get(store: &StoreState, key: &str, valid_for: Duration) -> String {
    let now = store.clock.now();
    let credential = Signer::credential(now);
    let scope = Signer::scope(&credential).unwrap_or_default();
    let date = now.format(DATE_FORMAT).to_string();
    let mut query = LinkQuery(Vec::new());
    query.push("X-Amz-Algorithm", ALGORITHM);
    query.push("X-Amz-Credential", &credential);
    query.push("X-Amz-Date", &date);
    query.push("X-Amz-Expires", &whole_seconds(valid_for).to_string());
    query.push("X-Amz-SignedHeaders", "host");
    let host = host_of(&store.url);
    let signature = store.signer.sign(scope, &query.string_to_sign(key, host, &date, scope));
    query.push(SIGNATURE, &signature);
    format!("{}{}?{}", store.url, path_of(key), query.encoded().join("&"))
}

/// The parameter with the signature, which the signature does not cover.
const SIGNATURE: &str = "X-Amz-Signature";

/// The decoded parameters of a link, in order.
struct LinkQuery(Vec<(String, String)>);

impl LinkQuery {
    fn parse(query: &str) -> Self {
        let parameters = query.split('&').filter(|parameter| !parameter.is_empty()).map(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            (decode(name), decode(value))
        });
        Self(parameters.collect())
    }

    fn push(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(parameter, _)| parameter == name).map(|(_, value)| value.as_str())
    }

    /// Returns the parameters as `name=value`.
    fn encoded(&self) -> Vec<String> {
        self.0.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect()
    }

    /// Returns the AWS "string to sign" of a download. It covers all parameters except the signature itself.
    fn string_to_sign(&self, key: &str, host: &str, date: &str, scope: &str) -> String {
        let mut parameters = self.encoded();
        parameters.retain(|parameter| !parameter.starts_with(&format!("{SIGNATURE}=")));
        parameters.sort_unstable();
        let request =
            format!("GET\n{}\n{}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD", path_of(key), parameters.join("&"));
        format!("{ALGORITHM}\n{date}\n{scope}\n{}", digest(request.as_bytes()))
    }
}

/// Handles a download and injects its fault.
pub(super) fn get(store: &StoreState, resource: &Resource, head: &Parts) -> Reply {
    // A download changes nothing, so a fault before it and one after it have the same effect.
    let (before, after) = store.faults.next(&FaultTarget::Download);
    let fault = before.or(after);
    match fault {
        Some(FaultKind::Reset { after: None }) => return Err(ConnectionClosed),
        Some(FaultKind::Respond(response) | FaultKind::RespondEarly(response)) => {
            return Ok((response.to_response(), BodyEnd::Complete));
        }
        Some(FaultKind::Expire) => return Ok((S3Error::expired().into(), BodyEnd::Complete)),
        _ => {}
    }
    let response = try_get(store, resource, head, fault.as_ref()).unwrap_or_else(Response::from);
    Ok(match fault {
        Some(FaultKind::Reset { after }) => (response, BodyEnd::Cut(after.unwrap_or_default())),
        Some(FaultKind::Hang { after }) => (response, BodyEnd::Hang(after.unwrap_or_default())),
        Some(FaultKind::Truncate) => {
            let end = BodyEnd::middle_of(response.body());
            (response, end)
        }
        Some(FaultKind::Corrupt) => {
            (response.map(|body| with_bit_flipped(&body, body.len() / 2)), BodyEnd::Complete)
        }
        _ => (response, BodyEnd::Complete),
    })
}

fn try_get(
    store: &StoreState,
    resource: &Resource,
    head: &Parts,
    fault: Option<&FaultKind>,
) -> Result<Response<Bytes>, S3Error> {
    let key = match resource {
        Resource::Object(key) if !key.is_empty() => key,
        // A presigned link does not give permission to list the bucket.
        Resource::Object(_) | Resource::Bucket => return Err(S3Error::access_denied("Access Denied")),
        Resource::UnknownBucket => return Err(S3Error::no_such_bucket()),
    };
    authorize(store, key, head)?;
    let mut object = store.object(key).ok_or_else(|| {
        S3Error::new(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist.").with("Key", key)
    })?;
    if let Some(FaultKind::ReplaceFile(content)) = fault {
        object = object.with_content(content.clone());
        store.put(key.clone(), object.clone());
    }
    object_response(&object, &head.headers, matches!(fault, Some(FaultKind::IgnoreRange)))
}

/// Checks the signature and the expiry of a link.
fn authorize(store: &StoreState, key: &str, head: &Parts) -> Result<(), S3Error> {
    let query = LinkQuery::parse(head.uri.query().unwrap_or_default());
    let is_signed = query.get("X-Amz-Algorithm").is_some() || query.get(SIGNATURE).is_some();
    if head.headers.contains_key(AUTHORIZATION) {
        return Err(S3Error::two_auth_mechanisms());
    }
    if !is_signed {
        return Err(S3Error::access_denied("Access Denied"));
    }
    let (Some(ALGORITHM), Some(credential), Some(date), Some(expires), Some("host"), Some(signature)) = (
        query.get("X-Amz-Algorithm"),
        query.get("X-Amz-Credential"),
        query.get("X-Amz-Date"),
        query.get("X-Amz-Expires"),
        query.get("X-Amz-SignedHeaders"),
        query.get(SIGNATURE),
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
        return Err(S3Error::expired()
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
) -> Result<Response<Bytes>, S3Error> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let length = object.content().len();
    let last_modified = object.last_modified();
    // Dates are compared as strings, like ETags: any other date means another version of the object.
    let is_same_version =
        text(IF_RANGE).is_none_or(|version| version == object.etag() || version == last_modified);
    let range = text(RANGE).filter(|_| is_same_version && !ignore_range);
    let response = match parse_range(range, length) {
        RequestedRange::Whole => empty_response(StatusCode::OK).with_body(object.content().clone()),
        RequestedRange::Part(part) => {
            let range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            empty_response(StatusCode::PARTIAL_CONTENT)
                .with_body(object.content().slice(part))
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

/// The part of an object that a download requests.
#[derive(Debug, PartialEq)]
enum RequestedRange {
    /// The whole object. There is no `Range` header, or it is one that S3 ignores, such as one with several ranges.
    Whole,
    Part(Range<usize>),
    /// The range is outside the object.
    Unsatisfiable,
}

fn parse_range(header: Option<&str>, length: usize) -> RequestedRange {
    let Some((first, last)) = header
        .and_then(|header| header.trim().strip_prefix("bytes="))
        .and_then(|range| range.split_once('-'))
    else {
        return RequestedRange::Whole;
    };
    match (parse_position(first), parse_position(last)) {
        (Position::Absent, Position::Value(0)) => RequestedRange::Unsatisfiable,
        (Position::Absent, Position::Value(_)) if length == 0 => RequestedRange::Unsatisfiable,
        (Position::Absent, Position::Value(suffix)) => {
            RequestedRange::Part(length.saturating_sub(suffix)..length)
        }
        (Position::Value(first), Position::Value(last)) if first > last => RequestedRange::Whole,
        (Position::Value(first), Position::Absent | Position::Value(_)) if first >= length => {
            RequestedRange::Unsatisfiable
        }
        (Position::Value(first), Position::Absent) => RequestedRange::Part(first..length),
        (Position::Value(first), Position::Value(last)) => {
            RequestedRange::Part(first..last.saturating_add(1).min(length))
        }
        _ => RequestedRange::Whole,
    }
}

/// One of the two numbers of a range.
#[derive(Clone, Copy)]
enum Position {
    Absent,
    Value(usize),
    Invalid,
}

fn parse_position(text: &str) -> Position {
    if text.is_empty() {
        return Position::Absent;
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Position::Invalid;
    }
    // A number that overflows is past the end of every object.
    Position::Value(text.parse().unwrap_or(usize::MAX))
}
