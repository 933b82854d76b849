//! What is the same for a row of any form: its check, its key, its digest.

use carium::onboarding::OnboardingRow;

use super::Row;
use super::header::Known;
use super::identity::{RowDigest, RowIdentity};
use super::place::RowLocation;
use super::problem::{RowProblem, RowProblems};

/// What a row may be recognised by, as it stands there.
#[derive(Default)]
pub(super) struct Handles {
    pub(super) key: Option<String>,
    pub(super) username: Option<String>,
    pub(super) email: Option<String>,
    pub(super) mobile_phone: Option<String>,
}

impl Handles {
    /// What the patient would sign in with.
    fn username(&self) -> Option<&str> {
        self.username.as_deref().or(self.email.as_deref()).or(self.mobile_phone.as_deref())
    }
}

/// The row, if nothing is wrong with it. `problems` are those of its form; `locate` says where a field lies.
pub(super) fn finish(
    known: &Known,
    place: RowLocation,
    handles: &Handles,
    row: &OnboardingRow,
    mut problems: Vec<RowProblem>,
    locate: impl Fn(Option<&str>) -> RowProblem,
) -> Result<Row, RowProblems> {
    let checked = match &known.documents {
        Some(folder) => row.check_with_documents_in(folder),
        None => row.check(),
    };
    if let Err(error) = &checked {
        let of_form = problems.len();
        for problem in error.problems() {
            let found = locate(problem.field());
            // A field whose form is wrong was left out, so this says no more than that it is missing.
            let is_said = |said: &RowProblem| said.column.is_some() && said.column == found.column;
            if !problems[..of_form].iter().any(is_said) {
                let what = problem.message().unwrap_or("is wrong");
                // Some say it themselves.
                let is_mended = what.contains(':')
                    || ["is not one of `", "is neither `"].iter().any(|told| what.starts_with(told));
                let hint = if is_mended { None } else { problem.field().map(hint) };
                problems.push(RowProblem { what: what.into(), hint, ..found });
            }
        }
    }
    let key = match (&known.key, &checked) {
        (None, Ok(request)) => Some(RowIdentity::of_username(&known.salt, request.username())),
        (None, Err(_)) => handles.username().map(|name| RowIdentity::of_username(&known.salt, name)),
        (Some(name), _) => match key(known, name, handles.key.as_deref()) {
            Ok(key) => Some(key),
            Err(what) => {
                let is_it = |said: &RowProblem| {
                    said.column_name.as_deref() == Some(name) || said.field.as_deref() == Some(name)
                };
                if !problems.iter().any(is_it) {
                    problems.push(locate(Some(name)).what_is(what));
                }
                None
            }
        },
    };
    match (checked, key) {
        (Ok(request), Some(key)) if problems.is_empty() => {
            Ok(Row { place, key, digest: RowDigest::of(&known.salt, &request), request })
        }
        _ => {
            problems.sort_by_key(|problem| (problem.line, problem.column.is_none(), problem.column));
            Err(RowProblems::new(place.line, Some(place), problems).with_key(key))
        }
    }
}

/// What the row is recognised by, where a column was said for it.
fn key(known: &Known, name: &str, key: Option<&str>) -> Result<RowIdentity, &'static str> {
    let salt = &known.salt;
    match key {
        None => Err("is missing, and is the key: each row needs one"),
        Some(key) if key.trim().is_empty() => Err("is blank, and is the key: each row needs one"),
        Some(key) if key.trim() != key => Err("begins or ends with a space, and is the key: take it out"),
        // What can be a username counts as one, so that rows are the same whether the column was said or not.
        Some(key) if matches!(name, "email" | "username") => Ok(RowIdentity::of_username(salt, key)),
        Some(key) => Ok(RowIdentity::of_key(salt, key)),
    }
}

/// What to do about a field, where that has not been said.
fn hint(field: &str) -> &'static str {
    let name = field.rsplit('.').next().unwrap_or(field);
    let name = name.split('[').next().unwrap_or(name);
    match name {
        "birth-date" => "write a day of the past like 1980-07-04",
        "gender" => "write `male`, `female`, `pnta`, `other` or `unknown`",
        "email" => "write one like ann@example.com",
        "mobile-phone" => "write it like +15551234567",
        "locale" => "write `en_US` or `es_US`, or leave it out",
        "individual-group-ids" | "organization-id" => "write a UUID",
        "username" => "leave it out, or repeat one of the two",
        "invite" => "write `email` or `sms`, each once",
        "start-time" | "end-time" => "write it like 2027-01-04T09:00:00Z, the end after the start",
        "add-video-channel" => "write `true` or `false`",
        "first-name" | "last-name" => "write the name, on one line",
        "name" => "write what the document is to be called, on one line",
        "guest-url" | "host-url" => "leave it out, or write one that begins with https://",
        "path" => "write where the file lies in the documents folder",
        "class" | "practitioner" | "type" | "status" => "write an id, or a name that the organization lists",
        "description" | "patient-instruction" | "location" => "write a text, or leave it out",
        "documents" | "appointment" => "write it as the schema has it, or leave it out",
        _ => "take it out",
    }
}
