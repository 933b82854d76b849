//! Uploads and downloads with this crate, as a program uses it: signed in, with all calls of a document.

use std::path::Path;

use carium::documents::{DocumentReferenceId, NewDocument, UploadSource, Uploads};
use carium::{Carium, Credentials};

use crate::BenchError;

pub(crate) type Sum = [u8; 32];

/// The IDs of the spec's examples.
const ID: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";
const ORGANIZATION: &str = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72";

/// Returns a client that has loaded its certificates, signed in and opened a connection.
pub(crate) async fn client(origin: &str) -> Result<Carium, BenchError> {
    let carium = Carium::builder()
        .base_url(origin)
        .credentials(Credentials::new("username", "password")?)
        .organization(ORGANIZATION.parse()?)
        .build()?;
    carium.documents().download_url(id()?).await?;
    Ok(carium)
}

fn id() -> Result<DocumentReferenceId, BenchError> {
    Ok(ID.parse()?)
}

fn document() -> Result<NewDocument, BenchError> {
    let document = NewDocument::builder()
        .organization(ORGANIZATION.parse()?)
        .patient(ID.parse()?)
        .class(ID.parse()?)
        .name("Example Document")
        .description("This is an example document")
        .file_name("example.pdf");
    Ok(document.build()?)
}

/// Uploads a document with all three calls.
pub(crate) async fn upload(uploads: &Uploads, source: UploadSource) -> Result<Sum, BenchError> {
    Ok(*uploads.upload(document()?, source).await?.sha256.as_bytes())
}

pub(crate) async fn download(carium: &Carium, target: &Path) -> Result<Sum, BenchError> {
    Ok(*carium.downloads().to_path(id()?, target).await?.sha256.as_bytes())
}
