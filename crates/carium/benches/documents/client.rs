//! One client, one measurement: the process that a measurement is of.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use carium::documents::{Source, Uploads};
use reqwest::multipart::{Form, Part};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::ours::{self, Sum};
use crate::{Failed, measure, server};

/// How large a document of many is.
pub(crate) const SMALL: usize = 20_000;
/// How many of them are on their way at once.
pub(crate) const AT_ONCE: usize = 16;
/// The fields of the form, as the spec's example has them.
pub(crate) const FIELDS: [(&str, &str); 3] =
    [("key", "documents/2097e072"), ("policy", "example-policy"), ("x-amz-signature", "example-signature")];
/// What is posted of each document of many.
const TYPE: &str = "application/pdf";
const NAME: &str = "example.pdf";

/// Does what `role` says with the file or the folder at `place`, and reports the memory that it took.
pub(crate) fn run(role: &str, origin: &str, place: &Path, count: usize) -> Result<(), Failed> {
    if matches!(role, "hash" | "disk") {
        let idle = measure::idle()?;
        if role == "hash" {
            return report(idle, &hash(place)?);
        }
        server::write(place, (count as u64) << 20)?;
        return report(idle, &[]);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let ours = matches!(role, "upload" | "download" | "ours-memory" | "ours-files");
        let (idle, sum) = if ours {
            let carium = ours::client(origin).await?;
            let idle = measure::idle()?;
            let sum = match role {
                "upload" => ours::upload(carium.uploads(), Source::path(place)).await?,
                "download" => ours::download(&carium, place).await?,
                "ours-memory" => many(Client::Ours(carium.uploads().clone()), place, count, false).await?,
                _ => many(Client::Ours(carium.uploads().clone()), place, count, true).await?,
            };
            (idle, sum)
        } else {
            let client = reqwest::Client::builder().http1_only().build()?;
            client.post(format!("{origin}/identity/v1/login/")).send().await?.bytes().await?;
            let idle = measure::idle()?;
            let client = Client::Form(client, origin.to_owned());
            let sum = match role {
                "form-memory" => many(client, place, count, false).await?,
                "form-files" => many(client, place, count, true).await?,
                other => return Err(format!("no client is called {other}").into()),
            };
            (idle, sum)
        };
        report(idle, &sum)
    })
}

fn report(idle: u64, sum: &[u8]) -> Result<(), Failed> {
    let peak = measure::peak()?.saturating_sub(idle);
    writeln!(io::stdout(), "{peak} {}", measure::hex(sum))?;
    Ok(())
}

/// Reads and hashes a file, and nothing else.
pub(crate) fn hash(path: &Path) -> Result<Sum, Failed> {
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

/// Who posts the documents.
#[derive(Clone)]
enum Client {
    Ours(Uploads),
    /// Written by hand, as a program would without us.
    Form(reqwest::Client, String),
}

/// Posts many documents, so many at once: from files, or from what is in memory.
async fn many(client: Client, place: &Path, count: usize, files: bool) -> Result<Sum, Failed> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for _ in 0..AT_ONCE {
        let (client, place, next) = (client.clone(), place.to_owned(), Arc::clone(&next));
        tasks.push(tokio::spawn(async move {
            let mut sum = Sum::default();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return Ok::<_, Failed>(sum);
                }
                let path = files.then(|| place.join(format!("{index}.pdf")));
                match &client {
                    Client::Ours(uploads) => {
                        let source =
                            path.map_or_else(|| Source::bytes(&server::pattern()[..SMALL]), Source::path);
                        sum = ours::upload(uploads, source).await?;
                    }
                    Client::Form(client, origin) => one(client, origin, path.as_deref()).await?,
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

/// The three calls of one document.
async fn one(client: &reqwest::Client, origin: &str, path: Option<&Path>) -> Result<(), Failed> {
    let references = format!("{origin}/caredb/v1/org-document-references/");
    let answer = client
        .post(&references)
        .bearer_auth("example-access-token")
        .header("content-type", "application/json")
        .body(serde_json::to_vec(&Announce::EXAMPLE)?)
        .send()
        .await?
        .error_for_status()?;
    let announced: Announced = serde_json::from_slice(&answer.bytes().await?)?;
    let UploadInfo { upload_url: url, upload_data: fields } = announced.data.attributes.upload_info;
    let content = match path {
        Some(path) => tokio::fs::read(path).await?,
        None => server::pattern()[..SMALL].to_vec(),
    };
    let mut form = Form::new();
    for (name, value) in &fields {
        form = form.text(name.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    let form = form.part("file", Part::bytes(content).file_name(NAME).mime_str(TYPE)?);
    client.post(url).multipart(form).send().await?.error_for_status()?;
    client
        .post(format!("{references}{}/process-upload/", announced.data.id))
        .bearer_auth("example-access-token")
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}

#[derive(Serialize)]
struct Announce {
    data: AnnounceData,
}

#[derive(Serialize)]
struct AnnounceData {
    attributes: CreatedDocument,
    r#type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct CreatedDocument {
    attachment_content_type: &'static str,
    attachment_filename: &'static str,
    class_id: &'static str,
    name: &'static str,
    description: &'static str,
    individual_id: &'static str,
    organization_id: &'static str,
}

impl Announce {
    /// The example of the spec.
    const EXAMPLE: Self = Self {
        data: AnnounceData {
            attributes: CreatedDocument {
                attachment_content_type: TYPE,
                attachment_filename: NAME,
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
struct Announced {
    data: AnnouncedData,
}

#[derive(Deserialize)]
struct AnnouncedData {
    id: String,
    attributes: AnnouncedAttributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct AnnouncedAttributes {
    upload_info: UploadInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UploadInfo {
    upload_url: String,
    upload_data: Map<String, Value>,
}
