//! Edits of a document by tests, as lines of text. Also used by `xtask/tests/spec_edits.rs`.

use serde_json::Value;

/// Applies an edit: `add POINTER JSON`, `set POINTER JSON`, `remove POINTER` or `rename POINTER KEY`. In the pointer,
/// `#Name` stands for a named schema, and a final `-` for a new item of an array. `add` requires that there is no value
/// yet.
pub(crate) fn edit(root: &mut Value, line: &str) {
    try_edit(root, line).unwrap_or_else(|error| panic!("edit `{line}`: {error}"));
}

fn try_edit(root: &mut Value, line: &str) -> Result<(), String> {
    let (verb, rest) = line.split_once(' ').ok_or("has no pointer")?;
    let (pointer, argument) = rest.split_once(' ').unwrap_or((rest, ""));
    let pointer = pointer.replacen('#', "/components/schemas/", 1);
    let value = || serde_json::from_str(argument).map_err(|error| error.to_string());
    match verb {
        "add" if root.pointer(&pointer).is_some() => return Err(format!("{pointer} exists already")),
        "add" | "set" => _ = try_set(root, &pointer, Some(value()?))?,
        "remove" => _ = try_set(root, &pointer, None)?,
        "rename" => {
            let value = try_set(root, &pointer, None)?;
            let (parent, _) = pointer.rsplit_once('/').ok_or("has no pointer")?;
            try_set(root, &format!("{parent}/{}", argument.replace('/', "~1")), value)?;
        }
        _ => return Err("is none of `add`, `set`, `remove` and `rename`".to_owned()),
    }
    Ok(())
}

/// Sets or removes the value at a pointer, and returns the value that was there. The parent must exist.
pub(crate) fn set(root: &mut Value, pointer: &str, value: Option<Value>) -> Option<Value> {
    try_set(root, pointer, value).unwrap_or_else(|error| panic!("{error}"))
}

fn try_set(root: &mut Value, pointer: &str, value: Option<Value>) -> Result<Option<Value>, String> {
    let (parent, key) = pointer.rsplit_once('/').ok_or("the pointer has no `/`")?;
    let key = key.replace("~1", "/").replace("~0", "~");
    let parent = root.pointer_mut(parent).ok_or_else(|| format!("{parent} does not exist"))?;
    let index = || key.parse::<usize>().map_err(|_| format!("{pointer} is not an index"));
    Ok(match (parent, value) {
        (Value::Object(map), Some(value)) => map.insert(key, value),
        (Value::Object(map), None) => {
            let removed = map.shift_remove(&key);
            if removed.is_none() {
                return Err(format!("{pointer} does not exist"));
            }
            removed
        }
        (Value::Array(items), Some(value)) if key == "-" => {
            items.push(value);
            None
        }
        (Value::Array(items), Some(value)) => {
            let item = items.get_mut(index()?).ok_or_else(|| format!("{pointer} does not exist"))?;
            Some(std::mem::replace(item, value))
        }
        (Value::Array(items), None) => {
            let index = index()?;
            if index >= items.len() {
                return Err(format!("{pointer} does not exist"));
            }
            Some(items.remove(index))
        }
        _ => return Err(format!("the parent of {pointer} is neither a map nor a list")),
    })
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::try_edit;

    #[test]
    fn impossible_edit_is_an_error() {
        let document = || json!({"a": {"b": [1]}});
        for (line, expected) in [
            ("add /a/b [2]", "/a/b exists already"),
            ("set /x/b 1", "/x does not exist"),
            ("remove /a/c", "/a/c does not exist"),
            ("remove /a/b/1", "/a/b/1 does not exist"),
            ("set /a/b/x 1", "/a/b/x is not an index"),
            ("set /a/c {", "EOF while parsing"),
            ("ad /a/c 1", "is none of"),
        ] {
            let error = try_edit(&mut document(), line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
