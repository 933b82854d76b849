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

use outline::{Context, Kind};

use crate::document::Document;
use crate::finding::Finding;
use crate::spec::Spec;

/// Reports violations of a rule. Rules run in the order of their list and see the findings of those before.
type Rule = fn(&Context<'_>, &mut Vec<Finding>);

/// The rules for the API spec.
const API_RULES: &[Rule] = &[
    structure::extensions,
    structure::formats,
    references::targets,
    references::siblings,
    references::security_schemes,
    references::recursion,
    references::unused_schemas,
    operations::info_version,
    operations::operation_id,
    operations::retry,
    operations::source,
    operations::tag,
    operations::security,
    operations::error_responses,
    operations::media_type,
    paths::path_slash,
    paths::templates,
    paths::declarations,
    paths::duplicates,
    schemas::inline_schemas,
    schemas::ids,
    schemas::id_schemas,
    schemas::schema_name,
    leniency::requests,
    leniency::objects,
    leniency::constraints,
    leniency::nullable,
    leniency::attributes,
    leniency::expectations,
    privacy::suspicious_names,
    privacy::hidden_elsewhere,
    privacy::marked_parameters,
    generator::unsupported_members,
    generator::bodies,
    generator::responses,
    generator::parameters,
    generator::name_collisions,
    generator::combinations,
    generator::objects,
    generator::types,
    documentation::descriptions,
    documentation::missing_examples,
    documentation::invalid_examples,
];

/// The rules for the JSON Schema of onboarding rows.
const JSON_SCHEMA_RULES: &[Rule] = &[
    structure::extensions,
    structure::formats,
    references::targets,
    references::siblings,
    references::recursion,
    privacy::suspicious_names,
    privacy::hidden_elsewhere,
    generator::name_collisions,
    generator::combinations,
    generator::objects,
    generator::types,
    documentation::descriptions,
    documentation::invalid_examples,
];

/// Checks the API spec. Returns findings in document order.
pub(crate) fn run(spec: &Spec) -> Vec<Finding> {
    check(&Context::new(spec, Kind::Document), structure::openapi, API_RULES)
}

/// Checks a JSON Schema of draft 7. Returns findings in document order.
pub(crate) fn run_json_schema(document: &Document) -> Vec<Finding> {
    // `Spec` resolves the references of any document.
    let spec = Spec { document: document.clone() };
    check(&Context::new(&spec, Kind::JsonSchema), structure::json_schema, JSON_SCHEMA_RULES)
}

/// Checks the definitions that the API spec and a JSON Schema have in common.
pub(crate) fn run_shared(api: &Spec, document: &Document) -> Vec<Finding> {
    let mut findings = Vec::new();
    schemas::shared_definitions(api, document, &mut findings);
    findings
}

fn check(context: &Context<'_>, structure: Rule, rules: &[Rule]) -> Vec<Finding> {
    let mut findings = Vec::new();
    structure(context, &mut findings);
    // The other rules rely on a valid structure.
    if findings.is_empty() {
        for rule in rules {
            rule(context, &mut findings);
        }
    }
    findings.sort();
    findings.dedup();
    findings
}
