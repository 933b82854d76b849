//! The words of the generated table.

use carium::api::Operation;

/// What there is to know of an operation before it is called.
#[derive(Debug)]
pub(crate) struct OperationCommand {
    pub(crate) operation: &'static Operation,
    pub(crate) summary: &'static str,
    pub(crate) description: &'static str,
    pub(crate) parameters: &'static [Parameter],
    /// A body as the spec shows one, as JSON. `None` where the operation takes none.
    pub(crate) example: Option<&'static str>,
    /// The names of what is secret in its answers.
    pub(crate) secrets: &'static [&'static str],
}

/// A parameter of an operation.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) flag: &'static str,
    pub(crate) location: ParameterLocation,
    pub(crate) required: bool,
    /// What its value is called in the help: `ID`, `NUMBER` or `TEXT`.
    pub(crate) value: &'static str,
    pub(crate) description: &'static str,
}

/// Where a parameter stands in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "which of them there are follows from the spec")]
pub(crate) enum ParameterLocation {
    Path,
    Query,
    Header,
}
