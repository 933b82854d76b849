//! Transfers over HTTP, by a client of their own.
//!
//! It is another client than the API's, so that there is no way for a token, a cookie or a header of the
//! session to reach the store. HTTP/1.1 only: a large body costs twice to four times as much over HTTP/2.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use carium_api::Secret;
use futures_util::stream::{self, StreamExt as _};
use http::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, IF_RANGE, LOCATION, RANGE, TRANSFER_ENCODING,
};
use http::{HeaderValue, StatusCode};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::activity::{Activity, Silent};
use super::answer::{LONGEST_REFUSAL, content_range, file_name, refused, version};
use super::multipart::{Envelope, Sending, UntilDropped, small};
use super::{ByteRange, DownloadResponse, FilePart, Transfers, UploadForm};
use crate::documents::local;
use crate::error::{Error, ErrorKind};

/// Transfers over HTTP.
pub(crate) struct HttpTransfers {
    client: reqwest::Client,
    /// How long nothing may move.
    silence: Duration,
    /// Whether files may travel in the clear: where the API itself is reached so.
    allow_plain_http: bool,
}

/// How long is waited for what an answer has to say beside its status.
const A_MOMENT: Duration = Duration::from_secs(2);
/// A store sends a reader on to another place once or twice; more is a circle.
const MOST_REDIRECTS: usize = 5;

impl HttpTransfers {
    pub(crate) fn new(client: reqwest::Client, silence: Duration, allow_plain_http: bool) -> Self {
        Self { client, silence, allow_plain_http }
    }

    fn checked(&self, url: &str) -> Result<Url, Error> {
        let url = Url::parse(url).ok().filter(|url| url.host().is_some());
        let is_taken = |url: &Url| match url.scheme() {
            "https" => true,
            "http" => self.allow_plain_http,
            _ => false,
        };
        // A user in it would become an `Authorization` header.
        let has_user = |url: &Url| !url.username().is_empty() || url.password().is_some();
        url.filter(|url| is_taken(url) && !has_user(url)).ok_or_else(|| {
            Error::new(
                ErrorKind::Undecodable,
                "the service gave a URL that is not one of https; nothing was sent",
            )
        })
    }

    /// Reads a redirect's target. Only the same scheme will do: a store that leads from https to http would
    /// have a file travel in the clear.
    fn target(&self, from: &Url, answer: &reqwest::Response) -> Result<Url, Error> {
        let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let target = location.and_then(|location| from.join(location).ok());
        let target = target.filter(|target| target.scheme() == from.scheme());
        let to = target.ok_or_else(|| refused(answer.status(), answer.headers(), b""))?;
        self.checked(to.as_str())
    }
}

async fn refusal(answer: reqwest::Response) -> Error {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = read_some(answer).await;
    refused(status, &headers, &text)
}

/// The beginning of an answer, as far as it comes in a moment. To its end, which lets the connection be used again,
/// where that is near.
async fn read_some(mut answer: reqwest::Response) -> Bytes {
    let until = Instant::now() + A_MOMENT;
    let mut text = BytesMut::new();
    while text.len() < LONGEST_REFUSAL
        && let Ok(Ok(Some(chunk))) = timeout_at(until, answer.chunk()).await
    {
        text.extend_from_slice(&chunk);
    }
    text.truncate(LONGEST_REFUSAL);
    text.freeze()
}

#[async_trait]
impl Transfers for HttpTransfers {
    async fn post(&self, form: &UploadForm, file: FilePart) -> Result<(), Error> {
        let url = self.checked(form.url().expose())?;
        let envelope = Envelope::new(form, &file);
        let content_type = envelope.content_type();
        let activity = Arc::new(Activity::new());
        let (body, sending) = if let Some(bytes) = small(&file) {
            (envelope.around(&bytes).into(), Sending::at_once())
        } else {
            let blocks = file.content.into_stream();
            let (body, sending) = envelope.around_blocks(file.length, blocks, Arc::clone(&activity));
            (reqwest::Body::wrap(body), sending)
        };
        let _until_dropped = UntilDropped(sending.clone());
        let request = self.client.post(url).header(CONTENT_TYPE, content_type).body(body);
        let answered = activity.unless_silent(self.silence, request.send()).await;
        if let Some(error) = sending.failure() {
            return Err(local::failed("the file could not be read as it was announced", &error));
        }
        let answer = answered.map_err(silent)?.map_err(failed)?;
        if is_taken(&answer, form) {
            if !sending.is_whole() {
                let what = "the object store answered before it had the file";
                return Err(Error::new(ErrorKind::Unavailable, what).with_status(answer.status().as_u16()));
            }
            read_some(answer).await;
            return Ok(());
        }
        Err(refusal(answer).await)
    }

    async fn get(&self, url: &Secret, range: Option<ByteRange>) -> Result<DownloadResponse, Error> {
        range.as_ref().map_or(Ok(()), ByteRange::check)?;
        let mut url = self.checked(url.expose())?;
        for _ in 0..=MOST_REDIRECTS {
            let mut request = self
                .client
                .get(url.clone())
                // What is stored is what is wanted, and lengths and ranges are of that.
                .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            if let Some(range) = &range {
                request = in_range(request, range);
            }
            let answer = tokio::time::timeout(self.silence, request.send())
                .await
                .map_err(|_| silent(Silent))?
                .map_err(failed)?;
            match answer.status() {
                StatusCode::OK | StatusCode::PARTIAL_CONTENT => return incoming(answer, self.silence),
                StatusCode::RANGE_NOT_SATISFIABLE => {
                    return nothing_left(&answer, range.map_or(0, |range| range.from));
                }
                status if status.is_redirection() => url = self.target(&url, &answer)?,
                _ => return Err(refusal(answer).await),
            }
        }
        Err(Error::new(ErrorKind::Undecodable, "the object store leads from one redirect to the next"))
    }
}

fn in_range(request: reqwest::RequestBuilder, range: &ByteRange) -> reqwest::RequestBuilder {
    let request = match range.until {
        // Its last byte is in a range of HTTP.
        Some(until) => request.header(RANGE, format!("bytes={}-{}", range.from, until.saturating_sub(1))),
        None => request.header(RANGE, format!("bytes={}-", range.from)),
    };
    match &range.if_version {
        Some(version) => request.header(IF_RANGE, version),
        None => request,
    }
}

/// Whether a form was taken. Where it has a field that says where to send a browser, a 303 is how a store says
/// so; nobody is sent there.
fn is_taken(answer: &reqwest::Response, form: &UploadForm) -> bool {
    let redirects = |name: &str| matches!(name, "success_action_redirect" | "redirect");
    let is_sent_on = || form.fields().iter().any(|(name, _)| redirects(name));
    answer.status().is_success() || (answer.status() == StatusCode::SEE_OTHER && is_sent_on())
}

fn incoming(answer: reqwest::Response, silence: Duration) -> Result<DownloadResponse, Error> {
    let headers = answer.headers();
    let (start, total) = if answer.status() == StatusCode::PARTIAL_CONTENT {
        let Some((Some(start), total)) = content_range(headers) else {
            return Err(Error::new(
                ErrorKind::Undecodable,
                "the object store does not say which range it gives",
            )
            .with_status(answer.status().as_u16()));
        };
        (start, total)
    } else {
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        // A body that ends where the connection does cannot be told from one that was cut off.
        if length.is_none() && !headers.contains_key(TRANSFER_ENCODING) {
            let what = "the object store does not say how long the file is";
            return Err(Error::new(ErrorKind::Undecodable, what).with_status(answer.status().as_u16()));
        }
        (0, length)
    };
    let (version, file_name) = (version(headers), file_name(headers));
    let body = stream::unfold(Some(answer), move |answer| async move {
        let mut answer = answer?;
        match tokio::time::timeout(silence, answer.chunk()).await {
            Ok(Ok(Some(chunk))) => Some((Ok(chunk), Some(answer))),
            Ok(Ok(None)) => None,
            Ok(Err(error)) => Some((Err(failed(error)), None)),
            Err(_) => Some((Err(silent(Silent)), None)),
        }
    });
    Ok(DownloadResponse { start, total, version, file_name, body: body.boxed() })
}

/// A range that begins where the file ends is empty, and no failure.
fn nothing_left(answer: &reqwest::Response, from: u64) -> Result<DownloadResponse, Error> {
    match content_range(answer.headers()) {
        Some((None, Some(total))) if total == from => {
            let body = stream::empty().boxed();
            Ok(DownloadResponse {
                start: from,
                total: Some(total),
                version: version(answer.headers()),
                file_name: None,
                body,
            })
        }
        _ => Err(refused(answer.status(), answer.headers(), b"")),
    }
}

fn silent(_: Silent) -> Error {
    Error::new(ErrorKind::TimedOut, "nothing moved between here and the object store for too long")
}

/// `reqwest` puts the URL into its errors, and the signature is in the URL.
fn failed(error: reqwest::Error) -> Error {
    let (kind, what) = if error.is_connect() {
        (ErrorKind::Unavailable, "the object store cannot be reached")
    } else if error.is_timeout() {
        (ErrorKind::TimedOut, "there was no answer from the object store in time")
    } else {
        (ErrorKind::Unavailable, "the connection to the object store ended too soon")
    };
    Error::new(kind, what).with_source(error.without_url())
}
