//! What refers to something else: `$ref` and `x-expect`.

use serde_json::Value;

use super::context::{Context, listed};
use super::outline::Node;
use super::words::Kind;
use crate::finding::Finding;
use crate::spec::members;

const RULE: &str = "reference";

/// `reference`: a `$ref` leads to something of its kind that has a name in this document. The generator
/// looks up the last part of a `$ref` among the components and panics, without saying where, when it is
/// not there; it reads no other file.
pub(super) fn targets(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.nodes.iter().filter(|node| node.is_reference()) {
        if let Err(wrong) = target(context, node) {
            let home = match node.kind.section() {
                Some(section) => format!("#/components/{section}/"),
                None => "#/definitions/".to_owned(),
            };
            context.report(
                out,
                RULE,
                &node.at("$ref"),
                format!("the `$ref` for {} {wrong}", context.name(node)),
                format!("refer to a name that is there, as `{home}…`"),
            );
        }
    }
}

/// `reference`: nothing stands beside a `$ref`. OpenAPI 3.0 ignores it, be it a `description`, `nullable`
/// or an `x-phi`; so does the generator.
pub(super) fn siblings(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.nodes.iter().filter(|node| node.is_reference()) {
        let mut ignored = members(Some(node.value)).map(|(word, _)| word).filter(|word| *word != "$ref");
        let Some(first) = ignored.next() else {
            continue;
        };
        let words = listed(std::iter::once(first).chain(ignored));
        let mend = match node.kind {
            kind if kind.is_schema() => "write `allOf: [{ $ref: … }]`, with the rest beside it",
            _ => "move it to what the `$ref` leads to, or remove it",
        };
        let what = format!("{words} beside the `$ref` for {} is ignored", context.name(node));
        context.report(out, RULE, &node.at(first), what, mend);
    }
}

/// `reference`: `x-expect` names a schema. What it names is what the generated type reads the values as.
pub(super) fn expectations(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.each(Kind::Schema) {
        let Some(expected) = node.value.get("x-expect") else {
            continue;
        };
        if expected.as_str().is_none_or(|name| context.spec.schema(name).is_none()) {
            context.report(
                out,
                RULE,
                &node.at("x-expect"),
                format!("the `x-expect` of {} names no schema", context.name(node)),
                "write the name of a schema under `components/schemas`, without a path",
            );
        }
    }
}

/// Whether the `$ref` of a node leads somewhere sensible, or what is wrong with it.
fn target(context: &Context<'_>, node: &Node<'_>) -> Result<(), String> {
    let Some(reference) = node.value.get("$ref").and_then(Value::as_str) else {
        return Err("is not text".to_owned());
    };
    let Some(pointer) = reference.strip_prefix('#') else {
        return Err("leads out of this document".to_owned());
    };
    if context.spec.root().pointer(pointer).is_none() {
        return Err(format!("leads nowhere: there is no `{reference}`"));
    }
    if let Some(section) = node.kind.section() {
        let name = pointer.strip_prefix("/components/").and_then(|rest| rest.strip_prefix(section));
        if name.and_then(|rest| rest.strip_prefix('/')).is_none_or(|name| name.contains('/')) {
            return Err(format!("leads to `{reference}`, which is not a name among the {section}"));
        }
    }
    let end = context.spec.resolve(node.value);
    let goes_on = end.get("$ref").and_then(Value::as_str).and_then(|next| next.strip_prefix('#'));
    match goes_on.and_then(|next| context.spec.root().pointer(next)) {
        Some(_) => Err("leads in a circle".to_owned()),
        None => Ok(()),
    }
}
