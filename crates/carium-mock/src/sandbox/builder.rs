//! The builder of a sandbox.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use carium::Carium;
use tokio::net::TcpListener;

use super::violation_log::ViolationLog;
use super::{Sandbox, SandboxFileStore, server, store_faults};
use crate::fake::FakeCarium;
use crate::faults::FaultInjector;
use crate::listener::Listener;
use crate::object_store::ObjectStore;
use crate::service::file_store::FileStore;
use crate::service::state::ServiceState;
use crate::service::{Quirk, Service};
use crate::spec_check::Violation;

/// Builder for [`Sandbox`].
#[must_use = "the sandbox does not run until `start` is called"]
pub struct SandboxBuilder {
    listen: SocketAddr,
    seed: u64,
    quirks: Vec<Quirk>,
    violations: ViolationLog,
}

impl SandboxBuilder {
    pub(super) fn new() -> Self {
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
        let store = ObjectStore::start().await?;
        let listener = TcpListener::bind(self.listen).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let file_store: Arc<dyn FileStore> = Arc::new(SandboxFileStore(store.clone()));
        let (state, organization) = ServiceState::with_example_data(self.seed);
        let faults = Arc::new(FaultInjector::default());
        let service = Arc::new(Service::new(state, Arc::clone(&file_store), Arc::clone(&faults)));
        store.set_fallback_faults(move |call, _| store_faults::next(&faults, call));
        let base_url = url.clone();
        let fake = FakeCarium::from_parts(Arc::clone(&service), file_store, organization, move || {
            Carium::builder().base_url(&base_url)
        })
        .map_err(io::Error::other)?;
        fake.set_quirks(self.quirks);
        let violations = Arc::new(self.violations);
        let log = Arc::clone(&violations);
        let listener = Listener::spawn(listener, move |socket| {
            server::serve_connection(socket, Arc::clone(&service), Arc::clone(&log))
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
