//! Validates a parsed row and computes its key and digest, in the same way for both formats.

use carium::onboarding::OnboardingRow;

use super::problem::{RowProblem, RowProblems};
use super::row::{Row, RowDigest, RowIdentity, RowLocation};
use super::settings::FileSettings;

/// The fields of a row that can identify it, as written in the file.
#[derive(Default)]
pub(super) struct KeyFields {
    pub(super) key: Option<String>,
    pub(super) username: Option<String>,
    pub(super) email: Option<String>,
    pub(super) mobile_phone: Option<String>,
}

impl KeyFields {
    /// Returns the username that the patient would have.
    fn effective_username(&self) -> Option<&str> {
        self.username.as_deref().or(self.email.as_deref()).or(self.mobile_phone.as_deref())
    }
}

/// Validates a row. `problems` are those that the parser found, and `locate` creates an empty problem at the position
/// of a field.
pub(super) fn check_row(
    settings: &FileSettings,
    location: RowLocation,
    key_fields: &KeyFields,
    row: &OnboardingRow,
    mut problems: Vec<RowProblem>,
    locate: impl Fn(Option<&str>) -> RowProblem,
) -> Result<Row, RowProblems> {
    let checked = match &settings.options.documents_folder {
        Some(folder) => row.check_with_documents_in(folder),
        None => row.check(),
    };
    if let Err(error) = &checked {
        let parser_problems = problems.len();
        for problem in error.problems() {
            let located = locate(problem.field());
            // The parser omits a field that it rejects, and `check` then reports the field as missing. That second
            // problem is suppressed.
            let is_same_column =
                |other: &RowProblem| other.column.is_some() && other.column == located.column;
            if !problems[..parser_problems].iter().any(is_same_column) {
                let message = problem.message().unwrap_or("is invalid").to_owned();
                let hint = problem.hint();
                problems.push(RowProblem { hint, ..located.with_message(message) });
            }
        }
    }
    let salt = &settings.salt;
    let key = match (settings.key(), &checked) {
        (None, Ok(request)) => Some(RowIdentity::of_username(salt, request.username())),
        (None, Err(_)) => key_fields.effective_username().map(|name| RowIdentity::of_username(salt, name)),
        (Some(name), _) => {
            let key = hash_key(settings, name, key_fields.key.as_deref());
            let is_about_key = |problem: &RowProblem| {
                problem.column_name.as_deref() == Some(name) || problem.field.as_deref() == Some(name)
            };
            if let Err(message) = key
                && !problems.iter().any(is_about_key)
            {
                problems.push(locate(Some(name)).with_message(message));
            }
            key.ok()
        }
    };
    match (checked, key) {
        (Ok(request), Some(key)) if problems.is_empty() => {
            Ok(Row { location, key, digest: RowDigest::of(salt, &request), request })
        }
        _ => {
            problems.sort_by_key(|problem| (problem.line, problem.column.is_none(), problem.column));
            Err(RowProblems::new(location.line, Some(location), problems).with_key(key))
        }
    }
}

/// Hashes the value of the key column, or returns why it is not a valid key.
fn hash_key(settings: &FileSettings, name: &str, key: Option<&str>) -> Result<RowIdentity, &'static str> {
    let salt = &settings.salt;
    match key {
        None => Err("is the key, but is missing: every row needs a key"),
        Some(key) if key.trim().is_empty() => Err("is the key, but is blank: every row needs a key"),
        Some(key) if key.trim() != key => {
            Err("is the key, but begins or ends with a space: remove the space")
        }
        // These columns are hashed as usernames, so that a row has the same key whether or not the key column is set.
        Some(key) if matches!(name, "email" | "username") => Ok(RowIdentity::of_username(salt, key)),
        Some(key) => Ok(RowIdentity::of_key(salt, key)),
    }
}
