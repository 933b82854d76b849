//! The pipeline: the bytes of a document, in order, whatever happens to the connections that they come by.

use std::path::PathBuf;

use bytes::Bytes;
use carium_api::Secret;
use futures_util::stream::StreamExt as _;
use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;

use super::sink::Sink;
use super::{DownloadReceipt, DownloadRequest};
use crate::documents::progress::{Canceled, Reporter, Stage};
use crate::documents::sides::DocumentServices;
use crate::documents::{ByteRange, DownloadResponse, Sha256Digest};
use crate::error::{Error, ErrorKind};

/// One download.
pub(super) struct Fetch {
    pub(super) sides: DocumentServices,
    pub(super) request: DownloadRequest,
    pub(super) reporter: Reporter,
}

/// All of a document.
pub(super) struct Fetched {
    size: u64,
    sha256: Sha256Digest,
    reporter: Reporter,
}

impl Fetched {
    /// Now that it is where it was to go.
    pub(super) fn receipt(self, path: Option<PathBuf>) -> DownloadReceipt {
        self.reporter.stage(Stage::Done);
        DownloadReceipt { size: self.size, sha256: self.sha256, path }
    }
}

/// How far a download is.
#[derive(Default)]
struct Position {
    url: Option<Secret>,
    /// How many URLs were refused since the last bytes came.
    refused: u32,
    is_open: bool,
    /// How many bytes were written.
    offset: u64,
    total: Option<u64>,
    version: Option<String>,
    /// Whether the store gives ranges without saying of what.
    distrusts_ranges: bool,
    /// How often it was begun from the first byte again.
    beginnings: u32,
}

/// A document that changes each time it is read is given up.
const MOST_BEGINNINGS: u32 = 3;

/// A store that does not say why it refuses a URL may mean that it has expired, once: two that were just given
/// mean something else.
const MOST_REFUSED: u32 = 1;

/// What an answer leads to.
enum Then {
    Done,
    Again(Error),
    /// The document is another one now.
    BeginAgain,
}

impl Fetch {
    /// Brings all of the document into a sink, checked.
    pub(super) async fn into(mut self, sink: &mut dyn Sink) -> Result<Fetched, Error> {
        let span = tracing::info_span!(
            "carium.download",
            carium.document_reference_id = %self.request.id,
            error.r#type = tracing::field::Empty,
        );
        let reporter = self.reporter.clone();
        let run = async {
            let size = self.all(sink).await?;
            self.reporter.stage(Stage::Finishing);
            let sha256 = sink.digest().await?;
            match self.request.expected {
                Some(expected) if expected != sha256 => Err(Error::new(
                    ErrorKind::Corrupt,
                    "the document does not have the digest that was expected",
                )),
                _ => Ok(Fetched { size, sha256, reporter: self.reporter.clone() }),
            }
        };
        let result = reporter.unless_cancelled(run.instrument(span.clone())).await;
        let result = result
            .unwrap_or_else(|Canceled| Err(Error::new(ErrorKind::Canceled, "the download was cancelled")));
        if let Err(error) = &result {
            span.record("error.type", tracing::field::debug(error.kind()));
        }
        result
    }

    async fn all(&mut self, sink: &mut dyn Sink) -> Result<u64, Error> {
        let mut position = Position::default();
        let mut tries = self.sides.tries.clone();
        loop {
            let before = position.offset;
            let result = self.one_connection(&mut position, sink).await;
            if position.offset > before {
                tries.progressed();
                position.refused = 0;
            }
            match result? {
                Then::Done => return Ok(position.offset),
                Then::BeginAgain if position.beginnings < MOST_BEGINNINGS => {
                    sink.begin_again().await?;
                    let beginnings = position.beginnings + 1;
                    position = Position {
                        beginnings,
                        url: position.url,
                        is_open: true,
                        distrusts_ranges: position.distrusts_ranges,
                        ..Position::default()
                    };
                }
                Then::BeginAgain => return Err(super::sink::changed()),
                Then::Again(error) => {
                    tracing::debug!(
                        error.r#type = ?error.kind(),
                        http.response.status_code = error.status(),
                        "not all of it came"
                    );
                    let may_ask = match error.kind() {
                        ErrorKind::Expired => true,
                        // Not every store says so.
                        ErrorKind::Forbidden => position.refused < MOST_REFUSED,
                        _ => false,
                    };
                    if may_ask && tries.may_try_again() {
                        position.refused += 1;
                        position.url = None;
                    } else if !tries.again_after(&error).await {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Reads what one connection gives. An error ends the download; what may go better another time is told
    /// apart.
    async fn one_connection(&self, position: &mut Position, sink: &mut dyn Sink) -> Result<Then, Error> {
        let url = if let Some(url) = &position.url {
            url.clone()
        } else {
            let url = self.sides.documents.download_info(self.request.id).await?;
            position.url.insert(url).clone()
        };
        // A range of an unknown version might be put behind the beginning of another one. Unless that would be
        // noticed at the end, the whole is read again, and what is there already is compared.
        let is_safe =
            self.request.expected.is_some() || (position.version.is_some() && !position.distrusts_ranges);
        let range = (position.offset > 0 && is_safe).then(|| ByteRange {
            from: position.offset,
            until: None,
            if_version: position.version.clone(),
        });
        let incoming = match self.sides.transfers.get(&url, range).await {
            Ok(incoming) => incoming,
            Err(error) => return Ok(Then::Again(error)),
        };
        self.read(incoming, position, sink).await
    }

    async fn read(
        &self,
        incoming: DownloadResponse,
        position: &mut Position,
        sink: &mut dyn Sink,
    ) -> Result<Then, Error> {
        let DownloadResponse { start, total, version, file_name, mut body } = incoming;
        if start > 0 && start != position.offset {
            return Err(wrong_range());
        }
        if position.offset == 0 {
            (position.total, position.version) = (total, version);
        } else if differ(position.total.as_ref(), total.as_ref())
            || differ(position.version.as_ref(), version.as_ref())
        {
            return Ok(Then::BeginAgain);
        } else if start > 0
            && version.is_none()
            && position.version.is_some()
            && self.request.expected.is_none()
        {
            // RFC 9110, section 15.3.7, has the tag in such an answer. A store without it has not understood
            // that the range was to be of the same version.
            position.distrusts_ranges = true;
            return Ok(Then::Again(no_version()));
        } else {
            position.total = position.total.or(total);
            position.version = position.version.take().or(version);
        }
        if !position.is_open {
            sink.open(self.request.file_name.as_deref().or(file_name.as_deref())).await?;
            position.is_open = true;
        }
        // A store that gives the whole although a range was asked for: what is there already is read again, to
        // see that it is the same.
        let mut prefix = (start == 0 && position.offset > 0)
            .then(|| Prefix { left: position.offset, hasher: Sha256::new() });
        let moving = self.reporter.transferring(position.offset, position.total);
        loop {
            let mut bytes = match body.next().await {
                Some(Ok(bytes)) => bytes,
                // What ends badly after its last byte has arrived all the same.
                Some(Err(_)) if prefix.is_none() && position.total == Some(position.offset) => break,
                Some(Err(error)) => return Ok(Then::Again(error)),
                None => break,
            };
            if let Some(known) = &mut prefix {
                known.take(&mut bytes);
                if known.left > 0 {
                    continue;
                }
                if Sha256Digest::so_far(&known.hasher) != sink.digest().await? {
                    return Ok(Then::BeginAgain);
                }
                prefix = None;
            }
            if bytes.is_empty() {
                continue;
            }
            let length = bytes.len() as u64;
            if position.total.is_some_and(|total| position.offset + length > total) {
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    "the document is longer than the store announced",
                ));
            }
            sink.write(bytes).await?;
            position.offset += length;
            moving.moved(length);
        }
        match position.total {
            Some(total) if total != position.offset => Ok(Then::Again(too_short())),
            _ if prefix.is_some() => Ok(Then::Again(too_short())),
            _ => Ok(Then::Done),
        }
    }
}

/// What was written already, as it comes again.
struct Prefix {
    left: u64,
    hasher: Sha256,
}

impl Prefix {
    /// Takes off what belongs to it.
    fn take(&mut self, bytes: &mut Bytes) {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        let known = bytes.split_to(length);
        self.hasher.update(&known);
        self.left -= known.len() as u64;
    }
}

/// Whether two things that are known are not the same.
fn differ<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}

fn wrong_range() -> Error {
    Error::new(ErrorKind::Undecodable, "the object store gives another range than was asked for")
}

fn no_version() -> Error {
    Error::new(ErrorKind::Unavailable, "the object store does not say of which version its range is")
}

fn too_short() -> Error {
    Error::new(ErrorKind::Unavailable, "the connection to the object store ended too soon")
}
