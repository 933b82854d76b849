//! Small edits of a small spec, each with what is to be found; and every edit of the real one, in which something is to
//! be found at all.

use serde_json::Value;

use super::change::{Change, Effect, Reach};
use super::compare;
use crate::document::Document;
use crate::drill::edits::EDITS;
use crate::generate::{ONBOARDING, SPEC, Sources};
use crate::spec::Spec;
use crate::workspace;

const REQUEST: Effect = Effect::Break(Reach::REQUEST);
const RESPONSE: Effect = Effect::Break(Reach::RESPONSE);
const BOTH: Effect = Effect::Break(Reach::BOTH);

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

fn small(text: &str) -> Spec {
    Spec::parse("t.yaml", text).unwrap()
}

/// What an edit of the small spec changes.
fn changes(old: &str, new: &str) -> Vec<Change> {
    assert_eq!(SMALL.matches(old).count(), 1, "{old:?} is not there once");
    compare::apis(&small(SMALL), &small(&SMALL.replacen(old, new, 1)))
}

/// What stands in the small spec, what stands there then; the one change that this is, its place and its effect.
const EDITS_OF_SMALL: &[(&str, &str, &str, &str, Effect)] = &[
    // Operations.
    (
        "    get:\n      operationId: list_rooms",
        "    put:\n      operationId: list_rooms",
        "operation-moved",
        "list_rooms",
        Effect::Behaviour,
    ),
    ("operationId: list_rooms", "operationId: find_rooms", "operation-renamed", "find_rooms", REQUEST),
    ("x-retry: safe", "x-retry: create", "retry-class", "list_rooms", Effect::Behaviour),
    (
        "      x-retry: safe\n",
        "      x-retry: safe\n      security: []\n",
        "security",
        "list_rooms",
        Effect::Behaviour,
    ),
    ("summary: Create a room.", "summary: Make a room.", "wording", "create_room", Effect::Wording),
    (
        "tags: [caredb]\n      x-retry: safe",
        "tags: [showboat]\n      x-retry: safe",
        "tag",
        "list_rooms",
        REQUEST,
    ),
    (
        "'201': {",
        "'200': {description: Done., content: {application/json: {schema: {$ref: '#/components/schemas/Kind'}}}}\n        '201': {",
        "response-added",
        "create_room",
        RESPONSE,
    ),
    ("        '202': {description: Later.}\n", "", "response-removed", "create_room", RESPONSE),
    (
        "content: {application/json: {schema: {$ref: '#/components/schemas/NewRoom'}}}",
        "content: {application/xml: {}, application/json: {schema: {$ref: '#/components/schemas/NewRoom'}}}",
        "media-type",
        "create_room",
        REQUEST,
    ),
    (
        "required: true\n        content",
        "required: false\n        content",
        "now-optional",
        "create_room",
        Effect::Addition,
    ),
    // Parameters.
    (
        "{name: dry, in: query, schema: {type: boolean}}",
        "{name: dry, in: query, schema: {type: string}}",
        "type",
        "create_room(dry)",
        REQUEST,
    ),
    (
        "{name: dry, in: query, ",
        "{name: dry, in: query, required: true, ",
        "now-required",
        "create_room(dry)",
        REQUEST,
    ),
    (
        "        - {name: dry, in: query, schema: {type: boolean}}\n",
        "",
        "parameter-removed",
        "create_room(dry)",
        REQUEST,
    ),
    (
        "        - {name: dry,",
        "        - {name: wet, in: query, schema: {type: boolean}}\n        - {name: dry,",
        "parameter-added",
        "create_room(wet)",
        Effect::Addition,
    ),
    (
        "        - {name: dry,",
        "        - {name: wet, in: query, required: true, schema: {type: boolean}}\n        - {name: dry,",
        "parameter-added",
        "create_room(wet)",
        REQUEST,
    ),
    (
        "Site: {name: site, in: query,",
        "Site: {name: site, in: query, required: true,",
        "now-required",
        "Site (parameters)",
        REQUEST,
    ),
    ("Site: {name: site,", "Site: {name: place,", "parameter-renamed", "Site (parameters)", REQUEST),
    // Fields.
    (
        "        beds:",
        "        desk: {type: boolean}\n        beds:",
        "property-added",
        "NewRoom.desk",
        Effect::Addition,
    ),
    (
        "        size:",
        "        desk: {type: boolean, nullable: true}\n        size:",
        "property-added",
        "Room.desk",
        Effect::Addition,
    ),
    ("        beds: {type: integer, maximum: 4}\n", "", "property-removed", "NewRoom.beds", REQUEST),
    ("        size: {type: integer, nullable: true}\n", "", "property-removed", "Room.size", RESPONSE),
    ("required: [name]", "required: [name, beds]", "now-required", "NewRoom.beds", REQUEST),
    ("required: [name]", "required: []", "now-optional", "NewRoom.name", REQUEST),
    ("size: {type: integer,", "size: {type: string,", "type", "Room.size", RESPONSE),
    ("size: {type: integer,", "size: {type: integer, format: int32,", "type", "Room.size", RESPONSE),
    ("size: {type: integer, nullable: true}", "size: {type: integer}", "nullable", "Room.size", RESPONSE),
    ("kind: {$ref: '#/components/schemas/Kind'}", "kind: {type: string}", "type", "NewRoom.kind", REQUEST),
    ("nullable: true, x-expect: Kind", "nullable: true", "type", "Room.kind", RESPONSE),
    (
        "kind: {$ref: '#/components/schemas/Kind'}",
        "kind: {allOf: [{$ref: '#/components/schemas/Kind'}]}",
        "wording",
        "the document",
        Effect::Wording,
    ),
    ("additionalProperties: false", "additionalProperties: true", "open", "NewRoom", Effect::Addition),
    ("additionalProperties: true", "additionalProperties: false", "closed", "Room", RESPONSE),
    ("description: A room.", "description: Any room.", "wording", "NewRoom", Effect::Wording),
    // Values.
    (
        "enum: [single, double]",
        "enum: [single, double, suite]",
        "value-added",
        "Kind.suite",
        Effect::Addition,
    ),
    ("enum: [single, double]", "enum: [single]", "value-removed", "Kind.double", BOTH),
    ("enum: [single, double]", "enum: [double, single]", "value-order", "Kind", Effect::Behaviour),
    ("maximum: 4", "maximum: 3", "limit", "NewRoom.beds", REQUEST),
    ("maximum: 4", "maximum: 5", "limit", "NewRoom.beds", Effect::Addition),
    ("maximum: 4", "maximum: 4, minimum: 1", "limit", "NewRoom.beds", REQUEST),
    ("maxLength: 9", "maxLength: 10", "limit", "NewRoom.name", Effect::Addition),
    ("maxLength: 9", "maxLength: 9, pattern: ^a", "limit", "NewRoom.name", REQUEST),
    (", maxLength: 9", "", "limit", "NewRoom.name", REQUEST),
    ("maximum: 4", "maximum: 4, default: 2", "default", "NewRoom.beds", Effect::Behaviour),
    // Marks.
    (
        "guest: {type: string, nullable: true, x-phi: true}",
        "guest: {type: string, nullable: true, x-phi: false}",
        "mark-removed",
        "Room.guest",
        Effect::Safety(Reach::RESPONSE),
    ),
    (
        "code: {type: string, x-secret: true}",
        "code: {type: string}",
        "mark-removed",
        "NewRoom.code",
        Effect::Safety(Reach::REQUEST),
    ),
    (
        "code: {type: string, x-secret: true}",
        "code: {type: string, x-phi: true}",
        "mark-changed",
        "NewRoom.code",
        REQUEST,
    ),
    (
        "note: {type: string, x-phi: true}",
        "note: {type: string, x-secret: true}",
        "mark-added",
        "NewRoom.note",
        REQUEST,
    ),
    (
        "size: {type: integer,",
        "size: {type: integer, x-phi: true,",
        "mark-added",
        "Room.size",
        Effect::Behaviour,
    ),
    ("size: {type: integer,", "size: {type: integer, x-phi: false,", "wording", "Room.size", Effect::Wording),
    // The document.
    ("version: R1", "version: R2", "release", "info", Effect::Wording),
    ("    Kind: {", "    Kind: {x-new-word: 1, ", "unknown-word", "Kind", BOTH),
];

#[test]
fn each_small_edit_is_one_change_with_its_place_and_its_effect() {
    for (old, new, kind, place, effect) in EDITS_OF_SMALL {
        let found = changes(old, new);
        let [change] = found.as_slice() else { panic!("{new:?}: {found:#?}") };
        assert_eq!(
            (change.kind, change.place.as_str(), change.effect),
            (*kind, *place, *effect),
            "{new:?}: {change:?}"
        );
    }
}

#[test]
fn a_schema_that_only_an_operation_brought_or_took_is_said_beside_it() {
    let operation = SMALL.find("    get:\n").unwrap()..SMALL.find("components:\n").unwrap();
    let without = SMALL.replace(&SMALL[operation], "");
    let kinds = |old: &str, new: &str| -> Vec<_> {
        compare::apis(&small(old), &small(new)).iter().map(|it| (it.kind, it.effect)).collect()
    };
    assert_eq!(kinds(SMALL, &without), [("operation-removed", BOTH)]);
    assert_eq!(kinds(&without, SMALL), [("operation-added", Effect::Addition)]);
}

#[test]
fn what_is_gone_is_pointed_at_where_it_was() {
    let [change] = &changes("        size: {type: integer, nullable: true}\n", "")[..] else { panic!() };
    assert!(change.is_gone);
    assert_eq!(change.pointer, "/components/schemas/Room/properties/size");
    let line = 1 + SMALL[..SMALL.find("size:").unwrap()].matches('\n').count();
    assert_eq!(change.line, line);
}

#[test]
fn what_operations_share_is_one_change_that_names_them() {
    let [change] = &changes("in: query, schema: {type: string}", "in: query, schema: {type: integer}")[..]
    else {
        panic!()
    };
    let items = super::items::of(change, &small(SMALL), &small(SMALL));
    assert_eq!(items, ["builder::CreateRoom::site", "builder::ListRooms::site"]);
}

#[test]
fn a_mark_on_a_schema_is_said_of_the_schema_and_one_that_still_hides_takes_nothing_away() {
    let marked = SMALL.replace("    Kind: {", "    Kind: {x-phi: true, ");
    let both = marked.replace(
        "kind: {$ref: '#/components/schemas/Kind'}",
        "kind: {allOf: [{$ref: '#/components/schemas/Kind'}], x-phi: true}",
    );
    let found = |old: &str, new: &str| -> Vec<_> {
        compare::apis(&small(old), &small(new)).iter().map(|it| (it.kind, it.place.clone())).collect()
    };
    assert_eq!(found(&marked, SMALL), [("mark-removed", "Kind".to_owned())]);
    assert_eq!(found(&both, &marked), [("wording", "NewRoom.kind".to_owned())]);
}

fn sources() -> Sources {
    Sources::read(&workspace::root(None)).unwrap()
}

#[test]
fn the_spec_does_not_differ_from_itself() {
    let Sources { api, onboarding } = sources();
    assert_eq!(compare::apis(&api, &api), []);
    assert_eq!(compare::onboarding(&onboarding, &onboarding, [&api, &api]), []);
}

/// Every value of a document that has no others inside it, as a pointer.
fn leaves(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, member) in map {
                leaves(member, &crate::document::join(pointer, name), found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, &format!("{pointer}/{index}"), found);
            }
        }
        _ => found.push(pointer.to_owned()),
    }
}

fn other_than(value: &Value) -> Value {
    match value {
        Value::Bool(flag) => Value::Bool(!flag),
        Value::Number(_) => Value::from(77),
        _ => Value::from("another"),
    }
}

#[test]
fn no_value_of_the_spec_can_be_another_unnoticed() {
    let Sources { api, onboarding } = sources();
    let mut pointers = Vec::new();
    leaves(api.root(), "", &mut pointers);
    assert!(pointers.len() > 1000, "{}", pointers.len());
    let mut edited = api.clone();
    // Each word stands in many places; one in three of these is enough, and a third of the time.
    for pointer in pointers.iter().step_by(3) {
        let value = edited.document.value.pointer_mut(pointer).unwrap();
        let other = other_than(value);
        let before = std::mem::replace(value, other);
        assert_ne!(compare::apis(&api, &edited), [], "{pointer}");
        *edited.document.value.pointer_mut(pointer).unwrap() = before;
    }
    let mut pointers = Vec::new();
    leaves(&onboarding.value, "", &mut pointers);
    for pointer in &pointers {
        let mut edited = onboarding.clone();
        let value = edited.value.pointer_mut(pointer).unwrap();
        *value = other_than(value);
        let is_shared = pointer.split('/').nth(2).is_some_and(|name| api.schema(name).is_some());
        let found = compare::onboarding(&onboarding, &edited, [&api, &api]);
        assert_eq!(found.is_empty(), pointer.starts_with("/definitions/") && is_shared, "{pointer}");
    }
}

#[test]
fn a_field_of_an_onboarding_file_is_one_that_teams_write() {
    let Sources { api, onboarding } = sources();
    let edited = onboarding.text.replacen("\"invite\": {", "\"invites\": {", 1);
    let edited = Document::parse(ONBOARDING, &edited).unwrap();
    let found = compare::onboarding(&onboarding, &edited, [&api, &api]);
    let said: Vec<_> = found.iter().map(|it| (it.kind, it.pointer.as_str(), it.effect)).collect();
    assert_eq!(
        said,
        [
            ("property-added", "/properties/invites", Effect::Addition),
            ("property-removed", "/properties/invite", REQUEST),
        ]
    );
    assert_eq!(super::items::of(&found[1], &api, &api)[0], "onboarding::OnboardingRequest::invite");
}

#[test]
fn the_edits_of_the_drill_are_what_they_say_and_satisfy_the_linter() {
    let Sources { api, onboarding } = sources();
    for edit in &EDITS {
        let mut texts = [(SPEC, api.document.text.clone()), (ONBOARDING, onboarding.text.clone())];
        for step in edit.steps {
            let (_, text) = texts.iter_mut().find(|(file, _)| *file == step.file).unwrap();
            *text = step.apply(text).unwrap();
        }
        let edited = Sources {
            api: Spec::parse(SPEC, &texts[0].1).unwrap(),
            onboarding: Document::parse(ONBOARDING, &texts[1].1).unwrap(),
        };
        assert_eq!(edited.lint(), [], "{}", edit.name);
        let found = compare::apis(&api, &edited.api);
        let worst = |class: &Effect| found.iter().find(|it| it.effect.class() == class.class());
        let worst = Effect::CLASSES.iter().find_map(worst).unwrap();
        assert_eq!((worst.kind, worst.effect), (edit.kind, edit.effect), "{}: {found:#?}", edit.name);
    }
}
