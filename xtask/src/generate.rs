//! `cargo xtask generate`: generates code and test data from the files in `specs/`.
//!
//! All outputs are produced in memory and then written or compared. Of the hand-written code, the generator reads only
//! the text of the domain crate and what it refers to, so it also runs when the code does not compile.

mod calls;
mod canaries;
mod code;
mod code_sources;
mod contract;
mod files;
#[cfg(test)]
mod large_spec;
mod mocks;
mod rows;
mod tables;

use std::{panic, thread};

use crate::document;
use crate::lint;
use crate::spec::{SPEC, Sources};
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
    // Errors report the panics of generators.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let outputs = code::catch_panic("cannot generate the outputs", || all(sources, code));
    panic::set_hook(hook);
    outputs
}

/// Returns what an operation lacks that only a person can write, one line each with a file and a line.
pub(crate) fn notes(sources: &Sources, code: &CodeSources) -> Vec<String> {
    let mut notes = Vec::new();
    for operation in sources.api.operations() {
        let id = operation.id();
        if !code.calls_operation(id) {
            let line = sources.api.document.line(&operation.pointer);
            notes.push(format!(
                "{SPEC}:{line}: `{id}` has no method in the domain crate: add one to a trait in crates/carium/src, or \
                 leave it to the low-level client"
            ));
        }
        let class = operation.value.get("x-retry").and_then(serde_json::Value::as_str).unwrap_or_default();
        if let Some(place) = code.place_of_missing_retry_class(id, class) {
            notes.push(format!("{place}: add `{id}` to the row `{class}` of this table of the guide"));
        }
        if !code.has_rule(id) {
            let place = code.place_of_rules();
            notes.push(format!(
                "{place}: the fake answers `{id}` with the example of the spec: add a rule here and a contract test if \
                 tests need more"
            ));
        }
    }
    notes
}

fn all(sources: &Sources, code: &CodeSources) -> Result<Vec<Output>, String> {
    let (header, api) = (Header::of(sources), &sources.api);
    // The client takes half of the time.
    thread::scope(|scope| {
        let client = scope.spawn(|| code::client(api, &header));
        let mut outputs = vec![
            tables::operations(api, &header),
            canaries::output(sources, &header),
            contract::examples(api),
            contract::success_examples(api),
            contract::schemas(api),
            mocks::output(code)?,
        ];
        outputs.extend(rows::outputs(sources, code, &header)?);
        outputs.extend(calls::outputs(api, &header));
        outputs.extend(tables::commands(api, &header));
        outputs.extend(code::onboarding(sources, &header)?);
        outputs.extend(code::mocks(api, &header)?);
        outputs.extend(client.join().unwrap_or_else(|cause| panic::resume_unwind(cause))?);
        Ok(outputs)
    })
}
