//! What is done for a row, and what a row is recognised by.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use carium_api::Redacted;
use carium_api::types::NotificationChannel;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, ErrorKind};

/// What a row is recognised by in the ledger: any text that is always the same for it and never another's.
///
/// It is kept, so it says nothing of a person: a number, or a salted hash of what names them. `Debug` does not show
/// it all the same.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey(String);

impl RowKey {
    /// A key.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RowKey").field(&Redacted::Unknown).finish()
    }
}

/// A step of a row: one call, or for a document one upload, that is made once.
///
/// Written as a text in the words of the row's schema: `patient`, `invite[email]`, `invite[email,sms]`,
/// `documents[0]`, `appointment`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Step {
    /// The patient is created. Everything else needs their id.
    Patient,
    /// The patient is invited, in all of these ways at once.
    Invitation(BTreeSet<NotificationChannel>),
    /// A document is filed: which of the row's, counted from 0.
    Document(usize),
    /// The appointment is booked.
    Appointment,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Patient => f.write_str("patient"),
            Self::Invitation(channels) => {
                // By their names, so that the text is the same whatever order the schema has them in.
                let mut names: Vec<_> = channels.iter().map(NotificationChannel::as_str).collect();
                names.sort_unstable();
                write!(f, "invite[{}]", names.join(","))
            }
            Self::Document(index) => write!(f, "documents[{index}]"),
            Self::Appointment => f.write_str("appointment"),
        }
    }
}

impl FromStr for Step {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = || Error::new(ErrorKind::InvalidInput, "the text is the name of no step");
        let bracketed = |name: &str| text.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']');
        match text {
            "patient" => return Ok(Self::Patient),
            "appointment" => return Ok(Self::Appointment),
            _ => {}
        }
        let step = if let Some(index) = bracketed("documents") {
            index.parse().map(Self::Document).map_err(|_| unknown())?
        } else {
            let names = bracketed("invite").ok_or_else(unknown)?;
            let channels: Result<_, _> = names.split(',').map(NotificationChannel::from_str).collect();
            channels.map(Self::Invitation).map_err(|_| unknown())?
        };
        // A key has one form.
        if step.to_string() == text { Ok(step) } else { Err(unknown()) }
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_one_text() {
        let both: BTreeSet<_> = [NotificationChannel::Sms, NotificationChannel::Email].into();
        for (step, text) in [
            (Step::Patient, "patient"),
            (Step::Invitation([NotificationChannel::Email].into()), "invite[email]"),
            (Step::Invitation(both), "invite[email,sms]"),
            (Step::Document(0), "documents[0]"),
            (Step::Document(12), "documents[12]"),
            (Step::Appointment, "appointment"),
        ] {
            assert_eq!(step.to_string(), text);
            assert_eq!(text.parse::<Step>().unwrap(), step);
            let json = serde_json::to_string(&step).unwrap();
            assert_eq!(serde_json::from_str::<Step>(&json).unwrap(), step);
        }
        for text in
            ["", "patients", "documents[]", "documents[01]", "documents[+1]", "documents[-1]", "invite[]"]
                .into_iter()
                .chain([
                    "invite[sms,email]",
                    "invite[email,email]",
                    "invite[fax]",
                    "appointment[0]",
                    "documents",
                ])
        {
            assert!(text.parse::<Step>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        assert!(!format!("{:?}", RowKey::new("canary@example.com")).contains("canary"));
    }
}
