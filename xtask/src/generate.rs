//! Everything that follows from the files in `specs/`.
//!
//! Each output is made in memory, whole, and then either written or compared. Nothing else in the
//! workspace is looked at, so the generator runs when the code that it generates does not compile.

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

/// The spec of the API, from the root of the workspace.
pub(crate) const SPEC: &str = "specs/carium.yaml";
/// The schema of a row of an onboarding file.
pub(crate) const ONBOARDING: &str = "specs/onboarding.schema.json";

/// The folders that hold generated files and nothing else.
const FOLDERS: [&str; 4] = [
    "crates/carium-api/src/generated",
    "crates/carium-api/tests/generated",
    "crates/carium-cli/src/generated",
    "crates/carium-mock/src/generated",
];

/// A generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    /// Where it goes, from the root of the workspace.
    pub(crate) path: String,
    /// What it says.
    pub(crate) text: String,
}

/// The two files in `specs/`, read.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) api: Spec,
    pub(crate) onboarding: Document,
}

impl Sources {
    /// Reads the files of a workspace, or says why they cannot be read.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let text = |path: &str| {
            fs::read_to_string(root.join(path))
                .map_err(|error| format!("{path} cannot be read in {}: {error}", root.display()))
        };
        let refused = |finding: Finding| finding::report(&[finding]);
        Ok(Self {
            api: Spec::parse(SPEC, &text(SPEC)?).map_err(refused)?,
            onboarding: Document::parse(ONBOARDING, &text(ONBOARDING)?).map_err(refused)?,
        })
    }

    /// What the linter finds in both.
    pub(crate) fn lint(&self) -> Vec<Finding> {
        let mut findings = lint::run(&self.api);
        findings.extend(lint::run_json_schema(&self.onboarding));
        findings.extend(lint::run_shared(&self.api, &self.onboarding));
        findings
    }
}

/// Every generated file of the workspace, in a stable order; or why there are none, in words for the
/// maintainer. The linter comes first: the generators answer a mistake with a panic.
pub(crate) fn outputs(sources: &Sources) -> Result<Vec<Output>, String> {
    let findings = sources.lint();
    if !findings.is_empty() {
        return Err(finding::report(&findings));
    }
    without_panic("the outputs could not be made", || all(sources))
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

/// Runs a generator, and turns a panic in it into words. The linter knows the constructs that lead there;
/// this is for the one that it does not know yet.
fn without_panic<T>(doing: &str, run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    panic::set_hook(hook);
    result.unwrap_or_else(|cause| {
        let said = cause
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| cause.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "it did not say why".to_owned());
        Err(format!(
            "{doing}: the generator gave up ({said})\n    mend: undo the last change of {SPEC} step by step until \
             this goes away, write that part in another way, and add a rule to `cargo xtask lint` that names it"
        ))
    })
}
