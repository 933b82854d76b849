//! Onboarding: everything that is done for one patient, with each step applied at most once.
//!
//! An [`OnboardingRequest`] describes one patient. [`Onboarding::run`] creates the patient and then, concurrently,
//! sends the invitation, uploads the documents and books the first appointment. The response to any of these calls
//! can be lost, and most of the calls must not be sent twice: apart from documents, the API offers no way to look
//! up whether a call was applied. A [`Ledger`] therefore records an intent before each call, and the result
//! after the response. If a run finds an intent without a result, it does not send the call again. It
//! reports the step as [unknown](StepOutcome::Unknown), and a person checks in Carium and [resolves](resolve()) it.
//!
//! ```
//! use std::sync::Arc;
//!
//! use carium::onboarding::{MemoryLedger, NextAction, OnboardingRow, RowKey};
//! # use carium::Carium;
//! # // An in-memory service, so that the example runs offline.
//! # struct Service;
//! # #[carium::api::async_trait]
//! # impl carium::api::Transport for Service {
//! #     async fn send(
//! #         &self,
//! #         operation: &'static carium::api::Operation,
//! #         _request: carium::api::http::Request<carium::api::bytes::Bytes>,
//! #     ) -> Result<carium::api::http::Response<carium::api::bytes::Bytes>, carium::api::TransportError> {
//! #         let body: &[u8] = match operation.id {
//! #             "login" => br#"{"access-token": "token"}"#,
//! #             _ => br#"{"data": {"id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002"}}"#,
//! #         };
//! #         Ok(carium::api::http::Response::new(carium::api::bytes::Bytes::from_static(body)))
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
//! // In production, use a ledger that outlives the program.
//! let onboarding = carium.onboarding(Arc::new(MemoryLedger::new())).documents_folder("scans/");
//! let row = RowKey::new("4711");
//! let mut outcome = onboarding.run(&row, &request).await?;
//! if let NextAction::Retry(_) = outcome.next_action() {
//!     // Completed steps are not sent again.
//!     outcome = onboarding.resume(&row, &request, &outcome).await?;
//! }
//! assert!(outcome.is_complete() && outcome.patient().is_some());
//! // The JSON form contains IDs, error kinds and field names only.
//! println!("{}", serde_json::to_string(&outcome)?);
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees and limits
//! | lost response or request | what a later run does |
//! | --- | --- |
//! | creating the patient, creating the appointment, sending the invitation | Nothing. The step is unknown until a person has checked it. |
//! | creating a document reference | Lists the patient's documents. A matching reference has no file: it is reported as an orphan, and the document is uploaded under a new reference. If several documents could match, the step is unknown. |
//! | uploading a file | Uploads the file again. If the presigned form is no longer available, the file is uploaded under a new reference and the old one is an orphan. |
//! | processing a document | Requests the processing again, which is idempotent. |
//!
//! Dropping a future has the same effect as killing the program: an intent without a result remains in the ledger.
//!
//! One case cannot be prevented on the client side. A machine may be suspended between writing an intent and
//! sending the call. If a person resolves the step in the meantime, the call may still be sent when the machine
//! wakes up. Only idempotency keys in the service could rule that out.

mod documents_folder;
mod identity;
mod ledger;
mod lookup_cache;
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

use self::ledger::ledger_error;
use self::lookup_cache::LookupCache;
use self::run::Run;
use crate::appointments::Appointments;
use crate::documents::{Documents, Transfers, Uploads};
use crate::error::{Error, ErrorKind};
use crate::fingerprint::Fingerprint;
use crate::invitations::Invitations;
use crate::patients::{OrganizationId, Patients};

/// The services that an [`Onboarding`] calls: those of a client, fakes, or a mix of both.
#[derive(Clone)]
#[allow(clippy::exhaustive_structs, reason = "callers with their own services construct it")]
pub struct OnboardingServices {
    /// Creates the patient.
    pub patients: Arc<dyn Patients>,
    /// Sends the invitation.
    pub invitations: Arc<dyn Invitations>,
    /// Books the appointment and lists practitioners, appointment types and statuses.
    pub appointments: Arc<dyn Appointments>,
    /// Creates, lists and processes document references, and lists document classes.
    pub documents: Arc<dyn Documents>,
    /// Uploads files to the object store.
    pub transfers: Arc<dyn Transfers>,
}

impl fmt::Debug for OnboardingServices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnboardingServices").finish_non_exhaustive()
    }
}

/// Onboards patients: runs all steps of a row, each at most once.
///
/// Cheap to clone. Clones share the cached lists that names are looked up in.
#[derive(Clone)]
#[must_use]
pub struct Onboarding {
    services: OnboardingServices,
    uploads: Uploads,
    ledger: Arc<dyn Ledger>,
    lookups: Arc<LookupCache>,
    organization: Option<OrganizationId>,
    folder: Option<PathBuf>,
    max_concurrent_documents: usize,
}

/// An upload buffers up to 4 MiB, so the default limits a row to 16 MiB.
const DEFAULT_MAX_CONCURRENT_DOCUMENTS: usize = 4;

impl Onboarding {
    /// Creates an onboarding that calls the given services.
    ///
    /// For the services of a client, use [`Carium::onboarding`](crate::Carium::onboarding).
    pub fn new(services: OnboardingServices, ledger: Arc<dyn Ledger>) -> Self {
        let uploads = Uploads::new(Arc::clone(&services.documents), Arc::clone(&services.transfers));
        Self::with_uploads(services, uploads, ledger)
    }

    /// Creates an onboarding that uploads through a configured [`Uploads`].
    pub(crate) fn with_uploads(
        services: OnboardingServices,
        uploads: Uploads,
        ledger: Arc<dyn Ledger>,
    ) -> Self {
        Self {
            services,
            uploads,
            ledger,
            lookups: Arc::default(),
            organization: None,
            folder: None,
            max_concurrent_documents: DEFAULT_MAX_CONCURRENT_DOCUMENTS,
        }
    }

    /// Sets the organization whose practitioners, classes, types and statuses the services list.
    ///
    /// Names are looked up only for rows of this organization. Rows of another organization must use IDs. If unset,
    /// every row must use IDs. [`Carium::onboarding`](crate::Carium::onboarding) sets it to the client's
    /// organization.
    pub fn lookup_organization(mut self, organization: impl Into<Option<OrganizationId>>) -> Self {
        self.organization = organization.into();
        self
    }

    /// Sets the folder that document paths are relative to.
    ///
    /// A path is rejected if it is absolute, contains `..`, or leaves the folder through a symbolic link. If unset,
    /// every row with documents is rejected.
    pub fn documents_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Sets the maximum number of documents of one row that are uploaded concurrently. Defaults to 4. Each upload
    /// buffers up to 4 MiB.
    pub fn max_concurrent_documents(mut self, documents: usize) -> Self {
        self.max_concurrent_documents = documents.max(1);
        self
    }

    /// Returns the ledger.
    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.ledger
    }

    /// Runs the steps of a row that are not completed.
    ///
    /// A step that the ledger has as [completed](EntryState::Completed) is not sent again. A step that the ledger
    /// has as an [intent](EntryState::Intent) may have been applied and is not sent again either, except for
    /// documents, which can be looked up.
    ///
    /// A row key belongs to one request. For each step that is completed or may have been applied, the ledger keeps
    /// a fingerprint of the requested values. A request with other values is rejected, so that one row is never
    /// mistaken for another that was given the same key:
    ///
    /// | once this is completed or may have been applied | these values are fixed for the key |
    /// | --- | --- |
    /// | the patient | names, birth date, username and organization |
    /// | the invitation | `invite`, except that it can be emptied or changed to channels that were not invited before |
    /// | a document, or only its upload | class (as written in the row), name, description, path, and its position in the list |
    /// | the appointment | all fields |
    ///
    /// All other values can be corrected under the same key, in particular those of a step that was certainly not
    /// applied. Corrections to a patient that already exists are not sent, because the API has no operation for it. A
    /// step that the row no longer requests is left as it is and listed in the outcome.
    ///
    /// # Errors
    /// Nothing was sent in this run:
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the key belongs to another request. [`Error::problems`] names
    ///   each step that is completed, or may have been applied, with other values.
    /// - [`InvalidInput`](ErrorKind::InvalidInput), only before the patient is created: a document does not exist,
    ///   or a name cannot be resolved. After that, the step fails instead.
    /// - Other kinds: the ledger failed, or the patient is not created yet and listing the names failed.
    pub async fn run(&self, row: &RowKey, request: &OnboardingRequest) -> Result<OnboardingOutcome, Error> {
        self.run_from(row, request, None).await
    }

    /// Runs a row again, starting from an earlier outcome of the same row.
    ///
    /// Results that are in the outcome but not in the ledger are written to the ledger first, in particular those
    /// that could not be written at the time. A program that stores outcomes can therefore use a [`MemoryLedger`].
    /// It loses only the state of steps that were in progress when it was terminated.
    ///
    /// # Errors
    /// Those of [`run`](Self::run), and:
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the outcome belongs to another row.
    /// - [`Conflict`](ErrorKind::Conflict): another run changed the ledger at the same time.
    pub async fn resume(
        &self,
        row: &RowKey,
        request: &OnboardingRequest,
        outcome: &OnboardingOutcome,
    ) -> Result<OnboardingOutcome, Error> {
        self.run_from(row, request, Some(outcome)).await
    }

    async fn run_from(
        &self,
        row: &RowKey,
        request: &OnboardingRequest,
        outcome: Option<&OnboardingOutcome>,
    ) -> Result<OnboardingOutcome, Error> {
        let span = tracing::info_span!("carium.onboarding", carium.individual_id = tracing::field::Empty);
        async {
            if outcome.is_some_and(|outcome| !outcome.row.matches_texts(&[row.as_str()])) {
                let message = "the outcome to resume from belongs to another row";
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
            let row_fingerprint = Fingerprint::new(&[row.as_str()])?;
            let mut entries: BTreeMap<Step, LedgerEntry> =
                self.ledger.entries(row).await.map_err(ledger_error)?.into_iter().collect();
            let reports = outcome.map(OnboardingOutcome::steps).unwrap_or_default();
            let reported = reports.iter().filter_map(|report| Some((&report.step, report.entry.as_ref()?)));
            // Checked before the ledger is updated, so that entries of another request are not written to it.
            identity::check(request, entries.iter().chain(reported))?;
            for report in reports {
                self.update_ledger(row, report, &mut entries).await?;
            }
            // `update_ledger` may have read entries that another run wrote in the meantime.
            identity::check(request, &entries)?;
            Run { onboarding: self, row, request, entries, row_fingerprint }.finish().await
        }
        .instrument(span)
        .await
    }

    /// Writes the entry of a report to the ledger, if it is newer than the ledger's own.
    async fn update_ledger(
        &self,
        row: &RowKey,
        report: &StepReport,
        entries: &mut BTreeMap<Step, LedgerEntry>,
    ) -> Result<(), Error> {
        let (Some(entry), step) = (&report.entry, &report.step) else { return Ok(()) };
        let existing = match entries.get(step) {
            None => self.ledger.insert(row, step, entry).await.map_err(ledger_error)?,
            Some(current) if !entry.supersedes(current) => return Ok(()),
            Some(current) => {
                if !self
                    .ledger
                    .compare_and_swap(row, step, current.version(), entry)
                    .await
                    .map_err(ledger_error)?
                {
                    let message = "another run is processing this row; retry later";
                    return Err(Error::new(ErrorKind::Conflict, message));
                }
                None
            }
        };
        entries.insert(step.clone(), existing.unwrap_or_else(|| entry.clone()));
        Ok(())
    }

    /// Checks whether the files of a row's documents exist in the documents folder. Sends nothing.
    ///
    /// # Errors
    /// - [`InvalidInput`](ErrorKind::InvalidInput): [`Error::problems`] names each file that is missing or not
    ///   readable.
    /// - [`Io`](ErrorKind::Io): the documents folder itself cannot be read.
    pub async fn check_documents(&self, request: &OnboardingRequest) -> Result<(), Error> {
        let all: Vec<usize> = (0..request.row.documents.len()).collect();
        let files = self.locate_files(request, &all).await;
        plan::combine_errors(files.into_values().filter_map(Result::err).collect()).map_or(Ok(()), Err)
    }
}

impl fmt::Debug for Onboarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The documents folder is not shown: its path may contain the name of a person.
        f.debug_struct("Onboarding")
            .field("organization", &self.organization)
            .field("max_concurrent_documents", &self.max_concurrent_documents)
            .finish_non_exhaustive()
    }
}
