//! The HTTP server of the object store and its shared state.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::header::ALLOW;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::address::Resource;
use super::call_log::{CallLog, StoreCall};
use super::clock::Clock;
use super::error::S3Error;
use super::fault::StoreFault;
use super::get::get;
use super::object::Object;
use super::post::post;
use super::response::BufferedResponse;
use super::sign::Signer;
use crate::listener::{BodyEnd, Connection, ConnectionClosed, CutSignal, ResponseBody};

/// Selects the fault for a call, given the index of the call among those of its method.
pub(super) type SelectFault = dyn Fn(&StoreCall, usize) -> Option<StoreFault> + Send + Sync;

/// The state that all connections share.
pub(super) struct StoreState {
    pub(super) url: String,
    pub(super) clock: Clock,
    pub(super) signer: Signer,
    pub(super) calls: CallLog,
    /// By key.
    objects: Mutex<BTreeMap<String, Object>>,
    faults: Mutex<Option<Arc<SelectFault>>>,
    /// Used for calls for which `faults` selects none.
    fallback_faults: OnceLock<Arc<SelectFault>>,
    max_object_bytes: AtomicU64,
}

impl fmt::Debug for StoreState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreState").finish_non_exhaustive()
    }
}

impl StoreState {
    pub(super) fn new(url: String, max_object_bytes: u64) -> Self {
        Self {
            url,
            clock: Clock::start(),
            signer: Signer::random(),
            calls: CallLog::default(),
            objects: Mutex::default(),
            faults: Mutex::default(),
            fallback_faults: OnceLock::new(),
            max_object_bytes: AtomicU64::new(max_object_bytes),
        }
    }

    pub(super) fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Object>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn object(&self, key: &str) -> Option<Object> {
        self.objects().get(key).cloned()
    }

    pub(super) fn put(&self, key: String, object: Object) {
        self.objects().insert(key, object.with_last_modified(self.clock.now()));
    }

    pub(super) fn max_object_bytes(&self) -> u64 {
        self.max_object_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn set_max_object_bytes(&self, bytes: u64) {
        self.max_object_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn set_faults(&self, select: Option<Arc<SelectFault>>) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = select;
    }

    pub(super) fn set_fallback_faults(&self, select: Arc<SelectFault>) {
        // The sandbox that owns the store sets this once. A second call has no effect.
        let _ = self.fallback_faults.set(select);
    }

    fn fault(&self, call: &StoreCall, method_index: usize) -> Option<StoreFault> {
        // The lock is released before the function runs, because the function may set other faults.
        let select = self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let fault = select.and_then(|select| select(call, method_index));
        fault.or_else(|| self.fallback_faults.get().and_then(|select| select(call, method_index)))
    }
}

pub(super) async fn serve_connection(socket: TcpStream, store: Arc<StoreState>) {
    let cut = CutSignal::default();
    let connection = TokioIo::new(Connection { socket, cut: cut.clone() });
    let handler = service_fn(move |request| {
        let (store, cut) = (Arc::clone(&store), cut.clone());
        async move { serve(&store, cut, request).await }
    });
    drop(http1::Builder::new().serve_connection(connection, handler).await);
}

async fn serve(
    store: &StoreState,
    cut: CutSignal,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, ConnectionClosed> {
    let resource = Resource::from_path(request.uri().path());
    let key = match &resource {
        Resource::Object(key) => Some(key.clone()),
        Resource::Bucket | Resource::UnknownBucket => None,
    };
    let method = request.method().clone();
    let call = StoreCall::new(method.clone(), key, request.headers());
    let (entry, method_index) = store.calls.add(call.clone());
    let fault = store.fault(&call, method_index);
    let (response, end) = match method {
        Method::POST => (post(store, &resource, request, entry.clone(), fault).await?, BodyEnd::Complete),
        Method::GET => {
            let (head, _) = request.into_parts();
            let response = get(store, &resource, &head, fault.as_ref());
            match fault {
                Some(StoreFault::LoseResponse) => return Err(ConnectionClosed),
                Some(StoreFault::Respond(injected) | StoreFault::ApplyThenRespond(injected)) => {
                    (injected.into(), BodyEnd::Complete)
                }
                Some(StoreFault::ApplyThenHang) => (response, BodyEnd::Hang(0)),
                Some(StoreFault::Truncate) => {
                    let half = response.body.len() as u64 / 2;
                    (response, BodyEnd::Cut(half, cut))
                }
                Some(StoreFault::ResetAfter(bytes)) => (response, BodyEnd::Cut(bytes, cut)),
                Some(StoreFault::HangAfter(bytes)) => (response, BodyEnd::Hang(bytes)),
                _ => (response, BodyEnd::Complete),
            }
        }
        _ => {
            let response = BufferedResponse::from(S3Error::method_not_allowed());
            (response.with_header(ALLOW, "GET, POST"), BodyEnd::Complete)
        }
    };
    entry.update(|call| call.status = Some(response.status.as_u16()));
    Ok(response.into_response(end))
}
