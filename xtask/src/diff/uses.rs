//! Where `carium` uses what the spec becomes.
//!
//! By name, on the syntax tree: what has a type in a signature, calls a method or touches a field. Types that the
//! compiler works out are not followed, so an item is named where its file deals with the schema, with one that
//! holds it or with a call that carries it, and the item itself says the field's name. It may name one too many.

mod source;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::change::{Change, Subject};
use crate::rust::{calls, names};
use crate::spec::{SCHEMA_REF, Spec};
use source::Found;

/// The crate that is looked through, from the root of the workspace.
const CRATE: &str = "crates/carium/src";

/// An item of `carium` that uses something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Use {
    /// The public item that it is, or is a part of, from the root of `carium`; none where nobody outside sees it.
    pub(crate) public: Option<String>,
    /// The file, from the root of the workspace.
    pub(crate) file: String,
    /// The item, as the file calls it.
    pub(crate) item: String,
}

/// The items of `carium`, with the names that each of them says.
#[derive(Debug)]
pub(crate) struct Uses {
    items: Vec<Found>,
}

impl Uses {
    /// Reads the source of `carium` in a workspace.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        Ok(Self { items: source::read(root, CRATE)? })
    }

    /// The items that use what a change is about.
    pub(crate) fn of(&self, change: &Change, old: &Spec, new: &Spec) -> Vec<Use> {
        let wanted = Wanted::of(&change.subject, [old, new]);
        let found: BTreeSet<Use> =
            self.items.iter().filter(|item| wanted.is_in(item)).map(|item| item.using.clone()).collect();
        found.into_iter().collect()
    }
}

/// What an item has to say to use something.
enum Wanted {
    Nothing,
    /// One of these words.
    Word(Vec<String>),
    /// The word, and the file one of the others.
    WordAmong(String, Vec<String>),
    /// The name of this type.
    Type(String),
    /// The word, and the file a name of one of these types or calls.
    Field {
        field: String,
        types: BTreeSet<String>,
        calls: BTreeSet<String>,
    },
}

impl Wanted {
    fn of(subject: &Subject, specs: [&Spec; 2]) -> Self {
        let calls_of = |ids: &[String]| -> Vec<String> {
            ids.iter().flat_map(|id| [id.clone(), calls::row_name(id).to_string()]).collect()
        };
        match subject {
            Subject::Document => Self::Nothing,
            Subject::Release => Self::Word(vec!["API_VERSION".to_owned()]),
            Subject::Operations(ids) => Self::Word(calls_of(ids)),
            Subject::Parameter { operations, name } => {
                Self::WordAmong(names::field(name), calls_of(operations))
            }
            Subject::Schema(schema) | Subject::Value { schema, .. } => Self::Type(schema.clone()),
            Subject::Field { schema, property } => {
                let (mut types, mut calls) = (BTreeSet::new(), BTreeSet::new());
                for spec in specs {
                    let holders = holders(spec, schema);
                    let operations = spec.operations();
                    let carriers =
                        operations.iter().filter(|it| holders.iter().any(|name| refers(it.value, name)));
                    calls.extend(calls_of(&carriers.map(|it| it.id().to_owned()).collect::<Vec<_>>()));
                    types.extend(holders);
                }
                Self::Field { field: names::field(property), types, calls }
            }
        }
    }

    fn is_in(&self, item: &Found) -> bool {
        match self {
            Self::Nothing => false,
            Self::Word(words) => words.iter().any(|word| item.words.contains(word)),
            Self::WordAmong(word, others) => {
                others.iter().any(|other| item.words.contains(other)) && item.file_words.contains(word)
            }
            Self::Type(name) => item.types.contains(name),
            Self::Field { field, types, calls } => {
                item.words.contains(field)
                    && (types.iter().any(|name| item.file_types.contains(name))
                        || calls.iter().any(|call| item.file_words.contains(call)))
            }
        }
    }
}

/// A schema and those that hold it, however deep.
fn holders(spec: &Spec, schema: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::from([schema.to_owned()]);
    loop {
        let more: Vec<_> = spec
            .schemas()
            .filter(|(name, _)| !found.contains(*name))
            .filter(|(_, value)| found.iter().any(|held| refers(value, held)))
            .map(|(name, _)| name.to_owned())
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// Whether there is a reference to a named schema anywhere in a value.
fn refers(value: &Value, schema: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| refers(item, schema)),
        Value::Object(map) => map.iter().any(|(word, member)| match (word.as_str(), member.as_str()) {
            ("$ref", Some(target)) => target.strip_prefix(SCHEMA_REF) == Some(schema),
            ("x-expect", Some(name)) => name == schema,
            ("example" | "examples", _) => false,
            _ => refers(member, schema),
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::diff::change::Effect;

    const SPEC: &str = "
paths: {/rooms/: {post: {operationId: create_room, requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/NewRoom'}}}}}}}
components: {schemas: {NewRoom: {properties: {beds: {type: integer}, kind: {$ref: '#/components/schemas/Kind'}}}, Kind: {enum: [a]}}}
";

    const LIB: &str = "
pub mod rooms;
mod other;
pub use other::Elsewhere;
pub(crate) fn send() { operations::CREATE_ROOM; }
";

    const ROOMS: &str = "
use carium_api::types::{self, Kind as Sort};
pub use carium_api::types::Kind;
/// Has beds.
pub struct NewRoom(types::NewRoom);
impl NewRoom {
    pub fn beds(&self) -> i64 { self.0.beds }
    fn hidden(&self) -> Sort { self.0.kind }
}
pub trait Rooms { fn create(&self, room: NewRoom); }
struct Api;
impl Rooms for Api {
    fn create(&self, room: NewRoom) { self.client.create_room().body(room.0) }
}
";

    const OTHER: &str = "
pub struct Elsewhere { beds: u8 }
";

    fn used(subject: Subject) -> Vec<(Option<String>, String)> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(CRATE)).unwrap();
        for (name, text) in [("lib.rs", LIB), ("rooms.rs", ROOMS), ("other.rs", OTHER)] {
            fs::write(folder.path().join(CRATE).join(name), text).unwrap();
        }
        let spec = Spec::parse("t.yaml", SPEC).unwrap();
        let change = Change::of_test(Effect::Wording, subject);
        let uses = Uses::read(folder.path()).unwrap().of(&change, &spec, &spec);
        uses.into_iter().map(|it| (it.public, it.item)).collect()
    }

    fn public(path: &str, item: &str) -> (Option<String>, String) {
        (Some(path.to_owned()), item.to_owned())
    }

    #[test]
    fn a_field_is_used_where_it_is_said_and_its_schema_is_dealt_with() {
        let subject = Subject::Field { schema: "NewRoom".to_owned(), property: "beds".to_owned() };
        assert_eq!(used(subject), [public("rooms::NewRoom::beds", "NewRoom::beds")]);
    }

    #[test]
    fn a_type_is_the_generated_one_under_whatever_name() {
        let uses = used(Subject::Schema("Kind".to_owned()));
        assert_eq!(uses, [(None, "NewRoom::hidden".to_owned()), public("rooms::Kind", "pub use Kind")]);
        let uses = used(Subject::Schema("NewRoom".to_owned()));
        assert_eq!(uses, [public("rooms::NewRoom", "NewRoom")], "not what takes the `NewRoom` of this crate");
    }

    #[test]
    fn an_operation_is_used_behind_the_trait_and_by_its_row() {
        let uses = used(Subject::Operations(vec!["create_room".to_owned()]));
        assert_eq!(uses, [(None, "send".to_owned()), public("rooms::Rooms::create", "Api::create")]);
    }
}
