//! The operations that both sides document, in one normal form.
//!
//! The two documents under construction have the same structure and the paths of our spec, so that the comparison finds
//! corresponding parts at the same pointer. A table leads from these pointers back to our spec. Schemas are expanded in
//! pairs, and theirs only where ours goes on, because a vendor's schema may contain itself.
//!
//! Requests must agree in everything. In responses, ours requires little and accepts `null` nearly everywhere, because
//! responses are read leniently. A vendor that guarantees more than our spec relies on does not differ; one that
//! guarantees less does.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::shape::Shape;
use super::vendor::{Api, DocumentedPath, is_path_parameter, reference, segments};
use crate::diff::change::Change;
use crate::document::{Document, join};
use crate::spec::{Operation, Spec, members, referred_schema, schema_pointer};

/// Stands for every JSON media type.
const JSON: &str = "JSON";

/// Headers that OpenAPI describes elsewhere, and that are ignored as parameters.
const IGNORED_HEADERS: [&str; 3] = ["accept", "authorization", "content-type"];

/// A limit on the depth of schemas, in segments of a pointer.
const MAX_DEPTH: usize = 100;

/// A part of our spec.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SpecLocation {
    /// A name for people: `NewPatient.email`.
    pub(super) name: String,
    /// A JSON pointer into our spec.
    pub(super) pointer: String,
}

impl SpecLocation {
    /// Whether this is another location, or a part of it.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        let rest = self.name.strip_prefix(&other.name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', ' ', '(']))
    }

    fn part(&self, suffix: &str, pointer: &str) -> Self {
        Self { name: format!("{}{suffix}", self.name), pointer: pointer.to_owned() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallSide {
    Request,
    Response,
}

/// The two documents in normal form.
#[derive(Debug, Default)]
pub(super) struct Aligned {
    ours: Map<String, Value>,
    theirs: Map<String, Value>,
    /// The location in our spec for pointers into the two documents.
    locations: HashMap<String, SpecLocation>,
    /// The same for the pointers of properties: the property itself, where `locations` has the schema that it refers to.
    properties: HashMap<String, SpecLocation>,
    /// Parts of our spec that are marked as inferred although they are documented, each with its operations.
    pub(super) documented: BTreeMap<SpecLocation, Vec<String>>,
}

impl Aligned {
    /// Returns our document and theirs.
    pub(super) fn specs(&self) -> [Spec; 2] {
        [&self.ours, &self.theirs].map(|paths| Spec {
            document: Document {
                file: String::new(),
                text: String::new(),
                value: json!({ "paths": paths }),
                lines: HashMap::new(),
            },
        })
    }

    /// Adds an operation that only our spec has.
    pub(super) fn undocumented(&mut self, operation: &Operation<'_>) {
        insert(&mut self.ours, operation.path, operation.method, json!({ "operationId": operation.id() }));
        self.locations.insert(operation.pointer.clone(), location_of(operation));
    }

    /// Adds an operation that both sides have.
    ///
    /// # Errors
    /// A reference cannot be resolved.
    pub(super) fn operation(
        &mut self,
        spec: &Spec,
        ours: &Api,
        theirs: &Api,
        operation: &Operation<'_>,
        documented: &DocumentedPath<'_>,
    ) -> Result<(), String> {
        let path = match (operation.path.ends_with('/'), documented.path.ends_with('/')) {
            (true, false) => operation.path.trim_end_matches('/').to_owned(),
            (false, true) => format!("{}/", operation.path),
            _ => operation.path.to_owned(),
        };
        let location = location_of(operation);
        let other_pointer = join(&join("/paths", &path), operation.method);
        for pointer in [&operation.pointer, &other_pointer] {
            self.locations.insert(pointer.clone(), location.clone());
        }
        let their_operation = documented.item.get(operation.method).unwrap_or(&Value::Null);
        let mut pair = OperationPair { spec, ours, theirs, operation, aligned: self };
        if is_inferred(operation.value) {
            pair.note_documented(&location);
        }
        let mut values = [(); 2].map(|()| json!({ "operationId": operation.id() }));
        let parameters = pair.parameters(documented, their_operation)?;
        let bodies = pair.bodies(&location, their_operation)?;
        let responses = pair.responses(&location, their_operation)?;
        let parts = parameters.into_iter().zip(bodies).zip(responses);
        for (value, ((parameters, body), responses)) in values.iter_mut().zip(parts) {
            value["parameters"] = parameters.into();
            if let Some(body) = body {
                value["requestBody"] = body;
            }
            value["responses"] = responses.into();
        }
        let [ours, theirs] = values;
        insert(&mut self.ours, operation.path, operation.method, ours);
        insert(&mut self.theirs, &path, operation.method, theirs);
        Ok(())
    }

    /// Returns the location of a change in our spec, or of the nearest part around it.
    pub(super) fn locate(&self, change: &Change) -> SpecLocation {
        if let ("now-required" | "now-optional", Some(property)) =
            (change.kind, self.properties.get(&change.pointer))
        {
            return property.clone();
        }
        let mut pointer = change.pointer.as_str();
        if change.kind == "parameter-added" {
            // Its index is that of another parameter in our document.
            pointer = pointer.split("/parameters/").next().unwrap_or_default();
        }
        while !self.locations.contains_key(pointer) {
            let Some(end) = pointer.rfind('/') else { break };
            pointer = &pointer[..end];
        }
        let Some(location) = self.locations.get(pointer) else {
            return SpecLocation { name: change.place.clone(), pointer: String::new() };
        };
        if change.kind == "parameter-added" {
            return SpecLocation { name: change.place.clone(), ..location.clone() };
        }
        let name = change.pointer[pointer.len()..].strip_prefix("/properties/");
        let name = name.map(|name| format!(".{}", name.replace("~1", "/").replace("~0", "~")));
        location.part(&name.unwrap_or_default(), &location.pointer)
    }
}

fn insert(paths: &mut Map<String, Value>, path: &str, method: &str, operation: Value) {
    paths.entry(path).or_insert_with(|| json!({}))[method] = operation;
}

fn location_of(operation: &Operation<'_>) -> SpecLocation {
    SpecLocation { name: operation.id().to_owned(), pointer: operation.pointer.clone() }
}

fn is_inferred(value: &Value) -> bool {
    value.get("x-source").and_then(Value::as_str) == Some("inferred")
}

/// An operation on both sides.
struct OperationPair<'a, 'd> {
    spec: &'a Spec,
    ours: &'a Api,
    theirs: &'a Api,
    operation: &'a Operation<'a>,
    aligned: &'d mut Aligned,
}

/// A parameter and the key that identifies it.
struct Parameter {
    /// `query page[number]`; `path 1` for the first parameter of a path, because their names do not matter.
    key: String,
    required: bool,
    schema: Value,
    location: SpecLocation,
    inferred: bool,
}

impl OperationPair<'_, '_> {
    fn note_documented(&mut self, location: &SpecLocation) {
        let operations = self.aligned.documented.entry(location.clone()).or_default();
        if !operations.iter().any(|id| id == self.operation.id()) {
            operations.push(self.operation.id().to_owned());
        }
    }

    /// Returns the parameters of both sides. Those that both have come first, at equal indexes.
    fn parameters(
        &mut self,
        documented: &DocumentedPath<'_>,
        their_operation: &Value,
    ) -> Result<[Vec<Value>; 2], String> {
        let mut theirs: Vec<Parameter> = Vec::new();
        let lists = [documented.item, their_operation].map(|owner| owner.get("parameters"));
        for parameter in lists.into_iter().flatten().filter_map(Value::as_array).flatten() {
            let parameter = self.theirs.follow(parameter)?;
            let location = location_of(self.operation);
            for parameter in expand_parameter(self.theirs, parameter, documented.path, &location)? {
                // A parameter of the operation replaces that of the path.
                theirs.retain(|it| it.key != parameter.key);
                theirs.push(parameter);
            }
        }
        let mut ours = Vec::new();
        for (pointer, written) in self.operation.parameters() {
            let parameter = self.ours.follow(written)?;
            let pointer =
                reference(written).map_or(pointer, |target| target.trim_start_matches('#').to_owned());
            let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
            let location = SpecLocation { name: format!("{} {name}", location_in(parameter)), pointer };
            ours.extend(expand_parameter(self.ours, parameter, self.operation.path, &location)?);
        }
        let is_matched = |one: &Parameter, others: &[Parameter]| others.iter().any(|it| it.key == one.key);
        // An unmatched parameter that is not in the path does not exist.
        let is_unmatched =
            |one: &Parameter, others: &[Parameter]| !is_matched(one, others) && !one.key.starts_with("path ");
        let mut values = [Vec::new(), Vec::new()];
        let base = join(&self.operation.pointer, "parameters");
        for mine in ours.iter().filter(|it| is_matched(it, &theirs)) {
            let Some(other) = theirs.iter().find(|it| it.key == mine.key) else { continue };
            if mine.inferred {
                self.note_documented(&mine.location);
            }
            let at = join(&base, &values[0].len().to_string());
            self.aligned.locations.insert(at.clone(), mine.location.clone());
            let at = join(&at, "schema");
            let schemas =
                self.schemas(&at, &mine.location, CallSide::Request, &mine.schema, &other.schema)?;
            let [first, second] = schemas;
            values[0].push(mine.value(first));
            values[1].push(other.value(second));
        }
        for mine in ours.iter().filter(|it| is_unmatched(it, &theirs)) {
            let at = join(&base, &values[0].len().to_string());
            self.aligned.locations.insert(at, mine.location.clone());
            values[0].push(mine.value(json!({})));
        }
        for other in theirs.iter().filter(|it| is_unmatched(it, &ours)) {
            let shape = Shape::read(self.theirs, &other.schema)?;
            values[1].push(other.value(shape.keywords()));
        }
        Ok(values)
    }

    fn bodies(&mut self, location: &SpecLocation, theirs: &Value) -> Result<[Option<Value>; 2], String> {
        let mine = self.operation.value.get("requestBody").map(|it| self.ours.follow(it)).transpose()?;
        let other = theirs.get("requestBody").map(|it| self.theirs.follow(it)).transpose()?;
        let at = join(&self.operation.pointer, "requestBody");
        let mut contents = [mine, other].map(|body| json!(body.map(json_content).unwrap_or_default()));
        if let (Some(Some(mine)), Some(Some(other))) = (mine.map(json_schema), other.map(json_schema)) {
            let at = join(&join(&join(&at, "content"), JSON), "schema");
            let schemas = self.schemas(&at, location, CallSide::Request, mine, other)?;
            contents = schemas.map(|schema| json!({ JSON: { "schema": schema } }));
        }
        let [first, second] = contents;
        Ok([(mine, first), (other, second)].map(|(body, content)| {
            let mut value = json!({ "content": content });
            if is_required(body?) {
                value["required"] = true.into();
            }
            Some(value)
        }))
    }

    /// Returns the responses of both sides. For success, statuses and bodies are compared; for errors, only bodies that
    /// are documented.
    fn responses(
        &mut self,
        location: &SpecLocation,
        theirs: &Value,
    ) -> Result<[Map<String, Value>; 2], String> {
        let base = join(&self.operation.pointer, "responses");
        let theirs: Vec<(&str, &Value)> = members(theirs.get("responses")).collect();
        let successes: Vec<&str> =
            theirs.iter().map(|(status, _)| *status).filter(|it| it.starts_with('2')).collect();
        let mut values = [Map::new(), Map::new()];
        let mut known = Vec::new();
        for (status, pointer, mine) in self.operation.responses() {
            known.push(status);
            let location = location.part(&format!(" {status}"), &pointer);
            let is_success = status.starts_with('2');
            let mut matching: Vec<_> = theirs.iter().filter(|(other, _)| matches(status, other)).collect();
            if matching.is_empty() && (!is_success || successes.is_empty()) {
                matching.extend(theirs.iter().filter(|(other, _)| *other == "default"));
            }
            if matching.is_empty() && is_success && !successes.is_empty() {
                self.aligned.locations.insert(join(&base, status), location);
                values[0].insert(status.to_owned(), json!({}));
                continue;
            }
            let mine = json_schema(self.ours.follow(mine)?);
            let mut bodies = Vec::new();
            for (their_status, other) in &matching {
                let key = if matching.len() == 1 { status } else { their_status };
                bodies.push((key, json_schema(self.theirs.follow(other)?)));
            }
            let is_undocumented = is_success && bodies.iter().all(|(_, body)| body.is_none());
            for (key, body) in bodies {
                let at = join(&base, key);
                self.aligned.locations.insert(at.clone(), location.clone());
                let pair = match (mine, body) {
                    (Some(mine), Some(other)) => {
                        let at = join(&join(&join(&at, "content"), JSON), "schema");
                        let schemas = self.schemas(&at, &location, CallSide::Response, mine, other)?;
                        schemas.map(|schema| json!({ "content": { JSON: { "schema": schema } } }))
                    }
                    (Some(_), None) if is_undocumented => [json!({ "content": { JSON: {} } }), json!({})],
                    _ => [json!({}), json!({})],
                };
                for (side, value) in values.iter_mut().zip(pair) {
                    side.insert(key.to_owned(), value);
                }
            }
        }
        for status in successes.iter().filter(|status| !known.iter().any(|own| matches(own, status))) {
            values[1].insert((*status).to_owned(), json!({}));
        }
        Ok(values)
    }

    /// Returns two schemas in normal form. `at` is their pointer in the documents under construction.
    fn schemas(
        &mut self,
        at: &str,
        location: &SpecLocation,
        side: CallSide,
        ours: &Value,
        theirs: &Value,
    ) -> Result<[Value; 2], String> {
        let named = referred_schema(ours);
        let named_location =
            named.map(|name| SpecLocation { name: name.to_owned(), pointer: schema_pointer(name) });
        let location = named_location.as_ref().unwrap_or(location);
        self.aligned.locations.insert(at.to_owned(), location.clone());
        let (mine, mut other) = (Shape::read(self.ours, ours)?, Shape::read(self.theirs, theirs)?);
        let target = named.and_then(|name| self.spec.schema(name));
        if (is_inferred(ours) || target.is_some_and(is_inferred)) && other.is_documented() {
            self.note_documented(location);
        }
        let is_lenient = side == CallSide::Response;
        if other.is_empty() || is_lenient && mine.null {
            other.null = mine.null;
        }
        if is_lenient {
            other.required.retain(|name| mine.required.contains(name));
        }
        let mut values = [mine.keywords(), other.keywords()];
        let is_other_type = mine.types != other.types && mine.types.is_disjoint(&other.types);
        if is_other_type || at.split('/').count() > MAX_DEPTH {
            return Ok(values);
        }
        if !mine.fields.is_empty() && other.fields.is_empty() {
            values[1]["type"] = "object without documented properties".into();
            return Ok(values);
        }
        let properties = self.properties(at, location, side, &mine, &other)?;
        for ((value, shape), properties) in values.iter_mut().zip([&mine, &other]).zip(properties) {
            if let Some(allowed) = &shape.values {
                let mut allowed = allowed.clone();
                allowed.sort_by_key(Value::to_string);
                value["enum"] = allowed.into();
            }
            value["required"] =
                shape.required.iter().filter(|name| properties.contains_key(*name)).cloned().collect();
            value["properties"] = properties.into();
        }
        if let (Some(mine), Some(other)) = (&mine.items, &other.items) {
            let location = location.part("[]", &join(&location.pointer, "items"));
            let [first, second] = self.schemas(&join(at, "items"), &location, side, mine, other)?;
            values[0]["items"] = first;
            values[1]["items"] = second;
        }
        Ok(values)
    }

    fn properties(
        &mut self,
        at: &str,
        location: &SpecLocation,
        side: CallSide,
        mine: &Shape,
        other: &Shape,
    ) -> Result<[Map<String, Value>; 2], String> {
        let mut properties = [Map::new(), Map::new()];
        for (name, schema) in &mine.fields {
            let at = join(&join(at, "properties"), name);
            let pointer = join(&join(&location.pointer, "properties"), name);
            let location = location.part(&format!(".{name}"), &pointer);
            let Some(theirs) = other.fields.get(name) else {
                self.aligned.locations.insert(at, location);
                properties[0].insert(name.clone(), json!({}));
                continue;
            };
            self.aligned.properties.insert(at.clone(), location.clone());
            let [first, second] = self.schemas(&at, &location, side, schema, theirs)?;
            properties[0].insert(name.clone(), first);
            properties[1].insert(name.clone(), second);
        }
        for (name, schema) in other.fields.iter().filter(|(name, _)| !mine.fields.contains_key(*name)) {
            properties[1].insert(name.clone(), Shape::read(self.theirs, schema)?.keywords());
        }
        Ok(properties)
    }
}

impl Parameter {
    fn value(&self, schema: Value) -> Value {
        let (kind, name) = self.key.split_once(' ').unwrap_or_default();
        let mut value = json!({ "in": kind, "name": name, "schema": schema });
        if self.required {
            value["required"] = true.into();
        }
        value
    }
}

fn location_in(parameter: &Value) -> &str {
    parameter.get("in").and_then(Value::as_str).unwrap_or("query")
}

/// Returns the parameters that are sent for a parameter: an object of style `deepObject` is one for each member.
fn expand_parameter(
    api: &Api,
    parameter: &Value,
    path: &str,
    location: &SpecLocation,
) -> Result<Vec<Parameter>, String> {
    let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
    let kind = location_in(parameter);
    if kind == "header" && IGNORED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
        return Ok(Vec::new());
    }
    let schema = parameter.get("schema").or_else(|| json_schema(parameter)).cloned().unwrap_or_default();
    let make = |name: String, required: bool, schema: Value| Parameter {
        key: format!("{kind} {name}"),
        required,
        schema,
        location: location.clone(),
        inferred: is_inferred(parameter),
    };
    if kind == "path" {
        let template = format!("{{{name}}}");
        let mut parameters = segments(path).into_iter().filter(|segment| is_path_parameter(segment));
        let index = parameters.position(|segment| segment == template);
        // A parameter that is not in the path is ignored.
        return Ok(index.map(|index| make((index + 1).to_string(), true, schema)).into_iter().collect());
    }
    let required = is_required(parameter);
    let name = if kind == "header" { name.to_ascii_lowercase() } else { name.to_owned() };
    if parameter.get("style").and_then(Value::as_str) == Some("deepObject") {
        let shape = Shape::read(api, &schema)?;
        let fields = shape.fields.into_iter().map(|(field, schema)| {
            let is_required = required && shape.required.contains(&field);
            make(format!("{name}[{field}]"), is_required, schema)
        });
        return Ok(fields.collect());
    }
    Ok(vec![make(name, required, schema)])
}

/// Whether two statuses, each as written (`200`, `2XX`), can be the same.
fn matches(one: &str, other: &str) -> bool {
    let any = |digit: u8| digit.eq_ignore_ascii_case(&b'x');
    one.len() == other.len()
        && one.bytes().zip(other.bytes()).all(|(one, other)| one == other || any(one) || any(other))
}

/// Returns the schema of a body or a parameter in JSON: plain, as JSON:API, or of any media type.
fn json_schema(body: &Value) -> Option<&Value> {
    let content = body.get("content")?.as_object()?;
    let essence =
        |media_type: &str| media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json: [fn(&str) -> bool; 4] = [
        |it| it == "application/json",
        |it| it == "application/vnd.api+json",
        |it| it.ends_with("json"),
        |it| it == "application/*" || it == "*/*",
    ];
    let found = is_json.iter().find_map(|is_json| content.iter().find(|(name, _)| is_json(&essence(name))));
    found.map(|(_, content)| content.get("schema").unwrap_or(&Value::Null))
}

/// Returns the media types of a body without their schemas.
fn json_content(body: &Value) -> Map<String, Value> {
    if json_schema(body).is_some() {
        return Map::from_iter([(JSON.to_owned(), json!({}))]);
    }
    members(body.get("content")).map(|(name, _)| (name.to_owned(), json!({}))).collect()
}

fn is_required(value: &Value) -> bool {
    value.get("required") == Some(&Value::Bool(true))
}
