//! `cargo xtask generate`: generates code and test data from the files in `specs/`.
//!
//! All outputs are produced in memory and then written or compared. Of the hand-written code, the generator reads only
//! the text of the domain crate, so it also runs when the code does not compile.

mod canaries;
mod code;
mod code_sources;
mod contract;
mod files;
mod rows;
mod tables;

use crate::document;
use crate::lint;
use crate::spec::Sources;
pub(crate) use code_sources::CodeSources;
use files::Header;
pub(crate) use files::{Output, check, write};

/// Generates all files, in a stable order. The linter runs first, because the generators panic on invalid specs.
///
/// # Errors
/// The findings of the linter, or the reason why a generator failed.
pub(crate) fn outputs(sources: &Sources, code: &CodeSources) -> Result<Vec<Output>, String> {
    let findings = lint::run(sources);
    if !findings.is_empty() {
        return Err(document::report(&findings));
    }
    code::without_panic("cannot generate the outputs", || all(sources, code))
}

fn all(sources: &Sources, code: &CodeSources) -> Result<Vec<Output>, String> {
    let header = Header::of(sources);
    let api = &sources.api;
    let mut outputs = code::client(api, &header)?;
    outputs.push(tables::operations(api, &header));
    outputs.extend(code::onboarding(sources, &header)?);
    outputs.extend(rows::outputs(sources, code, &header)?);
    outputs.push(canaries::output(sources, &header));
    outputs.push(contract::examples(api));
    outputs.extend(code::mocks(api, &header)?);
    outputs.push(contract::schemas(api));
    outputs.extend(tables::commands(api, &header));
    Ok(outputs)
}
