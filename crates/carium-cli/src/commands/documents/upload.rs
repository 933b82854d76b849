//! `carium documents upload`.

use std::path::PathBuf;
use std::sync::Arc;

use carium::documents::{
    IndividualId, NewDocument, Upload as Running, UploadError, UploadHandle, UploadReceipt, UploadSource,
    UploadStage, Uploads,
};
use clap::Args;
use futures_util::future::{Either, select};
use futures_util::stream::{StreamExt as _, iter};
use serde_json::Value;

use super::kept::{Kept, Store};
use crate::connection::{Connection, connect};
use crate::exit::{CliError, Exit};
use crate::interrupt::interrupted;
use crate::names;
use crate::output::{Many, record};
use crate::progress::Bars;
use crate::say;
use crate::settings::Settings;

/// File documents in a patient's record
///
/// Each file becomes a document. How far it has come is noted: the same command, run again after an interruption or a
/// failure, goes on where it stopped and files nothing twice.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium documents upload letter.pdf --class 'Referral letter' \\
      --patient aa6243fb-e4c1-44a0-ae3c-f4c4ab115002
  carium --sandbox documents upload examples/clinic/documents/* \\
      --class 'Referral letter' \\
      --patient aa6243fb-e4c1-44a0-ae3c-f4c4ab115002")]
pub(crate) struct Upload {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The patient in whose record they are filed
    #[arg(long, value_name = "ID")]
    patient: IndividualId,
    /// The class that they are filed under
    #[arg(long, value_name = "ID|NAME")]
    class: String,
    /// What the document is called in the record; of one file only [default: the name of the file]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What they are about
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The media type of the files [default: what their extensions stand for]
    #[arg(long, value_name = "TYPE")]
    media_type: Option<String>,
    /// How many are uploaded at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
    /// Announce a document anew, after you have looked: its announcement was not answered in an earlier run
    #[arg(long)]
    start_over: bool,
}

/// One file of the command, ready to be uploaded.
struct Item {
    file: PathBuf,
    handle: UploadHandle,
    kept: Option<Arc<Kept>>,
}

impl Upload {
    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        if self.name.is_some() && self.files.len() > 1 {
            return Err(CliError::new(Exit::Usage, "`--name` is the name of one document")
                .next("leave it out, and each is called as its file is"));
        }
        let prepare = async {
            let connection = connect(settings).await?;
            let class = names::class(&connection.client, &self.class).await?;
            Ok::<_, CliError>((connection, class))
        };
        let (connection, class) = crate::interrupt::unless_interrupted(prepare, false).await?;
        let mut uploads = Vec::new();
        let mut items = Vec::new();
        for (index, file) in self.files.iter().enumerate() {
            let (item, upload) =
                self.begin(&connection, class, file).map_err(|failure| self.of(index, failure))?;
            uploads.push((index, upload));
            items.push(item);
        }
        let bars = Bars::new();
        for item in &items {
            let name = item.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            bars.follow(name, item.handle.watch());
        }
        let mut finished: Vec<Option<Result<UploadReceipt, UploadError>>> =
            items.iter().map(|_| None).collect();
        let all = async {
            let mut results = Uploads::upload_all(iter(uploads), self.concurrency.into());
            let mut results = std::pin::pin!(&mut results);
            while let Some((index, result)) = results.next().await {
                finished[index] = Some(result);
            }
        };
        let mut all = Box::pin(all);
        let was_interrupted = match select(&mut all, std::pin::pin!(interrupted())).await {
            Either::Left(_) => false,
            Either::Right(_) => {
                for item in &items {
                    item.handle.cancel();
                }
                // Each is heard out for some seconds, as what it made has to be noted.
                all.as_mut().await;
                true
            }
        };
        drop(all);
        bars.clear();
        self.tell(settings, &items, finished, was_interrupted)
    }

    fn of(&self, index: usize, failure: CliError) -> CliError {
        // By its number: the name of a file may name a patient, and stderr is kept in logs.
        if self.files.len() == 1 { failure } else { failure.of(&format!("file {}", index + 1)) }
    }

    fn begin(
        &self,
        connection: &Connection,
        class: carium::documents::DocumentClassId,
        file: &PathBuf,
    ) -> Result<(Item, Running), CliError> {
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
            return Err(CliError::new(Exit::InvalidInput, "there is no such file").next("check its path"));
        }
        let source = UploadSource::path(file);
        // What a sandbox of its own is told ends with it.
        if connection.is_sandbox() {
            let upload = client.uploads().upload(document, source);
            return Ok((Item { file: file.clone(), handle: upload.handle(), kept: None }, upload));
        }
        let kept = Arc::new(Kept::open(&connection.about.base_url, &document, file)?);
        let mut state = kept.state()?;
        if self.start_over {
            state = state.start_over(None);
        }
        let upload =
            client.uploads().resume(state, document, source).state_store(Arc::new(Store(Arc::clone(&kept))));
        Ok((Item { file: file.clone(), handle: upload.handle(), kept: Some(kept) }, upload))
    }

    /// Says what came of each file, and what to do about those that are not filed.
    fn tell(
        &self,
        settings: &Settings,
        items: &[Item],
        finished: Vec<Option<Result<UploadReceipt, UploadError>>>,
        was_interrupted: bool,
    ) -> Result<(), CliError> {
        let mut output = Many::new(settings.format, &["status", "id", "file", "size"]);
        let mut failures = Vec::new();
        let mut filed = 0;
        for (index, (item, result)) in items.iter().zip(finished).enumerate() {
            let file = Some(item.file.display().to_string());
            let (status, id, receipt) = match result {
                Some(Ok(receipt)) => {
                    filed += 1;
                    ("filed", Some(receipt.id), Some(receipt))
                }
                Some(Err(error)) => {
                    let reference = error.state().reference();
                    let status = status_of(&error);
                    if status != "interrupted" {
                        failures.push(self.of(index, failure_of(error)));
                    }
                    (status, reference, None)
                }
                None => ("interrupted", item.handle.state().reference(), None),
            };
            let sha256 = receipt.as_ref().map(|receipt| receipt.sha256.to_string());
            let mut shown = record([
                ("status", Some(status.to_owned())),
                ("id", id.map(|id| id.to_string())),
                ("file", file),
                ("sha256", sha256),
            ]);
            shown.insert("size".to_owned(), receipt.map_or(Value::Null, |receipt| receipt.size.into()));
            output.push(shown)?;
        }
        output.finish()?;
        let is_done = filed == items.len();
        for kept in items.iter().filter_map(|item| item.kept.as_ref().map(|kept| (item, kept))) {
            let (item, kept) = kept;
            let nothing_done = item.handle.state().stage() == UploadStage::New;
            if is_done || nothing_done {
                kept.forget();
            }
        }
        if is_done {
            return Ok(());
        }
        for failure in &failures {
            failure.report(false);
        }
        let (count, kept) = (items.len(), items.iter().all(|item| item.kept.is_some()));
        let again = if kept {
            "to go on, run the same command again: what is filed is not filed twice"
        } else {
            "the sandbox is gone, and all that was in it"
        };
        if was_interrupted {
            let what = format!("interrupted: {filed} of {count} documents are filed");
            return Err(CliError::new(Exit::Interrupted, what).next(again));
        }
        say::line(&format!("{filed} of {count} documents are filed; {again}"));
        let in_doubt = failures.iter().find(|failure| failure.exit() == Exit::MayHaveHappened);
        let exit = in_doubt.or(failures.first()).map_or(Exit::Other, CliError::exit);
        Err(CliError::told(exit))
    }
}

fn status_of(error: &UploadError) -> &'static str {
    match error.kind() {
        _ if error.error().may_have_been_applied() => "unknown",
        carium::ErrorKind::Canceled => "interrupted",
        _ => "failed",
    }
}

fn failure_of(error: UploadError) -> CliError {
    let is_announced = error.state().stage() == UploadStage::Creating;
    let (error, _) = error.into_parts();
    let failure = CliError::from(error);
    if is_announced {
        return failure.next(
            "look with `carium documents list --patient ID`; then run the same command again, with `--start-over`",
        );
    }
    failure
}
