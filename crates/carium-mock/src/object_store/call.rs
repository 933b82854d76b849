//! What came, for a test to look at.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, IF_RANGE, RANGE, TRANSFER_ENCODING,
};
use http::{HeaderMap, Method};

/// A request as it came, and what became of it.
///
/// Of headers it keeps those that decide something here, of credentials only whether they were there.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoreCall {
    /// The method.
    pub method: Method,
    /// The key: of a download from its path, of an upload from its fields, once they were read.
    pub key: Option<String>,
    /// Whether there was an `Authorization` header.
    pub authorization: bool,
    /// `Range`.
    pub range: Option<String>,
    /// `If-Range`.
    pub if_range: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Length`.
    pub content_length: Option<u64>,
    /// `Transfer-Encoding`.
    pub transfer_encoding: Option<String>,
    /// The names of the parts of an upload in their order, as far as they were read.
    pub fields: Vec<String>,
    /// How many bytes of the request's body were read before the answer.
    pub body_read: u64,
    /// The status that was answered; none while there is no answer, or where there was none.
    pub status: Option<u16>,
}

impl StoreCall {
    pub(super) fn new(method: Method, key: Option<String>, headers: &HeaderMap) -> Self {
        let text =
            |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self {
            method,
            key,
            authorization: headers.contains_key(AUTHORIZATION),
            range: text(RANGE),
            if_range: text(IF_RANGE),
            content_type: text(CONTENT_TYPE),
            content_length: text(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
            transfer_encoding: text(TRANSFER_ENCODING),
            fields: Vec::new(),
            body_read: 0,
            status: None,
        }
    }
}

/// All calls since the store was started.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls(Arc<Mutex<Kept>>);

/// A store may run for days. More than any test counts, and some tens of MB.
const KEPT: usize = 100_000;

#[derive(Debug, Default)]
struct Kept {
    calls: VecDeque<StoreCall>,
    /// How many there were before the first that is kept.
    forgotten: usize,
    /// How many there were of each method.
    of_method: HashMap<Method, usize>,
}

impl Calls {
    pub(super) fn all(&self) -> Vec<StoreCall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).calls.iter().cloned().collect()
    }

    /// Keeps a call, and says how many of its method were there before it.
    pub(super) fn begin(&self, call: StoreCall) -> (Record, usize) {
        let kept = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_method = kept.of_method.entry(call.method.clone()).or_default();
        let before = *of_method;
        *of_method += 1;
        if kept.calls.len() == KEPT {
            kept.calls.pop_front();
            kept.forgotten += 1;
        }
        let place = kept.forgotten + kept.calls.len();
        kept.calls.push_back(call);
        (Record { calls: self.clone(), place }, before)
    }
}

/// A call that is going on. It is written down as it goes: a client may be gone at any moment.
#[derive(Clone, Debug)]
pub(super) struct Record {
    calls: Calls,
    place: usize,
}

impl Record {
    pub(super) fn note(&self, note: impl FnOnce(&mut StoreCall)) {
        let kept = &mut *self.calls.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.place.checked_sub(kept.forgotten);
        if let Some(call) = place.and_then(|place| kept.calls.get_mut(place)) {
            note(call);
        }
    }
}
