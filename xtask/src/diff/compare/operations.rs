//! What has changed in operations and their parameters.

use serde_json::Value;

use super::{At, Comparison, both, differing, text_of};
use crate::diff::change::{Effect, Reach, Subject};
use crate::document::join;
use crate::spec::{Operation, Spec};

/// A parameter with its pointer, as it is written, and as what it refers to.
type Parameter<'s> = (String, &'s Value, &'s Value);

impl<'a> Comparison<'a> {
    pub(super) fn operations(&mut self) {
        let [old, new] = [self.old.operations(), self.new.operations()];
        let same_id =
            |one: &Operation<'_>, other: &Operation<'_>| !one.id().is_empty() && one.id() == other.id();
        let same_place =
            |one: &Operation<'_>, other: &Operation<'_>| (one.method, one.path) == (other.method, other.path);
        // One that keeps its id is the same wherever it went; only then one that stands where another stood.
        let keeps_id =
            |one: &Operation<'_>, others: &[Operation<'_>]| others.iter().any(|it| same_id(one, it));
        let mut pairs = Vec::new();
        for is in &new {
            let was = old.iter().find(|was| same_id(was, is)).or_else(|| {
                old.iter().find(|was| same_place(was, is) && !keeps_id(was, &new) && !keeps_id(is, &old))
            });
            if let Some(was) = was {
                pairs.push((was, is));
            } else {
                let what = format!("`{} {}` can be called", is.method.to_uppercase(), is.path);
                self.note(&at_operation(is), "operation-added", Effect::Addition, what);
            }
        }
        for was in old.iter().filter(|was| !pairs.iter().any(|(other, _)| same_place(other, was))) {
            let what = format!("`{} {}` cannot be called any more", was.method.to_uppercase(), was.path);
            self.note(&at_operation(was), "operation-removed", Effect::Break(Reach::BOTH), what);
        }
        for (was, is) in &pairs {
            self.operation(was, is);
        }
        self.path_items();
    }

    /// What paths say beside their operations and parameters.
    fn path_items(&mut self) {
        let [old, new] = [self.old, self.new].map(|spec| spec.root().get("paths"));
        for (path, was, is) in both(old, new) {
            let (Some(was), Some(is)) = (was, is) else { continue };
            let pointer = join("/paths", path);
            let at = At { pointer, place: path.to_owned(), ..At::document() };
            for (word, _, _) in differing(was, is) {
                match word {
                    "parameters" | "get" | "put" | "post" | "delete" | "options" | "head" | "patch"
                    | "trace" => {}
                    "summary" | "description" => self.wording(&at, word),
                    _ => self.unknown(&at, word),
                }
            }
        }
    }

    fn operation(&mut self, was: &Operation<'a>, is: &Operation<'a>) {
        let at = at_operation(is);
        if was.id() != is.id() {
            // Callers look for the name that they know.
            let subject = Subject::Operations(vec![was.id().to_owned(), is.id().to_owned()]);
            let at = At { subject, ..at.inside("operationId") };
            let what = format!("is called `{}`, was `{}`", is.id(), was.id());
            self.note(&at, "operation-renamed", Effect::Break(Reach::REQUEST), what);
        }
        if (was.method, was.path) != (is.method, is.path) {
            let [from, to] = [was, is].map(|it| format!("`{} {}`", it.method.to_uppercase(), it.path));
            self.note(&at, "operation-moved", Effect::Behaviour, format!("goes to {to}, went to {from}"));
        }
        for (word, before, after) in differing(was.value, is.value) {
            match word {
                // The id above, and the bodies and parameters below.
                "operationId" | "parameters" | "requestBody" | "responses" => {}
                "tags" if was.tag() != is.tag() => {
                    let what = format!("its tag is {}, was {}", or_none(is.tag()), or_none(was.tag()));
                    self.note(&at.inside(word), "tag", Effect::Break(Reach::REQUEST), what);
                }
                "x-retry" => {
                    let what = format!("its retry class is {}, was {}", text_of(after), text_of(before));
                    self.note(&at.inside(word), "retry-class", Effect::Behaviour, what);
                }
                "security" => {
                    let what = match (was.needs_token(), is.needs_token()) {
                        (false, true) => "is sent with a token, was sent without one",
                        (true, false) => "is sent without a token, was sent with one",
                        _ => "says in another way what is sent to sign a request",
                    };
                    self.note(&at.inside(word), "security", Effect::Behaviour, what);
                }
                "summary" | "description" | "x-source" | "externalDocs" | "deprecated" | "tags" => {
                    self.wording(&at, word);
                }
                _ => self.unknown(&at, word),
            }
        }
        self.parameters(was, is);
        self.request_body(&at.inside("requestBody"), was, is);
        self.responses(&at.inside("responses"), was, is);
    }

    fn parameters(&mut self, was: &Operation<'a>, is: &Operation<'a>) {
        let [old, new] =
            [(self.old, was), (self.new, is)].map(|(spec, operation)| parameters_of(spec, operation));
        let key = |(_, _, parameter): &Parameter<'_>| {
            [parameter.get("in"), parameter.get("name")].map(|word| word.cloned().unwrap_or_default())
        };
        // What operations share is compared under its name, once for all of them.
        let is_shared = |parameter: &Parameter<'_>, others: &[Parameter<'_>]| {
            parameter.1.get("$ref").is_some() && others.iter().any(|(_, raw, _)| *raw == parameter.1)
        };
        let is_own = |others| move |parameter: &&Parameter<'_>| !is_shared(parameter, others);
        for parameter in new.iter().filter(is_own(&old)) {
            let at = at_parameter(is.id(), parameter);
            match old.iter().filter(is_own(&new)).find(|other| key(other) == key(parameter)) {
                Some((_, _, before)) => self.parameter(&at, before, parameter.2),
                None if is_required(parameter.2) => {
                    let what = "is asked for: a call without it is refused";
                    self.note(&at, "parameter-added", Effect::Break(Reach::REQUEST), what);
                }
                None => self.note(&at, "parameter-added", Effect::Addition, "can be given"),
            }
        }
        for parameter in old.iter().filter(is_own(&new)) {
            if !new.iter().any(|other| key(other) == key(parameter)) {
                let at = at_parameter(is.id(), parameter);
                let what = "cannot be given any more";
                self.note(&at, "parameter-removed", Effect::Break(Reach::REQUEST), what);
            }
        }
    }

    fn parameter(&mut self, at: &At, was: &Value, is: &Value) {
        for (word, before, after) in differing(was, is) {
            match word {
                "required" if is_required(is) && !is_required(was) => {
                    let what = "is required: a call without it is refused";
                    self.note(&at.inside(word), "now-required", Effect::Break(Reach::REQUEST), what);
                }
                "required" if is_required(was) => {
                    self.note(&at.inside(word), "now-optional", Effect::Addition, "can be left out");
                }
                "name" => {
                    let what = format!("is called {}, was {}", text_of(after), text_of(before));
                    self.note(&at.inside(word), "parameter-renamed", Effect::Break(Reach::REQUEST), what);
                }
                "schema" => match (before, after) {
                    (Some(before), Some(after)) => self.schema(&at.inside(word), before, after),
                    _ => self.unknown(at, word),
                },
                "description" | "example" | "examples" | "x-source" | "deprecated" | "required" | "x-phi"
                | "x-secret" => self.wording(at, word),
                _ => self.unknown(at, word),
            }
        }
    }

    /// The parameters that operations share.
    pub(super) fn named_parameters(&mut self) {
        self.named("parameters", |comparison, at, was, is| {
            let Subject::Operations(operations) = at.subject else { return };
            let name = is.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let subject = Subject::Parameter { operations, name };
            comparison.parameter(&At { subject, reach: Reach::REQUEST, ..at }, was, is);
        });
    }

    /// The responses that operations share.
    pub(super) fn named_responses(&mut self) {
        self.named("responses", |comparison, at, was, is| {
            comparison.response(&At { reach: Reach::RESPONSE, ..at }, was, is);
        });
    }

    /// The shared parts of a kind, each with those operations that refer to it.
    fn named(&mut self, kind: &str, compare: impl Fn(&mut Self, At, &'a Value, &'a Value)) {
        let components = join("/components", kind);
        let [old, new] = [self.old, self.new].map(|spec| spec.root().pointer(&components));
        for (name, was, is) in both(old, new) {
            if was == is {
                continue;
            }
            let pointer = join(&components, name);
            let mut operations = users(self.new, &pointer);
            let more = users(self.old, &pointer);
            operations.extend(more.into_iter().filter(|id| !operations.contains(id)).collect::<Vec<_>>());
            let subject = Subject::Operations(operations);
            let at = At { pointer, place: format!("{name} ({kind})"), subject, reach: Reach::BOTH };
            match (was, is) {
                (Some(was), Some(is)) => compare(self, at, was, is),
                // What refers to it is compared where it does.
                _ => self.note(
                    &at,
                    "wording",
                    Effect::Wording,
                    "stands among the shared parts, or no longer does",
                ),
            }
        }
    }
}

fn at_operation(operation: &Operation<'_>) -> At {
    At {
        pointer: operation.pointer.clone(),
        place: operation.id().to_owned(),
        subject: Subject::Operations(vec![operation.id().to_owned()]),
        reach: Reach::BOTH,
    }
}

fn at_parameter(operation: &str, (pointer, _, parameter): &Parameter<'_>) -> At {
    let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
    At {
        pointer: pointer.clone(),
        place: format!("{operation}({name})"),
        subject: Subject::Parameter { operations: vec![operation.to_owned()], name: name.to_owned() },
        reach: Reach::REQUEST,
    }
}

fn parameters_of<'s>(spec: &'s Spec, operation: &Operation<'s>) -> Vec<Parameter<'s>> {
    operation.parameters().map(|(pointer, raw)| (pointer, raw, spec.resolve(raw))).collect()
}

pub(super) fn is_required(value: &Value) -> bool {
    value.get("required") == Some(&Value::Bool(true))
}

fn or_none(tag: Option<&str>) -> String {
    tag.map_or_else(|| "none".to_owned(), |tag| format!("`{tag}`"))
}

/// The operations that refer to a shared part.
fn users(spec: &Spec, pointer: &str) -> Vec<String> {
    let reference = format!("#{pointer}");
    let refers = |value: &Value| value.get("$ref").and_then(Value::as_str) == Some(reference.as_str());
    spec.operations()
        .iter()
        .filter(|operation| {
            operation.parameters().any(|(_, parameter)| refers(parameter))
                || operation.responses().any(|(_, _, response)| refers(response))
        })
        .map(|operation| operation.id().to_owned())
        .collect()
}
