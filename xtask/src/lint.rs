//! `cargo xtask lint`: checks the files in `specs/`.
//!
//! The client, the mock server, the CLI commands and the documentation are generated from these files, so a mistake
//! in them appears everywhere. Documents are first validated against the official schema of their format. If they are
//! valid, the rules of this workspace follow:
//!
//! | rule | requires | because |
//! | --- | --- | --- |
//! | `openapi` | valid OpenAPI 3.0, according to the official JSON Schema | generators panic on anything else, or ignore it |
//! | `json-schema` | valid JSON Schema of draft 7, according to its meta-schema, without unknown keywords | unknown keywords are ignored |
//! | `extension` | extensions (`x-…`) are known, at the right place, and have a valid value | a misspelled `x-phi` would print health information |
//! | `format` | formats are known | a misspelled format validates nothing |
//! | `reference` | references point to named objects of the right kind, and have no siblings | generators panic at others; siblings are ignored |
//! | `recursion` | no schema contains itself | generated types would differ from it, and sample data would be infinite |
//! | `unused-schema` | an operation uses each named schema | each becomes a public type |
//! | `info-version` | `info.version` is the name of a vendor release | readers compare it with the release notes |
//! | `operation-id` | each operation has a unique ID in snake_case | it becomes a method name |
//! | `retry` | each operation has a retry class that fits its method | a wrong class books twice, or gives up too early |
//! | `source` | each operation states who documents it | readers must be able to distinguish documentation from a guess |
//! | `tag` | each operation has one declared tag | it names the service |
//! | `security` | each operation states whether it needs a token | otherwise none is sent |
//! | `error-response` | each operation has responses for `4XX` and `5XX` | otherwise details of errors are dropped |
//! | `media-type` | requests are `application/json`, responses `application/vnd.api+json` | the service supports no others |
//! | `path-slash` | paths end with a slash | the service does not respond without it |
//! | `path-parameter` | paths and declared parameters agree | generators panic, or the code does not compile |
//! | `named-schema` | objects, enums and IDs have named schemas | they become types; one kind of ID must not replace another |
//! | `schema-name` | names of schemas are in PascalCase and not reserved | they become type names |
//! | `shared-definition` | definitions in both files are equal | they become the same type |
//! | `request-strictness` | objects in requests reject unknown members | a misspelled member must fail before it is sent |
//! | `response-leniency` | responses accept unknown members and values | the service may change; one value must not fail a response |
//! | `expectation` | `x-expect` is on a property of a response and names a schema | generated types read values as that schema |
//! | `unmarked` | names that suggest health information or a secret have a mark | unmarked values are printed |
//! | `marked-parameter` | parameters do not contain hidden values | URLs and headers are logged outside of the client |
//! | `description` | everything with a name has a description | it becomes the documentation |
//! | `example` | bodies of requests and successful responses have an example | tests, documentation and mock server use it |
//! | `invalid-example` | examples and defaults match their schema | they are copied as they are |
//! | `generator-limit` | nothing that the generators do not support | they panic without a location, or generate wrong code |

mod documentation;
mod generator;
mod leniency;
mod operations;
mod outline;
mod paths;
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

/// The name of a rule, and the function that adds its violations. Rules run in the order of their list and see the
/// findings of those before.
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
    ("path-slash", paths::path_slash),
    ("path-parameter", paths::templates),
    ("path-parameter", paths::declarations),
    ("path-parameter", paths::duplicates),
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
    ("marked-parameter", privacy::marked_parameters),
    ("generator-limit", generator::unsupported_members),
    ("generator-limit", generator::bodies),
    ("generator-limit", generator::responses),
    ("generator-limit", generator::parameters),
    ("generator-limit", generator::name_collisions),
    ("generator-limit", generator::combinations),
    ("generator-limit", generator::objects),
    ("generator-limit", generator::types),
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
    ("generator-limit", generator::name_collisions),
    ("generator-limit", generator::combinations),
    ("generator-limit", generator::objects),
    ("generator-limit", generator::types),
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
        rules.iter().for_each(|rule| findings.run(*rule));
    }
    let mut findings = findings.all;
    findings.sort();
    findings.dedup();
    findings
}
