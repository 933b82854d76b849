//! `carium documents upload`.

use std::path::PathBuf;
use std::sync::Arc;

use carium::documents::{
    DocumentClassId, IndividualId, NewDocument, Upload, UploadError, UploadHandle, UploadReceipt,
    UploadSource, UploadStage, Uploads,
};
use clap::Args;
use futures_util::future::{Either, select};
use futures_util::stream::{StreamExt as _, iter};
use serde_json::Value;

use super::upload_state::{FileStateStore, UploadStateFile};
use crate::connection::{Connection, connect};
use crate::error::{CliError, Exit};
use crate::interrupt::{interrupted, unless_interrupted};
use crate::lookup;
use crate::output::{ListWriter, record};
use crate::progress::TransferBars;
use crate::settings::Settings;
use crate::stderr;

/// Upload documents to a patient's record
///
/// Each file becomes a document. The state of each upload is saved: if the command is interrupted or fails, run it
/// again to continue. No document is created twice.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium documents upload letter.pdf --class 'Referral letter' \\
      --patient aa6243fb-e4c1-44a0-ae3c-f4c4ab115002
  carium --sandbox documents upload examples/clinic/documents/* \\
      --class 'Referral letter' \\
      --patient aa6243fb-e4c1-44a0-ae3c-f4c4ab115002")]
pub(crate) struct UploadDocuments {
    /// Files to upload
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Patient whose record the documents belong to
    #[arg(long, value_name = "ID")]
    patient: IndividualId,
    /// Document class
    #[arg(long, value_name = "ID|NAME")]
    class: String,
    /// Name of the document, for one file only. Defaults to the file name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Description of the documents
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Media type of the files. Defaults to the type that the file extension implies
    #[arg(long, value_name = "TYPE")]
    media_type: Option<String>,
    /// Maximum number of concurrent uploads
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
    /// Create the document again if the response to its creation was lost in an earlier run. Check in Carium first
    /// that it does not exist
    #[arg(long)]
    start_over: bool,
}

/// A file of the command and its upload.
struct FileUpload {
    file: PathBuf,
    handle: UploadHandle,
    /// `None` in a sandbox that ends with the command.
    state_file: Option<Arc<UploadStateFile>>,
}

impl UploadDocuments {
    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        if self.name.is_some() && self.files.len() > 1 {
            return Err(CliError::new(Exit::Usage, "`--name` can be used with one file only")
                .with_hint("omit `--name` to name each document after its file"));
        }
        let prepare = async {
            let connection = connect(settings).await?;
            let class = lookup::document_class(&connection.client, &self.class).await?;
            Ok::<_, CliError>((connection, class))
        };
        let (connection, class) = unless_interrupted(prepare, false).await?;
        let mut uploads = Vec::new();
        let mut items = Vec::new();
        for (index, file) in self.files.iter().enumerate() {
            let (item, upload) =
                self.start(&connection, class, file).map_err(|error| self.with_file_number(index, error))?;
            uploads.push((index, upload));
            items.push(item);
        }
        let bars = TransferBars::new();
        for item in &items {
            let name = item.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            bars.follow(name, item.handle.watch());
        }
        let mut results_by_index: Vec<Option<Result<UploadReceipt, UploadError>>> =
            items.iter().map(|_| None).collect();
        let all = async {
            let mut results = Uploads::upload_all(iter(uploads), self.concurrency.into());
            let mut results = std::pin::pin!(&mut results);
            while let Some((index, result)) = results.next().await {
                results_by_index[index] = Some(result);
            }
        };
        let mut all = Box::pin(all);
        let was_interrupted = match select(&mut all, std::pin::pin!(interrupted())).await {
            Either::Left(_) => false,
            Either::Right(_) => {
                for item in &items {
                    item.handle.cancel();
                }
                // Uploads wait some seconds for the response of a call in flight, so that its result is saved.
                all.as_mut().await;
                true
            }
        };
        drop(all);
        bars.clear();
        self.report(settings, &items, results_by_index, was_interrupted)
    }

    /// Prefixes an error with the number of the file. Its name is not used, because it may contain the name of a
    /// patient, and stderr often ends up in logs.
    fn with_file_number(&self, index: usize, error: CliError) -> CliError {
        if self.files.len() == 1 { error } else { error.with_subject(&format!("file {}", index + 1)) }
    }

    fn start(
        &self,
        connection: &Connection,
        class: DocumentClassId,
        file: &PathBuf,
    ) -> Result<(FileUpload, Upload), CliError> {
        let client = &connection.client;
        let file_name = file.file_name().unwrap_or_default().to_string_lossy();
        let mut document = client
            .new_document()
            .patient(self.patient)
            .class(class)
            .name(self.name.clone().unwrap_or_else(|| file_name.clone().into_owned()))
            .for_file(file);
        if let Some(text) = &self.description {
            document = document.description(text);
        }
        if let Some(media_type) = &self.media_type {
            document = document.media_type(media_type);
        }
        let document: NewDocument = document.build()?;
        if !file.is_file() {
            return Err(
                CliError::new(Exit::InvalidInput, "the file does not exist").with_hint("check the path")
            );
        }
        let source = UploadSource::path(file);
        // The state would be useless to a later run, because the sandbox ends with the command.
        if connection.is_sandbox() {
            let upload = client.uploads().upload(document, source);
            let handle = upload.handle();
            return Ok((FileUpload { file: file.clone(), handle, state_file: None }, upload));
        }
        let state_file = Arc::new(UploadStateFile::open(&connection.info.base_url, &document, file)?);
        let mut state = state_file.read()?;
        if self.start_over {
            state = state.start_over(None);
        }
        let store = Arc::new(FileStateStore(Arc::clone(&state_file)));
        let upload = client.uploads().resume(state, document, source).state_store(store);
        let handle = upload.handle();
        Ok((FileUpload { file: file.clone(), handle, state_file: Some(state_file) }, upload))
    }

    /// Writes the result of each file, deletes the states that are not needed any more, and reports the errors.
    fn report(
        &self,
        settings: &Settings,
        items: &[FileUpload],
        results: Vec<Option<Result<UploadReceipt, UploadError>>>,
        was_interrupted: bool,
    ) -> Result<(), CliError> {
        let mut output = ListWriter::new(settings.format, &["status", "id", "file", "size"]);
        let mut errors = Vec::new();
        let mut uploaded = 0;
        for (index, (item, result)) in items.iter().zip(results).enumerate() {
            let file = Some(item.file.display().to_string());
            let (status, id, receipt) = match result {
                Some(Ok(receipt)) => {
                    uploaded += 1;
                    ("uploaded", Some(receipt.id), Some(receipt))
                }
                Some(Err(error)) => {
                    let reference = error.state().reference();
                    let status = error_status(&error);
                    if status != "interrupted" {
                        errors.push(self.with_file_number(index, to_cli_error(error)));
                    }
                    (status, reference, None)
                }
                None => ("interrupted", item.handle.state().reference(), None),
            };
            let sha256 = receipt.as_ref().map(|receipt| receipt.sha256.to_string());
            let mut row = record([
                ("status", Some(status.to_owned())),
                ("id", id.map(|id| id.to_string())),
                ("file", file),
                ("sha256", sha256),
            ]);
            row.insert("size".to_owned(), receipt.map_or(Value::Null, |receipt| receipt.size.into()));
            output.push(row)?;
        }
        output.finish()?;
        let is_complete = uploaded == items.len();
        for item in items {
            let is_new = item.handle.state().stage() == UploadStage::New;
            if let Some(state_file) = &item.state_file
                && (is_complete || is_new)
            {
                state_file.delete();
            }
        }
        if is_complete {
            return Ok(());
        }
        for error in &errors {
            error.report(false);
        }
        let count = items.len();
        let hint = if items.iter().all(|item| item.state_file.is_some()) {
            "run the same command again to continue; no document is created twice"
        } else {
            "the sandbox and its data are gone"
        };
        if was_interrupted {
            let message = format!("interrupted: {uploaded} of {count} documents were uploaded");
            return Err(CliError::new(Exit::Interrupted, message).with_hint(hint));
        }
        stderr::print(&format!("{uploaded} of {count} documents were uploaded"));
        stderr::print(&format!("hint: {hint}"));
        let unknown = errors.iter().find(|error| error.exit() == Exit::OutcomeUnknown);
        let exit = unknown.or(errors.first()).map_or(Exit::Other, CliError::exit);
        Err(CliError::already_reported(exit))
    }
}

fn error_status(error: &UploadError) -> &'static str {
    match error.kind() {
        _ if error.error().may_have_been_applied() => "unknown",
        carium::ErrorKind::Canceled => "interrupted",
        _ => "failed",
    }
}

fn to_cli_error(error: UploadError) -> CliError {
    let may_exist = error.state().stage() == UploadStage::Creating;
    let (error, _) = error.into_parts();
    let cli_error = CliError::from(error);
    if may_exist {
        return cli_error.with_hint(
            "check with `carium documents list --patient ID` whether the document exists; if not, run the same command \
             again with `--start-over`",
        );
    }
    cli_error
}
