//! Edits of a document by tests, as lines of text. Also used by `xtask/tests/spec_edits.rs`.

use serde_json::Value;

/// Applies an edit: `remove POINTER`, `rename POINTER KEY` or `set POINTER JSON`. In the pointer, `#Name` stands for a
/// named schema, and a final `-` for a new item of an array.
pub(crate) fn edit(root: &mut Value, line: &str) {
    let (verb, rest) = line.split_once(' ').unwrap();
    let (pointer, argument) = rest.split_once(' ').unwrap_or((rest, ""));
    let pointer = pointer.replacen('#', "/components/schemas/", 1);
    match verb {
        "set" => {
            let value = serde_json::from_str(argument).unwrap_or_else(|error| panic!("{line}: {error}"));
            set(root, &pointer, Some(value));
        }
        "remove" => _ = set(root, &pointer, None),
        "rename" => {
            let value = set(root, &pointer, None);
            let (parent, _) = pointer.rsplit_once('/').unwrap();
            set(root, &format!("{parent}/{}", argument.replace('/', "~1")), value);
        }
        _ => panic!("unknown edit: {line}"),
    }
}

/// Sets or removes the value at a pointer, and returns the value that was there. The parent must exist.
pub(crate) fn set(root: &mut Value, pointer: &str, value: Option<Value>) -> Option<Value> {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/").replace("~0", "~");
    let parent = root.pointer_mut(parent).unwrap_or_else(|| panic!("{parent} does not exist"));
    match (parent, value) {
        (Value::Object(map), Some(value)) => map.insert(key, value),
        (Value::Object(map), None) => {
            let removed = map.shift_remove(&key);
            assert!(removed.is_some(), "{pointer} does not exist");
            removed
        }
        (Value::Array(items), Some(value)) if key == "-" => {
            items.push(value);
            None
        }
        (Value::Array(items), Some(value)) => {
            Some(std::mem::replace(&mut items[key.parse::<usize>().unwrap()], value))
        }
        (Value::Array(items), None) => Some(items.remove(key.parse().unwrap())),
        _ => panic!("the parent of {pointer} is neither a map nor a list"),
    }
}

/// Returns the pointers of all values in a value.
pub(crate) fn pointers(value: &Value) -> Vec<String> {
    let members: Vec<_> = match value {
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
        }
        Value::Object(map) => {
            map.iter().map(|(key, member)| (key.replace('~', "~0").replace('/', "~1"), member)).collect()
        }
        _ => Vec::new(),
    };
    let below = |(key, member): (String, &Value)| {
        let inner =
            pointers(member).into_iter().map(|pointer| format!("/{key}{pointer}")).collect::<Vec<_>>();
        [vec![format!("/{key}")], inner].concat()
    };
    members.into_iter().flat_map(below).collect()
}
