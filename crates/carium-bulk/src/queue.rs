//! Opening a queue, and access to its target, ledger and limits.

use std::fmt;
use std::sync::Arc;

use carium::onboarding::Ledger;
use carium::{Error, ErrorKind};

use crate::Target;
use crate::database::{Database, QueueLocation, for_backend, unavailable};
use crate::encryption::{EncryptionKey, RowCipher};
use crate::engine::{Engine, RiverEngine};
use crate::ledger::DatabaseLedger;
use crate::limits::Limits;
use crate::rows::Salt;
use crate::writer::Writer;

/// A durable queue of rows to onboard, with a record of each row's state and outcome. Clones share their state and
/// are cheap.
///
/// The database of the queue is the permanent record of which patients were created. If it is deleted, submitting the
/// same file again creates every patient again.
#[derive(Clone)]
pub struct OnboardingQueue(pub(crate) Arc<QueueInner>);

pub(crate) struct QueueInner {
    pub(crate) database: Database,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) writer: Writer,
    pub(crate) salt: Salt,
    pub(crate) target: Target,
    pub(crate) cipher: Option<RowCipher>,
    pub(crate) is_inspected: bool,
}

impl OnboardingQueue {
    /// Opens a queue in a SQLite file, and creates the file if it does not exist. A queue on a PostgreSQL server
    /// needs a key; open it with [`open_encrypted`](Self::open_encrypted).
    ///
    /// # Errors
    /// - [`Conflict`](ErrorKind::Conflict): the queue was created for another target, or by a newer version.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the location is invalid, or the queue needs a key.
    /// - [`Unavailable`](ErrorKind::Unavailable): the database cannot be used.
    pub async fn open(location: &QueueLocation, target: Target) -> Result<Self, Error> {
        Self::open_with_key(location, target, None).await
    }

    /// Opens a queue whose rows are stored encrypted in its database. Every worker needs the same key.
    ///
    /// # Errors
    /// The same as for [`open`](Self::open), and [`Conflict`](ErrorKind::Conflict) if the queue was created with
    /// another key.
    pub async fn open_encrypted(
        location: &QueueLocation,
        target: Target,
        key: &EncryptionKey,
    ) -> Result<Self, Error> {
        Self::open_with_key(location, target, Some(key)).await
    }

    /// Opens an existing queue without its key and for any target, to see its state and to decide about its rows.
    ///
    /// - It reads: [`status`](Self::status), [`report`](Self::report), [`parked`](Self::parked), [`limits`](Self::limits)
    ///   and [`ledger`](Self::ledger) work as usual.
    /// - It may write states and limits: [`resolve`](Self::resolve), [`retry`](Self::retry) and
    ///   [`set_limits`](Self::set_limits) work as usual. Opening also updates the schema of the database.
    /// - It does not touch the content of rows: [`submit`](Self::submit) and [`work`](Self::work) fail.
    ///
    /// # Errors
    /// - [`NotFound`](ErrorKind::NotFound): the queue does not exist.
    /// - [`Conflict`](ErrorKind::Conflict): the queue was created by a newer version.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the location is invalid.
    /// - [`Unavailable`](ErrorKind::Unavailable): the database cannot be used.
    pub async fn inspect(location: &QueueLocation) -> Result<Self, Error> {
        let database = Database::open_existing(location).await?;
        let columns: QueueColumns = for_backend!(Pool, &database.durable, pool => {
            sqlx::query_as(SELECT_QUEUE).fetch_one(pool).await.map_err(unavailable)?
        });
        let (base_url, organization, salt, _) = columns;
        let target = Target::from_parts(base_url, organization.as_deref())?;
        Self::new(database, target, salt, None, true)
    }

    /// Checks that the queue was not opened with [`inspect`](Self::inspect).
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict): the queue was opened for inspection.
    pub(crate) fn check_not_inspected(&self) -> Result<(), Error> {
        if self.0.is_inspected {
            let message = "the queue is open for inspection: rows cannot be submitted or processed";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        Ok(())
    }

    async fn open_with_key(
        location: &QueueLocation,
        target: Target,
        key: Option<&EncryptionKey>,
    ) -> Result<Self, Error> {
        let database = Database::open(location).await?;
        let cipher = key.map(RowCipher::new).transpose()?;
        if database.stores_rows() && cipher.is_none() {
            let message = "a queue on a server needs a key, because it stores rows encrypted";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let cipher = cipher.filter(|_| database.stores_rows());
        let mut salt = [0; 32];
        fill_random(&mut salt)?;
        let key_check = cipher.as_ref().map(|cipher| cipher.encrypt(KEY_CHECK, KEY_CHECK)).transpose()?;
        let (base_url, organization, salt, key_check) = for_backend!(Pool, &database.durable, pool => {
            // If several processes open a new queue at the same time, the first one creates it.
            let sql = "INSERT INTO carium_queue (singleton, base_url, organization, salt, key_check)
                VALUES (1, $1, $2, $3, $4) ON CONFLICT (singleton) DO NOTHING";
            let query = sqlx::query(sql).bind(target.base_url());
            let query = query.bind(target.organization().map(|id| id.to_string()));
            let query = query.bind(salt.as_slice()).bind(key_check);
            query.execute(pool).await.map_err(unavailable)?;
            let columns: QueueColumns = sqlx::query_as(SELECT_QUEUE).fetch_one(pool).await.map_err(unavailable)?;
            columns
        });
        target.check(&Target::from_parts(base_url, organization.as_deref())?)?;
        if let (Some(cipher), Some(key_check)) = (&cipher, key_check) {
            let decrypted = cipher.decrypt(KEY_CHECK, key_check);
            decrypted
                .map_err(|_| Error::new(ErrorKind::Conflict, "the queue was created with another key"))?;
        }
        Self::new(database, target, salt, cipher, false)
    }

    fn new(
        database: Database,
        target: Target,
        salt: Vec<u8>,
        cipher: Option<RowCipher>,
        is_inspected: bool,
    ) -> Result<Self, Error> {
        let salt = salt.try_into().map_err(|_| {
            Error::new(ErrorKind::Undecodable, "the stored salt of the queue is not 32 bytes")
        })?;
        let engine: Arc<dyn Engine> = Arc::new(RiverEngine::new(database.clone())?);
        let writer = Writer::new(database.clone());
        let salt = Salt::new(salt);
        Ok(Self(Arc::new(QueueInner { database, engine, writer, salt, target, cipher, is_inspected })))
    }

    /// Returns the target of the queue.
    pub fn target(&self) -> &Target {
        &self.0.target
    }

    /// Returns the ledger, which records the intent and the result of every step of every row.
    pub fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::new(DatabaseLedger::new(self.0.database.clone(), self.0.writer.clone()))
    }

    /// Sets the limits of all workers together. They take effect within a second.
    ///
    /// # Errors
    /// - [`InvalidInput`](ErrorKind::InvalidInput): a limit is out of range.
    /// - [`Unavailable`](ErrorKind::Unavailable): the database cannot be used.
    pub async fn set_limits(&self, limits: Limits) -> Result<(), Error> {
        self.0.database.set_limits(limits).await
    }

    /// Returns the limits of all workers together.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable): the database cannot be used.
    pub async fn limits(&self) -> Result<Limits, Error> {
        self.0.database.limits().await
    }

    /// Closes the database connections. If the queue is only dropped, they are closed later, in the background.
    pub async fn close(self) {
        self.0.database.close().await;
    }
}

const SELECT_QUEUE: &str = "SELECT base_url, organization, salt, key_check FROM carium_queue";
type QueueColumns = (String, Option<String>, Vec<u8>, Option<Vec<u8>>);

/// The text that is stored encrypted with the queue's key, to detect a wrong key.
const KEY_CHECK: &[u8] = b"carium-bulk";

/// Fills a buffer from the random number generator of the operating system.
fn fill_random(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes)
        .map_err(|_| Error::new(ErrorKind::Io, "the random number generator of the system failed"))
}

impl fmt::Debug for OnboardingQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnboardingQueue").field("target", &self.0.target).finish_non_exhaustive()
    }
}
