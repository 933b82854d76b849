//! [`Spec`]: the OpenAPI document, with the queries that several commands share: references, operations, privacy marks,
//! and which named schemas requests and responses use.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::document::{self, Document, Finding};
use crate::json::{is_true, items, join, members, only_item, strings, text};
use crate::workspace;

/// Path of the API spec, relative to the workspace root.
pub(crate) const SPEC: &str = "specs/carium.yaml";
/// Path of the JSON Schema of an onboarding row, relative to the workspace root.
pub(crate) const ONBOARDING: &str = "specs/onboarding.schema.json";

/// The prefix of a `$ref` to a named schema.
pub(crate) const SCHEMA_REF: &str = "#/components/schemas/";

/// The HTTP methods of OpenAPI 3.0.
pub(crate) const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

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
            let fix = "start the file with `openapi: 3.0.3`";
            return Err(document.finding("yaml", "", "the file does not contain a map", fix));
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
        let title = text(&own, "title").unwrap_or("Root").to_owned();
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

    /// Returns a property of a named schema.
    pub(crate) fn property(&self, schema: &str, name: &str) -> Option<&Value> {
        self.schema(schema)?.get("properties")?.get(name)
    }

    /// Returns the operations, in document order.
    pub(crate) fn operations(&self) -> Vec<Operation<'_>> {
        let mut operations = Vec::new();
        for (path, item) in members(self.root().get("paths")) {
            for (method, value) in members(Some(item)).filter(|(method, _)| METHODS.contains(method)) {
                let pointer = join(&join("/paths", path), method);
                operations.push(Operation { path, method, pointer, value, item, root: self.root() });
            }
        }
        operations
    }

    /// Resolves a `$ref`, or returns the value if it has none. A dangling or circular reference is returned as it is; the
    /// linter reports it.
    pub(crate) fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let mut current = value;
        // The limit ends circular references.
        for _ in 0..32 {
            let Some(target) = text(current, "$ref") else { return current };
            match target.strip_prefix('#').and_then(|pointer| self.root().pointer(pointer)) {
                Some(found) => current = found,
                None => return current,
            }
        }
        current
    }

    /// Returns the named schema that a property refers to, directly or as the only member of an `allOf`, or the property
    /// itself.
    pub(crate) fn resolve_schema<'a>(&'a self, property: &'a Value) -> &'a Value {
        referred_schema(property).and_then(|name| self.schema(name)).unwrap_or(property)
    }

    /// Returns `true` if a property of a response accepts any value.
    pub(crate) fn is_lenient(&self, property: &Value) -> bool {
        let nullable = [property, self.resolve_schema(property)].iter().any(|it| is_true(it, "nullable"));
        nullable || property.get("x-expect").is_some()
    }

    /// Returns the privacy mark of a schema or property: its own, that of the referenced schema, or that of its items or
    /// values. A mark that hides takes precedence over one that does not, so that a value is not revealed by accident.
    pub(crate) fn mark(&self, schema: &Value) -> Mark {
        let target = referred_schema(schema).and_then(|name| self.schema(name)).map(Mark::own);
        let items = schema.get("items").map(|items| self.mark(items));
        let values = schema.get("additionalProperties").filter(|values| values.is_object());
        let all = [Some(Mark::own(schema)), target, items, values.map(|values| self.mark(values))];
        let find = |wanted: fn(&Mark) -> bool| all.into_iter().flatten().find(wanted);
        find(|mark| mark.is_hidden())
            .or_else(|| find(|mark| *mark != Mark::Unmarked))
            .unwrap_or(Mark::Unmarked)
    }

    /// Returns which named schemas requests and responses use.
    pub(crate) fn sides(&self) -> Sides {
        let mut sides = Sides::default();
        for operation in self.operations() {
            for (_, parameter) in operation.parameters() {
                self.collect_references(parameter, &mut sides.request);
            }
            if let Some(body) = operation.value.get("requestBody") {
                self.collect_references(body, &mut sides.request);
            }
            for (_, _, response) in operation.responses() {
                self.collect_references(response, &mut sides.response);
            }
        }
        sides
    }

    /// Collects the pointers of everything that a value refers to with `$ref` or `x-expect`, directly or not.
    pub(crate) fn collect_references(&self, value: &Value, pointers: &mut BTreeSet<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.collect_references(item, pointers)),
            Value::Object(map) => {
                for (keyword, member) in map {
                    let pointer = match (keyword.as_str(), member.as_str()) {
                        ("$ref", Some(target)) => target.trim_start_matches('#').to_owned(),
                        ("x-expect", Some(name)) => schema_pointer(name),
                        // Names of properties are not keywords.
                        ("properties", _) => {
                            members(Some(member)).for_each(|(_, it)| self.collect_references(it, pointers));
                            continue;
                        }
                        // Examples contain data, not schemas.
                        ("example" | "examples", _) => continue,
                        _ => {
                            self.collect_references(member, pointers);
                            continue;
                        }
                    };
                    let target = self.root().pointer(&pointer);
                    // A target that was visited before is skipped, so that circular references end.
                    if let (true, Some(target)) = (pointers.insert(pointer), target) {
                        self.collect_references(target, pointers);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Returns the name of the schema that a value refers to, directly or as the only member of an `allOf`. OpenAPI 3.0 needs
/// the latter form to add keywords to a reference.
pub(crate) fn referred_schema(value: &Value) -> Option<&str> {
    let reference = match value.get("allOf") {
        Some(parts) if parts.is_array() => only_item(Some(parts))?,
        _ => value,
    };
    text(reference, "$ref")?.strip_prefix(SCHEMA_REF)
}

/// Returns the JSON pointer of a named schema.
pub(crate) fn schema_pointer(name: &str) -> String {
    join("/components/schemas", name)
}

/// Converts the references of a JSON Schema to those of a spec.
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

/// The two specs in `specs/`.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) api: Spec,
    pub(crate) onboarding: Document,
}

impl Sources {
    /// Reads the specs of a workspace.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let read = |path: &str| workspace::read(&root.join(path));
        let to_report = |finding: Finding| document::report(&[finding]);
        Ok(Self {
            api: Spec::parse(SPEC, &read(SPEC)?).map_err(to_report)?,
            onboarding: Document::parse(ONBOARDING, &read(ONBOARDING)?).map_err(to_report)?,
        })
    }
}

/// An operation.
#[derive(Debug, Clone)]
pub(crate) struct Operation<'a> {
    /// The path template.
    pub(crate) path: &'a str,
    /// The method in lowercase.
    pub(crate) method: &'a str,
    /// The JSON pointer of the operation.
    pub(crate) pointer: String,
    /// The operation object.
    pub(crate) value: &'a Value,
    /// The path item, whose parameters also apply.
    item: &'a Value,
    root: &'a Value,
}

impl<'a> Operation<'a> {
    /// Returns the operation ID. It is empty if missing, which the linter reports.
    pub(crate) fn id(&self) -> &'a str {
        self.text("operationId").unwrap_or_default()
    }

    /// Returns the method and the path: `GET /path/`.
    pub(crate) fn route(&self) -> String {
        format!("{} {}", self.method.to_uppercase(), self.path)
    }

    /// Returns a string member of the operation.
    pub(crate) fn text(&self, member: &str) -> Option<&'a str> {
        text(self.value, member)
    }

    /// Returns the tag, which is the name of the service.
    pub(crate) fn tag(&self) -> Option<&'a str> {
        strings(self.value.get("tags")).next()
    }

    /// Returns whether the operation needs an access token, according to its own `security` or that of the document.
    pub(crate) fn needs_token(&self) -> bool {
        items(self.value.get("security").or_else(|| self.root.get("security"))).next().is_some()
    }

    /// Returns the parameters with their pointers, those of the path item first. References are not resolved.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (String, &'a Value)> + use<'a> {
        let list = |owner: &'a Value, pointer: &str| {
            let at = join(pointer, "parameters");
            let parameters = items(owner.get("parameters")).enumerate();
            parameters.map(move |(index, parameter)| (join(&at, &index.to_string()), parameter))
        };
        list(self.item, &join("/paths", self.path)).chain(list(self.value, &self.pointer))
    }

    /// Returns the responses with status and pointer. References are not resolved.
    pub(crate) fn responses(&self) -> impl Iterator<Item = (&'a str, String, &'a Value)> + use<'a> {
        let at = join(&self.pointer, "responses");
        members(self.value.get("responses"))
            .map(move |(status, response)| (status, join(&at, status), response))
    }

    /// Returns the media types of the request body. A referenced body is not resolved.
    pub(crate) fn request_content(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        let body = self.value.get("requestBody");
        members(body.and_then(|body| body.get("content"))).map(|(_, content)| content)
    }
}

/// The privacy mark of a value: `x-phi` and `x-secret`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Not marked.
    Unmarked,
    /// May be printed: explicitly `false`.
    Plain,
    /// Protected health information.
    Phi,
    /// A password, token or presigned URL.
    Secret,
}

impl Mark {
    /// Returns `true` if the value must not be printed.
    pub(crate) fn is_hidden(self) -> bool {
        matches!(self, Self::Phi | Self::Secret)
    }

    /// Returns the mark of a schema itself, without its references.
    pub(crate) fn own(schema: &Value) -> Self {
        let flag = |name: &str| schema.get(name).and_then(Value::as_bool);
        match (flag("x-secret"), flag("x-phi")) {
            (Some(true), _) => Self::Secret,
            (_, Some(true)) => Self::Phi,
            (None, None) => Self::Unmarked,
            _ => Self::Plain,
        }
    }
}

/// The sides of a call that use a part of the spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallSides {
    pub(crate) request: bool,
    pub(crate) response: bool,
}

impl CallSides {
    pub(crate) const NONE: Self = Self { request: false, response: false };
    pub(crate) const REQUEST: Self = Self { request: true, response: false };
    pub(crate) const RESPONSE: Self = Self { request: false, response: true };
    pub(crate) const BOTH: Self = Self { request: true, response: true };
}

/// The parts of the spec that requests and responses use, as pointers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sides {
    request: BTreeSet<String>,
    response: BTreeSet<String>,
}

impl Sides {
    /// Returns the sides of a call that can contain a value of a named schema.
    pub(crate) fn of(&self, schema: &str) -> CallSides {
        let pointer = schema_pointer(schema);
        CallSides { request: self.request.contains(&pointer), response: self.response.contains(&pointer) }
    }
}
