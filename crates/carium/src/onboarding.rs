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
//! use carium::onboarding::{FileLedger, NextAction, OnboardingRow, RowKey};
//! # use carium::Carium;
//! # // An in-memory service, so that the example runs offline.
//! # struct Service;
//! # #[carium::api::async_trait]
//! # impl carium::api::Transport for Service {
//! #     async fn send(
//! #         &self,
//! #         operation: &carium::api::Operation,
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
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("onboarding.ledger");
//! let ledger = Arc::new(FileLedger::open(path).await?);
//! let onboarding = carium.onboarding(ledger).documents_folder("scans/");
//! let row = RowKey::new("4711");
//! let mut outcome = onboarding.run(&row, &request).await?;
//! if let NextAction::Retry(_) = outcome.next_action() {
//!     // Continues from the ledger: completed steps are not sent again.
//!     outcome = onboarding.run(&row, &request).await?;
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
//! If the ledger fails after a response was received, writing the result is retried for half a minute. After that, the
//! step is unknown, and its report has the [decision](UnknownOutcome::resolution) that matches the response.
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
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use tracing::Instrument as _;

/// The types of `specs/onboarding.schema.json`.
pub use carium_api::onboarding as schema;

pub use ledger::file::FileLedger;
pub use ledger::memory::MemoryLedger;
pub use ledger::{EntryState, EntryVersion, Ledger, LedgerEntry, Resolution, recorded_outcome, resolve};
pub use outcome::{
    CompletedStep, NextAction, OnboardingOutcome, SkipReason, StepFailure, StepOutcome, StepReport,
    UnknownOutcome, UnknownReason,
};
pub(crate) use request::{Json, ObjectReader, RowProblems};
pub use request::{OnboardingRequest, OnboardingRow};
pub use run::OnboardingServices;
pub use step::{RowKey, Step};

use self::ledger::ledger_error;
use self::lookup_cache::LookupCache;
use self::plan::InputResolver;
use self::run::Run;
use crate::documents::Uploads;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::page::ListOptions;
use crate::patients::OrganizationId;

/// Onboards patients: runs all steps of a row, each at most once.
///
/// Cheap to clone. Clones share the cached lists that names are looked up in.
#[derive(Clone)]
#[must_use]
pub struct Onboarding {
    services: OnboardingServices,
    uploads: Uploads,
    ledger: Arc<dyn Ledger>,
    inputs: InputResolver,
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
        let lookups = LookupCache::new(&services);
        Self {
            services,
            uploads,
            ledger,
            inputs: InputResolver { lookups: Arc::new(lookups), organization: None, documents_folder: None },
            max_concurrent_documents: DEFAULT_MAX_CONCURRENT_DOCUMENTS,
        }
    }

    /// Sets the organization whose groups, practitioners, classes, types and statuses the services list.
    ///
    /// Names are looked up only for rows of this organization. Rows of another organization must use IDs. If unset,
    /// every row must use IDs. [`Carium::onboarding`](crate::Carium::onboarding) sets it to the client's
    /// organization.
    pub fn lookup_organization(mut self, organization: impl Into<Option<OrganizationId>>) -> Self {
        self.inputs.organization = organization.into();
        self
    }

    /// Sets the folder that document paths are relative to.
    ///
    /// A path is rejected if it is absolute, contains `..`, or leaves the folder through a symbolic link. If unset,
    /// every row with documents is rejected.
    pub fn documents_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.inputs.documents_folder = Some(folder.into());
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

    /// Runs the steps of a row that are not completed. To continue an earlier run, call it again with the same ledger.
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
        let span = tracing::info_span!("carium.onboarding", carium.individual_id = tracing::field::Empty);
        async {
            let entries: BTreeMap<Step, LedgerEntry> =
                self.ledger.entries(row).await.map_err(ledger_error)?.into_iter().collect();
            identity::check(request, &entries)?;
            let drop_guard = DropGuard;
            let run = Run {
                services: &self.services,
                uploads: &self.uploads,
                ledger: &self.ledger,
                inputs: &self.inputs,
                max_concurrent_documents: self.max_concurrent_documents,
                row,
                request,
                entries,
            };
            let result = run.finish().await;
            std::mem::forget(drop_guard);
            result
        }
        .instrument(span)
        .await
    }

    /// Sends one call that changes nothing, to find out whether the service can be used: it lists the first appointment
    /// status.
    ///
    /// # Errors
    /// Those of [`Appointments::statuses`](crate::Appointments::statuses).
    pub async fn check_service(&self) -> Result<(), Error> {
        let first = ListOptions::default().page_size(NonZeroU64::MIN).prefetch(0);
        self.services.appointments.statuses(first).try_next().await.map(drop)
    }

    /// Checks whether the files of a row's documents exist in the documents folder. Sends nothing.
    ///
    /// # Errors
    /// - [`InvalidInput`](ErrorKind::InvalidInput): [`Error::problems`] names each file that is missing or not
    ///   readable.
    /// - [`Io`](ErrorKind::Io): the documents folder itself cannot be read.
    pub async fn check_documents(&self, request: &OnboardingRequest) -> Result<(), Error> {
        let all: Vec<usize> = (0..request.row.documents.len()).collect();
        let files = self.inputs.locate_files(request, &all).await;
        plan::combine_errors(files.into_values().filter_map(Result::err).collect()).map_or(Ok(()), Err)
    }
}

/// Reports an onboarding whose future was dropped before it ended.
struct DropGuard;

impl Drop for DropGuard {
    fn drop(&mut self) {
        tracing::warn!(
            carium.outcome = "incomplete",
            "the onboarding of a patient was dropped before it ended: run it again with the same ledger"
        );
    }
}

impl fmt::Debug for Onboarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The documents folder is not shown: its path may contain the name of a person.
        f.debug_struct("Onboarding")
            .field("organization", &self.inputs.organization)
            .field("max_concurrent_documents", &self.max_concurrent_documents)
            .finish_non_exhaustive()
    }
}
