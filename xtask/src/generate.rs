//! `cargo xtask generate`: generates code and test data from the files in `specs/`.
//!
//! All outputs are produced in memory and then written or compared. The generator reads nothing else in the workspace,
//! so it also runs when the generated code does not compile.

mod canaries;
mod check;
mod client;
mod commands;
mod contract;
mod examples;
mod header;
mod mocks;
mod onboarding;
mod operations;
mod samples;
mod write;

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use crate::document::Document;
use crate::finding::{self, Finding};
use crate::lint;
use crate::spec::Spec;
use header::Header;

pub(crate) use check::check;
pub(crate) use write::write;

/// Path of the API spec, relative to the workspace root.
pub(crate) const SPEC: &str = "specs/carium.yaml";
/// Path of the JSON Schema of an onboarding row, relative to the workspace root.
pub(crate) const ONBOARDING: &str = "specs/onboarding.schema.json";

/// Folders that contain only generated files.
const FOLDERS: [&str; 4] = [
    "crates/carium-api/src/generated",
    "crates/carium-api/tests/generated",
    "crates/carium-cli/src/generated",
    "crates/carium-mock/src/generated",
];

/// A generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    /// Path relative to the workspace root.
    pub(crate) path: String,
    /// Content.
    pub(crate) text: String,
}

/// The two specs in `specs/`.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) api: Spec,
    pub(crate) onboarding: Document,
}

impl Sources {
    /// Reads the specs of a workspace.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let text = |path: &str| {
            fs::read_to_string(root.join(path))
                .map_err(|error| format!("cannot read {path} in {}: {error}", root.display()))
        };
        let to_report = |finding: Finding| finding::report(&[finding]);
        Ok(Self {
            api: Spec::parse(SPEC, &text(SPEC)?).map_err(to_report)?,
            onboarding: Document::parse(ONBOARDING, &text(ONBOARDING)?).map_err(to_report)?,
        })
    }

    /// Runs the linter on both specs.
    pub(crate) fn lint(&self) -> Vec<Finding> {
        let mut findings = lint::run(&self.api);
        findings.extend(lint::run_json_schema(&self.onboarding));
        findings.extend(lint::run_shared(&self.api, &self.onboarding));
        findings
    }
}

/// Generates all files, in a stable order. The linter runs first, because the generators panic on invalid specs.
///
/// # Errors
/// A report for the maintainer.
pub(crate) fn outputs(sources: &Sources) -> Result<Vec<Output>, String> {
    let findings = sources.lint();
    if !findings.is_empty() {
        return Err(finding::report(&findings));
    }
    without_panic("cannot generate the outputs", || all(sources))
}

fn all(sources: &Sources) -> Result<Vec<Output>, String> {
    let header = Header::of(sources);
    let mut outputs = Vec::new();
    outputs.extend(client::outputs(&sources.api, &header)?);
    outputs.push(operations::output(&sources.api, &header));
    outputs.extend(onboarding::outputs(sources, &header)?);
    outputs.push(canaries::output(sources, &header));
    outputs.push(examples::output(&sources.api));
    outputs.extend(mocks::outputs(&sources.api, &header)?);
    outputs.push(contract::output(&sources.api));
    outputs.extend(commands::outputs(&sources.api, &header));
    Ok(outputs)
}

/// Runs a generator and converts a panic into an error. The linter reports the known causes; this covers others.
fn without_panic<T>(failure: &str, run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    panic::set_hook(hook);
    result.unwrap_or_else(|cause| {
        let message = cause
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| cause.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        Err(format!(
            "{failure}: the generator panicked ({message})\n    fix: revert the last changes of {SPEC} one by one to find \
             the cause, rewrite it, and add a rule for it to `cargo xtask lint`"
        ))
    })
}
