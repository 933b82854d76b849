//! Certificates from PEM files: the authorities that a client trusts, and the certificate that it presents.

use std::borrow::Cow;
use std::fs::File;
use std::io::{ErrorKind as IoErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::problem::Problem;

const CA_FILE: &str = "ca-file";
const CLIENT_CERTIFICATE_FILE: &str = "client-certificate-file";
/// The largest file that is read. The bundle of a whole operating system has about 250 kB.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// The paths of the files.
#[derive(Default)]
pub(super) struct TlsFiles {
    pub(super) ca: Option<PathBuf>,
    pub(super) client_certificate: Option<PathBuf>,
}

impl TlsFiles {
    /// Reads the files. Adds a problem for each file that cannot be used. It names the file, and nothing of its content.
    pub(super) fn read(&self, has_custom_client: bool, problems: &mut Vec<Problem>) -> TlsSettings {
        let mut settings = TlsSettings::default();
        if let Some(path) = &self.ca {
            match read(path).and_then(|pem| settings.trust(&pem)) {
                Ok(()) => {}
                Err(reason) => problems.push(problem(CA_FILE, path, &reason)),
            }
        }
        if let Some(path) = &self.client_certificate {
            // A custom client can use another TLS backend, for which a certificate is parsed in another way.
            if has_custom_client {
                problems.push(
                    Problem::new(CLIENT_CERTIFICATE_FILE, "cannot be combined with a custom HTTP client")
                        .with_hint("add the certificate to the custom client"),
                );
                return settings;
            }
            match read(path).and_then(|pem| settings.present(&pem)) {
                Ok(()) => {}
                Err(reason) => problems.push(problem(CLIENT_CERTIFICATE_FILE, path, &reason)),
            }
        }
        settings
    }
}

/// Returns the sentence about a file. A path that is not one, because the content of the file was set instead, could
/// be a private key, so it is not repeated.
fn problem(field: &'static str, path: &Path, reason: &str) -> Problem {
    let text = path.to_string_lossy();
    if text.contains("-----BEGIN") || text.contains('\n') {
        return Problem::new(field, "must be the path of a PEM file, not its content");
    }
    Problem::new(field, format!("is {text}, which {reason}"))
}

fn read(path: &Path) -> Result<String, Cow<'static, str>> {
    let reason = |error: std::io::Error| match error.kind() {
        IoErrorKind::NotFound => Cow::from("does not exist"),
        IoErrorKind::PermissionDenied => "may not be read by this user".into(),
        IoErrorKind::IsADirectory => "is a directory".into(),
        kind => format!("could not be read ({kind})").into(),
    };
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content))
        .map_err(reason)?;
    if u64::try_from(content.len()).is_ok_and(|length| length > MAX_FILE_BYTES) {
        return Err("is larger than 4 MiB".into());
    }
    let text = String::from_utf8(content).unwrap_or_default();
    if !text.contains("-----BEGIN ") {
        return Err("is not a PEM file".into());
    }
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err("contains no certificate".into());
    }
    Ok(text)
}

/// What is read from the files, for [`reqwest::ClientBuilder`].
#[derive(Clone, Default)]
pub(super) struct TlsSettings {
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    authorities: Vec<reqwest::Certificate>,
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    identity: Option<reqwest::Identity>,
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
impl TlsSettings {
    fn trust(&mut self, pem: &str) -> Result<(), Cow<'static, str>> {
        // The errors of the TLS libraries can quote the file.
        let authorities = reqwest::Certificate::from_pem_bundle(pem.as_bytes())
            .map_err(|_| Cow::from("contains an invalid certificate"))?;
        // A certificate is parsed only when a client is built, whose error would not name the file.
        let test_client = reqwest::Client::builder().tls_certs_only(authorities.clone()).no_proxy();
        test_client.build().map_err(|_| Cow::from("contains an invalid certificate"))?;
        self.authorities = authorities;
        Ok(())
    }

    fn present(&mut self, pem: &str) -> Result<(), Cow<'static, str>> {
        if pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || pem.contains("Proc-Type: 4,ENCRYPTED") {
            return Err("contains an encrypted private key; decrypt it, or set a custom HTTP client".into());
        }
        if !pem.contains("PRIVATE KEY-----") {
            return Err("contains no private key; it needs the certificate and its key".into());
        }
        let invalid = |_| {
            Cow::from("contains an invalid certificate or private key, or the key of another certificate")
        };
        let identity = identity(pem).map_err(invalid)?;
        let test_client = TlsSettings { authorities: Vec::new(), identity: Some(identity.clone()) };
        test_client.apply_with_identity(reqwest::Client::builder().no_proxy()).build().map_err(invalid)?;
        self.identity = Some(identity);
        Ok(())
    }

    /// Adds the authorities to those that the client trusts.
    pub(super) fn apply(&self, http: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        if self.authorities.is_empty() {
            http
        } else {
            http.tls_certs_merge(self.authorities.iter().cloned())
        }
    }

    /// Adds the authorities, and the certificate to present.
    pub(super) fn apply_with_identity(&self, http: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        let http = self.apply(http);
        let Some(identity) = self.identity.clone() else { return http };
        // If another crate enables the other backend, it becomes the default, and refuses the identity of this one.
        #[cfg(not(feature = "native-tls"))]
        let http = http.tls_backend_rustls();
        http.identity(identity)
    }
}

#[cfg(feature = "native-tls")]
fn identity(pem: &str) -> reqwest::Result<reqwest::Identity> {
    // This backend takes a key that starts at the first byte.
    let key = pem.find("-----BEGIN PRIVATE KEY-----").map_or(pem, |start| &pem[start..]);
    reqwest::Identity::from_pkcs8_pem(pem.as_bytes(), key.as_bytes())
}

#[cfg(all(feature = "rustls", not(feature = "native-tls")))]
fn identity(pem: &str) -> reqwest::Result<reqwest::Identity> {
    reqwest::Identity::from_pem(pem.as_bytes())
}

#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
#[expect(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "the signatures are those with TLS")]
impl TlsSettings {
    fn trust(&mut self, _pem: &str) -> Result<(), Cow<'static, str>> {
        Err("needs the Cargo feature `rustls` or `native-tls`".into())
    }

    fn present(&mut self, pem: &str) -> Result<(), Cow<'static, str>> {
        self.trust(pem)
    }

    pub(super) fn apply(&self, http: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        http
    }

    pub(super) fn apply_with_identity(&self, http: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        http
    }
}
