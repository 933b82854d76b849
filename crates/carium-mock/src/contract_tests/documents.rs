//! Test cases for [`Documents`](carium::Documents).

use carium::documents::{
    Document, DocumentClassId, DocumentQuery, DocumentReferenceId, IndividualId, NewDocument,
    NewDocumentBuilder,
};
use carium::{Error, ErrorKind};
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::assertions::{
    CaseResult, REJECTION_KINDS, check_complete, check_start_and_early_stop, ensure, ensure_distinct,
    ensure_eq, ensure_field_rejected, ensure_fields, ensure_ok, ensure_rejected, ensure_some, read_all,
    with_page_size,
};
use super::fixture::DocumentsFixture;
use super::steps::{
    any_document, build_document, check_download, create_document, document_builder, single_chunk_part,
    store_document, unique_word, unknown_id, upload_document,
};

/// Returns the IDs of the documents in a list.
async fn list_ids(
    fixture: &dyn DocumentsFixture,
    query: DocumentQuery,
) -> CaseResult<Vec<DocumentReferenceId>> {
    let documents = read_all("the documents", fixture.documents().list(query)).await?;
    Ok(documents.iter().map(|document| document.id).collect())
}

/// Returns the IDs of a patient's documents.
pub(super) async fn list_ids_of_patient(
    fixture: &dyn DocumentsFixture,
    patient: IndividualId,
) -> CaseResult<Vec<DocumentReferenceId>> {
    list_ids(fixture, DocumentQuery::default().patient(patient)).await
}

/// Checks that a list contains the `included` documents and none of the `excluded` ones.
async fn check_list(
    fixture: &dyn DocumentsFixture,
    checked: &str,
    query: DocumentQuery,
    included: &[DocumentReferenceId],
    excluded: &[DocumentReferenceId],
) -> CaseResult {
    let listed = list_ids(fixture, query).await?;
    for id in included {
        let actual = format!("{} other documents", listed.len());
        ensure(listed.contains(id), checked, format!("a document {id:?}"), actual)?;
    }
    for id in excluded {
        ensure(!listed.contains(id), checked, format!("no document {id:?}"), "the document is in the list")?;
    }
    Ok(())
}

pub(super) async fn reference_has_unique_id_and_upload_form(fixture: &dyn DocumentsFixture) -> CaseResult {
    let mut ids = Vec::new();
    for _ in 0..3 {
        let (id, form) = create_document(fixture, build_document(any_document(fixture))?).await?;
        ensure(!form.url().expose().is_empty(), "the upload form of a document", "a URL", "an empty URL")?;
        ids.push(id);
    }
    ensure_distinct("the IDs of three documents", &ids)
}

async fn check_unknown_reference(
    fixture: &dyn DocumentsFixture,
    field: &str,
    document: NewDocumentBuilder,
) -> CaseResult {
    let result = fixture.documents().create(build_document(document)?).await;
    ensure_field_rejected(fixture, field, "creating a document with an unknown ID", result, &REJECTION_KINDS)
}

pub(super) async fn rejects_unknown_organization(fixture: &dyn DocumentsFixture) -> CaseResult {
    check_unknown_reference(fixture, "organization-id", any_document(fixture).organization(unknown_id()))
        .await
}

pub(super) async fn rejects_unknown_patient(fixture: &dyn DocumentsFixture) -> CaseResult {
    check_unknown_reference(fixture, "individual-id", any_document(fixture).patient(unknown_id())).await
}

pub(super) async fn rejects_unknown_class(fixture: &dyn DocumentsFixture) -> CaseResult {
    check_unknown_reference(fixture, "class-id", any_document(fixture).class(unknown_id())).await
}

pub(super) async fn rejects_processing_without_file(fixture: &dyn DocumentsFixture) -> CaseResult {
    let document = build_document(any_document(fixture))?;
    let file = single_chunk_part(&document, "a letter");
    let (id, form) = create_document(fixture, document).await?;
    let result = fixture.documents().process(id).await;
    ensure_rejected("processing a document without a file", result, &REJECTION_KINDS)?;
    // The file can still be uploaded afterwards.
    ensure_ok("uploading a file", fixture.transfers().post(&form, file).await)?;
    ensure_ok("processing a document after the upload", fixture.documents().process(id).await)
}

/// Checks that a document cannot be downloaded. A service may reject the request for the URL, or return a URL that
/// does not lead to a file.
async fn check_not_downloadable(
    fixture: &dyn DocumentsFixture,
    checked: &str,
    id: DocumentReferenceId,
) -> CaseResult {
    match fixture.documents().download_url(id).await {
        Ok(url) => {
            let kinds = [ErrorKind::NotFound, ErrorKind::Forbidden, ErrorKind::Expired, ErrorKind::Rejected];
            ensure_rejected(checked, fixture.transfers().get(&url, None).await, &kinds).map(drop)
        }
        error => ensure_rejected(checked, error, &REJECTION_KINDS).map(drop),
    }
}

pub(super) async fn rejects_download_without_file(fixture: &dyn DocumentsFixture) -> CaseResult {
    let (id, _) = create_document(fixture, build_document(any_document(fixture))?).await?;
    check_not_downloadable(fixture, "downloading a document without a file", id).await
}

pub(super) async fn rejects_download_before_processing(fixture: &dyn DocumentsFixture) -> CaseResult {
    let id = upload_document(fixture, any_document(fixture), "a letter").await?;
    check_not_downloadable(fixture, "downloading a document that was not processed", id).await
}

pub(super) async fn processing_is_idempotent(fixture: &dyn DocumentsFixture) -> CaseResult {
    let id = store_document(fixture, any_document(fixture), "a letter").await?;
    for _ in 0..2 {
        ensure_ok("processing a processed document", fixture.documents().process(id).await)?;
    }
    check_download(fixture, "a document that was processed twice", id, b"a letter").await
}

pub(super) async fn unknown_document_is_not_found(fixture: &dyn DocumentsFixture) -> CaseResult {
    let (documents, id) = (fixture.documents(), unknown_id());
    let kinds = [ErrorKind::NotFound];
    ensure_rejected("processing a document that never existed", documents.process(id).await, &kinds)?;
    let result = documents.download_url(id).await;
    ensure_rejected("downloading a document that never existed", result, &kinds).map(drop)
}

pub(super) async fn lists_stored_document_as_created(fixture: &dyn DocumentsFixture) -> CaseResult {
    let [patient, _] = fixture.two_individuals();
    let with_all_fields = document_builder(fixture, patient)
        .name("Überweisung \"4\" & more")
        .description("What it is about")
        .file_name("Überweisung 紹介状.pdf")
        .media_type("application/pdf");
    let minimal =
        document_builder(fixture, patient).file_name("noext").media_type("text/plain; charset=utf-8");
    for builder in [with_all_fields, minimal] {
        let document = build_document(builder.clone())?;
        let id = store_document(fixture, builder, "a letter").await?;
        let query = DocumentQuery::default().patient(patient);
        let listed = read_all("the documents", fixture.documents().list(query)).await?;
        let found = listed.into_iter().find(|listed| listed.id == id);
        check_fields(&ensure_some("the document in the list of its patient", found)?, &document)?;
    }
    Ok(())
}

/// Compares a listed document with its input field by field, so that a failure names the fields that differ.
fn check_fields(actual: &Document, document: &NewDocument) -> CaseResult {
    let attributes = document.attributes();
    let fields = [
        ("individual-id", actual.patient == Some(attributes.individual_id)),
        ("organization-id", actual.organization == Some(attributes.organization_id)),
        ("class-id", actual.class == Some(attributes.class_id)),
        ("name", actual.name.as_deref() == Some(attributes.name.as_str())),
        ("description", actual.description == attributes.description),
        ("attachment-filename", actual.file_name.as_deref() == Some(document.file_name())),
        ("attachment-content-type", actual.media_type.as_deref() == Some(document.media_type())),
    ];
    ensure_fields("the document in the list of its patient", &fields)
}

pub(super) async fn filters_documents_by_patient(fixture: &dyn DocumentsFixture) -> CaseResult {
    let [first_patient, second_patient] = fixture.two_individuals();
    let first = store_document(fixture, document_builder(fixture, first_patient), "a letter").await?;
    let second = store_document(fixture, document_builder(fixture, second_patient), "a letter").await?;
    let query = |patient| DocumentQuery::default().patient(patient);
    let checked = "the list of a patient";
    check_list(fixture, checked, query(first_patient), &[first], &[second]).await?;
    check_list(fixture, checked, query(second_patient), &[second], &[first]).await?;
    let unfiltered = DocumentQuery::default();
    check_list(fixture, "the list without a filter", unfiltered, &[first, second], &[]).await?;
    let result: Result<Vec<_>, _> = fixture.documents().list(query(unknown_id())).try_collect().await;
    // A service may reject an unknown patient, or return an empty list.
    let checked = "the list of an unknown patient";
    match result {
        Ok(listed) => ensure_eq(checked, &listed.len(), &0),
        error => ensure_rejected(checked, error, &REJECTION_KINDS).map(drop),
    }
}

pub(super) async fn filters_documents_by_class(fixture: &dyn DocumentsFixture) -> CaseResult {
    let [patient, other_patient] = fixture.two_individuals();
    let [class, other_class]: [DocumentClassId; 2] = fixture.two_classes();
    let store_letter = async |patient, class| {
        store_document(fixture, document_builder(fixture, patient).class(class), "a letter").await
    };
    let matching = store_letter(patient, class).await?;
    let wrong_class = store_letter(patient, other_class).await?;
    let wrong_patient = store_letter(other_patient, class).await?;
    let query = || DocumentQuery::default().class(class);
    let checked = "the list of a class";
    check_list(fixture, checked, query(), &[matching, wrong_patient], &[wrong_class]).await?;
    let both = query().patient(patient);
    let checked = "the list of a class and a patient";
    check_list(fixture, checked, both, &[matching], &[wrong_class, wrong_patient]).await
}

pub(super) async fn filters_documents_by_organization(fixture: &dyn DocumentsFixture) -> CaseResult {
    let first_organization = fixture.organization();
    let first = store_document(fixture, any_document(fixture), "a letter").await?;
    let query = |organization| DocumentQuery::default().organization(organization);
    let checked = "the list of an organization";
    let Some(second_organization) = fixture.other_organization() else {
        return check_list(fixture, checked, query(first_organization), &[first], &[]).await;
    };
    let document = any_document(fixture).organization(second_organization);
    let second = store_document(fixture, document, "a letter").await?;
    let default = DocumentQuery::default();
    check_list(fixture, "the list without an organization", default, &[first], &[second]).await?;
    check_list(fixture, checked, query(first_organization), &[first], &[second]).await?;
    check_list(fixture, checked, query(second_organization), &[second], &[first]).await
}

pub(super) async fn applies_extra_filters(fixture: &dyn DocumentsFixture) -> CaseResult {
    let Some(filter) = fixture.filter_by_name().map(str::to_owned) else { return Ok(()) };
    let (first_name, second_name) = (format!("{} & [more]", unique_word()), unique_word());
    let first = store_document(fixture, any_document(fixture).name(&first_name), "a letter").await?;
    let second = store_document(fixture, any_document(fixture).name(&second_name), "a letter").await?;
    let query = |name: &str| DocumentQuery::default().filter(&filter, name);
    let checked = "the list with a filter by name";
    check_list(fixture, checked, query(&first_name), &[first], &[second]).await?;
    check_list(fixture, checked, query(&second_name), &[second], &[first]).await?;
    check_list(fixture, checked, query(&unique_word()), &[], &[first, second]).await
}

pub(super) async fn lists_all_documents(fixture: &dyn DocumentsFixture) -> CaseResult {
    let [patient, _] = fixture.two_individuals();
    let mut known = Vec::new();
    for _ in 0..4 {
        known.push(store_document(fixture, document_builder(fixture, patient), "a letter").await?);
    }
    let documents = fixture.documents();
    let list = |options| documents.list(DocumentQuery::default().patient(patient).options(options));
    check_complete("the documents of a patient", list, |document| document.id, &known).await?;
    check_start_and_early_stop("the documents of a patient", list, |document| document.id).await
}

/// Checks that a list consists of one item, which is an error.
async fn check_list_rejected(
    fixture: &dyn DocumentsFixture,
    field: &str,
    query: DocumentQuery,
    kinds: &[ErrorKind],
) -> CaseResult {
    let mut items: Vec<Result<Document, Error>> = fixture.documents().list(query).take(2).collect().await;
    ensure_eq("the number of items in a rejected list", &items.len(), &1)?;
    let item = ensure_some("the error of a rejected list", items.pop())?;
    ensure_field_rejected(fixture, field, "an invalid list", item, kinds)
}

pub(super) async fn rejected_list_yields_only_an_error(fixture: &dyn DocumentsFixture) -> CaseResult {
    let query = DocumentQuery::default().organization(unknown_id()).options(with_page_size(1));
    check_list_rejected(fixture, "organization-id", query, &REJECTION_KINDS).await
}

pub(super) async fn rejects_reserved_filter_names(fixture: &dyn DocumentsFixture) -> CaseResult {
    for name in ["individual-id", "class-id", "", "filter[name]"] {
        let query = DocumentQuery::default().filter(name, unique_word());
        check_list_rejected(fixture, "filter", query, &[ErrorKind::InvalidInput]).await?;
    }
    Ok(())
}

pub(super) async fn lists_all_classes(fixture: &dyn DocumentsFixture) -> CaseResult {
    let (documents, known) = (fixture.documents(), fixture.two_classes());
    let list = |options| documents.classes(options);
    check_complete("the classes", list, |class| class.id, &known).await?;
    check_start_and_early_stop("the classes", list, |class| class.id).await
}
