//! What must never be printed.

use std::collections::BTreeMap;

use super::context::Context;
use super::name_words;
use super::outline::Node;
use super::words::Kind;
use crate::finding::Finding;
use crate::spec::Mark;

const RULE: &str = "unmarked";

/// Words in the names of what tells something about a person. Free text is among them: what people write
/// into a `note` is not for the spec to foresee.
const PERSONAL: &[&str] = &[
    "address",
    "age",
    "birth",
    "birthdate",
    "birthday",
    "body",
    "cell",
    "city",
    "comment",
    "county",
    "description",
    "detail",
    "diagnosis",
    "dob",
    "email",
    "fax",
    "filename",
    "firstname",
    "forename",
    "fullname",
    "gender",
    "initials",
    "instruction",
    "landline",
    "lastname",
    "location",
    "mail",
    "medication",
    "memo",
    "message",
    "middlename",
    "mobile",
    "mrn",
    "name",
    "narrative",
    "nickname",
    "note",
    "phone",
    "postcode",
    "reason",
    "remark",
    "sex",
    "ssn",
    "street",
    "summary",
    "surname",
    "tel",
    "telephone",
    "text",
    "title",
    "town",
    "uri",
    "url",
    "username",
    "zip",
];

/// Words in the names of what opens something.
const SECRET: &[&str] = &[
    "bearer",
    "code",
    "cookie",
    "credential",
    "jwt",
    "key",
    "mfa",
    "otp",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "pin",
    "policy",
    "pwd",
    "secret",
    "session",
    "signature",
    "token",
    "totp",
];

/// `unmarked`: what sounds like health information or like a secret says whether it is, `true` or
/// `false`. The generated types print what is not marked; a mark that was forgotten looks like one that
/// was decided against.
pub(super) fn unmarked(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in &context.nodes {
        let Some(name) = own_name(node) else { continue };
        let Some((mark, sounds)) = sound(name) else {
            continue;
        };
        // A mark with another value than a flag is reported as such, once.
        if is_marked(context, node) || has_bad_mark(context, node) {
            continue;
        }
        context.report(
            out,
            RULE,
            &node.pointer,
            format!("{} sounds like {sounds} and carries no mark", context.name(node)),
            format!("write `{mark}: true`, or `{mark}: false` where it may be printed"),
        );
    }
}

/// `unmarked`: what is hidden in one place says in every other whether it is. The same name stands for the
/// same thing in a request and in its answer; forgotten in one of them, it is printed there.
pub(super) fn unlike_others(context: &Context<'_>, out: &mut Vec<Finding>) {
    let mut hidden: BTreeMap<&str, &Node<'_>> = BTreeMap::new();
    for node in &context.nodes {
        if let Some(name) = own_name(node).filter(|_| context.mark(node.value).is_hidden()) {
            hidden.entry(name).or_insert(node);
        }
    }
    for node in &context.nodes {
        let Some(name) = own_name(node).filter(|name| sound(name).is_none()) else {
            continue;
        };
        let Some(other) = hidden.get(name).filter(|_| !is_marked(context, node)) else {
            continue;
        };
        if !has_bad_mark(context, node) {
            context.report(
                out,
                RULE,
                &node.pointer,
                format!("{} carries no mark, and {} does", context.name(node), context.name(other)),
                "write the same mark, or the mark with `false` where it may be printed",
            );
        }
    }
}

/// `unmarked`: a mark is `true` or `false`. Another value, `yes` in quotes say, marks nothing.
pub(super) fn odd_mark(context: &Context<'_>, out: &mut Vec<Finding>) {
    for node in context.nodes.iter().filter(|node| can_be_marked(node) && !node.is_reference()) {
        for mark in ["x-phi", "x-secret"] {
            if node.value.get(mark).is_some_and(|value| !value.is_boolean()) {
                context.report(
                    out,
                    RULE,
                    &node.at(mark),
                    format!("the `{mark}` of {} is neither `true` nor `false`", context.name(node)),
                    format!("write `{mark}: true` or `{mark}: false`, without quotes"),
                );
            }
        }
    }
}

/// What a name sounds like, with the mark for that; nothing where it sounds harmless.
fn sound(name: &str) -> Option<(&'static str, &'static str)> {
    let words = name_words::of(name);
    let is = |known| words.iter().any(|word| name_words::is_one_of(word, known));
    if is(SECRET) {
        Some(("x-secret", "a secret"))
    } else if is(PERSONAL) {
        Some(("x-phi", "health information"))
    } else {
        None
    }
}

/// The name under which a value is sent, where the object has one.
fn own_name<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    match node.kind {
        Kind::Parameter if !node.is_reference() => super::context::text(node, "name"),
        kind if kind.is_schema() && node.via == "properties" => Some(&node.key),
        _ => None,
    }
}

fn is_marked(context: &Context<'_>, node: &Node<'_>) -> bool {
    let schema = node.value.get("schema").filter(|_| node.kind == Kind::Parameter);
    [Some(node.value), schema].into_iter().flatten().any(|it| context.mark(it) != Mark::Unmarked)
}

fn can_be_marked(node: &Node<'_>) -> bool {
    node.kind == Kind::Parameter || node.kind.is_schema()
}

fn has_bad_mark(context: &Context<'_>, node: &Node<'_>) -> bool {
    let target = context.spec.resolve(node.value);
    let odd = |mark: &str| target.get(mark).is_some_and(|value| !value.is_boolean());
    odd("x-phi") || odd("x-secret")
}
