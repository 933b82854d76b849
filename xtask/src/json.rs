//! Queries of JSON values. A value of another type than expected has no members, no items and no text, because documents
//! are read before it is known that they are valid.

use serde_json::{Map, Value};

/// Returns the members of a map in order.
pub(crate) fn members(value: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    let map = value.and_then(Value::as_object);
    map.into_iter().flat_map(Map::iter).map(|(name, member)| (name.as_str(), member))
}

/// Returns the items of a list.
pub(crate) fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

/// Returns the strings in a list.
pub(crate) fn strings(value: Option<&Value>) -> impl Iterator<Item = &str> {
    items(value).filter_map(Value::as_str)
}

/// Returns the only item of a list with one item.
pub(crate) fn only_item(value: Option<&Value>) -> Option<&Value> {
    match value?.as_array()?.as_slice() {
        [only] => Some(only),
        _ => None,
    }
}

/// Returns a string member of a map.
pub(crate) fn text<'v>(value: &'v Value, member: &str) -> Option<&'v str> {
    value.get(member)?.as_str()
}

/// Returns `true` if a member of a map is `true`.
pub(crate) fn is_true(value: &Value, member: &str) -> bool {
    value.get(member) == Some(&Value::Bool(true))
}

/// Appends a member to a JSON pointer (RFC 6901).
pub(crate) fn join(pointer: &str, member: &str) -> String {
    format!("{pointer}/{}", member.replace('~', "~0").replace('/', "~1"))
}

/// Decodes a segment of a JSON pointer.
pub(crate) fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}
