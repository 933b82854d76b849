//! The model: what of the service matters to who calls it, without ids, names or sockets.

use carium::ErrorKind;
use proptest::prelude::*;
use proptest::strategy::Union;
use proptest_state_machine::ReferenceStateMachine;

/// One thing that a program does. Things are named by their place in the order of their creation; a place where
/// nothing is stands for an id of nothing.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Create {
        name: u8,
        by_phone: bool,
        in_known_group: bool,
    },
    Invite {
        name: u8,
        by_phone: bool,
        by_sms: bool,
    },
    Book {
        patient: usize,
    },
    Read(usize),
    Move(usize),
    Cancel(usize),
    Announce {
        patient: usize,
    },
    Post {
        document: usize,
        length: usize,
    },
    Process(usize),
    Fetch(usize),
    /// The whole pipeline.
    File {
        patient: usize,
        length: usize,
    },
    List {
        patient: usize,
        page_size: u64,
    },
    Practitioners {
        page_size: u64,
    },
    RevokeTokens,
}

/// What comes of a step where nothing goes wrong on the way.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expected {
    Done,
    /// So much is seen: the length of a list or of a file.
    Seen(usize),
    Refused(ErrorKind),
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Announced,
    Posted(usize),
    Processed(usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Filed {
    patient: usize,
    /// The pipeline keeps the form to itself.
    has_form: bool,
    stage: Stage,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    /// The seed of a plan of faults, and how many calls meet one.
    pub(crate) faults: Option<(u64, u64)>,
    /// Names, and whether the username is a phone.
    pub(crate) patients: Vec<(u8, bool)>,
    pub(crate) appointments: Vec<bool>,
    pub(crate) documents: Vec<Filed>,
    pub(crate) expected: Option<Expected>,
}

/// How many practitioners there are.
pub(crate) const PRACTITIONERS: usize = 7;

impl Model {
    pub(crate) fn after(&self, step: &Step) -> Self {
        let mut next = self.clone();
        next.expected = Some(next.take(step));
        next
    }

    fn take(&mut self, step: &Step) -> Expected {
        use Expected::{Done, Refused, Seen};
        let is_patient = |patient: usize| patient < self.patients.len();
        let here = |appointment: usize| self.appointments.get(appointment) == Some(&true);
        match *step {
            Step::Create { name, by_phone, in_known_group } => {
                if !in_known_group {
                    return Refused(ErrorKind::Rejected);
                }
                if self.patients.contains(&(name, by_phone)) {
                    return Refused(ErrorKind::Conflict);
                }
                self.patients.push((name, by_phone));
            }
            Step::Invite { name, by_phone, by_sms } => {
                if !self.patients.contains(&(name, by_phone)) {
                    return Refused(ErrorKind::NotFound);
                }
                // Each patient has the one address that is their username.
                if by_phone != by_sms {
                    return Refused(ErrorKind::Rejected);
                }
            }
            Step::Book { patient } | Step::Announce { patient } | Step::File { patient, .. }
                if !is_patient(patient) =>
            {
                return Refused(ErrorKind::Rejected);
            }
            Step::Book { .. } => self.appointments.push(true),
            Step::Read(place) | Step::Move(place) | Step::Cancel(place) if !here(place) => {
                return Refused(ErrorKind::NotFound);
            }
            Step::Read(_) | Step::Move(_) | Step::RevokeTokens => {}
            Step::Cancel(place) => self.appointments[place] = false,
            Step::Announce { patient } => {
                self.documents.push(Filed { patient, has_form: true, stage: Stage::Announced });
            }
            Step::File { patient, length } => {
                self.documents.push(Filed { patient, has_form: false, stage: Stage::Processed(length) });
            }
            Step::Post { document, length } => {
                if let Some(filed) = self.documents.get_mut(document).filter(|filed| filed.has_form) {
                    filed.stage = match filed.stage {
                        Stage::Processed(_) => Stage::Processed(length),
                        Stage::Announced | Stage::Posted(_) => Stage::Posted(length),
                    };
                }
            }
            Step::Process(document) => {
                let Some(filed) = self.documents.get_mut(document) else {
                    return Refused(ErrorKind::NotFound);
                };
                match filed.stage {
                    Stage::Announced => return Refused(ErrorKind::Conflict),
                    Stage::Posted(length) | Stage::Processed(length) => {
                        filed.stage = Stage::Processed(length);
                    }
                }
            }
            Step::Fetch(document) => {
                return match self.documents.get(document).map(|filed| filed.stage) {
                    None => Refused(ErrorKind::NotFound),
                    Some(Stage::Processed(length)) => Seen(length),
                    Some(_) => Refused(ErrorKind::Conflict),
                };
            }
            // Of someone who is not there nothing is listed.
            Step::List { patient, .. } => {
                return Seen(self.documents.iter().filter(|filed| filed.patient == patient).count());
            }
            Step::Practitioners { .. } => return Seen(PRACTITIONERS),
        }
        Done
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        let plan = (any::<u64>(), 2_u64..8);
        proptest::option::of(plan).prop_map(|faults| Self { faults, ..Self::default() }).boxed()
    }

    fn transitions(model: &Self) -> BoxedStrategy<Step> {
        let name = || 0_u8..6;
        // One further than there are.
        let patient = || 0..=model.patients.len();
        let appointment = || 0..=model.appointments.len();
        let document = || 0..=model.documents.len();
        let length = || prop_oneof![Just(0_usize), 1_usize..200, Just(300_000_usize)];
        let page_size = || 1_u64..9;
        Union::new([
            (name(), any::<bool>(), prop::bool::weighted(0.9))
                .prop_map(|(name, by_phone, in_known_group)| Step::Create { name, by_phone, in_known_group })
                .boxed(),
            (name(), any::<bool>(), any::<bool>())
                .prop_map(|(name, by_phone, by_sms)| Step::Invite { name, by_phone, by_sms })
                .boxed(),
            patient().prop_map(|patient| Step::Book { patient }).boxed(),
            appointment().prop_map(Step::Read).boxed(),
            appointment().prop_map(Step::Move).boxed(),
            appointment().prop_map(Step::Cancel).boxed(),
            patient().prop_map(|patient| Step::Announce { patient }).boxed(),
            (document(), length()).prop_map(|(document, length)| Step::Post { document, length }).boxed(),
            document().prop_map(Step::Process).boxed(),
            document().prop_map(Step::Fetch).boxed(),
            (patient(), length()).prop_map(|(patient, length)| Step::File { patient, length }).boxed(),
            (patient(), page_size())
                .prop_map(|(patient, page_size)| Step::List { patient, page_size })
                .boxed(),
            page_size().prop_map(|page_size| Step::Practitioners { page_size }).boxed(),
            Just(Step::RevokeTokens).boxed(),
        ])
        .boxed()
    }

    fn apply(model: Self, step: &Step) -> Self {
        model.after(step)
    }
}
