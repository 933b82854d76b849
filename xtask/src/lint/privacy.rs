//! Privacy marks: which values must not be printed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::outline::{Context, Findings, Kind, Node};
use crate::json::text;
use crate::spec::Mark;

/// Words in names of personal data. Free text is included, because anything can be written in a `note`.
#[rustfmt::skip]
const PERSONAL: &[&str] = &[
    "address", "age", "birth", "birthdate", "birthday", "body", "cell", "city", "comment", "county", "description",
    "detail", "diagnosis", "dob", "email", "fax", "filename", "firstname", "forename", "fullname", "gender",
    "initials", "instruction", "landline", "lastname", "location", "mail", "medication", "memo", "message",
    "middlename", "mobile", "mrn", "name", "narrative", "nickname", "note", "phone", "postcode", "reason", "remark",
    "sex", "ssn", "street", "summary", "surname", "tel", "telephone", "text", "title", "town", "uri", "url",
    "username", "zip",
];

/// Words in names of secrets.
#[rustfmt::skip]
const SECRET: &[&str] = &[
    "bearer", "code", "cookie", "credential", "jwt", "key", "mfa", "otp", "passcode", "passphrase", "passwd",
    "password", "pin", "policy", "pwd", "secret", "session", "signature", "token", "totp",
];

/// `unmarked`: a property or parameter whose name suggests health information or a secret has a mark, `true` or
/// `false`. Generated types print unmarked values, and a forgotten mark would look like a decision to print the
/// value.
pub(super) fn suspicious_names(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in &context.nodes {
        let suspicion = name_on_the_wire(node).and_then(suspicion);
        if let Some((mark, meaning)) = suspicion.filter(|_| !is_marked(context, node)) {
            let problem = format!("has no privacy mark, although its name suggests {meaning}");
            let fix = format!("write `{mark}: true`, or `{mark}: false` if it may be printed");
            findings.add((node, ""), problem, fix);
        }
    }
}

/// `unmarked`: a property that is hidden in one schema has a mark in every schema. The same name means the same in a
/// request and its response, and would be printed where the mark was forgotten.
pub(super) fn hidden_elsewhere(context: &Context<'_>, findings: &mut Findings<'_>) {
    let mut hidden: BTreeMap<&str, &Node<'_>> = BTreeMap::new();
    for node in context.nodes.iter().filter(|node| context.mark(node.value).is_hidden()) {
        if let Some(name) = name_on_the_wire(node) {
            hidden.entry(name).or_insert(node);
        }
    }
    for node in &context.nodes {
        let Some(name) = name_on_the_wire(node).filter(|name| suspicion(name).is_none()) else { continue };
        if let Some(other) = hidden.get(name).filter(|_| !is_marked(context, node)) {
            let problem = format!("has no privacy mark, but {} has one", context.name(other));
            let fix = "write the same mark, or the mark with `false` if the value may be printed";
            findings.add((node, ""), problem, fix);
        }
    }
}

/// `unmarked`: free text beside hidden values has a mark, because it describes the same person whatever its name is.
pub(super) fn neighbors_of_hidden(context: &Context<'_>, findings: &mut Findings<'_>) {
    let mut by_owner: BTreeMap<&str, Vec<&Node<'_>>> = BTreeMap::new();
    for node in context.properties() {
        if let Some(owner) = context.parent(node) {
            by_owner.entry(&owner.pointer).or_default().push(node);
        }
    }
    for properties in by_owner.into_values() {
        let Some(hidden) = properties.iter().find(|node| context.mark(node.value).is_hidden()) else {
            continue;
        };
        for node in &properties {
            let is_id = words(&node.key).last().is_some_and(|word| word == "id" || word == "ids");
            let is_known_by_name = is_id || suspicion(&node.key).is_some();
            if !is_known_by_name && !is_marked(context, node) && is_free_text(context, node.value) {
                let problem = format!("is free text without a privacy mark, beside {}", context.name(hidden));
                let fix = "write `x-phi: true`, or `x-phi: false` if it may be printed";
                findings.add((node, ""), problem, fix);
            }
        }
    }
}

/// Checks whether a schema, or that of its items, is a string of any content: not an ID, a time or one of some values.
fn is_free_text(context: &Context<'_>, schema: &Value) -> bool {
    let schema = context.referenced(schema);
    if let Some(items) = schema.get("items") {
        return is_free_text(context, items);
    }
    let has_known_form = matches!(text(schema, "format"), Some("uuid" | "date-time"))
        || schema.get("enum").is_some()
        || schema.get("const").is_some();
    text(schema, "type") == Some("string") && !has_known_form
}

/// `marked-parameter`: parameters do not contain hidden values, because proxies and servers log URLs and headers.
pub(super) fn marked_parameters(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.each(Kind::Parameter) {
        let schema = node.value.get("schema").unwrap_or(node.value);
        if context.mark(schema).is_hidden() || context.mark(node.value).is_hidden() {
            let problem = "is hidden, but URLs and headers are logged outside of the client";
            let fix = "send it in a body, or write `x-phi: false` if it may be printed";
            findings.add((node, ""), problem, fix);
        }
    }
}

/// Returns the mark that a name suggests, with its meaning.
fn suspicion(name: &str) -> Option<(&'static str, &'static str)> {
    let words = words(name);
    let has = |known| words.iter().any(|word| is_one_of(word, known));
    if has(SECRET) {
        Some(("x-secret", "a secret"))
    } else if has(PERSONAL) {
        Some(("x-phi", "health information"))
    } else {
        None
    }
}

/// Returns the name of a property or parameter.
fn name_on_the_wire<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    match node.kind {
        Kind::Parameter if !node.is_reference() => node.text("name"),
        _ => node.is_property().then_some(node.key.as_str()),
    }
}

fn is_marked(context: &Context<'_>, node: &Node<'_>) -> bool {
    let schema = node.value.get("schema").filter(|_| node.kind == Kind::Parameter);
    [Some(node.value), schema].into_iter().flatten().any(|it| context.mark(it) != Mark::Unmarked)
}

/// Splits a name in kebab-case, snake_case, camelCase or with brackets (`filter[class-id]`) into lowercase words. So
/// `note` is found in `visit-note`, but not in `notifications`.
pub(super) fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| letters[before]);
        let starts_word = letter.is_uppercase()
            && before.is_some_and(|before| {
                // `birthDate` is split before the D, `SSNumber` before the N, and `SSN` nowhere.
                !before.is_uppercase() || letters.get(index + 1).is_some_and(|next| next.is_lowercase())
            });
        if starts_word || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| letter.is_alphanumeric()) {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Returns `true` if a word, in singular or plural, is one of the known words.
fn is_one_of(word: &str, known: &[&str]) -> bool {
    let singular = [
        Some(word.to_owned()),
        word.strip_suffix("ies").map(|stem| format!("{stem}y")),
        word.strip_suffix("es").map(str::to_owned),
        word.strip_suffix('s').map(str::to_owned),
    ];
    singular.into_iter().flatten().any(|word| known.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_names_into_words() {
        for (name, expected) in [
            ("first-name", vec!["first", "name"]),
            ("birthDate", vec!["birth", "date"]),
            ("patientSSN", vec!["patient", "ssn"]),
            ("SSNumber", vec!["ss", "number"]),
            ("filter[class-id]", vec!["filter", "class", "id"]),
            ("__x_", vec!["x"]),
            ("", vec![]),
        ] {
            assert_eq!(words(name), expected, "{name}");
        }
    }

    #[test]
    fn recognizes_plurals() {
        for word in ["note", "notes", "address", "addresses", "policies"] {
            assert!(is_one_of(word, &["note", "address", "policy"]), "{word}");
        }
        assert!(!is_one_of("notifications", &["note"]));
    }
}
