//! A Carium on a local port, for tests: the fake behind real HTTP.
//!
//! For what the fake cannot show: programs in other languages, one's own HTTP client, and a token that goes where
//! it must not. The rules are the fake's, as it is the fake that answers; here are only sockets and routes. Files
//! go to an [`ObjectStore`] at an address of its own.

mod faults;
mod route;
mod server;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use carium::documents::DocumentReferenceId;
use carium::{Builder, Carium};
use tokio::net::TcpListener;

use crate::fake::FakeCarium;
use crate::faults::Faults;
use crate::listening::Listening;
use crate::object_store::{ObjectStore, PresignPost};
use crate::service::Service;
use crate::service::store::{Form, Store};
use crate::service::world::World;

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
#[derive(Debug)]
pub struct Sandbox {
    fake: FakeCarium,
    store: ObjectStore,
    url: String,
    _listening: Listening,
}

impl Sandbox {
    /// Starts one, on ports that are free.
    ///
    /// # Errors
    /// There is no port to be had, or no HTTP client can be made here.
    pub async fn start() -> io::Result<Self> {
        let store = ObjectStore::start().await?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let files: Arc<dyn Store> = Arc::new(Files(store.clone()));
        let (world, organization) = World::of_the_page();
        let plan = Arc::new(Faults::default());
        let service = Arc::new(Service::new(world, Arc::clone(&files), Arc::clone(&plan)));
        store.set_plan(move |call, _| faults::of_store(&plan, call));
        let base_url = url.clone();
        let fake = FakeCarium::assembled(Arc::clone(&service), files, organization, move || {
            Carium::builder().base_url(&base_url)
        })
        .map_err(io::Error::other)?;
        let listening =
            Listening::start(listener, move |socket| server::connected(socket, Arc::clone(&service)));
        Ok(Self { fake, store, url, _listening: listening })
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
    pub fn client_builder(&self) -> Builder {
        self.fake.client_builder()
    }

    /// Looks inside.
    pub fn fake(&self) -> &FakeCarium {
        &self.fake
    }

    /// The store that its files are in.
    pub fn object_store(&self) -> &ObjectStore {
        &self.store
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
