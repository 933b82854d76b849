//! What the spec says to people.

use serde_json::Value;

use super::context::Context;
use super::outline::Node;
use super::words::Kind;
use crate::finding::Finding;

/// `description`: whatever has a name says what it is. Descriptions become the documentation of the
/// generated types and methods, and those who read that have nothing else.
pub(super) fn description(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.nodes.iter().filter(|node| needs_one(context, node)) {
        let (pointer, how) = match node.value.get("description") {
            None => (node.pointer.clone(), "has no description"),
            Some(Value::String(said)) if said.trim().is_empty() => {
                (node.at("description"), "has a blank description")
            }
            Some(_) => continue,
        };
        context.report(
            out,
            "description",
            &pointer,
            format!("{} {how}", context.name(node)),
            "write `description:` with a sentence that says what it is, or what it does",
        );
    }
}

fn needs_one(context: &Context<'_>, node: &Node<'_>) -> bool {
    if node.is_reference() {
        // What it leads to has one, or is reported there.
        return false;
    }
    match node.kind {
        Kind::Info | Kind::Tag | Kind::Operation | Kind::Parameter | Kind::Response => true,
        Kind::Schema | Kind::JsonSchema if node.is_property() => {
            // An `allOf` with one reference says the rest of what that leads to.
            node.has("description") || context.referred(node.value).get("description").is_none()
        }
        Kind::Schema => node.is_named_schema(),
        Kind::JsonSchema => node.is_named_schema() || node.parent.is_none(),
        _ => false,
    }
}
