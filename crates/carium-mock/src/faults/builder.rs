//! The builder of faults. Its type parameters allow only the faults that make sense for the calls they apply to.

use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use carium_api::Operation;

use super::{CallRange, Fault, FaultKind, FaultResponse, FaultTarget, FaultTiming};

/// Marker for a [`FaultBuilder`] of API calls.
#[derive(Clone, Copy, Debug)]
pub enum ApiCalls {}

/// Marker for a [`FaultBuilder`] of uploads to the object store.
#[derive(Clone, Copy, Debug)]
pub enum Uploads {}

/// Marker for a [`FaultBuilder`] of downloads from the object store.
#[derive(Clone, Copy, Debug)]
pub enum Downloads {}

/// Marker for a fault that is injected before the operation is applied.
#[derive(Clone, Copy, Debug)]
pub enum BeforeApplying {}

/// Marker for a fault that is injected after the operation is applied.
#[derive(Clone, Copy, Debug)]
pub enum AfterApplying {}

/// Builder for [`Fault`]. Applies to the first call, unless [`call`](Self::call), [`calls`](Self::calls) or
/// [`every_call`](Self::every_call) selects others.
///
/// Calls are counted from 1, per operation, starting when the plan is set. Each retry of the client counts as another
/// call.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct FaultBuilder<T, M = BeforeApplying> {
    target: FaultTarget,
    calls: CallRange,
    timing: FaultTiming,
    markers: PhantomData<(T, M)>,
}

impl Fault {
    /// Starts building a fault for calls of an operation, which is one of [`carium::api::operations`].
    pub fn on(operation: &'static Operation) -> FaultBuilder<ApiCalls> {
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
        self.build(FaultKind::Hang)
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

impl FaultBuilder<Uploads> {
    /// Closes the connection after this number of bytes of the request body, or at the end of a shorter body.
    pub fn reset_after(self, bytes: u64) -> Fault {
        self.build(FaultKind::Reset { after: Some(bytes) })
    }

    /// Rejects the upload because its form has expired.
    pub fn expire(self) -> Fault {
        self.build(FaultKind::Expire)
    }
}

impl FaultBuilder<Downloads> {
    /// Closes the connection after this number of bytes of the requested content. Content that is not longer than
    /// that is sent completely.
    pub fn reset_after(self, bytes: u64) -> Fault {
        self.build(FaultKind::Reset { after: Some(bytes) })
    }

    /// Closes the connection in the middle of the requested content. An empty file is sent completely.
    pub fn truncate(self) -> Fault {
        self.build(FaultKind::Truncate)
    }

    /// Flips one bit in the middle of the requested content.
    pub fn corrupt(self) -> Fault {
        self.build(FaultKind::Corrupt)
    }

    /// Rejects the download because its URL has expired.
    pub fn expire(self) -> Fault {
        self.build(FaultKind::Expire)
    }
}
