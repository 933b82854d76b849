//! The rules on the real files, and on files that break them.

mod broken;
mod json_schema;
mod robust;

use crate::document::Document;
use crate::finding::{Finding, report};
use crate::spec::Spec;
use serde_json::Value;

/// The spec of this workspace.
const SPEC: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/carium.yaml"));

#[test]
fn the_spec_has_no_findings() {
    let findings = super::run(&spec(SPEC));
    assert!(findings.is_empty(), "{}", report(&findings));
}

#[test]
fn the_table_of_the_module_and_the_rules_that_are_tried_are_the_same() {
    let module = include_str!("../lint.rs");
    let rules = module.lines().filter_map(|line| line.strip_prefix("//! | `")?.split('`').next());
    for rule in rules {
        assert!(broken::ROWS.iter().any(|row| row.rule == rule), "nothing breaks {rule}");
    }
    for row in broken::ROWS {
        assert!(module.contains(&format!("//! | `{}` |", row.rule)), "{} is not in the table", row.rule);
    }
}

fn spec(text: &str) -> Spec {
    Spec::parse("carium.yaml", text).unwrap_or_else(|finding| panic!("{finding}"))
}

/// A change to a document.
#[derive(Debug, Clone, Copy)]
enum Edit {
    /// Replaces the first occurrence of a text, which must be there.
    Text(&'static str, &'static str),
    /// Puts YAML at a pointer, whose parent must be there; `-` appends to a list.
    Set(&'static str, &'static str),
    /// Takes out the value at a pointer, which must be there.
    Remove(&'static str),
}

impl Edit {
    fn apply(self, text: &str) -> Spec {
        match self {
            Self::Text(from, to) => {
                assert!(text.contains(from), "the document does not hold {from:?}");
                spec(&text.replacen(from, to, 1))
            }
            Self::Set(pointer, yaml) => {
                let value = Document::parse("edit", yaml).unwrap_or_else(|it| panic!("{it}")).value;
                let mut spec = spec(text);
                change(&mut spec.document.value, pointer, Some(value));
                spec
            }
            Self::Remove(pointer) => {
                let mut spec = spec(text);
                change(&mut spec.document.value, pointer, None);
                spec
            }
        }
    }
}

/// Sets or removes the value at a pointer.
fn change(root: &mut Value, pointer: &str, value: Option<Value>) {
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        *root = value.unwrap_or(Value::Null);
        return;
    };
    let key = key.replace("~1", "/").replace("~0", "~");
    let parent = root.pointer_mut(parent).unwrap_or_else(|| panic!("there is no {parent}"));
    match (parent, value) {
        (Value::Object(map), Some(value)) => {
            map.insert(key, value);
        }
        (Value::Object(map), None) => {
            assert!(map.shift_remove(&key).is_some(), "there is no {pointer}");
        }
        (Value::Array(items), Some(value)) if key == "-" => items.push(value),
        (Value::Array(items), Some(value)) => items[key.parse::<usize>().unwrap()] = value,
        (Value::Array(items), None) => {
            items.remove(key.parse().unwrap());
        }
        _ => panic!("{pointer} leads into what is neither a map nor a list"),
    }
}

/// The findings of one rule at one place.
fn at<'f>(findings: &'f [Finding], rule: &str, pointer: &str) -> Vec<&'f Finding> {
    findings.iter().filter(|it| it.rule == rule && it.pointer == pointer).collect()
}
