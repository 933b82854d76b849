//! Words that OpenAPI does not know where they stand.

use super::context::{Context, listed, text};
use super::outline::Node;
use super::words::{EXTENSIONS, Kind};
use crate::finding::Finding;

const RULE: &str = "unknown-keyword";

/// The formats of OpenAPI 3.0 and those of JSON Schema that are checked.
const FORMATS: &[&str] = &[
    "binary",
    "byte",
    "date",
    "date-time",
    "double",
    "duration",
    "email",
    "float",
    "hostname",
    "int32",
    "int64",
    "ipv4",
    "ipv6",
    "json-pointer",
    "password",
    "regex",
    "time",
    "uri",
    "uri-reference",
    "uuid",
];

/// `unknown-keyword`: every word is one that OpenAPI 3.0, or this workspace, knows at that place. Tools
/// ignore other words without a sound: a misspelt `required` requires nothing, and a misspelt `x-phi`
/// prints a patient's name.
pub(super) fn unknown_keyword(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.nodes.iter().filter(|node| !node.is_reference()) {
        let Some(map) = node.value.as_object() else {
            continue;
        };
        for word in map.keys() {
            let known = node.kind.words().iter().any(|(known, _)| known == word);
            if !known && !node.kind.later_words().contains(&word.as_str()) {
                let what = format!("{} has `{word}`, a word that nothing reads there", context.name(node));
                context.report(out, RULE, &node.at(word), what, mend(node.kind, word));
            }
        }
    }
}

/// `unknown-keyword`: `x-expect` stands on a property of a response, or on the items of one. A request is
/// checked against its schema before it is sent; there is nothing to expect of it beyond that.
pub(super) fn misplaced_expect(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.each(Kind::Schema).filter(|node| node.has("x-expect")) {
        let of_property =
            context.ancestors(node).find(|around| around.via != "items").is_some_and(Node::is_property);
        if !of_property || context.reach(node).request {
            context.report(
                out,
                RULE,
                &node.at("x-expect"),
                format!("{} has `x-expect`, which belongs on a property of a response", context.name(node)),
                "refer to the schema with `$ref` instead",
            );
        }
    }
}

/// `unknown-keyword`: a response stands under a status, or a range of them, as OpenAPI writes it. Under
/// another name it is never an answer to anything.
pub(super) fn statuses(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in &context.nodes {
        let in_operation = context.parent(node).is_some_and(|it| it.kind == Kind::Operation);
        if node.kind == Kind::Response && in_operation && !is_status(&node.key) {
            context.report(
                out,
                RULE,
                &node.pointer,
                format!("{} stands under what is not a status", context.name(node)),
                "write a status from 100 to 599 in quotes, or a range such as `4XX`",
            );
        }
    }
}

/// `unknown-keyword`: a format is one that validators know. They pass over others without a sound, and a
/// misspelt `uuid` makes an id a text like any other.
pub(super) fn formats(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.schemas() {
        if let Some(format) = text(node, "format").filter(|format| !FORMATS.contains(format)) {
            let what = format!("{} has the format `{format}`, which nothing checks", context.name(node));
            let mend = match nearest(format, FORMATS.iter().copied()) {
                Some(near) => format!("write `{near}`, or remove `format`"),
                None => "remove `format`, and say it with `pattern` or in the description".to_owned(),
            };
            context.report(out, RULE, &node.at("format"), what, mend);
        }
    }
}

fn is_status(key: &str) -> bool {
    match key.as_bytes() {
        [b'1'..=b'5', rest @ ..] => rest == b"XX" || (rest.len() == 2 && rest.iter().all(u8::is_ascii_digit)),
        _ => key == "default",
    }
}

fn mend(kind: Kind, word: &str) -> String {
    if let Some((_, home)) = EXTENSIONS.iter().find(|(extension, _)| *extension == word) {
        return format!("move it to where it belongs: on {home}");
    }
    let words = || kind.words().iter().map(|(known, _)| *known);
    match nearest(word, words()) {
        Some(near) => format!("write `{near}`, or remove it"),
        None => format!("remove it, or write one of {}", listed(words())),
    }
}

/// The known word that a misspelt one is likely to stand for.
fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let lower = word.to_lowercase();
    known
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(word.len()).div_ceil(3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out or replaced to make one word of another (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_letters_between_two_words() {
        for (from, to, expected) in
            [("", "", 0), ("a", "", 1), ("", "abc", 3), ("kitten", "sitting", 3), ("tpye", "type", 2)]
        {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }

    #[test]
    fn suggests_a_near_word_and_none_that_is_far() {
        let words = || ["description", "required", "x-retry", "in"].into_iter();
        assert_eq!(nearest("descripton", words()), Some("description"));
        assert_eq!(nearest("Required", words()), Some("required"));
        assert_eq!(nearest("x-rety", words()), Some("x-retry"));
        assert_eq!(nearest("banana", words()), None);
    }

    #[test]
    fn knows_a_status() {
        for (key, expected) in [
            ("200", true),
            ("4XX", true),
            ("default", true),
            ("4xx", false),
            ("600", false),
            ("20", false),
            ("2000", false),
            ("", false),
            ("2X0", false),
        ] {
            assert_eq!(is_status(key), expected, "{key}");
        }
    }
}
