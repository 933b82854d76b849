//! Row keys and steps: the key of a ledger entry.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use carium_api::Redacted;
use carium_api::types::NotificationChannel;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, ErrorKind};

/// The key of a row in the ledger: a text that is always the same for this row and unique among all rows.
///
/// Keys are stored, so they should not identify a person: use a number, or a salted hash of identifying values. As a
/// precaution, `Debug` does not show the key.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey(String);

impl RowKey {
    /// Creates a key.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// Returns the key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RowKey").field(&Redacted::Unknown).finish()
    }
}

/// A step of a row: one API call, or for a document one upload.
///
/// The text form uses the field names of the row: `patient`, `invite[email]`, `invite[email,sms]`, `documents[0]`,
/// `appointment`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Step {
    /// Creates the patient. All other steps need the ID of the patient.
    Patient,
    /// Invites the patient through all of these channels, in one call.
    Invitation(BTreeSet<NotificationChannel>),
    /// Files a document: its position in the row, counted from 0.
    Document(usize),
    /// Books the appointment.
    Appointment,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Patient => f.write_str("patient"),
            Self::Invitation(channels) => {
                // Sorted by name, so that the text does not depend on the order of the channels in the schema.
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
        let unknown = || {
            let message = "not a step: expected `patient`, `invite[…]`, `documents[N]` or `appointment`";
            Error::new(ErrorKind::InvalidInput, message)
        };
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
        // Only the canonical form is accepted, because ledgers compare steps as text.
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
    fn step_has_one_text_form() {
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
    fn debug_hides_the_row_key() {
        assert!(!format!("{:?}", RowKey::new("canary@example.com")).contains("canary"));
    }
}
