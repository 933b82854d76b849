//! What has changed, for people and as JSON.

use serde_json::{Value, json};

use super::change::Effect;
use super::{Diff, Found};

/// More uses than this say that everything is touched; JSON has them all.
const USES_SHOWN: usize = 6;

/// The whole for a person to read, the worst first.
pub(super) fn text(diff: &Diff) -> String {
    let mut text = format!("From {} to the tree: {}", diff.base, counted(diff.found.len(), "change"));
    for class in Effect::CLASSES {
        let found: Vec<_> =
            diff.found.iter().filter(|it| it.change.effect.class() == class.class()).collect();
        if found.is_empty() {
            continue;
        }
        text.push_str(&format!("\n\n{}", heading(class)));
        for found in found {
            text.push_str(&entry(found));
        }
    }
    text.push_str(&format!("\n\n{}", conclusion(diff)));
    text
}

fn heading(class: Effect) -> &'static str {
    match class {
        Effect::Safety(_) => "Unsafe: what must not be printed is printed",
        Effect::Break(_) => "Breaks callers",
        Effect::Behaviour => "Does something else, and breaks nobody",
        Effect::Addition => "Is there beside what was there, and breaks nobody",
        Effect::Wording => "For readers only",
    }
}

fn entry(found: &Found) -> String {
    let change = &found.change;
    let breaks = change.effect.breaks();
    let sides = if change.effect.is_breaking() { format!("; breaks {breaks}") } else { String::new() };
    let mut text = format!("\n  {} {} [{}{sides}]", change.place, change.what, change.kind);
    let then = if change.is_gone { " of the older version" } else { "" };
    text.push_str(&format!(
        "\n    at:         {}{then}, line {}: {}",
        change.file,
        change.line,
        pointer(&change.pointer)
    ));
    if change.effect == Effect::Wording {
        return text;
    }
    if !found.carium_api.is_empty() {
        text.push_str(&format!("\n    carium-api: {}", shown(&found.carium_api)));
    }
    let mut public: Vec<_> = found.carium.iter().filter_map(|it| it.public.clone()).collect();
    public.dedup();
    if !public.is_empty() {
        text.push_str(&format!("\n    carium:     {}", shown(&public)));
    }
    let mut inside: Vec<_> = found
        .carium
        .iter()
        .filter(|it| it.public.is_none())
        .map(|it| format!("{} in {}", it.item, it.file))
        .collect();
    inside.dedup();
    if !inside.is_empty() {
        text.push_str(&format!("\n    inside:     {}", shown(&inside)));
    }
    text
}

fn pointer(pointer: &str) -> &str {
    if pointer.is_empty() { "the whole" } else { pointer }
}

fn shown(names: &[String]) -> String {
    let first = names.iter().take(USES_SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(USES_SHOWN) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn counted(count: usize, what: &str) -> String {
    format!(
        "{} {what}{}",
        if count == 0 { "no".to_owned() } else { count.to_string() },
        if count == 1 { "" } else { "s" }
    )
}

fn conclusion(diff: &Diff) -> String {
    let [was, is] = &diff.versions;
    if diff.found.is_empty() {
        return format!("Nothing follows: the crates had version {was} there, and have {is} here.");
    }
    let so = if diff.is_carried() { "as they should" } else { "not enough" };
    format!(
        "A {} bump follows: from version {was} of the crates to {} or later. Here they have {is}: {so}.",
        diff.bump,
        diff.needed()
    )
}

/// What is wrong with the version, with the changes that ask for more.
pub(super) fn not_carried(diff: &Diff) -> String {
    let asks =
        |found: &&Found| super::Bump::of(std::slice::from_ref(&found.change), &diff.versions[0]) == diff.bump;
    let places: Vec<_> = diff.found.iter().filter(asks).map(|it| it.change.place.clone()).collect();
    format!(
        "the version of the crates is {}, and {} asks for {} or later ({} bump): {}",
        diff.versions[1],
        if places.len() == 1 { "this change" } else { "each of these changes" },
        diff.needed(),
        diff.bump,
        places.join(", ")
    )
}

/// The whole for programs.
pub(super) fn json(diff: &Diff) -> String {
    let changes: Vec<Value> = diff.found.iter().map(change).collect();
    let report = json!({
        "base": { "name": diff.base, "version": diff.versions[0].to_string() },
        "tree": { "version": diff.versions[1].to_string() },
        "changes": changes,
        "bump": diff.bump.name(),
        "needed": diff.needed().to_string(),
        "carried": diff.is_carried(),
    });
    format!("{report:#}")
}

fn change(found: &Found) -> Value {
    let change = &found.change;
    let breaks = change.effect.breaks();
    let uses: Vec<Value> = found
        .carium
        .iter()
        .map(|it| json!({ "public": it.public, "item": it.item, "file": it.file }))
        .collect();
    json!({
        "file": change.file,
        "line": change.line,
        "pointer": change.pointer,
        "in_older_version": change.is_gone,
        "place": change.place,
        "kind": change.kind,
        "what": change.what,
        "class": change.effect.class(),
        "breaks": { "request": breaks.request, "response": breaks.response },
        "carium_api": found.carium_api,
        "carium": uses,
    })
}
