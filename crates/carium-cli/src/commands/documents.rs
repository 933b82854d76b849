//! `carium documents`.

mod download;
mod kept;
mod upload;

use carium::ListOptions;
use carium::documents::{Document, DocumentQuery, IndividualId};
use clap::{Args, Subcommand};
use futures_util::stream::{StreamExt as _, TryStreamExt as _};

use super::vocabularies;
use crate::connection::connect;
use crate::exit::CliError;
use crate::interrupt::unless_interrupted;
use crate::names;
use crate::output::{Many, Record, record};
use crate::settings::Settings;

/// Documents in patients' records.
#[derive(Debug, Subcommand)]
pub(crate) enum Documents {
    /// List the classes that a document can be filed under
    Classes(Classes),
    /// File documents in a patient's record
    Upload(upload::Upload),
    /// List the documents in a patient's record, or all
    List(List),
    /// Download documents
    Download(download::Download),
}

/// List the classes that a document can be filed under
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium --sandbox documents classes
  carium documents classes --output json")]
pub(crate) struct Classes {}

/// List the documents in a patient's record, or all
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium documents list --patient aa6243fb-e4c1-44a0-ae3c-f4c4ab115002
  carium documents list --class 'Referral letter' --output ndjson")]
pub(crate) struct List {
    /// Only those in the record of this patient
    #[arg(long, value_name = "ID")]
    patient: Option<IndividualId>,
    /// Only those that are filed under this class
    #[arg(long, value_name = "ID|NAME")]
    class: Option<String>,
}

impl Documents {
    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        match self {
            Self::Classes(Classes {}) => {
                let list = vocabularies::show(settings, |client| {
                    let classes = client.documents().classes(ListOptions::default());
                    classes.map_ok(|class| (class.id, class.name))
                });
                unless_interrupted(list, false).await
            }
            Self::List(list) => unless_interrupted(list.run(settings), false).await,
            Self::Upload(upload) => upload.run(settings).await,
            Self::Download(download) => download.run(settings).await,
        }
    }
}

impl List {
    async fn run(self, settings: &Settings) -> Result<(), CliError> {
        let connection = connect(settings).await?;
        let client = &connection.client;
        let mut query = DocumentQuery::default();
        if let Some(patient) = self.patient {
            query = query.patient(patient);
        }
        if let Some(class) = &self.class {
            query = query.class(names::class(client, class).await?);
        }
        let mut documents = client.documents().list(query);
        let mut output = Many::new(settings.format, &["id", "name", "file-name", "media-type"]);
        while output.is_read()
            && let Some(document) = documents.next().await
        {
            output.push(shown(document?))?;
        }
        output.finish()
    }
}

fn shown(document: Document) -> Record {
    record([
        ("id", Some(document.id.to_string())),
        ("individual-id", document.patient.map(|id| id.to_string())),
        ("organization-id", document.organization.map(|id| id.to_string())),
        ("class-id", document.class.map(|id| id.to_string())),
        ("name", document.name),
        ("description", document.description),
        ("file-name", document.file_name),
        ("media-type", document.media_type),
    ])
}
