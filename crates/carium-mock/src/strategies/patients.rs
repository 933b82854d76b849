//! Strategies for patients and invitations.

use std::fmt;

use carium::invitations::NotificationChannel;
use carium::patients::{Gender, Locale, NewPatientBuilder, OrganizationId};
use carium::{Error, NewInvitation, NewPatient};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::inputs::{Defects, Invalid, SetIfSome as _, debug, expect_valid};
use super::values::{
    birth_date, email, first_name, future_date, gender, id, last_name, matching, one_of, phone,
};

/// Generates valid patients: with an email address, a phone or both, and one of them as the username.
pub fn new_patient() -> impl Strategy<Value = NewPatient> + Clone {
    // Most patients are in no group. The empty list comes first because a generated list shrinks slowly.
    let groups = prop_oneof![3 => Just(Vec::new()), 1 => vec(id(), 1..4)];
    (new_patient_builder(), groups).prop_map(|(builder, groups)| expect_valid(builder.groups(groups).build()))
}

/// Generates builders of valid patients, so that you can set fields yourself.
///
/// They have a random organization, which the organization that you set replaces, and no groups. With
/// `builder.organization(fake.organization())`, a patient can therefore be created in the fake.
pub fn new_patient_builder() -> impl Strategy<Value = NewPatientBuilder> + Clone {
    fields().prop_map(PatientFields::into_builder).boxed()
}

/// Generates builders of patients that are invalid for exactly one reason. [`NewPatientBuilder::build`] returns an
/// error that names the field and no other.
///
/// | field | defects |
/// | --- | --- |
/// | `first-name`, `last-name` | missing; blank; a control character |
/// | `birth-date` | missing; not a calendar date; wrong format; in the future |
/// | `gender` | missing |
/// | `email` | without an at sign; without a local part or domain; a space; a display name; missing together with the phone |
/// | `mobile-phone` | without a plus sign; separators; too short; too long; a leading zero; letters |
/// | `username` | not an email address or phone; a different contact |
/// | `organization-id` | missing |
pub fn invalid_patient() -> impl Strategy<Value = Invalid<NewPatientBuilder>> + Clone {
    phone_defects(email_defects(birth_date_defects(name_defects(Defects::of(fields(), debug)))))
        .with("gender", "missing", |fields| fields.gender = None)
        .with("email", "missing together with the phone", |fields| {
            (fields.email, fields.phone) = (None, None);
        })
        .with_value(
            "username",
            "not an email address or phone",
            one_of(&["ann", "5550100000", "ann@"]),
            |fields, username| fields.username = Username::Neither(username),
        )
        .with("username", "a different contact", |fields| {
            let contact = fields.email.as_deref().or(fields.phone.as_deref()).unwrap_or_default();
            fields.username = Username::Neither(format!("x{contact}"));
        })
        .with("organization-id", "missing", |fields| fields.organization = None)
        .any()
        .prop_map(|invalid| invalid.map(PatientFields::into_builder))
        .boxed()
}

fn name_defects(mut defects: Defects<PatientFields>) -> Defects<PatientFields> {
    type Setter = fn(&mut PatientFields, Option<String>);
    let setters: [(&'static str, Setter); 2] = [
        ("first-name", |fields, name| fields.first_name = name),
        ("last-name", |fields, name| fields.last_name = name),
    ];
    for (field, set) in setters {
        // The last ones are zero-width characters, which are not visible on their own.
        let blank =
            one_of(&["", " ", "   ", "\u{a0}", "\u{3000}", "\u{200b}", "\u{feff} ", "\u{200c}\u{200d}"]);
        defects = defects
            .with(field, "missing", move |fields| set(fields, None))
            .with_value(field, "blank", blank, move |fields, text| set(fields, Some(text)))
            .with_value(field, "a control character", name_with_control_character(), move |fields, text| {
                set(fields, Some(text));
            });
    }
    defects
}

/// Generates names with a control character at any position.
fn name_with_control_character() -> impl Strategy<Value = String> {
    let control = prop::sample::select(&['\n', '\t', '\r', '\0', '\u{1b}', '\u{7f}', '\u{85}'][..]);
    (first_name(), control, any::<prop::sample::Index>()).prop_map(|(name, control, index)| {
        let mut characters: Vec<char> = name.chars().collect();
        characters.insert(index.index(characters.len() + 1), control);
        characters.into_iter().collect()
    })
}

fn birth_date_defects(defects: Defects<PatientFields>) -> Defects<PatientFields> {
    let set = |fields: &mut PatientFields, date| fields.birth_date = Some(date);
    let not_a_date = one_of(&[
        "2001-02-29",
        "1900-02-29",
        "2000-02-30",
        "2000-04-31",
        "2000-13-01",
        "2000-00-01",
        "2000-01-00",
        "0000-01-01",
    ]);
    let wrong_format = one_of(&[
        "",
        "2000",
        "00-01-01",
        "2000-1-1",
        "20000101",
        "2000/01/01",
        "01/31/2000",
        "31.01.2000",
        "+2000-01-01",
        " 2000-01-01",
        "2000-01-01 ",
        "2000-01-01T00:00:00Z",
        "Jan 1, 2000",
        // Arabic-Indic digits.
        "٢٠٠٠-٠١-٠١",
    ]);
    defects
        .with("birth-date", "missing", |fields| fields.birth_date = None)
        .with_value("birth-date", "not a calendar date", not_a_date, set)
        .with_value("birth-date", "wrong format", wrong_format, set)
        .with_value("birth-date", "in the future", future_date(), set)
}

fn email_defects(defects: Defects<PatientFields>) -> Defects<PatientFields> {
    let set = |fields: &mut PatientFields, email| fields.email = Some(email);
    defects
        .with_value(
            "email",
            "without an at sign",
            one_of(&["a", "", "ann.example.com", "ann(at)example.com"]),
            set,
        )
        .with_value("email", "without a local part or domain", one_of(&["a@", "@example.com", "@"]), set)
        .with_value("email", "a space", one_of(&["a b@example.com", "a@example.com ", " a@example.com"]), set)
        .with_value("email", "a display name", email(), move |fields, email| {
            set(fields, format!("Ann <{email}>"));
        })
}

fn phone_defects(defects: Defects<PatientFields>) -> Defects<PatientFields> {
    let set = |fields: &mut PatientFields, phone| fields.phone = Some(phone);
    let separated = one_of(&["+1 555 010 0000", "+1-555-010-0000", "+1 (555) 010-0000", "+1.555.010.0000"]);
    defects
        .with_value("mobile-phone", "without a plus sign", matching("1555[0-9]{7}"), set)
        .with_value("mobile-phone", "separators", separated, set)
        .with_value("mobile-phone", "too short", one_of(&["+", "", "+1"]), set)
        .with_value("mobile-phone", "too long", matching(r"\+1555[0-9]{12,20}"), set)
        .with_value("mobile-phone", "a leading zero", matching(r"\+0555[0-9]{7}"), set)
        .with_value(
            "mobile-phone",
            "letters",
            one_of(&["+1555CALLNOW", "+15550100000x1", "+1٥٥٥٠١٠٠٠٠٠"]),
            set,
        )
}

/// The fields of a builder, which can be changed before the builder is created.
#[derive(Clone, Debug)]
struct PatientFields {
    first_name: Option<String>,
    last_name: Option<String>,
    birth_date: Option<String>,
    gender: Option<Gender>,
    email: Option<String>,
    phone: Option<String>,
    username: Username,
    locale: Option<Locale>,
    organization: Option<OrganizationId>,
}

/// The source of the username. If a defect changes the contact that is the username, the username changes as well;
/// otherwise it would be a second defect.
#[derive(Clone, Debug)]
enum Username {
    Unset,
    Email,
    Phone,
    Neither(String),
}

fn fields() -> impl Strategy<Value = PatientFields> + Clone {
    let contact = prop_oneof![
        3 => email().prop_map(|email| (Some(email), None)),
        2 => phone().prop_map(|phone| (None, Some(phone))),
        3 => (email(), phone()).prop_map(|(email, phone)| (Some(email), Some(phone))),
    ];
    let username = prop::sample::select(vec![Username::Unset, Username::Email, Username::Phone]);
    let locale = option::of(prop::sample::select(&[Locale::EnUs, Locale::EsUs][..]));
    let person = (first_name(), last_name(), birth_date(), gender());
    (person, contact, username, locale, id())
        .prop_map(|(person, (email, phone), username, locale, organization)| {
            let (first_name, last_name, birth_date, gender) = person;
            PatientFields {
                first_name: Some(first_name),
                last_name: Some(last_name),
                birth_date: Some(birth_date),
                gender: Some(gender),
                email,
                phone,
                username,
                locale,
                organization: Some(organization),
            }
        })
        .boxed()
}

impl PatientFields {
    fn into_builder(self) -> NewPatientBuilder {
        let username = match self.username {
            Username::Unset => None,
            Username::Email => self.email.clone(),
            Username::Phone => self.phone.clone(),
            Username::Neither(text) => Some(text),
        };
        NewPatient::builder()
            .set_if_some(self.first_name, NewPatientBuilder::first_name)
            .set_if_some(self.last_name, NewPatientBuilder::last_name)
            .set_if_some(self.birth_date, NewPatientBuilder::birth_date)
            .set_if_some(self.gender, NewPatientBuilder::gender)
            .set_if_some(self.email, NewPatientBuilder::email)
            .set_if_some(self.phone, NewPatientBuilder::mobile_phone)
            .set_if_some(username, NewPatientBuilder::username)
            .set_if_some(self.locale, NewPatientBuilder::locale)
            .set_if_some(self.organization, NewPatientBuilder::organization)
    }
}

/// The arguments of [`NewInvitation::new`]. An invitation has no builder, so this type takes its place in
/// [`Invalid`].
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationInput {
    /// The username of the user to invite.
    pub username: String,
    /// The channels to send the invitation by.
    pub channels: Vec<NotificationChannel>,
}

impl InvitationInput {
    /// Builds the invitation.
    ///
    /// # Errors
    /// Returns the errors of [`NewInvitation::new`].
    pub fn build(self) -> Result<NewInvitation, Error> {
        NewInvitation::new(&self.username, self.channels)
    }
}

/// Hides the username, which is an email address or a phone, as `carium` does.
impl fmt::Debug for InvitationInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvitationInput").field("channels", &self.channels).finish_non_exhaustive()
    }
}

/// Generates valid invitations, by email, by SMS or by both, to an email address or a phone.
pub fn new_invitation() -> impl Strategy<Value = NewInvitation> + Clone {
    invitation_input().prop_map(|input| expect_valid(input.build()))
}

/// Generates invitations that are invalid for exactly one reason. [`InvitationInput::build`] returns an error that
/// names the field and no other.
///
/// | field | defects |
/// | --- | --- |
/// | `username` | blank |
/// | `notifications` | empty |
pub fn invalid_invitation() -> impl Strategy<Value = Invalid<InvitationInput>> + Clone {
    let blank = one_of(&["", " ", "\t", "\u{3000}"]);
    Defects::of(invitation_input(), |input| format!("{:?} by {:?}", input.username, input.channels))
        .with_value("username", "blank", blank, |input, username| input.username = username)
        .with("notifications", "empty", |input| input.channels.clear())
        .any()
        .boxed()
}

fn invitation_input() -> impl Strategy<Value = InvitationInput> + Clone {
    let (email_only, sms_only) = (vec![NotificationChannel::Email], vec![NotificationChannel::Sms]);
    let both = vec![NotificationChannel::Email, NotificationChannel::Sms];
    let channels = prop::sample::select(vec![email_only, sms_only, both]);
    (prop_oneof![email(), phone()], channels)
        .prop_map(|(username, channels)| InvitationInput { username, channels })
        .boxed()
}
