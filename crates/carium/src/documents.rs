//! Documents: files in a patient's record.
//!
//! Uploading a document takes three calls to two hosts: create a document reference, post the file to an object store
//! with a presigned form, and ask the service to process the upload. [`Uploads`] runs all three and can resume after
//! a failure; [`Downloads`] downloads a document. Both are built on two traits: [`Documents`], the service, and
//! [`Transfers`], the object store. An implementation of [`Transfers`] never receives an access token.
//!
//! ```no_run
//! use carium::Carium;
//! use carium::documents::UploadSource;
//!
//! # async fn run(patient: carium::patients::IndividualId) -> Result<(), Box<dyn std::error::Error>> {
//! let carium = Carium::from_env()?;
//! let document = carium
//!     .new_document()
//!     .patient(patient)
//!     .class("aa6243fb-e4c1-44a0-ae3c-f4c4ab115002".parse()?)
//!     .name("Referral letter")
//!     .file_name("letter.pdf")
//!     .build()?;
//! let receipt = carium.uploads().upload(document, UploadSource::path("scans/letter.pdf")).await?;
//! carium.downloads().to_path(receipt.id, "letters/").await?;
//! # Ok(())
//! # }
//! ```

// `service` and `store` implement the two traits over HTTP. `transfer`, `digest` and `blocking` are what the two
// pipelines, `upload` and `download`, share. The other modules are values and rules.
mod blocking;
mod conflict;
mod digest;
mod download;
mod file_name;
mod new_document;
mod query;
mod service;
mod store;
mod transfer;
mod upload;

use std::fmt;

use async_trait::async_trait;
use carium_api::types;
pub use carium_api::types::{DocumentClassId, DocumentReferenceId, IndividualId, OrganizationId};
use carium_api::{Redacted, Secret};

pub use crate::sha256::Sha256Digest;
pub use digest::Digest;
pub use download::{Download, DownloadBatch, DownloadReceipt, DownloadRequest, DownloadStream, Downloads};
pub(crate) use new_document::DocumentFields;
pub use new_document::{NewDocument, NewDocumentBuilder};
pub use query::DocumentQuery;
pub(crate) use service::ApiDocuments;
pub(crate) use store::HttpTransfers;
pub use store::{
    ByteRange, ByteStream, Content, DownloadResponse, FilePart, Transfers, UploadForm, store_error,
    upload_result,
};
pub(crate) use transfer::{DocumentServices, TransferRetries};
pub use transfer::{Progress, TransferHandle, TransferStage};
pub use upload::{
    Upload, UploadError, UploadHandle, UploadReceipt, UploadSource, UploadStage, UploadState,
    UploadStateStore, Uploads,
};

use crate::error::Error;
use crate::lookups::lookup_type;
use crate::page::{DecodedPage, Items, ListOptions, ListPage};

/// The service's document operations: document references, their classes, and presigned uploads and downloads.
#[async_trait]
pub trait Documents: Send + Sync {
    /// Lists the classes that a document can be filed under.
    fn classes(&self, options: ListOptions) -> Items<DocumentClass>;

    /// Lists the documents that match a query: by default all documents of the organization.
    ///
    /// If the query does not pass [`DocumentQuery::validate`], the list yields that error and no request is sent.
    fn list(&self, query: DocumentQuery) -> Items<Document>;

    /// Creates a document reference and returns its ID with the presigned form for the file.
    ///
    /// The document cannot be opened until its file is uploaded and [processed](Self::process).
    ///
    /// # Errors
    /// After an error with [`may_have_been_applied`](Error::may_have_been_applied), a reference may exist that has
    /// no file, and whose form is lost. [`list`](Self::list) may show it.
    async fn create(&self, document: NewDocument) -> Result<CreatedDocument, Error>;

    /// Tells the service that the file has been uploaded. Idempotent.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound): the reference does not exist.
    async fn process(&self, id: DocumentReferenceId) -> Result<(), Error>;

    /// Returns a presigned URL for the file. Anyone who has the URL can read the file until it expires.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound): the reference does not exist.
    /// - [`Conflict`](crate::ErrorKind::Conflict) or [`NotFound`](crate::ErrorKind::NotFound): the document has no
    ///   file, because its upload was not completed. The vendor does not document the status; the fake returns
    ///   `Conflict`. The attributes of a document do not tell whether it has a file.
    /// - [`Undecodable`](crate::ErrorKind::Undecodable): the response has no URL in any of the expected fields. The
    ///   error lists the fields that it has.
    async fn download_url(&self, id: DocumentReferenceId) -> Result<Secret, Error>;
}

/// A document reference that was just created.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CreatedDocument {
    /// The ID of the reference.
    pub id: DocumentReferenceId,
    /// The presigned form for the file. `None` if the service returned no form or one that cannot be decoded: no
    /// file can be uploaded to this reference then.
    pub form: Option<UploadForm>,
}

impl CreatedDocument {
    /// Creates a value from a reference's ID and its form.
    pub fn new(id: DocumentReferenceId, form: Option<UploadForm>) -> Self {
        Self { id, form }
    }
}

/// A document in a patient's record. Attributes that the service omits, or that cannot be decoded, are `None`.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Document {
    /// The ID of the document reference.
    pub id: DocumentReferenceId,
    /// The patient in whose record the document is filed.
    pub patient: Option<IndividualId>,
    /// The organization.
    pub organization: Option<OrganizationId>,
    /// The class that the document is filed under.
    pub class: Option<DocumentClassId>,
    /// The document's name in the record.
    pub name: Option<String>,
    /// A description in free text.
    pub description: Option<String>,
    /// The name of the file.
    pub file_name: Option<String>,
    /// The media type of the file.
    pub media_type: Option<String>,
}

impl Document {
    /// Creates a document that has an ID and no attributes.
    pub fn from_id(id: DocumentReferenceId) -> Self {
        Self {
            id,
            patient: None,
            organization: None,
            class: None,
            name: None,
            description: None,
            file_name: None,
            media_type: None,
        }
    }
}

impl From<types::DocumentReference> for Document {
    fn from(reference: types::DocumentReference) -> Self {
        let id = reference.id;
        let Some(attributes) = reference.attributes.into_known() else { return Self::from_id(id) };
        Self {
            id,
            patient: attributes.individual_id.into_known(),
            organization: attributes.organization_id.into_known(),
            class: attributes.class_id.into_known(),
            name: attributes.name.into_known(),
            description: attributes.description.into_known(),
            file_name: attributes.attachment_filename.into_known(),
            media_type: attributes.attachment_content_type.into_known(),
        }
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phi = |text: &Option<String>| text.as_ref().map(|_| Redacted::Phi);
        f.debug_struct("Document")
            .field("id", &self.id)
            .field("patient", &self.patient)
            .field("organization", &self.organization)
            .field("class", &self.class)
            .field("name", &phi(&self.name))
            .field("description", &phi(&self.description))
            .field("file_name", &phi(&self.file_name))
            .field("media_type", &self.media_type)
            .finish()
    }
}

impl ListPage for types::DocumentReferenceList {
    type Item = Document;

    fn into_page(self) -> DecodedPage<Document> {
        DecodedPage::new(
            self.data.into_iter().map(Document::from).collect(),
            |item| item.id,
            self.links,
            self.meta,
        )
    }
}

lookup_type! {
    /// A class that a document can be filed under.
    DocumentClass, DocumentClassId, types::DocumentClassList, true
}
