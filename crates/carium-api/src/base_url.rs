//! Where the service is.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// The root of the API: `https`, a host, perhaps a port and a path before the service's own.
///
/// Plain `http` is taken for the loopback addresses only (127.0.0.0/8, `[::1]`, `localhost`): patients'
/// records and tokens do not travel in the clear. For a test network there is
/// [`BaseUrl::parse_allowing_plain_http`].
///
/// ```
/// use carium_api::BaseUrl;
///
/// assert!("https://api.carium.com".parse::<BaseUrl>().is_ok());
/// assert!("http://127.0.0.1:8080".parse::<BaseUrl>().is_ok());
/// assert!("http://api.carium.com".parse::<BaseUrl>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    url: Url,
    // Without its last slash: paths of the API begin with one.
    text: String,
}

/// Why a text is not a base URL. Does not hold the text, in which there may be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidBaseUrl {
    /// It is not a URL, or not one of `http` or `https`.
    NotHttp,
    /// It has a user or a password in it.
    HasCredentials,
    /// It has a query or a fragment.
    HasQuery,
    /// It is plain `http` to a host that is not this machine.
    PlainHttp,
}

impl InvalidBaseUrl {
    /// What is wrong with it and what to do, as it follows on "the base URL".
    pub fn message(self) -> &'static str {
        match self {
            Self::NotHttp => "is not a URL of http or https: write it like https://api.carium.com",
            Self::HasCredentials => "has a user or a password in it: give credentials apart from it",
            Self::HasQuery => "has a query or a fragment: leave out what follows `?` or `#`",
            Self::PlainHttp => "is plain http to another machine: use https, or allow plain http by name",
        }
    }
}

impl fmt::Display for InvalidBaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the base URL {}", self.message())
    }
}

impl std::error::Error for InvalidBaseUrl {}

impl BaseUrl {
    /// Reads a base URL and takes plain `http` to any host. Patients' records and the token can be read on
    /// the way then: for test networks, with invented patients.
    pub fn parse_allowing_plain_http(text: &str) -> Result<Self, InvalidBaseUrl> {
        let url = Url::parse(text).map_err(|_| InvalidBaseUrl::NotHttp)?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(InvalidBaseUrl::NotHttp);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidBaseUrl::HasCredentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidBaseUrl::HasQuery);
        }
        let text = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { url, text })
    }

    /// The URL, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is plain `http`: to this machine, or allowed by name.
    pub fn is_plain_http(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// The host, without scheme and port.
    pub fn host(&self) -> &str {
        // A base URL without a host is refused.
        self.url.host_str().unwrap_or_default()
    }

    /// The URL that a link leads to which stands in the answer to a path of the API: absolute, or relative to
    /// that path. `None` where it leads to another origin, or nowhere.
    pub fn resolve(&self, path: &str, link: &str) -> Option<String> {
        let place = Url::parse(&format!("{}{path}", self.text)).ok()?;
        let target = place.join(link).ok()?;
        let is_plain = target.username().is_empty() && target.password().is_none();
        (is_plain && target.origin() == self.url.origin()).then(|| target.into())
    }

    /// Whether a URL has this one's scheme, host and port: whether a token may go there.
    pub fn is_same_origin(&self, other: &str) -> bool {
        // What begins with this very URL is told without reading all of it: most do.
        if other.strip_prefix(self.text.as_str()).is_some_and(|rest| rest.starts_with(['/', '?', '#'])) {
            return true;
        }
        Url::parse(other).is_ok_and(|other| other.origin() == self.url.origin())
    }

    fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            None => false,
        }
    }
}

impl FromStr for BaseUrl {
    type Err = InvalidBaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidBaseUrl> {
        let base = Self::parse_allowing_plain_http(text)?;
        if base.url.scheme() == "http" && !base.is_loopback() {
            return Err(InvalidBaseUrl::PlainHttp);
        }
        Ok(base)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        for text in ["http://127.0.0.1:1", "http://127.9.9.9/", "http://[::1]:80", "http://LOCALHOST"] {
            assert!(text.parse::<BaseUrl>().is_ok(), "{text}");
        }
        for text in [
            "http://api.carium.com",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
        ] {
            assert_eq!(text.parse::<BaseUrl>(), Err(InvalidBaseUrl::PlainHttp), "{text}");
            assert!(BaseUrl::parse_allowing_plain_http(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_does_not_belong_in_it_is_named_and_not_repeated() {
        let refused = |text: &str| text.parse::<BaseUrl>().unwrap_err();
        assert_eq!(refused("api.carium.com"), InvalidBaseUrl::NotHttp);
        assert_eq!(refused("ftp://example.com"), InvalidBaseUrl::NotHttp);
        assert_eq!(refused("https://me:hunter2@example.com"), InvalidBaseUrl::HasCredentials);
        assert_eq!(refused("https://example.com?a=b"), InvalidBaseUrl::HasQuery);
        assert!(!refused("https://me:hunter2@example.com").to_string().contains("hunter2"));
    }

    #[test]
    fn links_are_followed_within_the_origin() {
        let base: BaseUrl = "https://api.example.com/v".parse().unwrap();
        let resolve = |link: &str| base.resolve("/caredb/v1/org-practitioners/", link);
        let second = Some("https://api.example.com/v/caredb/v1/org-practitioners/?page[number]=2".to_owned());
        assert_eq!(resolve("?page[number]=2"), second);
        assert_eq!(resolve("/v/caredb/v1/org-practitioners/?page[number]=2"), second);
        assert_eq!(resolve("https://api.example.com/v/caredb/v1/org-practitioners/?page[number]=2"), second);
        for link in [
            "https://example.com/",
            "//example.com/",
            "http://api.example.com/",
            "https://me@api.example.com/",
        ] {
            assert_eq!(resolve(link), None, "{link}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let base: BaseUrl = "https://api.example.com/v/".parse().unwrap();
        assert_eq!(base.as_str(), "https://api.example.com/v");
        assert!(base.is_same_origin("https://API.example.com:443/other"));
        assert!(base.is_same_origin("https://api.example.com/v/caredb/"));
        for other in [
            "http://api.example.com",
            "https://api.example.com:444",
            "https://example.com",
            "/relative",
            "https://api.example.com@example.org/",
            "https://api.example.com.example.org/v/",
        ] {
            assert!(!base.is_same_origin(other), "{other}");
        }
    }
}
