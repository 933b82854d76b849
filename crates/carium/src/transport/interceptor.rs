//! Interceptors: functions of the caller that are called around each attempt.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use carium_api::Operation;
use http::HeaderMap;
use tokio::time::Instant;

use crate::headers::RESERVED_HEADERS;

/// A function that is called around each attempt of a call, for example to add headers or to measure.
///
/// Set it with [`CariumBuilder::interceptor`](crate::CariumBuilder::interceptor). It is also called for sign-ins, whose
/// operation is `login`, but not for transfers of files, which go to an object store. It is called on the task of the
/// call and must not block.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use carium::{AttemptInfo, Interceptor};
/// use carium::api::Operation;
/// use carium::api::http::{HeaderMap, HeaderValue};
///
/// #[derive(Default)]
/// struct Metrics {
///     retries: AtomicU64,
/// }
///
/// impl Interceptor for Metrics {
///     fn before_attempt(&self, _operation: &Operation, headers: &mut HeaderMap) {
///         headers.insert("x-team", HeaderValue::from_static("onboarding"));
///     }
///
///     fn after_attempt(&self, attempt: &AttemptInfo<'_>) {
///         self.retries.fetch_add(u64::from(attempt.will_retry), Ordering::Relaxed);
///     }
/// }
/// ```
pub trait Interceptor: Send + Sync + 'static {
    /// Called before an attempt is sent, with the headers of the request.
    ///
    /// The headers do not contain the access token. Changes of headers that the client sets itself, such as
    /// `Authorization`, `Cookie` and `Host`, are ignored.
    fn before_attempt(&self, operation: &Operation, headers: &mut HeaderMap) {
        let _ = (operation, headers);
    }

    /// Called after an attempt, once it is known whether the client retries the call.
    fn after_attempt(&self, attempt: &AttemptInfo<'_>) {
        let _ = attempt;
    }
}

impl<T: Interceptor + ?Sized> Interceptor for Arc<T> {
    fn before_attempt(&self, operation: &Operation, headers: &mut HeaderMap) {
        (**self).before_attempt(operation, headers);
    }

    fn after_attempt(&self, attempt: &AttemptInfo<'_>) {
        (**self).after_attempt(attempt);
    }
}

/// An attempt that has ended, for [`Interceptor::after_attempt`]. It contains no values of the request or the response.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttemptInfo<'a> {
    /// The operation.
    pub operation: &'a Operation,
    /// The number of the attempt. The first has number 1.
    pub attempt: u32,
    /// The HTTP status of the response, or `None` if there was no complete response.
    pub status: Option<u16>,
    /// Why there was no response: a value of the field `error.type` of spans, such as `timeout`.
    pub error_type: Option<&'static str>,
    /// The duration of the attempt.
    pub duration: Duration,
    /// Whether the client retries the call.
    pub will_retry: bool,
    /// The delay before the next attempt. Zero if there is none.
    pub delay: Duration,
}

/// The interceptors of a client.
#[derive(Clone, Default)]
pub(crate) struct Interceptors(Arc<[Arc<dyn Interceptor>]>);

impl FromIterator<Arc<dyn Interceptor>> for Interceptors {
    fn from_iter<I: IntoIterator<Item = Arc<dyn Interceptor>>>(interceptors: I) -> Self {
        Self(interceptors.into_iter().collect())
    }
}

impl Interceptors {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn before_attempt(&self, operation: &Operation, headers: &mut HeaderMap) {
        let reserved: Vec<_> = RESERVED_HEADERS.iter().map(|name| (*name, headers.remove(*name))).collect();
        for interceptor in &*self.0 {
            interceptor.before_attempt(operation, headers);
        }
        for (name, value) in reserved {
            match value {
                Some(value) => drop(headers.insert(name, value)),
                None => drop(headers.remove(name)),
            }
        }
    }
}

/// Reports the attempts of a call to the interceptors. An attempt is reported once it is known what follows it.
pub(crate) struct AttemptReporter {
    interceptors: Interceptors,
    current: Mutex<Option<Attempt>>,
}

/// An attempt that was not reported yet.
#[derive(Clone, Copy)]
enum Attempt {
    InProgress { number: u32, start: Instant },
    Ended(EndedAttempt),
}

#[derive(Clone, Copy)]
pub(super) struct EndedAttempt {
    pub(super) number: u32,
    pub(super) status: Option<u16>,
    pub(super) error_type: Option<&'static str>,
    pub(super) duration: Duration,
}

impl AttemptReporter {
    pub(super) fn new(interceptors: Interceptors) -> Self {
        Self { interceptors, current: Mutex::new(None) }
    }

    pub(super) fn begin(&self, number: u32, start: Instant) {
        self.set(Attempt::InProgress { number, start });
    }

    pub(super) fn end(&self, attempt: EndedAttempt) {
        self.set(Attempt::Ended(attempt));
    }

    fn set(&self, attempt: Attempt) {
        if !self.interceptors.is_empty() {
            *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(attempt);
        }
    }

    /// Reports the last attempt, unless it was reported, as one that is followed by another.
    pub(super) fn report_retry(&self, operation: &Operation, delay: Duration) {
        self.report(operation, Some(delay), "dropped");
    }

    /// Reports the last attempt, unless it was reported. `interruption` is the error type of an attempt that is still in
    /// progress.
    pub(super) fn report_last(&self, operation: &Operation, interruption: &'static str) {
        self.report(operation, None, interruption);
    }

    fn report(&self, operation: &Operation, delay: Option<Duration>, interruption: &'static str) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).take();
        let EndedAttempt { number, status, error_type, duration } = match current {
            None => return,
            Some(Attempt::Ended(attempt)) => attempt,
            Some(Attempt::InProgress { number, start }) => EndedAttempt {
                number,
                status: None,
                error_type: Some(interruption),
                duration: start.elapsed(),
            },
        };
        let info = AttemptInfo {
            operation,
            attempt: number,
            status,
            error_type,
            duration,
            will_retry: delay.is_some(),
            delay: delay.unwrap_or_default(),
        };
        for interceptor in &*self.interceptors.0 {
            interceptor.after_attempt(&info);
        }
    }
}

impl fmt::Debug for AttemptReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptReporter").finish_non_exhaustive()
    }
}
