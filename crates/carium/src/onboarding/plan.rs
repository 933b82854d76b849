//! What has to be known before a step: files found, names looked up.

use std::collections::BTreeMap;
use std::path::PathBuf;

use carium_api::onboarding::IdOrName;
use carium_api::types::{AppointmentStatusId, AppointmentTypeId, DocumentClassId, PractitionerId};
use carium_api::uuid::Uuid;

use super::ledger::{EntryState, LedgerEntry};
use super::names::Vocabulary;
use super::{Onboarding, OnboardingRequest, Step, folder};
use crate::documents::UploadStage;
use crate::error::{Error, ErrorKind};
use crate::problem::Problem;

/// What is needed of each step that is not done, or why it cannot be had.
pub(super) struct Plan {
    pub(super) documents: BTreeMap<usize, Result<Filed, Error>>,
    pub(super) appointment: Option<Result<Booked, Error>>,
}

/// What a document is filed with.
pub(super) struct Filed {
    pub(super) class: DocumentClassId,
    /// `None` where it is in the store already.
    pub(super) file: Option<PathBuf>,
}

/// What an appointment draws on.
pub(super) struct Booked {
    pub(super) practitioner: PractitionerId,
    pub(super) kind: AppointmentTypeId,
    pub(super) status: AppointmentStatusId,
}

impl Plan {
    pub(super) async fn of(
        onboarding: &Onboarding,
        request: &OnboardingRequest,
        entries: &BTreeMap<Step, LedgerEntry>,
    ) -> Self {
        let is_done =
            |step: &Step| entries.get(step).is_some_and(|entry| entry.state() == EntryState::Completed);
        let wanted = 0..request.row.documents.len();
        let open: Vec<usize> = wanted.filter(|index| !is_done(&Step::Document(*index))).collect();
        let is_in_store = |index: &usize| {
            let upload = entries.get(&Step::Document(*index)).and_then(LedgerEntry::upload);
            upload.is_some_and(|upload| upload.stage() == UploadStage::Uploaded)
        };
        let to_find: Vec<usize> = open.iter().copied().filter(|index| !is_in_store(index)).collect();
        let mut files = onboarding.files(request, &to_find).await;
        let mut documents = BTreeMap::new();
        for index in open {
            let class = &request.row.documents[index].class;
            let path = format!("documents[{index}].class");
            let class = onboarding.id(request, Vocabulary::Classes, class, &path).await;
            let filed = match (files.remove(&index).transpose(), class) {
                (Ok(file), Ok(class)) => Ok(Filed { class: DocumentClassId(class), file }),
                (file, class) => Err(together_of([file.err(), class.err()])),
            };
            documents.insert(index, filed);
        }
        let appointment = match &request.row.appointment {
            Some(_) if is_done(&Step::Appointment) => None,
            Some(wanted) => {
                let id = async |vocabulary, text, path| onboarding.id(request, vocabulary, text, path).await;
                let practitioner =
                    id(Vocabulary::Practitioners, &wanted.practitioner, "appointment.practitioner").await;
                let kind = id(Vocabulary::Types, &wanted.type_, "appointment.type").await;
                let status = id(Vocabulary::Statuses, &wanted.status, "appointment.status").await;
                Some(match (practitioner, kind, status) {
                    (Ok(practitioner), Ok(kind), Ok(status)) => Ok(Booked {
                        practitioner: PractitionerId(practitioner),
                        kind: AppointmentTypeId(kind),
                        status: AppointmentStatusId(status),
                    }),
                    (practitioner, kind, status) => {
                        Err(together_of([practitioner.err(), kind.err(), status.err()]))
                    }
                })
            }
            None => None,
        };
        Self { documents, appointment }
    }

    /// The plan, if all of it can be done.
    pub(super) fn whole(self) -> Result<Self, Error> {
        let documents = self.documents.values().filter_map(|planned| planned.as_ref().err());
        let appointment = self.appointment.iter().filter_map(|planned| planned.as_ref().err());
        match together(documents.chain(appointment).map(Error::again).collect()) {
            None => Ok(self),
            Some(error) => Err(error),
        }
    }
}

/// One error of several: what a person has to mend comes first, all of it at once.
pub(super) fn together(errors: Vec<Error>) -> Option<Error> {
    let is_invalid = |error: &&Error| error.kind() == ErrorKind::InvalidInput;
    let problems: Vec<Problem> =
        errors.iter().filter(is_invalid).flat_map(|error| error.problems().iter().cloned()).collect();
    if problems.is_empty() {
        return errors.into_iter().next();
    }
    Some(Error::invalid("the row cannot be onboarded as given", problems))
}

fn together_of<const N: usize>(errors: [Option<Error>; N]) -> Error {
    // There is one: it was a failure that led here.
    together(errors.into_iter().flatten().collect())
        .unwrap_or_else(|| Error::new(ErrorKind::InvalidInput, "the row cannot be onboarded as given"))
}

impl Onboarding {
    /// Where the files of these documents lie.
    pub(super) async fn files(
        &self,
        request: &OnboardingRequest,
        documents: &[usize],
    ) -> BTreeMap<usize, Result<PathBuf, Error>> {
        if documents.is_empty() {
            return BTreeMap::new();
        }
        let wrong = |index: &usize, what| {
            let problem = Problem::at(format!("documents[{index}].path"), what);
            Error::invalid("a document of the row cannot be read", vec![problem])
        };
        let Some(root) = &self.folder else {
            let what = "cannot be found: the program has no folder of documents";
            return documents.iter().map(|index| (*index, Err(wrong(index, what)))).collect();
        };
        let paths = documents.iter().map(|index| request.row.documents[*index].path.as_str().to_owned());
        match folder::find(root.clone(), paths.collect()).await {
            Ok(found) => {
                let found = documents.iter().zip(found);
                found.map(|(index, found)| (*index, found.map_err(|what| wrong(index, what)))).collect()
            }
            Err(error) => documents.iter().map(|index| (*index, Err(error.again()))).collect(),
        }
    }

    /// The id of something that a row names.
    async fn id(
        &self,
        request: &OnboardingRequest,
        vocabulary: Vocabulary,
        text: &IdOrName,
        path: &str,
    ) -> Result<Uuid, Error> {
        let is_id = text.parse::<Uuid>().is_ok();
        if !is_id && self.organization != Some(request.organization()) {
            let what = if self.organization.is_some() {
                "is not an id, and names are those of the program's own organization, which is another"
            } else {
                "is not an id, and the program does not say whose names it could be"
            };
            return Err(Error::invalid(
                "a name cannot be looked up",
                vec![Problem::at(path.to_owned(), what)],
            ));
        }
        self.names.id(&self.services, vocabulary, text, path).await
    }
}
