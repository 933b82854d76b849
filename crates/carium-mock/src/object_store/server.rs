//! Who listens, and what becomes of a request.

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

use super::address::Place;
use super::answer::Answer;
use super::call::{Calls, StoreCall};
use super::clock::Clock;
use super::fault::StoreFault;
use super::get::get;
use super::object::Object;
use super::post::post;
use super::refusal::Refusal;
use super::sign::Signer;
use crate::listening::{Closed, Connection, Content, End, Scissors};

pub(super) type Decide = dyn Fn(&StoreCall, usize) -> Option<StoreFault> + Send + Sync;

/// What the connections share.
pub(super) struct Store {
    pub(super) url: String,
    pub(super) clock: Clock,
    pub(super) signer: Signer,
    pub(super) calls: Calls,
    objects: Mutex<BTreeMap<String, Object>>,
    faults: Mutex<Option<Arc<Decide>>>,
    /// What goes wrong beside that: by the plan of whom the store belongs to.
    plan: OnceLock<Arc<Decide>>,
    object_limit: AtomicU64,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    pub(super) fn new(url: String, object_limit: u64) -> Self {
        Self {
            url,
            clock: Clock::start(),
            signer: Signer::random(),
            calls: Calls::default(),
            objects: Mutex::default(),
            faults: Mutex::default(),
            plan: OnceLock::new(),
            object_limit: AtomicU64::new(object_limit),
        }
    }

    pub(super) fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Object>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn object(&self, key: &str) -> Option<Object> {
        self.objects().get(key).cloned()
    }

    pub(super) fn put(&self, key: String, object: Object) {
        self.objects().insert(key, object.modified(self.clock.now()));
    }

    pub(super) fn object_limit(&self) -> u64 {
        self.object_limit.load(Ordering::Relaxed)
    }

    pub(super) fn set_object_limit(&self, bytes: u64) {
        self.object_limit.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn set_faults(&self, decide: Option<Arc<Decide>>) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = decide;
    }

    /// Has more go wrong, for good.
    pub(super) fn set_plan(&self, plan: Arc<Decide>) {
        // Whose the store is does not change.
        let _ = self.plan.set(plan);
    }

    fn fault(&self, call: &StoreCall, nth: usize) -> Option<StoreFault> {
        // Not decided under the lock: whoever decides may set other faults.
        let decide = self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let fault = decide.and_then(|decide| decide(call, nth));
        fault.or_else(|| self.plan.get().and_then(|plan| plan(call, nth)))
    }
}

/// Serves one connection.
pub(super) async fn connected(socket: TcpStream, store: Arc<Store>) {
    let scissors = Scissors::default();
    let connection = TokioIo::new(Connection { socket, scissors: scissors.clone() });
    let service = service_fn(move |request| {
        let (store, scissors) = (Arc::clone(&store), scissors.clone());
        async move { serve(&store, scissors, request).await }
    });
    drop(http1::Builder::new().serve_connection(connection, service).await);
}

async fn serve(
    store: &Store,
    scissors: Scissors,
    request: Request<Incoming>,
) -> Result<Response<Content>, Closed> {
    let place = Place::of(request.uri().path());
    let key = match &place {
        Place::Key(key) => Some(key.clone()),
        Place::Bucket | Place::Elsewhere => None,
    };
    let method = request.method().clone();
    let call = StoreCall::new(method.clone(), key, request.headers());
    let (record, nth) = store.calls.begin(call.clone());
    let fault = store.fault(&call, nth);
    let (answer, end) = match method {
        Method::POST => (post(store, &place, request, record.clone(), fault).await?, End::Whole),
        Method::GET => {
            let (head, _) = request.into_parts();
            let answer = get(store, &place, &head, fault.as_ref());
            match fault {
                Some(StoreFault::LostResponse) => return Err(Closed),
                Some(StoreFault::Status(fault) | StoreFault::ApplyThenStatus(fault)) => {
                    (fault.into(), End::Whole)
                }
                Some(StoreFault::ApplyThenStall) => (answer, End::Silence(0)),
                Some(StoreFault::Truncated) => {
                    let half = answer.body.len() as u64 / 2;
                    (answer, End::Cut(half, scissors))
                }
                Some(StoreFault::ResetAfter(bytes)) => (answer, End::Cut(bytes, scissors)),
                Some(StoreFault::StallAfter(bytes)) => (answer, End::Silence(bytes)),
                _ => (answer, End::Whole),
            }
        }
        _ => (Answer::from(Refusal::method_not_allowed()).with(ALLOW, "GET, POST"), End::Whole),
    };
    record.note(|call| call.status = Some(answer.status.as_u16()));
    Ok(answer.send(end))
}
