//! A fault: which calls it applies to, and how they fail.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use bytes::{Bytes, BytesMut};
use carium_api::Operation;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::service::routing::{Route, route, segments};

/// A fault that is injected into certain calls.
///
/// Created with [`Fault::on`], [`Fault::on_upload`] or [`Fault::on_download`]. `Display` prints one line for people,
/// such as `create_patient, call 2: respond 503`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub(super) target: FaultTarget,
    pub(super) calls: CallRange,
    pub(super) timing: FaultTiming,
    pub(super) kind: FaultKind,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timing = if self.timing == FaultTiming::After { "after applying, " } else { "" };
        write!(f, "{}, {}: {timing}{}", self.target.name(), self.calls, self.kind)
    }
}

/// Builder for [`Fault`]. Applies to the first call, unless [`call`](Self::call), [`calls`](Self::calls) or
/// [`every_call`](Self::every_call) selects others.
///
/// Calls are counted from 1, per operation, starting when the plan is set. Each retry of the client counts as another
/// call.
#[derive(Clone, Debug)]
#[must_use]
pub struct FaultBuilder<T, M = BeforeApplying> {
    target: FaultTarget,
    calls: CallRange,
    timing: FaultTiming,
    markers: PhantomData<(T, M)>,
}

impl Fault {
    /// Starts building a fault for calls of an operation: one of [`carium::api::operations`], or one that was described
    /// [at run time](Operation::at_run_time) for a [resource](crate::FakeResource). For the latter, the method and the path
    /// count, and each parameter of the path stands for every value.
    pub fn on(operation: &Operation) -> FaultBuilder<ApiCalls> {
        FaultBuilder::new(FaultTarget::of(operation))
    }

    /// Starts building a fault for presigned uploads.
    pub fn on_upload() -> FaultBuilder<Uploads> {
        FaultBuilder::new(FaultTarget::Upload)
    }

    /// Starts building a fault for presigned downloads.
    pub fn on_download() -> FaultBuilder<Downloads> {
        FaultBuilder::new(FaultTarget::Download)
    }
}

impl<T> FaultBuilder<T> {
    fn new(target: FaultTarget) -> Self {
        Self { target, calls: CallRange::one(1), timing: FaultTiming::Before, markers: PhantomData }
    }

    /// Applies the operation before the fault is injected. By default, the operation is not applied.
    pub fn after_applying(self) -> FaultBuilder<T, AfterApplying> {
        FaultBuilder {
            target: self.target,
            calls: self.calls,
            timing: FaultTiming::After,
            markers: PhantomData,
        }
    }

    /// Applies the operation, then closes the connection without a response.
    pub fn lose_response(self) -> Fault {
        self.after_applying().reset()
    }
}

impl<T, M> FaultBuilder<T, M> {
    /// Selects the call with this number, counted from 1.
    pub fn call(self, number: u64) -> Self {
        Self { calls: CallRange::one(number), ..self }
    }

    /// Selects the calls with these numbers, counted from 1.
    pub fn calls(self, numbers: impl RangeBounds<u64>) -> Self {
        let first = match numbers.start_bound() {
            Bound::Included(first) => *first,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 1,
        };
        let last = match numbers.end_bound() {
            Bound::Included(last) => *last,
            Bound::Excluded(end) => end.saturating_sub(1),
            Bound::Unbounded => u64::MAX,
        };
        Self { calls: CallRange { first, last }, ..self }
    }

    /// Selects every call.
    pub fn every_call(self) -> Self {
        Self { calls: CallRange::ALL, ..self }
    }

    /// Sends this response instead of the real one: a status, or a [`FaultResponse`].
    pub fn respond(self, response: impl Into<FaultResponse>) -> Fault {
        self.build(FaultKind::Respond(response.into()))
    }

    /// Closes the connection without a response.
    pub fn reset(self) -> Fault {
        self.build(FaultKind::Reset { after: None })
    }

    /// Sends no response and keeps the connection open.
    ///
    /// The transfers of the fake fail with a timeout after one minute, which is the client's default
    /// `transfer_idle_timeout`.
    pub fn hang(self) -> Fault {
        self.build(FaultKind::Hang { after: None })
    }

    fn build(self, kind: FaultKind) -> Fault {
        let Self { target, calls, timing, markers: _ } = self;
        Fault { target, calls, timing, kind }
    }
}

impl FaultBuilder<ApiCalls> {
    /// Applies the operation, then closes the connection in the middle of the response body. If the response has no
    /// body, the connection is closed without a response.
    pub fn truncate(self) -> Fault {
        self.after_applying().build(FaultKind::Truncate)
    }

    /// Applies the operation, then damages the response body so that it is not JSON. A response without a body is not
    /// changed.
    pub fn corrupt(self) -> Fault {
        self.after_applying().build(FaultKind::Corrupt)
    }

    /// Revokes all access tokens before the call is handled, so that the call is rejected with status 401.
    pub fn revoke_token(self) -> Fault {
        self.build(FaultKind::RevokeToken)
    }
}

impl<T: Transfer> FaultBuilder<T> {
    /// Closes the connection after this number of bytes of the request body of an upload, or of the requested content of
    /// a download.
    ///
    /// For an upload, a shorter body is read completely, but not stored. For a download, content that is not longer than
    /// that is sent completely.
    pub fn reset_after(self, bytes: u64) -> Fault {
        self.build(FaultKind::Reset { after: Some(bytes) })
    }

    /// Stops reading or sending after the same number of bytes as [`reset_after`](Self::reset_after), and keeps the
    /// connection open.
    pub fn hang_after(self, bytes: u64) -> Fault {
        self.build(FaultKind::Hang { after: Some(bytes) })
    }

    /// Rejects the transfer because its presigned form or URL has expired.
    pub fn expire(self) -> Fault {
        self.build(FaultKind::Expire)
    }
}

impl FaultBuilder<Uploads> {
    /// Sends this response before the request body is read.
    pub fn respond_early(self, response: impl Into<FaultResponse>) -> Fault {
        self.build(FaultKind::RespondEarly(response.into()))
    }
}

impl FaultBuilder<Downloads> {
    /// Closes the connection in the middle of the requested content. An empty file is sent completely.
    pub fn truncate(self) -> Fault {
        self.build(FaultKind::Truncate)
    }

    /// Flips one bit in the middle of the requested content.
    pub fn corrupt(self) -> Fault {
        self.build(FaultKind::Corrupt)
    }

    /// Sends the whole file, even if a range is requested.
    pub fn ignore_range(self) -> Fault {
        self.build(FaultKind::IgnoreRange)
    }

    /// Replaces the content of the file, and so its version, before the download.
    pub fn replace_file(self, content: impl Into<Bytes>) -> Fault {
        self.build(FaultKind::ReplaceFile(content.into()))
    }
}

/// Marker for a [`FaultBuilder`] of API calls.
#[derive(Clone, Copy, Debug)]
pub enum ApiCalls {}

/// Marker for a [`FaultBuilder`] of uploads to the object store.
#[derive(Clone, Copy, Debug)]
pub enum Uploads {}

/// Marker for a [`FaultBuilder`] of downloads from the object store.
#[derive(Clone, Copy, Debug)]
pub enum Downloads {}

/// Marker for uploads and downloads.
pub trait Transfer: sealed::Sealed {}

impl Transfer for Uploads {}
impl Transfer for Downloads {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Uploads {}
    impl Sealed for super::Downloads {}
}

/// Marker for a fault that is injected before the operation is applied.
#[derive(Clone, Copy, Debug)]
pub enum BeforeApplying {}

/// Marker for a fault that is injected after the operation is applied.
#[derive(Clone, Copy, Debug)]
pub enum AfterApplying {}

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

/// The kind of call that a fault applies to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FaultTarget {
    /// Calls of the operation with this name, as in [`FakeCall::operation`](crate::FakeCall::operation).
    Api(Cow<'static, str>),
    Upload,
    Download,
}

impl FaultTarget {
    pub(crate) fn of(operation: &Operation) -> Self {
        if operation.id != Operation::RUN_TIME_ID {
            return Self::Api(operation.id.into());
        }
        // A request to a path of the spec is served as the operation of the spec.
        if let Route::Operation(known) = route(&operation.method, &operation.path) {
            return Self::Api(known.id.into());
        }
        let parameter_or_name =
            |segment: &str| if segment.starts_with('{') { "{id}" } else { segment }.to_owned();
        let segments: Vec<_> = segments(&operation.path).into_iter().map(parameter_or_name).collect();
        Self::Api(format!("{} /{}/", operation.method, segments.join("/")).into())
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Api(operation) => operation,
            Self::Upload => "upload",
            Self::Download => "download",
        }
    }
}

/// An inclusive range of call numbers, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CallRange {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl CallRange {
    pub(super) const ALL: Self = Self { first: 1, last: u64::MAX };

    pub(super) fn one(number: u64) -> Self {
        Self { first: number, last: number }
    }

    pub(super) fn contains(self, number: u64) -> bool {
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
pub(super) enum FaultTiming {
    Before,
    After,
}

/// How a call fails. `Debug` shows neither headers nor content.
#[derive(Clone, PartialEq)]
pub(crate) enum FaultKind {
    /// The caller receives this response.
    Respond(FaultResponse),
    /// The caller receives this response before the body of its request is read.
    RespondEarly(FaultResponse),
    /// The connection is closed; for a transfer, after this number of bytes of the file, if set.
    Reset { after: Option<u64> },
    /// Nothing more is sent or read, and the connection stays open; for a transfer, after this number of bytes of the
    /// file, if set.
    Hang { after: Option<u64> },
    /// The connection is closed in the middle of the response body.
    Truncate,
    /// The response body is complete but damaged.
    Corrupt,
    /// All access tokens are revoked before the call is handled.
    RevokeToken,
    /// The presigned form or URL has expired.
    Expire,
    /// The response has the whole file, although a range was requested.
    IgnoreRange,
    /// The file has this content from now on.
    ReplaceFile(Bytes),
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Respond(response) => write!(f, "respond {}", response.status.as_u16()),
            Self::RespondEarly(response) => {
                write!(f, "respond {} before the request is read", response.status.as_u16())
            }
            Self::Reset { after: None } => f.write_str("reset"),
            Self::Reset { after: Some(bytes) } => write!(f, "reset after {bytes} bytes"),
            Self::Hang { after: None } => f.write_str("hang"),
            Self::Hang { after: Some(bytes) } => write!(f, "hang after {bytes} bytes"),
            Self::Truncate => f.write_str("truncate the response"),
            Self::Corrupt => f.write_str("corrupt the response"),
            Self::RevokeToken => f.write_str("revoke the access token"),
            Self::Expire => f.write_str("expire the presigned form or URL"),
            Self::IgnoreRange => f.write_str("ignore the requested range"),
            Self::ReplaceFile(_) => f.write_str("replace the file"),
        }
    }
}

impl fmt::Debug for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Returns the bytes with one bit flipped in the byte at `index`, if there is one.
pub(crate) fn with_bit_flipped(bytes: &Bytes, index: usize) -> Bytes {
    let mut bytes = BytesMut::from(bytes.as_ref());
    if let Some(byte) = bytes.get_mut(index) {
        *byte ^= 1;
    }
    bytes.freeze()
}
