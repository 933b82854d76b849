//! [`BaseUrl`]: the root URL of the API.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use url::{Host, Url};

/// The root URL of the API: `https`, a host, and optionally a port and a path prefix.
///
/// Plain `http` is accepted only for loopback addresses (127.0.0.0/8, `[::1]`, `localhost`), because patient
/// records and tokens must not be sent unencrypted. For a test network, use
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
    // Without a trailing slash, because API paths start with one.
    text: String,
}

/// The reason why a text is not a base URL. It does not contain the text, which may include a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidBaseUrl {
    /// The text is not an `http` or `https` URL.
    NotHttp,
    /// The URL contains a username or password.
    HasCredentials,
    /// The URL has a query or a fragment.
    HasQuery,
    /// The URL is plain `http` and its host is not a loopback address.
    PlainHttp,
}

impl InvalidBaseUrl {
    /// Returns the problem and its fix, as a continuation of "the base URL".
    pub fn message(self) -> &'static str {
        match self {
            Self::NotHttp => "is not an http or https URL: use a form like https://api.carium.com",
            Self::HasCredentials => "contains a username or password: pass credentials separately",
            Self::HasQuery => "has a query or fragment: remove everything from `?` or `#` on",
            Self::PlainHttp => "uses plain http for a remote host: use https, or allow plain http explicitly",
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
    /// Parses a base URL and accepts plain `http` for any host.
    ///
    /// Patient records and the token are then sent unencrypted, so use it only in test networks with invented
    /// patients.
    ///
    /// # Errors
    /// The text is not an `http` or `https` URL, or contains credentials, a query or a fragment.
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

    /// Returns the URL without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns `true` for plain `http`: a loopback address, or a host that was allowed explicitly.
    pub fn is_plain_http(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// Returns the host, without scheme and port.
    pub fn host(&self) -> &str {
        // The constructors reject a URL without a host.
        self.url.host_str().unwrap_or_default()
    }

    /// Resolves a link from the response to `path`. The link may be absolute or relative to that path.
    ///
    /// Returns `None` if the link is invalid or leads to another origin.
    pub fn resolve(&self, path: &str, link: &str) -> Option<String> {
        let base = Url::parse(&format!("{}{path}", self.text)).ok()?;
        let target = base.join(link).ok()?;
        let has_no_credentials = target.username().is_empty() && target.password().is_none();
        (has_no_credentials && target.origin() == self.url.origin()).then(|| target.into())
    }

    /// Returns `true` if a URL has the same scheme, host and port, so that the access token may be sent to it.
    pub fn is_same_origin(&self, other: &Uri) -> bool {
        self.has_same_origin_text(other)
            || Url::parse(&other.to_string()).is_ok_and(|other| other.origin() == self.url.origin())
    }

    /// Checks whether scheme and authority are the same text, which is true for nearly all requests. This takes less time
    /// than parsing the URL.
    fn has_same_origin_text(&self, other: &Uri) -> bool {
        other.scheme_str().zip(other.authority()).is_some_and(|(scheme, authority)| {
            let rest = self.text.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
            let rest = rest.and_then(|rest| rest.strip_prefix(authority.as_str()));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
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
    fn accepts_plain_http_only_for_loopback() {
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
    fn reports_invalid_parts_without_quoting_them() {
        let refused = |text: &str| text.parse::<BaseUrl>().unwrap_err();
        assert_eq!(refused("api.carium.com"), InvalidBaseUrl::NotHttp);
        assert_eq!(refused("ftp://example.com"), InvalidBaseUrl::NotHttp);
        assert_eq!(refused("https://me:hunter2@example.com"), InvalidBaseUrl::HasCredentials);
        assert_eq!(refused("https://example.com?a=b"), InvalidBaseUrl::HasQuery);
        assert!(!refused("https://me:hunter2@example.com").to_string().contains("hunter2"));
    }

    #[test]
    fn resolves_links_within_the_origin_only() {
        let base: BaseUrl = "https://api.example.com/v".parse().unwrap();
        let resolve = |link: &str| base.resolve("/caredb/v1/org-practitioners/", link);
        let second_page =
            Some("https://api.example.com/v/caredb/v1/org-practitioners/?page[number]=2".to_owned());
        assert_eq!(resolve("?page[number]=2"), second_page);
        assert_eq!(resolve("/v/caredb/v1/org-practitioners/?page[number]=2"), second_page);
        assert_eq!(
            resolve("https://api.example.com/v/caredb/v1/org-practitioners/?page[number]=2"),
            second_page
        );
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
    fn compares_scheme_host_and_port() {
        let base: BaseUrl = "https://api.example.com/v/".parse().unwrap();
        assert_eq!(base.as_str(), "https://api.example.com/v");
        let is_same_origin = |other: &str| base.is_same_origin(&other.parse().unwrap());
        for other in [
            "https://api.example.com/v/caredb/",
            "https://api.example.com",
            "https://API.example.com/v/",
            "https://api.example.com:443/other",
            "HTTPS://api.example.com/v/",
        ] {
            assert!(is_same_origin(other), "{other}");
        }
        for other in [
            "http://api.example.com",
            "https://api.example.com:444",
            "https://example.com",
            "https://api.example",
            "https://api.example.co/v/",
            "/relative",
            "https://api.example.com@example.org/",
            "https://api.example.com.example.org/v/",
        ] {
            assert!(!is_same_origin(other), "{other}");
        }
    }
}
