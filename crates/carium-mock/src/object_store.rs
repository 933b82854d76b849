//! An object store on a local port that is as strict as Amazon S3 about presigned uploads and downloads.
//!
//! It implements the part of S3 that clients without an AWS account use: presigned `POST` and presigned `GET`, with
//! S3's statuses and error documents. Objects are kept in memory. Faults can be injected, at an exact byte where that
//! matters, and all calls are recorded.
//!
//! [`Sandbox::object_store`](crate::Sandbox::object_store) returns the store of a sandbox. A store can also be started
//! alone:
//!
//! ```
//! use carium_mock::Fault;
//! use carium_mock::object_store::{ObjectStore, PresignPost};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = ObjectStore::start().await?;
//! let form = store.presign_post(PresignPost::new("reports/1").content_type("text/plain"));
//! assert_eq!(form.fields[1], ("Content-Type".to_owned(), "text/plain".to_owned()));
//! // The first download is cut after 10 bytes. Later downloads succeed.
//! store.set_faults([Fault::on_download().reset_after(10)]);
//! # Ok(())
//! # }
//! ```
//!
//! # Stricter than S3
//!
//! A client that follows these rules also works with S3. A store that did not enforce them could hide mistakes.
//!
//! - Nothing may follow the file in a form. S3 ignores such fields.
//! - The fields must have the order in which they were presigned. S3 only requires that they precede the file.
//! - No field may occur twice.
//!
//! # Different from S3
//!
//! - There is one bucket, one region and one access key. Each store has its own secret.
//! - The ETag is a SHA-256 digest. Downloads return the file name that was uploaded with the file.
//! - Methods other than `GET` and `POST` are rejected before their signature is checked.
//! - `${filename}` in a key, `success_action_redirect`, `x-amz-meta-` and conditional requests other than `If-Range`
//!   have no effect.
//! - A request that can be rejected early receives its response before the whole body is read. The rest of the body
//!   is read and discarded, so that the client receives the response rather than a connection reset.
//!
//! # Time
//!
//! The store uses tokio's clock, which a test can pause and advance. Forms expire to the millisecond. As in S3, links
//! have whole seconds, so a link may expire up to a second early.

mod download;
mod policy;
mod response;
mod signature;
mod state;
mod upload;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::header::ALLOW;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use tokio::net::TcpListener;

pub use self::policy::{PresignPost, PresignedPost};
use self::response::{ResponseExt as _, S3Error};
use self::signature::Resource;
use self::state::StoreState;
pub use self::state::{Object, StoreCall};
use crate::faults::{FaultInjector, FaultPlan};
use crate::listener::{BodyEnd, Listener, Reply};

/// An object store that listens on 127.0.0.1. Clones share the same store, which stops when the last clone is
/// dropped.
#[derive(Clone, Debug)]
pub struct ObjectStore {
    state: Arc<StoreState>,
    _listener: Arc<Listener>,
}

impl ObjectStore {
    /// Starts an empty store on a free port.
    pub async fn start() -> io::Result<Self> {
        Self::with_faults(Arc::default()).await
    }

    /// Starts an empty store that gets its faults from a shared plan.
    pub(crate) async fn with_faults(faults: Arc<FaultInjector>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(StoreState::new(url, faults));
        let shared = Arc::clone(&state);
        let listener = Listener::spawn(listener, move |request| {
            let store = Arc::clone(&shared);
            async move { serve(&store, request).await }
        });
        Ok(Self { state, _listener: Arc::new(listener) })
    }

    /// Returns the URL of the store: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.state.url
    }

    /// Presigns a form that uploads one file.
    ///
    /// As in S3, the form can be used several times while it is valid. Each upload replaces the object.
    pub fn presign_post(&self, upload: PresignPost) -> PresignedPost {
        upload.sign(&self.state)
    }

    /// Presigns a link that downloads the object with this key. The object does not have to exist yet.
    ///
    /// `valid_for` is rounded down to whole seconds and limited to one week.
    pub fn presign_get(&self, key: &str, valid_for: Duration) -> String {
        download::presign_get(&self.state, key, valid_for)
    }

    /// Stores an object without a media type and a file name.
    pub fn put(&self, key: &str, content: impl Into<Bytes>) {
        self.put_object(key, Object::new(content));
    }

    /// Stores an object with its media type and file name.
    pub fn put_object(&self, key: &str, object: Object) {
        self.state.put(key.to_owned(), object);
    }

    /// Returns the object with this key.
    pub fn object(&self, key: &str) -> Option<Object> {
        self.state.object(key)
    }

    /// Returns all keys, sorted.
    pub fn keys(&self) -> Vec<String> {
        self.state.objects().keys().cloned().collect()
    }

    /// Returns the calls since the start, in order. At most the last 100,000 calls are kept.
    pub fn calls(&self) -> Vec<StoreCall> {
        self.state.calls.all()
    }

    /// Injects these faults into uploads and downloads. Accepts a list of [`Fault`](crate::Fault)s or a [`FaultPlan`].
    ///
    /// Replaces the previous plan and resets the call counters. The store of a sandbox shares its plan with the
    /// service, so [`FakeCarium::set_faults`](crate::FakeCarium::set_faults) has the same effect.
    pub fn set_faults(&self, plan: impl Into<FaultPlan>) {
        self.state.faults.set(plan.into());
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.set_faults(FaultPlan::default());
    }

    /// Sets the maximum size of an uploaded object in bytes. Defaults to 64 MiB.
    ///
    /// A larger upload is rejected with `EntityTooLarge`, even if its form allows the size.
    pub fn set_max_object_bytes(&self, bytes: u64) {
        self.state.max_object_bytes.store(bytes, Ordering::Relaxed);
    }
}

async fn serve(store: &StoreState, request: Request<Incoming>) -> Reply {
    let resource = Resource::from_path(request.uri().path());
    let key = match &resource {
        Resource::Object(key) => Some(key.clone()),
        Resource::Bucket | Resource::UnknownBucket => None,
    };
    let method = request.method().clone();
    let entry = store.calls.add(StoreCall::new(method.clone(), key, request.headers()));
    let (response, end) = match method {
        Method::POST => (upload::post(store, &resource, request, entry.clone()).await?, BodyEnd::Complete),
        Method::GET => download::get(store, &resource, &request.into_parts().0)?,
        _ => {
            let response = Response::from(S3Error::method_not_allowed());
            (response.with_header(ALLOW, "GET, POST"), BodyEnd::Complete)
        }
    };
    entry.update(|call| call.status = Some(response.status().as_u16()));
    Ok((response, end))
}
