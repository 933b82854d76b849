//! [`Transfers`] over HTTP.
//!
//! Uses a separate HTTP client, so that the API's access token, cookies and headers cannot reach the object store.
//! HTTP/1.1 only: over HTTP/2, a large body costs two to four times as much CPU time.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use carium_api::Secret;
use futures_util::stream::{self, StreamExt as _};
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, IF_RANGE, LOCATION, RANGE,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::multipart::{BodyStatus, MultipartForm, StopOnDrop, single_buffer};
use super::response::{MAX_ERROR_BODY, content_range, file_name, store_error, upload_result, version};
use super::{ByteRange, DownloadResponse, FilePart, Transfers, UploadForm};
use crate::connect_failure::ConnectFailure;
use crate::error::{Error, ErrorKind};

/// [`Transfers`] over HTTP.
pub(crate) struct HttpTransfers {
    client: reqwest::Client,
    idle_timeout: Duration,
    /// Whether `http` URLs are accepted. Set if the API itself is reached over plain HTTP.
    allow_plain_http: bool,
}

/// Time limit for reading the body of a response of which only the status matters.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);
/// Object stores redirect a download once or twice. More redirects are a loop.
const MAX_REDIRECTS: usize = 5;

impl HttpTransfers {
    pub(crate) fn new(client: reqwest::Client, idle_timeout: Duration, allow_plain_http: bool) -> Self {
        Self { client, idle_timeout, allow_plain_http }
    }

    fn parse_url(&self, url: &str) -> Result<Url, Error> {
        let url = Url::parse(url).ok().filter(|url| url.host().is_some());
        let has_allowed_scheme = |url: &Url| match url.scheme() {
            "https" => true,
            "http" => self.allow_plain_http,
            _ => false,
        };
        // reqwest turns a user name or password in a URL into an `Authorization` header.
        let has_credentials = |url: &Url| !url.username().is_empty() || url.password().is_some();
        url.filter(|url| has_allowed_scheme(url) && !has_credentials(url)).ok_or_else(|| {
            Error::new(
                ErrorKind::Undecodable,
                "the presigned URL is not an https URL, or contains a user name or a password; no request was sent",
            )
        })
    }

    /// Returns the target of a redirect. It must have the same scheme: a redirect from https to http would send the
    /// file unencrypted.
    fn redirect_target(&self, from: &Url, response: &reqwest::Response) -> Result<Url, Error> {
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let target = location.and_then(|location| from.join(location).ok());
        let target = target.filter(|target| target.scheme() == from.scheme());
        let target = target.ok_or_else(|| store_error(response.status(), response.headers(), b""))?;
        self.parse_url(target.as_str())
    }
}

async fn error_of(response: reqwest::Response) -> Error {
    let (status, headers) = (response.status(), response.headers().clone());
    let body = read_start_of_body(response).await;
    store_error(status, &headers, &body)
}

/// Reads the beginning of a body, as far as it arrives within [`BODY_TIMEOUT`]. Reading a short body to its end
/// allows the connection to be reused.
async fn read_start_of_body(mut response: reqwest::Response) -> Bytes {
    let deadline = Instant::now() + BODY_TIMEOUT;
    let mut body = BytesMut::new();
    while body.len() < MAX_ERROR_BODY
        && let Ok(Ok(Some(chunk))) = timeout_at(deadline, response.chunk()).await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(MAX_ERROR_BODY);
    body.freeze()
}

#[async_trait]
impl Transfers for HttpTransfers {
    async fn post(&self, form: &UploadForm, file: FilePart) -> Result<(), Error> {
        let url = self.parse_url(form.url().expose())?;
        let multipart = MultipartForm::new(form, &file);
        let content_type = multipart.content_type();
        let status = BodyStatus::new();
        let body: reqwest::Body = if let Some(bytes) = single_buffer(&file) {
            // One buffer cannot fail or be sent in part.
            status.set_sent();
            multipart.into_buffer(&bytes).into()
        } else {
            let blocks = file.content.into_stream();
            reqwest::Body::wrap(multipart.into_body(file.length, blocks, status.clone()))
        };
        let _stop_on_drop = StopOnDrop(status.clone());
        let request = self.client.post(url).header(CONTENT_TYPE, content_type).body(body);
        let result = status.unless_idle(self.idle_timeout, request.send()).await;
        if let Some(error) = status.take_source_error() {
            let message = "the file could not be read, or its length is not the announced length";
            return Err(Error::from_io(message, &error));
        }
        let response = result.map_err(|_| idle_timeout())?.map_err(connection_error)?;
        let http_status = response.status();
        let is_redirect_of_form = is_redirect_of_form(&response, form);
        if !http_status.is_success() && !is_redirect_of_form {
            let headers = response.headers().clone();
            return upload_result(http_status, &headers, &read_start_of_body(response).await);
        }
        if !status.is_sent() {
            let message = "the object store responded before it received the whole file";
            return Err(Error::new(ErrorKind::Unavailable, message).with_status(http_status.as_u16()));
        }
        let headers = response.headers().clone();
        let body = read_start_of_body(response).await;
        if is_redirect_of_form { Ok(()) } else { upload_result(http_status, &headers, &body) }
    }

    async fn get(&self, url: &Secret, range: Option<ByteRange>) -> Result<DownloadResponse, Error> {
        range.as_ref().map_or(Ok(()), ByteRange::validate)?;
        let mut url = self.parse_url(url.expose())?;
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self
                .client
                .get(url.clone())
                // Lengths, ranges and digests refer to the stored bytes, so the response must not be compressed.
                .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            if let Some(range) = &range {
                request = with_range(request, range);
            }
            let response = timeout(self.idle_timeout, request.send())
                .await
                .map_err(|_| idle_timeout())?
                .map_err(connection_error)?;
            match response.status() {
                StatusCode::OK | StatusCode::PARTIAL_CONTENT => {
                    return download_response(response, self.idle_timeout);
                }
                StatusCode::RANGE_NOT_SATISFIABLE => {
                    return empty_rest(&response, range.map_or(0, |range| range.from));
                }
                status if status.is_redirection() => url = self.redirect_target(&url, &response)?,
                _ => return Err(error_of(response).await),
            }
        }
        Err(Error::new(ErrorKind::Undecodable, "the object store redirected too many times"))
    }
}

fn with_range(request: reqwest::RequestBuilder, range: &ByteRange) -> reqwest::RequestBuilder {
    let request = match range.until {
        // The end of an HTTP range is inclusive.
        Some(until) => request.header(RANGE, format!("bytes={}-{}", range.from, until.saturating_sub(1))),
        None => request.header(RANGE, format!("bytes={}-", range.from)),
    };
    match &range.if_version {
        Some(version) => request.header(IF_RANGE, version),
        None => request,
    }
}

/// Checks whether the object store accepted a form that has a field with a redirect for browsers: it then reports success
/// with a 303. The redirect is not followed.
fn is_redirect_of_form(response: &reqwest::Response, form: &UploadForm) -> bool {
    let is_redirect_field = |name: &str| matches!(name, "success_action_redirect" | "redirect");
    let has_redirect_field = || form.fields().iter().any(|(name, _)| is_redirect_field(name));
    response.status() == StatusCode::SEE_OTHER && has_redirect_field()
}

fn download_response(response: reqwest::Response, read_timeout: Duration) -> Result<DownloadResponse, Error> {
    let headers = response.headers();
    let undecodable =
        |message| Error::new(ErrorKind::Undecodable, message).with_status(response.status().as_u16());
    // The client requests the stored bytes. An object that was stored with an encoding is not the file itself.
    let is_encoded = |value: &HeaderValue| {
        !["identity", "aws-chunked", ""].contains(&value.to_str().unwrap_or("?").trim())
    };
    if headers.get_all(CONTENT_ENCODING).iter().any(is_encoded) {
        let message = "the object store sent the file in an encoding such as gzip, which was not requested: \
                       the file cannot be verified and was not saved";
        return Err(undecodable(message));
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    // The end of a body that is delimited by the end of the connection cannot be told from a lost connection.
    if length.is_none() && response.version() < Version::HTTP_2 && !is_chunked(headers) {
        return Err(undecodable("the object store did not send the length of the file"));
    }
    let (start, total) = if response.status() == StatusCode::PARTIAL_CONTENT {
        let Some((Some(start), total)) = content_range(headers) else {
            return Err(undecodable("the object store sent a range without a valid `Content-Range`"));
        };
        (start, total)
    } else {
        (0, length)
    };
    let (version, file_name) = (version(headers), file_name(headers));
    let body = stream::try_unfold(response, move |mut response| async move {
        let chunk = timeout(read_timeout, response.chunk()).await.map_err(|_| idle_timeout())?;
        Ok(chunk.map_err(connection_error)?.map(|chunk| (chunk, response)))
    });
    Ok(DownloadResponse { start, total, version, file_name, body: body.boxed() })
}

/// Checks whether the last transfer coding of a body is `chunked` (RFC 9112, section 6.3).
fn is_chunked(headers: &HeaderMap) -> bool {
    let last = headers.get_all(TRANSFER_ENCODING).iter().next_back();
    let coding = last.and_then(|value| value.to_str().ok()?.rsplit(',').next());
    coding.is_some_and(|coding| coding.trim().eq_ignore_ascii_case("chunked"))
}

/// Handles a 416: a range that starts exactly at the end of the file is empty, which is not an error.
fn empty_rest(response: &reqwest::Response, from: u64) -> Result<DownloadResponse, Error> {
    match content_range(response.headers()) {
        Some((None, Some(total))) if total == from => Ok(DownloadResponse {
            start: from,
            total: Some(total),
            version: version(response.headers()),
            file_name: None,
            body: stream::empty().boxed(),
        }),
        _ => Err(store_error(response.status(), response.headers(), b"")),
    }
}

fn idle_timeout() -> Error {
    Error::new(ErrorKind::TimedOut, "the connection to the object store was idle for too long")
}

/// Converts an error of the HTTP client. The URL is removed, because it contains the signature.
fn connection_error(error: reqwest::Error) -> Error {
    let reason = if error.is_connect() { ConnectFailure::of(&error) } else { None };
    if let Some(reason) = reason {
        return Error::new(reason.kind(), reason.message("the object store"))
            .with_source(error.without_url());
    }
    let (kind, message) = if error.is_connect() {
        (ErrorKind::Unavailable, "could not connect to the object store")
    } else if error.is_timeout() {
        (ErrorKind::TimedOut, "the object store did not respond in time")
    } else {
        (ErrorKind::Unavailable, "the connection to the object store was lost")
    };
    Error::new(kind, message).with_source(error.without_url())
}
