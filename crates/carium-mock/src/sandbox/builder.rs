//! A sandbox that is being set up.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use carium::Carium;
use tokio::net::TcpListener;

use super::record::Record;
use super::{Files, Sandbox, faults, server};
use crate::contract::Violation;
use crate::fake::FakeCarium;
use crate::faults::Faults;
use crate::listening::Listening;
use crate::object_store::ObjectStore;
use crate::service::store::Store;
use crate::service::world::World;
use crate::service::{Quirk, Service};

/// A sandbox that is being set up.
#[must_use = "it does nothing before it is started"]
pub struct SandboxBuilder {
    listen: SocketAddr,
    seed: u64,
    quirks: Vec<Quirk>,
    record: Record,
}

impl SandboxBuilder {
    pub(super) fn new() -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { listen, seed: 0, quirks: Vec::new(), record: Record::default() }
    }

    /// Where it is to listen: 127.0.0.1 and a port that is free, if nothing is said. Its object store is on
    /// 127.0.0.1 and a port that is free in any case.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// What the ids of whatever is created follow from: 0, if nothing is said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Has one thing more be done in the other way.
    pub fn quirk(mut self, quirk: Quirk) -> Self {
        self.quirks.push(quirk);
        self
    }

    /// Shows each deviation from the spec to a function when it comes up, instead of failing the owner at the
    /// end: for a sandbox that others talk to. The function is called on the connection's task, and must not wait.
    pub fn on_violation(mut self, observe: impl Fn(&Violation) + Send + Sync + 'static) -> Self {
        self.record = Record::observed(Box::new(observe));
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// The address cannot be listened on, or no HTTP client can be made here.
    pub async fn start(self) -> io::Result<Sandbox> {
        let store = ObjectStore::start().await?;
        let listener = TcpListener::bind(self.listen).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let files: Arc<dyn Store> = Arc::new(Files(store.clone()));
        let (world, organization) = World::of_the_page(self.seed);
        let plan = Arc::new(Faults::default());
        let service = Arc::new(Service::new(world, Arc::clone(&files), Arc::clone(&plan)));
        store.set_plan(move |call, _| faults::of_store(&plan, call));
        let base_url = url.clone();
        let fake = FakeCarium::assembled(Arc::clone(&service), files, organization, move || {
            Carium::builder().base_url(&base_url)
        })
        .map_err(io::Error::other)?;
        fake.set_quirks(self.quirks);
        let record = Arc::new(self.record);
        let noted = Arc::clone(&record);
        let listening = Listening::start(listener, move |socket| {
            server::connected(socket, Arc::clone(&service), Arc::clone(&noted))
        });
        Ok(Sandbox { fake, store, url, record, _listening: listening })
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
