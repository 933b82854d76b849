//! A record and an object store in memory, which fail as they are told, under tokio's paused clock.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, and uses what it needs"
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

/// What is asked of the record or the store, and how often the same was asked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    Create,
    Post,
    Process,
    Info,
    Get,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not done, and that is known.
    NotApplied,
    /// It is done, and the answer is lost.
    ResponseLost,
    /// It is not done, and the answer is lost.
    RequestLost,
    /// It is refused for good.
    Refused,
    /// What was presigned has expired.
    Expired,
    /// The same, said when all of the file was read.
    ExpiresAfterReading,
    /// The same, from a store that does not say so.
    Forbidden,
    /// Nothing comes, for a day.
    Silent,
    /// The connection ends after so many bytes of the file.
    Reset(u64),
    /// Nothing moves after so many bytes of the file, which the transfers notice after a minute.
    SilentAfter(u64),
    /// The store gives the whole, whatever range is asked for.
    IgnoresRange,
    /// The store gives the whole, and something else than before.
    Changed,
    /// The store gives fewer bytes than it announces, and ends well.
    Short(u64),
    /// The store gives more bytes than it announces.
    Long,
    /// The answer has no form in it.
    NoForm,
}

type Plan = dyn Fn(Call, usize) -> Option<Fault> + Send + Sync;
type Moved = dyn Fn(Call, u64) + Send + Sync;

/// A reference in the record.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reference {
    pub(crate) file_name: String,
    /// How often its file arrived.
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

pub(crate) struct Record {
    contents: Mutex<Contents>,
    plan: Box<Plan>,
    moved: Mutex<Option<Box<Moved>>>,
    has_versions: bool,
    announces_length: bool,
}

/// How much the store gives and takes at a time.
pub(crate) const CHUNK: usize = 64 * 1024;

impl Record {
    pub(crate) fn new(plan: impl Fn(Call, usize) -> Option<Fault> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self::plain(plan))
    }

    fn plain(plan: impl Fn(Call, usize) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Self {
            contents: Mutex::default(),
            plan: Box::new(plan),
            moved: Mutex::default(),
            has_versions: true,
            announces_length: true,
        }
    }

    /// One whose store gives no entity tags, or no lengths.
    pub(crate) fn without(
        versions: bool,
        lengths: bool,
        plan: impl Fn(Call, usize) -> Option<Fault> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { has_versions: !versions, announces_length: !lengths, ..Self::plain(plan) })
    }

    pub(crate) fn works() -> Arc<Self> {
        Self::new(|_, _| None)
    }

    /// Fails at one call, and at no other.
    pub(crate) fn fails_once(at: Call, fault: Fault) -> Arc<Self> {
        Self::new(move |call, before| (call == at && before == 0).then_some(fault))
    }

    /// Called with the bytes that were moved so far, each time that there are more.
    pub(crate) fn on_moved(&self, moved: impl Fn(Call, u64) + Send + Sync + 'static) {
        *self.moved.lock().unwrap() = Some(Box::new(moved));
    }

    pub(crate) fn uploads(self: &Arc<Self>) -> Uploads {
        Uploads::new(Arc::<Self>::clone(self), Arc::<Self>::clone(self))
    }

    pub(crate) fn downloads(self: &Arc<Self>) -> Downloads {
        Downloads::new(Arc::<Self>::clone(self), Arc::<Self>::clone(self))
    }

    /// Puts a document in, and gives its id.
    pub(crate) fn file(&self, content: impl Into<Bytes>) -> DocumentReferenceId {
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

    fn moved(&self, call: Call, bytes: u64) {
        if let Some(moved) = &*self.moved.lock().unwrap() {
            moved(call, bytes);
        }
    }

    fn with<T>(&self, id: DocumentReferenceId, change: impl FnOnce(&mut Reference) -> T) -> T {
        let mut contents = self.contents.lock().unwrap();
        change(&mut contents.references.iter_mut().find(|(each, _)| *each == id).unwrap().1)
    }
}

/// A call of the service, which fails before or after it is done.
async fn done<T>(fault: Option<Fault>, creates: bool, work: impl FnOnce() -> T) -> Result<T, Error> {
    let lost = |error: Error| if creates { error.with_unknown_outcome() } else { error };
    match fault {
        Some(Fault::NotApplied) => Err(Error::new(ErrorKind::Unavailable, "not done")),
        Some(Fault::RequestLost) => Err(lost(Error::new(ErrorKind::Unavailable, "request lost"))),
        Some(Fault::ResponseLost) => {
            work();
            Err(lost(Error::new(ErrorKind::Unavailable, "answer lost")))
        }
        Some(Fault::Refused) => Err(Error::new(ErrorKind::Rejected, "refused")),
        Some(Fault::Expired) => Err(Error::new(ErrorKind::Expired, "expired")),
        Some(Fault::Forbidden) => Err(Error::new(ErrorKind::Forbidden, "forbidden")),
        Some(Fault::Silent) => {
            sleep(Duration::from_hours(24)).await;
            panic!("nobody waits for a day");
        }
        _ => Ok(work()),
    }
}

fn reset() -> Error {
    Error::new(ErrorKind::Unavailable, "reset")
}

fn silent() -> Error {
    Error::new(ErrorKind::TimedOut, "silent")
}

#[async_trait]
impl Documents for Record {
    fn classes(&self, _options: ListOptions) -> Items<DocumentClass> {
        stream::empty().boxed()
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
        stream::iter(documents).boxed()
    }

    async fn create(&self, document: NewDocument) -> Result<CreatedDocument, Error> {
        let fault = self.fault(Call::Create);
        done(fault, true, || {
            let reference = Reference { file_name: document.file_name().to_owned(), ..Reference::default() };
            let id = self.add(reference);
            let fields: FormFields = [("key", id.to_string())].into_iter().collect();
            let form = UploadForm::new("https://store.example.com/canary".into(), fields);
            CreatedDocument::new(id, (fault != Some(Fault::NoForm)).then_some(form))
        })
        .await
    }

    async fn process(&self, id: DocumentReferenceId) -> Result<(), Error> {
        let fault = self.fault(Call::Process);
        done(fault, false, || self.with(id, |reference| reference.is_processed = reference.file.is_some()))
            .await
    }

    async fn download_info(&self, id: DocumentReferenceId) -> Result<Secret, Error> {
        let fault = self.fault(Call::Info);
        done(fault, false, || format!("https://store.example.com/{id}?canary").into()).await
    }
}

#[async_trait]
impl Transfers for Record {
    async fn post(&self, form: &UploadForm, file: FilePart) -> Result<(), Error> {
        let fault = self.fault(Call::Post);
        done(fault, false, || ())
            .await
            .or_else(|error| if fault == Some(Fault::ResponseLost) { Ok(()) } else { Err(error) })?;
        let (_, key) = form.fields().iter().next().unwrap();
        let mut content = BytesMut::new();
        let mut blocks = file.content.into_stream();
        let stops = |at: u64| match fault {
            Some(Fault::Reset(after)) if at >= after => Some(reset()),
            Some(Fault::SilentAfter(after)) if at >= after => Some(silent()),
            _ => None,
        };
        loop {
            let at = content.len() as u64;
            self.moved(Call::Post, at);
            // A task that was cancelled notices when it is polled the next time.
            tokio::task::yield_now().await;
            if let Some(error) = stops(at) {
                if matches!(fault, Some(Fault::SilentAfter(_))) {
                    sleep(Duration::from_mins(1)).await;
                }
                return Err(error);
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
        done(fault, false, || ()).await?;
        let path = url.expose().trim_start_matches("https://store.example.com/").trim_end_matches("?canary");
        let mut content = self.with(path.parse().unwrap(), |reference| reference.file.clone().unwrap());
        if fault == Some(Fault::Changed) {
            content = content.iter().map(|byte| !byte).collect();
            self.with(path.parse().unwrap(), |reference| reference.file = Some(content.clone()));
            self.contents.lock().unwrap().version += 1;
        }
        let version = format!("\"{}\"", self.contents.lock().unwrap().version);
        let total = content.len() as u64;
        let wanted = range.filter(|range| {
            fault != Some(Fault::IgnoresRange)
                && range.if_version.as_ref().is_none_or(|wanted| *wanted == version)
        });
        let start = wanted.map_or(0, |range| range.from);
        let mut chunks: Vec<_> = content[usize::try_from(start).unwrap()..]
            .chunks(CHUNK)
            .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
            .collect();
        match fault {
            Some(Fault::Reset(after) | Fault::SilentAfter(after) | Fault::Short(after)) => {
                let kept = usize::try_from(after).unwrap() / CHUNK;
                chunks.truncate(kept);
                match fault {
                    Some(Fault::Reset(_)) => chunks.push(Err(reset())),
                    Some(Fault::SilentAfter(_)) => chunks.push(Err(silent())),
                    _ => {}
                }
            }
            Some(Fault::Long) => chunks.push(Ok(Bytes::from_static(b"more"))),
            _ => {}
        }
        let mut incoming =
            DownloadResponse::whole(self.announces_length.then_some(total), stream::iter(chunks).boxed());
        incoming.start = start;
        incoming.version = self.has_versions.then_some(version);
        incoming.file_name = Some("../letter.pdf".to_owned());
        Ok(incoming)
    }
}
