//! An object store on a local port that is as strict as Amazon S3 about presigned uploads and downloads.
//!
//! It implements the part of S3 that clients without an AWS account use: presigned `POST` and presigned `GET`, with
//! S3's statuses and error documents. Objects are kept in memory. Faults can be injected, at an exact byte where that
//! matters, and all calls are recorded.
//!
//! ```
//! use carium_mock::object_store::{ObjectStore, PresignPost, StoreFault};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = ObjectStore::start().await?;
//! let form = store.presign_post(PresignPost::new("reports/1").content_type("text/plain"));
//! assert_eq!(form.fields[1], ("Content-Type".to_owned(), "text/plain".to_owned()));
//! // The first download is cut after 10 bytes. Later downloads succeed.
//! store.set_faults(|call, index| (call.method == "GET" && index == 0).then_some(StoreFault::ResetAfter(10)));
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

mod address;
mod call_log;
mod clock;
mod error;
mod fault;
mod form;
mod get;
mod object;
mod policy;
mod post;
mod presign;
mod query;
mod range;
mod response;
mod server;
mod sign;
mod upload_body;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;

pub use self::call_log::StoreCall;
pub use self::fault::{StoreFault, StoreResponse};
pub use self::object::Object;
pub use self::presign::{PresignPost, PresignedPost};
use self::server::{StoreState, serve_connection};
use crate::listener::Listener;

/// The default maximum size of an object in bytes.
const MAX_OBJECT_BYTES: u64 = 64 * 1024 * 1024;

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
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(StoreState::new(url, MAX_OBJECT_BYTES));
        let shared = Arc::clone(&state);
        let listener = Listener::spawn(listener, move |socket| serve_connection(socket, Arc::clone(&shared)));
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
        upload.sign(&self.state.signer, &self.state.clock, &self.state.url)
    }

    /// Presigns a link that downloads the object with this key. The object does not have to exist yet.
    ///
    /// `valid_for` is rounded down to whole seconds and limited to one week.
    pub fn presign_get(&self, key: &str, valid_for: Duration) -> String {
        presign::presign_get(key, valid_for, &self.state.signer, &self.state.clock, &self.state.url)
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

    /// Sets a function that selects the fault for each call.
    ///
    /// The function is called when the headers of a call have been read. Its arguments are the call and the index of
    /// the call among those of the same method, counted from 0.
    pub fn set_faults(
        &self,
        select: impl Fn(&StoreCall, usize) -> Option<StoreFault> + Send + Sync + 'static,
    ) {
        self.state.set_faults(Some(Arc::new(select)));
    }

    /// Sets a function that selects a fault for calls for which [`set_faults`](Self::set_faults) selects none. The
    /// sandbox uses it for its fault plan. It can be set only once.
    pub(crate) fn set_fallback_faults(
        &self,
        select: impl Fn(&StoreCall, usize) -> Option<StoreFault> + Send + Sync + 'static,
    ) {
        self.state.set_fallback_faults(Arc::new(select));
    }

    /// Removes the faults set with [`set_faults`](Self::set_faults).
    pub fn clear_faults(&self) {
        self.state.set_faults(None);
    }

    /// Sets the maximum size of an uploaded object in bytes. Defaults to 64 MiB.
    ///
    /// A larger upload is rejected with `EntityTooLarge`, even if its form allows the size.
    pub fn set_max_object_bytes(&self, bytes: u64) {
        self.state.set_max_object_bytes(bytes);
    }
}
