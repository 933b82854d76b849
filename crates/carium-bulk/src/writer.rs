//! Writes to the ledger and to the books, those of many rows in one transaction.
//!
//! Each has to be on the disk before its row goes on, and a disk has no time to be asked for each alone. So
//! while one transaction is on its way to the disk, what is asked for meanwhile gathers for the next.

use carium::onboarding::{EntryVersion, LedgerEntry, RowKey, Step};
use carium::{Error, ErrorKind};
use tokio::sync::{mpsc, oneshot};

use crate::database::{Database, Transaction, either, unavailable};
use crate::engine::RowId;

/// How many writes wait for a transaction: rows that ask for more wait themselves.
const WAITING: usize = 1024;
/// How many go into one.
const TOGETHER: usize = 256;

/// Takes writes, and answers when they are on the disk.
#[derive(Clone, Debug)]
pub(crate) struct Writer(mpsc::Sender<(Write, oneshot::Sender<Option<Written>>)>);

/// Something to be written.
#[derive(Debug)]
pub(crate) enum Write {
    /// An entry, unless there is one.
    Insert { row: RowKey, step: Step, entry: LedgerEntry },
    /// An entry in the place of the one with this mark.
    Replace { row: RowKey, step: Step, mark: EntryVersion, entry: LedgerEntry },
    /// What came of a row.
    Settle(Settlement),
}

/// What came of a row, for the books.
#[derive(Clone, Debug)]
pub(crate) struct Settlement {
    pub(crate) row: RowId,
    /// What the books had when the row was taken up: where they have another by now, others were at it meanwhile.
    pub(crate) version: i64,
    pub(crate) state: &'static str,
    pub(crate) tries: i64,
    pub(crate) outcome: Option<String>,
    pub(crate) failure: Option<String>,
    /// Whether it holds whoever else was at it: nothing takes back what is done.
    pub(crate) is_final: bool,
}

/// What came of a write.
#[derive(Debug)]
pub(crate) enum Written {
    /// It is there.
    Yes,
    /// Something else is, which stays; where it was asked for, what.
    No(Option<String>),
}

impl Writer {
    /// Begins to write.
    pub(crate) fn new(database: Database) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(write_all(database, receiver));
        Self(sender)
    }

    /// Writes. Where it fails, it is not known whether it was written.
    pub(crate) async fn write(&self, write: Write) -> Result<Written, Error> {
        let (answer, answered) = oneshot::channel();
        let failed = || Error::new(ErrorKind::Unavailable, "the queue's database cannot be written to");
        self.0.send((write, answer)).await.map_err(|_| failed())?;
        answered.await.ok().flatten().ok_or_else(failed)
    }
}

async fn write_all(
    database: Database,
    mut receiver: mpsc::Receiver<(Write, oneshot::Sender<Option<Written>>)>,
) {
    let mut asked = Vec::with_capacity(TOGETHER);
    while receiver.recv_many(&mut asked, TOGETHER).await > 0 {
        let (writes, answers): (Vec<_>, Vec<_>) = asked.drain(..).unzip();
        match write_together(&database, &writes).await {
            Ok(written) => {
                for (answer, written) in answers.into_iter().zip(written) {
                    // Who asked may have been stopped.
                    let _ = answer.send(Some(written));
                }
            }
            Err(error) => {
                tracing::warn!(%error, writes = writes.len(), "the queue's database cannot be written to");
                for answer in answers {
                    let _ = answer.send(None);
                }
            }
        }
    }
}

async fn write_together(database: &Database, writes: &[Write]) -> Result<Vec<Written>, Error> {
    let mut transaction = database.begin().await?;
    let mut written = Vec::with_capacity(writes.len());
    for write in writes {
        written.push(write.within(&mut transaction).await?);
    }
    transaction.commit().await?;
    Ok(written)
}

impl Write {
    async fn within(&self, transaction: &mut Transaction) -> Result<Written, Error> {
        either!(Transaction, transaction, transaction => match self {
            Self::Insert { row, step, entry } => {
                let step = step.to_string();
                let insert = "INSERT INTO carium_ledger (row_key, step, mark, entry) VALUES ($1, $2, $3, $4)
                    ON CONFLICT (row_key, step) DO NOTHING";
                let insert = sqlx::query(insert).bind(row.as_str()).bind(&step);
                let insert = insert.bind(entry.version().to_string()).bind(json(entry)?);
                if insert.execute(&mut **transaction).await.map_err(unavailable)?.rows_affected() == 1 {
                    return Ok(Written::Yes);
                }
                let there = "SELECT entry FROM carium_ledger WHERE row_key = $1 AND step = $2";
                let there = sqlx::query_scalar(there).bind(row.as_str()).bind(&step);
                there.fetch_optional(&mut **transaction).await.map(Written::No).map_err(unavailable)
            }
            Self::Replace { row, step, mark, entry } => {
                let replace = "UPDATE carium_ledger SET mark = $1, entry = $2
                    WHERE row_key = $3 AND step = $4 AND mark = $5";
                let replace = sqlx::query(replace).bind(entry.version().to_string()).bind(json(entry)?);
                let replace = replace.bind(row.as_str()).bind(step.to_string()).bind(mark.to_string());
                let replaced = replace.execute(&mut **transaction).await.map_err(unavailable)?.rows_affected();
                Ok(if replaced == 1 { Written::Yes } else { Written::No(None) })
            }
            Self::Settle(settlement) => {
                let settle = "UPDATE carium_row
                    SET state = $1, tries = $2, outcome = coalesce($3, outcome), failure = $4, version = version + 1
                    WHERE id = $5 AND state <> 'completed' AND (version = $6 OR $7)";
                let settle = sqlx::query(settle).bind(settlement.state).bind(settlement.tries);
                let settle = settle.bind(settlement.outcome.as_deref()).bind(settlement.failure.as_deref());
                let settle = settle.bind(settlement.row).bind(settlement.version).bind(settlement.is_final);
                let settled = settle.execute(&mut **transaction).await.map_err(unavailable)?.rows_affected();
                Ok(if settled == 1 { Written::Yes } else { Written::No(None) })
            }
        })
    }
}

/// What is kept, as JSON.
pub(crate) fn json(kept: &impl serde::Serialize) -> Result<String, Error> {
    let kept = serde_json::to_string(kept);
    kept.map_err(|_| Error::new(ErrorKind::InvalidInput, "what is to be kept cannot be written as JSON"))
}
