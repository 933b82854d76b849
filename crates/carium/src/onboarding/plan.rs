//! The inputs of the steps that are not completed: files that were located and names that were resolved to IDs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use carium_api::onboarding::{IdOrName, OnboardingAppointment, OnboardingDocument};
use carium_api::types::{
    AppointmentStatusId, AppointmentTypeId, DocumentClassId, IndividualGroupId, PractitionerId,
};
use carium_api::uuid::Uuid;

use super::documents_folder::{self, FileProblem};
use super::ledger::{EntryState, LedgerEntry};
use super::lookup_cache::{LookupCache, LookupList};
use super::request::OnboardingRequest;
use super::step::Step;
use crate::appointments::{NewAppointment, NewAppointmentBuilder};
use crate::documents::{NewDocument, NewDocumentBuilder, UploadStage};
use crate::error::{Error, ErrorKind};
use crate::generated::rows::{SetOnboardingAppointment as _, SetOnboardingDocument as _};
use crate::patients::OrganizationId;
use crate::problem::Problem;

/// The inputs of each step that is not completed, or the error that prevents the step.
pub(super) struct Plan {
    /// The groups of the patient.
    pub(super) groups: Option<Result<Vec<IndividualGroupId>, Error>>,
    pub(super) documents: BTreeMap<usize, Result<DocumentInputs, Error>>,
    pub(super) appointment: Option<Result<AppointmentInputs, Error>>,
}

/// The resolved inputs of a document.
pub(super) struct DocumentInputs {
    pub(super) class: DocumentClassId,
    /// `None` if the file is already in the object store.
    pub(super) file: Option<PathBuf>,
}

/// The resolved inputs of an appointment.
pub(super) struct AppointmentInputs {
    pub(super) practitioner: PractitionerId,
    pub(super) appointment_type: AppointmentTypeId,
    pub(super) status: AppointmentStatusId,
}

impl DocumentInputs {
    /// Returns a builder with the fields of a row's document.
    pub(super) fn builder(&self, row: &OnboardingDocument) -> NewDocumentBuilder {
        let document = NewDocument::builder();
        let document = document.class(self.class).name(row.name.as_str()).file_name(row.path.as_str());
        row.set_optional(document)
    }
}

impl AppointmentInputs {
    /// Returns a builder with the fields of a row's appointment.
    pub(super) fn builder(&self, row: &OnboardingAppointment) -> NewAppointmentBuilder {
        let mut appointment = NewAppointment::builder()
            .practitioner(self.practitioner)
            .appointment_type(self.appointment_type)
            .status(self.status)
            .between(row.start_time, row.end_time);
        if row.add_video_channel {
            appointment = appointment.add_video_channel();
        }
        row.set_optional(appointment)
    }
}

impl Plan {
    /// Returns the plan if no step has an error, and otherwise the combined error.
    pub(super) fn require_complete(self) -> Result<Self, Error> {
        let groups = self.groups.iter().filter_map(|groups| groups.as_ref().err());
        let documents = self.documents.values().filter_map(|inputs| inputs.as_ref().err());
        let appointment = self.appointment.iter().filter_map(|inputs| inputs.as_ref().err());
        match combine_errors(groups.chain(documents).chain(appointment).map(Error::duplicate).collect()) {
            None => Ok(self),
            Some(error) => Err(error),
        }
    }
}

/// Locates the files of documents, and resolves names to IDs.
#[derive(Clone)]
pub(super) struct InputResolver {
    pub(super) lookups: Arc<LookupCache>,
    /// The organization whose names can be looked up.
    pub(super) organization: Option<OrganizationId>,
    pub(super) documents_folder: Option<PathBuf>,
}

impl InputResolver {
    /// Resolves the inputs of all steps that are not completed.
    pub(super) async fn plan(
        &self,
        request: &OnboardingRequest,
        entries: &BTreeMap<Step, LedgerEntry>,
    ) -> Plan {
        let is_completed =
            |step: &Step| entries.get(step).is_some_and(|entry| entry.state() == EntryState::Completed);
        let groups = if is_completed(&Step::Patient) { None } else { Some(self.groups(request).await) };
        let requested = 0..request.row.documents.len();
        let remaining: Vec<usize> =
            requested.filter(|index| !is_completed(&Step::Document(*index))).collect();
        let is_uploaded = |index: &usize| {
            let upload = entries.get(&Step::Document(*index)).and_then(LedgerEntry::upload);
            upload.is_some_and(|upload| upload.stage() == UploadStage::Uploaded)
        };
        let to_locate: Vec<usize> = remaining.iter().copied().filter(|index| !is_uploaded(index)).collect();
        let mut files = self.locate_files(request, &to_locate).await;
        let mut documents = BTreeMap::new();
        for index in remaining {
            let class = &request.row.documents[index].class;
            let path = format!("documents[{index}].class");
            let class = self.resolve_id(request, LookupList::DocumentClasses, class, &path).await;
            let inputs = match (files.remove(&index).transpose(), class) {
                (Ok(file), Ok(class)) => Ok(DocumentInputs { class: DocumentClassId(class), file }),
                (file, class) => Err(combine_optional_errors([file.err(), class.err()])),
            };
            documents.insert(index, inputs);
        }
        let appointment = match &request.row.appointment {
            Some(appointment) if !is_completed(&Step::Appointment) => {
                Some(self.appointment_inputs(request, appointment).await)
            }
            _ => None,
        };
        Plan { groups, documents, appointment }
    }

    async fn groups(&self, request: &OnboardingRequest) -> Result<Vec<IndividualGroupId>, Error> {
        let mut ids = Vec::new();
        let mut errors = Vec::new();
        for (index, group) in request.row.individual_group_ids.iter().enumerate() {
            let path = format!("individual-group-ids[{index}]");
            match self.resolve_id(request, LookupList::Groups, group, &path).await {
                Ok(id) => ids.push(IndividualGroupId(id)),
                Err(error) => errors.push(error),
            }
        }
        combine_errors(errors).map_or(Ok(ids), Err)
    }

    async fn appointment_inputs(
        &self,
        request: &OnboardingRequest,
        appointment: &OnboardingAppointment,
    ) -> Result<AppointmentInputs, Error> {
        let id = async |list, text, path| self.resolve_id(request, list, text, path).await;
        let practitioner =
            id(LookupList::Practitioners, &appointment.practitioner, "appointment.practitioner").await;
        let appointment_type = id(LookupList::AppointmentTypes, &appointment.type_, "appointment.type").await;
        let status = id(LookupList::AppointmentStatuses, &appointment.status, "appointment.status").await;
        match (practitioner, appointment_type, status) {
            (Ok(practitioner), Ok(appointment_type), Ok(status)) => Ok(AppointmentInputs {
                practitioner: PractitionerId(practitioner),
                appointment_type: AppointmentTypeId(appointment_type),
                status: AppointmentStatusId(status),
            }),
            (practitioner, appointment_type, status) => {
                Err(combine_optional_errors([practitioner.err(), appointment_type.err(), status.err()]))
            }
        }
    }

    /// Returns the absolute paths of the files of these documents.
    pub(super) async fn locate_files(
        &self,
        request: &OnboardingRequest,
        documents: &[usize],
    ) -> BTreeMap<usize, Result<PathBuf, Error>> {
        if documents.is_empty() {
            return BTreeMap::new();
        }
        let invalid_path = |index: &usize, message| {
            let problem = Problem::new(format!("documents[{index}].path"), message);
            Error::invalid("a document of the row cannot be read", vec![problem])
        };
        let Some(root) = &self.documents_folder else {
            let message = "cannot be found: no documents folder is configured";
            return documents.iter().map(|index| (*index, Err(invalid_path(index, message)))).collect();
        };
        let paths = documents.iter().map(|index| request.row.documents[*index].path.as_str().to_owned());
        match documents_folder::locate_all(root.clone(), paths.collect()).await {
            Ok(located) => documents
                .iter()
                .zip(located)
                .map(|(index, file)| {
                    let file = file.map_err(|problem| match problem {
                        FileProblem::Unreadable(error) => {
                            Error::from_io("a document of the row cannot be read", &error)
                        }
                        problem => invalid_path(index, problem.message()),
                    });
                    (*index, file)
                })
                .collect(),
            Err(error) => documents.iter().map(|index| (*index, Err(error.duplicate()))).collect(),
        }
    }

    /// Resolves an ID or a name in a row to an ID. `path` is the field that an error refers to.
    async fn resolve_id(
        &self,
        request: &OnboardingRequest,
        list: LookupList,
        text: &IdOrName,
        path: &str,
    ) -> Result<Uuid, Error> {
        let is_id = text.parse::<Uuid>().is_ok();
        if !is_id && self.organization != Some(request.organization()) {
            let message = if self.organization.is_some() {
                "is not an ID, and names can only be looked up for the program's own organization: use an ID"
            } else {
                "is not an ID, and no organization is configured to look up names in: use an ID"
            };
            return Err(Error::invalid(
                "a name cannot be looked up",
                vec![Problem::new(path.to_owned(), message)],
            ));
        }
        self.lookups.resolve_id(list, request.organization(), text, path).await
    }
}

/// Combines several errors into one. If any of them are invalid input, the result lists the problems of all of
/// these, so that a person can correct them in one pass. Otherwise, the result is the first error.
pub(super) fn combine_errors(errors: Vec<Error>) -> Option<Error> {
    let is_invalid = |error: &&Error| error.kind() == ErrorKind::InvalidInput;
    let problems: Vec<Problem> =
        errors.iter().filter(is_invalid).flat_map(|error| error.problems().iter().cloned()).collect();
    if problems.is_empty() {
        return errors.into_iter().next();
    }
    Some(Error::invalid("the row cannot be onboarded as given", problems))
}

/// Combines the errors of a step. At least one of them must be `Some`.
fn combine_optional_errors<const N: usize>(errors: [Option<Error>; N]) -> Error {
    combine_errors(errors.into_iter().flatten().collect())
        .unwrap_or_else(|| Error::new(ErrorKind::InvalidInput, "the row cannot be onboarded as given"))
}
