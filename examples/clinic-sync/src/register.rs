//! The register: one JSON object per line.

use std::fmt;

use carium::patients::Gender;
use carium::{Carium, Error, NewPatient};
use serde::Deserialize;

/// A person in the register.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Person {
    /// The person's number in the register. It is not health information, so it can be printed.
    pub number: String,
    first_name: String,
    last_name: String,
    birth_date: String,
    gender: Gender,
    email: String,
}

impl Person {
    /// Builds the patient, in the client's organization.
    ///
    /// # Errors
    /// Returns an error with all invalid fields.
    pub fn to_patient(&self, carium: &Carium) -> Result<NewPatient, Error> {
        carium
            .new_patient()
            .first_name(&self.first_name)
            .last_name(&self.last_name)
            .birth_date(&self.birth_date)
            .gender(self.gender)
            .email(&self.email)
            .build()
    }
}

/// Shows only the number, because the other fields are health information.
impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").field("number", &self.number).finish_non_exhaustive()
    }
}

/// The position of a line that is not a valid person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidLine {
    /// The line number, starting at 1.
    pub line: usize,
    /// The column of the error, starting at 1.
    pub column: usize,
}

/// Reads a register. Skips blank lines.
///
/// The error contains only the position of an invalid line, because the messages of `serde_json` can quote its
/// values.
pub fn read_register(text: &str) -> impl Iterator<Item = Result<Person, InvalidLine>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(index, line)| {
        serde_json::from_str(line).map_err(|error| InvalidLine { line: index + 1, column: error.column() })
    })
}
