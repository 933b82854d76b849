//! Which documents of a record those are whose creation was not answered.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::StreamExt as _;

use crate::documents::{Document, DocumentQuery, DocumentReferenceId, Documents, IndividualId, NewDocument};
use crate::error::Error;

/// What a look into the record says of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It was not created.
    Nothing,
    /// It was, and has no file: files are sent only after the ledger knows of the reference.
    One(DocumentReferenceId),
    /// It may be any of several.
    Several,
}

/// Looks for documents in the record of their patient, leaving out those that are known to be something else.
pub(super) async fn look_up(
    documents: &dyn Documents,
    patient: IndividualId,
    wanted: &BTreeMap<usize, NewDocument>,
    known: &BTreeSet<DocumentReferenceId>,
) -> Result<BTreeMap<usize, Found>, Error> {
    let mut found: BTreeMap<usize, Found> = wanted.keys().map(|index| (*index, Found::Nothing)).collect();
    let Some(organization) = wanted.values().next().map(|document| document.attributes().organization_id)
    else {
        return Ok(found);
    };
    let mut listed = documents.list(DocumentQuery::default().patient(patient).organization(organization));
    while let Some(document) = listed.next().await {
        let document = document?;
        if known.contains(&document.id) {
            continue;
        }
        let alike: Vec<_> = wanted
            .iter()
            .map(|(index, wanted)| (*index, alike(wanted, &document)))
            .filter(|(_, alike)| *alike != Alike::No)
            .collect();
        // One that could be two of them says nothing of either.
        let is_one = matches!(alike.as_slice(), [(_, Alike::Yes)]);
        for (index, _) in &alike {
            let before = found.insert(*index, Found::Several);
            if is_one && before == Some(Found::Nothing) {
                found.insert(*index, Found::One(document.id));
            }
        }
    }
    Ok(found)
}

/// Whether a listed document is the one that was asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alike {
    No,
    /// Nothing speaks against it, and too little is said of it.
    Perhaps,
    Yes,
}

fn alike(wanted: &NewDocument, listed: &Document) -> Alike {
    let said = wanted.attributes();
    let told = [
        listed.name.as_deref().map(|name| name == said.name.as_str()),
        listed.file_name.as_deref().map(|name| name == said.attachment_filename.as_str()),
        listed.class.map(|class| class == said.class_id),
    ];
    let beside = [
        listed.patient.map(|patient| patient == said.individual_id),
        listed.organization.map(|organization| organization == said.organization_id),
        listed.media_type.as_deref().map(|kind| kind.eq_ignore_ascii_case(&said.attachment_content_type)),
        listed.description.as_deref().map(|text| text == said.description.as_deref().unwrap_or_default()),
    ];
    if told.iter().chain(&beside).any(|same| *same == Some(false)) {
        Alike::No
    } else if told.contains(&None) {
        Alike::Perhaps
    } else {
        Alike::Yes
    }
}
