//! An object store on a local port, as strict as Amazon S3 with forms that upload and links that download.
//!
//! It does the part of S3 that clients without an account there meet: presigned `POST` and presigned `GET`, with
//! S3's statuses and error documents. Objects are kept in memory. It can be told to fail, at an exact byte where
//! that matters, and it tells what came.
//!
//! ```
//! use carium_mock::object_store::{ObjectStore, PresignPost, StoreFault};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = ObjectStore::start().await?;
//! let form = store.presign_post(PresignPost::new("reports/1").content_type("text/plain"));
//! assert_eq!(form.fields[1], ("Content-Type".to_owned(), "text/plain".to_owned()));
//! // The first download ends after 10 bytes; what comes after it goes well.
//! store.set_faults(|call, nth| (call.method == "GET" && nth == 0).then_some(StoreFault::ResetAfter(10)));
//! # Ok(())
//! # }
//! ```
//!
//! # What is stricter than S3
//!
//! A client that keeps to these rules does well with S3 too; the reverse would not show its mistakes.
//!
//! - Nothing may follow the file in a form. S3 ignores what does.
//! - The fields come in the order in which they were presigned. To S3 only those after the file are out of order.
//! - No field comes twice.
//!
//! # What is otherwise than in S3
//!
//! - There is one bucket, one region, and one access key. Each store has a secret of its own.
//! - The ETag is a SHA-256. A file name that was uploaded with the file is the one that downloads state.
//! - A method other than `GET` and `POST` is refused as such, before its signature is looked at.
//! - `${filename}` in a key, `success_action_redirect`, `x-amz-meta-` and conditional requests other than
//!   `If-Range` do nothing.
//! - What can be refused early is answered before the whole body has been read. What still comes is read and
//!   thrown away, so that the client gets the answer rather than a reset.
//!
//! # Time
//!
//! It is tokio's, which a test can pause and advance. Forms end to the millisecond. Links state whole seconds, as
//! S3's do: one may end up to a second earlier than it was asked for.

mod address;
mod answer;
mod call;
mod clock;
mod fault;
mod form;
mod get;
mod object;
mod policy;
mod post;
mod presign;
mod query;
mod range;
mod refusal;
mod server;
mod sign;
mod upload;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;

pub use self::call::StoreCall;
pub use self::fault::{StoreFault, StoreResponse};
pub use self::object::Object;
pub use self::presign::{PresignPost, PresignedPost};
use self::server::{Store, connected};
use crate::listening::Listening;

/// How many bytes an object may have unless it is said otherwise.
const OBJECT_LIMIT: u64 = 64 * 1024 * 1024;

/// A store that listens on 127.0.0.1. Its clones are the same store, which stops when the last of them is dropped.
#[derive(Clone, Debug)]
pub struct ObjectStore {
    store: Arc<Store>,
    _listening: Arc<Listening>,
}

impl ObjectStore {
    /// Starts an empty store, on a port that is free.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let store = Arc::new(Store::new(url, OBJECT_LIMIT));
        let shared = Arc::clone(&store);
        let listening = Listening::start(listener, move |socket| connected(socket, Arc::clone(&shared)));
        Ok(Self { store, _listening: Arc::new(listening) })
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.store.url
    }

    /// A form that uploads one file. It may be used again while it is valid, as with S3; what is there is then
    /// replaced.
    pub fn presign_post(&self, upload: PresignPost) -> PresignedPost {
        upload.sign(&self.store.signer, &self.store.clock, &self.store.url)
    }

    /// A link that downloads what is under the key, for so many whole seconds, a week at the most. Nothing need be
    /// there yet.
    pub fn presign_get(&self, key: &str, valid_for: Duration) -> String {
        presign::presign_get(key, valid_for, &self.store.signer, &self.store.clock, &self.store.url)
    }

    /// Puts content there, without a type or a file name.
    pub fn put(&self, key: &str, content: impl Into<Bytes>) {
        self.put_object(key, Object::new(content));
    }

    /// Puts an object there, with its type and its file name.
    pub fn put_object(&self, key: &str, object: Object) {
        self.store.put(key.to_owned(), object);
    }

    /// What is under the key.
    pub fn object(&self, key: &str) -> Option<Object> {
        self.store.object(key)
    }

    /// All keys, sorted.
    pub fn keys(&self) -> Vec<String> {
        self.store.objects().keys().cloned().collect()
    }

    /// What came since the start, in its order; of more than a hundred thousand calls, the last of them.
    pub fn calls(&self) -> Vec<StoreCall> {
        self.store.calls.all()
    }

    /// Decides from now on which calls go wrong, and how. It is asked when a call's headers are there, with its
    /// number among those of its method, counted from 0.
    pub fn set_faults(
        &self,
        decide: impl Fn(&StoreCall, usize) -> Option<StoreFault> + Send + Sync + 'static,
    ) {
        self.store.set_faults(Some(Arc::new(decide)));
    }

    /// What goes wrong by the plan of whom the store belongs to, where [`set_faults`](Self::set_faults) has nothing.
    pub(crate) fn set_plan(
        &self,
        decide: impl Fn(&StoreCall, usize) -> Option<StoreFault> + Send + Sync + 'static,
    ) {
        self.store.set_plan(Arc::new(decide));
    }

    /// From now on all goes well.
    pub fn clear_faults(&self) {
        self.store.set_faults(None);
    }

    /// How many bytes an upload may have, 64 MiB if nothing is said. One that has more is refused with
    /// `EntityTooLarge`, whatever its form allows.
    pub fn set_object_limit(&self, bytes: u64) {
        self.store.set_object_limit(bytes);
    }
}
