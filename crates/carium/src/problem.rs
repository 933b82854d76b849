//! Invalid fields of a request.

use std::borrow::Cow;
use std::fmt;

use carium_api::{Redacted, operations, types};

/// An invalid field of a request, found by this crate before sending or reported by the service.
///
/// `Display` and `Debug` are safe to log. They do not show the service's own text, which can quote values of
/// the request. Use [`detail`](Self::detail) to get it.
#[derive(Clone, PartialEq, Eq)]
pub struct Problem {
    field: Option<Cow<'static, str>>,
    message: Option<Cow<'static, str>>,
    hint: Option<&'static str>,
    code: Option<String>,
    detail: Option<String>,
    existing_id: Option<String>,
}

impl Problem {
    /// Creates a problem with a field, given its name in the API or its path in other input, such as
    /// `documents[0].path`. A path may contain names and indices, but no values.
    pub(crate) fn new(field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: Some(field.into()),
            message: Some(message.into()),
            hint: None,
            code: None,
            detail: None,
            existing_id: None,
        }
    }

    /// Adds how to fix the problem.
    pub(crate) fn with_hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// Returns the name of the field in the API, such as `birth-date`.
    ///
    /// Returns `None` if the service did not name a field that the API describes.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// Returns what is wrong with the field.
    ///
    /// Returns `None` for problems that the service reported; see [`detail`](Self::detail).
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Returns how to fix the problem, if the message alone does not make it clear.
    pub fn hint(&self) -> Option<&'static str> {
        self.hint
    }

    /// Returns the service's error code as it was sent, if there is one. Do not log it: its content is not known.
    ///
    /// [`Error::code`](crate::Error::code) returns it in one case style.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Returns the ID of the resource that exists already (`meta.id` of the error), if the service named one.
    pub(crate) fn existing_id(&self) -> Option<&str> {
        self.existing_id.as_deref()
    }

    /// Returns the words of the code and of the detail, in lowercase.
    pub(crate) fn words(&self) -> ProblemWords {
        let code = self.code().map(kebab_case);
        let texts = [code.as_deref(), self.detail()].into_iter().flatten();
        let words = texts.flat_map(|text| text.split(|char: char| !char.is_alphanumeric()));
        ProblemWords(words.map(str::to_lowercase).collect())
    }

    /// Returns the service's description of the problem, if it sent one.
    ///
    /// Treat it as health information: it can quote values of the request.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Returns the problems in an error document of the service, at most [`MAX_PROBLEMS`].
    pub(crate) fn from_document(document: &types::ErrorDocument) -> Vec<Self> {
        let errors = document.errors.known().map(Vec::as_slice).unwrap_or_default();
        errors.iter().take(MAX_PROBLEMS).map(Self::from_error_object).collect()
    }

    fn from_error_object(error: &types::ErrorObject) -> Self {
        // Accepts only field names that the spec defines. Any other text could be a value of the request.
        let known_field = |name: &str| operations::FIELDS.iter().find(|field| **field == name).copied();
        let source = error.source.known();
        let pointer = source.and_then(|source| source.pointer.known());
        // Searches from the end, because a pointer can continue into a list with an index.
        let field_of_pointer = pointer.and_then(|pointer| pointer.rsplit('/').find_map(known_field));
        let parameter =
            || source.and_then(|source| source.parameter.known()).and_then(|name| known_field(name));
        // `data` and `attributes` are the JSON:API envelope, not fields of the request.
        let field =
            field_of_pointer.filter(|field| !["data", "attributes"].contains(field)).or_else(parameter);
        let text = error.detail.known().or_else(|| error.title.known());
        Self {
            field: field.map(Cow::Borrowed),
            message: None,
            hint: None,
            code: error.code.known().map(|code| start_of(code, MAX_CODE_BYTES).to_owned()),
            detail: text.map(|text| start_of(text, MAX_DETAIL_BYTES).to_owned()),
            existing_id: error.meta.known().and_then(|meta| meta.id.known()).cloned(),
        }
    }
}

/// The number of problems that are kept of a response. An error can be stored for each row of a file.
const MAX_PROBLEMS: usize = 100;
const MAX_DETAIL_BYTES: usize = 2048;
const MAX_CODE_BYTES: usize = 128;

/// Returns the start of a text, at most this number of bytes.
fn start_of(text: &str, max_bytes: usize) -> &str {
    let end = (0..=max_bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

/// The lowercase words of the service's code and detail of a problem.
///
/// The vendor does not document the codes of its errors, so the meaning of a conflict follows from such words.
pub(crate) struct ProblemWords(Vec<String>);

impl ProblemWords {
    pub(crate) fn contain_any(&self, words: &[&str]) -> bool {
        self.0.iter().any(|word| words.contains(&word.as_str()))
    }
}

/// Converts a code from any case style: `DuplicateChannel`, `duplicate_channel` and `DUPLICATE-CHANNEL` become
/// `duplicate-channel`.
pub(crate) fn kebab_case(code: &str) -> String {
    let chars: Vec<char> = code.trim().chars().collect();
    let mut converted = String::with_capacity(chars.len() + 4);
    for (index, char) in chars.iter().copied().enumerate() {
        if !char.is_alphanumeric() {
            if !converted.ends_with('-') && !converted.is_empty() {
                converted.push('-');
            }
            continue;
        }
        let previous = index.checked_sub(1).and_then(|index| chars.get(index));
        let follows_lowercase = previous.is_some_and(|char| char.is_lowercase() || char.is_numeric());
        // The last capital of `HTTPError` starts a word.
        let ends_acronym = previous.is_some_and(|char| char.is_uppercase())
            && chars.get(index + 1).is_some_and(|char| char.is_lowercase());
        if char.is_uppercase() && (follows_lowercase || ends_acronym) && !converted.ends_with('-') {
            converted.push('-');
        }
        converted.extend(char.to_lowercase());
    }
    converted.trim_end_matches('-').to_owned()
}

/// Returns the value. If it is `None`, adds a problem for the field.
pub(crate) fn required<T>(
    field: impl Into<Cow<'static, str>>,
    value: Option<T>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    if value.is_none() {
        problems.push(Problem::new(field, "is missing"));
    }
    value
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.field, self.message()) {
            (Some(field), Some(message)) => {
                write!(f, "`{field}` {message}")?;
                self.hint.map_or(Ok(()), |hint| write!(f, ": {hint}"))
            }
            (Some(field), None) => write!(f, "`{field}` was rejected by the service"),
            (None, _) => f.write_str("the service names no field"),
        }
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("field", &self.field)
            .field("message", &self.message)
            .field("hint", &self.hint)
            .field("code", &self.code.as_ref().map(|_| Redacted::Unknown))
            .field("detail", &self.detail.as_ref().map(|_| Redacted::Phi))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::kebab_case;

    #[test]
    fn converts_codes_of_any_case_style() {
        for (code, expected) in [
            ("DuplicateChannel", "duplicate-channel"),
            ("duplicateChannel", "duplicate-channel"),
            ("duplicate_channel", "duplicate-channel"),
            ("DUPLICATE_CHANNEL", "duplicate-channel"),
            ("duplicate-channel", "duplicate-channel"),
            (" Duplicate channel. ", "duplicate-channel"),
            ("HTTPError", "http-error"),
            ("Error404NotFound", "error404-not-found"),
            ("--", ""),
            ("", ""),
        ] {
            assert_eq!(kebab_case(code), expected, "{code}");
        }
    }
}
