//! Rows that lie in a database on a server, sealed: AES-256-GCM with a key that the server never has.

use std::fmt;
use std::io::Read;
use std::path::Path;

use carium::{Error, ErrorKind};

/// The key that the rows of a queue on a server are sealed with: 32 bytes, which every worker is given.
#[derive(Clone)]
#[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "nothing is sealed without a server"))]
pub struct EncryptionKey([u8; 32]);

/// The variable of the environment that the key is read from.
pub const ENCRYPTION_KEY_VARIABLE: &str = "CARIUM_QUEUE_KEY";

impl EncryptionKey {
    /// The key of the environment's `CARIUM_QUEUE_KEY`: 64 hexadecimal digits, as `openssl rand -hex 32` prints them.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput): it is not there, or is no key.
    pub fn from_env() -> Result<Self, Error> {
        let text = std::env::var(ENCRYPTION_KEY_VARIABLE);
        Self::parse(&text.map_err(|_| Error::new(ErrorKind::InvalidInput, "CARIUM_QUEUE_KEY is not set"))?)
    }

    /// The key that can be read from a descriptor of this process, such as 3 after `3<key`: so it is in no
    /// environment, and on no disk.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput): what is read is no key. [`Io`](ErrorKind::Io): nothing can be read.
    pub fn from_descriptor(descriptor: u32) -> Result<Self, Error> {
        let path = Path::new("/dev/fd").join(descriptor.to_string());
        let mut text = String::new();
        // A little longer than a key: what is longer is none.
        let read = std::fs::File::open(path).and_then(|file| file.take(128).read_to_string(&mut text));
        read.map_err(|error| {
            Error::new(ErrorKind::Io, "the key of the queue cannot be read").with_source(error)
        })?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let wrong =
            || Error::new(ErrorKind::InvalidInput, "the key of the queue is not 64 hexadecimal digits");
        let text = text.trim();
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut key = [0; 32];
        for (byte, index) in key.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[index..index + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(key))
    }
}

impl From<[u8; 32]> for EncryptionKey {
    fn from(key: [u8; 32]) -> Self {
        Self(key)
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EncryptionKey").finish_non_exhaustive()
    }
}

/// Seals and opens.
#[cfg(feature = "postgres")]
pub(crate) struct Seal(aws_lc_rs::aead::RandomizedNonceKey);

/// How long a nonce is, which stands before what it was used for.
#[cfg(feature = "postgres")]
const NONCE: usize = aws_lc_rs::aead::NONCE_LEN;

#[cfg(feature = "postgres")]
impl Seal {
    pub(crate) fn new(key: &EncryptionKey) -> Result<Self, Error> {
        let key = aws_lc_rs::aead::RandomizedNonceKey::new(&aws_lc_rs::aead::AES_256_GCM, &key.0);
        key.map(Self).map_err(|_| failed())
    }

    /// Seals a text for one place: `of` says which, and it opens nowhere else.
    pub(crate) fn seal(&self, of: &[u8], text: &[u8]) -> Result<Vec<u8>, Error> {
        let mut sealed = text.to_vec();
        let nonce = self.0.seal_in_place_append_tag(aws_lc_rs::aead::Aad::from(of), &mut sealed);
        let nonce = nonce.map_err(|_| failed())?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for this place.
    pub(crate) fn open(&self, of: &[u8], sealed: Vec<u8>) -> Result<Vec<u8>, Error> {
        let nonce = sealed.first_chunk::<NONCE>().copied().ok_or_else(failed)?;
        let mut sealed = sealed;
        let mut text = sealed.split_off(NONCE);
        let nonce = aws_lc_rs::aead::Nonce::assume_unique_for_key(nonce);
        let length = self.0.open_in_place(nonce, aws_lc_rs::aead::Aad::from(of), &mut text);
        let length = length.map_err(|_| failed())?.len();
        text.truncate(length);
        Ok(text)
    }
}

#[cfg(feature = "postgres")]
fn failed() -> Error {
    Error::new(ErrorKind::Corrupt, "what lies sealed in the queue cannot be opened with this key")
}

/// Nothing is sealed without a database on a server.
#[cfg(not(feature = "postgres"))]
pub(crate) enum Seal {}

#[cfg(not(feature = "postgres"))]
impl Seal {
    pub(crate) fn new(_: &EncryptionKey) -> Result<Self, Error> {
        Err(Error::new(ErrorKind::InvalidInput, "this program was built without a database that needs a key"))
    }

    pub(crate) fn seal(&self, _: &[u8], _: &[u8]) -> Result<Vec<u8>, Error> {
        match *self {}
    }

    pub(crate) fn open(&self, _: &[u8], _: Vec<u8>) -> Result<Vec<u8>, Error> {
        match *self {}
    }
}
