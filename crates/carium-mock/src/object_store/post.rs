//! Presigned uploads.

use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, ETAG, HeaderMap, LOCATION};
use http::{Request, StatusCode};
use hyper::body::Incoming;

use super::address::{BUCKET, Resource, path_of};
use super::call_log::CallEntry;
use super::error::{S3Error, escape};
use super::fault::StoreFault;
use super::form::{FormReader, wrong_file_count};
use super::object::Object;
use super::policy::{self, LengthRange};
use super::response::BufferedResponse;
use super::server::StoreState;
use super::upload_body::UploadBody;
use crate::listener::ConnectionClosed;

/// A valid upload that has not been stored yet.
struct ValidUpload {
    key: String,
    object: Object,
    /// The form field `success_action_status`.
    success_status: Option<String>,
}

/// Handles an upload and applies its fault.
pub(super) async fn post(
    store: &StoreState,
    resource: &Resource,
    request: Request<Incoming>,
    entry: CallEntry,
    fault: Option<StoreFault>,
) -> Result<BufferedResponse, ConnectionClosed> {
    let (head, body) = request.into_parts();
    let max_bytes = match fault {
        Some(StoreFault::ResetAfter(bytes) | StoreFault::HangAfter(bytes)) => bytes,
        _ => u64::MAX,
    };
    let mut body = UploadBody::new(body, max_bytes, entry.clone());
    if let Some(StoreFault::Respond(response)) = &fault
        && response.before_body
    {
        return Ok(finish(response.clone().into(), body));
    }
    let result = read_upload(store, resource, &head.headers, body.clone(), entry).await;
    match fault {
        Some(StoreFault::ResetAfter(_)) => {
            body.read_rest().await;
            return Err(ConnectionClosed);
        }
        Some(StoreFault::HangAfter(_)) => {
            body.read_rest().await;
            return std::future::pending().await;
        }
        Some(StoreFault::Respond(response)) => {
            body.read_rest().await;
            return Ok(finish(response.into(), body));
        }
        Some(
            fault @ (StoreFault::LoseResponse | StoreFault::ApplyThenRespond(_) | StoreFault::ApplyThenHang),
        ) => {
            body.read_rest().await;
            if let Ok(upload) = result {
                upload.store(store, body.clone()).await?;
            }
            return match fault {
                StoreFault::ApplyThenRespond(response) => Ok(finish(response.into(), body)),
                StoreFault::ApplyThenHang => std::future::pending().await,
                _ => Err(ConnectionClosed),
            };
        }
        None
        | Some(
            StoreFault::IgnoreRange
            | StoreFault::Corrupt
            | StoreFault::ReplaceObject(_)
            | StoreFault::Truncate,
        ) => {}
    }
    match result {
        Ok(upload) => upload.store(store, body).await,
        Err(_) if body.is_disconnected() => Err(ConnectionClosed),
        Err(error) => Ok(finish(error.into(), body)),
    }
}

/// Returns the response without waiting for the rest of the body. The connection is closed afterwards if the body has
/// not been read completely.
fn finish(response: BufferedResponse, body: UploadBody) -> BufferedResponse {
    let is_complete = body.is_complete();
    body.discard();
    if is_complete { response } else { response.with_header(CONNECTION, "close") }
}

/// Reads and checks an upload. Fails as early as possible, in most cases before reading the file.
async fn read_upload(
    store: &StoreState,
    resource: &Resource,
    headers: &HeaderMap,
    body: UploadBody,
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
        mut body: UploadBody,
    ) -> Result<BufferedResponse, ConnectionClosed> {
        body.read_rest().await;
        if !body.is_complete() {
            return Err(ConnectionClosed);
        }
        let response = self.response(store);
        store.put(self.key, self.object);
        Ok(response)
    }

    fn response(&self, store: &StoreState) -> BufferedResponse {
        let etag = self.object.etag();
        let location = format!("{}{}", store.url, path_of(&self.key));
        let response = match self.success_status.as_deref() {
            Some("200") => BufferedResponse::new(StatusCode::OK),
            Some("201") => BufferedResponse::new(StatusCode::CREATED).with_xml(format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>{}</Location>\
                 <Bucket>{BUCKET}</Bucket><Key>{}</Key><ETag>{}</ETag></PostResponse>",
                escape(&location),
                escape(&self.key),
                escape(etag),
            )),
            _ => BufferedResponse::new(StatusCode::NO_CONTENT),
        };
        response.with_header(ETAG, etag).with_header(LOCATION, &location)
    }
}
