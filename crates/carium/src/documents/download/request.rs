//! The request for a download, and its receipt.

use std::fmt;
use std::path::{Path, PathBuf};

use carium_api::Redacted;
use carium_api::types::DocumentReferenceId;

use super::batch::{BatchTurn, DownloadBatch};
use crate::documents::{Digest, Document};
use crate::sha256::Sha256Digest;

/// The document to download, with options. Can be converted from a document's ID, or from a [`Document`], whose file
/// name it uses.
#[derive(Clone, PartialEq)]
#[must_use]
pub struct DownloadRequest {
    pub(super) id: DocumentReferenceId,
    pub(super) file_name: Option<String>,
    pub(super) file_name_template: Option<String>,
    pub(super) expected_sha256: Option<Sha256Digest>,
    pub(super) digest: Digest,
    pub(super) overwrite: bool,
    pub(super) skip_sync: bool,
    pub(super) batch: Option<BatchTurn>,
}

impl DownloadRequest {
    /// Creates a request for a document, without options.
    pub fn new(id: DocumentReferenceId) -> Self {
        Self {
            id,
            file_name: None,
            file_name_template: None,
            expected_sha256: None,
            digest: Digest::default(),
            overwrite: false,
            skip_sync: false,
            batch: None,
        }
    }

    /// Sets the file name for a download into a directory. It takes precedence over the name that the object store
    /// sends. The name is sanitized: a path is removed, and unsafe characters are replaced.
    pub fn file_name(mut self, file_name: impl Into<String>) -> Self {
        self.file_name = Some(file_name.into());
        self
    }

    /// Sets a template for the file name of a download into a directory, such as `{id}-{filename}`. `{id}` becomes the ID of
    /// the document and `{filename}` the name that the file would have without a template. The result is sanitized.
    pub fn file_name_template(mut self, template: impl Into<String>) -> Self {
        self.file_name_template = Some(template.into());
        self
    }

    /// Sets the digest that the document must have, for example that of an
    /// [`UploadReceipt`](crate::documents::UploadReceipt).
    pub fn expected_sha256(mut self, sha256: Sha256Digest) -> Self {
        self.expected_sha256 = Some(sha256);
        self
    }

    /// Sets the digest to compute of the document. Defaults to [`Digest::Sha256`].
    ///
    /// With [`Digest::None`], nothing is hashed, the receipt has no digest, and only the length of the document is
    /// checked. A download whose connection was lost continues only if the object store sends a strong `ETag`.
    /// Otherwise, a file is downloaded again from its first byte, at most three times, and a download to a writer or a
    /// stream fails. Together with [`expected_sha256`](Self::expected_sha256), the download fails before any request.
    pub fn digest(mut self, digest: Digest) -> Self {
        self.digest = digest;
        self
    }

    /// Skips syncing the file to the disk. It is written under a temporary name and renamed as usual, but after a power
    /// failure or a crash of the operating system, the file can be missing, empty or incomplete. Takes effect for a
    /// download to a path.
    pub fn skip_sync(mut self) -> Self {
        self.skip_sync = true;
        self
    }

    /// Overwrites a file that already exists at the target. By default, such a file is kept, and the download fails.
    pub fn overwrite(mut self) -> Self {
        self.overwrite = true;
        self
    }

    /// Adds the request to a batch, whose downloads never share a target. It takes effect for a download into a directory.
    pub fn in_batch(mut self, batch: &DownloadBatch) -> Self {
        self.batch = Some(batch.join());
        self
    }
}

impl From<DocumentReferenceId> for DownloadRequest {
    fn from(id: DocumentReferenceId) -> Self {
        Self::new(id)
    }
}

impl From<&Document> for DownloadRequest {
    fn from(document: &Document) -> Self {
        Self { file_name: document.file_name.clone(), ..Self::new(document.id) }
    }
}

impl fmt::Debug for DownloadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadRequest")
            .field("id", &self.id)
            .field("file_name", &self.file_name.as_ref().map(|_| Redacted::Phi))
            .field("expected_sha256", &self.expected_sha256)
            .field("digest", &self.digest)
            .field("overwrite", &self.overwrite)
            .field("skip_sync", &self.skip_sync)
            .finish_non_exhaustive()
    }
}

/// The result of a completed download. `Debug` does not show the path.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DownloadReceipt {
    /// The size of the document in bytes.
    pub size: u64,
    /// The digest of the document, computed during the download. `None` if the request set [`Digest::None`].
    pub sha256: Option<Sha256Digest>,
    pub(super) path: Option<PathBuf>,
}

impl DownloadReceipt {
    /// Creates a receipt without a path. For tests of code that handles receipts.
    pub fn new(size: u64, sha256: impl Into<Option<Sha256Digest>>) -> Self {
        Self { size, sha256: sha256.into(), path: None }
    }

    /// Returns the path of the file, if the document was downloaded with [`Downloads::to_path`](super::Downloads::to_path).
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

impl fmt::Debug for DownloadReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadReceipt")
            .field("size", &self.size)
            .field("sha256", &self.sha256)
            .field("path", &self.path.as_ref().map(|_| Redacted::Phi))
            .finish()
    }
}
