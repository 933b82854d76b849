//! `cargo xtask generate`: generates code and test data from the files in `specs/`.
//!
//! All outputs are produced in memory and then written or compared. The generator reads nothing else in the workspace,
//! so it also runs when the generated code does not compile.

mod canaries;
mod code;
mod contract;
mod files;
mod tables;

use crate::document;
use crate::lint;
use crate::spec::Sources;
use files::Header;
pub(crate) use files::{Output, check, write};

/// Generates all files, in a stable order. The linter runs first, because the generators panic on invalid specs.
///
/// # Errors
/// A report for the maintainer.
pub(crate) fn outputs(sources: &Sources) -> Result<Vec<Output>, String> {
    let findings = lint::run(sources);
    if !findings.is_empty() {
        return Err(document::report(&findings));
    }
    code::without_panic("cannot generate the outputs", || all(sources))
}

fn all(sources: &Sources) -> Result<Vec<Output>, String> {
    let header = Header::of(sources);
    let api = &sources.api;
    let mut outputs = code::client(api, &header)?;
    outputs.push(tables::operations(api, &header));
    outputs.extend(code::onboarding(sources, &header)?);
    outputs.push(canaries::output(sources, &header));
    outputs.push(contract::examples(api));
    outputs.extend(code::mocks(api, &header)?);
    outputs.push(contract::schemas(api));
    outputs.extend(tables::commands(api, &header));
    Ok(outputs)
}
