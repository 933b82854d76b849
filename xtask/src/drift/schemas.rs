//! One schema, here and there.
//!
//! Of a request, whatever is said differently counts. Of an answer, ours require nothing and let everything be
//! `null`, because this workspace reads answers without trust: who promises more than we rely on differs in nothing.
//! Who promises less does.

use serde_json::Value;

use super::compare::Findings;
use super::difference::{Place, Side};
use super::operations::{in_words, is_inferred, requirement};
use super::shape::Shape;
use crate::document::join;
use crate::spec::{referred_schema, schema_pointer};

/// How many values of an enum are shown.
const SHOWN: usize = 12;

/// Compares a schema of ours with one of theirs, and what is inside.
///
/// # Errors
/// A reference leads nowhere, out of the file, or in a circle.
pub(super) fn compare(
    findings: &mut Findings<'_, '_>,
    place: &Place,
    side: Side,
    ours: &Value,
    theirs: &Value,
) -> Result<(), String> {
    let named = referred_schema(ours);
    let place = &named
        .map_or_else(|| place.clone(), |name| Place { name: name.to_owned(), pointer: schema_pointer(name) });
    let mine = Shape::of(findings.ours, ours)?;
    let other = Shape::of(findings.theirs, theirs)?;
    let own = named.and_then(|name| findings.spec.schema(name));
    if (is_inferred(ours) || own.is_some_and(is_inferred)) && other.documents() {
        findings.is_documented(place);
    }
    let side_of = Some(side);
    let is_null_unlike = match side {
        Side::Request => mine.null != other.null,
        Side::Answer => other.null && !mine.null,
    };
    if is_null_unlike && !other.says_nothing() {
        let in_words = |null: bool| if null { "may be null" } else { "never null" };
        findings.differs(place, side_of, "null", in_words(mine.null), in_words(other.null));
    }
    if mine.types != other.types {
        let without_null = |shape: &Shape| Shape { null: false, ..shape.clone() }.in_words();
        findings.differs(place, side_of, "type", without_null(&mine), without_null(&other));
        if mine.types.intersection(&other.types).next().is_none() {
            return Ok(());
        }
    }
    if mine.format != other.format {
        let in_words = |shape: &Shape| shape.format.clone().unwrap_or_else(|| "none".to_owned());
        findings.differs(place, side_of, "format", in_words(&mine), in_words(&other));
    }
    values(findings, place, side, &mine, &other);
    fields(findings, place, side, &mine, &other)?;
    if let (Some(mine), Some(other)) = (&mine.items, &other.items) {
        let pointer = join(&place.pointer, "items");
        let item = Place { name: format!("{}[]", place.name), pointer };
        compare(findings, &item, side, mine, other)?;
    }
    Ok(())
}

fn values(findings: &mut Findings<'_, '_>, place: &Place, side: Side, mine: &Shape, other: &Shape) {
    let (ours, theirs) = match (&mine.values, &other.values) {
        (None, None) => return,
        (Some(ours), None) => (listed(ours), "any".to_owned()),
        (None, Some(theirs)) => ("any".to_owned(), listed(theirs)),
        (Some(ours), Some(theirs)) => {
            let without = |all: &[Value], others: &[Value]| -> Vec<Value> {
                all.iter().filter(|value| !others.contains(value)).cloned().collect()
            };
            let (only_ours, only_theirs) = (without(ours, theirs), without(theirs, ours));
            if only_ours.is_empty() && only_theirs.is_empty() {
                return;
            }
            let in_words = |only: &[Value], all: &[Value]| {
                if only.is_empty() { format!("{} of them, none of its own", all.len()) } else { listed(only) }
            };
            (in_words(&only_ours, ours), in_words(&only_theirs, theirs))
        }
    };
    findings.differs(place, Some(side), "enum", ours, theirs);
}

fn listed(values: &[Value]) -> String {
    let in_words = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let mut shown = values.iter().take(SHOWN).map(in_words).collect::<Vec<_>>().join(", ");
    if values.len() > SHOWN {
        shown.push_str(&format!(" and {} more", values.len() - SHOWN));
    }
    shown
}

fn fields(
    findings: &mut Findings<'_, '_>,
    place: &Place,
    side: Side,
    mine: &Shape,
    other: &Shape,
) -> Result<(), String> {
    if !mine.fields.is_empty() && other.fields.is_empty() {
        let ours = mine.fields.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        findings.differs(place, Some(side), "fields", ours, "none that are named");
        return Ok(());
    }
    for (name, schema) in &mine.fields {
        let at = field(place, name);
        let is_required = mine.required.contains(name);
        let Some(theirs) = other.fields.get(name) else {
            let shape = Shape::of(findings.ours, schema)?;
            let (ours, theirs) = (in_words(&shape, is_required), "no such field");
            findings.differs(&at, Some(side), "missing in theirs", ours, theirs);
            continue;
        };
        let is_required_there = other.required.contains(name);
        let is_unlike = match side {
            Side::Request => is_required != is_required_there,
            Side::Answer => is_required && !is_required_there,
        };
        if is_unlike {
            let (ours, theirs) = (requirement(is_required), requirement(is_required_there));
            findings.differs(&at, Some(side), "required", ours, theirs);
        }
        compare(findings, &at, side, schema, theirs)?;
    }
    for (name, schema) in other.fields.iter().filter(|(name, _)| !mine.fields.contains_key(*name)) {
        let at = Place { name: format!("{}.{name}", place.name), pointer: place.pointer.clone() };
        let shape = Shape::of(findings.theirs, schema)?;
        let theirs = in_words(&shape, other.required.contains(name));
        findings.differs(&at, Some(side), "new in theirs", "no such field", theirs);
    }
    Ok(())
}

fn field(place: &Place, name: &str) -> Place {
    let pointer = join(&join(&place.pointer, "properties"), name);
    Place { name: format!("{}.{name}", place.name), pointer }
}
