//! Interpretation of an object store's responses: errors, ranges, versions and file names.

use std::borrow::Cow;

use http::header::{CONTENT_DISPOSITION, CONTENT_RANGE, ETAG};
use http::{HeaderMap, StatusCode};

use crate::error::{Error, ErrorKind};
use crate::headers::retry_after;

/// Maximum number of bytes that are read of an error response, to find its error code. The text is never kept.
pub(super) const MAX_ERROR_BODY: usize = 16 * 1024;

/// Returns the error for an object store's error response, from its status, its headers, and its body or the
/// beginning of it. For implementations of [`Transfers`](super::Transfers). Of the body, only a known error code of S3 is
/// kept.
// Object stores report an expired form or URL in the body only. S3 does so with a 403 ("Policy expired", "Request has
// expired"), or with a 400 if the credentials behind the signature have expired.
pub fn store_error(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let contains = |word: &[u8]| body.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
    let has_expired = matches!(status.as_u16(), 400 | 401 | 403 | 410) && contains(b"expired");
    let (kind, message) = match status.as_u16() {
        _ if has_expired => (ErrorKind::Expired, "the presigned form or URL has expired"),
        // S3 closes an idle connection with this error code.
        400 if contains(b"RequestTimeout") => {
            (ErrorKind::TimedOut, "the object store timed out while it waited for the request")
        }
        413 => (ErrorKind::Rejected, "the file is larger than the object store accepts"),
        400 if contains(b"EntityTooLarge") => {
            (ErrorKind::Rejected, "the file is larger than the form permits")
        }
        400 if contains(b"EntityTooSmall") => {
            (ErrorKind::Rejected, "the file is smaller than the form permits")
        }
        401 | 403 => (ErrorKind::Forbidden, "the object store denied access with the presigned form or URL"),
        404 | 410 => (ErrorKind::NotFound, "the object store does not have the file"),
        408 => (ErrorKind::TimedOut, "the object store timed out while it waited for the request"),
        429 => (ErrorKind::RateLimited, "the object store received too many requests"),
        500..=599 => (ErrorKind::Unavailable, "the object store is unavailable"),
        // S3 does so for some minutes after a bucket was created.
        307 if contains(b"TemporaryRedirect") => (
            ErrorKind::Unavailable,
            "the object store redirects to another address for a while, as it does after a bucket was created; \
             retry later",
        ),
        301 if contains(b"PermanentRedirect") => (
            ErrorKind::Undecodable,
            "the presigned form or URL is for another region than that of the bucket; this has to be corrected by the \
             service",
        ),
        300..=399 => (ErrorKind::Undecodable, "the object store sent a redirect that cannot be followed"),
        400..=499 => (ErrorKind::Rejected, "the object store rejected the request"),
        _ => (ErrorKind::Undecodable, "the object store sent an unexpected status"),
    };
    let message = match store_code(body) {
        Some(code) => format!("{message} ({code})").into(),
        None => Cow::Borrowed(message),
    };
    let error = Error::new(kind, message).with_status(status.as_u16());
    match retry_after(headers) {
        Some(delay) => error.with_retry_after(delay),
        None => error,
    }
}

/// Returns whether a response confirms an upload, or the error that it stands for. For implementations of
/// [`Transfers`](super::Transfers).
///
/// S3 responds to a form with 204, with 200 and no body, or with 201 and a `PostResponse`. Any other success can come from
/// a captive portal or another proxy, as can a redirect without an error code of S3. Both are errors of the kind
/// [`Unavailable`](ErrorKind::Unavailable).
///
/// # Errors
/// Those of [`store_error`] for other statuses.
pub fn upload_result(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<(), Error> {
    let has_no_body = body.trim_ascii().is_empty();
    let is_confirmed = match status {
        StatusCode::NO_CONTENT => true,
        StatusCode::OK => has_no_body,
        StatusCode::CREATED => has_no_body || body.windows(13).any(|window| window == b"<PostResponse"),
        _ => false,
    };
    if is_confirmed {
        return Ok(());
    }
    // The redirects of an object store have an error code; one without comes from a proxy, for example to a sign-in page.
    let is_foreign = status.is_success() || status.is_redirection() && store_code(body).is_none();
    if !is_foreign {
        return Err(store_error(status, headers, body));
    }
    let message = "the response is not one of an object store, for example a page of a proxy: \
                   the file was probably not uploaded";
    Err(Error::new(ErrorKind::Unavailable, message).with_status(status.as_u16()))
}

/// The error codes of S3 that a presigned form or URL can meet, from its "List of error codes". Only these are shown: any
/// other text could be part of a document.
const STORE_CODES: &[&str] = &[
    "AccessDenied",
    "AccountProblem",
    "AllAccessDisabled",
    "AuthorizationQueryParametersError",
    "BadDigest",
    "BucketAlreadyExists",
    "EntityTooLarge",
    "EntityTooSmall",
    "ExpiredToken",
    "IncompleteBody",
    "IncorrectNumberOfFilesInPostRequest",
    "InternalError",
    "InvalidAccessKeyId",
    "InvalidArgument",
    "InvalidBucketState",
    "InvalidDigest",
    "InvalidObjectState",
    "InvalidPolicyDocument",
    "InvalidRange",
    "InvalidRequest",
    "InvalidSecurity",
    "InvalidStorageClass",
    "InvalidToken",
    "KeyTooLongError",
    "MalformedPOSTRequest",
    "MalformedXML",
    "MaxPostPreDataLengthExceededError",
    "MethodNotAllowed",
    "MissingContentLength",
    "NoSuchBucket",
    "NoSuchKey",
    "NoSuchVersion",
    "NotImplemented",
    "OperationAborted",
    "PermanentRedirect",
    "PreconditionFailed",
    "Redirect",
    "RequestIsNotMultiPartContent",
    "RequestTimeout",
    "RequestTimeTooSkewed",
    "ServiceUnavailable",
    "SignatureDoesNotMatch",
    "SlowDown",
    "TemporaryRedirect",
    "UserKeyMustBeSpecified",
];

/// Returns the error code in the body of an error response, if it is a known one.
fn store_code(body: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(body);
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    STORE_CODES.iter().copied().find(|known| *known == code.trim())
}

/// Parses `Content-Range` (RFC 9110, section 14.4): the first byte, or `None` for an unsatisfied range, and the
/// length of the whole file, if known.
pub(super) fn content_range(headers: &HeaderMap) -> Option<(Option<u64>, Option<u64>)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?.trim();
    let (unit, rest) = text.split_once(' ')?;
    let (range, total) = rest.split_once('/')?;
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let first = if range.trim() == "*" { None } else { Some(number(range.split_once('-')?.0)?) };
    let total = if total.trim() == "*" { None } else { Some(number(total)?) };
    unit.eq_ignore_ascii_case("bytes").then_some((first, total))
}

/// Returns the version of a file: its strong entity tag. Weak tags are ignored. They only state that two versions are
/// equivalent, which is not enough to combine bytes of both.
pub(super) fn version(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get(ETAG)?.to_str().ok()?;
    (tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2).then(|| tag.to_owned())
}

/// Returns the file name in `Content-Disposition` (RFC 6266). `filename*` takes precedence over `filename`.
pub(super) fn file_name(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(CONTENT_DISPOSITION)?;
    let text = String::from_utf8_lossy(header.as_bytes());
    let mut plain = None;
    for (name, value) in parameters(&text) {
        if name.eq_ignore_ascii_case("filename*") {
            if let Some(decoded) = decode_extended(&value) {
                return Some(decoded);
            }
        } else if name.eq_ignore_ascii_case("filename") {
            plain.get_or_insert(value);
        }
    }
    plain
}

/// Parses the parameters of a header value and removes quotes.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    let mut rest = text.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, after_name)) = rest.split_once('=') {
        let after_name = after_name.trim_start();
        let (value, after_value) = if let Some(quoted) = after_name.strip_prefix('"') {
            unquote(quoted)
        } else {
            let (value, after_value) = after_name.split_once(';').unwrap_or((after_name, ""));
            (value.trim().to_owned(), after_value)
        };
        parameters.push((name.trim_matches([';', ' ', '\t']).to_owned(), value));
        rest = after_value;
    }
    parameters
}

/// Returns the text up to the closing quote, and the rest of the input.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((index, letter)) = letters.next() {
        match letter {
            '"' => return (value, &text[index + 1..]),
            '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

/// Decodes an extended value such as `UTF-8''percent%20encoded` (RFC 8187).
fn decode_extended(text: &str) -> Option<String> {
    let (charset, rest) = text.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    percent_encoding::percent_decode_str(encoded).decode_utf8().ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &str, value: &str) -> HeaderMap {
        [(name.parse().unwrap(), http::HeaderValue::from_bytes(value.as_bytes()).unwrap())]
            .into_iter()
            .collect()
    }

    #[test]
    fn parses_content_range() {
        for (text, expected) in [
            ("bytes 5-9/10", Some((Some(5), Some(10)))),
            ("bytes 5-9/*", Some((Some(5), None))),
            ("bytes */10", Some((None, Some(10)))),
            ("Bytes 0-0/1", Some((Some(0), Some(1)))),
            ("items 5-9/10", None),
            ("bytes 5/10", None),
            ("bytes x-9/10", None),
            ("bytes 5-9/x", None),
            ("bytes -5/10", None),
            ("", None),
        ] {
            assert_eq!(content_range(&headers("content-range", text)), expected, "{text}");
        }
    }

    #[test]
    fn parses_file_name_of_content_disposition() {
        for (text, expected) in [
            ("attachment; filename=letter.pdf", Some("letter.pdf")),
            ("attachment; filename=\"a; b=c.pdf\"; size=3", Some("a; b=c.pdf")),
            (r#"attachment; filename="say \"hi\".pdf""#, Some(r#"say "hi".pdf"#)),
            (
                "attachment; filename=\"plain.pdf\"; filename*=UTF-8''%C3%9Cberweisung.pdf",
                Some("Überweisung.pdf"),
            ),
            ("attachment; filename*=utf-8'de'%E7%B4%B9.pdf; filename=\"plain.pdf\"", Some("紹.pdf")),
            ("attachment; filename*=iso-8859-1''x.pdf; filename=plain.pdf", Some("plain.pdf")),
            ("attachment; filename=\"Überweisung.pdf\"", Some("Überweisung.pdf")),
            ("attachment; FILENAME=letter.pdf", Some("letter.pdf")),
            ("attachment; filename=\"open", Some("open")),
            ("attachment", None),
            ("filename", None),
            ("", None),
        ] {
            assert_eq!(file_name(&headers("content-disposition", text)).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn only_strong_entity_tags_are_versions() {
        assert_eq!(version(&headers("etag", "\"abc\"")).as_deref(), Some("\"abc\""));
        for weak in ["W/\"abc\"", "abc", "\"abc", "\"\"", ""] {
            assert_eq!(version(&headers("etag", weak)), None, "{weak}");
        }
    }

    #[test]
    fn maps_status_and_body_to_error_kind() {
        let kind = |status: u16, body: &str| {
            store_error(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes()).kind()
        };
        assert_eq!(
            kind(403, "<Message>Invalid according to Policy: Policy expired.</Message>"),
            ErrorKind::Expired
        );
        assert_eq!(kind(403, "<Message>Request has expired</Message>"), ErrorKind::Expired);
        assert_eq!(kind(400, "<Code>ExpiredToken</Code>"), ErrorKind::Expired);
        assert_eq!(kind(403, "<Code>AccessDenied</Code>"), ErrorKind::Forbidden);
        assert_eq!(kind(500, "expired"), ErrorKind::Unavailable);
        assert_eq!(kind(400, "<Code>RequestTimeout</Code>"), ErrorKind::TimedOut);
        assert_eq!(kind(400, "<Code>EntityTooLarge</Code>"), ErrorKind::Rejected);
        assert_eq!(kind(404, ""), ErrorKind::NotFound);
        assert_eq!(kind(307, ""), ErrorKind::Undecodable);
        assert_eq!(kind(307, "<Code>TemporaryRedirect</Code>"), ErrorKind::Unavailable);
    }

    #[test]
    fn message_contains_known_error_codes_only() {
        let message =
            |body: &str| store_error(StatusCode::FORBIDDEN, &HeaderMap::new(), body.as_bytes()).to_string();
        for code in ["AccessDenied", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "ExpiredToken"] {
            let text = message(&format!("<Error><Code>{code}</Code><Resource>/canary</Resource></Error>"));
            assert!(text.contains(&format!("({code})")) && !text.contains("canary"), "{text}");
        }
        for body in
            ["<Code>Canary</Code>", "<Code>AccessDenied canary</Code>", "<Code>canary", "AccessDenied", ""]
        {
            let text = message(body);
            assert!(!text.contains("anary") && !text.contains("AccessDenied"), "{text}");
        }
    }

    mod fuzz {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn any_file_name_header_is_parsed_without_panic(
                value in prop_oneof![
                    proptest::collection::vec(any::<u8>(), 0..80),
                    "(attachment|inline)?([;=\"\\\\' %é\t]|filename\\*?=|UTF-8''|%[0-9a-fA-F]{0,2}|[a-z./]){0,20}"
                        .prop_map(String::into_bytes),
                ],
            ) {
                let Ok(value) = http::HeaderValue::from_bytes(&value) else { return Ok(()) };
                let headers: HeaderMap =
                    [CONTENT_DISPOSITION, CONTENT_RANGE, ETAG].map(|name| (name, value.clone())).into_iter().collect();
                if let Some(name) = file_name(&headers) {
                    // The header is read as Latin-1 or UTF-8, so a byte becomes at most 3 bytes.
                    prop_assert!(name.len() <= 3 * value.len());
                }
                let _ = (version(&headers), content_range(&headers));
            }
        }
    }
}
