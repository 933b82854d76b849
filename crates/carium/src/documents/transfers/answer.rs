//! What an object store answers, in the words of this crate.

use http::header::{CONTENT_DISPOSITION, CONTENT_RANGE, ETAG};
use http::{HeaderMap, StatusCode};

use crate::error::{Error, ErrorKind};
use crate::transport::retry_after;

/// How much of a refusal is read, to find out what it says. It is never kept.
pub(super) const LONGEST_REFUSAL: usize = 16 * 1024;

/// The error that a refusal comes down to. Stores say that a form or a URL has expired in words only: S3 in a
/// 403 ("Policy expired", "Request has expired"), in a 400 where it is the credentials behind them.
pub(super) fn refused(status: StatusCode, headers: &HeaderMap, text: &[u8]) -> Error {
    let says = |word: &[u8]| text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
    let has_expired = matches!(status.as_u16(), 400 | 401 | 403 | 410) && says(b"expired");
    let (kind, what) = match status.as_u16() {
        _ if has_expired => (ErrorKind::Expired, "the object store says that what it was shown has expired"),
        // S3's way to say that a connection fell silent.
        400 if says(b"RequestTimeout") => (ErrorKind::TimedOut, "the object store gave up waiting"),
        413 => (ErrorKind::Rejected, "the file is larger than the object store takes"),
        400 if says(b"EntityTooLarge") => (ErrorKind::Rejected, "the file is larger than the form permits"),
        400 if says(b"EntityTooSmall") => (ErrorKind::Rejected, "the file is smaller than the form permits"),
        401 | 403 => (ErrorKind::Forbidden, "the object store does not take what it was shown"),
        404 | 410 => (ErrorKind::NotFound, "the object store does not have the file"),
        408 => (ErrorKind::TimedOut, "the object store gave up waiting"),
        429 => (ErrorKind::RateLimited, "the object store had too many requests"),
        500..=599 => (ErrorKind::Unavailable, "the object store could not answer"),
        300..=399 => {
            (ErrorKind::Undecodable, "the object store answered with a redirect, which is not followed")
        }
        400..=499 => (ErrorKind::Rejected, "the object store refuses the request"),
        _ => (ErrorKind::Undecodable, "the object store answered with a status that means nothing here"),
    };
    let error = Error::new(kind, what).with_status(status.as_u16());
    match retry_after(headers) {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}

/// What `Content-Range` says (RFC 9110, section 14.4): the first byte, where there is a range, and the length of
/// the whole, where it is known.
pub(super) fn content_range(headers: &HeaderMap) -> Option<(Option<u64>, Option<u64>)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?.trim();
    let (unit, rest) = text.split_once(' ')?;
    let (range, total) = rest.split_once('/')?;
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let first = if range.trim() == "*" { None } else { Some(number(range.split_once('-')?.0)?) };
    let total = if total.trim() == "*" { None } else { Some(number(total)?) };
    unit.eq_ignore_ascii_case("bytes").then_some((first, total))
}

/// What a version is recognised by: a strong entity tag. A weak one says that two versions are as good as the
/// same, which is not enough to put them together.
pub(super) fn version(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get(ETAG)?.to_str().ok()?;
    (tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2).then(|| tag.to_owned())
}

/// The name in `Content-Disposition` (RFC 6266): `filename*` before `filename`.
pub(super) fn file_name(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(CONTENT_DISPOSITION)?;
    let text = String::from_utf8_lossy(header.as_bytes());
    let mut plain = None;
    for (name, value) in parameters(&text) {
        if name.eq_ignore_ascii_case("filename*") {
            if let Some(extended) = extended(&value) {
                return Some(extended);
            }
        } else if name.eq_ignore_ascii_case("filename") {
            plain.get_or_insert(value);
        }
    }
    plain
}

/// The parameters of a header, quotes taken off.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, left) = if let Some(quoted) = after.strip_prefix('"') {
            unquoted(quoted)
        } else {
            let (value, left) = after.split_once(';').unwrap_or((after, ""));
            (value.trim().to_owned(), left)
        };
        found.push((name.trim_matches([';', ' ', '\t']).to_owned(), value));
        rest = left;
    }
    found
}

/// A quoted text up to its closing quote, and what follows that.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

/// `UTF-8''percent%20encoded` (RFC 8187).
fn extended(text: &str) -> Option<String> {
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
    fn reads_what_a_range_is_of() {
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
    fn reads_the_name_of_a_file() {
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
    fn only_a_strong_tag_is_a_version() {
        assert_eq!(version(&headers("etag", "\"abc\"")).as_deref(), Some("\"abc\""));
        for weak in ["W/\"abc\"", "abc", "\"abc", "\"\"", ""] {
            assert_eq!(version(&headers("etag", weak)), None, "{weak}");
        }
    }

    #[test]
    fn a_refusal_is_told_by_status_and_word() {
        let kind = |status: u16, text: &str| {
            refused(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), text.as_bytes()).kind()
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
    }
}
