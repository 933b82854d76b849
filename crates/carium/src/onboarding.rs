//! Onboarding: all that is done for one patient, each step of it once.
//!
//! An [`OnboardingRequest`] says what is wanted: the patient is created, and then, side by side, invited, given their
//! documents, and booked their first appointment. Each of these calls may be lost on the way, and most must not be
//! made twice: the service offers no look-up but for documents. So a [`Ledger`] stands before each: an intent is written
//! before a call, and what came of it after the answer. A run that finds an intent and no result does not
//! call again; it says that the step is [unknown](StepOutcome::Unknown), and a person [resolves](resolve()) it.
//!
//! ```
//! use std::sync::Arc;
//!
//! use carium::onboarding::{MemoryLedger, NextAction, OnboardingRow, RowKey};
//! # use carium::Carium;
//! # // A service in memory, so that this runs without one.
//! # struct Service;
//! # #[carium::api::async_trait]
//! # impl carium::api::Transport for Service {
//! #     async fn send(
//! #         &self,
//! #         operation: &'static carium::api::Operation,
//! #         _request: carium::api::http::Request<carium::api::bytes::Bytes>,
//! #     ) -> Result<carium::api::http::Response<carium::api::bytes::Bytes>, carium::api::TransportError> {
//! #         let answer: &[u8] = match operation.id {
//! #             "login" => br#"{"access-token": "token"}"#,
//! #             _ => br#"{"data": {"id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002"}}"#,
//! #         };
//! #         Ok(carium::api::http::Response::new(carium::api::bytes::Bytes::from_static(answer)))
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let carium = Carium::builder()
//! #     .credentials(carium::Credentials::new("username", "password")?)
//! #     .organization("8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse()?)
//! #     .transport(Arc::new(Service))
//! #     .build()?;
//!
//! let line = r#"{
//!     "first-name": "Zoë", "last-name": "O'Hara", "birth-date": "1984-02-29", "gender": "female",
//!     "email": "zoe.ohara@example.com", "invite": ["email"],
//!     "organization-id": "8d25a2a6-8219-40d1-a34f-c24ec69f4f72"
//! }"#;
//! let request = serde_json::from_str::<OnboardingRow>(line)?.check()?;
//!
//! // In production one that outlives the program.
//! let onboarding = carium.onboarding(Arc::new(MemoryLedger::new())).documents_folder("scans/");
//! let row = RowKey::new("4711");
//! let mut outcome = onboarding.run(&row, &request).await?;
//! if let NextAction::Retry(_) = outcome.next_action() {
//!     // What is done is not done again.
//!     outcome = onboarding.resume(&row, &request, &outcome).await?;
//! }
//! assert!(outcome.is_complete() && outcome.patient().is_some());
//! // Written as JSON, it holds ids, kinds of errors and names of fields.
//! println!("{}", serde_json::to_string(&outcome)?);
//! # Ok(())
//! # }
//! ```
//!
//! # What is done once, and what cannot be promised
//! | lost | what a later run does |
//! | --- | --- |
//! | the creation of the patient or of the appointment, an invitation | nothing: it is unknown until a person has looked |
//! | the creation of a document's reference | looks into the record; a reference that is found has no file and is reported as an orphan; the document is filed under a new one. Where several may be it, it is unknown |
//! | a file on its way to the store | sends it again, under a new reference where the form is gone; the old one is an orphan |
//! | the processing of a document | asks for it again, which changes nothing |
//!
//! A future that is dropped leaves what a program leaves that is killed. A machine that is stopped in the middle of a
//! call, for so long that a person decides about the call, and then goes on, may still make it: only the service could
//! rule that out, with idempotency keys.

mod folder;
mod identity;
mod ledger;
mod names;
mod outcome;
mod plan;
mod request;
mod run;
mod step;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use tracing::Instrument as _;

/// The types of `specs/onboarding.schema.json`.
pub use carium_api::onboarding as schema;

pub use ledger::{EntryState, EntryVersion, Ledger, LedgerEntry, MemoryLedger, Resolution, resolve};
pub use outcome::{
    CompletedStep, NextAction, OnboardingOutcome, SkipReason, StepFailure, StepOutcome, StepReport,
    UnknownOutcome, UnknownReason,
};
pub use request::{OnboardingRequest, OnboardingRow};
pub use step::{RowKey, Step};

use self::ledger::failed;
use self::names::Names;
use self::run::Run;
use crate::appointments::Appointments;
use crate::documents::{Documents, Transfers, Uploads};
use crate::error::{Error, ErrorKind};
use crate::fingerprint::Fingerprint;
use crate::invitations::Invitations;
use crate::patients::{OrganizationId, Patients};

/// What an onboarding is done over: the services of a client, fakes, or some of each.
#[derive(Clone)]
#[allow(clippy::exhaustive_structs, reason = "made by those who bring services of their own")]
pub struct Services {
    /// Creates the patient.
    pub patients: Arc<dyn Patients>,
    /// Invites them.
    pub invitations: Arc<dyn Invitations>,
    /// Books the appointment, and lists what one draws on.
    pub appointments: Arc<dyn Appointments>,
    /// The service's side of documents.
    pub documents: Arc<dyn Documents>,
    /// The store's side of documents.
    pub transfers: Arc<dyn Transfers>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").finish_non_exhaustive()
    }
}

/// Does all that is wanted for a patient, each step once.
///
/// Cheap to clone; the clones share what was listed to look names up.
#[derive(Clone)]
#[must_use]
pub struct Onboarding {
    services: Services,
    uploads: Uploads,
    ledger: Arc<dyn Ledger>,
    names: Arc<Names>,
    organization: Option<OrganizationId>,
    folder: Option<PathBuf>,
    max_concurrent_documents: usize,
}

/// Each holds up to 4 MiB.
const DOCUMENTS_AT_A_TIME: usize = 4;

impl Onboarding {
    /// Onboarding over these services. Of a client, [`Carium::onboarding`](crate::Carium::onboarding).
    pub fn new(services: Services, ledger: Arc<dyn Ledger>) -> Self {
        let uploads = Uploads::new(Arc::clone(&services.documents), Arc::clone(&services.transfers));
        Self::over(services, uploads, ledger)
    }

    pub(crate) fn over(services: Services, uploads: Uploads, ledger: Arc<dyn Ledger>) -> Self {
        Self {
            services,
            uploads,
            ledger,
            names: Arc::default(),
            organization: None,
            folder: None,
            max_concurrent_documents: DOCUMENTS_AT_A_TIME,
        }
    }

    /// Whose vocabularies the services list: a row of another organization has to give ids in the place of names.
    /// Left out, so has every row. A client's onboarding knows the organization of the client.
    pub fn lookup_organization(mut self, organization: impl Into<Option<OrganizationId>>) -> Self {
        self.organization = organization.into();
        self
    }

    /// The folder in which the files of documents lie. A path in a row leads down from it: an absolute one, one with
    /// `..`, and one that a link leads out of it are refused. Without a folder, so is every row with documents.
    pub fn documents_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// How many documents of a row are filed at a time, at the most. Left out, 4. Each holds up to 4 MiB.
    pub fn max_concurrent_documents(mut self, documents: usize) -> Self {
        self.max_concurrent_documents = documents.max(1);
        self
    }

    /// The ledger.
    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.ledger
    }

    /// Does what is not done of a row. What the ledger has as done is not done again, and what it has as intended
    /// is not done by itself.
    ///
    /// A key stands for one request. What of it is done, or may be, is held against the request, so that no row is taken
    /// for another whose key it was given:
    ///
    /// | once this is done, or may be | this cannot be mended under the same key |
    /// | --- | --- |
    /// | the patient | their names, birth date, username and organization |
    /// | the invitation | `invite`, but for leaving ways out or inviting in others only |
    /// | a document, or its file is in the store | its class (as it is written), name, description and path, and its place among the documents |
    /// | the appointment | all of it |
    ///
    /// Everything else can be: above all what was certainly not done. What is mended of a patient who is created is not
    /// sent, as the API offers no way to. A step that is asked for no more is left as it is, and the outcome tells of it.
    ///
    /// # Errors
    /// Nothing was sent in this run, and nothing but what was read is known of the row:
    /// - [`InvalidInput`](ErrorKind::InvalidInput): [`Error::problems`] names each step that is done, or may be, for
    ///   another request.
    /// - [`InvalidInput`](ErrorKind::InvalidInput), before there is a patient: a document is not there, or a
    ///   name means nothing. Later, that is a failure of its step.
    /// - What names were looked up with, before there is a patient, or the ledger failed.
    pub async fn run(&self, row: &RowKey, request: &OnboardingRequest) -> Result<OnboardingOutcome, Error> {
        self.go_on(row, request, None).await
    }

    /// Goes on from an outcome of the same row: the ledger is told what it does not know yet, above all what it could
    /// not be told at the time. So a program that keeps outcomes can do with a [`MemoryLedger`], but for what it was at
    /// when it ended.
    ///
    /// # Errors
    /// As for [`run`](Self::run), and [`InvalidInput`](ErrorKind::InvalidInput): the outcome is that of another row.
    pub async fn resume(
        &self,
        row: &RowKey,
        request: &OnboardingRequest,
        outcome: &OnboardingOutcome,
    ) -> Result<OnboardingOutcome, Error> {
        self.go_on(row, request, Some(outcome)).await
    }

    async fn go_on(
        &self,
        row: &RowKey,
        request: &OnboardingRequest,
        outcome: Option<&OnboardingOutcome>,
    ) -> Result<OnboardingOutcome, Error> {
        let span = tracing::info_span!("carium.onboarding", carium.individual_id = tracing::field::Empty);
        async {
            if outcome.is_some_and(|outcome| !outcome.row.is_of(&[row.as_str()])) {
                let what = "the outcome to go on from is that of another row";
                return Err(Error::new(ErrorKind::InvalidInput, what));
            }
            let key = Fingerprint::of(&[row.as_str()])?;
            let mut entries: BTreeMap<Step, LedgerEntry> =
                self.ledger.entries(row).await.map_err(failed)?.into_iter().collect();
            let reports = outcome.map(OnboardingOutcome::steps).unwrap_or_default();
            let told = reports.iter().filter_map(|report| Some((&report.step, report.entry.as_ref()?)));
            // Before the ledger is told anything: what is another request's stays out of it.
            identity::check(request, entries.iter().chain(told))?;
            for report in reports {
                self.catch_up(row, report, &mut entries).await?;
            }
            // What another run wrote meanwhile is among them now.
            identity::check(request, &entries)?;
            Run { onboarding: self, row, request, entries, key }.finish().await
        }
        .instrument(span)
        .await
    }

    /// Tells the ledger what an outcome knows, where that is more.
    async fn catch_up(
        &self,
        row: &RowKey,
        report: &StepReport,
        entries: &mut BTreeMap<Step, LedgerEntry>,
    ) -> Result<(), Error> {
        let (Some(entry), step) = (&report.entry, &report.step) else { return Ok(()) };
        let there = match entries.get(step) {
            None => self.ledger.insert(row, step, entry).await.map_err(failed)?,
            Some(there) if !entry.follows(there) => return Ok(()),
            Some(there) => {
                if !self.ledger.replace(row, step, there.mark(), entry).await.map_err(failed)? {
                    return Err(Error::new(ErrorKind::Conflict, "another run is at the row"));
                }
                None
            }
        };
        entries.insert(step.clone(), there.unwrap_or_else(|| entry.clone()));
        Ok(())
    }

    /// Whether the files of a row's documents are in the folder, without sending anything.
    ///
    /// # Errors
    /// - [`InvalidInput`](ErrorKind::InvalidInput): [`Error::problems`] names each that is not, or is not to be
    ///   read.
    /// - [`Io`](ErrorKind::Io): the folder itself cannot be read.
    pub async fn check_documents(&self, request: &OnboardingRequest) -> Result<(), Error> {
        let all: Vec<usize> = (0..request.row.documents.len()).collect();
        let found = self.files(request, &all).await;
        plan::together(found.into_values().filter_map(Result::err).collect()).map_or(Ok(()), Err)
    }
}

impl fmt::Debug for Onboarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The folder may be named after someone.
        f.debug_struct("Onboarding")
            .field("organization", &self.organization)
            .field("max_concurrent_documents", &self.max_concurrent_documents)
            .finish_non_exhaustive()
    }
}
