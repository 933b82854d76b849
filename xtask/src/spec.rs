//! The OpenAPI document, and the questions that more than one part of `xtask` asks of it.

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

/// Where named schemas stand, as the beginning of a `$ref`.
pub(crate) const SCHEMA_REF: &str = "#/components/schemas/";

/// An OpenAPI document as it was read: JSON values, with lines.
///
/// Not `openapiv3`'s types: those forget what they do not know, and the linter's task is to see it.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) document: Document,
}

impl Spec {
    /// Reads a spec. Only what makes it unreadable is found here; see [`crate::lint`] for the rest.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Finding> {
        let document = Document::parse(file, text)?;
        if !document.value.is_object() {
            return Err(document.finding(
                "yaml",
                "",
                "the file does not hold a map",
                "begin the file with `openapi: 3.0.3`",
            ));
        }
        Ok(Self { document })
    }

    /// A JSON Schema as if its definitions, and itself under its title, were the named schemas of a spec,
    /// so that everything here serves both.
    pub(crate) fn of_json_schema(document: &Document) -> Self {
        let mut own = document.value.clone();
        let mut schemas = match own.as_object_mut().and_then(|map| map.remove("definitions")) {
            Some(Value::Object(definitions)) => definitions,
            _ => Map::new(),
        };
        let title = own.get("title").and_then(Value::as_str).unwrap_or("Root").to_owned();
        for word in ["$schema", "$id", "$comment", "title", "examples"] {
            if let Some(map) = own.as_object_mut() {
                map.remove(word);
            }
        }
        schemas.insert(title, own);
        let mut value = json!({ "components": { "schemas": schemas } });
        point_at_named_schemas(&mut value);
        Self { document: Document { value, ..document.clone() } }
    }

    /// The whole document.
    pub(crate) fn root(&self) -> &Value {
        &self.document.value
    }

    /// The named schemas, in the order of the document.
    pub(crate) fn schemas(&self) -> impl Iterator<Item = (&str, &Value)> {
        members(self.root().pointer("/components/schemas"))
    }

    /// The named schema of this name.
    pub(crate) fn schema(&self, name: &str) -> Option<&Value> {
        self.root().pointer("/components/schemas")?.get(name)
    }

    /// The operations, in the order of the document.
    pub(crate) fn operations(&self) -> Vec<Operation<'_>> {
        operations::of(self)
    }

    /// Whether a named schema is reached from a request, from a response, or from both.
    pub(crate) fn sides(&self) -> Sides {
        sides::of(self)
    }

    /// What the spec says of printing the values of a schema, or of a property that has one.
    pub(crate) fn mark(&self, schema: &Value) -> Mark {
        marks::of(self, schema)
    }

    /// The named schema that a property refers to, directly or as the one member of an `allOf`, or the
    /// property itself.
    pub(crate) fn resolve_schema<'a>(&'a self, property: &'a Value) -> &'a Value {
        referred_schema(property).and_then(|name| self.schema(name)).unwrap_or(property)
    }

    /// Whether answers may hold anything where this property stands.
    pub(crate) fn is_lenient(&self, property: &Value) -> bool {
        let nullable = |schema: &Value| schema.get("nullable") == Some(&Value::Bool(true));
        nullable(property) || property.get("x-expect").is_some() || nullable(self.resolve_schema(property))
    }

    /// The value that a `$ref` leads to, or the value itself where there is none. A dangling or an
    /// endless chain of references yields the reference; the linter reports it.
    pub(crate) fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let mut at = value;
        // A chain of references is at most as long as there are components to refer to; 32 is far
        // more than anyone writes, and ends a circle.
        for _ in 0..32 {
            let Some(target) = at.get("$ref").and_then(Value::as_str) else { return at };
            match target.strip_prefix('#').and_then(|pointer| self.root().pointer(pointer)) {
                Some(found) => at = found,
                None => return at,
            }
        }
        at
    }
}

/// The name of the schema that a value refers to, directly or as the one member of an `allOf` (which
/// is how OpenAPI 3.0 says something more of a reference).
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

/// The members of a value that is a map, in order; none of anything else.
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

fn point_at_named_schemas(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(point_at_named_schemas),
        Value::Object(map) => {
            for (word, member) in map {
                match member.as_str().and_then(|target| target.strip_prefix("#/definitions/")) {
                    Some(name) if word == "$ref" => *member = format!("{SCHEMA_REF}{name}").into(),
                    _ => point_at_named_schemas(member),
                }
            }
        }
        _ => {}
    }
}

/// The pointer of a named schema.
pub(crate) fn schema_pointer(name: &str) -> String {
    join("/components/schemas", name)
}
