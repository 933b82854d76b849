//! The reference model: the state of the service that determines the results of client calls, without IDs and names.

use carium::ErrorKind;
use proptest::prelude::*;
use proptest::strategy::Union;
use proptest_state_machine::ReferenceStateMachine;

/// A client call.
///
/// Patients, appointments and documents are identified by their index in the order of creation. An index past the end
/// stands for an unknown ID.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    CreatePatient {
        name: u8,
        by_phone: bool,
        in_known_group: bool,
    },
    Invite {
        name: u8,
        by_phone: bool,
        by_sms: bool,
    },
    CreateAppointment {
        patient: usize,
    },
    GetAppointment(usize),
    MoveAppointment(usize),
    DeleteAppointment(usize),
    CreateDocument {
        patient: usize,
    },
    PostFile {
        document: usize,
        length: usize,
    },
    ProcessDocument(usize),
    DownloadDocument(usize),
    /// Runs the whole upload pipeline.
    UploadDocument {
        patient: usize,
        length: usize,
    },
    ListDocuments {
        patient: usize,
        page_size: u64,
    },
    ListPractitioners {
        page_size: u64,
    },
    RevokeTokens,
}

/// The expected result of an action without faults.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expected {
    Success,
    /// The length of a list or of a file.
    Length(usize),
    Error(ErrorKind),
}

#[derive(Clone, Copy, Debug)]
enum DocumentStage {
    Created,
    Posted { length: usize },
    Processed { length: usize },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ModelDocument {
    patient: usize,
    /// Whether the caller has the upload form. The upload pipeline does not return it.
    has_form: bool,
    stage: DocumentStage,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    /// The seed of a random fault plan, and the average number of calls per fault.
    pub(crate) faults: Option<(u64, u64)>,
    /// The name of each patient, and whether the username is a phone.
    pub(crate) patients: Vec<(u8, bool)>,
    /// Whether each appointment still exists.
    pub(crate) appointments: Vec<bool>,
    pub(crate) documents: Vec<ModelDocument>,
    pub(crate) expected: Option<Expected>,
}

/// The number of practitioners in each system.
pub(crate) const PRACTITIONER_COUNT: usize = 7;

impl Model {
    pub(crate) fn after(&self, action: &Action) -> Self {
        let mut next = self.clone();
        next.expected = Some(next.run(action));
        next
    }

    fn run(&mut self, action: &Action) -> Expected {
        use Expected::{Error, Length, Success};
        let patient_exists = |patient: usize| patient < self.patients.len();
        let appointment_exists = |appointment: usize| self.appointments.get(appointment) == Some(&true);
        match *action {
            Action::CreatePatient { name, by_phone, in_known_group } => {
                if !in_known_group {
                    return Error(ErrorKind::Rejected);
                }
                if self.patients.contains(&(name, by_phone)) {
                    return Error(ErrorKind::Conflict);
                }
                self.patients.push((name, by_phone));
            }
            Action::Invite { name, by_phone, by_sms } => {
                if !self.patients.contains(&(name, by_phone)) {
                    return Error(ErrorKind::NotFound);
                }
                // The only contact of each patient is their username.
                if by_phone != by_sms {
                    return Error(ErrorKind::Rejected);
                }
            }
            Action::CreateAppointment { patient }
            | Action::CreateDocument { patient }
            | Action::UploadDocument { patient, .. }
                if !patient_exists(patient) =>
            {
                return Error(ErrorKind::Rejected);
            }
            Action::CreateAppointment { .. } => self.appointments.push(true),
            Action::GetAppointment(appointment)
            | Action::MoveAppointment(appointment)
            | Action::DeleteAppointment(appointment)
                if !appointment_exists(appointment) =>
            {
                return Error(ErrorKind::NotFound);
            }
            Action::GetAppointment(_) | Action::MoveAppointment(_) | Action::RevokeTokens => {}
            Action::DeleteAppointment(appointment) => self.appointments[appointment] = false,
            Action::ListPractitioners { .. } => return Length(PRACTITIONER_COUNT),
            _ => return self.run_on_documents(action),
        }
        Success
    }

    fn run_on_documents(&mut self, action: &Action) -> Expected {
        use Expected::{Error, Length, Success};
        match *action {
            Action::CreateDocument { patient } => {
                let stage = DocumentStage::Created;
                self.documents.push(ModelDocument { patient, has_form: true, stage });
            }
            Action::UploadDocument { patient, length } => {
                let stage = DocumentStage::Processed { length };
                self.documents.push(ModelDocument { patient, has_form: false, stage });
            }
            Action::PostFile { document, length } => {
                if let Some(document) = self.documents.get_mut(document).filter(|document| document.has_form)
                {
                    document.stage = match document.stage {
                        DocumentStage::Processed { .. } => DocumentStage::Processed { length },
                        DocumentStage::Created | DocumentStage::Posted { .. } => {
                            DocumentStage::Posted { length }
                        }
                    };
                }
            }
            Action::ProcessDocument(document) => {
                let Some(document) = self.documents.get_mut(document) else {
                    return Error(ErrorKind::NotFound);
                };
                match document.stage {
                    DocumentStage::Created => return Error(ErrorKind::Conflict),
                    DocumentStage::Posted { length } | DocumentStage::Processed { length } => {
                        document.stage = DocumentStage::Processed { length };
                    }
                }
            }
            Action::DownloadDocument(document) => {
                return match self.documents.get(document).map(|document| document.stage) {
                    None => Error(ErrorKind::NotFound),
                    Some(DocumentStage::Processed { length }) => Length(length),
                    Some(_) => Error(ErrorKind::Conflict),
                };
            }
            // The list of an unknown patient is empty.
            Action::ListDocuments { patient, .. } => {
                return Length(self.documents.iter().filter(|document| document.patient == patient).count());
            }
            _ => unreachable!("{action:?} is not an action on documents"),
        }
        Success
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Action;

    fn init_state() -> BoxedStrategy<Self> {
        let faults = (any::<u64>(), 2_u64..8);
        proptest::option::of(faults).prop_map(|faults| Self { faults, ..Self::default() }).boxed()
    }

    fn transitions(model: &Self) -> BoxedStrategy<Action> {
        let name = || 0_u8..6;
        // Each range includes one index past the end, which stands for an unknown ID.
        let patient = || 0..=model.patients.len();
        let appointment = || 0..=model.appointments.len();
        let document = || 0..=model.documents.len();
        let length = || prop_oneof![Just(0_usize), 1_usize..200, Just(300_000_usize)];
        let page_size = || 1_u64..9;
        Union::new([
            (name(), any::<bool>(), prop::bool::weighted(0.9))
                .prop_map(|(name, by_phone, in_known_group)| Action::CreatePatient {
                    name,
                    by_phone,
                    in_known_group,
                })
                .boxed(),
            (name(), any::<bool>(), any::<bool>())
                .prop_map(|(name, by_phone, by_sms)| Action::Invite { name, by_phone, by_sms })
                .boxed(),
            patient().prop_map(|patient| Action::CreateAppointment { patient }).boxed(),
            appointment().prop_map(Action::GetAppointment).boxed(),
            appointment().prop_map(Action::MoveAppointment).boxed(),
            appointment().prop_map(Action::DeleteAppointment).boxed(),
            patient().prop_map(|patient| Action::CreateDocument { patient }).boxed(),
            (document(), length())
                .prop_map(|(document, length)| Action::PostFile { document, length })
                .boxed(),
            document().prop_map(Action::ProcessDocument).boxed(),
            document().prop_map(Action::DownloadDocument).boxed(),
            (patient(), length())
                .prop_map(|(patient, length)| Action::UploadDocument { patient, length })
                .boxed(),
            (patient(), page_size())
                .prop_map(|(patient, page_size)| Action::ListDocuments { patient, page_size })
                .boxed(),
            page_size().prop_map(|page_size| Action::ListPractitioners { page_size }).boxed(),
            Just(Action::RevokeTokens).boxed(),
        ])
        .boxed()
    }

    fn apply(model: Self, action: &Action) -> Self {
        model.after(action)
    }
}
