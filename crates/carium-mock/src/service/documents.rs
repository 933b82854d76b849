//! Documents: their references, and where their files go to and come from.

use carium_api::types::{
    CreateDocumentReferenceRequest, DocumentClassId, DocumentReferenceId, IndividualId, NewDocumentReference,
};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal};
use super::asked::Asked;
use super::lists::{page, required_organization};
use super::quirks::Quirk;
use super::store::Store;
use super::world::{Filed, World, known};

const KIND: &str = "org-document-references";

pub(crate) fn create(world: &mut World, store: &dyn Store, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let request: CreateDocumentReferenceRequest = asked.body()?;
    let attributes = request.data.attributes;
    world.has_organization(attributes.organization_id)?;
    world.has_individual(attributes.individual_id)?;
    known("class-id", "class of documents", world.classes.contains_key(&attributes.class_id))?;
    let id = DocumentReferenceId(world.next_id());
    let form = store.form(id);
    let fields: Map<String, Value> =
        form.fields.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    let mut item = item(id, &attributes);
    item["attributes"]["upload-info"] = json!({"upload-url": form.url, "upload-data": fields});
    world.documents.insert(id, Filed { attributes, is_processed: false });
    Ok(Answer::created(json!({"data": item})))
}

pub(crate) fn process(world: &mut World, store: &dyn Store, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let id = asked.id("document")?;
    let filed = world.documents.get_mut(&id).ok_or_else(not_found)?;
    if filed.is_processed && world.quirks.has(Quirk::ReprocessReturns409) {
        return Err(Refusal::new(StatusCode::CONFLICT, "processed", "The document is processed."));
    }
    if !store.has(id) {
        return Err(Refusal::new(StatusCode::CONFLICT, "no-file", "There is no file yet."));
    }
    filed.is_processed = true;
    Ok(Answer::no_content())
}

pub(crate) fn download_info(world: &World, store: &dyn Store, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let id = asked.id("document")?;
    let filed = world.documents.get(&id).ok_or_else(not_found)?;
    if !filed.is_processed {
        return Err(Refusal::new(StatusCode::CONFLICT, "no-file", "There is no file yet."));
    }
    let attributes = json!({"download-url": store.url(id)});
    Ok(Answer::ok(json!({"data": {"id": id, "type": KIND, "attributes": attributes}})))
}

pub(crate) fn list(world: &World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let organization = required_organization(world, asked)?;
    let patient = asked.parameter::<IndividualId>("filter[individual-id]")?;
    let class = asked.parameter::<DocumentClassId>("filter[class-id]")?;
    let known = ["filter[individual-id]", "filter[class-id]"];
    let mut further = Vec::new();
    for (name, value) in asked.parameters() {
        let filter = name.strip_prefix("filter[").and_then(|rest| rest.strip_suffix(']'));
        match filter.filter(|_| !known.contains(&name)) {
            Some(filter @ ("name" | "attachment-filename" | "attachment-content-type" | "description")) => {
                further.push((filter, value));
            }
            Some(_) => return Err(Refusal::parameter(name, "There is no such filter.")),
            None => {}
        }
    }
    let items = world.documents.iter().filter(|(_, filed)| {
        filed.attributes.organization_id == organization
            && patient.is_none_or(|patient| filed.attributes.individual_id == patient)
            && class.is_none_or(|class| filed.attributes.class_id == class)
    });
    let items = items.filter(|(_, filed)| {
        further.iter().all(|(name, value)| text(&filed.attributes, name) == Some(value))
    });
    page(asked, items, |(id, filed)| item(*id, &filed.attributes))
}

/// An attribute that can be filtered by.
fn text<'a>(attributes: &'a NewDocumentReference, name: &str) -> Option<&'a str> {
    match name {
        "name" => Some(attributes.name.as_str()),
        "attachment-filename" => Some(attributes.attachment_filename.as_str()),
        "attachment-content-type" => Some(attributes.attachment_content_type.as_str()),
        "description" => attributes.description.as_deref(),
        _ => None,
    }
}

fn not_found() -> Refusal {
    Refusal::not_found("document")
}

fn item(id: DocumentReferenceId, attributes: &NewDocumentReference) -> Value {
    // What was read from JSON can be written as JSON.
    let attributes = serde_json::to_value(attributes).unwrap_or_default();
    json!({"id": id, "type": KIND, "attributes": attributes})
}
