//! What every operation says of itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::context::{Context, listed, operation_name, text};
use super::words::Kind;
use crate::document::join;
use crate::finding::Finding;
use crate::spec::{Operation, strings};

/// The classes of operations, by when a call may be repeated.
const RETRY: [&str; 3] = ["safe", "idempotent", "create"];

/// Names that the generated code has for something else.
const RESERVED: [&str; 3] = ["all", "fields", "send"];

/// Who documents a part of the spec.
const SOURCES: [&str; 3] = ["examples-page", "reference", "inferred"];

/// `operation-id`: every operation has an id of its own, in snake_case. It becomes the name of a method;
/// the generator stops at one that is missing or stands twice.
pub(super) fn operation_id(context: &Context<'_>, out: &mut Vec<Finding>) {
    let rule = "operation-id";
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    for operation in &context.operations {
        let name = operation_name(operation);
        let at = join(&operation.pointer, "operationId");
        match operation.value.get("operationId") {
            None => {
                let mend = "write `operationId:` with what it does, such as `create_patient`";
                context.report(out, rule, &operation.pointer, format!("{name} has no `operationId`"), mend);
            }
            Some(Value::String(id)) => {
                if !is_snake_case(id) {
                    let mend = "write lower-case words with `_` between them, such as `create_patient`";
                    let what = format!("the `operationId` `{id}` is not in snake_case");
                    context.report(out, rule, &at, what, mend);
                }
                let place = format!("`{} {}`", operation.method.to_uppercase(), operation.path);
                if RESERVED.contains(&id.as_str()) || syn::parse_str::<syn::Ident>(id).is_err() {
                    let what = format!("the `operationId` `{id}` is taken in the generated code");
                    context.report(out, rule, &at, what, "write what it does with what, such as `move_room`");
                }
                if let Some(first) = seen.get(id.as_str()) {
                    let what = format!("the `operationId` `{id}` of {place} is also that of {first}");
                    context.report(out, rule, &at, what, "give one of the two another name");
                } else {
                    seen.insert(id, place);
                }
            }
            Some(_) => {}
        }
    }
}

/// `retry`: every operation says whether a client may repeat it, and says it in accord with its method.
/// A wrong class books an appointment twice, or gives up where it need not.
pub(super) fn retry(context: &Context<'_>, out: &mut Vec<Finding>) {
    for operation in &context.operations {
        let name = operation_name(operation);
        let at = join(&operation.pointer, "x-retry");
        let Some(class) = operation.value.get("x-retry") else {
            context.report(
                out,
                "retry",
                &operation.pointer,
                format!("{name} does not say when it may be repeated"),
                format!("write `x-retry:` with one of {}", listed(RETRY)),
            );
            continue;
        };
        let Some(class) = class.as_str().filter(|class| RETRY.contains(class)) else {
            context.report(
                out,
                "retry",
                &at,
                format!("{name} has an `x-retry` that is no class"),
                format!("write one of {}", listed(RETRY)),
            );
            continue;
        };
        let method = operation.method.to_uppercase();
        let wrong = match (operation.method, class) {
            ("get" | "head", "idempotent" | "create") => Some("write `x-retry: safe`: it changes nothing"),
            ("post" | "put" | "patch" | "delete", "safe") => {
                Some("write `idempotent` where a second call changes nothing more, else `create`")
            }
            _ => None,
        };
        if let Some(mend) = wrong {
            let what = format!("{name} is a {method}, and `{class}` is no class for that");
            context.report(out, "retry", &at, what, mend);
        }
    }
}

/// `refusal`: every operation says what a refusal and a failure look like, as `4XX` and `5XX`. Without them the
/// generated method takes both for something unexpected, and its callers' handling of errors passes them by.
pub(super) fn refusal(context: &Context<'_>, out: &mut Vec<Finding>) {
    // Where there are none at all, another rule says so.
    let with_responses =
        |operation: &&Operation<'_>| operation.value.get("responses").is_some_and(Value::is_object);
    for operation in context.operations.iter().filter(with_responses) {
        let missing: Vec<_> = ["4XX", "5XX"]
            .into_iter()
            .filter(|range| !operation.responses().any(|(status, _, _)| status == *range))
            .collect();
        if !missing.is_empty() {
            let what = format!("{} has no response for {}", operation_name(operation), listed(missing));
            let mend = "write it as a reference to `#/components/responses/ClientError` or `…/Failed`";
            context.report(out, "refusal", &join(&operation.pointer, "responses"), what, mend);
        }
    }
}

/// `source`: every operation says who documents it, and wherever that is said it is one of three. A
/// reader must be able to tell what the vendor promises from what was guessed.
pub(super) fn source(context: &Context<'_>, out: &mut Vec<Finding>) {
    for operation in &context.operations {
        if operation.value.get("x-source").is_none() {
            context.report(
                out,
                "source",
                &operation.pointer,
                format!("{} does not say who documents it", operation_name(operation)),
                format!("write `x-source:` with one of {}", listed(SOURCES)),
            );
        }
    }
    for node in &context.nodes {
        let known = node.kind.words().iter().any(|(word, _)| *word == "x-source");
        let Some(source) = node.value.get("x-source").filter(|_| known && !node.is_reference()) else {
            continue;
        };
        if source.as_str().is_none_or(|source| !SOURCES.contains(&source)) {
            context.report(
                out,
                "source",
                &node.at("x-source"),
                format!("{} has an `x-source` that is none of the known ones", context.name(node)),
                format!("write one of {}", listed(SOURCES)),
            );
        }
    }
}

/// `tag`: every operation has exactly one tag, declared at the top. It names the service behind the path,
/// and the module that the operation belongs to.
pub(super) fn tag(context: &Context<'_>, out: &mut Vec<Finding>) {
    let mut declared = BTreeSet::new();
    for tag in context.each(Kind::Tag) {
        if let Some(name) = text(tag, "name")
            && !declared.insert(name)
        {
            let what = format!("tag `{name}` is declared twice");
            context.report(out, "tag", &tag.pointer, what, "keep one of the two");
        }
        // It becomes a part of the name of a trait.
        if let Some(name) = text(tag, "name").filter(|name| !name.bytes().all(|it| it.is_ascii_lowercase())) {
            let what = format!("tag `{name}` is not one word in lower case");
            context.report(
                out,
                "tag",
                &tag.at("name"),
                what,
                "write the name of the service, such as `caredb`",
            );
        }
    }
    for operation in &context.operations {
        let name = operation_name(operation);
        let at = join(&operation.pointer, "tags");
        let tags = match operation.value.get("tags") {
            None => Vec::new(),
            Some(Value::Array(_)) => strings(operation.value.get("tags")).collect(),
            Some(_) => continue,
        };
        if tags.len() != 1 {
            let what = format!("{name} has {} tags instead of one", tags.len());
            context.report(out, "tag", &at, what, "write `tags:` with the service behind the path");
        }
        for tag in tags.into_iter().filter(|tag| !declared.contains(tag)) {
            let what = format!("{name} has the tag `{tag}`, which is not declared");
            let mend = "declare it under `tags:` at the top of the document, with a description";
            context.report(out, "tag", &at, what, mend);
        }
    }
}

fn is_snake_case(id: &str) -> bool {
    id.starts_with(|first: char| first.is_ascii_lowercase())
        && id.split('_').all(|word| {
            !word.is_empty() && word.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
        })
}
