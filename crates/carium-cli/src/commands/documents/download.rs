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
use crate::exit::{CliError, Exit};
use crate::interrupt::{interrupted, unless_interrupted};
use crate::output::{Many, record};
use crate::progress::Bars;
use crate::settings::Settings;

/// Download documents
///
/// A file gets its name when all of it is there and right. One that is there already is kept.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium documents download 2097e072-92f6-4333-99d6-9693d63be652
  carium documents download 2097e072-92f6-4333-99d6-9693d63be652 \\
      --to letter.pdf --replace
  carium documents download 2097e072-92f6-4333-99d6-9693d63be652 --to - | wc
  carium documents list --patient ID --output ndjson | jq -r .id |
      xargs carium documents download --to letters")]
pub(crate) struct Download {
    /// The documents
    #[arg(required = true, value_name = "ID")]
    ids: Vec<DocumentReferenceId>,
    /// A folder that is there; of one document also a file, or - for stdout
    #[arg(long, value_name = "PATH", default_value = ".")]
    to: PathBuf,
    /// Replace files that are there already
    #[arg(long)]
    replace: bool,
    /// The SHA-256 that the document has to have, in hexadecimal; of one document only
    #[arg(long, value_name = "DIGEST")]
    sha256: Option<Sha256Digest>,
    /// How many are downloaded at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
}

impl Download {
    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        if self.ids.len() > 1 && (!self.to.is_dir() || self.sha256.is_some()) {
            let what = "several documents go into a folder that is there, and have no digest in common";
            return Err(CliError::new(Exit::Usage, what).next("make the folder, or download them one by one"));
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
        let bars = Bars::new();
        let mut handles: Vec<TransferHandle> = Vec::new();
        let mut begun = Vec::new();
        for (index, id) in self.ids.iter().enumerate() {
            let download = downloads.to_path(self.request(*id), &self.to);
            bars.follow(id.to_string(), download.handle().watch());
            handles.push(download.handle());
            begun.push(async move { (index, download.await) });
        }
        let mut finished: Vec<Option<Result<DownloadReceipt, Error>>> =
            self.ids.iter().map(|_| None).collect();
        let all = async {
            let mut results = iter(begun).buffer_unordered(self.concurrency.into());
            while let Some((index, result)) = results.next().await {
                finished[index] = Some(result);
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
        self.tell(settings, finished, was_interrupted)
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

    /// Says what came of each document, and what to do about those that are not there.
    fn tell(
        &self,
        settings: &Settings,
        finished: Vec<Option<Result<DownloadReceipt, Error>>>,
        was_interrupted: bool,
    ) -> Result<(), CliError> {
        let mut output = Many::new(settings.format, &["status", "id", "file", "size"]);
        let mut failures = Vec::new();
        let mut missing = Vec::new();
        for (id, result) in self.ids.iter().zip(finished) {
            let (status, receipt) = match result {
                Some(Ok(receipt)) => ("downloaded", Some(receipt)),
                Some(Err(error)) if error.kind() != ErrorKind::Canceled => {
                    failures.push(CliError::from(error).of(&id.to_string()));
                    ("failed", None)
                }
                Some(Err(_)) | None => ("interrupted", None),
            };
            if receipt.is_none() {
                missing.push(id.to_string());
            }
            let path = receipt.as_ref().and_then(|receipt| receipt.path());
            let mut shown = record([
                ("status", Some(status.to_owned())),
                ("id", Some(id.to_string())),
                ("file", path.map(|path| path.display().to_string())),
                ("sha256", receipt.as_ref().map(|receipt| receipt.sha256.to_string())),
            ]);
            shown.insert("size".to_owned(), receipt.map_or(Value::Null, |receipt| receipt.size.into()));
            output.push(shown)?;
        }
        output.finish()?;
        for failure in &failures {
            failure.report(false);
        }
        if was_interrupted && !missing.is_empty() {
            let there = self.ids.len() - missing.len();
            let what = format!(
                "interrupted: {there} of {} documents are there, none is half-written",
                self.ids.len()
            );
            let next = format!(
                "to go on: carium documents download {} with the options as before",
                missing.join(" ")
            );
            return Err(CliError::new(Exit::Interrupted, what).next(next));
        }
        match failures.first() {
            Some(failure) => Err(CliError::told(failure.exit())),
            None => Ok(()),
        }
    }
}
