//! The fake behind real HTTP on a local port.
//!
//! Use the sandbox for tests that need real HTTP: of programs in other languages, of custom HTTP clients, or that
//! access tokens are not sent to other hosts. The fake produces the responses. This module adds sockets, routing, and
//! checks against the spec. Files are stored in an [`ObjectStore`] on a second port.

mod builder;
mod route;
mod server;
mod store_faults;
mod violation_log;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use carium::documents::DocumentReferenceId;
use carium::{Carium, CariumBuilder};

pub use builder::SandboxBuilder;
use violation_log::ViolationLog;

use crate::fake::FakeCarium;
use crate::listener::Listener;
use crate::object_store::{ObjectStore, PresignPost};
use crate::service::file_store::{FileStore, PresignedForm};
use crate::spec_check::Violation;

/// A fake Carium service that listens on a local port. It stops when it is dropped.
///
/// Its initial data is that of the vendor's Examples page: the IDs on the page, the account `username` with the
/// password `password`, and a user `example@example.com` who can be invited.
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
/// # Violations of the spec
///
/// The sandbox checks every request and response against the spec and collects the [`violations`](Self::violations).
/// If there are any when the sandbox is dropped, it panics with a list of them and so fails the test. A test of a
/// custom client or of a program in another language therefore does not have to inspect the requests. A test that
/// provokes violations on purpose takes them with [`take_violations`](Self::take_violations) and checks them.
///
/// A request that conforms to the spec is not a violation, even if the service rejects it, for example because of a
/// taken username, an unknown ID or a wrong password. A request that does not conform to the spec is a violation,
/// even if the service accepts it.
#[derive(Debug)]
pub struct Sandbox {
    fake: FakeCarium,
    store: ObjectStore,
    url: String,
    violations: Arc<ViolationLog>,
    _listener: Listener,
}

impl Sandbox {
    /// Starts a sandbox on free ports.
    ///
    /// # Errors
    /// Fails if no port can be bound or the HTTP client cannot be created.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Returns a builder, to set the address, the seed, quirks, or a callback for violations.
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder::new()
    }

    /// Returns the base URL for clients: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns a client of this sandbox. It signs in automatically.
    pub fn client(&self) -> &Carium {
        self.fake.client()
    }

    /// Returns a builder for another client of this sandbox.
    pub fn client_builder(&self) -> CariumBuilder {
        self.fake.client_builder()
    }

    /// Returns the fake behind the sandbox, to inspect and change its state and to inject faults.
    pub fn fake(&self) -> &FakeCarium {
        &self.fake
    }

    /// Returns the violations of the spec so far, in order. At most the first 1,000 are kept.
    pub fn violations(&self) -> Vec<Violation> {
        self.violations.all()
    }

    /// Returns the violations of the spec so far and removes them, so that they do not fail the test.
    pub fn take_violations(&self) -> Vec<Violation> {
        self.violations.take()
    }

    /// Returns the object store that contains the files.
    pub fn object_store(&self) -> &ObjectStore {
        &self.store
    }
}

impl Drop for Sandbox {
    #[allow(clippy::panic, reason = "the documented way to fail the test that owns the sandbox")]
    fn drop(&mut self) {
        // If the test is already panicking, a second panic would abort the process.
        if self.violations.has_callback() || thread::panicking() {
            return;
        }
        let violations = self.violations.all();
        if !violations.is_empty() {
            let lines: Vec<_> = violations.iter().map(|violation| format!("\n  {violation}")).collect();
            panic!("calls to the sandbox violated the spec:{}", lines.concat());
        }
    }
}

/// Lets the service use the object store.
struct SandboxFileStore(ObjectStore);

/// How long presigned forms and URLs are valid.
const VALID_FOR: Duration = Duration::from_hours(1);

impl FileStore for SandboxFileStore {
    fn presign_upload(&self, id: DocumentReferenceId) -> PresignedForm {
        let form = self.0.presign_post(PresignPost::new(id.to_string()).valid_for(VALID_FOR));
        PresignedForm { url: form.url, fields: form.fields }
    }

    fn presign_download(&self, id: DocumentReferenceId) -> String {
        self.0.presign_get(&id.to_string(), VALID_FOR)
    }

    fn file(&self, id: DocumentReferenceId) -> Option<Bytes> {
        self.0.object(&id.to_string()).map(|object| object.content().clone())
    }
}
