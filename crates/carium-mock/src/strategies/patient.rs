//! Patients.

use carium::NewPatient;
use carium::patients::{Gender, IndividualGroupId, Locale, NewPatientBuilder, OrganizationId};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::built;
use super::ids::id;
use super::invalid::{Invalid, Ways};
use super::people::{birth_date, email, first_name, future_date, gender, last_name, phone};
use super::words::{of_pattern, one_of};

/// A patient who can be created: with an e-mail address, a phone or both, and a username that is one of them.
pub fn new_patient() -> impl Strategy<Value = NewPatient> + Clone {
    new_patient_builder().prop_map(|builder| built(builder.build()))
}

/// What [`new_patient`] is built of, for those who put something of their own in.
pub fn new_patient_builder() -> impl Strategy<Value = NewPatientBuilder> + Clone {
    parts().prop_map(Parts::into_builder).boxed()
}

/// A patient who is described wrongly in one way. [`NewPatientBuilder::build`] names that field and no other.
///
/// | field | ways |
/// | --- | --- |
/// | `first-name`, `last-name` | missing; blank; with a control character |
/// | `birth-date` | missing; not in the calendar; not in the form; in the future |
/// | `gender` | missing |
/// | `email` | without an at-sign; without a side; with a space; with a display name; missing like the phone |
/// | `mobile-phone` | without a plus; with separators; too short; too long; beginning with zero; with letters |
/// | `username` | neither, a word; neither, another address |
/// | `organization-id` | missing |
pub fn invalid_patient() -> impl Strategy<Value = Invalid<NewPatientBuilder>> + Clone {
    phones(emails(dates(names(Ways::of(parts())))))
        .by("gender", "missing", |parts| Parts { gender: None, ..parts })
        .by("email", "missing like the phone", |parts| Parts { email: None, phone: None, ..parts })
        .with("username", "neither, a word", one_of(&["ann", "5550100000", "ann@"]), |parts, word| Parts {
            username: Username::Neither(word),
            ..parts
        })
        .by("username", "neither, another address", |parts| {
            let other =
                parts.email.as_deref().or(parts.phone.as_deref()).map(|contact| format!("x{contact}"));
            Parts { username: Username::Neither(other.unwrap_or_default()), ..parts }
        })
        .by("organization-id", "missing", |parts| Parts { organization: None, ..parts })
        .any()
        .prop_map(|invalid| invalid.map(Parts::into_builder))
        .boxed()
}

fn names(mut ways: Ways<Parts>) -> Ways<Parts> {
    type Set = fn(Parts, Option<String>) -> Parts;
    let fields: [(&'static str, Set); 2] = [
        ("first-name", |parts, first_name| Parts { first_name, ..parts }),
        ("last-name", |parts, last_name| Parts { last_name, ..parts }),
    ];
    for (field, set) in fields {
        // The last ones are letters without a width, which a name cannot consist of.
        let blank =
            one_of(&["", " ", "   ", "\u{a0}", "\u{3000}", "\u{200b}", "\u{feff} ", "\u{200c}\u{200d}"]);
        ways = ways
            .by(field, "missing", move |parts| set(parts, None))
            .with(field, "blank", blank, move |parts, text| set(parts, Some(text)))
            .with(field, "with a control character", with_control(), move |parts, text| {
                set(parts, Some(text))
            });
    }
    ways
}

/// A name with a control character somewhere in it.
fn with_control() -> impl Strategy<Value = String> {
    let control = prop::sample::select(&['\n', '\t', '\r', '\0', '\u{1b}', '\u{7f}', '\u{85}'][..]);
    (first_name(), control, any::<prop::sample::Index>()).prop_map(|(name, control, place)| {
        let mut letters: Vec<char> = name.chars().collect();
        letters.insert(place.index(letters.len() + 1), control);
        letters.into_iter().collect()
    })
}

fn dates(ways: Ways<Parts>) -> Ways<Parts> {
    let set = |parts, date| Parts { birth_date: Some(date), ..parts };
    let no_day = one_of(&[
        "2001-02-29",
        "1900-02-29",
        "2000-02-30",
        "2000-04-31",
        "2000-13-01",
        "2000-00-01",
        "2000-01-00",
        "0000-01-01",
    ]);
    let other_form = one_of(&[
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
        // Digits, of another script.
        "٢٠٠٠-٠١-٠١",
    ]);
    ways.by("birth-date", "missing", |parts| Parts { birth_date: None, ..parts })
        .with("birth-date", "not in the calendar", no_day, set)
        .with("birth-date", "not in the form", other_form, set)
        .with("birth-date", "in the future", future_date(), set)
}

fn emails(ways: Ways<Parts>) -> Ways<Parts> {
    let set = |parts, email| Parts { email: Some(email), ..parts };
    ways.with("email", "without an at-sign", one_of(&["a", "", "ann.example.com", "ann(at)example.com"]), set)
        .with("email", "without a side", one_of(&["a@", "@example.com", "@"]), set)
        .with("email", "with a space", one_of(&["a b@example.com", "a@example.com ", " a@example.com"]), set)
        .with("email", "with a display name", email(), move |parts, email| {
            set(parts, format!("Ann <{email}>"))
        })
}

fn phones(ways: Ways<Parts>) -> Ways<Parts> {
    let set = |parts, phone| Parts { phone: Some(phone), ..parts };
    let separated = one_of(&["+1 555 010 0000", "+1-555-010-0000", "+1 (555) 010-0000", "+1.555.010.0000"]);
    ways.with("mobile-phone", "without a plus", of_pattern("1555[0-9]{7}"), set)
        .with("mobile-phone", "with separators", separated, set)
        .with("mobile-phone", "too short", one_of(&["+", "", "+1"]), set)
        .with("mobile-phone", "too long", of_pattern(r"\+1555[0-9]{12,20}"), set)
        .with("mobile-phone", "beginning with zero", of_pattern(r"\+0555[0-9]{7}"), set)
        .with(
            "mobile-phone",
            "with letters",
            one_of(&["+1555CALLNOW", "+15550100000x1", "+1٥٥٥٠١٠٠٠٠٠"]),
            set,
        )
}

type SetText = fn(NewPatientBuilder, String) -> NewPatientBuilder;

/// What a builder can be given, to be changed before it is.
#[derive(Clone, Debug)]
struct Parts {
    first_name: Option<String>,
    last_name: Option<String>,
    birth_date: Option<String>,
    gender: Option<Gender>,
    email: Option<String>,
    phone: Option<String>,
    username: Username,
    locale: Option<Locale>,
    groups: Vec<IndividualGroupId>,
    organization: Option<OrganizationId>,
}

/// What the username is, rather than how it reads: a contact that is spoilt takes the username with it, and
/// would be a second thing that is wrong if that did not follow.
#[derive(Clone, Debug)]
enum Username {
    LeftOut,
    Email,
    Phone,
    Neither(String),
}

fn parts() -> impl Strategy<Value = Parts> + Clone {
    let contact = prop_oneof![
        3 => email().prop_map(|email| (Some(email), None)),
        2 => phone().prop_map(|phone| (None, Some(phone))),
        3 => (email(), phone()).prop_map(|(email, phone)| (Some(email), Some(phone))),
    ];
    let username = prop::sample::select(vec![Username::LeftOut, Username::Email, Username::Phone]);
    let locale = option::of(prop::sample::select(&[Locale::EnUs, Locale::EsUs][..]));
    // Most patients are in no group, and a drawn list shrinks slowly.
    let groups = prop_oneof![3 => Just(Vec::new()), 1 => vec(id(), 1..4)];
    let person = (first_name(), last_name(), birth_date(), gender());
    (person, contact, username, locale, groups, id())
        .prop_map(|(person, (email, phone), username, locale, groups, organization)| {
            let (first_name, last_name, birth_date, gender) = person;
            Parts {
                first_name: Some(first_name),
                last_name: Some(last_name),
                birth_date: Some(birth_date),
                gender: Some(gender),
                email,
                phone,
                username,
                locale,
                groups,
                organization: Some(organization),
            }
        })
        .boxed()
}

impl Parts {
    fn into_builder(self) -> NewPatientBuilder {
        let username = match self.username {
            Username::LeftOut => None,
            Username::Email => self.email.clone(),
            Username::Phone => self.phone.clone(),
            Username::Neither(text) => Some(text),
        };
        let texts: [(SetText, Option<String>); 6] = [
            (NewPatientBuilder::first_name, self.first_name),
            (NewPatientBuilder::last_name, self.last_name),
            (NewPatientBuilder::birth_date, self.birth_date),
            (NewPatientBuilder::email, self.email),
            (NewPatientBuilder::mobile_phone, self.phone),
            (NewPatientBuilder::username, username),
        ];
        let mut builder = NewPatient::builder().groups(self.groups);
        for (set, text) in texts {
            if let Some(text) = text {
                builder = set(builder, text);
            }
        }
        if let Some(gender) = self.gender {
            builder = builder.gender(gender);
        }
        if let Some(locale) = self.locale {
            builder = builder.locale(locale);
        }
        if let Some(organization) = self.organization {
            builder = builder.organization(organization);
        }
        builder
    }
}
