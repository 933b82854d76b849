//! [`Spec`]: the OpenAPI document, with the queries that several commands share.

mod json_schema;
mod marks;
mod operations;
#[cfg(test)]
mod page;
mod sides;

use serde_json::{Map, Value, json};

pub(crate) use json_schema::{json_schema, translate};
pub(crate) use marks::Mark;
pub(crate) use operations::Operation;
pub(crate) use sides::Sides;

use crate::document::{Document, join};
use crate::finding::Finding;

/// The prefix of a `$ref` to a named schema.
pub(crate) const SCHEMA_REF: &str = "#/components/schemas/";

/// An OpenAPI document as JSON values with line numbers.
///
/// The types of `openapiv3` are not used here, because they drop unknown members, which the linter has to report.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) document: Document,
}

impl Spec {
    /// Parses a spec. It reports only syntax errors; [`crate::lint`] checks the rest.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Finding> {
        let document = Document::parse(file, text)?;
        if !document.value.is_object() {
            return Err(document.finding(
                "yaml",
                "",
                "the file does not contain a map",
                "start the file with `openapi: 3.0.3`",
            ));
        }
        Ok(Self { document })
    }

    /// Converts a JSON Schema into a spec. Its definitions, and the schema itself under its title, become named schemas.
    pub(crate) fn of_json_schema(document: &Document) -> Self {
        let mut own = document.value.clone();
        let mut schemas = match own.as_object_mut().and_then(|map| map.remove("definitions")) {
            Some(Value::Object(definitions)) => definitions,
            _ => Map::new(),
        };
        let title = own.get("title").and_then(Value::as_str).unwrap_or("Root").to_owned();
        for keyword in ["$schema", "$id", "$comment", "title", "examples"] {
            if let Some(map) = own.as_object_mut() {
                map.remove(keyword);
            }
        }
        schemas.insert(title, own);
        let mut value = json!({ "components": { "schemas": schemas } });
        convert_references(&mut value);
        Self { document: Document { value, ..document.clone() } }
    }

    /// Returns the document.
    pub(crate) fn root(&self) -> &Value {
        &self.document.value
    }

    /// Returns the named schemas, in document order.
    pub(crate) fn schemas(&self) -> impl Iterator<Item = (&str, &Value)> {
        members(self.root().pointer("/components/schemas"))
    }

    /// Returns a named schema.
    pub(crate) fn schema(&self, name: &str) -> Option<&Value> {
        self.root().pointer("/components/schemas")?.get(name)
    }

    /// Returns the operations, in document order.
    pub(crate) fn operations(&self) -> Vec<Operation<'_>> {
        operations::of(self)
    }

    /// Returns which named schemas are used by requests and by responses.
    pub(crate) fn sides(&self) -> Sides {
        sides::of(self)
    }

    /// Returns the privacy mark of a schema or property.
    pub(crate) fn mark(&self, schema: &Value) -> Mark {
        marks::of(self, schema)
    }

    /// Returns the named schema that a property refers to, directly or as the only member of an `allOf`, or the property
    /// itself.
    pub(crate) fn resolve_schema<'a>(&'a self, property: &'a Value) -> &'a Value {
        referred_schema(property).and_then(|name| self.schema(name)).unwrap_or(property)
    }

    /// Returns `true` if a property of a response accepts any value.
    pub(crate) fn is_lenient(&self, property: &Value) -> bool {
        let nullable = |schema: &Value| schema.get("nullable") == Some(&Value::Bool(true));
        nullable(property) || property.get("x-expect").is_some() || nullable(self.resolve_schema(property))
    }

    /// Resolves a `$ref`, or returns the value if it has none. A dangling or circular reference is returned as it is; the
    /// linter reports it.
    pub(crate) fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let mut current = value;
        // The limit ends circular references.
        for _ in 0..32 {
            let Some(target) = current.get("$ref").and_then(Value::as_str) else { return current };
            match target.strip_prefix('#').and_then(|pointer| self.root().pointer(pointer)) {
                Some(found) => current = found,
                None => return current,
            }
        }
        current
    }
}

/// Returns the name of the schema that a value refers to, directly or as the only member of an `allOf`. OpenAPI 3.0 needs
/// the latter form to add keywords to a reference.
pub(crate) fn referred_schema(value: &Value) -> Option<&str> {
    let reference = match value.get("allOf").and_then(Value::as_array) {
        Some(parts) => match parts.as_slice() {
            [only] => only,
            _ => return None,
        },
        None => value,
    };
    reference.get("$ref")?.as_str()?.strip_prefix(SCHEMA_REF)
}

/// Returns the members of a map in order, and none for any other value.
pub(crate) fn members(value: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    value
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::iter)
        .map(|(name, member)| (name.as_str(), member))
}

/// The strings of a value that is a list of strings.
pub(crate) fn strings(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn convert_references(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(convert_references),
        Value::Object(map) => {
            for (keyword, member) in map {
                match member.as_str().and_then(|target| target.strip_prefix("#/definitions/")) {
                    Some(name) if keyword == "$ref" => *member = format!("{SCHEMA_REF}{name}").into(),
                    _ => convert_references(member),
                }
            }
        }
        _ => {}
    }
}

/// Returns the JSON pointer of a named schema.
pub(crate) fn schema_pointer(name: &str) -> String {
    join("/components/schemas", name)
}
