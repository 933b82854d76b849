//! Small edits of a small spec, each with the expected change, and edits of every value of the real spec.

use serde_json::Value;

use super::change::{Change, Effect};
use super::compare;
use crate::document::Document;
use crate::edit::{edit, pointers};
use crate::spec::{ONBOARDING, Sources, Spec};
use crate::workspace;

const SMALL: &str = include_str!("tests/small.yaml");

/// Edits of the small spec, each with the one change that follows.
const EDITS: &str = include_str!("tests/edits.txt");

fn small(text: &str) -> Spec {
    Spec::parse("t.yaml", text).unwrap()
}

fn describe(change: &Change) -> String {
    let sides = if change.effect.is_breaking() { format!(" {}", change.sides) } else { String::new() };
    format!("{} of {}: {}{sides}", change.kind, change.place, change.effect.class())
}

fn changes_between(old: &str, new: &str) -> Vec<String> {
    compare::apis(&small(old), &small(new)).iter().map(describe).collect()
}

/// Returns the changes after one edit of the small spec.
fn changes(old: &str, new: &str) -> Vec<Change> {
    assert_eq!(SMALL.matches(old).count(), 1, "{old:?} does not occur exactly once");
    compare::apis(&small(SMALL), &small(&SMALL.replacen(old, new, 1)))
}

#[test]
fn each_edit_is_one_change_with_its_place_and_effect() {
    let old = small(SMALL);
    for line in EDITS.trim().lines() {
        let (line, expected) = line.split_once(" => ").unwrap();
        let mut new = old.clone();
        let text = line.replacen('@', "/paths/~1rooms~1/", 1);
        edit(&mut new.document.value, &text);
        let found: Vec<_> = compare::apis(&old, &new).iter().map(describe).collect();
        assert_eq!(found, [expected], "{line}");
    }
}

#[test]
fn schema_of_a_new_or_removed_operation_is_no_change_by_itself() {
    let operation = SMALL.find("    get:\n").unwrap()..SMALL.find("components:\n").unwrap();
    let without = SMALL.replace(&SMALL[operation], "");
    let removed = "operation-removed of list_rooms: break requests and responses";
    assert_eq!(changes_between(SMALL, &without), [removed]);
    assert_eq!(changes_between(&without, SMALL), ["operation-added of list_rooms: addition"]);
}

#[test]
fn removed_part_is_located_in_the_old_file() {
    let [change] = &changes("        size: {type: integer, nullable: true}\n", "")[..] else { panic!() };
    assert!(change.in_old_file);
    assert_eq!(change.pointer, "/components/schemas/Room/properties/size");
    let line = 1 + SMALL[..SMALL.find("size:").unwrap()].matches('\n').count();
    assert_eq!(change.line, line);
}

#[test]
fn change_names_the_operations_that_use_the_part() {
    let operations = |old: &str, new: &str| changes(old, new)[0].operations.clone();
    let shared = operations("in: query, schema: {type: string}", "in: query, schema: {type: integer}");
    assert_eq!(shared, ["create_room", "list_rooms"]);
    assert_eq!(operations("maximum: 4", "maximum: 3"), ["create_room"]);
    // `Kind` is used through `x-expect`, too.
    assert_eq!(operations("[single, double]", "[single]"), ["create_room", "list_rooms"]);
}

#[test]
fn several_values_are_several_changes() {
    let found: Vec<_> = changes("[single, double]", "[suite]").iter().map(describe).collect();
    let removed = ["single", "double"]
        .map(|value| format!("value-removed of Kind.{value}: break requests and responses"));
    assert_eq!(found[0], "value-added of Kind.suite: addition");
    assert_eq!(found[1..], removed);
}

#[test]
fn mark_is_reported_for_its_own_schema_unless_another_mark_still_hides_the_value() {
    let marked = SMALL.replace("    Kind: {", "    Kind: {x-phi: true, ");
    let both = marked.replace(
        "kind: {$ref: '#/components/schemas/Kind'}",
        "kind: {allOf: [{$ref: '#/components/schemas/Kind'}], x-phi: true}",
    );
    let removed = "mark-removed of Kind: safety requests and responses";
    assert_eq!(changes_between(&marked, SMALL), [removed]);
    assert_eq!(changes_between(&both, &marked), ["wording of NewRoom.kind: wording"]);
}

fn sources() -> Sources {
    Sources::read(&workspace::root(None).join("xtask/tests/fixtures")).unwrap()
}

#[test]
fn spec_does_not_differ_from_itself() {
    let Sources { api, onboarding } = sources();
    assert_eq!(compare::apis(&api, &api), []);
    assert_eq!(compare::onboarding(&onboarding, &onboarding, [&api, &api]), []);
}

/// Returns the pointers of all values that contain no other values.
fn leaves(root: &Value) -> Vec<String> {
    let is_leaf = |pointer: &String| pointers(root.pointer(pointer).unwrap()).is_empty();
    pointers(root).into_iter().filter(is_leaf).collect()
}

fn another_value(value: &Value) -> Value {
    match value {
        Value::Bool(flag) => Value::Bool(!flag),
        Value::Number(_) => Value::from(77),
        _ => Value::from("another"),
    }
}

#[test]
fn every_edit_of_a_value_is_a_change() {
    let Sources { api, onboarding } = sources();
    let pointers = leaves(api.root());
    assert!(pointers.len() > 1000, "{}", pointers.len());
    let mut edited = api.clone();
    // Each keyword occurs many times; every third value is enough and takes a third of the time.
    for pointer in pointers.iter().step_by(3) {
        let value = edited.document.value.pointer_mut(pointer).unwrap();
        let other = another_value(value);
        let before = std::mem::replace(value, other);
        assert_ne!(compare::apis(&api, &edited), [], "{pointer}");
        *edited.document.value.pointer_mut(pointer).unwrap() = before;
    }
    for pointer in &leaves(&onboarding.value) {
        let mut edited = onboarding.clone();
        let value = edited.value.pointer_mut(pointer).unwrap();
        *value = another_value(value);
        assert_ne!(compare::onboarding(&onboarding, &edited, [&api, &api]), [], "{pointer}");
    }
}

#[test]
fn onboarding_fields_are_part_of_requests() {
    let Sources { api, onboarding } = sources();
    let edited = onboarding.text.replacen("\"invite\": {", "\"invites\": {", 1);
    let edited = Document::parse(ONBOARDING, &edited).unwrap();
    let changes = compare::onboarding(&onboarding, &edited, [&api, &api]);
    let found: Vec<_> = changes.iter().map(|it| (it.kind, it.pointer.as_str(), it.effect)).collect();
    let expected = [
        ("property-added", "/properties/invites", Effect::Addition),
        ("property-removed", "/properties/invite", Effect::Break),
    ];
    assert_eq!(found, expected);
}
