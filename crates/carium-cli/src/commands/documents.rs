//! `carium documents`.

mod download;
mod transfers;
mod upload;
mod upload_state;

use carium::documents::{Document, DocumentQuery, IndividualId};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use self::download::DownloadDocuments;
use self::upload::UploadDocuments;
use super::lists::ListLimit;
use super::lookups::Lookup;
use crate::connection::connect;
use crate::error::CliError;
use crate::interrupt::unless_interrupted;
use crate::settings::Settings;

/// The commands for documents.
#[derive(Debug, Subcommand)]
pub(crate) enum DocumentsCommand {
    Classes(ListClasses),
    Upload(UploadDocuments),
    List(ListDocuments),
    Download(DownloadDocuments),
}

/// List the document classes
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium --sandbox documents classes
  carium documents classes --output json")]
pub(crate) struct ListClasses {
    #[command(flatten)]
    limit: ListLimit,
}

/// List documents
///
/// Lists the documents of all patients, or of one.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium documents list --patient aa6243fb-e4c1-44a0-ae3c-f4c4ab115002
  carium documents list --class 'Referral letter' --output ndjson
  carium documents list --limit 10")]
pub(crate) struct ListDocuments {
    /// List only the documents of this patient
    #[arg(long, value_name = "ID")]
    patient: Option<IndividualId>,
    /// List only the documents of this class
    #[arg(long, value_name = "ID|NAME")]
    class: Option<String>,
    #[command(flatten)]
    limit: ListLimit,
}

impl DocumentsCommand {
    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        match self {
            Self::Classes(classes) => {
                unless_interrupted(Lookup::DocumentClasses.write(settings, classes.limit), false).await
            }
            Self::List(list) => unless_interrupted(list.run(settings), false).await,
            Self::Upload(upload) => upload.run(settings).await,
            Self::Download(download) => download.run(settings).await,
        }
    }
}

impl ListDocuments {
    async fn run(self, settings: &Settings) -> Result<(), CliError> {
        let connection = connect(settings).await?;
        let client = &connection.client;
        let mut query = DocumentQuery::default().options(self.limit.options());
        if let Some(patient) = self.patient {
            query = query.patient(patient);
        }
        if let Some(class) = &self.class {
            query = query.class(Lookup::DocumentClasses.find(client, class).await?);
        }
        let columns = &["id", "name", "file-name", "media-type"];
        let documents = client.documents().list(query);
        self.limit.write(settings.format, columns, ["document", "documents"], documents, to_record).await
    }
}

fn to_record(document: &Document) -> Value {
    json!({
        "id": document.id,
        "individual-id": document.patient,
        "organization-id": document.organization,
        "class-id": document.class,
        "name": document.name,
        "description": document.description,
        "file-name": document.file_name,
        "media-type": document.media_type,
    })
}
