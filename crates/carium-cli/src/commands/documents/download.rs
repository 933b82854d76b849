//! `carium documents download`.

use std::path::PathBuf;

use carium::documents::{
    DocumentReferenceId, DownloadReceipt, DownloadRequest, Sha256Digest, TransferHandle,
};
use carium::{Error, ErrorKind};
use clap::Args;
use futures_util::future::{Either, select};
use futures_util::stream::{StreamExt as _, iter};
use serde_json::Value;

use crate::connection::connect;
use crate::error::{CliError, Exit};
use crate::interrupt::{interrupted, unless_interrupted};
use crate::output::{ListWriter, record};
use crate::progress::TransferBars;
use crate::settings::Settings;

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
    /// Replace existing files
    #[arg(long)]
    replace: bool,
    /// Expected SHA-256 of the document, in hexadecimal. For one document only
    #[arg(long, value_name = "DIGEST")]
    sha256: Option<Sha256Digest>,
    /// Maximum number of concurrent downloads
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
}

impl DownloadDocuments {
    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
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
        let mut handles: Vec<TransferHandle> = Vec::new();
        let mut downloads_by_index = Vec::new();
        for (index, id) in self.ids.iter().enumerate() {
            let download = downloads.to_path(self.request(*id), &self.to);
            bars.follow(id.to_string(), download.handle().watch());
            handles.push(download.handle());
            downloads_by_index.push(async move { (index, download.await) });
        }
        let mut results_by_index: Vec<Option<Result<DownloadReceipt, Error>>> =
            self.ids.iter().map(|_| None).collect();
        let all = async {
            let mut results = iter(downloads_by_index).buffer_unordered(self.concurrency.into());
            while let Some((index, result)) = results.next().await {
                results_by_index[index] = Some(result);
            }
        };
        let mut all = Box::pin(all);
        let was_interrupted = match select(&mut all, std::pin::pin!(interrupted())).await {
            Either::Left(_) => false,
            Either::Right(_) => {
                handles.iter().for_each(TransferHandle::cancel);
                all.as_mut().await;
                true
            }
        };
        drop(all);
        bars.clear();
        self.report(settings, results_by_index, was_interrupted)
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
        let mut output = ListWriter::new(settings.format, &["status", "id", "file", "size"]);
        let mut errors = Vec::new();
        let mut missing = Vec::new();
        for (id, result) in self.ids.iter().zip(results) {
            let (status, receipt) = match result {
                Some(Ok(receipt)) => ("downloaded", Some(receipt)),
                Some(Err(error)) if error.kind() != ErrorKind::Canceled => {
                    errors.push(CliError::from(error).with_subject(&id.to_string()));
                    ("failed", None)
                }
                Some(Err(_)) | None => ("interrupted", None),
            };
            if receipt.is_none() {
                missing.push(id.to_string());
            }
            let path = receipt.as_ref().and_then(|receipt| receipt.path());
            let mut row = record([
                ("status", Some(status.to_owned())),
                ("id", Some(id.to_string())),
                ("file", path.map(|path| path.display().to_string())),
                ("sha256", receipt.as_ref().map(|receipt| receipt.sha256.to_string())),
            ]);
            row.insert("size".to_owned(), receipt.map_or(Value::Null, |receipt| receipt.size.into()));
            output.push(row)?;
        }
        output.finish()?;
        for error in &errors {
            error.report(false);
        }
        if was_interrupted && !missing.is_empty() {
            let downloaded = self.ids.len() - missing.len();
            let message = format!(
                "interrupted: {downloaded} of {} documents were downloaded; no partial files were left",
                self.ids.len()
            );
            let hint = format!(
                "to continue, run `carium documents download {}` with the same options",
                missing.join(" ")
            );
            return Err(CliError::new(Exit::Interrupted, message).with_hint(hint));
        }
        match errors.first() {
            Some(error) => Err(CliError::already_reported(error.exit())),
            None => Ok(()),
        }
    }
}
