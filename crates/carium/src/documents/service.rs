//! [`Documents`] over the API client, and the interpretation of its responses.

use std::collections::BTreeMap;

use async_trait::async_trait;
use carium_api::types::{self, DocumentReferenceId, OrganizationId};
use carium_api::{Attribute, Client, ClientCaredbExt as _, Secret, Unknown, operations};

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

fn no_organization() -> Error {
    let message = "is missing: set an organization on the client or on the query";
    Error::invalid("the documents cannot be listed", vec![Problem::new("organization-id", message)])
}

#[async_trait]
impl Documents for ApiDocuments {
    fn classes(&self, options: ListOptions) -> Items<DocumentClass> {
        let Some(organization) = self.organization else { return Items::failed(no_organization()) };
        let request_page = move |client: Client, page: PageParameters| async move {
            let request = client.list_document_classes().organization_id(organization);
            request.page_limit(page.limit).page_offset(page.offset).send().await
        };
        items(self.client.clone(), &operations::LIST_DOCUMENT_CLASSES, options, request_page)
    }

    fn list(&self, query: DocumentQuery) -> Items<Document> {
        let extra_parameters = match query.extra_parameters() {
            Ok(extra_parameters) => extra_parameters,
            Err(error) => return Items::failed(error),
        };
        let Some(organization) = query.organization.or(self.organization) else {
            return Items::failed(no_organization());
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
        match api_result::convert_empty_result(&operations::PROCESS_UPLOAD, result) {
            Err(error) if is_already_processed(&error) => Ok(()),
            result => result.map(drop),
        }
    }

    async fn download_url(&self, id: DocumentReferenceId) -> Result<Secret, Error> {
        let result = self.client.get_download_info().id(id).send().await;
        let response = api_result::convert_result(&operations::GET_DOWNLOAD_INFO, result)?;
        find_download_url(response)
    }
}

fn upload_form(info: types::UploadInfo) -> Option<UploadForm> {
    let url = info.upload_url.into_known().filter(|url| !url.expose().is_empty())?;
    Some(UploadForm::new(url, info.upload_data.into_known()?))
}

/// The names of the members that can have the URL of a file.
const URL_MEMBERS: [&str; 3] = ["download-url", "download-info", "url"];

/// Returns the URL of a file. The vendor's documentation does not name the member that has it, so the first non-empty
/// URL of three members is used: of the attributes, and then of the top level.
fn find_download_url(response: types::DownloadInfoDocument) -> Result<Secret, Error> {
    let mut names = Vec::new();
    let mut urls = Vec::new();
    if let Some(attributes) = response.data.into_known().and_then(|data| data.attributes.into_known()) {
        add_member_names(
            &mut names,
            "data.attributes.",
            &attributes.extra,
            [
                attributes.download_url.is_missing(),
                attributes.download_info.is_missing(),
                attributes.url.is_missing(),
            ],
        );
        urls.extend(candidate_urls(attributes.download_url, attributes.download_info, attributes.url));
    }
    add_member_names(
        &mut names,
        "",
        &response.extra,
        [response.download_url.is_missing(), response.download_info.is_missing(), response.url.is_missing()],
    );
    urls.extend(candidate_urls(response.download_url, response.download_info, response.url));
    urls.into_iter().find(|url| !url.expose().is_empty()).ok_or_else(|| {
        let names = if names.is_empty() { "none with a plain name".to_owned() } else { names.join(", ") };
        let message = format!(
            "the response has no URL in `download-url`, `download-info.download-url` or `url`, neither in \
             `data.attributes` nor at the top level; its members are: {names}"
        );
        Error::new(ErrorKind::Undecodable, message).with_operation(&operations::GET_DOWNLOAD_INFO)
    })
}

/// Returns the URLs of these members in the order in which they are used.
fn candidate_urls(
    download_url: Attribute<Secret>,
    download_info: Attribute<types::DownloadLocation>,
    url: Attribute<Secret>,
) -> impl Iterator<Item = Secret> {
    let nested = download_info.into_known().map(|info| info.download_url).unwrap_or_default();
    [download_url, nested, url].into_iter().filter_map(Attribute::into_known)
}

/// Adds the names of the members of an object. Keys that do not look like names are omitted, because they might be
/// private values.
fn add_member_names(
    names: &mut Vec<String>,
    parent: &str,
    extra: &BTreeMap<String, Unknown>,
    are_missing: [bool; 3],
) {
    let is_name = |name: &&str| {
        name.len() <= 40
            && name.starts_with(|letter: char| letter.is_ascii_lowercase())
            && name.chars().all(|letter| letter.is_ascii_lowercase() || matches!(letter, '-' | '_'))
    };
    let known = URL_MEMBERS.into_iter().zip(are_missing).filter(|(_, is_missing)| !is_missing);
    let others = extra.keys().map(String::as_str).filter(is_name).take(20);
    names.extend(known.map(|(name, _)| name).chain(others).map(|name| format!("`{parent}{name}`")));
}
