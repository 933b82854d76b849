//! The objects of a document, found by walking it along [the words](super::words).

use serde_json::Value;

use super::words::{Holds, Kind};
use crate::document::join;

/// One object of the document.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    pub(super) kind: Kind,
    /// Where it stands, as a JSON pointer.
    pub(super) pointer: String,
    /// The object itself; always a map.
    pub(super) value: &'a Value,
    /// The word that leads to it: `properties` for a property, `schemas` for a named schema.
    pub(super) via: &'static str,
    /// The name under which it stands, where `via` holds a map, else its place in a list, else `via`.
    pub(super) key: String,
    /// The object around it, as its place in the outline.
    pub(super) parent: Option<usize>,
}

impl Node<'_> {
    /// The pointer of a member.
    pub(super) fn at(&self, member: &str) -> String {
        join(&self.pointer, member)
    }

    /// Whether a word stands here at all; what it holds is a matter of its shape.
    pub(super) fn has(&self, word: &str) -> bool {
        self.value.get(word).is_some()
    }

    /// Whether this is a property of an object.
    pub(super) fn is_property(&self) -> bool {
        self.kind.is_schema() && self.via == "properties"
    }

    /// Whether this is a schema with a name of its own that others refer to.
    pub(super) fn is_named_schema(&self) -> bool {
        self.kind.is_schema() && matches!(self.via, "schemas" | "definitions")
    }

    /// Whether a `$ref` stands here for the object.
    pub(super) fn is_reference(&self) -> bool {
        self.kind.may_refer() && self.value.get("$ref").is_some()
    }
}

/// The objects of a document, in its order; the root first, where it is a map.
pub(super) fn of(root: &Value, kind: Kind) -> Vec<Node<'_>> {
    let mut nodes = Vec::new();
    visit(&mut nodes, Step { kind, via: "", key: String::new(), pointer: String::new(), parent: None }, root);
    nodes
}

/// The way to an object.
struct Step {
    kind: Kind,
    via: &'static str,
    key: String,
    pointer: String,
    parent: Option<usize>,
}

fn visit<'a>(nodes: &mut Vec<Node<'a>>, step: Step, value: &'a Value) {
    let Some(map) = value.as_object() else { return };
    let Step { kind, via, key, pointer, parent } = step;
    let index = nodes.len();
    nodes.push(Node { kind, pointer: pointer.clone(), value, via, key, parent });
    // OpenAPI 3.0 ignores what stands beside a `$ref`.
    if kind.may_refer() && map.contains_key("$ref") {
        return;
    }
    for (word, member) in map {
        let Some(&(via, holds)) = kind.words().iter().find(|(known, _)| known == word) else {
            continue;
        };
        let at = join(&pointer, word);
        let mut enter = |kind, key: &str, pointer, value| {
            let key = key.to_owned();
            visit(nodes, Step { kind, via, key, pointer, parent: Some(index) }, value);
        };
        match (holds, member) {
            (Holds::One(kind) | Holds::FlagOr(kind) | Holds::OneOrMany(kind), Value::Object(_)) => {
                enter(kind, via, at, member);
            }
            (Holds::Many(kind) | Holds::OneOrMany(kind), Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    let key = index.to_string();
                    enter(kind, &key, join(&at, &key), item);
                }
            }
            (Holds::Map(kind), Value::Object(members)) => {
                for (key, member) in members {
                    enter(kind, key, join(&at, key), member);
                }
            }
            _ => {}
        }
    }
}
