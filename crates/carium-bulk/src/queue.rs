//! A queue: opened, and what it is made of.

use std::fmt;
use std::sync::Arc;

use carium::onboarding::Ledger;
use carium::{Error, ErrorKind};

use crate::Target;
use crate::database::{Database, QueueLocation, either, unavailable};
use crate::engine::{Engine, River};
use crate::ledger::BulkLedger;
use crate::limits::Limits;
use crate::rows::Salt;
use crate::seal::{EncryptionKey, Seal};
use crate::writer::Writer;

/// A queue of rows to onboard, with the books of what came of each. Cheap to clone; the clones are one.
///
/// The books and the ledger are the permanent record: whoever deletes them forgets which patients are there.
#[derive(Clone)]
pub struct OnboardingQueue(pub(crate) Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) database: Database,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) writer: Writer,
    pub(crate) salt: Salt,
    pub(crate) target: Target,
    pub(crate) seal: Option<Seal>,
    pub(crate) is_for_reading: bool,
}

impl OnboardingQueue {
    /// Opens a queue in a file of SQLite, and makes it where there is none. One on a server needs a key:
    /// [`open_encrypted`](Self::open_encrypted).
    ///
    /// # Errors
    /// - [`Conflict`](ErrorKind::Conflict): the queue was made for another target, or by a newer version.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the location cannot be read, or needs a key.
    /// - [`Unavailable`](ErrorKind::Unavailable): the database.
    pub async fn open(location: &QueueLocation, target: Target) -> Result<Self, Error> {
        Self::opened(location, target, None).await
    }

    /// Opens a queue whose rows lie sealed in its database: every worker needs the same key.
    ///
    /// # Errors
    /// As for [`open`](Self::open), and [`Conflict`](ErrorKind::Conflict) for another key than the queue was made
    /// with.
    pub async fn open_encrypted(
        location: &QueueLocation,
        target: Target,
        key: &EncryptionKey,
    ) -> Result<Self, Error> {
        Self::opened(location, target, Some(key)).await
    }

    /// Opens the books of a queue that is there, whatever it was made for and without its key: to look what came of its
    /// rows, and to decide on those that are parked. Rows can be neither submitted to it nor worked on.
    ///
    /// # Errors
    /// - [`NotFound`](ErrorKind::NotFound): there is no queue.
    /// - [`Conflict`](ErrorKind::Conflict): it was made by a newer version.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the location cannot be read.
    /// - [`Unavailable`](ErrorKind::Unavailable): the database.
    pub async fn open_read_only(location: &QueueLocation) -> Result<Self, Error> {
        let database = Database::open_existing(location).await?;
        let made: Made = either!(Pool, &database.durable, pool => {
            sqlx::query_as(MADE).fetch_one(pool).await.map_err(unavailable)?
        });
        let (base_url, organization, salt, _) = made;
        let target = Target::from_parts(base_url, organization.as_deref())?;
        Self::of_parts(database, target, salt, None, true)
    }

    /// Whether rows can be submitted to it and worked on.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict).
    pub(crate) fn check_is_for_work(&self) -> Result<(), Error> {
        if self.0.is_for_reading {
            return Err(Error::new(ErrorKind::Conflict, "the queue was opened to look at its books only"));
        }
        Ok(())
    }

    async fn opened(
        location: &QueueLocation,
        target: Target,
        key: Option<&EncryptionKey>,
    ) -> Result<Self, Error> {
        let database = Database::open(location).await?;
        let seal = key.map(Seal::new).transpose()?;
        if database.is_shared() && seal.is_none() {
            let what = "a queue on a server needs a key: its rows lie there sealed";
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        let seal = seal.filter(|_| database.is_shared());
        let mut salt = [0; 32];
        fill(&mut salt)?;
        let check = seal.as_ref().map(|seal| seal.seal(CHECK, CHECK)).transpose()?;
        let (made_for, organization, salt, check) = either!(Pool, &database.durable, pool => {
            // Whoever comes first makes it.
            let make = "INSERT INTO carium_queue (only_one, base_url, organization, salt, key_check)
                VALUES (1, $1, $2, $3, $4) ON CONFLICT (only_one) DO NOTHING";
            let make = sqlx::query(make).bind(target.base_url());
            let make = make.bind(target.organization().map(|id| id.to_string())).bind(salt.as_slice()).bind(check);
            make.execute(pool).await.map_err(unavailable)?;
            let made: Made = sqlx::query_as(MADE).fetch_one(pool).await.map_err(unavailable)?;
            made
        });
        target.check(&Target::from_parts(made_for, organization.as_deref())?)?;
        if let (Some(seal), Some(check)) = (&seal, check) {
            let opened = seal.open(CHECK, check);
            opened.map_err(|_| Error::new(ErrorKind::Conflict, "the queue was made with another key"))?;
        }
        Self::of_parts(database, target, salt, seal, false)
    }

    fn of_parts(
        database: Database,
        target: Target,
        salt: Vec<u8>,
        seal: Option<Seal>,
        is_for_reading: bool,
    ) -> Result<Self, Error> {
        let salt =
            salt.try_into().map_err(|_| Error::new(ErrorKind::Undecodable, "the queue has no salt"))?;
        let engine: Arc<dyn Engine> = Arc::new(River::new(database.clone())?);
        let writer = Writer::new(database.clone());
        let salt = Salt::new(salt);
        Ok(Self(Arc::new(Parts { database, engine, writer, salt, target, seal, is_for_reading })))
    }

    /// What it is for.
    pub fn target(&self) -> &Target {
        &self.0.target
    }

    /// The ledger: the record of what was intended for its rows, and of what came of it.
    pub fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::new(BulkLedger::new(self.0.database.clone(), self.0.writer.clone()))
    }

    /// Sets what all workers together keep to, from within a second on.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput): it is out of range.
    pub async fn set_limits(&self, limits: Limits) -> Result<(), Error> {
        self.0.database.set_limits(limits).await
    }

    /// What all workers together keep to.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable): the database.
    pub async fn limits(&self) -> Result<Limits, Error> {
        self.0.database.limits().await
    }

    /// Closes its connections. Where it is only dropped, that comes later.
    pub async fn close(self) {
        self.0.database.close().await;
    }
}

/// What a queue was made for, with what it was made with.
const MADE: &str = "SELECT base_url, organization, salt, key_check FROM carium_queue";
type Made = (String, Option<String>, Vec<u8>, Option<Vec<u8>>);

/// What is sealed to tell whether a key is the queue's.
const CHECK: &[u8] = b"carium-bulk";

/// Fills a salt from the system's source of random.
fn fill(salt: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(salt).map_err(|_| Error::new(ErrorKind::Io, "the system has no random numbers"))
}

impl fmt::Debug for OnboardingQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnboardingQueue").field("target", &self.0.target).finish_non_exhaustive()
    }
}
