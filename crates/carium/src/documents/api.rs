//! The service, over the client.

use async_trait::async_trait;
use carium_api::types::{self, DocumentReferenceId, OrganizationId};
use carium_api::{Attribute, Client, ClientCaredbExt as _, Secret, operations};
use futures_util::{StreamExt as _, stream};

use super::{CreatedDocument, Document, DocumentClass, DocumentQuery, Documents, NewDocument, UploadForm};
use crate::error::{Error, ErrorKind};
use crate::outcome;
use crate::page::{Items, ListOptions, PageCursor, items};
use crate::problem::Problem;

/// The service, over the client.
pub(crate) struct ApiDocuments {
    pub(crate) client: Client,
    /// Whose classes and documents are listed.
    pub(crate) organization: Option<OrganizationId>,
}

fn refused<T: Send + 'static>(error: Error) -> Items<T> {
    stream::iter([Err(error)]).boxed()
}

fn no_organization() -> Error {
    let what = "is missing: give the client an organization, or name one";
    Error::invalid("the list cannot be asked for", vec![Problem::new("organization-id", what)])
}

#[async_trait]
impl Documents for ApiDocuments {
    fn classes(&self, options: ListOptions) -> Items<DocumentClass> {
        let Some(organization) = self.organization else { return refused(no_organization()) };
        let size = options.page_size;
        let begin = move |client: Client, page: PageCursor| async move {
            let mut list = client.list_document_classes().organization_id(organization);
            if let Some(number) = page.as_number() {
                list = list.page_number(number);
            }
            if let Some(size) = size {
                list = list.page_size(size);
            }
            list.send().await
        };
        items(self.client.clone(), &operations::LIST_DOCUMENT_CLASSES, options.page, begin)
    }

    fn list(&self, query: DocumentQuery) -> Items<Document> {
        let further = match query.parameters() {
            Ok(further) => further,
            Err(error) => return refused(error),
        };
        let Some(organization) = query.organization.or(self.organization) else {
            return refused(no_organization());
        };
        let (patient, class, size) = (query.patient, query.class, query.options.page_size);
        let begin = move |client: Client, page: PageCursor| {
            let client = client.with_query(&further);
            async move {
                let mut list = client.list_document_references().organization_id(organization);
                if let Some(patient) = patient {
                    list = list.filter_individual_id(patient);
                }
                if let Some(class) = class {
                    list = list.filter_class_id(class);
                }
                if let Some(number) = page.as_number() {
                    list = list.page_number(number);
                }
                if let Some(size) = size {
                    list = list.page_size(size);
                }
                list.send().await
            }
        };
        items(self.client.clone(), &operations::LIST_DOCUMENT_REFERENCES, query.options.page, begin)
    }

    async fn create(&self, document: NewDocument) -> Result<CreatedDocument, Error> {
        let data = types::required::CreateDocumentReferenceData { attributes: document.0 }.into();
        let body = types::required::CreateDocumentReferenceRequest { data };
        let call = self.client.create_document_reference().body(body);
        let (answer, _) = outcome::of(&operations::CREATE_DOCUMENT_REFERENCE, call.send().await)?;
        let info = answer.data.attributes.into_known().and_then(|said| said.upload_info.into_known());
        Ok(CreatedDocument { id: answer.data.id, form: info.and_then(form) })
    }

    async fn process(&self, id: DocumentReferenceId) -> Result<(), Error> {
        let answered = self.client.process_upload().id(id).send().await;
        match outcome::of(&operations::PROCESS_UPLOAD, answered) {
            Err(error) if is_done_already(&error) => Ok(()),
            result => result.map(drop),
        }
    }

    async fn download_info(&self, id: DocumentReferenceId) -> Result<Secret, Error> {
        let answered = self.client.get_download_info().id(id).send().await;
        let (answer, _) = outcome::of(&operations::GET_DOWNLOAD_INFO, answered)?;
        download_url(answer.data.attributes)
    }
}

fn form(info: types::UploadInfo) -> Option<UploadForm> {
    let url = info.upload_url.into_known().filter(|url| !url.expose().is_empty())?;
    Some(UploadForm::new(url, info.upload_data.into_known()?))
}

/// A conflict that says that there is nothing left to do, or that follows a try which may have done it and says
/// nothing against it. Words are all there is: what is in doubt stays a conflict, from which an upload resumes.
fn is_done_already(error: &Error) -> bool {
    let words = |problem: &Problem| {
        let said = [problem.code(), problem.detail()].into_iter().flatten();
        said.collect::<Vec<_>>().join(" ").to_lowercase().replace(['-', '_', '.', ',', ':', ';'], " ")
    };
    let all: Vec<_> = error.problems().iter().map(words).collect();
    let says =
        |words: &[&str]| all.iter().any(|text| text.split_whitespace().any(|word| words.contains(&word)));
    let is_over = says(&["processed", "completed", "done", "finished"]);
    let is_not = says(&[
        "not", "no", "cannot", "can't", "isn't", "wasn't", "hasn't", "never", "without", "being", "progress",
        "failed", "fail", "failure", "error", "pending", "must", "before", "until", "unless", "another",
    ]);
    error.kind() == ErrorKind::Conflict && !is_not && (is_over || error.may_have_been_applied())
}

/// The vendor says "another URL" and not where: the first of the three places that has one.
fn download_url(attributes: Attribute<types::DownloadInfoAttributes>) -> Result<Secret, Error> {
    let wrong = |what: String| {
        Error::new(ErrorKind::Undecodable, what).with_operation(&operations::GET_DOWNLOAD_INFO)
    };
    let Some(said) = attributes.into_known() else {
        return Err(wrong("the answer says nothing of where the document can be downloaded".to_owned()));
    };
    let names = names(&said);
    let nested = said.download_info.into_known().map(|info| info.download_url);
    let places = [Some(said.download_url), nested, Some(said.url)];
    let known = places.into_iter().flatten().filter_map(Attribute::into_known);
    known.into_iter().find(|url| !url.expose().is_empty()).ok_or_else(|| {
        wrong(format!(
            "the answer has no URL in `download-url`, `download-info.download-url` or `url`; it has {names}"
        ))
    })
}

/// The names of what an answer has. Only what looks like a name: anything else might be a value.
fn names(said: &types::DownloadInfoAttributes) -> String {
    let is_there = |missing: bool, name: &'static str| (!missing).then(|| name.to_owned());
    let is_name = |name: &&String| {
        name.len() <= 40
            && name.starts_with(|letter: char| letter.is_ascii_lowercase())
            && name.chars().all(|letter| letter.is_ascii_lowercase() || matches!(letter, '-' | '_'))
    };
    let known = [
        is_there(said.download_url.is_missing(), "download-url"),
        is_there(said.download_info.is_missing(), "download-info"),
        is_there(said.url.is_missing(), "url"),
    ];
    let names: Vec<_> = known
        .into_iter()
        .flatten()
        .chain(said.extra.keys().filter(is_name).take(20).cloned())
        .map(|name| format!("`{name}`"))
        .collect();
    if names.is_empty() { "nothing that has a name".to_owned() } else { names.join(", ") }
}
