//! `carium documents upload` and `carium documents download`: concurrent transfers with progress bars. An
//! interruption cancels them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use carium::documents::{
    DocumentClassId, DocumentReferenceId, DownloadBatch, DownloadReceipt, DownloadRequest, IndividualId,
    Sha256Digest, TransferHandle, Upload, UploadError, UploadHandle, UploadReceipt, UploadSource,
    UploadStage, Uploads,
};
use carium::{Error, ErrorKind};
use clap::Args;
use futures_util::stream::{Stream, StreamExt as _, iter};
use serde::Serialize;
use serde_json::json;

use super::upload_state::UploadStateFile;
use crate::commands::lookups::Lookup;
use crate::connection::{Connection, connect};
use crate::error::{CliError, Exit};
use crate::interrupt::{interrupted, unless_interrupted};
use crate::output::{self, Format, ListWriter};
use crate::settings::Settings;
use crate::stderr::{self, TransferBars};

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

/// Download documents
///
/// A file appears under its name only when it is complete and verified. Existing files are kept unless `--replace` is
/// set.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium documents download 2097e072-92f6-4333-99d6-9693d63be652
  carium documents download 2097e072-92f6-4333-99d6-9693d63be652 \\
      --to letter.pdf --replace
  carium documents download 2097e072-92f6-4333-99d6-9693d63be652 --to - | wc
  carium documents list --patient ID --output ndjson | jq -r .id |
      xargs carium documents download --to letters")]
pub(crate) struct DownloadDocuments {
    /// IDs of the documents
    #[arg(required = true, value_name = "ID")]
    ids: Vec<DocumentReferenceId>,
    /// Existing directory to download to. For one document also a file, or - for stdout
    #[arg(long, value_name = "PATH", default_value = ".")]
    to: PathBuf,
    /// Replace files that exist before the command. Documents with the same file name get distinct names
    #[arg(long)]
    replace: bool,
    /// Expected SHA-256 of the document, in hexadecimal. For one document only
    #[arg(long, value_name = "DIGEST")]
    sha256: Option<Sha256Digest>,
    /// Maximum number of concurrent downloads
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
}

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Uploaded,
    Downloaded,
    Failed,
    /// The document may have been created.
    Unknown,
    Interrupted,
}

/// The result of a transfer: one row of the output.
struct TransferResult {
    status: Status,
    id: Option<DocumentReferenceId>,
    file: Option<PathBuf>,
    /// The size and the digest of a transferred document.
    content: Option<(u64, Sha256Digest)>,
}

fn write_results(format: Format, results: &[TransferResult]) -> Result<(), CliError> {
    let mut output = ListWriter::new(format, &["status", "id", "file", "size"]);
    for result in results {
        output.push(json!({
            "status": result.status,
            "id": result.id,
            "file": result.file.as_ref().map(|path| path.display().to_string()),
            "sha256": result.content.map(|(_, sha256)| sha256),
            "size": result.content.map(|(size, _)| size),
        }))?;
    }
    output.finish()
}

/// Runs transfers until all have ended. If the program is interrupted, cancels them and waits until they have ended:
/// an upload waits some seconds for the response of a call in flight, so that its result is saved.
///
/// Returns the result of each transfer that was started, and whether the program was interrupted.
async fn run_transfers<T: Send>(
    count: usize,
    transfers: impl Stream<Item = (usize, T)> + Send,
    cancel: impl Fn() + Send,
) -> (Vec<Option<T>>, bool) {
    let mut results: Vec<Option<T>> = (0..count).map(|_| None).collect();
    let mut transfers = std::pin::pin!(transfers);
    let mut interruption = std::pin::pin!(interrupted());
    let mut was_interrupted = false;
    loop {
        tokio::select! {
            ended = transfers.next() => match ended {
                Some((index, result)) => results[index] = Some(result),
                None => return (results, was_interrupted),
            },
            () = &mut interruption, if !was_interrupted => {
                was_interrupted = true;
                cancel();
            }
        }
    }
}

/// A file of the command and its upload.
struct FileUpload {
    file: PathBuf,
    handle: UploadHandle,
    /// `None` in a sandbox that ends with the command.
    state_file: Option<Arc<UploadStateFile>>,
}

impl UploadDocuments {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        if self.name.is_some() && self.files.len() > 1 {
            return Err(CliError::new(Exit::Usage, "`--name` can be used with one file only")
                .with_hint("omit `--name` to name each document after its file"));
        }
        let prepare = async {
            let connection = connect(settings).await?;
            let class: DocumentClassId =
                Lookup::DocumentClasses.find(&connection.client, &self.class).await?;
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
        let uploads = Uploads::upload_all(iter(uploads), self.concurrency.into());
        let cancel = || items.iter().for_each(|item| item.handle.cancel());
        let (results, was_interrupted) = run_transfers(items.len(), uploads, cancel).await;
        bars.clear();
        self.report(settings, &items, results, was_interrupted)
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
        file: &Path,
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
        let document = document.build()?;
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
            return Ok((FileUpload { file: file.to_owned(), handle, state_file: None }, upload));
        }
        let state_file = Arc::new(UploadStateFile::open(&connection.base_url, &document, file)?);
        let mut state = state_file.read()?;
        if self.start_over {
            state = state.start_over(None);
        }
        let store = Arc::clone(&state_file);
        let upload = client.uploads().resume(state, document, source).state_store(store);
        let handle = upload.handle();
        Ok((FileUpload { file: file.to_owned(), handle, state_file: Some(state_file) }, upload))
    }

    /// Writes the result of each file, deletes the states that are not needed any more, and reports the errors.
    fn report(
        &self,
        settings: &Settings,
        items: &[FileUpload],
        results: Vec<Option<Result<UploadReceipt, UploadError>>>,
        was_interrupted: bool,
    ) -> Result<(), CliError> {
        let mut rows = Vec::new();
        let mut errors = Vec::new();
        for (index, (item, result)) in items.iter().zip(results).enumerate() {
            let (status, id, content) = match result {
                Some(Ok(receipt)) => {
                    (Status::Uploaded, Some(receipt.id), Some((receipt.size, receipt.sha256)))
                }
                Some(Err(error)) => {
                    let (status, id) = (error_status(&error), error.state().reference());
                    if status != Status::Interrupted {
                        errors.push(self.with_file_number(index, to_cli_error(error)));
                    }
                    (status, id, None)
                }
                None => (Status::Interrupted, item.handle.state().reference(), None),
            };
            rows.push(TransferResult { status, id, file: Some(item.file.clone()), content });
        }
        let references = rows.iter().filter_map(|row| row.id);
        let written = output::keep_created(write_results(settings.format, &rows), references);
        let uploaded = rows.iter().filter(|row| row.status == Status::Uploaded).count();
        let is_complete = uploaded == items.len();
        for item in items {
            if let Some(state_file) = &item.state_file
                && (is_complete || item.handle.state().stage() == UploadStage::New)
            {
                state_file.delete();
            }
        }
        written?;
        if is_complete {
            return Ok(());
        }
        for error in &errors {
            error.report(false);
        }
        let message = format!("{uploaded} of {} documents were uploaded", items.len());
        let hint = if items.iter().all(|item| item.state_file.is_some()) {
            "run the same command again to continue; no document is created twice"
        } else {
            "the sandbox has ended, and its data is lost"
        };
        if was_interrupted {
            return Err(CliError::new(Exit::Interrupted, format!("interrupted: {message}")).with_hint(hint));
        }
        stderr::print(&message);
        stderr::print(&format!("hint: {hint}"));
        let unknown = errors.iter().find(|error| error.exit() == Exit::OutcomeUnknown);
        let exit = unknown.or(errors.first()).map_or(Exit::Other, CliError::exit);
        Err(CliError::already_reported(exit))
    }
}

fn error_status(error: &UploadError) -> Status {
    match error.kind() {
        _ if error.error().may_have_been_applied() => Status::Unknown,
        ErrorKind::Canceled => Status::Interrupted,
        _ => Status::Failed,
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

impl DownloadDocuments {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        if self.ids.len() > 1 && (!self.to.is_dir() || self.sha256.is_some()) {
            let message = "several documents require an existing directory for `--to`, and no `--sha256`";
            return Err(CliError::new(Exit::Usage, message)
                .with_hint("create the directory, or download the documents one by one"));
        }
        let connection = unless_interrupted(connect(settings), false).await?;
        let downloads = connection.client.downloads();
        if self.to.as_os_str() == "-" {
            let to_stdout = async {
                let mut stdout = tokio::io::stdout();
                for id in &self.ids {
                    downloads.to_writer(self.request(*id), &mut stdout).await?;
                }
                Ok(())
            };
            return unless_interrupted(to_stdout, false).await;
        }
        let bars = TransferBars::new();
        let batch = DownloadBatch::default();
        let mut handles: Vec<TransferHandle> = Vec::new();
        let mut transfers = Vec::new();
        for (index, id) in self.ids.iter().enumerate() {
            let download = downloads.to_path(self.request(*id).in_batch(&batch), &self.to);
            bars.follow(id.to_string(), download.handle().watch());
            handles.push(download.handle());
            transfers.push(async move { (index, download.await) });
        }
        let transfers = iter(transfers).buffer_unordered(self.concurrency.into());
        let cancel = || handles.iter().for_each(TransferHandle::cancel);
        let (results, was_interrupted) = run_transfers(self.ids.len(), transfers, cancel).await;
        bars.clear();
        self.report(settings, results, was_interrupted)
    }

    fn request(&self, id: DocumentReferenceId) -> DownloadRequest {
        let mut request = DownloadRequest::new(id);
        if self.replace {
            request = request.overwrite();
        }
        match self.sha256 {
            Some(digest) => request.expected_sha256(digest),
            None => request,
        }
    }

    /// Writes the result of each document, and reports the errors.
    fn report(
        &self,
        settings: &Settings,
        results: Vec<Option<Result<DownloadReceipt, Error>>>,
        was_interrupted: bool,
    ) -> Result<(), CliError> {
        let mut rows = Vec::new();
        let mut errors = Vec::new();
        let mut missing = Vec::new();
        for (id, result) in self.ids.iter().zip(results) {
            let (status, receipt) = match result {
                Some(Ok(receipt)) => (Status::Downloaded, Some(receipt)),
                Some(Err(error)) if error.kind() != ErrorKind::Canceled => {
                    errors.push(CliError::from(error).with_subject(&id.to_string()));
                    (Status::Failed, None)
                }
                Some(Err(_)) | None => (Status::Interrupted, None),
            };
            if receipt.is_none() {
                missing.push(id.to_string());
            }
            let file = receipt.as_ref().and_then(|receipt| receipt.path()).map(Path::to_owned);
            let content = receipt.map(|receipt| (receipt.size, receipt.sha256));
            rows.push(TransferResult { status, id: Some(*id), file, content });
        }
        write_results(settings.format, &rows)?;
        for error in &errors {
            error.report(false);
        }
        if was_interrupted && !missing.is_empty() {
            let count = self.ids.len();
            let downloaded = count - missing.len();
            let message = format!(
                "interrupted: {downloaded} of {count} documents were downloaded; no partial files were left"
            );
            let missing = missing.join(" ");
            let hint =
                format!("to continue, run `carium documents download {missing}` with the same options");
            return Err(CliError::new(Exit::Interrupted, message).with_hint(hint));
        }
        match errors.first() {
            Some(error) => Err(CliError::already_reported(error.exit())),
            None => Ok(()),
        }
    }
}
