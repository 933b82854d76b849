//! A queue: how it is opened, what it reports, and the decisions of a person about parked rows.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use carium::api::BaseUrl;
use carium::onboarding::{Ledger, Resolution, RowKey, Step};
use carium::patients::OrganizationId;
use carium::{Carium, Error, ErrorKind};
use futures_util::Stream;
use futures_util::stream::{self, TryStreamExt as _};

use crate::database::{Database, QueueLocation, run_sql};
use crate::encryption::{EncryptionKey, RowCipher};
use crate::files::{SourceFiles, SourceText};
use crate::ledger::{DatabaseLedger, EntryHandler, EntryReader, StepCounts};
use crate::limits::Limits;
use crate::outage::Outage;
use crate::row_store::{RowCounts, RowId, RowRecord};
use crate::rows::Salt;
use crate::worker::{ProgressMonitor, WorkProgress, current_heartbeats};
use crate::writer::{WriteHandler, Writer};

/// The base URL and organization that a queue belongs to. A queue cannot be opened for any other target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    base_url: String,
    organization: Option<OrganizationId>,
}

impl Target {
    /// Returns the target of a client.
    pub fn for_client(carium: &Carium) -> Self {
        Self { base_url: carium.api().base_url().to_string(), organization: carium.organization() }
    }

    /// Creates the target of a sandbox. It does not depend on the sandbox's port, which changes with each start.
    pub fn sandbox(organization: impl Into<Option<OrganizationId>>) -> Self {
        Self { base_url: "sandbox".to_owned(), organization: organization.into() }
    }

    /// Returns the base URL, or `sandbox`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns the organization whose lookups (practitioners, types and so on) the rows refer to.
    pub fn organization(&self) -> Option<OrganizationId> {
        self.organization
    }

    /// Checks that a queue which was created for the target `of_queue` may be used for this target.
    pub(crate) fn check(&self, of_queue: &Self) -> Result<(), Error> {
        if self == of_queue {
            return Ok(());
        }
        let message = if self.base_url == of_queue.base_url {
            "the queue was created for another organization"
        } else {
            "the queue was created for another base URL"
        };
        Err(Error::new(ErrorKind::Conflict, message))
    }

    pub(crate) fn from_parts(base_url: String, organization: Option<&str>) -> Result<Self, Error> {
        let invalid =
            |_| Error::new(ErrorKind::Undecodable, "the stored organization of the queue is not an ID");
        let organization = organization.map(str::parse::<OrganizationId>).transpose().map_err(invalid)?;
        Ok(Self { base_url, organization })
    }
}

/// A durable queue of rows to onboard, with a record of each row's state and outcome. Clones share their state and
/// are cheap.
///
/// The database of the queue is the permanent record of which patients were created. If it is deleted, submitting the
/// same file again creates every patient again.
#[derive(Clone)]
pub struct OnboardingQueue(pub(crate) Arc<QueueInner>);

pub(crate) struct QueueInner {
    pub(crate) database: Database,
    pub(crate) writer: Writer,
    pub(crate) entry_reader: EntryReader,
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
        let (base_url, organization, salt, _): QueueColumns =
            run_sql!(Pool(&database.reads), query_as(SELECT_QUEUE).fetch_one)?;
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
        getrandom::fill(&mut salt)
            .map_err(|_| Error::new(ErrorKind::Io, "the random number generator of the system failed"))?;
        let key_check = cipher.as_ref().map(|cipher| cipher.encrypt(KEY_CHECK, KEY_CHECK)).transpose()?;
        // If several processes open a new queue at the same time, the first one creates it.
        let sql = "INSERT INTO carium_queue (singleton, base_url, organization, salt, key_check)
            VALUES (1, $1, $2, $3, $4) ON CONFLICT (singleton) DO NOTHING";
        let (base_url, organization) = (target.base_url(), target.organization().map(|id| id.to_string()));
        let mut transaction = database.begin().await?;
        run_sql!(
            Transaction(&mut transaction),
            query(sql, base_url, organization, salt.as_slice(), key_check).execute
        )?;
        transaction.commit().await?;
        let (base_url, organization, salt, key_check): QueueColumns =
            run_sql!(Pool(&database.reads), query_as(SELECT_QUEUE).fetch_one)?;
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
        let writer = Writer::new(WriteHandler(database.clone()));
        let entry_reader = EntryReader::new(EntryHandler(database.clone()));
        let salt = Salt::new(salt);
        Ok(Self(Arc::new(QueueInner { database, writer, entry_reader, salt, target, cipher, is_inspected })))
    }

    /// Returns the target of the queue.
    pub fn target(&self) -> &Target {
        &self.0.target
    }

    /// Returns the ledger, which records the intent and the result of every step of every row.
    pub fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::new(DatabaseLedger::new(Arc::clone(&self.0)))
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

    /// Counts the rows in each state.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable): the database cannot be used.
    pub async fn status(&self) -> Result<RowCounts, Error> {
        let mut transaction = self.0.database.begin_read().await?;
        let counts = transaction.count_rows().await?;
        transaction.commit().await?;
        Ok(counts)
    }

    /// Returns the progress of the queue, again and again, at intervals of 0.2 to 10 seconds. The interval grows with the time
    /// that counting the rows takes. The stream has no end.
    pub fn progress(&self) -> impl Stream<Item = Result<WorkProgress, Error>> + Send + '_ {
        stream::unfold((ProgressMonitor::new(self), false), |(mut monitor, has_measured)| async move {
            if has_measured {
                monitor.pause().await;
            }
            let progress = monitor.measure().await;
            Some((progress, (monitor, true)))
        })
    }

    /// Counts the steps that were completed for the rows, and the document references without a file. Reads the whole ledger.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable): the database cannot be used.
    pub async fn completed_steps(&self) -> Result<StepCounts, Error> {
        self.0.database.completed_steps().await
    }

    /// Returns the text of a row in its file, and the header line of the file, to copy the row into another file.
    ///
    /// # Errors
    /// - [`NotFound`](ErrorKind::NotFound): no row has this ID.
    /// - [`Corrupt`](ErrorKind::Corrupt): the file has changed since it was submitted.
    /// - [`Io`](ErrorKind::Io): the file cannot be read.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the rows are stored in the database of a server, or come from a file with a
    ///   mapping.
    pub async fn source_text(&self, row: i64) -> Result<SourceText, Error> {
        let stored = self.0.database.row(row).await?.ok_or_else(no_row)?;
        let Some(file) = stored.file else {
            let message =
                "the rows of a queue on a server are encrypted: correct them in the file that was submitted";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        };
        SourceFiles::new(self.0.database.clone(), self.0.salt.clone()).text(file, stored.location).await
    }

    /// Returns the outage that pauses the workers of the queue, as far as the database knows it.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable): the database cannot be used.
    pub async fn outage(&self) -> Result<Option<Outage>, Error> {
        Ok(self.0.database.outage().await?.map(|outage| outage.to_outage()))
    }

    /// Returns all rows, in the order in which they were submitted. The stream keeps one page of rows in memory.
    pub fn report(&self) -> impl Stream<Item = Result<RowRecord, Error>> + Send + '_ {
        self.records(false)
    }

    /// Returns the parked rows, which a person must look at: those that are failed or unknown.
    pub fn parked(&self) -> impl Stream<Item = Result<RowRecord, Error>> + Send + '_ {
        self.records(true)
    }

    fn records(&self, only_parked: bool) -> impl Stream<Item = Result<RowRecord, Error>> + Send + '_ {
        let files = SourceFiles::new(self.0.database.clone(), self.0.salt.clone());
        let start = (0, files, HashSet::new());
        let pages = stream::try_unfold(start, move |(after, files, mut unreadable)| async move {
            let page = self.0.database.rows_after(after, only_parked).await?;
            let last = page.last().map(|row| row.id);
            let keys = files.keys(&page, &mut unreadable).await;
            let records = stream::iter(page.into_iter().zip(keys).map(|(row, key)| row.into_record(key)));
            Ok::<_, Error>(last.map(|last| (records, (last, files, unreadable))))
        });
        pages.try_flatten()
    }

    /// Records what a person found out about a step with an unknown outcome, and puts the row back on the queue.
    ///
    /// # Errors
    /// - [`NotFound`](ErrorKind::NotFound): no row has this ID.
    /// - [`Conflict`](ErrorKind::Conflict): the outcome of the step is not unknown, or is no longer unknown.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the resolution has an ID for an invitation, or no ID for another
    ///   step.
    /// - [`Unavailable`](ErrorKind::Unavailable): the database cannot be used.
    pub async fn resolve(&self, row: i64, step: &Step, resolution: Resolution) -> Result<(), Error> {
        let key = RowKey::new(self.0.database.row(row).await?.ok_or_else(no_row)?.key);
        carium::onboarding::resolve(&*self.ledger(), &key, step, resolution).await?;
        self.requeue(&[row]).await.map(drop)
    }

    /// Puts parked rows back on the queue, and returns their number.
    ///
    /// # Errors
    /// - [`NotFound`](ErrorKind::NotFound): no failed or unknown row has this ID.
    /// - [`Unavailable`](ErrorKind::Unavailable): the database cannot be used. Some of the rows may be on the queue.
    pub async fn retry(&self, which: RetrySelection) -> Result<u64, Error> {
        match which {
            RetrySelection::Row(row) => match self.requeue(&[row]).await? {
                0 => Err(no_row()),
                rows => Ok(rows),
            },
            RetrySelection::Failed => {
                let (mut requeued, mut after) = (0, 0);
                loop {
                    let failed = self.0.database.failed_rows(after).await?;
                    let Some(last) = failed.last() else { return Ok(requeued) };
                    after = *last;
                    requeued += self.requeue(&failed).await?;
                }
            }
        }
    }

    /// Puts those of the rows that are parked back on the queue, and returns their number.
    pub(crate) async fn requeue(&self, rows: &[RowId]) -> Result<u64, Error> {
        let mut transaction = self.0.database.begin().await?;
        let mut unparked = 0;
        for row in rows {
            unparked += u64::from(transaction.unpark(*row).await?);
        }
        transaction.commit().await?;
        Ok(unparked)
    }

    /// Moves the queue to another base URL, for the case that the same service is reached under a new one. `old` must be
    /// the base URL of the queue, so that no other queue is moved by mistake. The organization stays the same.
    ///
    /// The rows keep their states: what was created under the old URL is not created again. Programs that have the
    /// queue open still use the old URL, so stop them first. Afterwards, open the queue again.
    ///
    /// # Errors
    /// - [`Conflict`](ErrorKind::Conflict): the queue belongs to another base URL than `old`, or a worker is running.
    /// - [`Unavailable`](ErrorKind::Unavailable): the database cannot be used.
    pub async fn retarget(&self, old: &BaseUrl, new: &BaseUrl) -> Result<(), Error> {
        let (first, last) = current_heartbeats(self.0.database.now().await?);
        let mut transaction = self.0.database.begin().await?;
        let sql = "SELECT count(*) FROM carium_worker WHERE last_heartbeat BETWEEN $1 AND $2";
        let workers: i64 = run_sql!(Transaction(&mut transaction), query_scalar(sql, first, last).fetch_one)?;
        if workers > 0 {
            let message = "a worker of the queue is running: stop it first";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        let sql = "UPDATE carium_queue SET base_url = $1 WHERE base_url = $2";
        let (old, new) = (old.to_string(), new.to_string());
        let updated = run_sql!(Transaction(&mut transaction), query(sql, new, old).execute)?;
        if updated == 0 {
            return Err(Error::new(ErrorKind::Conflict, "the queue was created for another base URL"));
        }
        transaction.commit().await
    }

    /// Closes the database connections. If the queue is only dropped, they are closed later, in the background.
    pub async fn close(self) {
        self.0.database.close().await;
    }
}

/// The rows that [`OnboardingQueue::retry`] retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetrySelection {
    /// The row with this ID, which must be failed or unknown. Steps with an unknown outcome are not retried.
    Row(i64),
    /// All failed rows.
    Failed,
}

fn no_row() -> Error {
    Error::new(ErrorKind::NotFound, "no row has this ID, or the row is not parked")
}

const SELECT_QUEUE: &str = "SELECT base_url, organization, salt, key_check FROM carium_queue";
type QueueColumns = (String, Option<String>, Vec<u8>, Option<Vec<u8>>);

/// The text that is stored encrypted with the queue's key, to detect a wrong key.
const KEY_CHECK: &[u8] = b"carium-bulk";

impl fmt::Debug for OnboardingQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnboardingQueue").field("target", &self.0.target).finish_non_exhaustive()
    }
}
