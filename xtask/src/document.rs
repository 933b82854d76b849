//! [`Document`]: a YAML or JSON file with the line number of every value; and [`Finding`]: a problem in one, with its
//! location and how to fix it.
//!
//! Findings need line numbers, which `serde` does not keep. So a document is parsed into JSON values and a map from JSON
//! pointers to lines. JSON is a subset of YAML, so one parser is sufficient.

use std::collections::HashMap;
use std::fmt;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Number, Value};

use crate::json::join;

/// A document with the line number of every value.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// The file name for findings.
    pub(crate) file: String,
    /// The text of the file.
    pub(crate) text: String,
    /// The parsed value.
    pub(crate) value: Value,
    /// The line number for each JSON pointer.
    pub(crate) lines: HashMap<String, usize>,
}

impl Document {
    /// Parses a document.
    ///
    /// # Errors
    /// A finding with the line of the syntax error.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Finding> {
        let error = |line: usize, message: String, fix: &str| Finding {
            file: file.to_owned(),
            line: line.max(1),
            rule: "yaml",
            pointer: String::new(),
            message,
            fix: fix.to_owned(),
        };
        let nodes = MarkedYaml::load_from_str(text).map_err(|cause| {
            error(
                cause.marker().line(),
                format!("this is not valid YAML: {}", cause.info()),
                "check indentation, quotes and colons of this line and the line above",
            )
        })?;
        let [root] = nodes.as_slice() else {
            return Err(error(
                1,
                format!("the file contains {} YAML documents instead of one", nodes.len()),
                "keep one document in the file",
            ));
        };
        let mut lines = HashMap::new();
        let value = convert(root, "", &mut lines).map_err(|(line, message)| {
            error(
                line,
                message,
                "use only JSON types: strings, numbers, booleans, null, lists, and maps with string keys",
            )
        })?;
        Ok(Self { file: file.to_owned(), text: text.to_owned(), value, lines })
    }

    /// Returns the line of the value at a JSON pointer, or of the closest parent.
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

    /// Creates a finding at a location in this document.
    pub(crate) fn finding(
        &self,
        rule: &'static str,
        pointer: &str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Finding {
        Finding {
            file: self.file.clone(),
            line: self.line(pointer),
            rule,
            pointer: pointer.to_owned(),
            message: message.into(),
            fix: fix.into(),
        }
    }
}

/// A problem in a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// The file name.
    pub(crate) file: String,
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// The name of the violated rule, in kebab-case.
    pub(crate) rule: &'static str,
    /// The location as a JSON pointer. Empty for the whole document.
    pub(crate) pointer: String,
    /// What is wrong, in one sentence.
    pub(crate) message: String,
    /// How to fix it, in one sentence.
    pub(crate) fix: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, rule, pointer, message, fix } = self;
        write!(f, "{file}:{line}: {message} [{rule}]")?;
        if !pointer.is_empty() {
            write!(f, "\n    at: {pointer}")?;
        }
        write!(f, "\n    fix: {fix}")
    }
}

/// Formats findings in document order, followed by their number.
pub(crate) fn report(findings: &[Finding]) -> String {
    let mut sorted: Vec<_> = findings.iter().collect();
    sorted.sort();
    sorted.dedup();
    let mut text = String::new();
    for finding in &sorted {
        text.push_str(&finding.to_string());
        text.push('\n');
    }
    let plural = if sorted.len() == 1 { "" } else { "s" };
    text.push_str(&format!("{} finding{plural}", sorted.len()));
    text
}

fn convert(
    node: &MarkedYaml<'_>,
    pointer: &str,
    lines: &mut HashMap<String, usize>,
) -> Result<Value, (usize, String)> {
    let line = node.span.start.line();
    lines.entry(pointer.to_owned()).or_insert(line);
    match &node.data {
        YamlData::Value(scalar) => scalar_value(scalar).map_err(|message| (line, message)),
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
                    // `200:` is a number in YAML and a name in OpenAPI.
                    YamlData::Value(Scalar::Integer(number)) => number.to_string(),
                    _ => return Err((key_line, "a key of this map is not a string".to_owned())),
                };
                let at = join(pointer, &name);
                // The line of the key is more useful than that of its value.
                lines.insert(at.clone(), key_line);
                map.insert(name, convert(member, &at, lines)?);
            }
            Ok(Value::Object(map))
        }
        YamlData::Tagged(_, inner) => convert(inner, pointer, lines),
        YamlData::Representation(..) | YamlData::Alias(_) | YamlData::BadValue => {
            Err((line, "this value does not exist in JSON".to_owned()))
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
            .ok_or_else(|| "JSON has no infinity and no NaN".to_owned())?,
        Scalar::String(text) => Value::String(text.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_the_line_of_each_value_or_its_closest_parent() {
        let document = Document::parse("a.yaml", "a:\n  b/c:\n    - 1\n    - x: y\n").unwrap();
        assert_eq!(document.line("/a"), 1);
        assert_eq!(document.line("/a/b~1c"), 2);
        assert_eq!(document.line("/a/b~1c/1"), 4);
        assert_eq!(document.line("/a/b~1c/1/x/nowhere"), 4);
        assert_eq!(document.value.pointer("/a/b~1c/1/x"), Some(&Value::from("y")));
    }

    #[test]
    fn rejects_duplicate_keys() {
        let finding = Document::parse("a.yaml", "a: 1\nb: 2\na: 3\n").unwrap_err();
        assert_eq!((finding.rule, finding.line), ("yaml", 3), "{finding}");
    }

    #[test]
    fn resolves_aliases() {
        let document = Document::parse("a.yaml", "a: &x {b: 1}\nc: *x\n").unwrap();
        assert_eq!(document.value.pointer("/c/b"), Some(&Value::from(1)));
    }
}
