//! The query string of a presigned link.

use super::address::{decode, encode, path_of};
use super::sign::digest;

pub(super) const ALGORITHM: &str = "X-Amz-Algorithm";
pub(super) const CREDENTIAL: &str = "X-Amz-Credential";
pub(super) const DATE: &str = "X-Amz-Date";
pub(super) const EXPIRES: &str = "X-Amz-Expires";
pub(super) const SIGNED_HEADERS: &str = "X-Amz-SignedHeaders";
pub(super) const SIGNATURE: &str = "X-Amz-Signature";

/// The decoded parameters of a link, in order.
#[derive(Default)]
pub(super) struct LinkQuery(Vec<(String, String)>);

impl LinkQuery {
    pub(super) fn parse(query: &str) -> Self {
        let parameters = query.split('&').filter(|parameter| !parameter.is_empty()).map(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            (decode(name), decode(value))
        });
        Self(parameters.collect())
    }

    pub(super) fn push(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(parameter, _)| parameter == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn encoded(&self) -> String {
        let parameters: Vec<_> =
            self.0.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        parameters.join("&")
    }

    /// Returns the AWS "string to sign" of a download. It covers all parameters except the signature itself.
    pub(super) fn string_to_sign(&self, key: &str, host: &str, date: &str, scope: &str) -> String {
        let mut parameters: Vec<_> = self
            .0
            .iter()
            .filter(|(name, _)| name != SIGNATURE)
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        parameters.sort_unstable();
        let request =
            format!("GET\n{}\n{}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD", path_of(key), parameters.join("&"));
        format!("{}\n{date}\n{scope}\n{}", super::sign::ALGORITHM, digest(request.as_bytes()))
    }
}
