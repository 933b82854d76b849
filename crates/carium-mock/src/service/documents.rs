//! Document references, and the presigned forms and URLs of their files.

use carium_api::types::{
    CreateDocumentReferenceRequest, DocumentClassId, DocumentReferenceId, IndividualId, NewDocumentReference,
};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::file_store::FileStore;
use super::lists::{paginate, required_organization};
use super::quirks::Quirk;
use super::request::ParsedRequest;
use super::response::{ErrorResponse, SuccessResponse};
use super::state::{ServiceState, StoredDocument, require_known};

const RESOURCE_TYPE: &str = "org-document-references";

pub(crate) fn create(
    state: &mut ServiceState,
    store: &dyn FileStore,
    request: &ParsedRequest<'_>,
) -> Result<SuccessResponse, ErrorResponse> {
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
    state.documents.insert(id, StoredDocument { attributes, is_processed: false });
    Ok(SuccessResponse::created(json!({"data": resource})))
}

pub(crate) fn process(
    state: &mut ServiceState,
    store: &dyn FileStore,
    request: &ParsedRequest<'_>,
) -> Result<SuccessResponse, ErrorResponse> {
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

pub(crate) fn download_info(
    state: &ServiceState,
    store: &dyn FileStore,
    request: &ParsedRequest<'_>,
) -> Result<SuccessResponse, ErrorResponse> {
    let id = request.id("document")?;
    let document = state.documents.get(&id).ok_or_else(not_found)?;
    if !document.is_processed {
        return Err(no_file());
    }
    let attributes = json!({"download-url": store.presign_download(id)});
    Ok(SuccessResponse::ok(json!({"data": {"id": id, "type": RESOURCE_TYPE, "attributes": attributes}})))
}

pub(crate) fn list(
    state: &ServiceState,
    request: &ParsedRequest<'_>,
) -> Result<SuccessResponse, ErrorResponse> {
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
