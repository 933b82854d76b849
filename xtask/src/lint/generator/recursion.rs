//! Schemas that hold themselves.

use std::collections::BTreeMap;

use serde_json::Value;

use super::RULE;
use crate::finding::Finding;
use crate::lint::context::Context;
use crate::spec::{SCHEMA_REF, schema_pointer};

/// `generator-limit`: no schema holds itself, directly or through others. The generator boxes such a
/// type, so that it reads otherwise than the schema, and data that is made up for it has no end.
pub(in crate::lint) fn recursion(context: &Context<'_>, out: &mut Vec<Finding>) {
    let graph: BTreeMap<&str, Vec<&str>> = context
        .spec
        .schemas()
        .map(|(name, schema)| {
            let mut held = Vec::new();
            references(schema, &mut held);
            (name, held)
        })
        .collect();
    let mut told: Vec<&str> = Vec::new();
    for (name, _) in context.spec.schemas() {
        if told.contains(&name) {
            continue;
        }
        if let Some(circle) = way(&graph, name, name) {
            let through = circle.join("` → `");
            context.report(
                out,
                RULE,
                &schema_pointer(name),
                format!("schema `{name}` holds itself: `{through}`"),
                "refer by id on one step of the way",
            );
            told.extend(circle);
        }
    }
}

/// The shortest way from one schema to another, along references: the names on it, the ends among them.
fn way<'g>(graph: &BTreeMap<&'g str, Vec<&'g str>>, from: &'g str, to: &str) -> Option<Vec<&'g str>> {
    let mut ways = vec![vec![from]];
    let mut seen = Vec::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in way.last().and_then(|last| graph.get(last)).into_iter().flatten() {
                let extended = || way.iter().copied().chain([*next]).collect();
                if *next == to {
                    return Some(extended());
                }
                if !seen.contains(next) {
                    seen.push(next);
                    longer.push(extended());
                }
            }
        }
        ways = longer;
    }
    None
}

/// The schemas that a value refers to.
fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(map) => {
            for (word, member) in map {
                match (word.as_str(), member.as_str()) {
                    ("$ref", Some(target)) => found.extend(target.strip_prefix(SCHEMA_REF)),
                    ("example", _) => {}
                    _ => references(member, found),
                }
            }
        }
        _ => {}
    }
}
