//! An in-memory document service and object store with fault injection. The tests run under tokio's paused
//! clock.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests panic to fail, and each test file uses only some of the helpers"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use carium::api::{FormFields, Secret};
use carium::documents::{
    ByteRange, CreatedDocument, Document, DocumentClass, DocumentQuery, DocumentReferenceId, Documents,
    DownloadResponse, Downloads, FilePart, NewDocument, Transfers, UploadForm, Uploads,
};
use carium::{Error, ErrorKind, Items, ListOptions};
use futures_util::{StreamExt as _, stream};
use tokio::time::sleep;

/// A call of the document service (`Create`, `Process`, `Info`) or of the object store (`Post`, `Get`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    Create,
    Post,
    Process,
    Info,
    Get,
}

/// A fault that is injected into a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The call is not applied, and the error says so.
    NotApplied,
    /// The call is applied, and its response is lost.
    ResponseLost,
    /// The call is not applied, because the request is lost.
    RequestLost,
    /// The call was applied before, and is reported as a conflict.
    Conflict,
    /// The call was applied before, and the object that it changes is reported as missing.
    NotFound,
    /// The call is rejected permanently.
    Refused,
    /// The presigned form or URL has expired.
    Expired,
    /// The presigned form has expired, which is reported after the whole file was read.
    ExpiresAfterReading,
    /// The presigned form or URL has expired, which is reported as status 403 without a reason.
    Forbidden,
    /// There is no response for a day.
    Silent,
    /// The connection is closed after this number of bytes of the file.
    Reset(u64),
    /// The transfer stalls after this number of bytes of the file and fails after a minute.
    SilentAfter(u64),
    /// The store ignores the requested range and returns the whole file.
    IgnoresRange,
    /// The same, and the response has no version.
    IgnoresRangeAndVersion,
    /// The response has no version.
    OmitsVersion,
    /// The content has changed, and the store returns the whole new file.
    Changed,
    /// The store ends the response after this number of bytes, which is less than the announced length.
    Short(u64),
    /// The store returns more bytes than the announced length.
    Long,
    /// The response contains no upload form.
    NoForm,
}

type Plan = dyn Fn(Call, usize) -> Option<Fault> + Send + Sync;

/// Returns a plan that injects these faults into the first calls of a kind, in order.
pub(crate) fn sequence<const N: usize>(
    at: Call,
    faults: [Fault; N],
) -> impl Fn(Call, usize) -> Option<Fault> + Copy + Send + Sync + 'static {
    move |call, earlier_calls| faults.get(earlier_calls).copied().filter(|_| call == at)
}

/// Returns a plan that injects a fault into every call of a kind.
pub(crate) fn always(
    at: Call,
    fault: Fault,
) -> impl Fn(Call, usize) -> Option<Fault> + Copy + Send + Sync + 'static {
    move |call, _| (call == at).then_some(fault)
}

type ProgressFn = dyn Fn(Call, u64) + Send + Sync;

/// A document reference.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reference {
    pub(crate) file_name: String,
    /// How many times the file was uploaded.
    pub(crate) uploads: usize,
    pub(crate) file: Option<Bytes>,
    pub(crate) is_processed: bool,
}

#[derive(Default)]
struct Contents {
    references: Vec<(DocumentReferenceId, Reference)>,
    calls: HashMap<Call, usize>,
    ranges: Vec<Option<ByteRange>>,
    version: u32,
}

/// The service and the store.
pub(crate) struct FaultyDocuments {
    contents: Mutex<Contents>,
    plan: Box<Plan>,
    on_moved: Mutex<Option<Box<ProgressFn>>>,
    has_versions: bool,
    announces_length: bool,
    /// The URL of all forms and downloads, instead of one for each document.
    fixed_url: Option<String>,
}

/// The number of bytes that the store sends or receives at a time.
pub(crate) const CHUNK: usize = 64 * 1024;

impl FaultyDocuments {
    pub(crate) fn new(plan: impl Fn(Call, usize) -> Option<Fault> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self::from_plan(plan))
    }

    fn from_plan(plan: impl Fn(Call, usize) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Self {
            contents: Mutex::default(),
            plan: Box::new(plan),
            on_moved: Mutex::default(),
            has_versions: true,
            announces_length: true,
            fixed_url: None,
        }
    }

    /// A record whose store returns no entity tags or no lengths.
    pub(crate) fn without(
        versions: bool,
        lengths: bool,
        plan: impl Fn(Call, usize) -> Option<Fault> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { has_versions: !versions, announces_length: !lengths, ..Self::from_plan(plan) })
    }

    pub(crate) fn healthy() -> Arc<Self> {
        Self::new(|_, _| None)
    }

    /// A record whose forms and download URLs all have this URL. For use with other transfers.
    pub(crate) fn with_fixed_url(url: &str) -> Arc<Self> {
        Arc::new(Self { fixed_url: Some(url.to_owned()), ..Self::from_plan(|_, _| None) })
    }

    /// A record that injects the fault into the first call of this kind.
    pub(crate) fn fails_once(at: Call, fault: Fault) -> Arc<Self> {
        Self::new(sequence(at, [fault]))
    }

    /// Sets a function that is called with the number of bytes transferred so far, after each chunk.
    pub(crate) fn on_moved(&self, on_moved: impl Fn(Call, u64) + Send + Sync + 'static) {
        *self.on_moved.lock().unwrap() = Some(Box::new(on_moved));
    }

    pub(crate) fn uploads(self: &Arc<Self>) -> Uploads {
        Uploads::new(Arc::<Self>::clone(self), Arc::<Self>::clone(self))
    }

    pub(crate) fn downloads(self: &Arc<Self>) -> Downloads {
        Downloads::new(Arc::<Self>::clone(self), Arc::<Self>::clone(self))
    }

    /// Adds a document and returns its ID.
    pub(crate) fn add_document(&self, content: impl Into<Bytes>) -> DocumentReferenceId {
        let reference =
            Reference { file: Some(content.into()), is_processed: true, uploads: 1, ..Reference::default() };
        self.add(reference)
    }

    fn add(&self, reference: Reference) -> DocumentReferenceId {
        let references = &mut self.contents.lock().unwrap().references;
        let id = format!("00000000-0000-4000-8000-{:012}", references.len() + 1).parse().unwrap();
        references.push((id, reference));
        id
    }

    pub(crate) fn references(&self) -> Vec<(DocumentReferenceId, Reference)> {
        self.contents.lock().unwrap().references.clone()
    }

    pub(crate) fn count(&self, call: Call) -> usize {
        self.contents.lock().unwrap().calls.get(&call).copied().unwrap_or_default()
    }

    pub(crate) fn ranges(&self) -> Vec<Option<ByteRange>> {
        self.contents.lock().unwrap().ranges.clone()
    }

    fn fault(&self, call: Call) -> Option<Fault> {
        let before = {
            let mut contents = self.contents.lock().unwrap();
            let count = contents.calls.entry(call).or_default();
            *count += 1;
            *count - 1
        };
        (self.plan)(call, before)
    }

    fn report_progress(&self, call: Call, bytes: u64) {
        if let Some(on_moved) = &*self.on_moved.lock().unwrap() {
            on_moved(call, bytes);
        }
    }

    fn with<T>(&self, id: DocumentReferenceId, change: impl FnOnce(&mut Reference) -> T) -> T {
        let mut contents = self.contents.lock().unwrap();
        let (_, reference) = contents.references.iter_mut().find(|(other, _)| *other == id).unwrap();
        change(reference)
    }
}

/// Runs a call of the service. The fault decides whether it fails before or after it is applied.
async fn run_call<T>(fault: Option<Fault>, changes: bool, apply: impl FnOnce() -> T) -> Result<T, Error> {
    let may_be_applied = |error: Error| if changes { error.with_unknown_outcome() } else { error };
    match fault {
        Some(Fault::NotApplied) => Err(Error::new(ErrorKind::Unavailable, "not applied")),
        Some(Fault::RequestLost) => Err(may_be_applied(Error::new(ErrorKind::Unavailable, "request lost"))),
        Some(Fault::ResponseLost) => {
            apply();
            Err(may_be_applied(Error::new(ErrorKind::Unavailable, "response lost")))
        }
        Some(Fault::Conflict) => {
            apply();
            Err(Error::new(ErrorKind::Conflict, "conflict"))
        }
        Some(Fault::NotFound) => {
            apply();
            Err(Error::new(ErrorKind::NotFound, "not found"))
        }
        Some(Fault::Refused) => Err(Error::new(ErrorKind::Rejected, "refused").with_source("a rule")),
        Some(Fault::Expired) => Err(Error::new(ErrorKind::Expired, "expired")),
        Some(Fault::Forbidden) => Err(Error::new(ErrorKind::Forbidden, "forbidden")),
        Some(Fault::Silent) => {
            sleep(Duration::from_secs(86_400)).await;
            panic!("the call should have timed out within a day");
        }
        _ => Ok(apply()),
    }
}

fn reset() -> Error {
    Error::new(ErrorKind::Unavailable, "reset")
}

fn stalled() -> Error {
    Error::new(ErrorKind::TimedOut, "stalled")
}

#[async_trait]
impl Documents for FaultyDocuments {
    fn classes(&self, _options: ListOptions) -> Items<DocumentClass> {
        Items::from_items(stream::empty())
    }

    fn list(&self, _query: DocumentQuery) -> Items<Document> {
        let documents: Vec<_> = self
            .references()
            .into_iter()
            .map(|(id, reference)| {
                let mut document = Document::from_id(id);
                document.file_name = Some(reference.file_name);
                Ok(document)
            })
            .collect();
        Items::from_items(stream::iter(documents))
    }

    async fn create(&self, document: NewDocument) -> Result<CreatedDocument, Error> {
        let fault = self.fault(Call::Create);
        run_call(fault, true, || {
            let reference = Reference { file_name: document.file_name().to_owned(), ..Reference::default() };
            let id = self.add(reference);
            let fields: FormFields = [("key", id.to_string())].into_iter().collect();
            let url = self.fixed_url.as_deref().unwrap_or("https://store.example.com/canary");
            let form = UploadForm::new(url.into(), fields);
            CreatedDocument::new(id, (fault != Some(Fault::NoForm)).then_some(form))
        })
        .await
    }

    async fn process(&self, id: DocumentReferenceId) -> Result<(), Error> {
        let fault = self.fault(Call::Process);
        run_call(fault, true, || {
            self.with(id, |reference| reference.is_processed = reference.file.is_some());
        })
        .await
    }

    async fn download_url(&self, id: DocumentReferenceId) -> Result<Secret, Error> {
        let fault = self.fault(Call::Info);
        let url = self.fixed_url.clone().unwrap_or_else(|| format!("https://store.example.com/{id}?canary"));
        let url = run_call(fault, false, || url.into()).await?;
        let is_unprocessed = |(other, reference): &(_, Reference)| *other == id && !reference.is_processed;
        if self.references().iter().any(is_unprocessed) {
            return Err(Error::new(ErrorKind::NotFound, "not processed"));
        }
        Ok(url)
    }
}

#[async_trait]
impl Transfers for FaultyDocuments {
    async fn post(&self, form: &UploadForm, file: FilePart) -> Result<(), Error> {
        let fault = self.fault(Call::Post);
        run_call(fault, false, || ())
            .await
            .or_else(|error| if fault == Some(Fault::ResponseLost) { Ok(()) } else { Err(error) })?;
        let (_, key) = form.fields().iter().next().unwrap();
        let mut content = BytesMut::new();
        let mut blocks = file.content.into_stream();
        loop {
            let at = content.len() as u64;
            self.report_progress(Call::Post, at);
            // Gives a canceled task the chance to stop.
            tokio::task::yield_now().await;
            match fault {
                Some(Fault::Reset(after)) if at >= after => return Err(reset()),
                Some(Fault::SilentAfter(after)) if at >= after => {
                    sleep(Duration::from_secs(60)).await;
                    return Err(stalled());
                }
                _ => {}
            }
            match blocks.next().await {
                Some(Ok(block)) => content.extend_from_slice(&block),
                Some(Err(_)) => return Err(Error::new(ErrorKind::Io, "the file could not be read")),
                None => break,
            }
        }
        assert_eq!(content.len() as u64, file.length);
        if fault == Some(Fault::ExpiresAfterReading) {
            return Err(Error::new(ErrorKind::Expired, "expired"));
        }
        self.with(key.parse().unwrap(), |reference| {
            reference.uploads += 1;
            reference.file = Some(content.freeze());
        });
        if fault == Some(Fault::ResponseLost) { Err(reset()) } else { Ok(()) }
    }

    async fn get(&self, url: &Secret, range: Option<ByteRange>) -> Result<DownloadResponse, Error> {
        let fault = self.fault(Call::Get);
        self.contents.lock().unwrap().ranges.push(range.clone());
        run_call(fault, false, || ()).await?;
        let path = url.expose().trim_start_matches("https://store.example.com/").trim_end_matches("?canary");
        let mut content = self.with(path.parse().unwrap(), |reference| reference.file.clone().unwrap());
        if fault == Some(Fault::Changed) {
            content = content.iter().map(|byte| !byte).collect();
            self.with(path.parse().unwrap(), |reference| reference.file = Some(content.clone()));
            self.contents.lock().unwrap().version += 1;
        }
        let version = format!("\"{}\"", self.contents.lock().unwrap().version);
        let total = content.len() as u64;
        let range = range.filter(|range| {
            !matches!(fault, Some(Fault::IgnoresRange | Fault::IgnoresRangeAndVersion))
                && range.if_version.as_ref().is_none_or(|expected| *expected == version)
        });
        let start = range.map_or(0, |range| range.from);
        let mut chunks: Vec<_> = content[usize::try_from(start).unwrap()..]
            .chunks(CHUNK)
            .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
            .collect();
        if let Some(Fault::Reset(after) | Fault::SilentAfter(after) | Fault::Short(after)) = fault {
            chunks.truncate(usize::try_from(after).unwrap() / CHUNK);
        }
        chunks.extend(match fault {
            Some(Fault::Reset(_)) => Some(Err(reset())),
            Some(Fault::SilentAfter(_)) => Some(Err(stalled())),
            Some(Fault::Long) => Some(Ok(Bytes::from_static(b"more"))),
            _ => None,
        });
        let mut response =
            DownloadResponse::whole(self.announces_length.then_some(total), stream::iter(chunks).boxed());
        response.start = start;
        let omits_version = matches!(fault, Some(Fault::IgnoresRangeAndVersion | Fault::OmitsVersion));
        let sends_version = self.has_versions && !omits_version;
        response.version = sends_version.then_some(version);
        response.file_name = Some("../letter.pdf".to_owned());
        Ok(response)
    }
}
