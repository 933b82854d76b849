//! The two versions in the head of the spec.

use serde_json::Value;

use super::context::Context;
use super::words::Kind;
use crate::finding::Finding;

/// `openapi-version`: the document is one of OpenAPI 3.0. The generator refuses 3.1, whose words mean
/// other things (`nullable` nothing, `exclusiveMinimum` a number).
pub(super) fn openapi_version(context: &Context<'_>, out: &mut Vec<Finding>) {
    let version = context.spec.root().get("openapi");
    if version.and_then(Value::as_str).is_some_and(is_3_0) {
        return;
    }
    let (pointer, what) = match version {
        None => ("", "the document does not say which OpenAPI it is written in"),
        Some(_) => ("/openapi", "`openapi` is not a version 3.0.x"),
    };
    context.report(out, "openapi-version", pointer, what, "write `openapi: 3.0.3`");
}

/// `info-version`: the spec names the release of the service that it was written against, as the vendor
/// names releases. It is what a reader compares with the vendor's notes.
pub(super) fn info_version(context: &Context<'_>, out: &mut Vec<Finding>) {
    for info in context.each(Kind::Info) {
        let version = info.value.get("version");
        if version.and_then(Value::as_str).is_some_and(is_release) {
            continue;
        }
        let (pointer, what) = match version {
            None => (info.pointer.clone(), "`info` has no `version`"),
            Some(_) => (info.at("version"), "`info.version` is not the name of a release"),
        };
        let mend = "write the release as the vendor names it: R and ten digits, such as `R2025010800`";
        context.report(out, "info-version", &pointer, what, mend);
    }
}

fn is_3_0(version: &str) -> bool {
    version.strip_prefix("3.0.").is_some_and(is_digits)
}

fn is_release(version: &str) -> bool {
    version.strip_prefix('R').is_some_and(|digits| digits.len() == 10 && is_digits(digits))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
