//! Patients: who is put into the care of an organization.

use std::fmt;

use async_trait::async_trait;
use carium_api::types::{self, EmailAddress, PersonName, PhoneNumber, Username};
pub use carium_api::types::{Gender, IndividualGroupId, IndividualId, Locale, OrganizationId};
use carium_api::{BirthDate, Client, ClientShowboatExt as _, operations};
use chrono::Utc;

use crate::error::Error;
use crate::outcome;
use crate::problem::{Problem, required};

/// Creating patients.
#[async_trait]
pub trait Patients: Send + Sync {
    /// Creates a patient and returns their id, which names them in every other call. They are not invited
    /// yet: see [`Invitations`](crate::Invitations).
    ///
    /// # Errors
    /// - [`Conflict`](crate::ErrorKind::Conflict) or [`Rejected`](crate::ErrorKind::Rejected): the username is
    ///   taken (the vendor leaves open which of the two), or the service refuses a field.
    /// - Any with [`may_have_been_applied`](Error::may_have_been_applied): the patient may be there. The API has no
    ///   look-up of patients, so a person has to look; creating them again could create them twice.
    async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error>;
}

/// A patient who can be created: one that breaks a rule of the vendor's page cannot be made.
///
/// ```
/// use carium::patients::{Gender, NewPatient};
///
/// let patient = NewPatient::builder()
///     .first_name("James")
///     .last_name("Reece")
///     .birth_date("1980-07-04")
///     .gender(Gender::Male)
///     .email("james.reece@example.com")
///     .organization("8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse()?)
///     .build()?;
/// assert_eq!(patient.username(), "james.reece@example.com");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct NewPatient {
    attributes: types::NewPatient,
    username: Username,
}

impl NewPatient {
    /// Begins to describe a patient.
    pub fn builder() -> NewPatientBuilder {
        NewPatientBuilder::default()
    }

    /// What the patient will sign in with: what was given, else the e-mail address, else the phone.
    pub fn username(&self) -> &str {
        self.username.as_str()
    }

    /// The organization that takes the patient in.
    pub fn organization(&self) -> OrganizationId {
        self.attributes.organization_id
    }

    /// All of it, as it is sent.
    pub fn attributes(&self) -> &types::NewPatient {
        &self.attributes
    }
}

impl fmt::Debug for NewPatient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.attributes.fmt(f)
    }
}

/// What is known so far of a patient who is to be created. Source of the rules: the table of the vendor's
/// Examples page.
#[derive(Clone, Default)]
pub struct NewPatientBuilder {
    first_name: Option<String>,
    last_name: Option<String>,
    birth_date: Option<String>,
    gender: Option<Gender>,
    email: Option<String>,
    mobile_phone: Option<String>,
    locale: Option<Locale>,
    groups: Vec<IndividualGroupId>,
    username: Option<String>,
    organization: Option<OrganizationId>,
}

impl NewPatientBuilder {
    /// The first name. Required.
    #[must_use]
    pub fn first_name(mut self, name: impl Into<String>) -> Self {
        self.first_name = Some(name.into());
        self
    }

    /// The last name. Required.
    #[must_use]
    pub fn last_name(mut self, name: impl Into<String>) -> Self {
        self.last_name = Some(name.into());
        self
    }

    /// The date of birth, `YYYY-MM-DD`: a real day, and not in the future. Required.
    #[must_use]
    pub fn birth_date(mut self, date: impl Into<String>) -> Self {
        self.birth_date = Some(date.into());
        self
    }

    /// The gender. Required.
    #[must_use]
    pub fn gender(mut self, gender: Gender) -> Self {
        self.gender = Some(gender);
        self
    }

    /// The e-mail address. Required where there is no mobile phone.
    #[must_use]
    pub fn email(mut self, address: impl Into<String>) -> Self {
        self.email = Some(address.into());
        self
    }

    /// The mobile phone, E.164: `+15551234567`. Required where there is no e-mail address.
    #[must_use]
    pub fn mobile_phone(mut self, number: impl Into<String>) -> Self {
        self.mobile_phone = Some(number.into());
        self
    }

    /// The language and region. Left out, `en_US`.
    #[must_use]
    pub fn locale(mut self, locale: Locale) -> Self {
        self.locale = Some(locale);
        self
    }

    /// Groups that the patient belongs to, beside those given before.
    #[must_use]
    pub fn groups(mut self, groups: impl IntoIterator<Item = IndividualGroupId>) -> Self {
        self.groups.extend(groups);
        self
    }

    /// What the patient signs in with: the e-mail address or the mobile phone given here. Left out, the
    /// e-mail address, else the phone.
    #[must_use]
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// The organization that takes the patient in. Required.
    #[must_use]
    pub fn organization(mut self, organization: OrganizationId) -> Self {
        self.organization = Some(organization);
        self
    }

    /// The patient, if they can be created.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput): [`Error::problems`] names every field that is wrong.
    pub fn build(self) -> Result<NewPatient, Error> {
        let mut problems = Vec::new();
        let first_name = name("first-name", self.first_name.as_deref(), &mut problems);
        let last_name = name("last-name", self.last_name.as_deref(), &mut problems);
        let birth_date = birth_date(self.birth_date.as_deref(), &mut problems);
        let gender = required("gender", self.gender, &mut problems);
        let email = self.email.as_deref().map(|text| email(text, &mut problems));
        let mobile_phone = self.mobile_phone.as_deref().map(|text| phone(text, &mut problems));
        if email.is_none() && mobile_phone.is_none() {
            problems.push(Problem::new(
                "email",
                "is missing, and so is `mobile-phone`: give one of them or both",
            ));
        }
        let username = self.checked_username(&mut problems);
        let organization_id = required("organization-id", self.organization, &mut problems);
        let (
            Some(first_name),
            Some(last_name),
            Some(birth_date),
            Some(gender),
            Some(username),
            Some(organization_id),
            [],
        ) = (first_name, last_name, birth_date, gender, username, organization_id, problems.as_slice())
        else {
            return Err(Error::invalid("the patient cannot be created as given", problems));
        };
        let required =
            types::required::NewPatient { first_name, last_name, birth_date, gender, organization_id };
        let mut attributes = types::NewPatient::from(required);
        attributes.email = email.flatten();
        attributes.mobile_phone = mobile_phone.flatten();
        attributes.locale = Some(self.locale.unwrap_or(Locale::EnUs));
        attributes.individual_group_ids = self.groups;
        attributes.username = Some(username.clone());
        Ok(NewPatient { attributes, username })
    }

    fn checked_username(&self, problems: &mut Vec<Problem>) -> Option<Username> {
        let contact = [&self.email, &self.mobile_phone];
        let Some(given) = &self.username else {
            let default = contact.into_iter().flatten().next()?;
            // Where it is wrong, that has been said of the field that it comes from.
            return Username::try_from(default.as_str()).ok();
        };
        if !contact.contains(&&Some(given.clone())) {
            problems
                .push(Problem::new("username", "is neither the `email` nor the `mobile-phone` given here"));
        }
        Username::try_from(given.as_str()).ok()
    }
}

impl fmt::Debug for NewPatientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewPatientBuilder").finish_non_exhaustive()
    }
}

/// Letters that a name may have in it and cannot consist of: joiners, spaces without a width, the byte order mark.
const INVISIBLE: [char; 5] = ['\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}'];

fn name(field: &'static str, text: Option<&str>, problems: &mut Vec<Problem>) -> Option<PersonName> {
    let text = required(field, text, problems)?;
    if text.chars().any(char::is_control) {
        problems.push(Problem::new(field, "has control characters in it"));
        return None;
    }
    if text.chars().all(|letter| letter.is_whitespace() || INVISIBLE.contains(&letter)) {
        problems.push(Problem::new(field, "is empty"));
        return None;
    }
    PersonName::try_from(text).ok()
}

fn birth_date(text: Option<&str>, problems: &mut Vec<Problem>) -> Option<BirthDate> {
    let text = required("birth-date", text, problems)?;
    let date = text.parse::<BirthDate>().ok();
    let Some(date) = date else {
        problems.push(Problem::new("birth-date", "is not a day of the calendar, written YYYY-MM-DD"));
        return None;
    };
    // The first place on Earth that is a day further.
    if date.to_chrono() > (Utc::now() + chrono::TimeDelta::hours(14)).date_naive() {
        problems.push(Problem::new("birth-date", "is in the future"));
        return None;
    }
    Some(date)
}

fn email(text: &str, problems: &mut Vec<Problem>) -> Option<EmailAddress> {
    if email_address::EmailAddress::is_valid(text) && !text.contains('<') {
        return EmailAddress::try_from(text).ok();
    }
    problems.push(Problem::new("email", "is not an e-mail address"));
    None
}

fn phone(text: &str, problems: &mut Vec<Problem>) -> Option<PhoneNumber> {
    let phone = PhoneNumber::try_from(text).ok();
    if phone.is_none() {
        problems
            .push(Problem::new("mobile-phone", "is not in the form of E.164: write it like +15551234567"));
    }
    phone
}

/// The service, over the client.
pub(crate) struct ApiPatients(pub(crate) Client);

#[async_trait]
impl Patients for ApiPatients {
    async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error> {
        let data = types::required::CreatePatientData { attributes: patient.attributes }.into();
        let answered =
            self.0.create_patient().body(types::required::CreatePatientRequest { data }).send().await;
        outcome::of(&operations::CREATE_PATIENT, answered).map(|(document, _)| document.data.id)
    }
}
