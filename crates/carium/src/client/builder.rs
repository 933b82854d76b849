//! What a client is set to.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use carium_api::types::OrganizationId;
use carium_api::{BaseUrl, Client, Transport};

use super::Carium;
use crate::documents::{HttpTransfers, Transfers, Tries};
use crate::error::{Error, ErrorKind};
use crate::problem::Problem;
use crate::session::{Clock, Credentials, Session};
use crate::transport::{self, Budget, RetryPolicy, Settings, Wire};

/// Where the service is, unless told otherwise.
const BASE_URL: &str = "https://api.carium.com";
/// What a deadline is cut to: past any use, and within what a clock can add.
const LONGEST_DEADLINE: Duration = Duration::from_hours(24 * 365);
/// The lifetimes of a token that can be asked for, in seconds (reference pages).
const LIFETIMES: std::ops::RangeInclusive<u64> = 1..=3600;

/// Sets up a [`Carium`].
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
    credentials: Option<Credentials>,
    token_lifetime: Option<Duration>,
    organization: Option<OrganizationId>,
    call_timeout: Duration,
    attempt_timeout: Duration,
    connect_timeout: Duration,
    retry: RetryPolicy,
    in_flight: usize,
    max_response_bytes: usize,
    user_agent: String,
    http: Option<reqwest::ClientBuilder>,
    transport: Option<Arc<dyn Transport>>,
    transfer_idle_timeout: Duration,
    transfer_http_client: Option<reqwest::ClientBuilder>,
    transfers: Option<Arc<dyn Transfers>>,
    random: Arc<dyn Fn() -> f64 + Send + Sync>,
    clock: Clock,
}

impl Default for CariumBuilder {
    fn default() -> Self {
        Self {
            base_url: BASE_URL.to_owned(),
            allow_plain_http: false,
            credentials: None,
            token_lifetime: None,
            organization: None,
            call_timeout: Duration::from_mins(1),
            attempt_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(5),
            retry: RetryPolicy::default(),
            in_flight: 64,
            max_response_bytes: 16 * 1024 * 1024,
            user_agent: concat!("carium-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
            http: None,
            transport: None,
            transfer_idle_timeout: Duration::from_mins(1),
            transfer_http_client: None,
            transfers: None,
            random: Arc::new(fastrand::f64),
            clock: Arc::new(|| {
                SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
            }),
        }
    }
}

impl CariumBuilder {
    /// The root of the API. Left out, `https://api.carium.com`. Plain http is refused, loopback aside.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// Takes a base URL of plain http to another machine: patients' records and the token can be read on the
    /// way. For test networks, with invented patients.
    pub fn dangerously_allow_plain_http(mut self) -> Self {
        self.allow_plain_http = true;
        self
    }

    /// Who signs in. Required.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// How long an access token is asked to last: 1 second to 1 hour. Left out, nothing is asked for, and an
    /// hour is assumed. A token is renewed before it ends, so this need not fit the length of a job.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = Some(lifetime);
        self
    }

    /// The organization whose vocabularies are listed, and that new patients and appointments begin with.
    pub fn organization(mut self, organization: OrganizationId) -> Self {
        self.organization = Some(organization);
        self
    }

    /// How long a call may take in all, with every wait and repetition. Left out, 1 minute.
    pub fn call_timeout(mut self, deadline: Duration) -> Self {
        self.call_timeout = deadline;
        self
    }

    /// How long one try may take, from connecting to the last byte. Left out, 20 seconds.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = timeout;
        self
    }

    /// How long connecting may take: half of the timeout for a try at the most. Left out, 5 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How often and how soon a call is repeated.
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How many requests may be in flight at a time. Left out, 64.
    pub fn max_concurrency(mut self, requests: usize) -> Self {
        self.in_flight = requests;
        self
    }

    /// How large an answer may be, in bytes. Left out, 16 MiB.
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.max_response_bytes = bytes;
        self
    }

    /// What the program calls itself.
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// An HTTP client of one's own making, for proxies, certificates and the like. Redirects and repetitions
    /// are switched off on it, and the timeout of connecting and the user agent are set, whatever it says of
    /// them. Give it no cookie store: the service needs none, and what it keeps would be sent.
    pub fn http_client(mut self, http: reqwest::ClientBuilder) -> Self {
        self.http = Some(http);
        self
    }

    /// A transport of one's own, in place of the HTTP client. Every other part stays around it; what is set for
    /// the HTTP client (`http`, `connect_timeout`, `user_agent`, `max_response_bytes`) has no effect then.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// How long nothing may move while a file is sent to the object store, or comes from there. Left out, 1
    /// minute. A transfer as a whole has no deadline.
    ///
    /// What the system has taken to send counts as moved, which may be some MiB: on a line that needs longer for
    /// those, this has to be longer.
    pub fn transfer_idle_timeout(mut self, silence: Duration) -> Self {
        self.transfer_idle_timeout = silence;
        self
    }

    /// An HTTP client of one's own making for the object store, for proxies, certificates and the like. It is
    /// apart from the client of the API, so that no token can get there. Redirects, repetitions and HTTP/2 are
    /// switched off on it, and the timeout of connecting and the user agent are set, whatever it says of them.
    /// Give it no cookie store, and least of all one that the API's client has too.
    pub fn transfer_http_client(mut self, http: reqwest::ClientBuilder) -> Self {
        self.transfer_http_client = Some(http);
        self
    }

    /// Transfers of one's own, in place of those over HTTP.
    pub fn transfers(mut self, transfers: Arc<dyn Transfers>) -> Self {
        self.transfers = Some(transfers);
        self
    }

    /// Where the jitter comes from: a number from 0 to 1. For tests that must be exact.
    #[doc(hidden)]
    pub fn random(mut self, random: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// What time it is, in seconds since 1970, for one-time codes. For tests that must be exact.
    #[doc(hidden)]
    pub fn clock(mut self, clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The client. Sends nothing yet.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput): what is missing or cannot be; all of it is named.
    pub fn build(self) -> Result<Carium, Error> {
        let mut problems = Vec::new();
        let base_url = self.checked_base_url(&mut problems);
        if self.credentials.is_none() {
            problems.push(Problem::new("credentials", "are missing: give a username and a password"));
        }
        if self.token_lifetime.is_some_and(|lifetime| !LIFETIMES.contains(&lifetime.as_secs())) {
            problems.push(Problem::new("token-lifetime", "is not from 1 second to 1 hour"));
        }
        if http::HeaderValue::try_from(&self.user_agent).is_err() {
            problems.push(Problem::new("user-agent", "has characters that no header can hold"));
        }
        if self.in_flight == 0 {
            problems.push(Problem::new("concurrency-limit", "is 0, which nothing would get through"));
        }
        if self.transfer_idle_timeout.is_zero() {
            problems.push(Problem::new("transfer-silence", "is 0, which no transfer would survive"));
        }
        let (Some(base_url), Some(credentials), []) = (base_url, self.credentials, problems.as_slice())
        else {
            return Err(Error::invalid("the client cannot be set up as given", problems));
        };
        let settings = Settings {
            call_timeout: self.call_timeout.min(LONGEST_DEADLINE),
            attempt_timeout: self.attempt_timeout.min(LONGEST_DEADLINE),
            in_flight: self.in_flight,
            retry: self.retry,
            random: self.random,
            server: base_url.host().into(),
        };
        let connect_timeout =
            self.connect_timeout.min(settings.attempt_timeout / 2).min(settings.call_timeout / 2);
        let plain = base_url.is_plain_http();
        let http =
            |own: Option<reqwest::ClientBuilder>| http_client(own, plain, connect_timeout, &self.user_agent);
        let innermost = match self.transport {
            Some(transport) => transport,
            None => Arc::new(Wire::new(built(http(self.http))?, self.max_response_bytes)),
        };
        let transfers = if let Some(transfers) = self.transfers {
            transfers
        } else {
            let client = built(http(self.transfer_http_client).http1_only())?;
            Arc::new(HttpTransfers::new(client, self.transfer_idle_timeout.min(LONGEST_DEADLINE), plain))
        };
        let tries = Tries::new(settings.retry.clone(), Arc::clone(&settings.random));
        let budget = Arc::new(Budget::new());
        let session = Session::new(
            credentials,
            base_url.clone(),
            transport::without_session(&innermost, &settings, &budget),
            self.token_lifetime.map(|lifetime| Duration::from_secs(lifetime.as_secs())),
            self.clock,
        );
        let session = Arc::new(session);
        let transport = transport::with_session(&innermost, Arc::clone(&session), &settings, &budget);
        Ok(Carium::new(
            Client::with_shared_transport(base_url, transport),
            session,
            self.organization,
            transfers,
            tries,
        ))
    }

    fn checked_base_url(&self, problems: &mut Vec<Problem>) -> Option<BaseUrl> {
        let read = if self.allow_plain_http {
            BaseUrl::parse_allowing_plain_http(&self.base_url)
        } else {
            self.base_url.parse()
        };
        read.map_err(|error| problems.push(Problem::new("base-url", error.message()))).ok()
    }
}

/// What any HTTP client of ours is set to. Where its maker has made one, that is kept but for this.
fn http_client(
    own: Option<reqwest::ClientBuilder>,
    plain: bool,
    connect_timeout: Duration,
    user_agent: &str,
) -> reqwest::ClientBuilder {
    let is_own = own.is_some();
    let http = own
        .unwrap_or_default()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        // Another crate may have switched these on for everyone: bytes are wanted as they are stored.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        // It writes whole requests and answers into the log.
        .connection_verbose(false)
        // A connection that is not made in time was not used, which a try that times out cannot say.
        .connect_timeout(connect_timeout)
        .user_agent(user_agent);
    // Plain http is for this machine; a proxy of the environment is another.
    if plain && !is_own { http.no_proxy() } else { http }
}

fn built(http: reqwest::ClientBuilder) -> Result<reqwest::Client, Error> {
    http.build().map_err(|error| {
        Error::new(ErrorKind::InvalidInput, "the HTTP client cannot be set up as given")
            .with_source(error.without_url())
    })
}

impl fmt::Debug for CariumBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CariumBuilder")
            .field("credentials", &self.credentials)
            .field("organization", &self.organization)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}
