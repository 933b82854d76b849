//! The builder for a client.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use carium_api::types::OrganizationId;
use carium_api::{BaseUrl, Client, Transport};

use super::Carium;
use super::tls_files::{TlsFiles, TlsSettings};
use crate::documents::{HttpTransfers, TransferRetries, Transfers};
use crate::error::{Error, ErrorKind};
use crate::problem::Problem;
use crate::session::{Authenticate, Clock, CredentialProvider, CredentialSource, Credentials, Session};
use crate::transport::{
    CustomTransport, HttpLayer, Interceptor, Layer, LayerTransport, RetryPolicy, TransportBuilder,
    TransportSettings,
};

const DEFAULT_BASE_URL: &str = "https://api.carium.com";
/// The upper bound for timeouts. It keeps `Instant + timeout` from overflowing.
pub(super) const MAX_TIMEOUT: Duration = Duration::from_secs(3600 * 24 * 365);
/// The token lifetimes that the API accepts, in seconds, from the vendor's reference pages.
const TOKEN_LIFETIMES: std::ops::RangeInclusive<u64> = 1..=3600;

/// How long an idle connection is kept. Load balancers and servers commonly close theirs after 60 to 75 seconds. A
/// request that meets the closing has an unknown outcome, so the client closes first.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// The same for connections of creations, which cannot be retried if their outcome is unknown. Some servers close after
/// as little as 1 second.
const CREATION_IDLE_TIMEOUT: Duration = Duration::from_millis(500);
/// The same for a custom HTTP client, whose connections creations share with the other calls.
const CUSTOM_CLIENT_IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// Wraps the transport of a client.
type TransportWrapper = dyn FnOnce(Arc<dyn Transport>) -> Arc<dyn Transport> + Send;

/// A builder for a [`Carium`] client.
///
/// [`credentials`](Self::credentials) is required. All other settings have defaults.
///
/// # Examples
///
/// ```
/// use carium::{Carium, Credentials};
///
/// let carium = Carium::builder()
///     .credentials(Credentials::new("username", "password")?)
///     .organization("8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse()?)
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct CariumBuilder {
    base_url: String,
    allow_plain_http: bool,
    credentials: Option<CredentialSource>,
    token_lifetime: Option<Duration>,
    organization: Option<OrganizationId>,
    send_id_in_updates: bool,
    call_timeout: Duration,
    attempt_timeout: Duration,
    connect_timeout: Duration,
    retry_policy: RetryPolicy,
    max_concurrency: usize,
    max_response_bytes: usize,
    user_agent: String,
    tls_files: TlsFiles,
    http_client: Option<reqwest::ClientBuilder>,
    transport: Option<Arc<dyn Transport>>,
    transport_wrapper: Option<Box<TransportWrapper>>,
    interceptors: Vec<Arc<dyn Interceptor>>,
    transfer_idle_timeout: Duration,
    transfer_http_client: Option<reqwest::ClientBuilder>,
    transfers: Option<Arc<dyn Transfers>>,
    random: Arc<dyn Fn() -> f64 + Send + Sync>,
    clock: Clock,
}

impl Default for CariumBuilder {
    fn default() -> Self {
        Self {
            base_url: DEFAULT_BASE_URL.to_owned(),
            allow_plain_http: false,
            credentials: None,
            token_lifetime: None,
            organization: None,
            send_id_in_updates: false,
            call_timeout: Duration::from_secs(60),
            attempt_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(5),
            retry_policy: RetryPolicy::default(),
            max_concurrency: 64,
            max_response_bytes: 16 * 1024 * 1024,
            user_agent: concat!("carium-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
            tls_files: TlsFiles::default(),
            http_client: None,
            transport: None,
            transport_wrapper: None,
            interceptors: Vec::new(),
            transfer_idle_timeout: Duration::from_secs(60),
            transfer_http_client: None,
            transfers: None,
            random: Arc::new(fastrand::f64),
            clock: Arc::new(|| {
                SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
            }),
        }
    }
}

impl Carium {
    /// Returns a builder for a client.
    pub fn builder() -> CariumBuilder {
        CariumBuilder::default()
    }
}

impl CariumBuilder {
    /// Sets the base URL of the API. Defaults to `https://api.carium.com`.
    ///
    /// The scheme must be `https`, except for loopback addresses.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// Allows a base URL with the scheme `http` for other machines.
    ///
    /// Patient records and the access token are then readable on the network. Use this only on test networks
    /// and with invented patients.
    pub fn dangerously_allow_plain_http(mut self) -> Self {
        self.allow_plain_http = true;
        self
    }

    /// Sets the credentials to sign in with. Required.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(CredentialSource::Fixed(credentials));
        self
    }

    /// Sets a source of credentials that is asked at each sign-in, instead of fixed [`credentials`](Self::credentials).
    pub fn credential_provider(mut self, provider: impl CredentialProvider) -> Self {
        self.credentials = Some(CredentialSource::Provider(Arc::new(provider)));
        self
    }

    /// Sets the lifetime to request for access tokens, from 1 second to 1 hour.
    ///
    /// If unset, no lifetime is requested and the client assumes 1 hour. Tokens are renewed before they expire,
    /// so the lifetime can be shorter than a job.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = Some(lifetime);
        self
    }

    /// Sets the default organization.
    ///
    /// It is preset in [`Carium::new_patient`], [`Carium::new_appointment`] and [`Carium::new_document`], and
    /// it is the organization whose practitioners, statuses, types and document classes are listed.
    pub fn organization(mut self, organization: OrganizationId) -> Self {
        self.organization = Some(organization);
        self
    }

    /// Sets whether the body of an update contains the ID of the resource (`data.id`), in addition to the URL.
    ///
    /// Defaults to `false`, as on the vendor's Examples page. The vendor's SDK sends the ID by default; set this if
    /// the service rejects updates without it.
    pub fn send_id_in_updates(mut self, send: bool) -> Self {
        self.send_id_in_updates = send;
        self
    }

    /// Sets the time limit for a whole call, including all retries and delays. Defaults to 1 minute.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// Sets the time limit for one attempt, from connecting to the last byte of the response. Defaults to 20
    /// seconds.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = timeout;
        self
    }

    /// Sets the time limit for establishing a connection. Defaults to 5 seconds.
    ///
    /// The effective limit is at most half of the [attempt timeout](Self::attempt_timeout) and half of the
    /// [call timeout](Self::call_timeout).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the retry policy: the number of attempts and the delays between them.
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.retry_policy = policy;
        self
    }

    /// Sets the maximum number of concurrent requests. Defaults to 64. Must be at least 1.
    ///
    /// Further calls wait for a free slot until their call timeout.
    pub fn max_concurrency(mut self, requests: usize) -> Self {
        self.max_concurrency = requests;
        self
    }

    /// Sets the maximum size of a response body in bytes. Defaults to 16 MiB.
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.max_response_bytes = bytes;
        self
    }

    /// Sets the `User-Agent` header. Defaults to `carium-rust/` and the version of this crate.
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// Sets a PEM file with certificates of authorities to trust, in addition to those of the operating system.
    ///
    /// It is for a proxy that inspects TLS, or a test system with an authority of its own, and applies to the API and to
    /// the object store, also with custom HTTP clients. [`build`](Self::build) reads the file.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls_files.ca = Some(path.into());
        self
    }

    /// Sets a PEM file with the certificate that the client presents to the API, and its private key without encryption.
    ///
    /// Intermediate certificates follow the first one. The file is not used for the object store; for that, set
    /// a [`transfer_http_client`](Self::transfer_http_client). It cannot be combined with a custom
    /// [`http_client`](Self::http_client). [`build`](Self::build) reads the file.
    pub fn client_certificate_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls_files.client_certificate = Some(path.into());
        self
    }

    /// Sets a custom HTTP client for the API, for example to configure a proxy or certificates.
    ///
    /// The following settings are overridden: redirects, retries, response decompression and verbose connection
    /// logs are disabled, and the connect timeout and the user agent are set from this builder. Idle connections are
    /// closed after 4 seconds, because creations share them with the other calls. Without a custom client, creations have
    /// connections of their own, and the other ones are kept for 20 seconds.
    ///
    /// Do not enable a cookie store. The service does not need cookies, and stored cookies would be sent with
    /// later requests.
    pub fn http_client(mut self, http: reqwest::ClientBuilder) -> Self {
        self.http_client = Some(http);
        self
    }

    /// Replaces the HTTP client with a custom transport.
    ///
    /// Sign-in, retries, timeouts and the concurrency limit still apply. The settings
    /// [`http_client`](Self::http_client), [`connect_timeout`](Self::connect_timeout),
    /// [`user_agent`](Self::user_agent) and [`max_response_bytes`](Self::max_response_bytes) have no effect on
    /// a custom transport.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Wraps the transport: the HTTP client with its proxy and certificates, or the custom [`transport`](Self::transport).
    ///
    /// The wrapper is called for each attempt, with the access token in the headers. It has to return the errors of the
    /// inner transport unchanged: they tell whether a request was sent. To add headers or to measure, an
    /// [`interceptor`](Self::interceptor) is simpler and cannot see the token.
    pub fn wrap_transport(
        mut self,
        wrap: impl FnOnce(Arc<dyn Transport>) -> Arc<dyn Transport> + Send + 'static,
    ) -> Self {
        self.transport_wrapper = Some(Box::new(wrap));
        self
    }

    /// Adds an interceptor, which is called around each attempt of a call. Interceptors are called in the order in which
    /// they were added.
    pub fn interceptor(mut self, interceptor: impl Interceptor) -> Self {
        self.interceptors.push(Arc::new(interceptor));
        self
    }

    /// Sets how long a file transfer may make no progress before it fails. Defaults to 1 minute. Must not be
    /// zero.
    ///
    /// A transfer has no limit on its total duration.
    ///
    /// Data counts as sent when the operating system has buffered it, which can be several MiB. On a slow
    /// connection, set this to more than the time that it takes to send the buffered data.
    pub fn transfer_idle_timeout(mut self, timeout: Duration) -> Self {
        self.transfer_idle_timeout = timeout;
        self
    }

    /// Sets a custom HTTP client for the object store, for example to configure a proxy or certificates.
    ///
    /// It is separate from the client for the API, so that the access token cannot reach the object store. The
    /// same settings are overridden as for [`http_client`](Self::http_client), and HTTP/2 is disabled.
    ///
    /// Do not enable a cookie store, and in particular do not share one with the API's client.
    pub fn transfer_http_client(mut self, http: reqwest::ClientBuilder) -> Self {
        self.transfer_http_client = Some(http);
        self
    }

    /// Replaces the HTTP file transfers with a custom implementation.
    pub fn transfers(mut self, transfers: Arc<dyn Transfers>) -> Self {
        self.transfers = Some(transfers);
        self
    }

    /// Sets the source of jitter, which returns numbers from 0 to 1. For tests that need exact delays.
    #[doc(hidden)]
    pub fn random(mut self, random: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// Sets the clock for one-time codes, in seconds since the Unix epoch. For tests that need exact times.
    #[doc(hidden)]
    pub fn clock(mut self, clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Creates the client. Reads the certificate files, and sends no request.
    ///
    /// # Errors
    /// Returns [`InvalidInput`](ErrorKind::InvalidInput) if settings are missing or invalid, or if the HTTP
    /// client cannot be created. [`Error::problems`] lists all invalid settings.
    pub fn build(self) -> Result<Carium, Error> {
        let (base_url, credentials, tls) = self.check()?;
        let settings = TransportSettings {
            call_timeout: self.call_timeout.min(MAX_TIMEOUT),
            attempt_timeout: self.attempt_timeout.min(MAX_TIMEOUT),
            max_concurrency: self.max_concurrency,
            retry_policy: self.retry_policy,
            random: self.random,
            interceptors: self.interceptors.into_iter().collect(),
            server: base_url.host().into(),
        };
        let connect_timeout =
            self.connect_timeout.min(settings.attempt_timeout / 2).min(settings.call_timeout / 2);
        let is_plain_http = base_url.is_plain_http();
        let configure = |custom: Option<reqwest::ClientBuilder>| {
            configure_http_client(custom, is_plain_http, connect_timeout, &self.user_agent)
        };
        let innermost: Arc<dyn Layer> = if let Some(transport) = self.transport {
            Arc::new(CustomTransport(transport))
        } else {
            let is_custom = self.http_client.is_some();
            let configure = |custom| tls.apply_with_identity(configure(custom));
            let http = configure(self.http_client);
            let (client, creation_client) = if is_custom {
                let client = build_http_client(http.pool_idle_timeout(CUSTOM_CLIENT_IDLE_TIMEOUT))?;
                (client.clone(), client)
            } else {
                let creation = configure(None).pool_idle_timeout(CREATION_IDLE_TIMEOUT);
                (build_http_client(http)?, build_http_client(creation)?)
            };
            Arc::new(HttpLayer::new(client, creation_client, &base_url, self.max_response_bytes))
        };
        let innermost: Arc<dyn Layer> = match self.transport_wrapper {
            Some(wrap) => Arc::new(CustomTransport(wrap(Arc::new(LayerTransport(innermost))))),
            None => innermost,
        };
        let transfers = if let Some(transfers) = self.transfers {
            transfers
        } else {
            let http = tls.apply(configure(self.transfer_http_client)).http1_only();
            let client = build_http_client(http)?;
            Arc::new(HttpTransfers::new(client, self.transfer_idle_timeout.min(MAX_TIMEOUT), is_plain_http))
        };
        let retries = TransferRetries::new(settings.retry_policy.clone(), Arc::clone(&settings.random));
        let transport = TransportBuilder::new(innermost, settings);
        let session = Arc::new(Session::new(
            credentials,
            Client::with_shared_transport(base_url.clone(), transport.unauthenticated()),
            self.token_lifetime.map(|lifetime| Duration::from_secs(lifetime.as_secs())),
            self.clock,
        ));
        let transport = transport.authenticated(|attempt| Authenticate::new(attempt, Arc::clone(&session)));
        let client = Client::with_shared_transport(base_url, transport);
        Ok(Carium::new(client, session, self.organization, transfers, retries, self.send_id_in_updates))
    }

    /// Checks all settings. Returns the parsed base URL, the credentials and the certificates.
    fn check(&self) -> Result<(BaseUrl, CredentialSource, TlsSettings), Error> {
        let mut problems = Vec::new();
        let base_url = if self.allow_plain_http {
            BaseUrl::parse_allowing_plain_http(&self.base_url)
        } else {
            self.base_url.parse()
        };
        if let Err(error) = &base_url {
            problems.push(Problem::new("base-url", error.message()));
        }
        if self.credentials.is_none() {
            problems
                .push(Problem::new("credentials", "are missing").with_hint("set a username and a password"));
        }
        if self.token_lifetime.is_some_and(|lifetime| !TOKEN_LIFETIMES.contains(&lifetime.as_secs())) {
            problems.push(Problem::new("token-lifetime", "must be between 1 second and 1 hour"));
        }
        if http::HeaderValue::try_from(&self.user_agent).is_err() {
            problems.push(Problem::new("user-agent", "contains characters that are not allowed in a header"));
        }
        if self.max_concurrency == 0 {
            problems.push(Problem::new("max-concurrency", "must be at least 1"));
        }
        if self.transfer_idle_timeout.is_zero() {
            problems.push(Problem::new("transfer-idle-timeout", "must be greater than 0"));
        }
        let tls = self.tls_files.read(self.http_client.is_some(), &mut problems);
        match (base_url, &self.credentials) {
            (Ok(base_url), Some(credentials)) if problems.is_empty() => {
                Ok((base_url, credentials.clone(), tls))
            }
            _ => Err(Error::invalid("the client configuration is invalid", problems)),
        }
    }
}

/// Returns a builder for an HTTP client that accepts TLS 1.2 or later. Not all TLS implementations have this default.
fn default_http_client() -> reqwest::ClientBuilder {
    let http = reqwest::ClientBuilder::new();
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    let http = http.tls_version_min(reqwest::tls::Version::TLS_1_2);
    http
}

/// Applies the settings that every HTTP client of this crate needs, to the custom builder if one was set.
fn configure_http_client(
    custom: Option<reqwest::ClientBuilder>,
    is_plain_http: bool,
    connect_timeout: Duration,
    user_agent: &str,
) -> reqwest::ClientBuilder {
    let is_custom = custom.is_some();
    let http = custom
        .unwrap_or_else(default_http_client)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        // Another crate in the program can enable these features of `reqwest`. Downloads need the bytes as
        // stored.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        // Verbose mode logs whole requests and responses.
        .connection_verbose(false)
        // After a connect timeout it is certain that nothing was sent. After an attempt timeout it is not.
        .connect_timeout(connect_timeout)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(user_agent);
    // Plain HTTP is meant for this machine. A proxy from the environment would send the traffic to another one.
    if is_plain_http && !is_custom { http.no_proxy() } else { http }
}

fn build_http_client(http: reqwest::ClientBuilder) -> Result<reqwest::Client, Error> {
    http.build().map_err(|error| {
        Error::new(ErrorKind::InvalidInput, "the HTTP client could not be created")
            .with_source(error.without_url())
    })
}

impl fmt::Debug for CariumBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CariumBuilder")
            .field("credentials", &self.credentials)
            .field("organization", &self.organization)
            .field("retry_policy", &self.retry_policy)
            .finish_non_exhaustive()
    }
}
