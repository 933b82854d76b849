//! Work with this crate, as a program uses it.

use std::hint::black_box;
use std::path::Path;

use carium::appointments::AppointmentId;
use carium::documents::{
    Digest, DocumentQuery, DocumentReferenceId, DownloadRequest, NewDocument, UploadSource,
};
use carium::{Carium, Credentials, ListOptions};
use futures_util::TryStreamExt as _;

use crate::measure::Start;
use crate::{
    BenchError, CONCURRENCY, CONCURRENT_DOCUMENTS, Documents, ID, ORGANIZATION, SMALL_DOCUMENT, block_on,
    hex, repeat, server,
};

pub(crate) fn run(work: &str, origin: &str, path: &Path, count: usize) -> Result<(), BenchError> {
    if work == "get-traced" {
        tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_writer(std::io::sink).init();
    }
    block_on(async {
        let carium = signed_in(origin).await?;
        let start = Start::now()?;
        let mut sha256 = String::new();
        match work {
            "get" | "get-traced" => get(carium, count).await?,
            "list" => list(&carium, count, 0, false).await?,
            "list-ahead" => list(&carium, count, 1, true).await?,
            "documents" => documents(carium, path, count, false, Digest::Sha256).await?,
            "documents-no-digest" => documents(carium, path, count, false, Digest::None).await?,
            "document-files" => documents(carium, path, count, true, Digest::Sha256).await?,
            "upload" | "upload-no-digest" => {
                let digest = if work == "upload" { Digest::Sha256 } else { Digest::None };
                let upload = carium.uploads().upload(document()?, UploadSource::path(path)).digest(digest);
                sha256 = upload.await?.sha256.map(|sha256| hex(sha256.as_bytes())).unwrap_or_default();
            }
            "download" => {
                let receipt = carium.downloads().to_path(document_id()?, path).await?;
                sha256 = receipt.sha256.map(|sha256| hex(sha256.as_bytes())).unwrap_or_default();
            }
            "download-no-digest" => {
                let request = DownloadRequest::new(document_id()?).digest(Digest::None).skip_sync();
                black_box(carium.downloads().to_path(request, path).await?);
            }
            other => return Err(format!("unknown work `{other}`").into()),
        }
        start.print(&sha256)
    })
}

/// Returns a client that has loaded its certificates, signed in and opened a connection.
async fn signed_in(origin: &str) -> Result<Carium, BenchError> {
    let carium = Carium::builder()
        .base_url(origin)
        .credentials(Credentials::new("username", "password")?)
        .organization(ORGANIZATION.parse()?)
        .max_concurrency(CONCURRENCY)
        .build()?;
    carium.documents().download_url(document_id()?).await?;
    Ok(carium)
}

async fn get(carium: Carium, count: usize) -> Result<(), BenchError> {
    let id: AppointmentId = ID.parse()?;
    repeat(count, CONCURRENCY, move |_| {
        let carium = carium.clone();
        async move {
            black_box(carium.appointments().get(id).await?);
            Ok(())
        }
    })
    .await
}

async fn list(carium: &Carium, count: usize, prefetch: usize, with_work: bool) -> Result<(), BenchError> {
    let mut documents = Documents::new(count, with_work);
    let query = DocumentQuery::default().options(ListOptions::default().prefetch(prefetch));
    let mut stream = carium.documents().list(query);
    while let Some(document) = stream.try_next().await? {
        documents.handle(black_box(document).name.as_deref())?;
    }
    documents.check()
}

/// Uploads documents from memory, or from the files of a folder.
async fn documents(
    carium: Carium,
    folder: &Path,
    count: usize,
    files: bool,
    digest: Digest,
) -> Result<(), BenchError> {
    let folder = folder.to_owned();
    repeat(count, CONCURRENT_DOCUMENTS, move |index| {
        let source = if files {
            UploadSource::path(folder.join(format!("{index}.pdf")))
        } else {
            UploadSource::bytes(&server::pattern()[..SMALL_DOCUMENT])
        };
        let uploads = carium.uploads().clone();
        async move {
            black_box(uploads.upload(document()?, source).digest(digest).await?);
            Ok(())
        }
    })
    .await
}

fn document_id() -> Result<DocumentReferenceId, BenchError> {
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
