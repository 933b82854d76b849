//! `cargo xtask lint`: checks the files in `specs/`.
//!
//! The client, its documentation, the test helpers and the commands of `carium api` are generated from these files,
//! so a mistake in them appears everywhere. Each file is first validated against the official schema of its format.
//! If it is valid, it is checked against the rules of this workspace. Each rule is a function whose documentation
//! states its reason.

mod documentation;
mod generator;
mod leniency;
mod operations;
mod outline;
mod privacy;
mod references;
mod schemas;
mod structure;
#[cfg(test)]
mod tests;

use std::path::Path;

use outline::{Context, Findings, Kind};

use crate::document::{self, Document, Finding};
use crate::spec::{Sources, Spec};
use crate::workspace;

/// The name of a rule, and the function that adds its violations. Rules run in the order of their list, and each can
/// read the findings of the earlier rules.
type Rule = (&'static str, fn(&Context<'_>, &mut Findings<'_>));

/// The rules for the API spec.
const API_RULES: &[Rule] = &[
    ("extension", structure::extensions),
    ("format", structure::formats),
    ("reference", references::targets),
    ("reference", references::siblings),
    ("reference", references::security_schemes),
    ("recursion", references::recursion),
    ("unused-schema", references::unused_schemas),
    ("info-version", operations::info_version),
    ("operation-id", operations::operation_id),
    ("retry", operations::retry),
    ("source", operations::source),
    ("tag", operations::tag),
    ("security", operations::security),
    ("error-response", operations::error_responses),
    ("media-type", operations::media_type),
    ("path-slash", operations::path_slash),
    ("path-parameter", operations::templates),
    ("path-parameter", operations::declarations),
    ("path-parameter", operations::duplicates),
    ("named-schema", schemas::inline_schemas),
    ("named-schema", schemas::ids),
    ("named-schema", schemas::id_schemas),
    ("schema-name", schemas::schema_name),
    ("request-strictness", leniency::requests),
    ("response-leniency", leniency::objects),
    ("response-leniency", leniency::constraints),
    ("response-leniency", leniency::nullable),
    ("response-leniency", leniency::attributes),
    ("expectation", leniency::expectations),
    ("unmarked", privacy::suspicious_names),
    ("unmarked", privacy::hidden_elsewhere),
    ("unmarked", privacy::neighbors_of_hidden),
    ("marked-parameter", privacy::marked_parameters),
    ("generator-limit", generator::unsupported_members),
    ("generator-limit", generator::bodies),
    ("generator-limit", generator::responses),
    ("generator-limit", generator::parameters),
    ("generator-limit", generator::name_collisions),
    ("generator-limit", generator::combinations),
    ("generator-limit", generator::objects),
    ("generator-limit", generator::types),
    ("generator-limit", generator::patterns),
    ("description", documentation::descriptions),
    ("example", documentation::missing_examples),
    ("invalid-example", documentation::invalid_examples),
];

/// The rules for the JSON Schema of onboarding rows.
const JSON_SCHEMA_RULES: &[Rule] = &[
    ("extension", structure::extensions),
    ("format", structure::formats),
    ("reference", references::targets),
    ("reference", references::siblings),
    ("recursion", references::recursion),
    ("unmarked", privacy::suspicious_names),
    ("unmarked", privacy::hidden_elsewhere),
    ("unmarked", privacy::neighbors_of_hidden),
    ("hint", documentation::hints),
    ("generator-limit", generator::name_collisions),
    ("generator-limit", generator::combinations),
    ("generator-limit", generator::objects),
    ("generator-limit", generator::types),
    ("generator-limit", generator::patterns),
    ("description", documentation::descriptions),
    ("invalid-example", documentation::invalid_examples),
];

/// Runs the command.
///
/// # Errors
/// A report of the findings.
pub(crate) fn command(root: &Path) -> Result<(), String> {
    let findings = run(&Sources::read(root)?);
    if !findings.is_empty() {
        return Err(document::report(&findings));
    }
    workspace::print("no findings");
    Ok(())
}

/// Checks both specs.
pub(crate) fn run(Sources { api, onboarding }: &Sources) -> Vec<Finding> {
    let mut findings = run_api(api);
    findings.extend(run_json_schema(onboarding));
    findings.extend(schemas::shared_definitions(api, onboarding));
    findings.extend(schemas::shared_properties(api, onboarding));
    findings
}

/// Checks the API spec. Returns findings in document order.
fn run_api(spec: &Spec) -> Vec<Finding> {
    check(&Context::new(spec, Kind::Document), ("openapi", structure::openapi), API_RULES)
}

/// Checks a JSON Schema of draft 7. Returns findings in document order.
fn run_json_schema(document: &Document) -> Vec<Finding> {
    // `Spec` resolves the references of any document.
    let spec = Spec { document: document.clone() };
    check(&Context::new(&spec, Kind::JsonSchema), ("json-schema", structure::json_schema), JSON_SCHEMA_RULES)
}

fn check(context: &Context<'_>, structure: Rule, rules: &[Rule]) -> Vec<Finding> {
    let mut findings = Findings::new(context);
    findings.run(structure);
    // The other rules rely on a valid structure.
    if findings.all.is_empty() {
        for rule in rules {
            findings.run(*rule);
        }
    }
    let mut findings = findings.all;
    findings.sort();
    findings.dedup();
    findings
}
