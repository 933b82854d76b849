//! Looks up documents whose creation got no response, by comparing them with the documents of the patient.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::StreamExt as _;

use crate::documents::{Document, DocumentQuery, DocumentReferenceId, Documents, IndividualId, NewDocument};
use crate::error::Error;

/// The result of looking up one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DocumentMatch {
    /// No document matches, so the reference was not created.
    None,
    /// One document matches. It has no file, because files are uploaded only after the reference is in the ledger.
    One(DocumentReferenceId),
    /// The result is ambiguous: several documents match, or a match is uncertain.
    Ambiguous,
}

/// Looks up documents among those of a patient. `known` are the references that are known to belong to other steps
/// or to earlier attempts; they are ignored.
pub(super) async fn look_up(
    documents: &dyn Documents,
    patient: IndividualId,
    requested: &BTreeMap<usize, NewDocument>,
    known: &BTreeSet<DocumentReferenceId>,
) -> Result<BTreeMap<usize, DocumentMatch>, Error> {
    let mut results: BTreeMap<usize, DocumentMatch> =
        requested.keys().map(|index| (*index, DocumentMatch::None)).collect();
    let Some(organization) = requested.values().next().map(|document| document.attributes().organization_id)
    else {
        return Ok(results);
    };
    let mut listed = documents.list(DocumentQuery::default().patient(patient).organization(organization));
    while let Some(document) = listed.next().await {
        let document = document?;
        if known.contains(&document.id) {
            continue;
        }
        let similar: Vec<_> = requested
            .iter()
            .map(|(index, requested)| (*index, compare(requested, &document)))
            .filter(|(_, similarity)| *similarity != Similarity::Different)
            .collect();
        // A listed document that is similar to two requested ones makes both results ambiguous.
        let is_match = matches!(similar.as_slice(), [(_, Similarity::Equal)]);
        for (index, _) in &similar {
            let previous = results.insert(*index, DocumentMatch::Ambiguous);
            if is_match && previous == Some(DocumentMatch::None) {
                results.insert(*index, DocumentMatch::One(document.id));
            }
        }
    }
    Ok(results)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Similarity {
    /// At least one attribute differs.
    Different,
    /// No attribute differs, but the name, the file name or the class is missing in the response.
    Uncertain,
    /// The name, the file name and the class are equal, and no other attribute differs.
    Equal,
}

/// Compares a listed document with a requested one. Attributes that are missing in the response are not compared.
fn compare(requested: &NewDocument, listed: &Document) -> Similarity {
    let attributes = requested.attributes();
    let required = [
        listed.name.as_deref().map(|name| name == attributes.name.as_str()),
        listed.file_name.as_deref().map(|name| name == attributes.attachment_filename.as_str()),
        listed.class.map(|class| class == attributes.class_id),
    ];
    let optional = [
        listed.patient.map(|patient| patient == attributes.individual_id),
        listed.organization.map(|organization| organization == attributes.organization_id),
        listed
            .media_type
            .as_deref()
            .map(|media_type| media_type.eq_ignore_ascii_case(&attributes.attachment_content_type)),
        listed
            .description
            .as_deref()
            .map(|text| text == attributes.description.as_deref().unwrap_or_default()),
    ];
    if required.iter().chain(&optional).any(|is_equal| *is_equal == Some(false)) {
        Similarity::Different
    } else if required.contains(&None) {
        Similarity::Uncertain
    } else {
        Similarity::Equal
    }
}
