//! `carium documents download`: concurrent downloads with progress bars. An interruption cancels them.

use std::path::{Path, PathBuf};

use carium::documents::{
    DocumentReferenceId, DownloadBatch, DownloadReceipt, DownloadRequest, Sha256Digest, TransferHandle,
};
use carium::{Error, ErrorKind};
use clap::Args;
use futures_util::stream::{StreamExt as _, iter};

use super::transfers::{DigestOption, Status, TransferResult, run_transfers, write_results};
use crate::connection::connect;
use crate::error::{CliError, Exit};
use crate::interrupt::unless_interrupted;
use crate::settings::Settings;
use crate::stderr::TransferBars;

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
      xargs carium documents download --to letters --name '{id}-{filename}'")]
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
    /// Template for the names of the files, with `{id}` and `{filename}`
    #[arg(long, value_name = "TEMPLATE", value_parser = parse_template)]
    name: Option<String>,
    /// Expected SHA-256 of the document, in hexadecimal. For one document only
    #[arg(long, value_name = "DIGEST")]
    sha256: Option<Sha256Digest>,
    /// Digest to compute of each document. Without one, only the length is checked
    #[arg(long, value_name = "DIGEST", default_value = "sha256")]
    digest: DigestOption,
    /// Do not sync the files to the disk: a crash of the system can lose them
    #[arg(long)]
    skip_sync: bool,
    /// Maximum number of concurrent downloads
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
}

/// Checks a template for file names.
fn parse_template(text: &str) -> Result<String, &'static str> {
    let rest = text.replace("{id}", "").replace("{filename}", "");
    if rest.len() == text.len() || rest.contains(['{', '}', '/', '\\']) {
        return Err(
            "contains `{id}` or `{filename}`, no other braces and no path, for example `{id}-{filename}`",
        );
    }
    Ok(text.to_owned())
}

impl DownloadDocuments {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        if self.ids.len() > 1 && (!self.to.is_dir() || self.sha256.is_some()) {
            let message = "several documents require an existing directory for `--to`, and no `--sha256`";
            return Err(CliError::new(Exit::Usage, message)
                .with_hint("create the directory, or download the documents one by one"));
        }
        if self.sha256.is_some() && self.digest == DigestOption::None {
            return Err(CliError::new(
                Exit::Usage,
                "`--sha256` requires a digest, and `--digest none` computes none",
            )
            .with_hint("omit one of the two options"));
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
        let mut request = DownloadRequest::new(id).digest(self.digest.into());
        if self.skip_sync {
            request = request.skip_sync();
        }
        if self.replace {
            request = request.overwrite();
        }
        if let Some(template) = &self.name {
            request = request.file_name_template(template);
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
