//! Creating patients.

use std::fmt;

use async_trait::async_trait;
use carium_api::types::{self, EmailAddress, PersonName, PhoneNumber, Username};
pub use carium_api::types::{Gender, IndividualGroupId, IndividualId, Locale, OrganizationId};
use carium_api::{BirthDate, Client, ClientShowboatExt as _, operations};
use chrono::Utc;

use crate::api_result;
use crate::error::Error;
use crate::problem::{Problem, required};

/// The interface for patients.
///
/// [`Carium::patients`](crate::Carium::patients) returns the implementation for the Carium API.
#[async_trait]
pub trait Patients: Send + Sync {
    /// Creates a patient and returns their ID.
    ///
    /// This does not invite the patient to the Carium applications; see [`Invitations`](crate::Invitations).
    ///
    /// # Errors
    /// - [`Conflict`](crate::ErrorKind::Conflict) or [`Rejected`](crate::ErrorKind::Rejected): the username is
    ///   taken, or the service rejected a field. The vendor does not document the status for a taken username,
    ///   so it can cause either kind.
    /// - Any kind with [`may_have_been_applied`](Error::may_have_been_applied): the patient may have been
    ///   created. Do not create them again before a person has checked in Carium, because the API has no search
    ///   for patients.
    async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error>;
}

/// A patient to create, which satisfies the rules of the API.
///
/// # Examples
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
    /// Returns a builder for a patient.
    pub fn builder() -> NewPatientBuilder {
        NewPatientBuilder::default()
    }

    /// Returns the username that the patient will sign in with.
    ///
    /// Defaults to the email address, or to the mobile phone number if there is no email address.
    pub fn username(&self) -> &str {
        self.username.as_str()
    }

    /// Returns the organization that the patient is created in.
    pub fn organization(&self) -> OrganizationId {
        self.attributes.organization_id
    }

    /// Replaces the groups that the patient belongs to.
    pub(crate) fn with_groups(mut self, groups: Vec<IndividualGroupId>) -> Self {
        self.attributes.individual_group_ids = groups;
        self
    }

    /// Returns the attributes as they are sent to the API.
    pub fn attributes(&self) -> &types::NewPatient {
        &self.attributes
    }
}

impl fmt::Debug for NewPatient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.attributes.fmt(f)
    }
}

/// A builder for [`NewPatient`].
///
/// The validation rules come from the table on the vendor's Examples page.
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
    /// Sets the first name. Required.
    #[must_use]
    pub fn first_name(mut self, name: impl Into<String>) -> Self {
        self.first_name = Some(name.into());
        self
    }

    /// Sets the last name. Required.
    #[must_use]
    pub fn last_name(mut self, name: impl Into<String>) -> Self {
        self.last_name = Some(name.into());
        self
    }

    /// Sets the date of birth, in the form `YYYY-MM-DD`. It must not be in the future. Required.
    #[must_use]
    pub fn birth_date(mut self, date: impl Into<String>) -> Self {
        self.birth_date = Some(date.into());
        self
    }

    /// Sets the gender. Required.
    #[must_use]
    pub fn gender(mut self, gender: Gender) -> Self {
        self.gender = Some(gender);
        self
    }

    /// Sets the email address. Required if there is no mobile phone number.
    #[must_use]
    pub fn email(mut self, address: impl Into<String>) -> Self {
        self.email = Some(address.into());
        self
    }

    /// Sets the mobile phone number, in E.164 format such as `+15551234567`. Required if there is no email
    /// address.
    #[must_use]
    pub fn mobile_phone(mut self, number: impl Into<String>) -> Self {
        self.mobile_phone = Some(number.into());
        self
    }

    /// Sets the language and region. Defaults to `en_US`.
    #[must_use]
    pub fn locale(mut self, locale: Locale) -> Self {
        self.locale = Some(locale);
        self
    }

    /// Adds groups that the patient belongs to.
    #[must_use]
    pub fn groups(mut self, groups: impl IntoIterator<Item = IndividualGroupId>) -> Self {
        self.groups.extend(groups);
        self
    }

    /// Sets the username, which must be the email address or the mobile phone number of this patient.
    ///
    /// Defaults to the email address, or to the mobile phone number if there is no email address.
    #[must_use]
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Sets the organization that the patient is created in. Required.
    #[must_use]
    pub fn organization(mut self, organization: OrganizationId) -> Self {
        self.organization = Some(organization);
        self
    }

    /// Creates the [`NewPatient`].
    ///
    /// # Errors
    /// Returns [`InvalidInput`](crate::ErrorKind::InvalidInput) if fields are missing or invalid.
    /// [`Error::problems`] lists all of them.
    pub fn build(self) -> Result<NewPatient, Error> {
        let mut problems = Vec::new();
        let first_name = name("first-name", self.first_name.as_deref(), &mut problems);
        let last_name = name("last-name", self.last_name.as_deref(), &mut problems);
        let birth_date = birth_date(self.birth_date.as_deref(), &mut problems);
        let gender = required("gender", self.gender, &mut problems);
        let email = self.email.as_deref().map(|text| email(text, &mut problems));
        let mobile_phone = self.mobile_phone.as_deref().map(|text| phone(text, &mut problems));
        if email.is_none() && mobile_phone.is_none() {
            let problem = Problem::new("email", "is missing, and so is `mobile-phone`");
            problems.push(problem.with_hint("at least one of them is required"));
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
            return Err(Error::invalid("the patient data is invalid", problems));
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
        let contacts = [&self.email, &self.mobile_phone];
        let Some(username) = &self.username else {
            let default = contacts.into_iter().flatten().next()?;
            // If it is invalid, the field that it comes from already has a problem.
            return Username::try_from(default.as_str()).ok();
        };
        if !contacts.contains(&&Some(username.clone())) {
            problems.push(Problem::new("username", "must be the same as `email` or `mobile-phone`"));
        }
        Username::try_from(username.as_str()).ok()
    }
}

impl fmt::Debug for NewPatientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewPatientBuilder").finish_non_exhaustive()
    }
}

/// Checks whether a character is one that no screen shows: a control or format character, such as U+202A, which spreadsheets
/// and address books copy along with a phone number.
///
/// Names, email addresses and phone numbers must not contain such characters, because a name with one is not found by a
/// search for the name without it. The zero-width joiners U+200C and U+200D are not among them: some scripts need them
/// between letters.
#[must_use]
pub fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        )
}

/// Adds a problem if a text contains an invisible character, or a space that only looks like one.
fn refuse_invisible(field: &'static str, text: &str, problems: &mut Vec<Problem>) -> Option<()> {
    // U+3000 is the usual space between the names of a person in East Asia.
    let is_other_space = |letter: char| letter.is_whitespace() && !matches!(letter, ' ' | '\u{3000}');
    let unwanted = |letter: &char| is_invisible(*letter) || is_other_space(*letter);
    let Some(letter) = text.chars().find(unwanted) else { return Some(()) };
    let message = format!("contains the invisible character U+{:04X}", u32::from(letter));
    problems.push(Problem::new(field, message).with_hint("remove it, or replace it by a space"));
    None
}

fn name(field: &'static str, text: Option<&str>, problems: &mut Vec<Problem>) -> Option<PersonName> {
    let text = required(field, text, problems)?;
    if text.chars().all(|letter| letter.is_whitespace() || matches!(letter, '\u{200c}' | '\u{200d}')) {
        problems.push(Problem::new(field, "is empty"));
        return None;
    }
    refuse_invisible(field, text, problems)?;
    PersonName::try_from(text).ok()
}

fn birth_date(text: Option<&str>, problems: &mut Vec<Problem>) -> Option<BirthDate> {
    let text = required("birth-date", text, problems)?;
    let date = text.parse::<BirthDate>().ok();
    let Some(date) = date else {
        problems.push(Problem::new("birth-date", "is not a valid date in the form YYYY-MM-DD"));
        return None;
    };
    // UTC+14 is the first time zone to reach a date.
    if date.to_chrono() > (Utc::now() + chrono::TimeDelta::hours(14)).date_naive() {
        problems.push(Problem::new("birth-date", "is in the future"));
        return None;
    }
    Some(date)
}

fn email(text: &str, problems: &mut Vec<Problem>) -> Option<EmailAddress> {
    refuse_invisible("email", text, problems)?;
    if email_address::EmailAddress::is_valid(text) && !text.contains('<') {
        return EmailAddress::try_from(text).ok();
    }
    problems.push(Problem::new("email", "is not a valid email address"));
    None
}

fn phone(text: &str, problems: &mut Vec<Problem>) -> Option<PhoneNumber> {
    refuse_invisible("mobile-phone", text, problems)?;
    let phone = PhoneNumber::try_from(text).ok();
    if phone.is_none() {
        let problem = Problem::new("mobile-phone", "is not an E.164 phone number");
        problems.push(problem.with_hint("use the form +15551234567"));
    }
    phone
}

/// The implementation of [`Patients`] for the Carium API.
pub(crate) struct ApiPatients(pub(crate) Client);

#[async_trait]
impl Patients for ApiPatients {
    async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error> {
        let data = types::required::CreatePatientData { attributes: patient.attributes }.into();
        let result =
            self.0.create_patient().body(types::required::CreatePatientRequest { data }).send().await;
        api_result::convert_result(&operations::CREATE_PATIENT, result).map(|document| document.data.id)
    }
}
