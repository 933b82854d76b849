//! [`Documents`] over the API client, and the interpretation of its responses.

use async_trait::async_trait;
use carium_api::types::{self, DocumentReferenceId, OrganizationId};
use carium_api::{Attribute, Client, ClientCaredbExt as _, Secret, operations};
use futures_util::{StreamExt as _, stream};

use super::conflict::is_already_processed;
use super::{CreatedDocument, Document, DocumentClass, DocumentQuery, Documents, NewDocument, UploadForm};
use crate::api_result;
use crate::error::{Error, ErrorKind};
use crate::page::{Items, ListOptions, PageParameters, items};
use crate::problem::Problem;

/// [`Documents`] over the API client.
pub(crate) struct ApiDocuments {
    pub(crate) client: Client,
    /// The organization whose classes and documents are listed by default.
    pub(crate) organization: Option<OrganizationId>,
}

/// Returns a list that yields only this error.
fn failed_list<T: Send + 'static>(error: Error) -> Items<T> {
    stream::iter([Err(error)]).boxed()
}

fn no_organization() -> Error {
    let message = "is missing: set an organization on the client or on the query";
    Error::invalid("the documents cannot be listed", vec![Problem::new("organization-id", message)])
}

#[async_trait]
impl Documents for ApiDocuments {
    fn classes(&self, options: ListOptions) -> Items<DocumentClass> {
        let Some(organization) = self.organization else { return failed_list(no_organization()) };
        let request_page = move |client: Client, page: PageParameters| async move {
            let request = client.list_document_classes().organization_id(organization);
            request.page_limit(page.limit).page_offset(page.offset).send().await
        };
        items(self.client.clone(), &operations::LIST_DOCUMENT_CLASSES, options, request_page)
    }

    fn list(&self, query: DocumentQuery) -> Items<Document> {
        let extra_parameters = match query.extra_parameters() {
            Ok(extra_parameters) => extra_parameters,
            Err(error) => return failed_list(error),
        };
        let Some(organization) = query.organization.or(self.organization) else {
            return failed_list(no_organization());
        };
        let (patient, class) = (query.patient, query.class);
        let request_page = move |client: Client, page: PageParameters| {
            let client = client.with_query(&extra_parameters);
            async move {
                let mut request = client.list_document_references().organization_id(organization);
                if let Some(patient) = patient {
                    request = request.filter_individual_id(patient);
                }
                if let Some(class) = class {
                    request = request.filter_class_id(class);
                }
                request.page_limit(page.limit).page_offset(page.offset).send().await
            }
        };
        items(self.client.clone(), &operations::LIST_DOCUMENT_REFERENCES, query.options, request_page)
    }

    async fn create(&self, document: NewDocument) -> Result<CreatedDocument, Error> {
        let data = types::required::CreateDocumentReferenceData { attributes: document.0 }.into();
        let body = types::required::CreateDocumentReferenceRequest { data };
        let call = self.client.create_document_reference().body(body);
        let response = api_result::convert_result(&operations::CREATE_DOCUMENT_REFERENCE, call.send().await)?;
        let attributes = response.data.attributes.into_known();
        let upload_info = attributes.and_then(|attributes| attributes.upload_info.into_known());
        Ok(CreatedDocument { id: response.data.id, form: upload_info.and_then(upload_form) })
    }

    async fn process(&self, id: DocumentReferenceId) -> Result<(), Error> {
        let result = self.client.process_upload().id(id).send().await;
        match api_result::convert_result(&operations::PROCESS_UPLOAD, result) {
            Err(error) if is_already_processed(&error) => Ok(()),
            result => result.map(drop),
        }
    }

    async fn download_url(&self, id: DocumentReferenceId) -> Result<Secret, Error> {
        let result = self.client.get_download_info().id(id).send().await;
        let response = api_result::convert_result(&operations::GET_DOWNLOAD_INFO, result)?;
        find_download_url(response.data.attributes)
    }
}

fn upload_form(info: types::UploadInfo) -> Option<UploadForm> {
    let url = info.upload_url.into_known().filter(|url| !url.expose().is_empty())?;
    Some(UploadForm::new(url, info.upload_data.into_known()?))
}

/// Returns the URL of a file. The vendor's documentation does not name the field that has it, so the first non-empty
/// URL of three candidate fields is used.
fn find_download_url(attributes: Attribute<types::DownloadInfoAttributes>) -> Result<Secret, Error> {
    let undecodable = |message: String| {
        Error::new(ErrorKind::Undecodable, message).with_operation(&operations::GET_DOWNLOAD_INFO)
    };
    let Some(attributes) = attributes.into_known() else {
        return Err(undecodable("the response has no attributes with a download URL".to_owned()));
    };
    let field_names = field_names(&attributes);
    let nested = attributes.download_info.into_known().map(|info| info.download_url);
    let candidates = [Some(attributes.download_url), nested, Some(attributes.url)];
    let mut urls = candidates.into_iter().flatten().filter_map(Attribute::into_known);
    urls.find(|url| !url.expose().is_empty()).ok_or_else(|| {
        undecodable(format!(
            "the response has no URL in `download-url`, `download-info.download-url` or `url`; \
             its fields are: {field_names}"
        ))
    })
}

/// Lists the names of the fields in a response. Keys that do not look like field names are omitted, because they
/// might be private values.
fn field_names(attributes: &types::DownloadInfoAttributes) -> String {
    let if_present = |is_missing: bool, name: &'static str| (!is_missing).then(|| name.to_owned());
    let is_name = |name: &&String| {
        name.len() <= 40
            && name.starts_with(|letter: char| letter.is_ascii_lowercase())
            && name.chars().all(|letter| letter.is_ascii_lowercase() || matches!(letter, '-' | '_'))
    };
    let known = [
        if_present(attributes.download_url.is_missing(), "download-url"),
        if_present(attributes.download_info.is_missing(), "download-info"),
        if_present(attributes.url.is_missing(), "url"),
    ];
    let names: Vec<_> = known
        .into_iter()
        .flatten()
        .chain(attributes.extra.keys().filter(is_name).take(20).cloned())
        .map(|name| format!("`{name}`"))
        .collect();
    if names.is_empty() { "none with a plain name".to_owned() } else { names.join(", ") }
}
