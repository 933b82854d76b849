//! The types of the generated table of operations.

use carium::api::Operation;

/// The description of an operation: its parameters, its request body and its secrets.
#[derive(Debug)]
pub(crate) struct OperationCommand {
    pub(crate) operation: &'static Operation,
    pub(crate) summary: &'static str,
    pub(crate) description: &'static str,
    pub(crate) parameters: &'static [Parameter],
    /// The spec's example of the request body, as JSON. `None` if the operation has no body.
    pub(crate) example: Option<&'static str>,
    /// The names of the members of a response that are secret.
    pub(crate) secrets: &'static [&'static str],
}

/// A parameter of an operation.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) flag: &'static str,
    pub(crate) location: ParameterLocation,
    pub(crate) required: bool,
    /// The value's name in the help: `ID`, `NUMBER` or `TEXT`.
    pub(crate) value: &'static str,
    pub(crate) description: &'static str,
}

/// The location of a parameter in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "the spec decides which locations are used")]
pub(crate) enum ParameterLocation {
    Path,
    Query,
    Header,
}
