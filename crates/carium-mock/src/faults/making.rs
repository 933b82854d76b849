//! How a fault is said in Rust. What makes no sense for a call does not compile.

use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use carium_api::Operation;

use super::{Calls, Fault, FaultResponse, Moment, Target, What};

/// Calls of an operation of the API.
#[derive(Clone, Copy, Debug)]
pub enum Api {}

/// Files on their way to the object store.
#[derive(Clone, Copy, Debug)]
pub enum Upload {}

/// Files on their way from it.
#[derive(Clone, Copy, Debug)]
pub enum Download {}

/// Nothing is done first.
#[derive(Clone, Copy, Debug)]
pub enum Before {}

/// What is asked for is done first.
#[derive(Clone, Copy, Debug)]
pub enum After {}

/// The beginning of a [`Fault`]: the calls that it is for. The first one, unless it is said otherwise.
///
/// Calls are counted from 1, from the moment at which the plan is set, each operation by itself. What the client
/// repeats is another call.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct On<T, M = Before> {
    target: Target,
    calls: Calls,
    moment: Moment,
    of: PhantomData<(T, M)>,
}

impl Fault {
    /// For calls of an operation: a row of [`carium::api::operations`].
    pub fn on(operation: &'static Operation) -> On<Api> {
        On::new(Target::of(operation))
    }

    /// For presigned uploads.
    pub fn on_upload() -> On<Upload> {
        On::new(Target::Upload)
    }

    /// For presigned downloads.
    pub fn on_download() -> On<Download> {
        On::new(Target::Download)
    }
}

impl<T> On<T> {
    fn new(target: Target) -> Self {
        Self { target, calls: Calls::one(1), moment: Moment::Before, of: PhantomData }
    }

    /// What is asked for is done first. Otherwise the fault comes before, and nothing is done.
    pub fn after_applying(self) -> On<T, After> {
        On { target: self.target, calls: self.calls, moment: Moment::After, of: PhantomData }
    }

    /// What is asked for is done, and the connection ends without an answer.
    pub fn lose_response(self) -> Fault {
        self.after_applying().reset()
    }
}

impl<T, M> On<T, M> {
    /// The call of this number, counted from 1.
    pub fn call(self, nth: u64) -> Self {
        Self { calls: Calls::one(nth), ..self }
    }

    /// The calls of these numbers, counted from 1.
    pub fn calls(self, numbers: impl RangeBounds<u64>) -> Self {
        let first = match numbers.start_bound() {
            Bound::Included(first) => *first,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 1,
        };
        let last = match numbers.end_bound() {
            Bound::Included(last) => *last,
            Bound::Excluded(behind) => behind.saturating_sub(1),
            Bound::Unbounded => u64::MAX,
        };
        Self { calls: Calls { first, last }, ..self }
    }

    /// Every call.
    pub fn every_call(self) -> Self {
        Self { calls: Calls::EVERY, ..self }
    }

    /// This is answered: a status, or a [`FaultResponse`].
    pub fn respond(self, reply: impl Into<FaultResponse>) -> Fault {
        self.fails(What::Answer(reply.into()))
    }

    /// The connection ends without an answer.
    pub fn reset(self) -> Fault {
        self.fails(What::Reset { after: None })
    }

    /// No answer comes, and the connection stays open. In the fake's transfers a minute passes until that is a
    /// failure, which is what the client grants them unless it is told otherwise.
    pub fn silence(self) -> Fault {
        self.fails(What::Silence)
    }

    fn fails(self, what: What) -> Fault {
        let Self { target, calls, moment, of: _ } = self;
        Fault { target, calls, moment, what }
    }
}

impl On<Api> {
    /// What is asked for is done, and the connection ends in the middle of the answer's body; without an answer,
    /// where there is none.
    pub fn truncate(self) -> Fault {
        self.after_applying().fails(What::Truncate)
    }

    /// What is asked for is done, and the answer's body is no JSON. An answer without a body stays as it is.
    pub fn corrupt(self) -> Fault {
        self.after_applying().fails(What::Corrupt)
    }

    /// All access tokens end before the call is looked at, which so is refused for its token.
    pub fn revoke_token(self) -> Fault {
        self.fails(What::RevokeToken)
    }
}

impl On<Upload> {
    /// The connection ends once so many bytes of the request's body were read, or all, if there are not as many.
    pub fn reset_after(self, bytes: u64) -> Fault {
        self.fails(What::Reset { after: Some(bytes) })
    }

    /// The store says that the form has expired.
    pub fn expire(self) -> Fault {
        self.fails(What::Expire)
    }
}

impl On<Download> {
    /// The connection ends once so many bytes of what is asked for were written. A file that has no more than that
    /// comes whole.
    pub fn reset_after(self, bytes: u64) -> Fault {
        self.fails(What::Reset { after: Some(bytes) })
    }

    /// The connection ends in the middle of what is asked for. An empty file comes whole.
    pub fn truncate(self) -> Fault {
        self.fails(What::Truncate)
    }

    /// One bit in the middle of what is asked for is another than it was.
    pub fn corrupt(self) -> Fault {
        self.fails(What::Corrupt)
    }

    /// The store says that the URL has expired.
    pub fn expire(self) -> Fault {
        self.fails(What::Expire)
    }
}
