//! One thing that is wrong with what was given.

use std::borrow::Cow;
use std::fmt;

use carium_api::{Redacted, operations, types};

/// One thing that is wrong with what was given: found here before sending, or by the service.
///
/// What the service says in words may quote what was sent, so it is asked for by name
/// ([`detail`](Self::detail)) and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Problem {
    field: Option<Cow<'static, str>>,
    what: Option<&'static str>,
    code: Option<String>,
    detail: Option<String>,
}

impl Problem {
    pub(crate) fn new(field: &'static str, what: &'static str) -> Self {
        Self { field: Some(field.into()), what: Some(what), code: None, detail: None }
    }

    /// At a place that is known only when it is found: a path of names and indices, never a value.
    pub(crate) fn at(path: String, what: &'static str) -> Self {
        Self { field: Some(path.into()), what: Some(what), code: None, detail: None }
    }

    /// The same of a field that is called otherwise where it was given.
    pub(crate) fn renamed(self, path: String) -> Self {
        Self { field: Some(path.into()), ..self }
    }

    /// The name of the field, as the vendor's page writes it, such as `birth-date`.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// What is wrong, where it was found here: what to write instead.
    pub fn message(&self) -> Option<&'static str> {
        self.what
    }

    /// The service's own code of the problem, where it gave one. May be anything: not to be logged.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// What the service says of the problem, for a person to read. May quote what was sent, so it counts as
    /// health information.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The problems in an error document of the service.
    pub(crate) fn of_document(document: &types::ErrorDocument) -> Vec<Self> {
        let errors = document.errors.known().map(Vec::as_slice).unwrap_or_default();
        errors.iter().map(Self::of_error).collect()
    }

    fn of_error(error: &types::ErrorObject) -> Self {
        // Only a name that the spec knows: anything else might be a value.
        let known = |name: &str| operations::FIELDS.iter().find(|field| **field == name).copied();
        let source = error.source.known();
        let pointer = source.and_then(|source| source.pointer.known());
        // The last one that is a name: a pointer may go on into a list.
        let of_pointer = pointer.and_then(|pointer| pointer.rsplit('/').find_map(known));
        let parameter = || source.and_then(|source| source.parameter.known()).and_then(|name| known(name));
        // The members around the attributes are not fields that anyone gave.
        let field = of_pointer.filter(|field| !["data", "attributes"].contains(field)).or_else(parameter);
        let text = error.detail.known().or_else(|| error.title.known());
        Self {
            field: field.map(Cow::Borrowed),
            what: None,
            code: error.code.known().cloned(),
            detail: text.cloned(),
        }
    }
}

/// A value that must be there, or the problem that it is not.
pub(crate) fn required<T>(field: &'static str, value: Option<T>, problems: &mut Vec<Problem>) -> Option<T> {
    if value.is_none() {
        problems.push(Problem::new(field, "is missing"));
    }
    value
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.field, self.what) {
            (Some(field), Some(what)) => write!(f, "`{field}` {what}"),
            (Some(field), None) => write!(f, "`{field}` was refused"),
            (None, _) => f.write_str("something that the service names in `detail`"),
        }
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("field", &self.field)
            .field("what", &self.what)
            .field("code", &self.code.as_ref().map(|_| Redacted::Unknown))
            .field("detail", &self.detail.as_ref().map(|_| Redacted::Phi))
            .finish()
    }
}
