//! The media types of bodies.

use super::context::Context;
use super::words::Kind;
use crate::finding::Finding;

const RULE: &str = "media-type";

/// `media-type`: requests are `application/json`, responses are `application/vnd.api+json`, as the vendor's
/// reference says. The generator takes one media type a request and panics at more; it has no multipart.
pub(super) fn media_type(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in &context.nodes {
        let wanted = match context.parent(node).map(|parent| parent.kind) {
            Some(Kind::RequestBody) => "application/json",
            Some(Kind::Response) => "application/vnd.api+json",
            _ => continue,
        };
        if node.kind == Kind::MediaType && node.key != wanted {
            let what = format!("{} is not `{wanted}`", context.name(node));
            context.report(out, RULE, &node.pointer, what, format!("write `{wanted}:`"));
        }
    }
}

/// `media-type`: the body of a request has a media type. The generator leaves out, without a word, a body
/// that has none.
pub(super) fn missing(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.each(Kind::RequestBody) {
        let content = node.value.get("content").and_then(serde_json::Value::as_object);
        if content.is_some_and(serde_json::Map::is_empty) {
            let what = format!("{} has no media type", context.name(node));
            let mend = "write `application/json:` there, with a schema and an example";
            context.report(out, RULE, &node.at("content"), what, mend);
        }
    }
}
