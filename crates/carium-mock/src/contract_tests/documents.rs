//! What [`Documents`](carium::Documents) promises.

use bytes::Bytes;
use carium::documents::{
    Content, Document, DocumentClassId, DocumentQuery, DocumentReferenceId, FilePart, IndividualId,
    NewDocument, NewDocumentBuilder, UploadForm,
};
use carium::{Error, ErrorKind};
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::DocumentsFixture;
use super::finding::{Outcome, REFUSALS, distinct, done, holds, refused, refused_for, same, there};
use super::inputs::{unknown, word};
use super::lists::{all, begins_and_ends_as_told, is_whole, pages_of};

type Subject<'a> = &'a dyn DocumentsFixture;

/// A document of someone.
pub(super) fn letter(subject: Subject<'_>, patient: IndividualId) -> NewDocumentBuilder {
    NewDocument::builder()
        .organization(subject.organization())
        .patient(patient)
        .class(subject.two_classes()[0])
        .name(word())
        .file_name("letter.pdf")
}

fn any_letter(subject: Subject<'_>) -> NewDocumentBuilder {
    letter(subject, subject.two_individuals()[0])
}

pub(super) fn built(document: NewDocumentBuilder) -> Outcome<NewDocument> {
    done("describing a document", document.build())
}

/// The reference of a document, and its form.
pub(super) async fn created(
    subject: Subject<'_>,
    document: NewDocument,
) -> Outcome<(DocumentReferenceId, UploadForm)> {
    let reference = done("creating a document", subject.documents().create(document).await)?;
    Ok((reference.id, there("the form of a document that was created", reference.form)?))
}

/// The file of a document, all of it at once.
pub(super) fn part(document: &NewDocument, content: impl Into<Bytes>) -> FilePart {
    let content = content.into();
    let length = content.len() as u64;
    FilePart::new(document.file_name(), document.media_type(), length, Content::Bytes(content))
}

/// A document with its file, uploaded and not processed.
async fn uploaded(
    subject: Subject<'_>,
    document: NewDocument,
    content: impl Into<Bytes>,
) -> Outcome<DocumentReferenceId> {
    let file = part(&document, content);
    let (id, form) = created(subject, document).await?;
    done("uploading a file", subject.transfers().post(&form, file).await)?;
    Ok(id)
}

/// A document that can be opened.
pub(super) async fn filed(
    subject: Subject<'_>,
    document: NewDocument,
    content: impl Into<Bytes>,
) -> Outcome<DocumentReferenceId> {
    let id = uploaded(subject, document, content).await?;
    done("processing a file that was uploaded", subject.documents().process(id).await)?;
    Ok(id)
}

/// The ids of what a list has.
async fn listed(subject: Subject<'_>, query: DocumentQuery) -> Outcome<Vec<DocumentReferenceId>> {
    let documents = all("the documents", subject.documents().list(query)).await?;
    Ok(documents.iter().map(|document| document.id).collect())
}

/// The ids of someone's documents.
pub(super) async fn listed_of(
    subject: Subject<'_>,
    patient: IndividualId,
) -> Outcome<Vec<DocumentReferenceId>> {
    listed(subject, DocumentQuery::default().patient(patient)).await
}

/// These are in the list, and those are not.
async fn has_these_and_not_those(
    subject: Subject<'_>,
    at: &str,
    query: DocumentQuery,
    these: &[DocumentReferenceId],
    those: &[DocumentReferenceId],
) -> Outcome {
    let listed = listed(subject, query).await?;
    for id in these {
        holds(listed.contains(id), at, format!("{id:?} is in it"), format!("{} others", listed.len()))?;
    }
    for id in those {
        holds(!listed.contains(id), at, format!("{id:?} is not in it"), "it is")?;
    }
    Ok(())
}

pub(super) async fn each_reference_has_an_id_and_a_form(subject: Subject<'_>) -> Outcome {
    let mut ids = Vec::new();
    for _ in 0..3 {
        let (id, form) = created(subject, built(any_letter(subject))?).await?;
        holds(!form.url().expose().is_empty(), "the form of a document", "a URL to post it to", "none")?;
        ids.push(id);
    }
    distinct("the ids of three documents", &ids)
}

async fn must_be_there(subject: Subject<'_>, field: &str, document: NewDocumentBuilder) -> Outcome {
    let result = subject.documents().create(built(document)?).await;
    refused_for(subject, field, "creating a document with an id that is of nothing", result, &REFUSALS)
}

pub(super) async fn an_organization_must_be_there(subject: Subject<'_>) -> Outcome {
    must_be_there(subject, "organization-id", any_letter(subject).organization(unknown())).await
}

pub(super) async fn a_patient_must_be_there(subject: Subject<'_>) -> Outcome {
    must_be_there(subject, "individual-id", any_letter(subject).patient(unknown())).await
}

pub(super) async fn a_class_must_be_there(subject: Subject<'_>) -> Outcome {
    must_be_there(subject, "class-id", any_letter(subject).class(unknown())).await
}

pub(super) async fn what_has_no_file_is_not_processed(subject: Subject<'_>) -> Outcome {
    let document = built(any_letter(subject))?;
    let file = part(&document, "a letter");
    let (id, form) = created(subject, document).await?;
    let result = subject.documents().process(id).await;
    refused("processing a document that has no file", result, &REFUSALS)?;
    // It has its time still.
    done("uploading a file", subject.transfers().post(&form, file).await)?;
    done("processing it then", subject.documents().process(id).await)
}

/// Where a document can be opened, if it can: a service may give the URL of nothing.
async fn is_not_opened(subject: Subject<'_>, at: &str, id: DocumentReferenceId) -> Outcome {
    match subject.documents().download_info(id).await {
        Ok(url) => {
            let kinds = [ErrorKind::NotFound, ErrorKind::Forbidden, ErrorKind::Expired, ErrorKind::Rejected];
            refused(at, subject.transfers().get(&url, None).await, &kinds).map(drop)
        }
        refusal => refused(at, refusal, &REFUSALS).map(drop),
    }
}

pub(super) async fn what_has_no_file_is_not_opened(subject: Subject<'_>) -> Outcome {
    let (id, _) = created(subject, built(any_letter(subject))?).await?;
    is_not_opened(subject, "opening a document that has no file", id).await
}

pub(super) async fn what_is_not_processed_is_not_opened(subject: Subject<'_>) -> Outcome {
    let id = uploaded(subject, built(any_letter(subject))?, "a letter").await?;
    is_not_opened(subject, "opening a document that was not processed", id).await
}

pub(super) async fn processing_again_changes_nothing(subject: Subject<'_>) -> Outcome {
    let id = filed(subject, built(any_letter(subject))?, "a letter").await?;
    for _ in 0..2 {
        done("processing a document again", subject.documents().process(id).await)?;
    }
    super::transfers::is_downloaded(subject, "a document that was processed again", id, b"a letter").await
}

pub(super) async fn what_is_not_there_is_not_found(subject: Subject<'_>) -> Outcome {
    let (documents, id) = (subject.documents(), unknown());
    let kinds = [ErrorKind::NotFound];
    refused("processing a document that was never created", documents.process(id).await, &kinds)?;
    let result = documents.download_info(id).await;
    refused("opening a document that was never created", result, &kinds).map(drop)
}

pub(super) async fn what_was_filed_is_listed(subject: Subject<'_>) -> Outcome {
    let [patient, _] = subject.two_individuals();
    let full = letter(subject, patient)
        .name("Überweisung \"4\" & more")
        .description("What it is about")
        .file_name("Überweisung 紹介状.pdf")
        .media_type("application/pdf");
    let plain = letter(subject, patient).file_name("noext").media_type("text/plain; charset=utf-8");
    for document in [built(full)?, built(plain)?] {
        let id = filed(subject, document.clone(), "a letter").await?;
        let query = DocumentQuery::default().patient(patient);
        let listed = all("the documents", subject.documents().list(query)).await?;
        let found = listed.into_iter().find(|each| each.id == id);
        is_as(&there("a document in the list of its patient", found)?, &document)?;
    }
    Ok(())
}

/// Field by field, so that a finding names the fields.
fn is_as(came: &Document, document: &NewDocument) -> Outcome {
    let given = document.attributes();
    let fields = [
        ("individual-id", came.patient == Some(given.individual_id)),
        ("organization-id", came.organization == Some(given.organization_id)),
        ("class-id", came.class == Some(given.class_id)),
        ("name", came.name.as_deref() == Some(given.name.as_str())),
        ("description", came.description == given.description),
        ("attachment-filename", came.file_name.as_deref() == Some(document.file_name())),
        ("attachment-content-type", came.media_type.as_deref() == Some(document.media_type())),
    ];
    let others: Vec<_> = fields.iter().filter(|(_, is_same)| !is_same).map(|(name, _)| *name).collect();
    let at = "a document in the list of its patient";
    holds(others.is_empty(), at, "the fields that it was given", format!("others in {others:?}"))
}

pub(super) async fn patients_have_their_own_lists(subject: Subject<'_>) -> Outcome {
    let [one, other] = subject.two_individuals();
    let ones = filed(subject, built(letter(subject, one))?, "a letter").await?;
    let others = filed(subject, built(letter(subject, other))?, "a letter").await?;
    let query = |patient| DocumentQuery::default().patient(patient);
    has_these_and_not_those(subject, "the list of a patient", query(one), &[ones], &[others]).await?;
    has_these_and_not_those(subject, "the list of another", query(other), &[others], &[ones]).await?;
    let all = DocumentQuery::default();
    has_these_and_not_those(subject, "the list of all", all, &[ones, others], &[]).await?;
    let query = DocumentQuery::default().patient(unknown());
    let nobody: Result<Vec<_>, _> = subject.documents().list(query).try_collect().await;
    // A service may refuse to list those of nobody, or list none.
    match nobody {
        Ok(listed) => same("the documents of nobody", &listed.len(), &0),
        listed => refused("the documents of nobody", listed, &REFUSALS).map(drop),
    }
}

pub(super) async fn classes_have_their_own_lists(subject: Subject<'_>) -> Outcome {
    let [patient, other] = subject.two_individuals();
    let [one, second]: [DocumentClassId; 2] = subject.two_classes();
    let file = async |patient, class| {
        let document = built(letter(subject, patient).class(class))?;
        filed(subject, document, "a letter").await
    };
    let (first, wrong_class) = (file(patient, one).await?, file(patient, second).await?);
    let wrong_patient = file(other, one).await?;
    let query = || DocumentQuery::default().class(one);
    let at = "the list of a class";
    has_these_and_not_those(subject, at, query(), &[first, wrong_patient], &[wrong_class]).await?;
    let both = query().patient(patient);
    let at = "the list of a class and a patient";
    has_these_and_not_those(subject, at, both, &[first], &[wrong_class, wrong_patient]).await
}

pub(super) async fn organizations_have_their_own_lists(subject: Subject<'_>) -> Outcome {
    let home = subject.organization();
    let ours = filed(subject, built(any_letter(subject))?, "a letter").await?;
    let query = || DocumentQuery::default().organization(home);
    let Some(other) = subject.other_organization() else {
        return has_these_and_not_those(subject, "the list of an organization", query(), &[ours], &[]).await;
    };
    let theirs = filed(subject, built(any_letter(subject).organization(other))?, "a letter").await?;
    let own = DocumentQuery::default();
    has_these_and_not_those(subject, "the list where none is named", own, &[ours], &[theirs]).await?;
    has_these_and_not_those(subject, "the list of an organization", query(), &[ours], &[theirs]).await?;
    let query = DocumentQuery::default().organization(other);
    has_these_and_not_those(subject, "the list of another organization", query, &[theirs], &[ours]).await
}

pub(super) async fn further_filters_are_gone_by(subject: Subject<'_>) -> Outcome {
    let Some(filter) = subject.filter_by_name().map(str::to_owned) else { return Ok(()) };
    let (name, other) = (format!("{} & [more]", word()), word());
    let one = filed(subject, built(any_letter(subject).name(&name))?, "a letter").await?;
    let second = filed(subject, built(any_letter(subject).name(&other))?, "a letter").await?;
    let query = |name: &str| DocumentQuery::default().filter(&filter, name);
    let at = "the list of what has a name";
    has_these_and_not_those(subject, at, query(&name), &[one], &[second]).await?;
    has_these_and_not_those(subject, at, query(&other), &[second], &[one]).await?;
    has_these_and_not_those(subject, at, query(&word()), &[], &[one, second]).await
}

pub(super) async fn documents_are_listed_whole(subject: Subject<'_>) -> Outcome {
    let [patient, _] = subject.two_individuals();
    let mut known = Vec::new();
    for _ in 0..4 {
        known.push(filed(subject, built(letter(subject, patient))?, "a letter").await?);
    }
    let documents = subject.documents();
    let list = |options| documents.list(DocumentQuery::default().patient(patient).options(options));
    is_whole("the documents of a patient", list, |document| document.id, &known).await?;
    begins_and_ends_as_told("the documents of a patient", list, |document| document.id).await
}

/// A list that is refused: one item, the error.
async fn is_refused(subject: Subject<'_>, field: &str, query: DocumentQuery, kinds: &[ErrorKind]) -> Outcome {
    let mut items: Vec<Result<Document, Error>> = subject.documents().list(query).take(2).collect().await;
    same("how many items a list has that is refused", &items.len(), &1)?;
    let first = there("the error of a list that is refused", items.pop())?;
    refused_for(subject, field, "a list that cannot be given", first, kinds)
}

pub(super) async fn a_list_that_is_refused_ends_with_its_error(subject: Subject<'_>) -> Outcome {
    let query = DocumentQuery::default().organization(unknown()).options(pages_of(1));
    is_refused(subject, "organization-id", query, &REFUSALS).await
}

pub(super) async fn a_filter_with_a_method_of_its_own_is_refused(subject: Subject<'_>) -> Outcome {
    for name in ["individual-id", "class-id", "", "filter[name]"] {
        let query = DocumentQuery::default().filter(name, word());
        is_refused(subject, "filter", query, &[ErrorKind::InvalidInput]).await?;
    }
    Ok(())
}

pub(super) async fn classes_are_listed_whole(subject: Subject<'_>) -> Outcome {
    let (documents, known) = (subject.documents(), subject.two_classes());
    let list = |options| documents.classes(options);
    is_whole("the classes", list, |class| class.id, &known).await?;
    begins_and_ends_as_told("the classes", list, |class| class.id).await
}
