//! A YAML or JSON file that remembers the line of every value.
//!
//! A finding that cannot name its line sends the reader searching through a thousand others, and
//! `serde` forgets lines. So a document is read once, into plain JSON values and a table from JSON
//! pointers to lines. JSON is YAML, so one reader serves both.

use std::collections::HashMap;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Number, Value};

use crate::finding::Finding;

/// A document with the line of every value in it.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// The file's name, as findings give it.
    pub(crate) file: String,
    /// The file as it was read.
    pub(crate) text: String,
    /// What the file says.
    pub(crate) value: Value,
    /// The line of the value at each JSON pointer.
    pub(crate) lines: HashMap<String, usize>,
}

impl Document {
    /// Reads a document, or says where and why it cannot be read.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Finding> {
        let refuse = |line: usize, what: String, mend: &str| Finding {
            file: file.to_owned(),
            line: line.max(1),
            rule: "yaml",
            pointer: String::new(),
            what,
            mend: mend.to_owned(),
        };
        let nodes = MarkedYaml::load_from_str(text).map_err(|error| {
            refuse(
                error.marker().line(),
                format!("this is not YAML: {}", error.info()),
                "check the indentation, the quotes and the colons of this line and the one above it",
            )
        })?;
        let [root] = nodes.as_slice() else {
            return Err(refuse(
                1,
                format!("the file holds {} YAML documents instead of one", nodes.len()),
                "keep one document in the file",
            ));
        };
        let mut lines = HashMap::new();
        let value = convert(root, "", &mut lines).map_err(|(line, what)| {
            refuse(
                line,
                what,
                "use what JSON knows: strings, numbers, booleans, null, lists, and maps with text for keys",
            )
        })?;
        Ok(Self { file: file.to_owned(), text: text.to_owned(), value, lines })
    }

    /// The line of the value at a JSON pointer, or of the nearest value around it.
    pub(crate) fn line(&self, pointer: &str) -> usize {
        let mut at = pointer;
        loop {
            if let Some(line) = self.lines.get(at) {
                return *line;
            }
            match at.rfind('/') {
                Some(cut) => at = &at[..cut],
                None => return 1,
            }
        }
    }

    /// A finding at a place in this document.
    pub(crate) fn finding(
        &self,
        rule: &'static str,
        pointer: &str,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Finding {
        Finding {
            file: self.file.clone(),
            line: self.line(pointer),
            rule,
            pointer: pointer.to_owned(),
            what: what.into(),
            mend: mend.into(),
        }
    }
}

/// A JSON pointer (RFC 6901) to a member of the value at another one.
pub(crate) fn join(pointer: &str, member: &str) -> String {
    format!("{pointer}/{}", member.replace('~', "~0").replace('/', "~1"))
}

fn convert(
    node: &MarkedYaml<'_>,
    pointer: &str,
    lines: &mut HashMap<String, usize>,
) -> Result<Value, (usize, String)> {
    let line = node.span.start.line();
    lines.entry(pointer.to_owned()).or_insert(line);
    match &node.data {
        YamlData::Value(scalar) => scalar_value(scalar).map_err(|what| (line, what)),
        YamlData::Sequence(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| convert(item, &join(pointer, &index.to_string()), lines))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::Array),
        YamlData::Mapping(members) => {
            let mut map = Map::new();
            for (key, member) in members {
                let key_line = key.span.start.line();
                let name = match &key.data {
                    YamlData::Value(Scalar::String(name)) => name.to_string(),
                    // `200:` is a number to YAML and a name to OpenAPI.
                    YamlData::Value(Scalar::Integer(number)) => number.to_string(),
                    _ => return Err((key_line, "a key of this map is not text".to_owned())),
                };
                let at = join(pointer, &name);
                // The line of the key is where the reader looks, not that of a value below it.
                lines.insert(at.clone(), key_line);
                map.insert(name, convert(member, &at, lines)?);
            }
            Ok(Value::Object(map))
        }
        YamlData::Tagged(_, inner) => convert(inner, pointer, lines),
        YamlData::Representation(..) | YamlData::Alias(_) | YamlData::BadValue => {
            Err((line, "this value has no meaning in JSON".to_owned()))
        }
    }
}

fn scalar_value(scalar: &Scalar<'_>) -> Result<Value, String> {
    Ok(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(flag) => Value::Bool(*flag),
        Scalar::Integer(number) => Value::Number((*number).into()),
        Scalar::FloatingPoint(number) => Number::from_f64(number.into_inner())
            .map(Value::Number)
            .ok_or_else(|| "JSON has neither infinities nor NaN".to_owned())?,
        Scalar::String(text) => Value::String(text.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_line_of_each_value_and_falls_back_to_the_nearest_around_it() {
        let document = Document::parse("a.yaml", "a:\n  b/c:\n    - 1\n    - x: y\n").unwrap();
        assert_eq!(document.line("/a"), 1);
        assert_eq!(document.line("/a/b~1c"), 2);
        assert_eq!(document.line("/a/b~1c/1"), 4);
        assert_eq!(document.line("/a/b~1c/1/x/nowhere"), 4);
        assert_eq!(document.value.pointer("/a/b~1c/1/x"), Some(&Value::from("y")));
    }

    #[test]
    fn refuses_a_key_that_is_given_twice() {
        let finding = Document::parse("a.yaml", "a: 1\nb: 2\na: 3\n").unwrap_err();
        assert_eq!((finding.rule, finding.line), ("yaml", 3), "{finding}");
    }

    #[test]
    fn resolves_aliases() {
        let document = Document::parse("a.yaml", "a: &x {b: 1}\nc: *x\n").unwrap();
        assert_eq!(document.value.pointer("/c/b"), Some(&Value::from(1)));
    }
}
