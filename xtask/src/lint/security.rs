//! Who may call what.

use serde_json::Value;

use super::context::{Context, listed, operation_name, text};
use super::words::Kind;
use crate::document::join;
use crate::finding::Finding;
use crate::spec::members;

/// `security`: it is said of every operation whether it wants an access token, by itself or at the top. Where
/// it is said nowhere, the operation is sent without one.
pub(super) fn said(context: &Context<'_>, out: &mut Vec<Finding>) {
    if context.spec.root().get("security").is_some() {
        return;
    }
    for operation in context.operations.iter().filter(|it| it.value.get("security").is_none()) {
        let what = format!("nothing says whether {} wants a token", operation_name(operation));
        let mend = "write `security:` at the top of the document, or `security: []` on an open operation";
        context.report(out, "security", &operation.pointer, what, mend);
    }
}

/// `reference`, `shape`: what is asked for is a declared scheme, with a list of scopes. Whether an operation is
/// sent with a token is read from here.
pub(super) fn requirements(context: &Context<'_>, out: &mut Vec<Finding>) {
    let schemes = context.spec.root().pointer("/components/securitySchemes");
    let is_declared = |name: &str| schemes.is_some_and(|schemes| schemes.get(name).is_some());
    for node in &context.nodes {
        if !matches!(node.kind, Kind::Document | Kind::Operation) {
            continue;
        }
        let wanted = node.value.get("security").and_then(Value::as_array);
        for (index, choice) in wanted.into_iter().flatten().enumerate() {
            let at = join(&node.at("security"), &index.to_string());
            let name = context.name(node);
            if !choice.is_object() {
                let what = format!("`security` of {name} asks for something that is not a map");
                context.report(out, "shape", &at, what, "write the name of a scheme, then `: []`");
            }
            for (scheme, scopes) in members(Some(choice)) {
                let at = join(&at, scheme);
                if !is_declared(scheme) {
                    let what = format!("`security` of {name} asks for `{scheme}`, which is no scheme");
                    let mend = "write the name of a scheme under `components/securitySchemes`";
                    context.report(out, "reference", &at, what, mend);
                }
                if !scopes.is_array() {
                    let what = format!("`security` of {name} asks for `{scheme}` without a list of scopes");
                    context.report(out, "shape", &at, what, "write a list; of a bearer token it is empty");
                }
            }
        }
    }
}

/// `shape`: a scheme is of one of the four types, and says what its type asks for. The parser of the generator
/// stops at any other.
pub(super) fn schemes(context: &Context<'_>, out: &mut Vec<Finding>) {
    const TYPES: [&str; 4] = ["apiKey", "http", "oauth2", "openIdConnect"];
    for node in context.each(Kind::SecurityScheme) {
        let needs: &[&str] = match text(node, "type") {
            Some("http") => &["scheme"],
            Some("apiKey") => &["name", "in"],
            Some("oauth2") => &["flows"],
            Some("openIdConnect") => &["openIdConnectUrl"],
            Some(other) => {
                let what = format!("{} has the type `{other}`, which is none", context.name(node));
                let mend = format!("write one of {}", listed(TYPES));
                context.report(out, "shape", &node.at("type"), what, mend);
                continue;
            }
            None => continue,
        };
        for word in needs.iter().filter(|word| !node.has(word)) {
            let what = format!("{} has no `{word}`, which its type asks for", context.name(node));
            context.report(out, "shape", &node.pointer, what, format!("write `{word}:` there"));
        }
    }
}
