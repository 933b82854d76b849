//! Appointments, and the vocabularies that one draws on.

use std::fmt;

use async_trait::async_trait;
use carium_api::types::{self, AppointmentStatusList, AppointmentTypeList, PractitionerList};
pub use carium_api::types::{
    AppointmentId, AppointmentStatusId, AppointmentTypeId, IndividualId, OrganizationId, PractitionerId,
};
use carium_api::{Attribute, Change, Client, ClientCaredbExt as _, DateTime, operations};
use url::Url;

use crate::error::Error;
use crate::outcome;
use crate::page::{Items, ListOptions, Page, Paged, items};
use crate::problem::Problem;

/// Booking, reading, moving and deleting appointments.
#[async_trait]
pub trait Appointments: Send + Sync {
    /// Books an appointment and returns its id.
    ///
    /// # Errors
    /// Any with [`may_have_happened`](Error::may_have_happened): it may be booked. The API has no list of
    /// appointments, so a person has to look before it is booked again.
    async fn create(&self, appointment: NewAppointment) -> Result<AppointmentId, Error>;

    /// Reads an appointment.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound): it is not there, or no longer.
    async fn get(&self, id: AppointmentId) -> Result<Appointment, Error>;

    /// Changes an appointment and returns it as it is then.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound): it is not there, or no longer.
    async fn update(&self, id: AppointmentId, update: AppointmentUpdate) -> Result<Appointment, Error>;

    /// Deletes an appointment.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound): it is not there. Where it was this call that deleted it, and
    /// only the answer was lost, there is no error.
    async fn delete(&self, id: AppointmentId) -> Result<(), Error>;

    /// Those with whom an appointment can be booked.
    fn practitioners(&self, options: ListOptions) -> Items<Practitioner>;

    /// The statuses that an appointment can have.
    fn statuses(&self, options: ListOptions) -> Items<AppointmentStatus>;

    /// The types that an appointment can have.
    fn types(&self, options: ListOptions) -> Items<AppointmentType>;
}

/// An appointment as the service knows it. What the service does not say, or says in a way that is not
/// understood, is `None`.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Appointment {
    /// Its id.
    pub id: AppointmentId,
    /// The organization.
    pub organization: Option<OrganizationId>,
    /// The patient.
    pub patient: Option<IndividualId>,
    /// The practitioner.
    pub practitioner: Option<PractitionerId>,
    /// The status.
    pub status: Option<AppointmentStatusId>,
    /// The type.
    pub kind: Option<AppointmentTypeId>,
    /// When it starts.
    pub start: Option<DateTime>,
    /// When it ends.
    pub end: Option<DateTime>,
    /// Whether the platform has attached a video channel of its own.
    pub has_video_channel: Option<bool>,
    /// Where the patient joins the call.
    pub guest_url: Option<String>,
    /// Where the practitioner joins the call.
    pub host_url: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Instructions for the patient.
    pub patient_instruction: Option<String>,
    /// Where it takes place.
    pub location: Option<String>,
}

impl From<types::Appointment> for Appointment {
    fn from(appointment: types::Appointment) -> Self {
        let id = appointment.id;
        let Some(said) = appointment.attributes.into_known() else { return Self::unknown(id) };
        Self {
            id,
            organization: said.organization_id.into_known(),
            patient: said.individual_id.into_known(),
            practitioner: said.practitioner_id.into_known(),
            status: said.status_id.into_known(),
            kind: said.type_id.into_known(),
            start: said.start_time.into_known(),
            end: said.end_time.into_known(),
            has_video_channel: said.add_video_channel.into_known(),
            guest_url: said.guest_url.into_known(),
            host_url: said.host_url.into_known(),
            description: said.description.into_known(),
            patient_instruction: said.patient_instruction.into_known(),
            location: said.location.into_known(),
        }
    }
}

impl Appointment {
    /// An appointment of which nothing but its id is known.
    pub fn unknown(id: AppointmentId) -> Self {
        Self {
            id,
            organization: None,
            patient: None,
            practitioner: None,
            status: None,
            kind: None,
            start: None,
            end: None,
            has_video_channel: None,
            guest_url: None,
            host_url: None,
            description: None,
            patient_instruction: None,
            location: None,
        }
    }
}

impl fmt::Debug for Appointment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Ids only: times and texts are health information.
        f.debug_struct("Appointment")
            .field("id", &self.id)
            .field("organization", &self.organization)
            .field("patient", &self.patient)
            .field("practitioner", &self.practitioner)
            .field("status", &self.status)
            .field("kind", &self.kind)
            .field("has_video_channel", &self.has_video_channel)
            .finish_non_exhaustive()
    }
}

/// An appointment that can be booked.
#[derive(Clone, PartialEq)]
pub struct NewAppointment(types::NewAppointment);

impl NewAppointment {
    /// Begins to describe an appointment.
    pub fn builder() -> NewAppointmentBuilder {
        NewAppointmentBuilder::default()
    }

    /// All of it, as it is sent.
    pub fn attributes(&self) -> &types::NewAppointment {
        &self.0
    }
}

impl fmt::Debug for NewAppointment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is known so far of an appointment that is to be booked. Source of the rules: the table of the vendor's
/// Examples page.
#[derive(Clone, Default)]
pub struct NewAppointmentBuilder {
    organization: Option<OrganizationId>,
    patient: Option<IndividualId>,
    practitioner: Option<PractitionerId>,
    status: Option<AppointmentStatusId>,
    kind: Option<AppointmentTypeId>,
    start: Option<DateTime>,
    end: Option<DateTime>,
    with_video_channel: bool,
    guest_url: Option<String>,
    host_url: Option<String>,
    description: Option<String>,
    patient_instruction: Option<String>,
    location: Option<String>,
}

impl NewAppointmentBuilder {
    /// The organization. Required.
    #[must_use]
    pub fn organization(mut self, organization: OrganizationId) -> Self {
        self.organization = Some(organization);
        self
    }

    /// The patient. Required.
    #[must_use]
    pub fn patient(mut self, patient: IndividualId) -> Self {
        self.patient = Some(patient);
        self
    }

    /// The practitioner, from [`Appointments::practitioners`]. Required.
    #[must_use]
    pub fn practitioner(mut self, practitioner: PractitionerId) -> Self {
        self.practitioner = Some(practitioner);
        self
    }

    /// The status, from [`Appointments::statuses`]. Required.
    #[must_use]
    pub fn status(mut self, status: AppointmentStatusId) -> Self {
        self.status = Some(status);
        self
    }

    /// The type, from [`Appointments::types`]. Required.
    #[must_use]
    pub fn kind(mut self, kind: AppointmentTypeId) -> Self {
        self.kind = Some(kind);
        self
    }

    /// When it starts and when it ends, which is later. Required.
    #[must_use]
    pub fn between(mut self, start: DateTime, end: DateTime) -> Self {
        (self.start, self.end) = (Some(start), Some(end));
        self
    }

    /// With a video channel of the platform. The two URLs have no place then.
    #[must_use]
    pub fn with_video_channel(mut self) -> Self {
        self.with_video_channel = true;
        self
    }

    /// Where the patient joins the call, when the platform's video channel is not used.
    #[must_use]
    pub fn guest_url(mut self, url: impl Into<String>) -> Self {
        self.guest_url = Some(url.into());
        self
    }

    /// Where the practitioner joins the call, when the platform's video channel is not used.
    #[must_use]
    pub fn host_url(mut self, url: impl Into<String>) -> Self {
        self.host_url = Some(url.into());
        self
    }

    /// What it is about.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Instructions for the patient, often a link for rescheduling.
    #[must_use]
    pub fn patient_instruction(mut self, text: impl Into<String>) -> Self {
        self.patient_instruction = Some(text.into());
        self
    }

    /// Where it takes place.
    #[must_use]
    pub fn location(mut self, text: impl Into<String>) -> Self {
        self.location = Some(text.into());
        self
    }

    /// The appointment, if it can be booked.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput): [`Error::problems`] names every field that is wrong.
    pub fn build(self) -> Result<NewAppointment, Error> {
        let mut problems = Vec::new();
        let organization_id = required("organization-id", self.organization, &mut problems);
        let individual_id = required("individual-id", self.patient, &mut problems);
        let practitioner_id = required("practitioner-id", self.practitioner, &mut problems);
        let start_time = required("start-time", self.start, &mut problems);
        let end_time = required("end-time", self.end, &mut problems);
        let status_id = required("status-id", self.status, &mut problems);
        let type_id = required("type-id", self.kind, &mut problems);
        in_order(start_time, end_time, &mut problems);
        for (field, url) in [("guest-url", self.guest_url.as_deref()), ("host-url", self.host_url.as_deref())]
        {
            check_url(field, url, self.with_video_channel, &mut problems);
        }
        let (
            Some(organization_id),
            Some(individual_id),
            Some(practitioner_id),
            Some(start_time),
            Some(end_time),
            Some(status_id),
            Some(type_id),
            [],
        ) = (
            organization_id,
            individual_id,
            practitioner_id,
            start_time,
            end_time,
            status_id,
            type_id,
            problems.as_slice(),
        )
        else {
            return Err(Error::invalid("the appointment cannot be booked as given", problems));
        };
        Ok(NewAppointment(types::NewAppointment {
            organization_id,
            individual_id,
            practitioner_id,
            start_time,
            end_time,
            status_id,
            type_id,
            add_video_channel: self.with_video_channel,
            guest_url: self.guest_url,
            host_url: self.host_url,
            description: self.description,
            patient_instruction: self.patient_instruction,
            location: self.location,
        }))
    }
}

impl fmt::Debug for NewAppointmentBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewAppointmentBuilder").finish_non_exhaustive()
    }
}

/// A change to an appointment. Begins as one that changes nothing, which is refused when it is sent.
///
/// ```
/// use carium::Change;
/// use carium::appointments::AppointmentUpdate;
///
/// let moved = AppointmentUpdate::default()
///     .between("2030-01-01T10:00:00Z".parse()?, "2030-01-01T10:30:00Z".parse()?)
///     .location(Change::Clear);
/// assert!(moved.check().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct AppointmentUpdate(types::AppointmentChanges);

impl Default for AppointmentUpdate {
    fn default() -> Self {
        Self(types::AppointmentChanges {
            add_video_channel: None,
            description: Change::Keep,
            end_time: None,
            guest_url: Change::Keep,
            host_url: Change::Keep,
            location: Change::Keep,
            patient_instruction: Change::Keep,
            practitioner_id: None,
            start_time: None,
            status_id: None,
            type_id: None,
        })
    }
}

impl AppointmentUpdate {
    /// Moves it: when it starts and when it ends, which is later.
    #[must_use]
    pub fn between(mut self, start: DateTime, end: DateTime) -> Self {
        (self.0.start_time, self.0.end_time) = (Some(start), Some(end));
        self
    }

    /// Gives it another practitioner.
    #[must_use]
    pub fn practitioner(mut self, practitioner: PractitionerId) -> Self {
        self.0.practitioner_id = Some(practitioner);
        self
    }

    /// Gives it another status.
    #[must_use]
    pub fn status(mut self, status: AppointmentStatusId) -> Self {
        self.0.status_id = Some(status);
        self
    }

    /// Gives it another type.
    #[must_use]
    pub fn kind(mut self, kind: AppointmentTypeId) -> Self {
        self.0.type_id = Some(kind);
        self
    }

    /// Attaches a video channel of the platform, or does without. With one, the two URLs cannot be set.
    #[must_use]
    pub fn video_channel(mut self, attach: bool) -> Self {
        self.0.add_video_channel = Some(attach);
        self
    }

    /// Sets or clears where the patient joins the call.
    #[must_use]
    pub fn guest_url(mut self, url: impl Into<Change<String>>) -> Self {
        self.0.guest_url = url.into();
        self
    }

    /// Sets or clears where the practitioner joins the call.
    #[must_use]
    pub fn host_url(mut self, url: impl Into<Change<String>>) -> Self {
        self.0.host_url = url.into();
        self
    }

    /// Sets or clears what it is about.
    #[must_use]
    pub fn description(mut self, text: impl Into<Change<String>>) -> Self {
        self.0.description = text.into();
        self
    }

    /// Sets or clears the instructions for the patient.
    #[must_use]
    pub fn patient_instruction(mut self, text: impl Into<Change<String>>) -> Self {
        self.0.patient_instruction = text.into();
        self
    }

    /// Sets or clears where it takes place.
    #[must_use]
    pub fn location(mut self, text: impl Into<Change<String>>) -> Self {
        self.0.location = text.into();
        self
    }

    /// Whether it can be sent.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput): it changes nothing, or breaks a rule of the vendor's
    /// page; [`Error::problems`] names every field that is wrong.
    pub fn check(&self) -> Result<(), Error> {
        if *self == Self::default() {
            return Err(Error::invalid("the update changes nothing; give what is to change", Vec::new()));
        }
        let mut problems = Vec::new();
        in_order(self.0.start_time, self.0.end_time, &mut problems);
        let with_channel = self.0.add_video_channel == Some(true);
        for (field, url) in [("guest-url", &self.0.guest_url), ("host-url", &self.0.host_url)] {
            check_url(field, url.value().map(String::as_str), with_channel, &mut problems);
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::invalid("the appointment cannot be changed as given", problems))
    }

    /// All of it, as it is sent.
    pub fn attributes(&self) -> &types::AppointmentChanges {
        &self.0
    }
}

impl fmt::Debug for AppointmentUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn required<T>(field: &'static str, value: Option<T>, problems: &mut Vec<Problem>) -> Option<T> {
    if value.is_none() {
        problems.push(Problem::new(field, "is missing"));
    }
    value
}

fn in_order(start: Option<DateTime>, end: Option<DateTime>, problems: &mut Vec<Problem>) {
    if let (Some(start), Some(end)) = (start, end)
        && end <= start
    {
        problems.push(Problem::new("end-time", "is not after `start-time`"));
    }
}

/// The page gives the URLs for the case without a channel of the platform.
fn check_url(field: &'static str, url: Option<&str>, with_channel: bool, problems: &mut Vec<Problem>) {
    let Some(url) = url else { return };
    if with_channel {
        problems.push(Problem::new(field, "has no place beside a video channel of the platform"));
    } else if !Url::parse(url).is_ok_and(|url| url.has_host()) {
        problems.push(Problem::new(field, "is not a URL: write it like https://example.com/room"));
    }
}

/// Something with an id and a name that an appointment draws on.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident, $id:ty, $list:ty, $shows_name:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name {
            /// Its id.
            pub id: $id,
            /// Its name, where the service says it.
            pub name: Option<String>,
        }

        impl $name {
            /// One with this id and name.
            pub fn new(id: $id, name: impl Into<String>) -> Self {
                Self { id, name: Some(name.into()) }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut shown = f.debug_struct(stringify!($name));
                shown.field("id", &self.id);
                if $shows_name {
                    shown.field("name", &self.name);
                }
                shown.finish_non_exhaustive()
            }
        }

        impl Paged for $list {
            type Item = $name;

            fn into_parts(self) -> (Vec<$name>, Attribute<types::PageLinks>) {
                let item = |item: types::$name| {
                    let name = item.attributes.into_known().and_then(|said| said.name.into_known());
                    $name { id: item.id, name }
                };
                (self.data.into_iter().map(item).collect(), self.links)
            }
        }
    };
}

named! {
    /// Someone with whom an appointment can be booked. `Debug` does not show the name, which is a person's.
    Practitioner, PractitionerId, PractitionerList, false
}
named! {
    /// A status that an appointment can have.
    AppointmentStatus, AppointmentStatusId, AppointmentStatusList, true
}
named! {
    /// A type that an appointment can have.
    AppointmentType, AppointmentTypeId, AppointmentTypeList, true
}

/// The service, over the client.
pub(crate) struct ApiAppointments {
    pub(crate) client: Client,
    /// Whose vocabularies are listed.
    pub(crate) organization: Option<OrganizationId>,
}

/// A list of one of the three vocabularies.
macro_rules! vocabulary {
    ($self:ident, $options:ident, $operation:ident, $method:ident) => {{
        let (organization, size) = ($self.organization, $options.page_size);
        let begin = move |client: Client, page: Page| async move {
            let mut list = client.$method();
            if let Some(organization) = organization {
                list = list.organization_id(organization);
            }
            if let Some(number) = page.as_number() {
                list = list.page_number(number);
            }
            if let Some(size) = size {
                list = list.page_size(size);
            }
            list.send().await
        };
        items($self.client.clone(), &operations::$operation, $options.page, begin)
    }};
}

#[async_trait]
impl Appointments for ApiAppointments {
    async fn create(&self, appointment: NewAppointment) -> Result<AppointmentId, Error> {
        let data = types::CreateAppointmentData {
            attributes: appointment.0,
            type_: types::AppointmentResourceType::OrgAppointments,
        };
        let answered =
            self.client.create_appointment().body(types::CreateAppointmentRequest { data }).send().await;
        outcome::of(&operations::CREATE_APPOINTMENT, answered).map(|(document, _)| document.data.id)
    }

    async fn get(&self, id: AppointmentId) -> Result<Appointment, Error> {
        let answered = self.client.get_appointment().id(id).send().await;
        outcome::of(&operations::GET_APPOINTMENT, answered).map(|(document, _)| document.data.into())
    }

    async fn update(&self, id: AppointmentId, update: AppointmentUpdate) -> Result<Appointment, Error> {
        update.check()?;
        let data = types::UpdateAppointmentData {
            attributes: update.0,
            type_: types::AppointmentResourceType::OrgAppointments,
        };
        let call = self.client.update_appointment().id(id).body(types::UpdateAppointmentRequest { data });
        outcome::of(&operations::UPDATE_APPOINTMENT, call.send().await)
            .map(|(document, _)| document.data.into())
    }

    async fn delete(&self, id: AppointmentId) -> Result<(), Error> {
        let answered = self.client.delete_appointment().id(id).send().await;
        outcome::of(&operations::DELETE_APPOINTMENT, answered).map(drop)
    }

    fn practitioners(&self, options: ListOptions) -> Items<Practitioner> {
        vocabulary!(self, options, LIST_PRACTITIONERS, list_practitioners)
    }

    fn statuses(&self, options: ListOptions) -> Items<AppointmentStatus> {
        vocabulary!(self, options, LIST_APPOINTMENT_STATUSES, list_appointment_statuses)
    }

    fn types(&self, options: ListOptions) -> Items<AppointmentType> {
        vocabulary!(self, options, LIST_APPOINTMENT_TYPES, list_appointment_types)
    }
}
