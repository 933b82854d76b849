//! Small edits of a small spec, each with the expected change, and edits of every value of the real spec.

use serde_json::Value;

use super::change::{Change, Effect};
use super::compare;
use crate::document::{Document, join};
use crate::generate::{ONBOARDING, Sources};
use crate::spec::Spec;
use crate::workspace;

const SMALL: &str = "openapi: 3.0.3
info: {title: T, version: R1}
security: [{token: []}]
paths:
  /rooms/:
    post:
      operationId: create_room
      tags: [caredb]
      x-retry: create
      summary: Create a room.
      parameters:
        - {name: dry, in: query, schema: {type: boolean}}
        - $ref: '#/components/parameters/Site'
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/NewRoom'}}}
      responses:
        '201': {description: Done., content: {application/json: {schema: {$ref: '#/components/schemas/Room'}}}}
        '202': {description: Later.}
    get:
      operationId: list_rooms
      tags: [caredb]
      x-retry: safe
      parameters:
        - $ref: '#/components/parameters/Site'
      responses:
        '200': {description: All., content: {application/json: {schema: {$ref: '#/components/schemas/Room'}}}}
components:
  parameters:
    Site: {name: site, in: query, schema: {type: string}}
  schemas:
    NewRoom:
      type: object
      description: A room.
      required: [name]
      additionalProperties: false
      properties:
        name: {type: string, maxLength: 9}
        beds: {type: integer, maximum: 4}
        kind: {$ref: '#/components/schemas/Kind'}
        note: {type: string, x-phi: true}
        code: {type: string, x-secret: true}
    Room:
      type: object
      additionalProperties: true
      properties:
        name: {type: string, nullable: true}
        kind: {type: string, nullable: true, x-expect: Kind}
        guest: {type: string, nullable: true, x-phi: true}
        size: {type: integer, nullable: true}
    Kind: {type: string, enum: [single, double]}
";

/// Edits of the small spec, each with the one change that follows.
const EDITS: &str = "
rename /paths/~1rooms~1/get put => operation-moved of list_rooms: behavior
set @get/operationId 'find_rooms' => operation-renamed of find_rooms: break requests
set @get/x-retry 'create' => retry-class of list_rooms: behavior
set @get/security [] => security of list_rooms: behavior
set @post/summary 'Make a room.' => wording of create_room: wording
set @get/tags ['showboat'] => tag of list_rooms: break requests
set @post/responses/200 {'content': {'application/json': {'schema': {'$ref': '#/components/schemas/Kind'}}}} \
=> response-added of create_room: break responses
remove @post/responses/202 => response-removed of create_room: break responses
set @post/requestBody/content/application~1xml {} => media-type of create_room: break requests
set @post/requestBody/required false => now-optional of create_room: addition
set @post/parameters/0/schema/type 'string' => type of create_room(dry): break requests
set @post/parameters/0/required true => now-required of create_room(dry): break requests
set @get/parameters [] => parameter-removed of list_rooms(site): break requests
set /paths/~1rooms~1/parameters [{'name': 'wet', 'in': 'query'}] => parameter-added of create_room(wet): addition
set /paths/~1rooms~1/parameters [{'name': 'wet', 'in': 'query', 'required': true}] \
=> parameter-added of create_room(wet): break requests
set /components/parameters/Site/required true => now-required of Site (parameters): break requests
set /components/parameters/Site/name 'place' => parameter-renamed of Site (parameters): break requests
set #NewRoom/properties/desk {'type': 'boolean'} => property-added of NewRoom.desk: addition
set #Room/properties/desk {'type': 'boolean', 'nullable': true} => property-added of Room.desk: addition
remove #NewRoom/properties/beds => property-removed of NewRoom.beds: break requests
remove #Room/properties/size => property-removed of Room.size: break responses
set #NewRoom/required ['name', 'beds'] => now-required of NewRoom.beds: break requests
set #NewRoom/required [] => now-optional of NewRoom.name: break requests
set #Room/properties/size/type 'string' => type of Room.size: break responses
set #Room/properties/size/format 'int32' => type of Room.size: break responses
remove #Room/properties/size/nullable => nullable of Room.size: break responses
set #NewRoom/properties/kind {'type': 'string'} => type of NewRoom.kind: break requests
remove #Room/properties/kind/x-expect => type of Room.kind: break responses
set #NewRoom/properties/kind {'allOf': [{'$ref': '#/components/schemas/Kind'}]} => wording of the document: wording
set #NewRoom/additionalProperties true => open of NewRoom: addition
set #Room/additionalProperties false => closed of Room: break responses
set #NewRoom/description 'Any room.' => wording of NewRoom: wording
set #Kind/enum ['single', 'double', 'suite'] => value-added of Kind.suite: addition
set #Kind/enum ['single'] => value-removed of Kind.double: break requests and responses
set #Kind/enum ['double', 'single'] => value-order of Kind: behavior
set #NewRoom/properties/beds/maximum 3 => limit of NewRoom.beds: break requests
set #NewRoom/properties/beds/maximum 5 => limit of NewRoom.beds: addition
set #NewRoom/properties/beds/minimum 1 => limit of NewRoom.beds: break requests
set #NewRoom/properties/name/maxLength 10 => limit of NewRoom.name: addition
set #NewRoom/properties/name/pattern '^a' => limit of NewRoom.name: break requests
remove #NewRoom/properties/name/maxLength => limit of NewRoom.name: break requests
set #NewRoom/properties/beds/default 2 => default of NewRoom.beds: behavior
set #Room/properties/guest/x-phi false => mark-removed of Room.guest: safety responses
remove #NewRoom/properties/code/x-secret => mark-removed of NewRoom.code: safety requests
set #NewRoom/properties/code {'type': 'string', 'x-phi': true} => mark-changed of NewRoom.code: break requests
set #NewRoom/properties/note {'type': 'string', 'x-secret': true} => mark-added of NewRoom.note: break requests
set #Room/properties/size/x-phi true => mark-added of Room.size: behavior
set #Room/properties/size/x-phi false => wording of Room.size: wording
set /info/version 'R2' => release of info: wording
set #Kind/x-new-word 1 => unknown-keyword of Kind: break requests and responses
";

/// Applies an edit: `remove POINTER`, `rename POINTER KEY` or `set POINTER JSON`. In the pointer, `#Name` stands for a
/// named schema.
pub(crate) fn edit(root: &mut Value, line: &str) {
    let (verb, rest) = line.split_once(' ').unwrap();
    let (pointer, argument) = rest.split_once(' ').unwrap_or((rest, ""));
    let pointer = pointer.replacen('#', "/components/schemas/", 1);
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/");
    let map = root.pointer_mut(parent).and_then(Value::as_object_mut);
    let map = map.unwrap_or_else(|| panic!("there is no object for {line}"));
    if verb == "set" {
        map.insert(key, serde_json::from_str(argument).unwrap());
        return;
    }
    let removed = map.shift_remove(&key).unwrap_or_else(|| panic!("there is no value for {line}"));
    if verb == "rename" {
        map.insert(argument.to_owned(), removed);
    }
}

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
        let text = line.replace('\'', "\"").replacen('@', "/paths/~1rooms~1/", 1);
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
    Sources::read(&workspace::root(None)).unwrap()
}

#[test]
fn spec_does_not_differ_from_itself() {
    let Sources { api, onboarding } = sources();
    assert_eq!(compare::apis(&api, &api), []);
    assert_eq!(compare::onboarding(&onboarding, &onboarding, [&api, &api]), []);
}

/// Collects the pointers of all values that contain no other values.
fn leaves(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(name, member)| leaves(member, &join(pointer, name), found));
        }
        Value::Array(items) if !items.is_empty() => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| leaves(item, &format!("{pointer}/{index}"), found));
        }
        _ => found.push(pointer.to_owned()),
    }
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
    let mut pointers = Vec::new();
    leaves(api.root(), "", &mut pointers);
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
    let mut pointers = Vec::new();
    leaves(&onboarding.value, "", &mut pointers);
    for pointer in &pointers {
        let mut edited = onboarding.clone();
        let value = edited.value.pointer_mut(pointer).unwrap();
        *value = another_value(value);
        let is_shared = pointer.split('/').nth(2).is_some_and(|name| api.schema(name).is_some());
        let found = compare::onboarding(&onboarding, &edited, [&api, &api]);
        assert_eq!(found.is_empty(), pointer.starts_with("/definitions/") && is_shared, "{pointer}");
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
