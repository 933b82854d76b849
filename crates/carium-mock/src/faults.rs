//! Fault injection: which calls fail, whether before or after the operation is applied, and how.
//!
//! A [`FaultPlan`] is a list of [`Fault`]s. It is deterministic, and it works the same in the in-memory
//! [fake](crate::FakeCarium) and over the sandbox's HTTP.
//!
//! ```
//! use carium::api::operations;
//! use carium_mock::{Fault, FakeCarium};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeCarium::new();
//! fake.set_faults([
//!     Fault::on(&operations::CREATE_PATIENT).call(2).lose_response(),
//!     Fault::on(&operations::PROCESS_UPLOAD).calls(1..=3).respond(503),
//!     Fault::on_upload().reset_after(1000),
//! ]);
//! # let patient = |email| {
//! #     let new = fake.client().new_patient().first_name("James").last_name("Reece").birth_date("1980-07-04");
//! #     new.gender(carium::patients::Gender::Male).email(email).build()
//! # };
//! carium::Patients::create(&fake, patient("one@example.com")?).await?;
//! let error = carium::Patients::create(&fake, patient("two@example.com")?).await.unwrap_err();
//! assert!(error.may_have_been_applied());
//! assert_eq!(fake.patients().len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! A plan can also be parsed from TOML, for a sandbox that runs as its own process: see the `FromStr` implementation
//! of [`FaultPlan`].

mod builder;
mod injector;
mod plan_file;
mod random;

use std::fmt;

use bytes::Bytes;
use carium_api::Operation;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

pub use self::builder::{AfterApplying, ApiCalls, BeforeApplying, Downloads, FaultBuilder, Uploads};
pub(crate) use self::injector::FaultInjector;
pub use self::plan_file::InvalidFaultPlan;
use self::random::RandomFaults;

/// A fault that is injected into certain calls.
///
/// Created with [`Fault::on`], [`Fault::on_upload`] or [`Fault::on_download`]. `Display` prints one line for people,
/// such as `create_patient, call 2: respond 503`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub(crate) target: FaultTarget,
    calls: CallRange,
    pub(crate) timing: FaultTiming,
    pub(crate) kind: FaultKind,
}

/// A list of faults. If several faults match a call, the first one is injected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultPlan {
    faults: Vec<Fault>,
    random: Option<RandomFaults>,
}

impl FaultPlan {
    /// Creates a plan of these faults, in this order.
    pub fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self { faults: faults.into_iter().collect(), random: None }
    }

    /// Creates a plan that injects a random fault into one call in ten.
    ///
    /// Whether a call fails, and how, depends only on the seed, the operation, and the number of the call among the
    /// calls of its operation. The plan prints its seed to stderr when it is set, so that a failing test shows it.
    ///
    /// Random faults never hang, so tests over HTTP do not wait for timeouts. They also never corrupt downloads,
    /// because only a caller that knows the digest could notice.
    ///
    /// ```
    /// # use carium_mock::{FakeCarium, FaultPlan};
    /// FakeCarium::new().set_faults(FaultPlan::random(7).one_in(3));
    /// ```
    pub fn random(seed: u64) -> Self {
        Self { faults: Vec::new(), random: Some(RandomFaults::new(seed)) }
    }

    /// Makes one in this many calls fail, for a plan created with [`random`](Self::random). Every call fails for 1
    /// and for 0. Defaults to 10.
    #[must_use]
    pub fn one_in(mut self, calls: u64) -> Self {
        if let Some(random) = &mut self.random {
            random.one_in = calls.max(1);
        }
        self
    }

    /// Adds a fault after the existing ones. Explicit faults take precedence over random ones.
    #[must_use]
    pub fn with(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }
}

impl<I: IntoIterator<Item = Fault>> From<I> for FaultPlan {
    fn from(faults: I) -> Self {
        Self::new(faults)
    }
}

/// The kind of call that a fault applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FaultTarget {
    /// Calls of the operation with this ID.
    Api(&'static str),
    Upload,
    Download,
}

impl FaultTarget {
    pub(crate) fn of(operation: &'static Operation) -> Self {
        Self::Api(operation.id)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Api(operation) => operation,
            Self::Upload => "upload",
            Self::Download => "download",
        }
    }
}

/// An inclusive range of call numbers, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CallRange {
    first: u64,
    last: u64,
}

impl CallRange {
    const ALL: Self = Self { first: 1, last: u64::MAX };

    fn one(number: u64) -> Self {
        Self { first: number, last: number }
    }

    fn contains(self, number: u64) -> bool {
        (self.first..=self.last).contains(&number)
    }
}

impl fmt::Display for CallRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ALL => f.write_str("every call"),
            Self { first, last } if first == last => write!(f, "call {first}"),
            Self { first, last: u64::MAX } => write!(f, "calls {first} and later"),
            Self { first, last } => write!(f, "calls {first} to {last}"),
        }
    }
}

/// Whether a fault is injected before or after the operation is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultTiming {
    Before,
    After,
}

/// How a call fails.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FaultKind {
    /// The caller receives this response.
    Respond(FaultResponse),
    /// The connection is closed; for a transfer, after this number of bytes of the file, if set.
    Reset { after: Option<u64> },
    /// No response is sent, and the connection stays open.
    Hang,
    /// The connection is closed in the middle of the response body.
    Truncate,
    /// The response body is complete but damaged.
    Corrupt,
    /// All access tokens are revoked before the call is handled.
    RevokeToken,
    /// The presigned form or URL has expired.
    Expire,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timing = if self.timing == FaultTiming::After { "after applying, " } else { "" };
        write!(f, "{}, {}: {timing}{}", self.target.name(), self.calls, self.kind)
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Respond(response) => write!(f, "respond {}", response.status.as_u16()),
            Self::Reset { after: None } => f.write_str("reset"),
            Self::Reset { after: Some(bytes) } => write!(f, "reset after {bytes} bytes"),
            Self::Hang => f.write_str("hang"),
            Self::Truncate => f.write_str("truncate the response"),
            Self::Corrupt => f.write_str("corrupt the response"),
            Self::RevokeToken => f.write_str("revoke the access token"),
            Self::Expire => f.write_str("expire the presigned form or URL"),
        }
    }
}

/// A response that replaces the real one. `Debug` shows only its status.
#[derive(Clone, PartialEq)]
pub struct FaultResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl FaultResponse {
    /// Creates a response without a body.
    ///
    /// A number that is not a final HTTP status (one below 200 or above 999) becomes 500.
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).ok().filter(|status| !status.is_informational());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// Adds a header. An invalid header name or value is ignored.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.headers.append(name, value);
        }
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn to_response(&self) -> Response<Bytes> {
        // Responses with these statuses cannot have a body (RFC 9110, section 6.4.1).
        let is_empty = matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let mut response = Response::new(if is_empty { Bytes::new() } else { self.body.clone() });
        *response.status_mut() = self.status;
        response.headers_mut().clone_from(&self.headers);
        response
    }
}

impl From<u16> for FaultResponse {
    fn from(status: u16) -> Self {
        Self::status(status)
    }
}

impl fmt::Debug for FaultResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultResponse").field("status", &self.status).finish_non_exhaustive()
    }
}
