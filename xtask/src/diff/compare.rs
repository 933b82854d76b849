//! Compares two versions of a spec, keyword by keyword.
//!
//! Named parts, such as schemas, are compared by name. A reference is compared by the name of its target, and not by
//! the content of the target, so each change is reported once, where it was made. A keyword that the comparison does
//! not know counts as a break, because its effect is unknown.

mod operations;
mod schemas;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::change::Change;
use super::change::Effect::{self, Behavior, Break, Wording};
use crate::document::Document;
use crate::json::{join, members, text};
use crate::spec::{CallSides, ONBOARDING, SPEC, Sides, Spec, schema_pointer};

/// Keywords that are documentation wherever they occur.
#[rustfmt::skip]
const DOCUMENTATION: [&str; 9] = [
    "summary", "description", "title", "example", "examples", "externalDocs", "deprecated", "x-hint", "x-source",
];

/// Returns the changes between two versions of the API's spec.
pub(crate) fn apis(old: &Spec, new: &Spec) -> Vec<Change> {
    let mut comparison = Comparison::new(SPEC, old, new);
    comparison.document();
    merge(&mut comparison.changes);
    if comparison.changes.is_empty() && old.root() != new.root() {
        comparison.note(&At::document(), "wording", Wording, "has another notation");
    }
    comparison.changes
}

/// Returns the changes between two versions of the schema of an onboarding file. The definitions that it shares with
/// the API are not compared: the linter checks that they are equal, and they become the API's types.
pub(crate) fn onboarding(old: &Document, new: &Document, apis: [&Spec; 2]) -> Vec<Change> {
    let specs = [old, new].map(Spec::of_json_schema);
    let mut comparison = Comparison::new(ONBOARDING, &specs[0], &specs[1]);
    comparison.schemas(|name| apis.iter().all(|api| api.schema(name).is_none()));
    if comparison.changes.is_empty() && old.value != new.value {
        comparison.note(
            &At::document(),
            "wording",
            Wording,
            "has other examples, annotations or shared definitions",
        );
    }
    let titles = [old, new].map(|document| text(&document.value, "title"));
    for change in &mut comparison.changes {
        change.pointer = json_schema_pointer(&change.pointer, titles);
        change.line = if change.in_old_file { old } else { new }.line(&change.pointer);
    }
    comparison.changes
}

/// Converts a pointer into the result of [`Spec::of_json_schema`] to a pointer into the original file.
fn json_schema_pointer(pointer: &str, titles: [Option<&str>; 2]) -> String {
    for title in titles.into_iter().flatten() {
        let root = schema_pointer(title);
        if let Some(rest) =
            pointer.strip_prefix(&root).filter(|rest| rest.is_empty() || rest.starts_with('/'))
        {
            return rest.to_owned();
        }
    }
    pointer.replacen("/components/schemas", "/definitions", 1)
}

/// The current position of a comparison.
#[derive(Debug, Clone)]
struct At {
    pointer: String,
    place: String,
    sides: CallSides,
    operations: Vec<String>,
}

impl At {
    fn document() -> Self {
        Self {
            pointer: String::new(),
            place: "the document".to_owned(),
            sides: CallSides::BOTH,
            operations: Vec::new(),
        }
    }

    /// Returns the position of a member of this part. Its changes are reported under the name of the part.
    fn inside(&self, member: &str) -> Self {
        Self { pointer: join(&self.pointer, member), ..self.clone() }
    }

    fn with_sides(&self, sides: CallSides) -> Self {
        Self { sides, ..self.clone() }
    }
}

struct Comparison<'a> {
    file: &'static str,
    old: &'a Spec,
    new: &'a Spec,
    /// The sides of the named schemas in each version. Computed when the first schema differs.
    sides: OnceCell<[Sides; 2]>,
    /// The pointers that each operation references, directly or not. Computed when the first named part differs.
    references: OnceCell<BTreeMap<&'a str, BTreeSet<String>>>,
    changes: Vec<Change>,
}

impl<'a> Comparison<'a> {
    fn new(file: &'static str, old: &'a Spec, new: &'a Spec) -> Self {
        Self { file, old, new, sides: OnceCell::new(), references: OnceCell::new(), changes: Vec::new() }
    }

    fn note(&mut self, at: &At, kind: &'static str, effect: Effect, message: impl Into<String>) {
        let in_old_file = self.new.root().pointer(&at.pointer).is_none();
        let document = if in_old_file { &self.old.document } else { &self.new.document };
        self.changes.push(Change {
            file: self.file,
            kind,
            pointer: at.pointer.clone(),
            line: document.line(&at.pointer),
            in_old_file,
            place: at.place.clone(),
            message: message.into(),
            effect,
            sides: at.sides,
            operations: at.operations.clone(),
        });
    }

    fn wording(&mut self, at: &At, keyword: &str) {
        self.note(&at.inside(keyword), "wording", Wording, format!("has another `{keyword}`"));
    }

    /// Notes a change of a keyword that this comparison does not handle at this position.
    fn other(&mut self, at: &At, keyword: &str) {
        if DOCUMENTATION.contains(&keyword) {
            return self.wording(at, keyword);
        }
        let message = format!("has another `{keyword}`, whose effect is unknown to this comparison");
        self.note(&at.inside(keyword), "unknown-keyword", Break, message);
    }

    /// Returns the sides of a call that use a named schema in either version. A schema that no operation uses is a
    /// public type, too, so it counts as used by both sides. A row of an onboarding file is written by callers, so
    /// its schemas count as used by requests.
    fn schema_sides(&self, name: &str) -> CallSides {
        if self.file == ONBOARDING {
            return CallSides::REQUEST;
        }
        let sides = self.sides.get_or_init(|| [self.old.sides(), self.new.sides()]);
        let [old, new] = sides.each_ref().map(|sides| sides.of(name));
        match (old.request || new.request, old.response || new.response) {
            (false, false) => CallSides::BOTH,
            (request, response) => CallSides { request, response },
        }
    }

    /// Returns the IDs of the operations that reach a named part in either version.
    fn operations_using(&self, pointer: &str) -> Vec<String> {
        let references = self.references.get_or_init(|| {
            let mut references: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
            for spec in [self.new, self.old] {
                for operation in spec.operations() {
                    let targets = references.entry(operation.id()).or_default();
                    let parameters = operation.parameters().map(|(_, parameter)| parameter);
                    for part in parameters.chain([operation.value]) {
                        spec.collect_references(part, targets);
                    }
                }
            }
            references
        });
        let uses = references.iter().filter(|(_, targets)| targets.contains(pointer));
        uses.map(|(id, _)| (*id).to_owned()).collect()
    }

    fn document(&mut self) {
        let at = At::document();
        for (keyword, _, _) in differing(self.old.root(), self.new.root()) {
            match keyword {
                "paths" => self.operations(),
                "components" => self.components(),
                "info" => self.info(),
                "servers" => {
                    self.note(&at.inside(keyword), "server", Behavior, "has other server addresses");
                }
                "security" => {
                    let message = "has another default for the authentication of requests";
                    self.note(&at.inside(keyword), "security", Behavior, message);
                }
                "openapi" | "tags" => self.wording(&at, keyword),
                _ => self.other(&at, keyword),
            }
        }
    }

    fn info(&mut self) {
        let at = At { place: "info".to_owned(), ..At::document() }.inside("info");
        let [old, new] = [self.old, self.new].map(|spec| spec.root().get("info").unwrap_or(&Value::Null));
        for (keyword, was, is) in differing(old, new) {
            if keyword == "version" {
                let message = format!("has release {} instead of {}", text_of(is), text_of(was));
                self.note(&at.inside(keyword), "release", Wording, message);
            } else {
                self.wording(&at, keyword);
            }
        }
    }

    fn components(&mut self) {
        let at = At::document().inside("components");
        let [old, new] =
            [self.old, self.new].map(|spec| spec.root().get("components").unwrap_or(&Value::Null));
        for (keyword, _, _) in differing(old, new) {
            match keyword {
                "schemas" => self.schemas(|_| true),
                "parameters" => self.named(keyword, |comparison, at, was, is| {
                    comparison.parameter(&at.with_sides(CallSides::REQUEST), was, is);
                }),
                "responses" => self.named(keyword, |comparison, at, was, is| {
                    comparison.response(&at.with_sides(CallSides::RESPONSE), was, is);
                }),
                "securitySchemes" => {
                    let at = At { place: "the authentication scheme".to_owned(), ..at.inside(keyword) };
                    self.note(&at, "security", Behavior, "is different: requests carry other credentials");
                }
                // These are compared where they are referenced.
                "requestBodies" | "examples" => self.wording(&at, keyword),
                _ => self.other(&at, keyword),
            }
        }
    }
}

/// Merges equal changes that were found through several operations.
pub(crate) fn merge(changes: &mut Vec<Change>) {
    let mut merged: Vec<Change> = Vec::new();
    for change in std::mem::take(changes) {
        let same = |other: &&mut Change| {
            (&other.pointer, other.kind, other.sides, &other.message)
                == (&change.pointer, change.kind, change.sides, &change.message)
        };
        let Some(other) = merged.iter_mut().find(same) else {
            merged.push(change);
            continue;
        };
        for id in change.operations {
            if !other.operations.contains(&id) {
                other.operations.push(id);
            }
        }
    }
    *changes = merged;
}

/// A member of two maps with its old and its new value.
type Difference<'v> = (&'v str, Option<&'v Value>, Option<&'v Value>);

/// Returns the members of two maps that differ, in the order of the new map, followed by removed members.
fn differing<'v>(old: &'v Value, new: &'v Value) -> Vec<Difference<'v>> {
    both(Some(old), Some(new)).into_iter().filter(|(_, was, is)| was != is).collect()
}

/// Returns the members of two maps, in the order of the new map, followed by removed members.
fn both<'v>(old: Option<&'v Value>, new: Option<&'v Value>) -> Vec<Difference<'v>> {
    let in_new = |name: &str| new.is_some_and(|new| new.get(name).is_some());
    let current = members(new).map(|(name, is)| (name, old.and_then(|old| old.get(name)), Some(is)));
    let removed = members(old).filter(|(name, _)| !in_new(name)).map(|(name, was)| (name, Some(was), None));
    current.chain(removed).collect()
}

/// Formats a value for a message.
fn text_of(value: Option<&Value>) -> String {
    match value {
        None => "none".to_owned(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(value) => format!("`{value}`"),
    }
}
