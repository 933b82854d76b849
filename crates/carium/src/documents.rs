//! Documents: files in a patient's record.
//!
//! A document's way into a record is three calls on two hosts: the reference is created, the file is posted to
//! an object store with a presigned form, and the service is told to process it. [`Uploads`] does all of it
//! and goes on where it stopped; [`Downloads`] does the way back. Beneath them are two traits: [`Documents`],
//! the service's side, and [`Transfers`], the store's side, which never sees a token.
//!
//! ```no_run
//! use carium::Carium;
//! use carium::documents::Source;
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
//! let receipt = carium.uploads().upload(document, Source::path("scans/letter.pdf")).await?;
//! carium.downloads().to_path(receipt.id, "letters/").await?;
//! # Ok(())
//! # }
//! ```

mod api;
mod background;
mod digest;
mod download;
mod file_name;
mod local;
mod new;
mod progress;
mod query;
mod sides;
mod transfers;
mod tries;
mod upload;

use std::fmt;

use async_trait::async_trait;
use carium_api::types;
pub use carium_api::types::{DocumentClassId, DocumentReferenceId, IndividualId, OrganizationId};
use carium_api::{Attribute, Redacted, Secret};

pub(crate) use api::ApiDocuments;
pub use digest::Sha256Digest;
pub use download::{Download, DownloadReceipt, DownloadRequest, DownloadStream, Downloads};
pub use new::{NewDocument, NewDocumentBuilder};
pub use progress::{Progress, Stage, TransferHandle};
pub use query::DocumentQuery;
pub(crate) use sides::DocumentServices;
pub(crate) use transfers::HttpTransfers;
pub use transfers::{
    ByteRange, ByteStream, Content, DownloadResponse, FilePart, Transfers, UploadForm, store_error,
};
pub(crate) use tries::Tries;
pub use upload::{
    Source, Upload, UploadError, UploadHandle, UploadReceipt, UploadStage, UploadState, UploadStateStore,
    Uploads,
};

use crate::error::Error;
use crate::lookups::named;
use crate::page::{Items, ListOptions, Paged};

/// The service's side of documents: references, their classes, and where files go to and come from.
#[async_trait]
pub trait Documents: Send + Sync {
    /// The classes that a document can be filed under.
    fn classes(&self, options: ListOptions) -> Items<DocumentClass>;

    /// The documents of an organization, those of one patient, or others that a filter names. Of a query that does
    /// not pass its [check](DocumentQuery::check) the list has that error, and nothing is sent.
    fn list(&self, query: DocumentQuery) -> Items<Document>;

    /// Creates the reference of a document, which gives the form to upload its file with. Until the file is
    /// there and [processed](Self::process), nobody can open the document.
    ///
    /// # Errors
    /// Any with [`may_have_been_applied`](Error::may_have_been_applied): a reference may be there, without a file and
    /// without a form for it. [`list`](Self::list) may show it.
    async fn create(&self, document: NewDocument) -> Result<CreatedDocument, Error>;

    /// Tells the service that the file has been uploaded. Done again it changes nothing.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound): there is no such reference.
    async fn process(&self, id: DocumentReferenceId) -> Result<(), Error>;

    /// The URL from which the file can be read, for a while, by whoever has it.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound): there is no such reference.
    /// - [`Undecodable`](crate::ErrorKind::Undecodable): the answer has no URL where one is expected; the error
    ///   names what it has.
    async fn download_info(&self, id: DocumentReferenceId) -> Result<Secret, Error>;
}

/// A reference that was just created.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CreatedDocument {
    /// Its id.
    pub id: DocumentReferenceId,
    /// The form to upload the file with. `None` where the service gave none, or one that cannot be
    /// understood: then nothing can be uploaded to this reference.
    pub form: Option<UploadForm>,
}

impl CreatedDocument {
    /// A reference with its form.
    pub fn new(id: DocumentReferenceId, form: Option<UploadForm>) -> Self {
        Self { id, form }
    }
}

/// A document as the service knows it. What the service does not say, or says in a way that is not
/// understood, is `None`.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Document {
    /// The id of its reference.
    pub id: DocumentReferenceId,
    /// The patient in whose record it is.
    pub patient: Option<IndividualId>,
    /// The organization.
    pub organization: Option<OrganizationId>,
    /// The class that it is filed under.
    pub class: Option<DocumentClassId>,
    /// What it is called in the record.
    pub name: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// The name of its file.
    pub file_name: Option<String>,
    /// The media type of its file.
    pub media_type: Option<String>,
}

impl Document {
    /// A document of which nothing but its id is known.
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
        let Some(said) = reference.attributes.into_known() else { return Self::from_id(id) };
        Self {
            id,
            patient: said.individual_id.into_known(),
            organization: said.organization_id.into_known(),
            class: said.class_id.into_known(),
            name: said.name.into_known(),
            description: said.description.into_known(),
            file_name: said.attachment_filename.into_known(),
            media_type: said.attachment_content_type.into_known(),
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

impl Paged for types::DocumentReferenceList {
    type Item = Document;

    fn into_parts(self) -> (Vec<Document>, Attribute<types::PageLinks>) {
        (self.data.into_iter().map(Document::from).collect(), self.links)
    }
}

named! {
    /// A class that a document can be filed under.
    DocumentClass, DocumentClassId, types::DocumentClassList, true
}
