//! `carium documents upload`: concurrent uploads with progress bars. An interruption cancels them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use carium::documents::{
    DocumentClassId, DocumentReferenceId, DownloadRequest, IndividualId, NewDocument, Upload, UploadError,
    UploadHandle, UploadReceipt, UploadSource, UploadStage,
};
use carium::{Carium, Error, ErrorKind};
use clap::Args;
use futures_util::stream::{StreamExt as _, iter};

use super::transfers::{DigestOption, Status, TransferResult, run_transfers, write_results};
use super::upload_state::UploadStateFile;
use crate::commands::lookups::Lookup;
use crate::connection::{Connection, connect};
use crate::error::{CliError, Exit};
use crate::interrupt::unless_interrupted;
use crate::output;
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
    /// Digest to compute of each file. Without one, large files are sent faster
    #[arg(long, value_name = "DIGEST", default_value = "sha256")]
    digest: DigestOption,
    /// Maximum number of concurrent uploads
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
    /// Download each document after its upload, and compare its SHA-256 with that of the file
    #[arg(long)]
    verify: bool,
    /// Create the document again if the response to its creation was lost in an earlier run. Check in Carium first
    /// that it does not exist
    #[arg(long)]
    start_over: bool,
}

/// A file of the command.
struct FileUpload {
    file: PathBuf,
    document: NewDocument,
    /// Set when its turn comes, so that the number of open files does not depend on the number of arguments.
    started: OnceLock<Started>,
}

/// An upload whose turn has come.
struct Started {
    handle: UploadHandle,
    /// `None` in a sandbox that ends with the command.
    state_file: Option<Arc<UploadStateFile>>,
}

impl FileUpload {
    fn reference(&self) -> Option<DocumentReferenceId> {
        self.started.get().and_then(|started| started.handle.state().reference())
    }
}

/// How the upload of a file ended.
enum Ended {
    Uploaded(UploadReceipt),
    /// The upload succeeded, but the document could not be read again, or differs from the file.
    Unverified(UploadReceipt, Error),
    Failed(Box<UploadError>),
    /// The saved state of an earlier run could not be read.
    NotStarted(CliError),
    /// The program was interrupted before the turn of the file.
    Interrupted,
}

impl UploadDocuments {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        if self.name.is_some() && self.files.len() > 1 {
            return Err(CliError::new(Exit::Usage, "`--name` can be used with one file only")
                .with_hint("omit `--name` to name each document after its file"));
        }
        if self.verify && self.digest == DigestOption::None {
            return Err(CliError::new(
                Exit::Usage,
                "`--verify` compares digests, and `--digest none` computes none",
            )
            .with_hint("omit one of the two options"));
        }
        let prepare = async {
            let connection = connect(settings).await?;
            let class: DocumentClassId =
                Lookup::DocumentClasses.find(&connection.client, &self.class).await?;
            Ok::<_, CliError>((connection, class))
        };
        let (connection, class) = unless_interrupted(prepare, false).await?;
        let items = self.check_files(&connection, class)?;
        let bars = TransferBars::new();
        let is_interrupted = AtomicBool::new(false);
        let uploads = iter(items.iter().enumerate().map(|(index, item)| {
            let (command, connection, bars, is_interrupted) = (&self, &connection, &bars, &is_interrupted);
            async move {
                if is_interrupted.load(Ordering::Relaxed) {
                    return (index, Ended::Interrupted);
                }
                (index, command.upload(connection, item, bars).await)
            }
        }));
        let cancel = || {
            is_interrupted.store(true, Ordering::Relaxed);
            items.iter().filter_map(|item| item.started.get()).for_each(|started| started.handle.cancel());
        };
        let uploads = uploads.buffer_unordered(self.concurrency.into());
        let (results, was_interrupted) = run_transfers(items.len(), uploads, cancel).await;
        bars.clear();
        self.report(settings, connection.is_sandbox(), &items, results, was_interrupted)
    }

    /// Prefixes an error with the number of the file. Its name is not used, because it may contain the name of a
    /// patient, and stderr often ends up in logs.
    fn with_file_number(&self, index: usize, error: CliError) -> CliError {
        if self.files.len() == 1 { error } else { error.with_subject(&format!("file {}", index + 1)) }
    }

    /// Checks all files before the first one is uploaded, and reports every problem.
    fn check_files(
        &self,
        connection: &Connection,
        class: DocumentClassId,
    ) -> Result<Vec<FileUpload>, CliError> {
        let checked = self.files.iter().map(|file| self.check_file(connection, class, file));
        let mut items = Vec::new();
        let mut errors = Vec::new();
        for (index, result) in checked.enumerate() {
            match result {
                Ok(item) => items.push(item),
                Err(error) => errors.push(self.with_file_number(index, error)),
            }
        }
        if errors.len() > 1 {
            for error in &errors {
                error.report(false);
            }
            return Err(CliError::already_reported(Exit::InvalidInput));
        }
        errors.pop().map_or(Ok(items), Err)
    }

    fn check_file(
        &self,
        connection: &Connection,
        class: DocumentClassId,
        file: &Path,
    ) -> Result<FileUpload, CliError> {
        let file_name = file.file_name().unwrap_or_default().to_string_lossy();
        let mut document = connection
            .client
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
        if file.is_dir() {
            return Err(CliError::new(
                Exit::InvalidInput,
                "this is a folder, and only files can be uploaded",
            )
            .with_hint("name the files in it, for example with `FOLDER/*`"));
        }
        if !file.is_file() {
            return Err(
                CliError::new(Exit::InvalidInput, "the file does not exist").with_hint("check the path")
            );
        }
        Ok(FileUpload { file: file.to_owned(), document: document.build()?, started: OnceLock::new() })
    }

    /// Uploads a file, from the state that an earlier run saved.
    async fn upload(&self, connection: &Connection, item: &FileUpload, bars: &TransferBars) -> Ended {
        let started = self.start(connection, item).await;
        let (upload, state_file) = match started {
            Ok(started) => started,
            Err(error) => return Ended::NotStarted(error),
        };
        let handle = upload.handle();
        let name = item.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        bars.follow(name, handle.watch());
        // Cannot be set already: each file is uploaded once.
        let _ = item.started.set(Started { handle, state_file: state_file.clone() });
        let result = upload.await;
        if let Some(state_file) = state_file {
            state_file.unlock();
        }
        let receipt = match result {
            Ok(receipt) => receipt,
            Err(error) => return Ended::Failed(Box::new(error)),
        };
        if self.verify
            && let Err(error) = verify(&connection.client, &receipt).await
        {
            return Ended::Unverified(receipt, error);
        }
        Ended::Uploaded(receipt)
    }

    async fn start(
        &self,
        connection: &Connection,
        item: &FileUpload,
    ) -> Result<(Upload, Option<Arc<UploadStateFile>>), CliError> {
        let uploads = connection.client.uploads();
        let (document, source) = (item.document.clone(), UploadSource::path(&item.file));
        // The state would be useless to a later run, because the sandbox ends with the command.
        if connection.is_sandbox() {
            return Ok((uploads.upload(document, source).digest(self.digest.into()), None));
        }
        let opened = {
            let (base_url, document, file) =
                (connection.base_url.clone(), document.clone(), item.file.clone());
            tokio::task::spawn_blocking(move || UploadStateFile::open(&base_url, &document, &file))
        };
        let (state_file, mut state) = opened
            .await
            .unwrap_or_else(|_| Err(CliError::new(Exit::Interrupted, "the program is ending")))?;
        if self.start_over {
            state = state.start_over(None);
        }
        let state_file = Arc::new(state_file);
        let store = Arc::clone(&state_file);
        let upload = uploads.resume(state, document, source).digest(self.digest.into());
        Ok((upload.state_store(store), Some(state_file)))
    }

    /// Writes the result of each file, deletes the states that are not needed any more, and reports the errors.
    fn report(
        &self,
        settings: &Settings,
        is_sandbox: bool,
        items: &[FileUpload],
        results: Vec<Option<Ended>>,
        was_interrupted: bool,
    ) -> Result<(), CliError> {
        let mut rows = Vec::new();
        let mut errors = Vec::new();
        for (index, (item, result)) in items.iter().zip(results).enumerate() {
            let (status, id, content) = match result {
                Some(Ended::Uploaded(receipt)) => {
                    (Status::Uploaded, Some(receipt.id), Some((receipt.size, receipt.sha256)))
                }
                Some(Ended::Unverified(receipt, error)) => {
                    errors.push(self.with_file_number(index, unverified(error)));
                    (Status::Unverified, Some(receipt.id), None)
                }
                Some(Ended::Failed(error)) => {
                    let (status, id) = (error_status(&error), error.state().reference());
                    if status != Status::Interrupted {
                        errors.push(self.with_file_number(index, to_cli_error(*error)));
                    }
                    (status, id, None)
                }
                Some(Ended::NotStarted(error)) => {
                    errors.push(self.with_file_number(index, error));
                    (Status::Failed, None, None)
                }
                Some(Ended::Interrupted) | None => (Status::Interrupted, item.reference(), None),
            };
            rows.push(TransferResult { status, id, file: Some(item.file.clone()), content });
        }
        let references = rows.iter().filter_map(|row| row.id);
        let written = output::keep_created(write_results(settings.format, &rows), references);
        let uploaded = rows.iter().filter(|row| row.status == Status::Uploaded).count();
        let is_complete = uploaded == items.len();
        for item in items {
            if let Some(Started { handle, state_file: Some(state_file) }) = item.started.get()
                && (is_complete || handle.state().stage() == UploadStage::New)
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
        let verified = if self.verify { " and verified" } else { "" };
        let message = format!("{uploaded} of {} documents were uploaded{verified}", items.len());
        let hint = if is_sandbox {
            "the sandbox has ended, and its data is lost"
        } else {
            "run the same command again to continue; no document is created twice"
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

/// Reads a document again and compares its digest.
async fn verify(client: &Carium, receipt: &UploadReceipt) -> Result<(), Error> {
    // An earlier run with `--digest none` may have sent the file.
    let sha256 = receipt.sha256.ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidInput,
            "an earlier run with `--digest none` sent the file, so that there is no digest to compare",
        )
    })?;
    let request = DownloadRequest::new(receipt.id).expected_sha256(sha256);
    client.downloads().to_writer(request, tokio::io::sink()).await.map(drop)
}

fn unverified(error: Error) -> CliError {
    let hint = if error.kind() == ErrorKind::InvalidInput {
        "download the document, and compare it with the file"
    } else {
        "check the document in Carium; to verify it later, run the same command again: it uploads nothing twice"
    };
    CliError::from(error).with_subject("the document was uploaded but could not be verified").with_hint(hint)
}

fn error_status(error: &UploadError) -> Status {
    match error.kind() {
        _ if error.error().may_have_been_applied() => Status::Unknown,
        ErrorKind::Canceled => Status::Interrupted,
        _ => Status::Failed,
    }
}

fn to_cli_error(error: UploadError) -> CliError {
    let may_exist = error.needs_check();
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
