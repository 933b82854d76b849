//! Operations: IDs, tags, retry classes, sources, security, error responses, media types, and path templates with their
//! parameters.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::outline::{Context, Findings, Kind, listed, operation_name};
use crate::json::{strings, text};
use crate::spec::Operation;

/// The retry classes of operations, the values of `x-retry`.
pub(super) const RETRY_CLASSES: [&str; 3] = ["safe", "idempotent", "create"];

/// The values of `x-source`: who documents an operation or a schema.
pub(super) const SOURCES: [&str; 4] = ["examples-page", "reference", "vendor-sdk", "inferred"];

/// Method names that the generated code uses for other purposes.
const RESERVED_IDS: [&str; 3] = ["all", "fields", "send"];

/// `info-version`: `info.version` is the name of a vendor release, so that a reader can compare it with the release
/// notes.
pub(super) fn info_version(context: &Context<'_>, findings: &mut Findings<'_>) {
    let is_release = |version: &str| {
        let digits = version.strip_prefix('R').unwrap_or_default();
        digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    for node in context.each(Kind::Info) {
        if !node.text("version").is_some_and(is_release) {
            let fix = "write the vendor's name of the release: R and ten digits, such as `R2025010800`";
            findings.add((node, "version"), "has no release as its `version`", fix);
        }
    }
}

/// `operation-id`: each operation has a unique ID in snake_case. It becomes a method name; the generator panics if it
/// is missing or a duplicate.
pub(super) fn operation_id(context: &Context<'_>, findings: &mut Findings<'_>) {
    let mut operations_by_id: BTreeMap<&str, String> = BTreeMap::new();
    for operation in &context.operations {
        let id = operation.id();
        let endpoint = operation.route();
        if id.is_empty() {
            let fix = "add `operationId:` with a verb and a noun, such as `create_patient`";
            findings.add_operation((operation, ""), "has no `operationId`", fix);
            continue;
        }
        let mut report = |problem: &str, fix: &str| {
            findings.add_operation((operation, "operationId"), problem, fix);
        };
        if !is_snake_case(id) {
            report(
                "does not have an ID in snake_case",
                "write lowercase words with `_`, such as `create_patient`",
            );
        }
        if RESERVED_IDS.contains(&id) || syn::parse_str::<syn::Ident>(id).is_err() {
            report(
                "has an ID that is reserved in Rust or in the generated code",
                "add the noun, as in `move_patient`",
            );
        }
        if let Some(other) = operations_by_id.insert(id, endpoint.clone()) {
            report(&format!("has the same ID as `{other}`"), "rename one of the two");
        }
    }
}

/// `retry`: each operation has a retry class that fits its method. A wrong class books an appointment twice, or gives
/// up too early.
pub(super) fn retry(context: &Context<'_>, findings: &mut Findings<'_>) {
    for operation in &context.operations {
        let (member, problem, fix) = match (operation.method, operation.text("x-retry")) {
            (_, None) if operation.value.get("x-retry").is_none() => {
                let fix = format!("add `x-retry:` with one of {}", listed(RETRY_CLASSES));
                ("", "has no retry class".to_owned(), fix)
            }
            ("get" | "head", Some(class @ ("idempotent" | "create"))) => (
                "x-retry",
                format!("is a GET with the retry class `{class}`"),
                "write `x-retry: safe`, because it changes nothing".to_owned(),
            ),
            ("post" | "put" | "patch" | "delete", Some("safe")) => (
                "x-retry",
                format!("is a {} with the retry class `safe`", operation.method.to_uppercase()),
                "write `idempotent` if a second call changes nothing more, otherwise `create`".to_owned(),
            ),
            _ => continue,
        };
        findings.add_operation((operation, member), problem, fix);
    }
}

/// `source`: each operation states who documents it, so that a reader can distinguish documented behavior from a
/// guess.
pub(super) fn source(context: &Context<'_>, findings: &mut Findings<'_>) {
    for operation in context.operations.iter().filter(|it| it.value.get("x-source").is_none()) {
        let fix = format!("add `x-source:` with one of {}", listed(SOURCES));
        findings.add_operation((operation, ""), "does not state who documents it", fix);
    }
}

/// `tag`: each operation has exactly one tag, which is declared. It names the service, and becomes part of the name
/// of a trait.
pub(super) fn tag(context: &Context<'_>, findings: &mut Findings<'_>) {
    let mut declared = BTreeSet::new();
    for node in context.each(Kind::Tag) {
        let name = node.text("name").unwrap_or_default();
        if !declared.insert(name) {
            findings.add((node, ""), "is declared twice", "remove one of the two");
        }
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase()) {
            let fix = "write the name of the service, such as `caredb`";
            findings.add((node, "name"), "is not one lowercase word", fix);
        }
    }
    for operation in &context.operations {
        let (problem, fix) = match strings(operation.value.get("tags")).collect::<Vec<_>>()[..] {
            [tag] if declared.contains(tag) => continue,
            [tag] => (
                format!("has the undeclared tag `{tag}`"),
                "declare it in `tags:` at the top of the document, with a description",
            ),
            ref tags => (
                format!("has {} tags instead of one", tags.len()),
                "write `tags:` with the name of the service",
            ),
        };
        findings.add_operation((operation, "tags"), problem, fix);
    }
}

/// `security`: each operation, or the document, states whether it needs an access token. If nothing is stated, none
/// is sent.
pub(super) fn security(context: &Context<'_>, findings: &mut Findings<'_>) {
    if context.spec.root().get("security").is_some() {
        return;
    }
    for operation in context.operations.iter().filter(|it| it.value.get("security").is_none()) {
        let problem = "does not state whether it needs an access token";
        let fix = "add `security:` at the top of the document, or `security: []` to a public operation";
        findings.add_operation((operation, ""), problem, fix);
    }
}

/// `error-response`: each operation has responses for `4XX` and `5XX`. Without them the generated method treats an
/// error response as unexpected and drops its details.
pub(super) fn error_responses(context: &Context<'_>, findings: &mut Findings<'_>) {
    for operation in &context.operations {
        let has = |range: &str| operation.responses().any(|(status, ..)| status == range);
        for (range, name) in [("4XX", "ClientError"), ("5XX", "ServerError")] {
            if !has(range) {
                let problem = format!("has no response for `{range}`");
                let fix = format!("add `{range}:` with a `$ref` to `#/components/responses/{name}`");
                findings.add_operation((operation, "responses"), problem, fix);
            }
        }
    }
}

/// `media-type`: requests are `application/json` and responses `application/vnd.api+json`, the only media types of
/// the service. The generator panics if a request has several, and omits a request body that has none.
pub(super) fn media_type(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.each(Kind::MediaType) {
        let expected = match context.parent(node).map(|parent| parent.kind) {
            Some(Kind::RequestBody) => "application/json",
            Some(Kind::Response) => "application/vnd.api+json",
            _ => continue,
        };
        if node.key != expected {
            findings.add((node, ""), format!("is not `{expected}`"), format!("write `{expected}:`"));
        }
    }
    for node in context.each(Kind::RequestBody) {
        let content = node.value.get("content").and_then(Value::as_object);
        if content.is_some_and(serde_json::Map::is_empty) {
            let fix = "add `application/json:` with a schema and an example";
            findings.add((node, "content"), "has no media type", fix);
        }
    }
}

/// `path-slash`: each path ends with a slash, as the paths of the service do. Without it the service responds with
/// 404 or a redirect, which the client does not follow. Two slashes in a row become one in the generated code.
pub(super) fn path_slash(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.each(Kind::PathItem) {
        if !node.key.ends_with('/') {
            findings.add((node, ""), "does not end with a slash", format!("write `{}/`", node.key));
        }
        if node.key.contains("//") {
            findings.add((node, ""), "has two slashes in a row", "remove one of them");
        }
    }
}

/// `path-parameter`: the braces of each path match, and no two paths match the same requests. The generator panics
/// otherwise.
pub(super) fn templates(context: &Context<'_>, findings: &mut Findings<'_>) {
    let mut paths_by_shape: BTreeMap<String, &str> = BTreeMap::new();
    for node in context.each(Kind::PathItem) {
        let path = &node.key;
        match parameter_names(path) {
            Err(problem) => {
                findings.add((node, ""), problem, "write each parameter as `{name}`");
            }
            Ok(names) => {
                let shape = names
                    .iter()
                    .fold(path.clone(), |shape, name| shape.replace(&format!("{{{name}}}"), "{}"));
                if let Some(other) = paths_by_shape.insert(shape, path) {
                    let problem = format!("matches the same requests as `{other}`");
                    findings.add((node, ""), problem, "merge the two paths");
                }
            }
        }
    }
}

/// `path-parameter`: the parameters in a path and the declared ones are the same. The generator panics at a parameter
/// that is only declared, and generates code that does not compile for one that is only in the path.
pub(super) fn declarations(context: &Context<'_>, findings: &mut Findings<'_>) {
    for operation in &context.operations {
        let Ok(in_path) = parameter_names(operation.path) else { continue };
        let declared = declared_parameters(context, operation);
        for name in in_path.iter().filter(|name| !declared.iter().any(|(_, declared)| declared == *name)) {
            let problem = format!("does not declare the path parameter `{name}`");
            let fix = format!("declare a parameter `{name}` with `in: path` and `required: true`");
            findings.add_operation((operation, ""), problem, fix);
        }
        for (pointer, name) in declared.iter().filter(|(_, name)| !in_path.contains(name)) {
            let message = format!(
                "{} declares the path parameter `{name}`, which is not in its path",
                operation_name(operation)
            );
            let fix = format!("add `{{{name}}}` to the path, or remove the parameter");
            findings.add_at(pointer, message, fix);
        }
    }
}

/// `path-parameter`: no list declares a parameter twice. Only one of them would be sent.
pub(super) fn duplicates(context: &Context<'_>, findings: &mut Findings<'_>) {
    let mut seen = BTreeSet::new();
    for node in context.nodes.iter().filter(|node| node.kind == Kind::Parameter) {
        let Some(owner) = context.parent(node).filter(|owner| owner.kind != Kind::Components) else {
            continue;
        };
        let parameter = context.spec.resolve(node.value);
        let identity = (owner.pointer.as_str(), text(parameter, "name"), text(parameter, "in"));
        if identity.1.is_some() && !seen.insert(identity) {
            findings.add((node, ""), "is declared twice", "remove one of the two");
        }
    }
}

/// Returns the path parameters that are declared for an operation, with their pointers.
fn declared_parameters<'a>(context: &'a Context<'a>, operation: &Operation<'a>) -> Vec<(String, &'a str)> {
    operation
        .parameters()
        .map(|(pointer, parameter)| (pointer, context.spec.resolve(parameter)))
        .filter(|(_, parameter)| text(parameter, "in") == Some("path"))
        .filter_map(|(pointer, parameter)| Some((pointer, parameter.get("name")?.as_str()?)))
        .collect()
}

/// Returns the names of the parameters in a path template, or the problem of its braces.
fn parameter_names(path: &str) -> Result<Vec<&str>, &'static str> {
    let mut names = Vec::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').ok_or("has a brace that is not closed")?;
        if before.contains('}') || name.is_empty() || name.contains(['{', '/']) {
            return Err("has braces that do not match");
        }
        if names.contains(&name) {
            return Err("contains a parameter twice");
        }
        names.push(name);
        rest = behind;
    }
    if rest.contains('}') { Err("has braces that do not match") } else { Ok(names) }
}

fn is_snake_case(id: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
    };
    id.starts_with(|first: char| first.is_ascii_lowercase()) && id.split('_').all(is_word)
}
