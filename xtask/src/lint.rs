//! The rules of the files in `specs/`.
//!
//! Everything else follows from those files, so a mistake in them is repeated wherever they are read: in
//! the client, in the mock server, in the documentation. Each rule here is a function that says why it
//! is one. A finding names the rule, the place, the thing and the way to mend it.
//!
//! | rule | what it asks for | because |
//! | --- | --- | --- |
//! | `description` | whatever has a name is described | descriptions are the documentation of the generated code |
//! | `example` | bodies of requests and of successes have an example | tests, documentation and the mock server take theirs from here |
//! | `example-refused` | examples and defaults satisfy their schema | they are copied as they stand |
//! | `generator-limit` | nothing that the generator cannot take, or ignores | it panics without naming a place, or writes what does not do what the spec says |
//! | `info-version` | `info.version` is the name of a release | a reader compares it with the vendor's notes |
//! | `media-type` | requests are `application/json`, responses `application/vnd.api+json` | the service knows no others |
//! | `named-schema` | objects, choices and ids have a named schema | the generator makes up names otherwise, and one id stands for another |
//! | `openapi-version` | OpenAPI 3.0 | the generator refuses 3.1 |
//! | `operation-id` | each operation has one of its own, in snake_case | it becomes the name of a method |
//! | `path-parameter` | paths and their parameters agree | the generator panics, or writes what does not compile |
//! | `path-slash` | paths end with a slash | the slash is a part of the service's paths |
//! | `reference` | references, and nothing beside them, lead to what they are to | what stands beside them is ignored; what leads nowhere is a panic |
//! | `refusal` | each operation has responses for `4XX` and `5XX` | the generated method takes a refusal for something unexpected otherwise |
//! | `request-strictness` | objects of requests refuse unknown members | a misspelt one is to fail before it is sent |
//! | `response-leniency` | answers may hold what the spec does not know | the service may change with every release; one odd value must not fail the rest |
//! | `retry` | each operation says when it may be repeated, in accord with its method | a wrong class books twice, or gives up too early |
//! | `schema-name` | names of schemas are in PascalCase and not taken | they become the names of types |
//! | `security` | it is said of each operation whether it wants a token | without a word it is sent without one |
//! | `shape` | each word holds what it is to hold | the other rules read past what has another type |
//! | `source` | each operation says who documents it | a reader tells a promise from a guess by it |
//! | `tag` | each operation has one declared tag | it names the service behind the path |
//! | `unknown-keyword` | no word that OpenAPI does not know at its place | tools ignore a misspelt word, a misspelt mark among them |
//! | `unmarked` | what sounds like health information or a secret, or is marked elsewhere, says whether it is | the generated types print what is not marked |
//! | `unused-schema` | each named schema is reached by an operation | a type that nothing uses is a promise that nothing keeps |
//!
//! One more looks at two files: `shared-definition`, that a definition of `specs/onboarding.schema.json` with
//! the name of a schema of the API says the same as that schema, because the two become one type.

mod context;
mod descriptions;
mod examples;
mod generator;
mod keywords;
mod leniency;
mod media_types;
mod name_words;
mod naming;
mod operations;
mod outline;
mod paths;
mod privacy;
mod references;
mod security;
mod shape;
mod shared;
#[cfg(test)]
mod tests;
mod versions;
mod words;

use context::Context;
use words::Kind;

use crate::document::Document;
use crate::finding::Finding;
use crate::spec::Spec;

/// A rule looks at the whole and reports what breaks it.
type Rule = fn(&Context<'_>, &mut Vec<Finding>);

/// The rules of a spec.
const RULES: &[Rule] = &[
    shape::shape,
    shape::types,
    shape::places,
    shape::patterns,
    shape::required_lists,
    security::schemes,
    security::requirements,
    security::said,
    versions::openapi_version,
    versions::info_version,
    keywords::unknown_keyword,
    keywords::misplaced_expect,
    keywords::statuses,
    keywords::formats,
    references::targets,
    references::siblings,
    references::expectations,
    operations::operation_id,
    operations::retry,
    operations::refusal,
    operations::source,
    operations::tag,
    paths::path_slash,
    paths::templates,
    paths::agreement,
    paths::required,
    paths::twice,
    descriptions::description,
    privacy::unmarked,
    privacy::unlike_others,
    privacy::odd_mark,
    naming::inline,
    naming::ids,
    naming::id_schemas,
    naming::unused,
    naming::schema_name,
    leniency::shared,
    leniency::closed,
    leniency::strict,
    leniency::nullable,
    leniency::attributes,
    leniency::open_request,
    media_types::media_type,
    media_types::missing,
    generator::methods,
    generator::callbacks,
    generator::servers,
    generator::bodies,
    generator::responses,
    generator::links,
    generator::parameters,
    generator::parameter_collisions,
    generator::combinations,
    generator::objects,
    generator::arrays,
    generator::enums,
    generator::foreign_words,
    generator::untyped,
    generator::recursion,
    generator::later_words,
    examples::missing,
    // The last: it looks at what the others have found.
    examples::refused,
];

/// The rules of a JSON Schema: those of the above that are about schemas as such.
const JSON_SCHEMA_RULES: &[Rule] = &[
    shape::shape,
    shape::types,
    shape::patterns,
    shape::required_lists,
    keywords::unknown_keyword,
    keywords::formats,
    references::targets,
    references::siblings,
    descriptions::description,
    privacy::unmarked,
    privacy::unlike_others,
    privacy::odd_mark,
    generator::combinations,
    generator::arrays,
    generator::untyped,
    examples::refused,
];

/// Checks a spec against every rule. What it returns is in the order of the document.
pub(crate) fn run(spec: &Spec) -> Vec<Finding> {
    check(&Context::new(spec, Kind::Document), RULES)
}

/// Checks a JSON Schema of draft 7 against the rules that are about schemas as such. What it returns is
/// in the order of the document.
pub(crate) fn run_json_schema(document: &Document) -> Vec<Finding> {
    // Not a spec, but a document whose references are resolved the same way.
    let spec = Spec { document: document.clone() };
    check(&Context::new(&spec, Kind::JsonSchema), JSON_SCHEMA_RULES)
}

/// Checks what a JSON Schema and the spec of the API both define.
pub(crate) fn run_shared(api: &Spec, document: &Document) -> Vec<Finding> {
    let mut found = Vec::new();
    shared::shared_definition(api, document, &mut found);
    found
}

fn check(context: &Context<'_>, rules: &[Rule]) -> Vec<Finding> {
    let mut found = Vec::new();
    for rule in rules {
        rule(context, &mut found);
    }
    found.sort();
    found.dedup();
    found
}
