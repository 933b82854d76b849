//! What has changed in what operations send and answer with.

use std::collections::BTreeSet;

use serde_json::Value;

use super::operations::is_required;
use super::{At, Comparison, both, differing};
use crate::diff::change::{Effect, Reach};
use crate::spec::{Operation, Spec, members, referred_schema};

impl<'a> Comparison<'a> {
    pub(super) fn request_body(&mut self, at: &At, was: &Operation<'a>, is: &Operation<'a>) {
        let at = &At { reach: Reach::REQUEST, ..at.clone() };
        let [before, after] = [was, is].map(|operation| operation.value.get("requestBody"));
        match (before, after) {
            (None, None) => {}
            (None, Some(body)) if !is_required(self.new.resolve(body)) => {
                self.note(at, "body-added", Effect::Addition, "takes a body");
            }
            (None, Some(_)) => {
                self.note(at, "body-added", Effect::Break(at.reach), "wants a body");
            }
            (Some(_), None) => {
                self.note(at, "body-removed", Effect::Break(at.reach), "takes no body any more");
            }
            (Some(before), Some(after)) => {
                let (before, after) = (self.old.resolve(before), self.new.resolve(after));
                for (word, was, is) in differing(before, after) {
                    match word {
                        "required" if is == Some(&Value::Bool(true)) => {
                            let what = "its body is required";
                            self.note(&at.inside(word), "now-required", Effect::Break(at.reach), what);
                        }
                        "required" => {
                            let what = "its body can be left out";
                            self.note(&at.inside(word), "now-optional", Effect::Addition, what);
                        }
                        "content" => self.content(&at.inside(word), was, is),
                        "description" | "x-source" => self.wording(at, word),
                        _ => self.unknown(at, word),
                    }
                }
            }
        }
    }

    pub(super) fn responses(&mut self, at: &At, was: &Operation<'a>, is: &Operation<'a>) {
        let at = &At { reach: Reach::RESPONSE, ..at.clone() };
        let [old, new] = [was, is].map(|operation| operation.value.get("responses"));
        let known = old.map(|old| successes(self.old, old)).unwrap_or_default();
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
                    let body = body_of(self.new.resolve(response));
                    // The method returns one type for all that counts as success.
                    let effect = if status.starts_with('2') && !known.is_empty() && !known.contains(&body) {
                        Effect::Break(at.reach)
                    } else {
                        Effect::Addition
                    };
                    self.note(at, "response-added", effect, format!("may answer {status}"));
                }
                _ => {
                    let what = format!("an answer of {status} is unexpected from now on");
                    self.note(at, "response-removed", Effect::Break(at.reach), what);
                }
            }
        }
    }

    pub(super) fn response(&mut self, at: &At, was: &Value, is: &Value) {
        for (word, before, after) in differing(was, is) {
            match word {
                "content" => self.content(&at.inside(word), before, after),
                "description" | "x-source" => self.wording(at, word),
                _ => self.unknown(at, word),
            }
        }
    }

    /// The media types of a body, each with its schema.
    fn content(&mut self, at: &At, old: Option<&Value>, new: Option<&Value>) {
        for (media_type, was, is) in both(old, new) {
            let at = &at.inside(media_type);
            let (Some(was), Some(is)) = (was, is) else {
                let what = format!("`{media_type}` is {} the media types of the body", {
                    if is.is_some() { "among" } else { "no longer among" }
                });
                self.note(at, "media-type", Effect::Break(at.reach), what);
                continue;
            };
            for (word, before, after) in differing(was, is) {
                match (word, before, after) {
                    ("schema", Some(before), Some(after)) => self.schema(&at.inside(word), before, after),
                    ("example" | "examples", _, _) => self.wording(at, word),
                    _ => self.unknown(at, word),
                }
            }
        }
    }
}

/// The schemas of the bodies of successes; a body that says nothing is one of them.
fn successes<'s>(spec: &'s Spec, responses: &'s Value) -> BTreeSet<Option<&'s str>> {
    members(Some(responses))
        .filter(|(status, _)| status.starts_with('2'))
        .map(|(_, response)| body_of(spec.resolve(response)))
        .collect()
}

fn body_of(response: &Value) -> Option<&str> {
    members(response.get("content")).find_map(|(_, content)| referred_schema(content.get("schema")?))
}
