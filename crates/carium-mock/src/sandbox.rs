//! A Carium on a local port, for tests: the fake behind real HTTP.
//!
//! For what the fake cannot show: programs in other languages, one's own HTTP client, and a token that goes where
//! it must not. The rules are the fake's, as it is the fake that answers; here are only sockets and routes. Files
//! go to an [`ObjectStore`] at an address of its own.

mod builder;
mod faults;
mod record;
mod route;
mod server;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use carium::documents::DocumentReferenceId;
use carium::{Carium, CariumBuilder};

pub use builder::SandboxBuilder;
use record::Record;

use crate::contract::Violation;
use crate::fake::FakeCarium;
use crate::listening::Listening;
use crate::object_store::{ObjectStore, PresignPost};
use crate::service::store::{Form, Store};

/// A Carium that listens on 127.0.0.1. Stops when it is dropped.
///
/// It knows what the vendor's Examples page knows: its ids, the account `username` with `password`, and a user
/// `example@example.com` to invite.
///
/// ```
/// use carium::NewInvitation;
/// use carium_mock::Sandbox;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sandbox = Sandbox::start().await?;
/// sandbox.client().invitations().send(NewInvitation::by_email("example@example.com")?).await?;
/// assert_eq!(sandbox.fake().invitations_to("example@example.com").len(), 1);
/// # Ok(())
/// # }
/// ```
///
/// # What differs from the spec
///
/// Every request and every answer is held against the spec itself. What differs is kept
/// ([`violations`](Self::violations)) and fails the test: when the sandbox is dropped, it panics with all of them. So
/// a test in another language, or of one's own client, need not look at what was sent. A test that provokes
/// violations takes them ([`take_violations`](Self::take_violations)) and asserts what they are.
///
/// A request that the service refuses by its rules is none: a username that is taken, an id of nothing, a wrong
/// password. One that the spec does not know is, although it is answered as the service would.
#[derive(Debug)]
pub struct Sandbox {
    fake: FakeCarium,
    store: ObjectStore,
    url: String,
    record: Arc<Record>,
    _listening: Listening,
}

impl Sandbox {
    /// Starts one, on ports that are free.
    ///
    /// # Errors
    /// There is no port to be had, or no HTTP client can be made here.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Begins to set one up: with an address, a seed or quirks of its own, or for others to talk to.
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder::new()
    }

    /// Where it listens: `http://127.0.0.1:PORT`, the base URL for a client.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client of it, signed in when it has to be.
    pub fn client(&self) -> &Carium {
        self.fake.client()
    }

    /// Begins to set up another client of it.
    pub fn client_builder(&self) -> CariumBuilder {
        self.fake.client_builder()
    }

    /// Looks inside.
    pub fn fake(&self) -> &FakeCarium {
        &self.fake
    }

    /// How the calls so far differed from the spec, in their order. The first thousand are kept.
    pub fn violations(&self) -> Vec<Violation> {
        self.record.all()
    }

    /// The same, which is forgotten by this: a test that provokes them does not fail for them.
    pub fn take_violations(&self) -> Vec<Violation> {
        self.record.take()
    }

    /// The store that its files are in.
    pub fn object_store(&self) -> &ObjectStore {
        &self.store
    }
}

impl Drop for Sandbox {
    #[allow(clippy::panic, reason = "to fail the test that owns it is what it is asked for")]
    fn drop(&mut self) {
        // A test that fails already says why, and a second panic would end the process.
        if self.record.is_observed() || thread::panicking() {
            return;
        }
        let violations = self.record.all();
        if !violations.is_empty() {
            let lines: Vec<_> = violations.iter().map(|deviation| format!("\n  {deviation}")).collect();
            panic!("calls of the sandbox differed from the spec:{}", lines.concat());
        }
    }
}

/// The object store as the service's.
struct Files(ObjectStore);

/// How long what is presigned is valid.
const VALID_FOR: Duration = Duration::from_hours(1);

impl Store for Files {
    fn form(&self, id: DocumentReferenceId) -> Form {
        let form = self.0.presign_post(PresignPost::new(id.to_string()).valid_for(VALID_FOR));
        Form { url: form.url, fields: form.fields }
    }

    fn url(&self, id: DocumentReferenceId) -> String {
        self.0.presign_get(&id.to_string(), VALID_FOR)
    }

    fn file(&self, id: DocumentReferenceId) -> Option<Bytes> {
        self.0.object(&id.to_string()).map(|object| object.content().clone())
    }
}
