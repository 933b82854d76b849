//! Presigned uploads: reading the body and the multipart form, checking it, and storing its file.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, LOCATION};
use http::{Request, Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use multer::{Constraints, Field, Multipart, SizeLimit};

use super::policy::{self, FormFields, LengthRange};
use super::response::{ResponseExt as _, S3Error, empty_response, escape};
use super::signature::{BUCKET, Resource, path_of};
use super::state::{CallEntry, Object, StoreState};
use crate::faults::{FaultKind, FaultTarget};
use crate::listener::ConnectionClosed;

/// A valid upload that has not been stored yet.
struct ValidUpload {
    key: String,
    object: Object,
    /// The form field `success_action_status`.
    success_status: Option<String>,
}

/// Handles an upload and injects its fault.
pub(super) async fn post(
    store: &StoreState,
    resource: &Resource,
    request: Request<Incoming>,
    entry: CallEntry,
) -> Result<Response<Bytes>, ConnectionClosed> {
    let (before, after) = store.faults.next(&FaultTarget::Upload);
    let max_bytes = match before {
        Some(FaultKind::Reset { after: Some(bytes) } | FaultKind::Hang { after: Some(bytes) }) => bytes,
        _ => u64::MAX,
    };
    let (head, body) = request.into_parts();
    let mut body = UploadBody::new(body, max_bytes, entry.clone());
    if let Some(FaultKind::RespondEarly(response)) = &before {
        return Ok(finish(response.to_response(), body));
    }
    let result = read_upload(store, resource, &head.headers, &mut body, entry).await;
    match (before, after) {
        (Some(fault), _) => {
            body.read_rest().await;
            fail(fault, body).await
        }
        (None, Some(fault)) => {
            body.read_rest().await;
            if let Ok(upload) = result {
                upload.store(store, &mut body).await?;
            }
            fail(fault, body).await
        }
        (None, None) => match result {
            Ok(upload) => upload.store(store, &mut body).await,
            Err(_) if body.is_disconnected() => Err(ConnectionClosed),
            Err(error) => Ok(finish(error.into(), body)),
        },
    }
}

/// Responds to an upload as the fault requires. The body has already been read.
async fn fail(fault: FaultKind, body: UploadBody) -> Result<Response<Bytes>, ConnectionClosed> {
    match fault {
        FaultKind::Respond(response) => Ok(finish(response.to_response(), body)),
        FaultKind::Expire => Ok(finish(S3Error::expired().into(), body)),
        FaultKind::Hang { .. } => std::future::pending().await,
        _ => Err(ConnectionClosed),
    }
}

/// Returns the response without waiting for the rest of the body. The connection is closed afterwards if the body has
/// not been read completely.
fn finish(response: Response<Bytes>, body: UploadBody) -> Response<Bytes> {
    let is_complete = body.is_complete();
    body.discard();
    if is_complete { response } else { response.with_header(CONNECTION, "close") }
}

/// Reads and checks an upload. Fails as early as possible, in most cases before reading the file.
async fn read_upload(
    store: &StoreState,
    resource: &Resource,
    headers: &HeaderMap,
    body: &mut UploadBody,
    entry: CallEntry,
) -> Result<ValidUpload, S3Error> {
    match resource {
        Resource::Bucket => {}
        Resource::Object(_) => return Err(S3Error::method_not_allowed()),
        Resource::UnknownBucket => return Err(S3Error::no_such_bucket()),
    }
    if headers.contains_key(AUTHORIZATION) {
        return Err(S3Error::two_auth_mechanisms());
    }
    if !headers.contains_key(CONTENT_LENGTH) {
        let message = "You must provide the Content-Length HTTP header.";
        return Err(S3Error::new(StatusCode::LENGTH_REQUIRED, "MissingContentLength", message));
    }
    let store_max = store.max_object_bytes();
    let mut form = FormReader::open(headers, body, store_max, entry)?;
    let (fields, file) = form.read_fields().await?;
    let allowed = policy::authorize(&fields, &store.signer, store.clock.now())?;
    let file = file.ok_or_else(|| wrong_file_count(0))?;
    let allowed = allowed.unwrap_or(LengthRange { min: 0, max: store_max });
    let allowed = LengthRange { max: allowed.max.min(store_max), ..allowed };
    let (file_name, content) = form.read_file(file, allowed).await?;

    let mut object = Object::new(content);
    if let Some(media_type) = fields.get("Content-Type") {
        object = object.with_media_type(media_type);
    }
    if let Some(file_name) = file_name {
        object = object.with_file_name(file_name);
    }
    let key = fields.get("key").unwrap_or_default().to_owned();
    let success_status = fields.get("success_action_status").map(str::to_owned);
    Ok(ValidUpload { key, object, success_status })
}

impl ValidUpload {
    /// Stores the object once the request body is complete. The form alone is not enough, because it may end before
    /// the announced length of the body.
    async fn store(
        self,
        store: &StoreState,
        body: &mut UploadBody,
    ) -> Result<Response<Bytes>, ConnectionClosed> {
        body.read_rest().await;
        if !body.is_complete() {
            return Err(ConnectionClosed);
        }
        let response = self.response(store);
        store.put(self.key, self.object);
        Ok(response)
    }

    fn response(&self, store: &StoreState) -> Response<Bytes> {
        let etag = self.object.etag();
        let location = format!("{}{}", store.url, path_of(&self.key));
        let response = match self.success_status.as_deref() {
            Some("200") => empty_response(StatusCode::OK),
            Some("201") => empty_response(StatusCode::CREATED).with_xml(format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>{}</Location>\
                 <Bucket>{BUCKET}</Bucket><Key>{}</Key><ETag>{}</ETag></PostResponse>",
                escape(&location),
                escape(&self.key),
                escape(etag),
            )),
            _ => empty_response(StatusCode::NO_CONTENT),
        };
        response.with_header(ETAG, etag).with_header(LOCATION, &location)
    }
}

/// S3's limit on the names and values of all fields before the file.
const MAX_FIELD_BYTES: usize = 20 * 1024;

/// The allowance for boundaries and the headers of the parts. It limits what the multipart parser buffers.
const MAX_OVERHEAD_BYTES: u64 = 64 * 1024;

/// Reads a form part by part.
struct FormReader<'a> {
    parts: Multipart<'a>,
    entry: CallEntry,
}

/// The file part, whose content has not been read yet.
struct FileField<'a>(Field<'a>);

impl<'a> FormReader<'a> {
    fn open(
        headers: &HeaderMap,
        body: &'a mut UploadBody,
        max_file_bytes: u64,
        entry: CallEntry,
    ) -> Result<Self, S3Error> {
        let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary =
            multer::parse_boundary(media_type.unwrap_or_default()).map_err(|error| match error {
                multer::Error::NoBoundary => malformed(),
                _ => not_multipart(),
            })?;
        let max_bytes =
            max_file_bytes.saturating_add(MAX_FIELD_BYTES as u64).saturating_add(MAX_OVERHEAD_BYTES);
        let constraints = Constraints::new().size_limit(SizeLimit::new().whole_stream(max_bytes));
        Ok(Self { parts: Multipart::with_constraints(body, boundary, constraints), entry })
    }

    /// Reads the fields before the file. Returns them with the file part, if there is one.
    async fn read_fields(&mut self) -> Result<(FormFields, Option<FileField<'a>>), S3Error> {
        let mut fields = FormFields::default();
        let mut total = 0;
        while let Some((name, mut part)) = self.next_part().await? {
            if name.eq_ignore_ascii_case("file") {
                return Ok((fields, Some(FileField(part))));
            }
            let mut value = BytesMut::new();
            total += name.len();
            while let Some(chunk) = part.chunk().await.map_err(|error| parser_error(&error))? {
                if total + value.len() + chunk.len() > MAX_FIELD_BYTES {
                    return Err(fields_too_large());
                }
                value.extend_from_slice(&chunk);
            }
            total += value.len();
            let value = String::from_utf8(value.into()).map_err(|_| malformed())?;
            if name.eq_ignore_ascii_case("key") {
                self.entry.update(|call| call.key = Some(value.clone()));
            }
            fields.push(name, value)?;
        }
        Ok((fields, None))
    }

    /// Reads the file. Returns its name and content, or an error if another part follows.
    async fn read_file(
        &mut self,
        part: FileField<'a>,
        allowed: LengthRange,
    ) -> Result<(Option<String>, Bytes), S3Error> {
        let FileField(mut part) = part;
        let file_name = part.file_name().map(str::to_owned);
        let mut content = BytesMut::new();
        while let Some(chunk) = part.chunk().await.map_err(|error| parser_error(&error))? {
            content.extend_from_slice(&chunk);
            if content.len() as u64 > allowed.max {
                return Err(allowed.too_large(content.len() as u64));
            }
        }
        // The parser does not continue with the next part while this one exists.
        drop(part);
        match self.next_part().await? {
            Some((name, _)) if name.eq_ignore_ascii_case("file") => return Err(wrong_file_count(2)),
            Some((name, _)) => {
                let message = format!("The file must be the last field, and '{name}' follows it.");
                return Err(S3Error::invalid_argument(message, &name));
            }
            None => {}
        }
        if (content.len() as u64) < allowed.min {
            return Err(allowed.too_small(content.len() as u64));
        }
        Ok((file_name, content.freeze()))
    }

    async fn next_part(&mut self) -> Result<Option<(String, Field<'a>)>, S3Error> {
        let Some(part) = self.parts.next_field().await.map_err(|error| parser_error(&error))? else {
            return Ok(None);
        };
        let name = part.name().ok_or_else(malformed)?.to_owned();
        self.entry.update(|call| call.fields.push(name.clone()));
        Ok(Some((name, part)))
    }
}

fn wrong_file_count(count: usize) -> S3Error {
    S3Error::invalid_argument("POST requires exactly one file upload per request.", "file")
        .with("ArgumentValue", &count)
}

fn parser_error(error: &multer::Error) -> S3Error {
    match error {
        multer::Error::StreamSizeExceeded { limit } => {
            LengthRange { min: 0, max: *limit }.too_large(*limit + 1)
        }
        _ => malformed(),
    }
}

fn malformed() -> S3Error {
    let message = "The body of your POST request is not well-formed multipart/form-data.";
    S3Error::bad_request("MalformedPOSTRequest", message)
}

fn not_multipart() -> S3Error {
    let message = "At least one of the pre-conditions you specified did not hold";
    S3Error::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", message)
        .with("Condition", "Bucket POST must be of the enclosure-type multipart/form-data")
}

fn fields_too_large() -> S3Error {
    let message = "Your POST request fields preceding the upload file were too large.";
    S3Error::bad_request("MaxPostPreDataLengthExceededError", message)
}

/// The body of an upload, read as a stream with a limit and a byte count.
struct UploadBody {
    body: Incoming,
    bytes_read: u64,
    max_bytes: u64,
    status: ReadStatus,
    /// The entry that is updated with the number of bytes read, or `None` if the rest of the body is discarded.
    entry: Option<CallEntry>,
}

#[derive(Clone, Copy, PartialEq)]
enum ReadStatus {
    Reading,
    Complete,
    LimitReached,
    /// The client has disconnected.
    Disconnected,
}

/// The error for a body that ended before it was complete.
#[derive(Debug)]
struct IncompleteBody;

impl fmt::Display for IncompleteBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request body ended too early")
    }
}

impl std::error::Error for IncompleteBody {}

impl UploadBody {
    /// Creates a body of which at most `max_bytes` are read.
    fn new(body: Incoming, max_bytes: u64, entry: CallEntry) -> Self {
        Self { body, bytes_read: 0, max_bytes, status: ReadStatus::Reading, entry: Some(entry) }
    }

    /// Reads the rest of the body, up to the limit.
    async fn read_rest(&mut self) {
        while self.next().await.is_some_and(|chunk| chunk.is_ok()) {}
    }

    /// Checks whether the client has disconnected, so that no response can be sent.
    fn is_disconnected(&self) -> bool {
        self.status == ReadStatus::Disconnected
    }

    /// Checks whether the whole body has been read.
    fn is_complete(&self) -> bool {
        self.status == ReadStatus::Complete
    }

    /// Reads the rest of the body in the background without counting it. If the connection were closed with unread
    /// data, the kernel would reset it, and the client could lose the response.
    fn discard(mut self) {
        self.entry = None;
        if !self.is_complete() {
            tokio::spawn(async move { self.read_rest().await });
        }
    }
}

impl Stream for UploadBody {
    type Item = Result<Bytes, IncompleteBody>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match self.status {
                ReadStatus::Complete => return Poll::Ready(None),
                ReadStatus::LimitReached | ReadStatus::Disconnected => {
                    return Poll::Ready(Some(Err(IncompleteBody)));
                }
                ReadStatus::Reading if self.bytes_read >= self.max_bytes => {
                    self.status = ReadStatus::LimitReached;
                    continue;
                }
                ReadStatus::Reading => {}
            }
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            let Some(Ok(frame)) = frame else {
                self.status = if frame.is_none() { ReadStatus::Complete } else { ReadStatus::Disconnected };
                continue;
            };
            let Ok(mut chunk) = frame.into_data() else { continue };
            let limit = usize::try_from(self.max_bytes - self.bytes_read).unwrap_or(usize::MAX);
            chunk.truncate(limit);
            self.bytes_read += chunk.len() as u64;
            if let Some(entry) = &self.entry {
                entry.update(|call| call.body_bytes_read = self.bytes_read);
            }
            return Poll::Ready(Some(Ok(chunk)));
        }
    }
}
