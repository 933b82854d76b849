//! Compares operations: their parameters, request bodies and responses.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{At, Comparison, both, differing, text_of};
use crate::diff::change::Effect::{Addition, Behavior, Break, Wording};
use crate::json::{is_true, join, members, text};
use crate::spec::{CallSides, METHODS, Operation, Spec, referred_schema};

/// A parameter with its pointer, as it is written, and with its reference resolved.
type Parameter<'s> = (String, &'s Value, &'s Value);

impl<'a> Comparison<'a> {
    pub(super) fn operations(&mut self) {
        let [old, new] = [self.old.operations(), self.new.operations()];
        let same_id =
            |one: &Operation<'_>, other: &Operation<'_>| !one.id().is_empty() && one.id() == other.id();
        let same_path =
            |one: &Operation<'_>, other: &Operation<'_>| (one.method, one.path) == (other.method, other.path);
        // An operation that keeps its ID is the same wherever it moves. Otherwise, an operation is the same if it has the
        // same path and neither version has the other's ID.
        let keeps_id =
            |one: &Operation<'_>, others: &[Operation<'_>]| others.iter().any(|it| same_id(one, it));
        let mut pairs = Vec::new();
        for is in &new {
            let was = old.iter().find(|was| same_id(was, is)).or_else(|| {
                old.iter().find(|was| same_path(was, is) && !keeps_id(was, &new) && !keeps_id(is, &old))
            });
            if let Some(was) = was {
                pairs.push((was, is));
            } else {
                let message = format!("is a new operation: `{}`", is.route());
                self.note(&at_operation(is), "operation-added", Addition, message);
            }
        }
        for was in old.iter().filter(|was| !pairs.iter().any(|(other, _)| same_path(other, was))) {
            self.note(
                &at_operation(was),
                "operation-removed",
                Break,
                format!("was removed: `{}`", was.route()),
            );
        }
        for (was, is) in &pairs {
            self.operation(was, is);
        }
        self.path_items();
    }

    /// Compares the keywords of path items other than operations and parameters.
    fn path_items(&mut self) {
        let [old, new] = [self.old, self.new].map(|spec| spec.root().get("paths"));
        for (path, was, is) in both(old, new) {
            let (Some(was), Some(is)) = (was, is) else { continue };
            let pointer = join("/paths", path);
            let at = At { pointer, place: path.to_owned(), ..At::document() };
            for (keyword, _, _) in differing(was, is) {
                match keyword {
                    "parameters" => {}
                    keyword if METHODS.contains(&keyword) => {}
                    _ => self.other(&at, keyword),
                }
            }
        }
    }

    fn operation(&mut self, was: &Operation<'a>, is: &Operation<'a>) {
        let at = at_operation(is);
        if was.id() != is.id() {
            let at = at.inside("operationId").with_sides(CallSides::REQUEST);
            let message = format!("was renamed from `{}` to `{}`", was.id(), is.id());
            self.note(&at, "operation-renamed", Break, message);
        }
        if (was.method, was.path) != (is.method, is.path) {
            let message = format!("moved from `{}` to `{}`", was.route(), is.route());
            self.note(&at, "operation-moved", Behavior, message);
        }
        for (keyword, before, after) in differing(was.value, is.value) {
            match keyword {
                // Compared above and below.
                "operationId" | "parameters" | "requestBody" | "responses" => {}
                "tags" if was.tag() != is.tag() => {
                    let tag = |operation: &Operation<'_>| operation.tag().unwrap_or("none").to_owned();
                    let message = format!("has the tag `{}` instead of `{}`", tag(is), tag(was));
                    self.note(&at.inside(keyword).with_sides(CallSides::REQUEST), "tag", Break, message);
                }
                "x-retry" => {
                    let message =
                        format!("has the retry class {} instead of {}", text_of(after), text_of(before));
                    self.note(&at.inside(keyword), "retry-class", Behavior, message);
                }
                "security" => {
                    let message = match (was.needs_token(), is.needs_token()) {
                        (false, true) => "is now sent with an access token",
                        (true, false) => "is no longer sent with an access token",
                        _ => "has another notation of its authentication",
                    };
                    self.note(&at.inside(keyword), "security", Behavior, message);
                }
                "tags" => self.wording(&at, keyword),
                _ => self.other(&at, keyword),
            }
        }
        self.parameters(was, is);
        self.request_body(&at.inside("requestBody").with_sides(CallSides::REQUEST), was, is);
        self.responses(&at.inside("responses").with_sides(CallSides::RESPONSE), was, is);
    }

    fn parameters(&mut self, was: &Operation<'a>, is: &Operation<'a>) {
        let [old, new] =
            [(self.old, was), (self.new, is)].map(|(spec, operation)| parameters_of(spec, operation));
        let key = |(_, _, parameter): &Parameter<'_>| {
            [parameter.get("in"), parameter.get("name")].map(|member| member.cloned().unwrap_or_default())
        };
        // Parameters that operations share are compared once, under their names in `components`.
        let is_shared = |parameter: &Parameter<'_>, others: &[Parameter<'_>]| {
            parameter.1.get("$ref").is_some() && others.iter().any(|(_, raw, _)| *raw == parameter.1)
        };
        let is_own = |others| move |parameter: &&Parameter<'_>| !is_shared(parameter, others);
        for parameter in new.iter().filter(is_own(&old)) {
            let at = at_parameter(is.id(), parameter);
            match old.iter().filter(is_own(&new)).find(|other| key(other) == key(parameter)) {
                Some((_, _, before)) => self.parameter(&at, before, parameter.2),
                None if is_true(parameter.2, "required") => {
                    let message = "is a new required parameter: calls without it are rejected";
                    self.note(&at, "parameter-added", Break, message);
                }
                None => self.note(&at, "parameter-added", Addition, "is a new optional parameter"),
            }
        }
        for parameter in old.iter().filter(is_own(&new)) {
            if !new.iter().any(|other| key(other) == key(parameter)) {
                self.note(&at_parameter(is.id(), parameter), "parameter-removed", Break, "was removed");
            }
        }
    }

    pub(super) fn parameter(&mut self, at: &At, was: &Value, is: &Value) {
        for (keyword, before, after) in differing(was, is) {
            match keyword {
                "required" if is_true(is, "required") && !is_true(was, "required") => {
                    let message = "is now required: calls without it are rejected";
                    self.note(&at.inside(keyword), "now-required", Break, message);
                }
                "required" if is_true(was, "required") => {
                    self.note(&at.inside(keyword), "now-optional", Addition, "is now optional");
                }
                "name" => {
                    let message = format!("was renamed from {} to {}", text_of(before), text_of(after));
                    self.note(&at.inside(keyword), "parameter-renamed", Break, message);
                }
                "schema" => match (before, after) {
                    (Some(before), Some(after)) => self.schema(&at.inside(keyword), before, after),
                    _ => self.other(at, keyword),
                },
                "required" | "x-phi" | "x-secret" => self.wording(at, keyword),
                _ => self.other(at, keyword),
            }
        }
    }

    fn request_body(&mut self, at: &At, was: &Operation<'a>, is: &Operation<'a>) {
        let [before, after] = [was, is].map(|operation| operation.value.get("requestBody"));
        match (before, after) {
            (None, None) => {}
            (None, Some(body)) if !is_true(self.new.resolve(body), "required") => {
                self.note(at, "body-added", Addition, "accepts a body");
            }
            (None, Some(_)) => self.note(at, "body-added", Break, "requires a body"),
            (Some(_), None) => self.note(at, "body-removed", Break, "no longer accepts a body"),
            (Some(before), Some(after)) => {
                let (before, after) = (self.old.resolve(before), self.new.resolve(after));
                for (keyword, was, is) in differing(before, after) {
                    match keyword {
                        "required" if is == Some(&Value::Bool(true)) => {
                            let message = "has a body that is now required";
                            self.note(&at.inside(keyword), "now-required", Break, message);
                        }
                        "required" => {
                            let message = "has a body that is now optional";
                            self.note(&at.inside(keyword), "now-optional", Addition, message);
                        }
                        "content" => self.content(&at.inside(keyword), was, is),
                        _ => self.other(at, keyword),
                    }
                }
            }
        }
    }

    fn responses(&mut self, at: &At, was: &Operation<'a>, is: &Operation<'a>) {
        let [old, new] = [was, is].map(|operation| operation.value.get("responses"));
        let known = old.map(|old| success_bodies(self.old, old)).unwrap_or_default();
        for (status, before, after) in both(old, new) {
            let at = &at.inside(status);
            match (before, after) {
                (Some(before), Some(after)) => {
                    let refers_to_same = before == after && before.get("$ref").is_some();
                    if !refers_to_same {
                        self.response(at, self.old.resolve(before), self.new.resolve(after));
                    }
                }
                (None, Some(response)) => {
                    let body = body_schema(self.new.resolve(response));
                    // The generated method returns one type for all successful responses.
                    let is_other_type =
                        status.starts_with('2') && !known.is_empty() && !known.contains(&body);
                    let effect = if is_other_type { Break } else { Addition };
                    self.note(at, "response-added", effect, format!("has a new response {status}"));
                }
                _ => {
                    let message = format!("no longer has a response {status}, which becomes an error");
                    self.note(at, "response-removed", Break, message);
                }
            }
        }
    }

    pub(super) fn response(&mut self, at: &At, was: &Value, is: &Value) {
        for (keyword, before, after) in differing(was, is) {
            match keyword {
                "content" => self.content(&at.inside(keyword), before, after),
                _ => self.other(at, keyword),
            }
        }
    }

    /// Compares the media types of a body, each with its schema.
    fn content(&mut self, at: &At, old: Option<&Value>, new: Option<&Value>) {
        for (media_type, was, is) in both(old, new) {
            let at = &at.inside(media_type);
            let (Some(was), Some(is)) = (was, is) else {
                let verb = if is.is_some() { "has a new" } else { "no longer has a" };
                self.note(at, "media-type", Break, format!("{verb} body of media type `{media_type}`"));
                continue;
            };
            for (keyword, before, after) in differing(was, is) {
                match (keyword, before, after) {
                    ("schema", Some(before), Some(after)) => self.schema(&at.inside(keyword), before, after),
                    _ => self.other(at, keyword),
                }
            }
        }
    }

    /// Compares the named parts in a section of `components`, except schemas.
    pub(super) fn named(&mut self, section: &str, compare: impl Fn(&mut Self, &At, &'a Value, &'a Value)) {
        let components = join("/components", section);
        let [old, new] = [self.old, self.new].map(|spec| spec.root().pointer(&components));
        for (name, was, is) in both(old, new).into_iter().filter(|(_, was, is)| was != is) {
            let pointer = join(&components, name);
            let operations = self.operations_using(&pointer);
            let at = At { pointer, place: format!("{name} ({section})"), sides: CallSides::BOTH, operations };
            if let (Some(was), Some(is)) = (was, is) {
                compare(self, &at, was, is);
            } else {
                // The operations that reference it are compared with the reference resolved.
                let message = format!("was added to, or removed from, `components/{section}`");
                self.note(&at, "wording", Wording, message);
            }
        }
    }
}

fn at_operation(operation: &Operation<'_>) -> At {
    At {
        pointer: operation.pointer.clone(),
        place: operation.id().to_owned(),
        sides: CallSides::BOTH,
        operations: vec![operation.id().to_owned()],
    }
}

fn at_parameter(operation: &str, (pointer, _, parameter): &Parameter<'_>) -> At {
    let name = text(parameter, "name").unwrap_or_default();
    At {
        pointer: pointer.clone(),
        place: format!("{operation}({name})"),
        sides: CallSides::REQUEST,
        operations: vec![operation.to_owned()],
    }
}

fn parameters_of<'s>(spec: &'s Spec, operation: &Operation<'s>) -> Vec<Parameter<'s>> {
    operation.parameters().map(|(pointer, raw)| (pointer, raw, spec.resolve(raw))).collect()
}

/// Returns the named schemas of the bodies of successful responses; `None` stands for a body without one.
fn success_bodies<'s>(spec: &'s Spec, responses: &'s Value) -> BTreeSet<Option<&'s str>> {
    members(Some(responses))
        .filter(|(status, _)| status.starts_with('2'))
        .map(|(_, response)| body_schema(spec.resolve(response)))
        .collect()
}

fn body_schema(response: &Value) -> Option<&str> {
    members(response.get("content")).find_map(|(_, content)| referred_schema(content.get("schema")?))
}
