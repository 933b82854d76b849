//! The same work, as a program does it that is written by hand with `reqwest`.

use std::hint::black_box;
use std::path::Path;

use reqwest::Client;
use reqwest::multipart::{Form, Part};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use uuid::Uuid;

use crate::measure::Start;
use crate::{
    BenchError, CONCURRENCY, CONCURRENT_DOCUMENTS, Documents, ID, ORGANIZATION, PAGE_SIZE, SMALL_DOCUMENT,
    TOKEN, block_on, repeat, server,
};

const MEDIA_TYPE: &str = "application/pdf";
const FILE_NAME: &str = "example.pdf";

pub(crate) fn run(work: &str, origin: &str, path: &Path, count: usize) -> Result<(), BenchError> {
    block_on(async {
        let client = Client::builder().http1_only().build()?;
        client.post(format!("{origin}/identity/v1/login/")).send().await?.bytes().await?;
        let start = Start::now()?;
        match work {
            "get" => get(client, origin, count).await?,
            "list" => list(&client, origin, count, false).await?,
            "list-with-work" => list(&client, origin, count, true).await?,
            "documents" => documents(client, origin, path, count, false).await?,
            "document-files" => documents(client, origin, path, count, true).await?,
            other => return Err(format!("unknown work `{other}`").into()),
        }
        start.print("")
    })
}

async fn read<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T, BenchError> {
    let response = request.bearer_auth(TOKEN).send().await?.error_for_status()?;
    Ok(serde_json::from_slice(&response.bytes().await?)?)
}

async fn get(client: Client, origin: &str, count: usize) -> Result<(), BenchError> {
    let (origin, id) = (origin.to_owned(), Uuid::parse_str(ID)?);
    repeat(count, CONCURRENCY, move |_| {
        let request = client.get(format!("{origin}/caredb/v1/org-appointments/{id}/"));
        async move {
            black_box(read::<AppointmentResponse>(request).await?);
            Ok(())
        }
    })
    .await
}

/// Reads the pages one after the other.
async fn list(client: &Client, origin: &str, count: usize, with_work: bool) -> Result<(), BenchError> {
    let mut documents = Documents::new(count, with_work);
    let mut offset = 0;
    loop {
        let mut url = Url::parse(origin)?.join("/caredb/v1/org-document-references/")?;
        url.query_pairs_mut()
            .append_pair("organization-id", ORGANIZATION)
            .append_pair("page[limit]", &PAGE_SIZE.to_string())
            .append_pair("page[offset]", &offset.to_string());
        let page: DocumentPage = read(client.get(url)).await?;
        offset += page.data.len();
        for document in page.data {
            documents.handle(black_box(document).attributes.name.as_deref())?;
        }
        if offset >= page.meta.total {
            return documents.check();
        }
    }
}

/// Uploads documents from memory, or from the files of a folder.
async fn documents(
    client: Client,
    origin: &str,
    folder: &Path,
    count: usize,
    files: bool,
) -> Result<(), BenchError> {
    let (origin, folder) = (origin.to_owned(), folder.to_owned());
    repeat(count, CONCURRENT_DOCUMENTS, move |index| {
        let (client, origin) = (client.clone(), origin.clone());
        let path = files.then(|| folder.join(format!("{index}.pdf")));
        async move { upload(&client, &origin, path.as_deref()).await }
    })
    .await
}

#[derive(Deserialize)]
struct AppointmentResponse {
    #[expect(dead_code, reason = "decoded as in a program that needs it")]
    data: Appointment,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "decoded as in a program that needs it")]
struct Appointment {
    id: Uuid,
    attributes: AppointmentAttributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "decoded as in a program that needs it")]
struct AppointmentAttributes {
    description: Option<String>,
    location: Option<String>,
    start_time: Option<String>,
    end_time: Option<String>,
    guest_url: Option<String>,
    host_url: Option<String>,
    patient_instruction: Option<String>,
    individual_id: Option<Uuid>,
    organization_id: Option<Uuid>,
    practitioner_id: Option<Uuid>,
    status_id: Option<Uuid>,
    type_id: Option<Uuid>,
    add_video_channel: Option<bool>,
}

/// A page as a program would declare it, with all attributes of a document.
#[derive(Deserialize)]
struct DocumentPage {
    data: Vec<Document>,
    meta: Meta,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "page[total]")]
    total: usize,
}

#[derive(Deserialize)]
struct Document {
    #[expect(dead_code, reason = "decoded as in a program that needs it")]
    id: Uuid,
    attributes: DocumentAttributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "decoded as in a program that needs it")]
struct DocumentAttributes {
    name: Option<String>,
    description: Option<String>,
    attachment_content_type: Option<String>,
    attachment_filename: Option<String>,
    class_id: Option<Uuid>,
    individual_id: Option<Uuid>,
    organization_id: Option<Uuid>,
}

/// Uploads one document with its three calls.
async fn upload(client: &Client, origin: &str, path: Option<&Path>) -> Result<(), BenchError> {
    let references = format!("{origin}/caredb/v1/org-document-references/");
    let response = client
        .post(&references)
        .bearer_auth(TOKEN)
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
        .bearer_auth(TOKEN)
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
                class_id: ID,
                name: "Example Document",
                description: "This is an example document",
                individual_id: ID,
                organization_id: ORGANIZATION,
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
