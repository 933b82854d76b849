//! Uploads.

use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, ETAG, HeaderMap, LOCATION};
use http::{Request, StatusCode};
use hyper::body::Incoming;

use super::address::{BUCKET, Place, path_of};
use super::answer::Answer;
use super::call::Record;
use super::fault::StoreFault;
use super::form::{Form, one_file};
use super::object::Object;
use super::policy::{self, Length};
use super::refusal::{Refusal, escape};
use super::server::Store;
use super::upload::Upload;
use crate::listening::Closed;

/// An upload in which there is nothing wrong.
struct Accepted {
    key: String,
    object: Object,
    /// The field `success_action_status`.
    status: Option<String>,
}

pub(super) async fn post(
    store: &Store,
    place: &Place,
    request: Request<Incoming>,
    record: Record,
    fault: Option<StoreFault>,
) -> Result<Answer, Closed> {
    let (head, body) = request.into_parts();
    let most = match fault {
        Some(StoreFault::ResetAfter(bytes) | StoreFault::StallAfter(bytes)) => bytes,
        _ => u64::MAX,
    };
    let mut upload = Upload::new(body, most, record.clone());
    if let Some(StoreFault::Status(answer)) = &fault
        && answer.at_once
    {
        return Ok(finish(answer.clone().into(), upload));
    }
    let outcome = accept(store, place, &head.headers, upload.clone(), record).await;
    match fault {
        Some(StoreFault::ResetAfter(_)) => {
            upload.read_rest().await;
            return Err(Closed);
        }
        Some(StoreFault::StallAfter(_)) => {
            upload.read_rest().await;
            return std::future::pending().await;
        }
        Some(StoreFault::Status(answer)) => {
            upload.read_rest().await;
            return Ok(finish(answer.into(), upload));
        }
        Some(
            done @ (StoreFault::LostResponse | StoreFault::ApplyThenStatus(_) | StoreFault::ApplyThenStall),
        ) => {
            upload.read_rest().await;
            if let Ok(accepted) = outcome {
                accepted.store(store, upload.clone()).await?;
            }
            return match done {
                StoreFault::ApplyThenStatus(answer) => Ok(finish(answer.into(), upload)),
                StoreFault::ApplyThenStall => std::future::pending().await,
                _ => Err(Closed),
            };
        }
        None
        | Some(
            StoreFault::IgnoreRange | StoreFault::Corrupt | StoreFault::Changed(_) | StoreFault::Truncated,
        ) => {}
    }
    match outcome {
        Ok(accepted) => accepted.store(store, upload).await,
        Err(_) if upload.broken() => Err(Closed),
        Err(refusal) => Ok(finish(refusal.into(), upload)),
    }
}

/// An answer that does not wait for the rest of the body, after which the connection is not used again.
fn finish(answer: Answer, upload: Upload) -> Answer {
    let whole = upload.whole();
    upload.discard();
    if whole { answer } else { answer.with(CONNECTION, "close") }
}

/// Refuses as soon as there is a reason, in most cases before the file.
async fn accept(
    store: &Store,
    place: &Place,
    headers: &HeaderMap,
    upload: Upload,
    record: Record,
) -> Result<Accepted, Refusal> {
    match place {
        Place::Bucket => {}
        Place::Key(_) => return Err(Refusal::method_not_allowed()),
        Place::Elsewhere => return Err(Refusal::no_such_bucket()),
    }
    if headers.contains_key(AUTHORIZATION) {
        return Err(Refusal::two_mechanisms());
    }
    if !headers.contains_key(CONTENT_LENGTH) {
        let message = "You must provide the Content-Length HTTP header.";
        return Err(Refusal::new(StatusCode::LENGTH_REQUIRED, "MissingContentLength", message));
    }
    let most = store.object_limit();
    let mut form = Form::open(headers, upload, most, record)?;
    let (fields, file) = form.fields().await?;
    let allowed = policy::judge(&fields, &store.signer, store.clock.now())?;
    let file = file.ok_or_else(|| one_file(0))?;
    let allowed = allowed.unwrap_or(Length { least: 0, most });
    let (file_name, content) = form.file(file, Length { most: allowed.most.min(most), ..allowed }).await?;

    let mut object = Object::new(content);
    if let Some(media_type) = fields.get("Content-Type") {
        object = object.with_media_type(media_type);
    }
    if let Some(file_name) = file_name {
        object = object.with_file_name(file_name);
    }
    let key = fields.get("key").unwrap_or_default().to_owned();
    Ok(Accepted { key, object, status: fields.get("success_action_status").map(str::to_owned) })
}

impl Accepted {
    /// Stores it, once there is nothing more to come: a form may be complete in a request that is not.
    async fn store(self, store: &Store, mut upload: Upload) -> Result<Answer, Closed> {
        upload.read_rest().await;
        if !upload.whole() {
            return Err(Closed);
        }
        let answer = self.answer(store);
        store.put(self.key, self.object);
        Ok(answer)
    }

    fn answer(&self, store: &Store) -> Answer {
        let etag = self.object.etag();
        let location = format!("{}{}", store.url, path_of(&self.key));
        let answer = match self.status.as_deref() {
            Some("200") => Answer::new(StatusCode::OK),
            Some("201") => Answer::new(StatusCode::CREATED).xml(format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>{}</Location>\
                 <Bucket>{BUCKET}</Bucket><Key>{}</Key><ETag>{}</ETag></PostResponse>",
                escape(&location),
                escape(&self.key),
                escape(etag),
            )),
            _ => Answer::new(StatusCode::NO_CONTENT),
        };
        answer.with(ETAG, etag).with(LOCATION, &location)
    }
}
