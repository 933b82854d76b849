//! Encryption of rows that are stored on a server: AES-256-GCM with a key that the server never receives.

use std::fmt;
use std::io::Read;
use std::path::Path;

use carium::{Error, ErrorKind};

/// The key that encrypts the rows of a queue on a server: 32 bytes. Every worker needs it.
#[derive(Clone)]
#[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "only a queue on a server encrypts rows"))]
pub struct EncryptionKey([u8; 32]);

/// The name of the environment variable that holds the key.
pub const ENCRYPTION_KEY_VARIABLE: &str = "CARIUM_QUEUE_KEY";

impl EncryptionKey {
    /// Reads the key from the environment variable `CARIUM_QUEUE_KEY`: 64 hexadecimal digits, such as the output of
    /// `openssl rand -hex 32`.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput): the variable is not set or is not a valid key.
    pub fn from_env() -> Result<Self, Error> {
        let text = std::env::var(ENCRYPTION_KEY_VARIABLE);
        Self::parse(&text.map_err(|_| Error::new(ErrorKind::InvalidInput, "CARIUM_QUEUE_KEY is not set"))?)
    }

    /// Reads the key from a file descriptor of this process, such as 3 if the shell redirects `3<key`. The key is
    /// then not in the environment.
    ///
    /// # Errors
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the content is not a valid key.
    /// - [`Io`](ErrorKind::Io): the descriptor cannot be read.
    pub fn from_descriptor(descriptor: u32) -> Result<Self, Error> {
        let path = Path::new("/dev/fd").join(descriptor.to_string());
        let mut text = String::new();
        // A key has 64 digits, so longer content is invalid and need not be read to its end.
        let read = std::fs::File::open(path).and_then(|file| file.take(128).read_to_string(&mut text));
        read.map_err(|error| {
            Error::new(ErrorKind::Io, "could not read the key of the queue").with_source(error)
        })?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let invalid =
            || Error::new(ErrorKind::InvalidInput, "the key of the queue is not 64 hexadecimal digits");
        let text = text.trim();
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        let mut key = [0; 32];
        for (byte, index) in key.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[index..index + 2], 16).map_err(|_| invalid())?;
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

/// Encrypts and decrypts rows.
#[cfg(feature = "postgres")]
pub(crate) struct RowCipher(aws_lc_rs::aead::RandomizedNonceKey);

/// The length of the nonce, which precedes the ciphertext.
#[cfg(feature = "postgres")]
const NONCE_LENGTH: usize = aws_lc_rs::aead::NONCE_LEN;

#[cfg(feature = "postgres")]
impl RowCipher {
    pub(crate) fn new(key: &EncryptionKey) -> Result<Self, Error> {
        let key = aws_lc_rs::aead::RandomizedNonceKey::new(&aws_lc_rs::aead::AES_256_GCM, &key.0);
        key.map(Self).map_err(|_| cipher_error())
    }

    /// Encrypts a text. Decryption succeeds only with the same `context`, so an encrypted row cannot be swapped for
    /// another one.
    pub(crate) fn encrypt(&self, context: &[u8], text: &[u8]) -> Result<Vec<u8>, Error> {
        let mut ciphertext = text.to_vec();
        let nonce = self.0.seal_in_place_append_tag(aws_lc_rs::aead::Aad::from(context), &mut ciphertext);
        let nonce = nonce.map_err(|_| cipher_error())?;
        Ok([nonce.as_ref().as_slice(), &ciphertext].concat())
    }

    /// Decrypts a text that was encrypted with the same `context`.
    pub(crate) fn decrypt(&self, context: &[u8], encrypted: Vec<u8>) -> Result<Vec<u8>, Error> {
        let nonce = encrypted.first_chunk::<NONCE_LENGTH>().copied().ok_or_else(cipher_error)?;
        let mut encrypted = encrypted;
        let mut text = encrypted.split_off(NONCE_LENGTH);
        let nonce = aws_lc_rs::aead::Nonce::assume_unique_for_key(nonce);
        let length = self.0.open_in_place(nonce, aws_lc_rs::aead::Aad::from(context), &mut text);
        let length = length.map_err(|_| cipher_error())?.len();
        text.truncate(length);
        Ok(text)
    }
}

#[cfg(feature = "postgres")]
fn cipher_error() -> Error {
    Error::new(ErrorKind::Corrupt, "the encrypted data of the queue cannot be decrypted with this key")
}

/// Without a database on a server, no rows are encrypted.
#[cfg(not(feature = "postgres"))]
pub(crate) enum RowCipher {}

#[cfg(not(feature = "postgres"))]
impl RowCipher {
    pub(crate) fn new(_: &EncryptionKey) -> Result<Self, Error> {
        let message = "this program was built without PostgreSQL, and only a queue on a server needs a key";
        Err(Error::new(ErrorKind::InvalidInput, message))
    }

    pub(crate) fn encrypt(&self, _: &[u8], _: &[u8]) -> Result<Vec<u8>, Error> {
        match *self {}
    }

    pub(crate) fn decrypt(&self, _: &[u8], _: Vec<u8>) -> Result<Vec<u8>, Error> {
        match *self {}
    }
}
