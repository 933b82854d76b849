//! The digest of a transfer, computed while the bytes are transferred.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::blocking::JobQueue;
use crate::error::Error;
use crate::sha256::Sha256Digest;

/// The digest that an upload or a download computes of the transferred bytes. Defaults to [`Digest::Sha256`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Digest {
    /// SHA-256. Its computation takes longer than reading or sending the bytes.
    #[default]
    Sha256,
    /// No digest. The transfer is faster, its receipt has no digest, and only the length of the file is checked.
    None,
}

/// Computes the digest of a transfer, or nothing for [`Digest::None`].
pub(super) struct Hasher(Option<Sha256>);

impl Hasher {
    pub(super) fn new(digest: Digest) -> Self {
        Self(match digest {
            Digest::Sha256 => Some(Sha256::new()),
            Digest::None => None,
        })
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        if let Some(hasher) = &mut self.0 {
            hasher.update(bytes);
        }
    }

    /// Returns the digest of all bytes so far. More can be added afterwards.
    pub(super) fn digest(&self) -> Option<Sha256Digest> {
        self.0.as_ref().map(Sha256Digest::from_hasher)
    }
}

/// A [`Hasher`] that runs in the background: SHA-256 costs as much CPU time as reading and sending together.
pub(super) struct BackgroundHasher(Option<JobQueue<Hasher>>);

impl BackgroundHasher {
    pub(super) fn new(digest: Digest) -> Self {
        Self((digest != Digest::None).then(|| JobQueue::new(Hasher::new(digest))))
    }

    pub(super) async fn update(&self, piece: Bytes) -> Result<(), Error> {
        let Some(queue) = &self.0 else { return Ok(()) };
        queue
            .push(move |hasher| {
                hasher.update(&piece);
                Ok(())
            })
            .await
    }

    /// Returns the digest of all pieces so far. More can be added afterwards.
    pub(super) async fn digest(&self) -> Result<Option<Sha256Digest>, Error> {
        let Some(queue) = &self.0 else { return Ok(None) };
        let hasher = queue.take().await?;
        let digest = hasher.digest();
        queue.put_back(hasher);
        Ok(digest)
    }
}
