//! The record of the calls to the object store.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, IF_RANGE, RANGE, TRANSFER_ENCODING,
};
use http::{HeaderMap, Method};

/// A call to the object store.
///
/// It has the headers that affect the response. Credentials are not recorded, only whether they were sent.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoreCall {
    /// The HTTP method.
    pub method: Method,
    /// The key of the object. For a download, it comes from the path. For an upload, it is known once the form
    /// field has been read.
    pub key: Option<String>,
    /// Whether the request had an `Authorization` header.
    pub has_authorization: bool,
    /// The `Range` header.
    pub range: Option<String>,
    /// The `If-Range` header.
    pub if_range: Option<String>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The `Content-Length` header.
    pub content_length: Option<u64>,
    /// The `Transfer-Encoding` header.
    pub transfer_encoding: Option<String>,
    /// The names of the form fields that have been read, in order.
    pub fields: Vec<String>,
    /// The number of bytes of the request body that were read before the response was sent.
    pub body_bytes_read: u64,
    /// The status of the response, or `None` if no response has been sent.
    pub status: Option<u16>,
}

impl StoreCall {
    pub(super) fn new(method: Method, key: Option<String>, headers: &HeaderMap) -> Self {
        let text =
            |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self {
            method,
            key,
            has_authorization: headers.contains_key(AUTHORIZATION),
            range: text(RANGE),
            if_range: text(IF_RANGE),
            content_type: text(CONTENT_TYPE),
            content_length: text(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
            transfer_encoding: text(TRANSFER_ENCODING),
            fields: Vec::new(),
            body_bytes_read: 0,
            status: None,
        }
    }
}

/// The calls since the store was started. Clones share the same log.
#[derive(Clone, Debug, Default)]
pub(super) struct CallLog(Arc<Mutex<LogState>>);

/// The number of calls that are kept, which is more than a test makes. It limits the memory of a store that runs for
/// days to some tens of MB.
const MAX_CALLS: usize = 100_000;

#[derive(Debug, Default)]
struct LogState {
    calls: VecDeque<StoreCall>,
    /// The number of calls that were removed from the front.
    removed: usize,
    /// The number of calls of each method, including removed ones.
    method_counts: HashMap<Method, usize>,
}

impl CallLog {
    pub(super) fn all(&self) -> Vec<StoreCall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).calls.iter().cloned().collect()
    }

    /// Adds a call. Returns its entry and its index among the calls of the same method.
    pub(super) fn add(&self, call: StoreCall) -> (CallEntry, usize) {
        let state = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = state.method_counts.entry(call.method.clone()).or_default();
        let method_index = *count;
        *count += 1;
        if state.calls.len() == MAX_CALLS {
            state.calls.pop_front();
            state.removed += 1;
        }
        let number = state.removed + state.calls.len();
        state.calls.push_back(call);
        (CallEntry { log: self.clone(), number }, method_index)
    }
}

/// The entry of a call in progress. It is updated continuously, because the client may disconnect at any time.
#[derive(Clone, Debug)]
pub(super) struct CallEntry {
    log: CallLog,
    /// The number of calls before this one, including removed ones.
    number: usize,
}

impl CallEntry {
    pub(super) fn update(&self, update: impl FnOnce(&mut StoreCall)) {
        let state = &mut *self.log.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = self.number.checked_sub(state.removed);
        if let Some(call) = index.and_then(|index| state.calls.get_mut(index)) {
            update(call);
        }
    }
}
