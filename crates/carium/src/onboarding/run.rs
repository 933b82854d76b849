//! One run of a row: runs the steps that are not completed. Steps whose outcome is unknown are only reported, except
//! for documents, which are looked up first.

mod document;
mod step_ledger;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use carium_api::onboarding::OnboardingAppointment;
use carium_api::uuid::Uuid;
use futures_util::future::{BoxFuture, FutureExt as _, OptionFuture, join3};
use futures_util::stream::{self, StreamExt as _};

use self::document::{DocumentMatch, DocumentStep, look_up};
use self::step_ledger::{Duplicate, StepLedger};
use super::identity::StepIdentity;
use super::ledger::{EntryState, Ledger, LedgerEntry};
use super::outcome::{OnboardingOutcome, SkipReason, StepFailure, StepOutcome, StepReport};
use super::plan::{AppointmentInputs, DocumentInputs, InputResolver, Plan};
use super::request::OnboardingRequest;
use super::step::{RowKey, Step};
use crate::appointments::Appointments;
use crate::documents::{DocumentReferenceId, Documents, NewDocument, Transfers, Uploads};
use crate::error::{Error, ErrorKind};
use crate::invitations::{Invitations, NewInvitation};
use crate::organizations::Organizations;
use crate::patients::{IndividualId, Patients};
use crate::problem::Problem;

/// The services that an [`Onboarding`](super::Onboarding) calls: those of a client, fakes, or a mix of both.
#[derive(Clone)]
#[allow(clippy::exhaustive_structs, reason = "callers with their own services construct it")]
pub struct OnboardingServices {
    /// Lists the groups of the organization.
    pub organizations: Arc<dyn Organizations>,
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

/// A document whose inputs are resolved and valid.
struct PreparedDocument {
    document: NewDocument,
    /// `None` if the file is already in the object store.
    file: Option<PathBuf>,
    identity: StepIdentity,
}

/// One run of a row.
pub(super) struct Run<'a> {
    pub(super) services: &'a OnboardingServices,
    pub(super) uploads: &'a Uploads,
    pub(super) ledger: &'a Arc<dyn Ledger>,
    pub(super) inputs: &'a InputResolver,
    pub(super) max_concurrent_documents: usize,
    pub(super) row: &'a RowKey,
    pub(super) request: &'a OnboardingRequest,
    /// The entries of the ledger at the start of the run.
    pub(super) entries: BTreeMap<Step, LedgerEntry>,
}

impl Run<'_> {
    /// Runs all steps.
    ///
    /// # Errors
    /// Returns an error if an input of a step is invalid or cannot be read before the patient is created. Nothing was
    /// sent in this case.
    pub(super) async fn finish(self) -> Result<OnboardingOutcome, Error> {
        let settled = self.report_if_settled(&Step::Patient);
        let plan = match &settled {
            // It is unknown whether the patient was created, so no other step can be sent.
            Some(report) if !report.is_completed() => None,
            Some(_) => Some(self.inputs.plan(self.request, &self.entries).await),
            // The inputs of all steps must be valid before anything is sent.
            None => {
                let plan = self.inputs.plan(self.request, &self.entries).await;
                Some(plan.require_complete()?)
            }
        };
        let patient = match settled {
            Some(report) => report,
            None => self.create_patient(plan.as_ref()).await,
        };
        let id = match &patient.result {
            StepOutcome::Completed(completed) => completed.id.map(IndividualId),
            _ => None,
        };
        let mut steps = vec![patient];
        match (id, plan) {
            (Some(id), Some(plan)) => {
                tracing::Span::current().record("carium.individual_id", tracing::field::display(id));
                steps.extend(self.run_patient_steps(id, plan).await);
            }
            _ => steps.extend(self.patient_steps().map(|step| self.report_skipped(&step))),
        }
        steps.extend(self.report_unrequested());
        for step in &steps {
            trace_report(step);
        }
        Ok(OnboardingOutcome { steps })
    }

    /// Returns the requested steps that need the ID of the patient, in the order of the row.
    fn patient_steps(&self) -> impl Iterator<Item = Step> {
        let row = &self.request.row;
        let invitation = (!row.invite.is_empty()).then(|| self.invitation_step());
        let documents = (0..row.documents.len()).map(Step::Document);
        let appointment = row.appointment.as_ref().map(|_| Step::Appointment);
        invitation.into_iter().chain(documents).chain(appointment)
    }

    /// Reports on the steps that have a ledger entry and that the row no longer requests.
    fn report_unrequested(&self) -> Vec<StepReport> {
        let requested: BTreeSet<Step> = self.patient_steps().chain([Step::Patient]).collect();
        let unrequested = self.entries.iter().filter(|(step, _)| !requested.contains(step));
        let reports = unrequested.map(|(step, entry)| {
            StepReport::if_settled(step, entry).unwrap_or_else(|| {
                let result = StepOutcome::Skipped { reason: SkipReason::NotRequested };
                let mut report = StepReport::new(step, result, None);
                // The upload is not continued, so a reference is an orphan even if its file is in the object store.
                report.orphans = entry.document_references().collect();
                report
            })
        });
        reports.collect()
    }

    fn invitation_step(&self) -> Step {
        Step::Invitation(self.request.row.invite.iter().copied().collect())
    }

    fn report_skipped(&self, step: &Step) -> StepReport {
        let result = StepOutcome::Skipped { reason: SkipReason::NoPatient };
        StepReport::new(step, result, self.entries.get(step))
    }

    fn report_if_settled(&self, step: &Step) -> Option<StepReport> {
        StepReport::if_settled(step, self.entries.get(step)?)
    }

    async fn create_patient(&self, plan: Option<&Plan>) -> StepReport {
        let patients = &self.services.patients;
        let groups = plan.and_then(|plan| plan.groups.as_ref()?.as_ref().ok());
        let Some(groups) = groups else { return self.report_not_sent(&Step::Patient, &not_planned()) };
        let patient = self.request.patient.clone().with_groups(groups.clone());
        let create = async { patients.create(patient).await.map(|id| Some(id.into())) };
        self.call_once(&Step::Patient, create, duplicate_patient).await
    }

    /// Runs the invitation, the documents and the appointment concurrently.
    async fn run_patient_steps(&self, patient: IndividualId, plan: Plan) -> Vec<StepReport> {
        let row = &self.request.row;
        let invitation = OptionFuture::from((!row.invite.is_empty()).then(|| self.invite()));
        let requested = row.appointment.as_ref();
        let appointment = OptionFuture::from(
            requested.map(|requested| self.book_appointment(patient, requested, plan.appointment)),
        );
        let documents = self.file_documents(patient, plan.documents);
        let (invitation, documents, appointment) =
            join3(invitation.boxed(), documents.boxed(), appointment.boxed()).await;
        invitation.into_iter().chain(documents).chain(appointment).collect()
    }

    async fn invite(&self) -> StepReport {
        let step = self.invitation_step();
        let channels = self.request.row.invite.iter().copied();
        match NewInvitation::new(self.request.username(), channels) {
            Ok(invitation) => {
                let invitations = &self.services.invitations;
                let send = async { invitations.send(invitation).await.map(|()| None) };
                self.call_once(&step, send, |_| Duplicate::No).await
            }
            Err(error) => self.report_not_sent(&step, &error),
        }
    }

    async fn book_appointment(
        &self,
        patient: IndividualId,
        requested: &OnboardingAppointment,
        inputs: Option<Result<AppointmentInputs, Error>>,
    ) -> StepReport {
        let build = |inputs: AppointmentInputs| {
            inputs.builder(requested).organization(self.request.organization()).patient(patient).build()
        };
        let step = Step::Appointment;
        match inputs.ok_or_else(not_planned).flatten().and_then(build) {
            Ok(appointment) => {
                let appointments = &self.services.appointments;
                let create = async { appointments.create(appointment).await.map(|id| Some(id.into())) };
                self.call_once(&step, create, |_| Duplicate::No).await
            }
            Err(error) => self.report_not_sent(&step, &error),
        }
    }

    /// Reports on a step that cannot be sent in this run: as failed, unless the ledger has a final result for it.
    fn report_not_sent(&self, step: &Step, error: &Error) -> StepReport {
        self.report_if_settled(step).unwrap_or_else(|| {
            StepReport::new(step, StepOutcome::Failed(error.into()), self.entries.get(step))
        })
    }

    async fn call_once(
        &self,
        step: &Step,
        call: impl Future<Output = Result<Option<Uuid>, Error>> + Send,
        duplicate: impl Fn(&Error) -> Duplicate + Send,
    ) -> StepReport {
        let Some(identity) = StepIdentity::of(step, self.request) else {
            return self.report_not_sent(step, &not_planned());
        };
        let step_ledger = StepLedger { ledger: &**self.ledger, row: self.row, step, identity: &identity };
        step_ledger.call_once(self.entries.get(step), call, duplicate).await
    }

    /// Runs the document steps, a few at a time, and reports on them in the order of the row.
    async fn file_documents(
        &self,
        patient: IndividualId,
        planned: BTreeMap<usize, Result<DocumentInputs, Error>>,
    ) -> Vec<StepReport> {
        let documents = (0..self.request.row.documents.len()).map(|index| (index, Step::Document(index)));
        let completed = documents.filter_map(|(index, step)| Some((index, self.report_if_settled(&step)?)));
        let mut reports: BTreeMap<usize, StepReport> =
            completed.filter(|(_, report)| report.is_completed()).collect();
        let mut prepared = BTreeMap::new();
        for (index, inputs) in planned {
            match inputs.and_then(|inputs| self.prepare_document(patient, index, inputs)) {
                Ok(document) => {
                    prepared.insert(index, document);
                }
                Err(error) => {
                    reports.insert(index, self.report_not_sent(&Step::Document(index), &error));
                }
            }
        }
        let mut matches = self.look_up_unknown_documents(patient, &prepared).await;
        let steps = prepared.into_iter().map(|(index, PreparedDocument { document, file, identity })| {
            let step = Step::Document(index);
            let document_step = DocumentStep {
                uploads: self.uploads,
                ledger: self.ledger,
                row: self.row,
                previous: self.entries.get(&step).cloned(),
                step,
                identity,
                document,
                file,
                lookup: matches.remove(&index),
            };
            let future: BoxFuture<'_, _> = async move { (index, document_step.run().await) }.boxed();
            future
        });
        let steps: Vec<_> = steps.collect();
        let mut finished = stream::iter(steps).buffer_unordered(self.max_concurrent_documents);
        while let Some((index, report)) = finished.next().await {
            reports.insert(index, report);
        }
        reports.into_values().collect()
    }

    fn prepare_document(
        &self,
        patient: IndividualId,
        index: usize,
        inputs: DocumentInputs,
    ) -> Result<PreparedDocument, Error> {
        let requested = self.request.row.documents.get(index).ok_or_else(not_planned)?;
        let identity = StepIdentity::of(&Step::Document(index), self.request).ok_or_else(not_planned)?;
        let document = inputs.builder(requested).organization(self.request.organization()).patient(patient);
        Ok(PreparedDocument { document: document.build()?, file: inputs.file, identity })
    }

    /// Looks up the documents whose creation has an unknown outcome. This happens before the run creates any
    /// document, so that a document created by this run is not mistaken for one of them.
    async fn look_up_unknown_documents(
        &self,
        patient: IndividualId,
        prepared: &BTreeMap<usize, PreparedDocument>,
    ) -> BTreeMap<usize, Result<DocumentMatch, StepFailure>> {
        let is_unknown = |index: &usize| {
            let entry = self.entries.get(&Step::Document(*index));
            entry.is_some_and(|entry| entry.state() == EntryState::Intent)
        };
        let unknown: BTreeMap<usize, NewDocument> = prepared
            .iter()
            .filter(|(index, _)| is_unknown(index))
            .map(|(index, prepared)| (*index, prepared.document.clone()))
            .collect();
        if unknown.is_empty() {
            return BTreeMap::new();
        }
        let known: BTreeSet<DocumentReferenceId> = self
            .entries
            .iter()
            .filter(|(step, _)| matches!(step, Step::Document(_)))
            .flat_map(|(_, entry)| entry.document_references())
            .collect();
        let documents = Arc::clone(&self.services.documents);
        match look_up(&*documents, patient, &unknown, &known).await {
            Ok(matches) => {
                let created_by_us =
                    self.entries.get(&Step::Patient).is_none_or(|entry| !entry.is_manual_resolution());
                let downgrade = |result| match result {
                    // A patient record that a person selected may have contained the same document before.
                    DocumentMatch::One(_) if !created_by_us => DocumentMatch::Ambiguous,
                    result => result,
                };
                matches.into_iter().map(|(index, result)| (index, Ok(downgrade(result)))).collect()
            }
            Err(error) => unknown.into_keys().map(|index| (index, Err(StepFailure::from(&error)))).collect(),
        }
    }
}

/// Determines whether a rejection means that the patient already exists.
///
/// The vendor does not document the status of a taken username or the field that the error names. The username
/// defaults to the email address or phone number, so the error may name one of these. The vendor's SDK reads the ID of
/// the existing patient from the metadata of a conflict.
fn duplicate_patient(error: &Error) -> Duplicate {
    if let Some(id) = error.existing_id().and_then(|id| id.parse().ok()) {
        return Duplicate::Of(id);
    }
    let fields: Vec<&str> = error.problems().iter().filter_map(Problem::field).collect();
    let may_hold_username = |field: &&str| ["username", "email", "mobile-phone"].contains(field);
    let may_exist = match error.kind() {
        ErrorKind::Conflict => true,
        ErrorKind::Rejected => fields.is_empty() || fields.iter().any(may_hold_username),
        _ => false,
    };
    if may_exist { Duplicate::Possible } else { Duplicate::No }
}

/// Returns the error for a step that the plan does not contain. It indicates a bug in this module.
fn not_planned() -> Error {
    Error::new(ErrorKind::InvalidInput, "the step was not planned")
}

fn trace_report(report: &StepReport) {
    let step = &report.step;
    match &report.result {
        StepOutcome::Completed(completed) => {
            tracing::debug!(carium.step = %step, id = ?completed.id, "step completed");
        }
        StepOutcome::Skipped { reason } => {
            tracing::debug!(carium.step = %step, ?reason, "step skipped");
        }
        StepOutcome::Failed(failure) => {
            tracing::debug!(carium.step = %step, error.r#type = ?failure.kind, "step failed");
        }
        StepOutcome::Unknown(unknown) => {
            tracing::warn!(carium.step = %step, reason = ?unknown.reason, "step outcome unknown");
        }
    }
}
