//! The register: a person a line, as JSON.

use std::fmt;

use carium::patients::Gender;
use carium::{Carium, Error, NewPatient};
use serde::Deserialize;

/// Someone in the register.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Person {
    /// The register's own number: what is safe to print.
    pub number: String,
    first_name: String,
    last_name: String,
    birth_date: String,
    gender: Gender,
    email: String,
}

impl Person {
    /// The patient that they are to be, in the client's organization.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn patient(&self, carium: &Carium) -> Result<NewPatient, Error> {
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

/// Shows the number: the rest is health information.
impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").field("number", &self.number).finish_non_exhaustive()
    }
}

/// A line that is not a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Counted from 1.
    pub line: usize,
    /// Where in the line, counted from 1.
    pub column: usize,
}

/// Reads a register. What is said of a line that cannot be read is where that is: `serde`'s own words quote the
/// line.
pub fn read(text: &str) -> impl Iterator<Item = Result<Person, Unreadable>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(index, line)| {
        serde_json::from_str(line).map_err(|error| Unreadable { line: index + 1, column: error.column() })
    })
}
