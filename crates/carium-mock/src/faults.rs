//! What goes wrong, by a plan: which call, before or after its work is done, and how.
//!
//! A plan is a list of faults, each one readable line. It is deterministic, and works in the
//! [fake](crate::FakeCarium) as it does behind the sandbox's HTTP.
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
//! The same is read from TOML, for a sandbox that is a program: see [`FaultPlan`]'s `FromStr`.

mod file;
mod making;
mod random;
mod running;

use std::fmt;

use bytes::Bytes;
use carium_api::Operation;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

pub use self::file::InvalidFaultPlan;
pub use self::making::{After, Api, Before, Download, On, Upload};
use self::random::Random;
pub(crate) use self::running::Faults;

/// What goes wrong with some calls. Made from [`Fault::on`], [`Fault::on_upload`] or [`Fault::on_download`].
///
/// `Display` is one line for a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub(crate) target: Target,
    calls: Calls,
    pub(crate) moment: Moment,
    pub(crate) what: What,
}

/// Faults, of which the first that is meant for a call is the one that it meets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultPlan {
    faults: Vec<Fault>,
    random: Option<Random>,
}

impl FaultPlan {
    /// These faults, in this order.
    pub fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self { faults: faults.into_iter().collect(), random: None }
    }

    /// One call in ten goes wrong, in a way that follows from this seed, the operation, and the number of the call
    /// among those of its operation. The seed is printed when the plan is set, which a test shows when it fails.
    ///
    /// Nothing falls silent, so that a test over HTTP need not wait, and what a download brings is not corrupted,
    /// which only who knows the digest could see.
    ///
    /// ```
    /// # use carium_mock::{FakeCarium, FaultPlan};
    /// FakeCarium::new().set_faults(FaultPlan::random(7).one_in(3));
    /// ```
    pub fn random(seed: u64) -> Self {
        Self { faults: Vec::new(), random: Some(Random::new(seed)) }
    }

    /// Of a random plan: one call in so many goes wrong, every one for 1 and for 0.
    #[must_use]
    pub fn one_in(mut self, calls: u64) -> Self {
        if let Some(random) = &mut self.random {
            random.one_in = calls.max(1);
        }
        self
    }

    /// One fault more, behind those that are there and before what is drawn at random.
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

/// Whose calls are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// Those of an operation, by its id.
    Api(&'static str),
    Upload,
    Download,
}

impl Target {
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

/// Which calls are meant, counted from 1. Both ends are among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Calls {
    first: u64,
    last: u64,
}

impl Calls {
    const EVERY: Self = Self { first: 1, last: u64::MAX };

    fn one(nth: u64) -> Self {
        Self { first: nth, last: nth }
    }

    fn has(self, nth: u64) -> bool {
        (self.first..=self.last).contains(&nth)
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::EVERY => f.write_str("every call"),
            Self { first, last } if first == last => write!(f, "call {first}"),
            Self { first, last: u64::MAX } => write!(f, "calls {first} and later"),
            Self { first, last } => write!(f, "calls {first} to {last}"),
        }
    }
}

/// Before or after what is asked for is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// This is answered.
    Answer(FaultResponse),
    /// The connection ends; of a transfer, once so many bytes of the file went over it.
    Reset { after: Option<u64> },
    /// Nothing more is heard.
    Silence,
    /// The answer ends in its middle.
    Truncate,
    /// The answer is whole, and not what was sent.
    Corrupt,
    /// All access tokens end before the call is looked at.
    RevokeToken,
    /// What was presigned has ended.
    Expire,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = if self.moment == Moment::After { "after the work, " } else { "" };
        write!(f, "{}, {}: {moment}{}", self.target.name(), self.calls, self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(reply) => write!(f, "answer {}", reply.status.as_u16()),
            Self::Reset { after: None } => f.write_str("reset"),
            Self::Reset { after: Some(bytes) } => write!(f, "reset after {bytes} bytes"),
            Self::Silence => f.write_str("silence"),
            Self::Truncate => f.write_str("truncate the answer"),
            Self::Corrupt => f.write_str("corrupt the answer"),
            Self::RevokeToken => f.write_str("revoke the token"),
            Self::Expire => f.write_str("expire what was presigned"),
        }
    }
}

/// An answer that is given instead of the right one. `Debug` shows its status only.
#[derive(Clone, PartialEq)]
pub struct FaultResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl FaultResponse {
    /// An answer without a body. A number that no answer can have becomes 500: one below 200 is none yet.
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).ok().filter(|status| !status.is_informational());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// One header more. What cannot be a header is left out.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.headers.append(name, value);
        }
        self
    }

    /// This body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn response(&self) -> Response<Bytes> {
        // What these say is that there is no body.
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
