//! The fake behind real HTTP on a local port.
//!
//! Use the sandbox for tests that need real HTTP: tests of programs in other languages, tests of custom HTTP clients,
//! and tests that access tokens are not sent to other hosts. The fake produces the responses. This module adds
//! sockets, routing, and checks against the spec. Files are stored in an [`ObjectStore`] on a second port.

mod example_data;
mod server;
mod violation_log;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use carium::documents::DocumentReferenceId;
use carium::{Carium, CariumBuilder};
use tokio::net::TcpListener;

use self::violation_log::ViolationLog;
use crate::fake::FakeCarium;
use crate::faults::FaultInjector;
use crate::listener::Listener;
use crate::object_store::{ObjectStore, PresignPost};
use crate::service::state::ServiceState;
use crate::service::{FileStore, PRESIGN_VALIDITY, PresignedForm, Quirk, Service};
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

/// Builder for [`Sandbox`].
#[must_use = "the sandbox does not run until `start` is called"]
pub struct SandboxBuilder {
    listen: SocketAddr,
    seed: u64,
    quirks: Vec<Quirk>,
    violations: ViolationLog,
}

impl SandboxBuilder {
    fn new() -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { listen, seed: 0, quirks: Vec::new(), violations: ViolationLog::default() }
    }

    /// Sets the address to listen on. Defaults to 127.0.0.1 and a free port.
    ///
    /// The object store always listens on 127.0.0.1 and a free port.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Sets the seed that IDs of created resources are derived from. Defaults to 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Enables a quirk. Can be called several times.
    pub fn quirk(mut self, quirk: Quirk) -> Self {
        self.quirks.push(quirk);
        self
    }

    /// Calls a function for each violation of the spec, instead of panicking when the sandbox is dropped.
    ///
    /// Intended for a sandbox that serves other processes. The function runs on the task of the connection and must
    /// not block.
    pub fn on_violation(mut self, callback: impl Fn(&Violation) + Send + Sync + 'static) -> Self {
        self.violations = ViolationLog::with_callback(Box::new(callback));
        self
    }

    /// Starts the sandbox.
    ///
    /// # Errors
    /// Fails if the address cannot be bound or the HTTP client cannot be created.
    pub async fn start(self) -> io::Result<Sandbox> {
        let faults = Arc::new(FaultInjector::default());
        let store = ObjectStore::with_faults(Arc::clone(&faults)).await?;
        let listener = TcpListener::bind(self.listen).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (state, organization) = ServiceState::with_example_data(self.seed);
        let service = Arc::new(Service::new(state, Arc::new(store.clone()), faults));
        let base_url = url.clone();
        let fake = FakeCarium::from_parts(Arc::clone(&service), organization, move || {
            Carium::builder().base_url(&base_url)
        })
        .map_err(io::Error::other)?;
        fake.set_quirks(self.quirks);
        let violations = Arc::new(self.violations);
        let log = Arc::clone(&violations);
        let listener = Listener::spawn(listener, move |request| {
            let (service, log) = (Arc::clone(&service), Arc::clone(&log));
            async move { server::serve(&service, &log, request).await }
        });
        Ok(Sandbox { fake, store, url, violations, _listener: listener })
    }
}

impl fmt::Debug for SandboxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxBuilder")
            .field("listen", &self.listen)
            .field("seed", &self.seed)
            .field("quirks", &self.quirks)
            .finish_non_exhaustive()
    }
}

impl FileStore for ObjectStore {
    fn presign_upload(&self, id: DocumentReferenceId) -> PresignedForm {
        let form = self.presign_post(PresignPost::new(id.to_string()).valid_for(PRESIGN_VALIDITY));
        PresignedForm { url: form.url, fields: form.fields }
    }

    fn presign_download(&self, id: DocumentReferenceId) -> String {
        self.presign_get(&id.to_string(), PRESIGN_VALIDITY)
    }

    fn file(&self, id: DocumentReferenceId) -> Option<Bytes> {
        self.object(&id.to_string()).map(|object| object.content().clone())
    }
}
