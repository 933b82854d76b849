//! What a step is recognised by: what ties an entry of the ledger to what a request asks for.

use carium_api::types::NotificationChannel;

use super::ledger::LedgerEntry;
use super::{OnboardingRequest, Step};
use crate::error::{Error, ErrorKind};
use crate::fingerprint::Fingerprint;
use crate::problem::Problem;

/// What is said of a step that makes it this one and no other.
#[derive(Clone)]
pub(super) struct Identity(Vec<String>);

impl Identity {
    /// That of a step of a request. `None` where the request does not ask for it.
    pub(super) fn of(step: &Step, request: &OnboardingRequest) -> Option<Self> {
        let row = &request.row;
        let said = match step {
            // How they are reached and what they are grouped by may change; who they are may not.
            Step::Patient => vec![
                row.first_name.as_str().to_owned(),
                row.last_name.as_str().to_owned(),
                row.birth_date.to_iso(),
                request.username().to_owned(),
                request.organization().to_string(),
            ],
            Step::Invitation(channels) => {
                if channels.is_empty() || *channels != row.invite.iter().copied().collect() {
                    return None;
                }
                let channels = channels.iter().map(|channel| channel.as_str().to_owned());
                channels.chain([request.username().to_owned()]).collect()
            }
            Step::Document(index) => {
                let document = row.documents.get(*index)?;
                vec![
                    document.class.as_str().to_owned(),
                    document.name.as_str().to_owned(),
                    document.description.clone().unwrap_or_default(),
                    document.path.as_str().to_owned(),
                ]
            }
            Step::Appointment => {
                let wanted = row.appointment.as_ref()?;
                let beside = [
                    &wanted.guest_url,
                    &wanted.host_url,
                    &wanted.description,
                    &wanted.patient_instruction,
                    &wanted.location,
                ];
                let said = [
                    wanted.practitioner.as_str().to_owned(),
                    wanted.type_.as_str().to_owned(),
                    wanted.status.as_str().to_owned(),
                    wanted.start_time.to_string(),
                    wanted.end_time.to_string(),
                    wanted.add_video_channel.to_string(),
                ];
                said.into_iter().chain(beside.map(|text| text.clone().unwrap_or_default())).collect()
            }
        };
        Some(Self(said))
    }

    /// # Errors
    /// The system has no random numbers.
    pub(super) fn fingerprint(&self) -> Result<Fingerprint, Error> {
        Fingerprint::of(&self.0)
    }

    /// Whether an entry may be gone on with for this: it is of the same, or nothing of it is done.
    pub(super) fn fits(&self, entry: &LedgerEntry) -> bool {
        !entry.binds() || entry.request().is_of(&self.0)
    }
}

/// Whether what is known of a row is of this request.
///
/// # Errors
/// `InvalidInput`, with each step that is done, or may be, for another.
pub(super) fn check<'a>(
    request: &OnboardingRequest,
    entries: impl IntoIterator<Item = (&'a Step, &'a LedgerEntry)>,
) -> Result<(), Error> {
    let problem = |(step, entry): (&Step, &LedgerEntry)| {
        let what = match (Identity::of(step, request), step) {
            (Some(identity), _) if identity.fits(entry) => return None,
            (Some(_), _) => "is done, or may be, for another row or an earlier form of this one",
            (None, Step::Invitation(sent)) if entry.binds() && sends_again(sent, &request.row.invite) => {
                "is sent, or may be, and a part of `invite` would be sent again"
            }
            // What is not asked for any more is reported.
            (None, _) => return None,
        };
        Some(Problem::at(step.to_string(), what))
    };
    let problems: Vec<Problem> = entries.into_iter().filter_map(problem).collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(
        "the row key stands for another request: give the row as it was, or another key",
        problems,
    ))
}

fn sends_again<'a>(
    sent: impl IntoIterator<Item = &'a NotificationChannel>,
    wanted: &[NotificationChannel],
) -> bool {
    sent.into_iter().any(|channel| wanted.contains(channel))
}

/// What a step comes to that another run took up for another request.
pub(super) fn of_another() -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        "the row key stands for another request, which is run at the same time",
    )
}
