//! One run of a row: what is not done is done, and what is not known is left alone.

mod document;
mod look_up;
mod once;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use carium_api::onboarding::OnboardingAppointment;
use carium_api::uuid::Uuid;
use futures_util::future::{BoxFuture, FutureExt as _, OptionFuture, join3};
use futures_util::stream::{self, StreamExt as _};

use self::document::Filing;
use self::look_up::{Found, look_up};
use self::once::{Place, report, standing};
use super::identity::Identity;
use super::ledger::{EntryState, LedgerEntry};
use super::outcome::{OnboardingOutcome, SkipReason, StepFailure, StepOutcome, StepReport};
use super::plan::{Booked, Filed, Plan};
use super::request::check::{appointment_of, document_of};
use super::{Onboarding, OnboardingRequest, RowKey, Step};
use crate::documents::{DocumentReferenceId, NewDocument};
use crate::error::{Error, ErrorKind};
use crate::fingerprint::Fingerprint;
use crate::invitations::NewInvitation;
use crate::patients::IndividualId;
use crate::problem::Problem;

/// A document of which everything is known that it is filed with.
struct Ready {
    document: NewDocument,
    /// `None` where it is in the store already.
    file: Option<PathBuf>,
    identity: Identity,
}

/// A run.
pub(super) struct Run<'a> {
    pub(super) onboarding: &'a Onboarding,
    pub(super) row: &'a RowKey,
    pub(super) request: &'a OnboardingRequest,
    pub(super) entries: BTreeMap<Step, LedgerEntry>,
    /// What the outcome is recognised as being of.
    pub(super) key: Fingerprint,
}

impl Run<'_> {
    pub(super) async fn finish(self) -> Result<OnboardingOutcome, Error> {
        let known = self.entries.get(&Step::Patient).and_then(|entry| standing(&Step::Patient, entry));
        let plan = match &known {
            // Nobody knows of the patient: nothing of the row can be gone on with.
            Some(report) if !is_done(report) => None,
            Some(_) => Some(Plan::of(self.onboarding, self.request, &self.entries).await),
            // Before anything is sent, all of it has to be right.
            None => Some(Plan::of(self.onboarding, self.request, &self.entries).await.whole()?),
        };
        let patient = match known {
            Some(report) => report,
            None => self.create_patient().await,
        };
        let id = match &patient.result {
            StepOutcome::Completed(done) => done.id.map(IndividualId),
            _ => None,
        };
        let mut steps = vec![patient];
        match (id, plan) {
            (Some(id), Some(plan)) => {
                tracing::Span::current().record("carium.individual_id", tracing::field::display(id));
                steps.extend(self.for_patient(id, plan).await);
            }
            _ => steps.extend(self.later_steps().map(|step| self.skipped(&step))),
        }
        steps.extend(self.left_over());
        for step in &steps {
            tell(step);
        }
        Ok(OnboardingOutcome { row: self.key, steps })
    }

    /// The steps that the row asks for beside the patient, in their order.
    fn later_steps(&self) -> impl Iterator<Item = Step> {
        let row = &self.request.row;
        let invitation = (!row.invite.is_empty()).then(|| self.invitation());
        let documents = (0..row.documents.len()).map(Step::Document);
        let appointment = row.appointment.as_ref().map(|_| Step::Appointment);
        invitation.into_iter().chain(documents).chain(appointment)
    }

    /// What the ledger knows of steps that the row does not ask for any more.
    fn left_over(&self) -> Vec<StepReport> {
        let asked_for: BTreeSet<Step> = self.later_steps().chain([Step::Patient]).collect();
        let left = self.entries.iter().filter(|(step, _)| !asked_for.contains(step));
        let told = left.map(|(step, entry)| {
            standing(step, entry).unwrap_or_else(|| {
                let result = StepOutcome::Skipped { reason: SkipReason::NotRequested };
                let mut report = report(step, result, Some(entry.clone()), true);
                // One with its file in the store is not gone on with either.
                report.orphans = entry.references().collect();
                report
            })
        });
        told.collect()
    }

    fn invitation(&self) -> Step {
        Step::Invitation(self.request.row.invite.iter().copied().collect())
    }

    fn skipped(&self, step: &Step) -> StepReport {
        let result = StepOutcome::Skipped { reason: SkipReason::NoPatient };
        report(step, result, self.entries.get(step).cloned(), true)
    }

    async fn create_patient(&self) -> StepReport {
        let patients = &self.onboarding.services.patients;
        let create = async { patients.create(self.request.patient.clone()).await.map(|id| Some(id.into())) };
        self.once(&Step::Patient, create, may_be_there_already).await
    }

    /// Everything that needs nothing but the patient, side by side.
    async fn for_patient(&self, patient: IndividualId, plan: Plan) -> Vec<StepReport> {
        let row = &self.request.row;
        let invitation = OptionFuture::from((!row.invite.is_empty()).then(|| self.invite()));
        let wanted = row.appointment.as_ref();
        let appointment =
            OptionFuture::from(wanted.map(|wanted| self.book(patient, wanted, plan.appointment)));
        let documents = self.file_all(patient, plan.documents);
        let (invitation, documents, appointment) =
            join3(invitation.boxed(), documents.boxed(), appointment.boxed()).await;
        invitation.into_iter().chain(documents).chain(appointment).collect()
    }

    async fn invite(&self) -> StepReport {
        let step = self.invitation();
        let channels = self.request.row.invite.iter().copied();
        match NewInvitation::new(self.request.username(), channels) {
            Ok(invitation) => {
                let invitations = &self.onboarding.services.invitations;
                let send = async { invitations.send(invitation).await.map(|()| None) };
                self.once(&step, send, |_| false).await
            }
            Err(error) => self.not_begun(&step, &error),
        }
    }

    async fn book(
        &self,
        patient: IndividualId,
        wanted: &OnboardingAppointment,
        booked: Option<Result<Booked, Error>>,
    ) -> StepReport {
        let build = |booked: Booked| {
            appointment_of(wanted, booked.practitioner, booked.kind, booked.status)
                .organization(self.request.organization())
                .patient(patient)
                .build()
        };
        let step = Step::Appointment;
        match booked.ok_or_else(unplanned).flatten().and_then(build) {
            Ok(appointment) => {
                let appointments = &self.onboarding.services.appointments;
                let create = async { appointments.create(appointment).await.map(|id| Some(id.into())) };
                self.once(&step, create, |_| false).await
            }
            Err(error) => self.not_begun(&step, &error),
        }
    }

    /// A step that cannot be begun in this run. What was known of it before stays so.
    fn not_begun(&self, step: &Step, error: &Error) -> StepReport {
        let entry = self.entries.get(step);
        let standing = entry.and_then(|entry| standing(step, entry));
        standing.unwrap_or_else(|| report(step, StepOutcome::Failed(error.into()), entry.cloned(), true))
    }

    async fn once(
        &self,
        step: &Step,
        call: impl Future<Output = Result<Option<Uuid>, Error>> + Send,
        may_be_ours: impl Fn(&Error) -> bool + Send,
    ) -> StepReport {
        let Some(identity) = Identity::of(step, self.request) else {
            return self.not_begun(step, &unplanned());
        };
        let place = Place { ledger: &*self.onboarding.ledger, row: self.row, step, identity: &identity };
        place.once(self.entries.get(step), call, may_be_ours).await
    }

    async fn file_all(
        &self,
        patient: IndividualId,
        planned: BTreeMap<usize, Result<Filed, Error>>,
    ) -> Vec<StepReport> {
        let mut reports = BTreeMap::new();
        let mut ready = BTreeMap::new();
        for index in 0..self.request.row.documents.len() {
            let step = Step::Document(index);
            let entry = self.entries.get(&step);
            if let Some(done) = entry.and_then(|entry| standing(&step, entry)).filter(is_done) {
                reports.insert(index, done);
            }
        }
        for (index, planned) in planned {
            let built = planned.and_then(|filed| {
                let row = self.request.row.documents.get(index).ok_or_else(unplanned)?;
                let identity = Identity::of(&Step::Document(index), self.request).ok_or_else(unplanned)?;
                let document = document_of(row, filed.class).organization(self.request.organization());
                Ok(Ready { document: document.patient(patient).build()?, file: filed.file, identity })
            });
            match built {
                Ok(document) => {
                    ready.insert(index, document);
                }
                Err(error) => {
                    reports.insert(index, self.not_begun(&Step::Document(index), &error));
                }
            }
        }
        let mut found = self.look_up(patient, &ready).await;
        let filings = ready.into_iter().map(|(index, Ready { document, file, identity })| {
            let step = Step::Document(index);
            let filing = Filing {
                uploads: &self.onboarding.uploads,
                ledger: &self.onboarding.ledger,
                row: self.row,
                before: self.entries.get(&step).cloned(),
                step,
                identity,
                document,
                file,
                found: found.remove(&index),
            };
            let filing: BoxFuture<'_, _> = async move { (index, filing.finish().await) }.boxed();
            filing
        });
        let filings: Vec<_> = filings.collect();
        let mut filed = stream::iter(filings).buffer_unordered(self.onboarding.max_concurrent_documents);
        while let Some((index, report)) = filed.next().await {
            reports.insert(index, report);
        }
        reports.into_values().collect()
    }

    /// Looks for the documents whose creation was not answered: before any is created, so that none that is created in
    /// this run is taken for one of them.
    async fn look_up(
        &self,
        patient: IndividualId,
        ready: &BTreeMap<usize, Ready>,
    ) -> BTreeMap<usize, Result<Found, StepFailure>> {
        let is_in_doubt = |index: &usize| {
            let entry = self.entries.get(&Step::Document(*index));
            entry.is_some_and(|entry| entry.state() == EntryState::Intent)
        };
        let doubtful: BTreeMap<usize, NewDocument> = ready
            .iter()
            .filter(|(index, _)| is_in_doubt(index))
            .map(|(index, ready)| (*index, ready.document.clone()))
            .collect();
        if doubtful.is_empty() {
            return BTreeMap::new();
        }
        let known: BTreeSet<DocumentReferenceId> = self
            .entries
            .iter()
            .filter(|(step, _)| matches!(step, Step::Document(_)))
            .flat_map(|(_, entry)| entry.references())
            .collect();
        let documents = Arc::clone(&self.onboarding.services.documents);
        match look_up(&*documents, patient, &doubtful, &known).await {
            Ok(found) => {
                let is_ours = self.entries.get(&Step::Patient).is_none_or(|entry| !entry.is_decided());
                let certain = |found| match found {
                    // A record that a person pointed to may have been there before, with the same document in it.
                    Found::One(_) if !is_ours => Found::Several,
                    found => found,
                };
                found.into_iter().map(|(index, found)| (index, Ok(certain(found)))).collect()
            }
            Err(error) => doubtful.into_keys().map(|index| (index, Err(StepFailure::from(&error)))).collect(),
        }
    }
}

fn is_done(report: &StepReport) -> bool {
    matches!(report.result, StepOutcome::Completed(_))
}

/// Whether a refusal may come of a patient who is there already, and may be this one. The vendor leaves open which status
/// a username that is taken has, and which field is named for it: it is made of an address, where none is given.
fn may_be_there_already(error: &Error) -> bool {
    let fields: Vec<&str> = error.problems().iter().filter_map(Problem::field).collect();
    let may_mean_it = |field: &&str| ["username", "email", "mobile-phone"].contains(field);
    match error.kind() {
        ErrorKind::Conflict => true,
        ErrorKind::Rejected => fields.is_empty() || fields.iter().any(may_mean_it),
        _ => false,
    }
}

fn unplanned() -> Error {
    Error::new(ErrorKind::InvalidInput, "the step was not planned")
}

fn tell(report: &StepReport) {
    let step = &report.step;
    match &report.result {
        StepOutcome::Completed(done) => {
            tracing::debug!(carium.step = %step, id = ?done.id, "done");
        }
        StepOutcome::Skipped { reason } => {
            tracing::debug!(carium.step = %step, ?reason, "skipped");
        }
        StepOutcome::Failed(failure) => {
            tracing::debug!(carium.step = %step, error.r#type = ?failure.kind, "failed");
        }
        StepOutcome::Unknown(doubt) => {
            tracing::warn!(carium.step = %step, reason = ?doubt.reason, "unknown");
        }
    }
}
