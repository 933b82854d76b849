//! Why a connection could not be established.

use std::error::Error as StdError;
use std::iter::successors;

use crate::error::ErrorKind;

/// The reason why a connection could not be established, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectFailure {
    /// The certificate of the server is not trusted, has expired or is for another host.
    Certificate,
    /// The server does not use TLS, or refused the handshake.
    Tls,
    /// The proxy requires credentials.
    ProxyCredentials,
    /// The proxy did not open a connection. `reqwest` does not tell whether it is not permitted or not possible.
    Proxy,
    /// The name of the host cannot be resolved.
    Dns,
    /// Nothing listens on the port.
    Refused,
}

/// Words in the text of an error, in lower case, and the reason that they stand for. The first match decides.
const REASONS: [(&str, ConnectFailure); 8] = [
    ("fatal alert", ConnectFailure::Tls),
    // OpenSSL, which `native-tls` uses on Linux.
    ("wrong version number", ConnectFailure::Tls),
    ("corrupt message", ConnectFailure::Tls),
    ("certificate", ConnectFailure::Certificate),
    ("proxy authorization required", ConnectFailure::ProxyCredentials),
    ("tunnel error", ConnectFailure::Proxy),
    ("dns error", ConnectFailure::Dns),
    ("connection refused", ConnectFailure::Refused),
];

impl ConnectFailure {
    /// Finds the reason in the texts of an error and its sources. The HTTP and TLS crates do not expose it in another
    /// way.
    pub(crate) fn of(error: &(dyn StdError + 'static)) -> Option<Self> {
        successors(Some(error), |error| (*error).source()).find_map(|error| {
            let text = error.to_string().to_lowercase();
            REASONS.into_iter().find(|(words, _)| text.contains(words)).map(|(_, reason)| reason)
        })
    }

    /// Returns whether the configuration has to be corrected, so that a retry is of no use.
    pub(crate) fn is_permanent(self) -> bool {
        matches!(self, Self::Certificate | Self::Tls | Self::ProxyCredentials)
    }

    pub(crate) fn kind(self) -> ErrorKind {
        if self.is_permanent() { ErrorKind::InvalidInput } else { ErrorKind::Unavailable }
    }

    /// Returns the sentence for the user. `peer` names the other side, for example "the service".
    pub(crate) fn message(self, peer: &str) -> String {
        match self {
            Self::Certificate => format!(
                "the certificate of {peer} is not trusted, has expired or is for another host; check the URL, the \
                 certificate authorities and the clock of this machine"
            ),
            Self::Tls => format!(
                "the TLS handshake with {peer} failed; check the scheme and the port of the URL, and the client \
                 certificate if one is required"
            ),
            Self::ProxyCredentials => {
                "the proxy requires credentials; set them in the URL of the proxy".to_owned()
            }
            Self::Proxy => format!(
                "the proxy did not open a connection to {peer}; check that the proxy permits it, or retry later"
            ),
            Self::Dns => format!(
                "the host name of {peer} (or of the proxy) cannot be resolved; check the URL and the network, or \
                 retry later"
            ),
            Self::Refused => format!(
                "the connection to {peer} (or to the proxy) was refused; check the port of the URL, or retry later"
            ),
        }
    }

    /// Returns the value of the tracing field `error.type`.
    pub(crate) fn error_type(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Tls => "tls",
            Self::ProxyCredentials | Self::Proxy => "proxy",
            Self::Dns => "dns",
            Self::Refused => "refused",
        }
    }
}
