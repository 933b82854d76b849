//! Edits of a spec, as lines of text. Also used by `xtask/tests/spec_edits.rs`.

use serde_json::Value;

/// Applies an edit: `remove POINTER`, `rename POINTER KEY` or `set POINTER JSON`. In the pointer, `#Name` stands for a
/// named schema, and a final `-` for a new item of an array.
pub(crate) fn edit(root: &mut Value, line: &str) {
    let (verb, rest) = line.split_once(' ').unwrap();
    let (pointer, argument) = rest.split_once(' ').unwrap_or((rest, ""));
    let pointer = pointer.replacen('#', "/components/schemas/", 1);
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/");
    let value = || serde_json::from_str(argument).unwrap_or_else(|error| panic!("{line}: {error}"));
    match (verb, root.pointer_mut(parent)) {
        ("set", Some(Value::Object(map))) => _ = map.insert(key, value()),
        ("set", Some(Value::Array(items))) if key == "-" => items.push(value()),
        ("remove" | "rename", Some(Value::Object(map))) if map.contains_key(&key) => {
            let removed = map.shift_remove(&key);
            map.extend(removed.filter(|_| verb == "rename").map(|value| (argument.to_owned(), value)));
        }
        _ => panic!("the edit cannot be applied: {line}"),
    }
}
