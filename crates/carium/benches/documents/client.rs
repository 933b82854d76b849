//! The process of one client, which is measured.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use carium::documents::{UploadSource, Uploads};
use reqwest::multipart::{Form, Part};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::carium_client::{self, Sum};
use crate::{BenchError, measure, server};

/// The size of each document in the workloads with many documents.
pub(crate) const SMALL_DOCUMENT: usize = 20_000;
/// The number of documents that are uploaded in parallel.
pub(crate) const CONCURRENCY: usize = 16;
/// The fields of the form in the spec's example.
pub(crate) const FIELDS: [(&str, &str); 3] =
    [("key", "documents/2097e072"), ("policy", "example-policy"), ("x-amz-signature", "example-signature")];
/// The media type and the name of each posted file.
const MEDIA_TYPE: &str = "application/pdf";
const FILE_NAME: &str = "example.pdf";

/// Runs the workload `role` with the file or the folder at `path`, and reports the memory that it used.
pub(crate) fn run(role: &str, origin: &str, path: &Path, count: usize) -> Result<(), BenchError> {
    if matches!(role, "hash" | "disk") {
        let idle = measure::idle()?;
        if role == "hash" {
            return report(idle, &hash(path)?);
        }
        server::write(path, (count as u64) << 20)?;
        return report(idle, &[]);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let is_carium = matches!(role, "upload" | "download" | "carium-memory" | "carium-files");
        let (idle, sum) = if is_carium {
            let carium = carium_client::client(origin).await?;
            let idle = measure::idle()?;
            let sum = match role {
                "upload" => carium_client::upload(carium.uploads(), UploadSource::path(path)).await?,
                "download" => carium_client::download(&carium, path).await?,
                "carium-memory" => {
                    upload_many(Client::Carium(carium.uploads().clone()), path, count, false).await?
                }
                _ => upload_many(Client::Carium(carium.uploads().clone()), path, count, true).await?,
            };
            (idle, sum)
        } else {
            let client = reqwest::Client::builder().http1_only().build()?;
            client.post(format!("{origin}/identity/v1/login/")).send().await?.bytes().await?;
            let idle = measure::idle()?;
            let client = Client::Reqwest(client, origin.to_owned());
            let sum = match role {
                "form-memory" => upload_many(client, path, count, false).await?,
                "form-files" => upload_many(client, path, count, true).await?,
                other => return Err(format!("unknown client `{other}`").into()),
            };
            (idle, sum)
        };
        report(idle, &sum)
    })
}

fn report(idle: u64, sum: &[u8]) -> Result<(), BenchError> {
    let peak = measure::peak()?.saturating_sub(idle);
    writeln!(io::stdout(), "{peak} {}", measure::hex(sum))?;
    Ok(())
}

/// Reads and hashes a file.
pub(crate) fn hash(path: &Path) -> Result<Sum, BenchError> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 256 * 1024];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(&block[..read]),
        }
    }
}

/// The client that uploads the documents.
#[derive(Clone)]
enum Client {
    Carium(Uploads),
    /// Plain `reqwest`, as in a program without this crate.
    Reqwest(reqwest::Client, String),
}

/// Uploads many documents in parallel, from files or from memory.
async fn upload_many(client: Client, path: &Path, count: usize, files: bool) -> Result<Sum, BenchError> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for _ in 0..CONCURRENCY {
        let (client, path, next) = (client.clone(), path.to_owned(), Arc::clone(&next));
        tasks.push(tokio::spawn(async move {
            let mut sum = Sum::default();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return Ok::<_, BenchError>(sum);
                }
                let file = files.then(|| path.join(format!("{index}.pdf")));
                match &client {
                    Client::Carium(uploads) => {
                        let source = file.map_or_else(
                            || UploadSource::bytes(&server::pattern()[..SMALL_DOCUMENT]),
                            UploadSource::path,
                        );
                        sum = carium_client::upload(uploads, source).await?;
                    }
                    Client::Reqwest(client, origin) => {
                        upload_with_reqwest(client, origin, file.as_deref()).await?;
                    }
                }
            }
        }));
    }
    let mut sum = Sum::default();
    for task in tasks {
        sum = task.await??;
    }
    Ok(sum)
}

/// Uploads one document with its three calls.
async fn upload_with_reqwest(
    client: &reqwest::Client,
    origin: &str,
    path: Option<&Path>,
) -> Result<(), BenchError> {
    let references = format!("{origin}/caredb/v1/org-document-references/");
    let response = client
        .post(&references)
        .bearer_auth("example-access-token")
        .header("content-type", "application/json")
        .body(serde_json::to_vec(&CreateRequest::EXAMPLE)?)
        .send()
        .await?
        .error_for_status()?;
    let created: CreateResponse = serde_json::from_slice(&response.bytes().await?)?;
    let UploadInfo { upload_url: url, upload_data: fields } = created.data.attributes.upload_info;
    let content = match path {
        Some(path) => tokio::fs::read(path).await?,
        None => server::pattern()[..SMALL_DOCUMENT].to_vec(),
    };
    let mut form = Form::new();
    for (name, value) in &fields {
        form = form.text(name.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    let form = form.part("file", Part::bytes(content).file_name(FILE_NAME).mime_str(MEDIA_TYPE)?);
    client.post(url).multipart(form).send().await?.error_for_status()?;
    client
        .post(format!("{references}{}/process-upload/", created.data.id))
        .bearer_auth("example-access-token")
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}

#[derive(Serialize)]
struct CreateRequest {
    data: CreateRequestData,
}

#[derive(Serialize)]
struct CreateRequestData {
    attributes: NewDocumentAttributes,
    r#type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct NewDocumentAttributes {
    attachment_content_type: &'static str,
    attachment_filename: &'static str,
    class_id: &'static str,
    name: &'static str,
    description: &'static str,
    individual_id: &'static str,
    organization_id: &'static str,
}

impl CreateRequest {
    /// The request of the spec's example.
    const EXAMPLE: Self = Self {
        data: CreateRequestData {
            attributes: NewDocumentAttributes {
                attachment_content_type: MEDIA_TYPE,
                attachment_filename: FILE_NAME,
                class_id: "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002",
                name: "Example Document",
                description: "This is an example document",
                individual_id: "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002",
                organization_id: "8d25a2a6-8219-40d1-a34f-c24ec69f4f72",
            },
            r#type: "org-document-references",
        },
    };
}

#[derive(Deserialize)]
struct CreateResponse {
    data: CreateResponseData,
}

#[derive(Deserialize)]
struct CreateResponseData {
    id: String,
    attributes: CreateResponseAttributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct CreateResponseAttributes {
    upload_info: UploadInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UploadInfo {
    upload_url: String,
    upload_data: Map<String, Value>,
}
