//! Document references, and the presigned forms and URLs of their files.

use std::time::Duration;

use bytes::Bytes;
use carium_api::types::{
    CreateDocumentReferenceRequest, DocumentClassId, DocumentReferenceId, IndividualId, NewDocumentReference,
};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::lists::{paginate, required_organization};
use crate::service::message::{ErrorResponse, ParsedRequest, ServiceResult, SuccessResponse};
use crate::service::quirks::Quirk;
use crate::service::state::{FakeDocument, ServiceState, require_known};

const RESOURCE_TYPE: &str = "org-document-references";

/// How long presigned forms and URLs are valid.
pub(crate) const PRESIGN_VALIDITY: Duration = Duration::from_secs(3600);

/// The service's view of the object store: it presigns transfers and reads files.
pub(crate) trait FileStore: Send + Sync {
    fn presign_upload(&self, id: DocumentReferenceId) -> PresignedForm;
    fn presign_download(&self, id: DocumentReferenceId) -> String;
    fn file(&self, id: DocumentReferenceId) -> Option<Bytes>;

    fn has_file(&self, id: DocumentReferenceId) -> bool {
        self.file(id).is_some()
    }
}

pub(crate) struct PresignedForm {
    pub(crate) url: String,
    pub(crate) fields: Vec<(String, String)>,
}

pub(super) fn create(
    state: &mut ServiceState,
    store: &dyn FileStore,
    request: &ParsedRequest<'_>,
) -> ServiceResult {
    let body: CreateDocumentReferenceRequest = request.body()?;
    let attributes = body.data.attributes;
    state.require_organization(attributes.organization_id)?;
    state.require_individual(attributes.individual_id)?;
    require_known("class-id", "document class", state.document_classes.contains_key(&attributes.class_id))?;
    let id = DocumentReferenceId(state.next_id());
    let form = store.presign_upload(id);
    let fields: Map<String, Value> =
        form.fields.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    let mut resource = resource(id, &attributes);
    resource["attributes"]["upload-info"] = json!({"upload-url": form.url, "upload-data": fields});
    state.documents.insert(id, FakeDocument { id, attributes, is_processed: false });
    Ok(SuccessResponse::created(json!({"data": resource})))
}

pub(super) fn process(
    state: &mut ServiceState,
    store: &dyn FileStore,
    request: &ParsedRequest<'_>,
) -> ServiceResult {
    let id = request.id("document")?;
    let document = state.documents.get_mut(&id).ok_or_else(not_found)?;
    if document.is_processed && state.quirks.has(Quirk::ReprocessReturns409) {
        let detail = "The document has already been processed.";
        return Err(ErrorResponse::new(StatusCode::CONFLICT, "processed", detail));
    }
    if !store.has_file(id) {
        return Err(no_file());
    }
    document.is_processed = true;
    Ok(SuccessResponse::no_content())
}

pub(super) fn download_info(
    state: &ServiceState,
    store: &dyn FileStore,
    request: &ParsedRequest<'_>,
) -> ServiceResult {
    let id = request.id("document")?;
    let document = state.documents.get(&id).ok_or_else(not_found)?;
    if !document.is_processed {
        return Err(no_file());
    }
    let attributes = json!({"download-url": store.presign_download(id)});
    Ok(SuccessResponse::ok(json!({"data": {"id": id, "type": RESOURCE_TYPE, "attributes": attributes}})))
}

pub(super) fn list(state: &ServiceState, request: &ParsedRequest<'_>) -> ServiceResult {
    let organization = required_organization(state, request)?;
    let patient = request.parameter::<IndividualId>("filter[individual-id]")?;
    let class = request.parameter::<DocumentClassId>("filter[class-id]")?;
    let id_filters = ["filter[individual-id]", "filter[class-id]"];
    let mut text_filters = Vec::new();
    for (name, value) in request.parameters() {
        let filter = name.strip_prefix("filter[").and_then(|rest| rest.strip_suffix(']'));
        match filter.filter(|_| !id_filters.contains(&name)) {
            Some(filter @ ("name" | "attachment-filename" | "attachment-content-type" | "description")) => {
                text_filters.push((filter, value));
            }
            Some(_) => return Err(ErrorResponse::parameter(name, "The filter does not exist.")),
            None => {}
        }
    }
    let documents = state.documents.iter().filter(|(_, document)| {
        document.attributes.organization_id == organization
            && patient.is_none_or(|patient| document.attributes.individual_id == patient)
            && class.is_none_or(|class| document.attributes.class_id == class)
    });
    let documents = documents.filter(|(_, document)| {
        text_filters.iter().all(|(name, value)| text_attribute(&document.attributes, name) == Some(value))
    });
    paginate(request, documents, |(id, document)| resource(*id, &document.attributes))
}

/// Returns a text attribute that can be used as a filter.
fn text_attribute<'a>(attributes: &'a NewDocumentReference, name: &str) -> Option<&'a str> {
    match name {
        "name" => Some(attributes.name.as_str()),
        "attachment-filename" => Some(attributes.attachment_filename.as_str()),
        "attachment-content-type" => Some(attributes.attachment_content_type.as_str()),
        "description" => attributes.description.as_deref(),
        _ => None,
    }
}

fn not_found() -> ErrorResponse {
    ErrorResponse::not_found("document")
}

fn no_file() -> ErrorResponse {
    let detail = "The file of the document has not been uploaded and processed yet.";
    ErrorResponse::new(StatusCode::CONFLICT, "no-file", detail)
}

/// Returns the JSON:API resource of a document reference.
fn resource(id: DocumentReferenceId, attributes: &NewDocumentReference) -> Value {
    // Serialization cannot fail, because the value was deserialized from JSON.
    let attributes = serde_json::to_value(attributes).unwrap_or_default();
    json!({"id": id, "type": RESOURCE_TYPE, "attributes": attributes})
}
