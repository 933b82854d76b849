//! Two versions of a spec, word by word.
//!
//! Named parts are compared under their names, and a reference is what it refers to, so each change is found once
//! and where it was made. What a word means to callers is said in the files of this module; a word that none of them
//! knows counts as a break, since nobody has looked at it.

mod bodies;
mod limits;
mod operations;
mod schemas;

use std::cell::OnceCell;

use serde_json::Value;

use super::change::{Change, Effect, Reach, Subject};
use crate::document::{Document, join};
use crate::generate::{ONBOARDING, SPEC};
use crate::spec::{Sides, Spec, members, schema_pointer};

/// What has changed between two versions of the spec of the API.
pub(crate) fn apis(old: &Spec, new: &Spec) -> Vec<Change> {
    let mut comparison = Comparison::new(SPEC, old, new);
    comparison.document();
    comparison.merge();
    if comparison.changes.is_empty() && old.root() != new.root() {
        comparison.note(&At::document(), "wording", Effect::Wording, "the same is written in another way");
    }
    comparison.changes
}

/// What has changed between two versions of the schema of an onboarding file, but for the definitions that it shares
/// with the API: the linter holds them equal, and they become the API's types.
pub(crate) fn onboarding(old: &Document, new: &Document, apis: [&Spec; 2]) -> Vec<Change> {
    let specs = [old, new].map(Spec::of_json_schema);
    let mut comparison = Comparison::new(ONBOARDING, &specs[0], &specs[1]);
    comparison.schemas(|name| apis.iter().all(|api| api.schema(name).is_none()));
    if comparison.changes.is_empty() && specs_differ(old, new, apis) {
        let what = "examples or annotations are others";
        comparison.note(&At::document(), "wording", Effect::Wording, what);
    }
    let titles = [old, new].map(|document| document.value.get("title").and_then(Value::as_str));
    for change in &mut comparison.changes {
        change.pointer = own_pointer(&change.pointer, titles);
        change.line = if change.is_gone { old } else { new }.line(&change.pointer);
    }
    comparison.changes
}

/// Whether anything but the definitions that the API has too is another.
fn specs_differ(old: &Document, new: &Document, apis: [&Spec; 2]) -> bool {
    let [old, new] = [old, new].map(|document| {
        let mut value = document.value.clone();
        if let Some(definitions) = value.get_mut("definitions").and_then(Value::as_object_mut) {
            definitions.retain(|name, _| apis.iter().all(|api| api.schema(name).is_none()));
        }
        value
    });
    old != new
}

/// Where something stands in the schema of an onboarding file, from where it stands in that schema as a spec.
fn own_pointer(pointer: &str, titles: [Option<&str>; 2]) -> String {
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

/// Where a comparison is.
#[derive(Debug, Clone)]
struct At {
    pointer: String,
    place: String,
    subject: Subject,
    reach: Reach,
}

impl At {
    fn document() -> Self {
        Self {
            pointer: String::new(),
            place: "the document".to_owned(),
            subject: Subject::Document,
            reach: Reach::BOTH,
        }
    }

    /// A member of this, which is about the same.
    fn inside(&self, member: &str) -> Self {
        Self { pointer: join(&self.pointer, member), ..self.clone() }
    }
}

struct Comparison<'a> {
    file: &'static str,
    old: &'a Spec,
    new: &'a Spec,
    /// The sides of each version, looked up once a schema is found to differ.
    sides: OnceCell<[Sides; 2]>,
    changes: Vec<Change>,
}

impl<'a> Comparison<'a> {
    fn new(file: &'static str, old: &'a Spec, new: &'a Spec) -> Self {
        Self { file, old, new, sides: OnceCell::new(), changes: Vec::new() }
    }

    fn note(&mut self, at: &At, kind: &'static str, effect: Effect, what: impl Into<String>) {
        let is_gone = self.new.root().pointer(&at.pointer).is_none();
        let document = if is_gone { &self.old.document } else { &self.new.document };
        self.changes.push(Change {
            file: self.file,
            kind,
            pointer: at.pointer.clone(),
            line: document.line(&at.pointer),
            is_gone,
            place: at.place.clone(),
            what: what.into(),
            effect,
            subject: at.subject.clone(),
        });
    }

    fn wording(&mut self, at: &At, word: &str) {
        self.note(&at.inside(word), "wording", Effect::Wording, format!("`{word}` is another"));
    }

    fn unknown(&mut self, at: &At, word: &str) {
        let what = format!("`{word}` is another, and this comparison does not know what follows from it");
        self.note(&at.inside(word), "unknown-word", Effect::Break(at.reach), what);
    }

    /// The sides from which a named schema is reached, before or after. One that nothing reaches is a type all the
    /// same; a row of an onboarding file is something that teams write.
    fn reach(&self, name: &str) -> Reach {
        if self.file == ONBOARDING {
            return Reach::REQUEST;
        }
        let sides = self.sides.get_or_init(|| [self.old.sides(), self.new.sides()]);
        let request = sides.iter().any(|sides| sides.in_request(name));
        let response = sides.iter().any(|sides| sides.in_response(name));
        if request || response { Reach { request, response } } else { Reach::BOTH }
    }

    fn document(&mut self) {
        let at = At::document();
        for (word, _, _) in differing(self.old.root(), self.new.root()) {
            match word {
                "paths" => self.operations(),
                "components" => self.components(),
                "info" => self.info(),
                "servers" => {
                    self.note(
                        &at.inside(word),
                        "server",
                        Effect::Behaviour,
                        "requests go to another address",
                    );
                }
                "security" => {
                    let what = "what is sent with requests that say nothing of it is another";
                    self.note(&at.inside(word), "security", Effect::Behaviour, what);
                }
                "openapi" | "tags" | "externalDocs" => self.wording(&at, word),
                _ => self.unknown(&at, word),
            }
        }
    }

    fn info(&mut self) {
        let at = At { place: "info".to_owned(), ..At::document() }.inside("info");
        let [old, new] = [self.old, self.new].map(|spec| spec.root().get("info").unwrap_or(&Value::Null));
        for (word, was, is) in differing(old, new) {
            if word == "version" {
                let what = format!("the release is {}, was {}", text_of(is), text_of(was));
                let at = At { subject: Subject::Release, ..at.inside(word) };
                self.note(&at, "release", Effect::Wording, what);
            } else {
                self.wording(&at, word);
            }
        }
    }

    fn components(&mut self) {
        let at = At::document().inside("components");
        let [old, new] =
            [self.old, self.new].map(|spec| spec.root().get("components").unwrap_or(&Value::Null));
        for (word, _, _) in differing(old, new) {
            match word {
                "schemas" => self.schemas(|_| true),
                "parameters" => self.named_parameters(),
                "responses" => self.named_responses(),
                "securitySchemes" => {
                    let at = At { place: "the way to sign in".to_owned(), ..at.inside(word) };
                    self.note(
                        &at,
                        "security",
                        Effect::Behaviour,
                        "what is sent to sign a request is another",
                    );
                }
                // What refers to one of these is compared where it does.
                "requestBodies" | "examples" => self.wording(&at, word),
                _ => self.unknown(&at, word),
            }
        }
    }

    /// What several operations share is found once with each of them.
    fn merge(&mut self) {
        let mut merged: Vec<Change> = Vec::new();
        for change in std::mem::take(&mut self.changes) {
            let same = merged.iter_mut().find(|other| {
                (&other.pointer, other.kind, other.effect) == (&change.pointer, change.kind, change.effect)
            });
            match (same.map(|other| &mut other.subject), &change.subject) {
                (
                    Some(Subject::Parameter { operations, .. } | Subject::Operations(operations)),
                    Subject::Parameter { operations: more, .. } | Subject::Operations(more),
                ) => {
                    for id in more {
                        if !operations.contains(id) {
                            operations.push(id.clone());
                        }
                    }
                }
                _ => merged.push(change),
            }
        }
        self.changes = merged;
    }
}

/// A member of two maps, with what it was and what it is.
type Difference<'v> = (&'v str, Option<&'v Value>, Option<&'v Value>);

/// The members of two maps that differ, in the order of the new one, then those that are gone.
fn differing<'v>(old: &'v Value, new: &'v Value) -> Vec<Difference<'v>> {
    both(Some(old), Some(new)).into_iter().filter(|(_, was, is)| was != is).collect()
}

/// The members of two maps, in the order of the new one, then those that are gone.
fn both<'v>(old: Option<&'v Value>, new: Option<&'v Value>) -> Vec<Difference<'v>> {
    let is_new = |name: &str| new.is_some_and(|new| new.get(name).is_some());
    let now = members(new).map(|(name, is)| (name, old.and_then(|old| old.get(name)), Some(is)));
    let gone = members(old).filter(|(name, _)| !is_new(name)).map(|(name, was)| (name, Some(was), None));
    now.chain(gone).collect()
}

/// A value for a sentence.
fn text_of(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(value) => format!("`{value}`"),
    }
}
