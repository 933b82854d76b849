//! References: `$ref`, names of security schemes, and schemas that nothing refers to.

use std::collections::BTreeMap;

use super::outline::{Context, Findings, Kind, Node, listed};
use crate::json::{items, join, members, text};
use crate::spec::CallSides;

/// `reference`: a `$ref` points to an existing named object of the right kind in this document. The generator takes
/// the last segment of a `$ref` as the name and panics, without a location, if it does not exist.
pub(super) fn targets(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.nodes.iter().filter(|node| node.is_reference()) {
        let Some(section) = node.kind.section() else { continue };
        if let Err(problem) = check_target(context, node, section) {
            findings.add((node, "$ref"), problem, format!("write `#{section}/NAME` with an existing name"));
        }
    }
}

fn check_target(context: &Context<'_>, node: &Node<'_>, section: &str) -> Result<(), String> {
    let reference = node.text("$ref").unwrap_or_default();
    let Some(pointer) = reference.strip_prefix('#') else {
        return Err("refers to another document".to_owned());
    };
    let root = context.spec.root();
    if root.pointer(pointer).is_none() {
        return Err(format!("refers to `{reference}`, which does not exist"));
    }
    let name = pointer.strip_prefix(section).and_then(|rest| rest.strip_prefix('/'));
    if name.is_none_or(|name| name.contains('/')) {
        return Err(format!("refers to `{reference}`, which is not in `{}`", &section[1..]));
    }
    // `resolve` stops at a reference that is part of a circle or does not exist.
    let end = text(context.spec.resolve(node.value), "$ref");
    match end.and_then(|end| root.pointer(end.strip_prefix('#')?)) {
        Some(_) => Err("refers to itself".to_owned()),
        None => Ok(()),
    }
}

/// `reference`: a `$ref` has no siblings. OpenAPI 3.0 and the generator ignore them, even `nullable` and `x-phi`.
pub(super) fn siblings(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.nodes.iter().filter(|node| node.is_reference()) {
        let ignored: Vec<_> =
            members(Some(node.value)).map(|(name, _)| name).filter(|name| *name != "$ref").collect();
        let Some(first) = ignored.first().copied() else { continue };
        let fix = match node.kind {
            kind if kind.is_schema() => "write `allOf: [{ $ref: … }]` with the other keywords beside it",
            _ => "move it to the referenced object, or remove it",
        };
        let problem = format!("has {} beside `$ref`, where it is ignored", listed(ignored));
        findings.add((node, first), problem, fix);
    }
}

/// `reference`: `security` names declared schemes. It decides whether an operation is sent with an access token.
pub(super) fn security_schemes(context: &Context<'_>, findings: &mut Findings<'_>) {
    let schemes = context.spec.root().pointer("/components/securitySchemes");
    for node in context.nodes.iter().filter(|node| matches!(node.kind, Kind::Document | Kind::Operation)) {
        for (index, requirement) in items(node.value.get("security")).enumerate() {
            for (scheme, _) in members(Some(requirement)) {
                if schemes.is_none_or(|schemes| schemes.get(scheme).is_none()) {
                    let at = join(&join(&node.at("security"), &index.to_string()), scheme);
                    let message =
                        format!("{} requires the unknown security scheme `{scheme}`", context.name(node));
                    let fix = "write the name of a scheme in `components/securitySchemes`";
                    findings.add_at(&at, message, fix);
                }
            }
        }
    }
}

/// `recursion`: no schema contains itself, directly or through others. The generator would box it in a type that
/// differs from the schema, and sample data for it would be infinite.
pub(super) fn recursion(context: &Context<'_>, findings: &mut Findings<'_>) {
    let named = || context.nodes.iter().filter(|node| node.is_named_schema());
    let mut graph: BTreeMap<&str, Vec<&str>> = named().map(|node| (node.key.as_str(), Vec::new())).collect();
    for node in context.nodes.iter().filter(|node| node.kind.is_schema() && node.is_reference()) {
        let owner = context.ancestors(node).find(|ancestor| ancestor.is_named_schema());
        let target = node.text("$ref").and_then(|target| target.rsplit('/').next());
        if let (Some(owner), Some(target)) = (owner, target) {
            graph.entry(&owner.key).or_default().push(target);
        }
    }
    let mut reported: Vec<&str> = Vec::new();
    for node in named() {
        let mut path = vec![node.key.as_str()];
        if !reported.contains(&path[0]) && find_cycle(&graph, &mut path, &mut Vec::new()) {
            let problem = format!("contains itself: `{}` → `{}`", path.join("` → `"), node.key);
            findings.add((node, ""), problem, "replace one of these references by an ID");
            reported.extend(path);
        }
    }
}

/// Extends a path along references until the last schema refers to the first.
fn find_cycle<'g>(
    graph: &BTreeMap<&'g str, Vec<&'g str>>,
    path: &mut Vec<&'g str>,
    visited: &mut Vec<&'g str>,
) -> bool {
    let targets = path.last().and_then(|last| graph.get(last)).into_iter().flatten();
    for target in targets {
        if path.first() == Some(target) {
            return true;
        }
        if !visited.contains(target) {
            visited.push(target);
            path.push(target);
            if find_cycle(graph, path, visited) {
                return true;
            }
            path.pop();
        }
    }
    false
}

/// `unused-schema`: an operation uses each named schema. The generator creates a public type for each.
pub(super) fn unused_schemas(context: &Context<'_>, findings: &mut Findings<'_>) {
    // With a wrong reference, its target would be reported as unused.
    if findings.all.iter().any(|finding| finding.rule == "reference") {
        return;
    }
    for node in context.nodes.iter().filter(|node| node.is_named_schema()) {
        if context.schema_usage(&node.key) == CallSides::NONE {
            let fix = "refer to it where it belongs, or remove it";
            findings.add((node, ""), "is not used by any operation", fix);
        }
    }
}
