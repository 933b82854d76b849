//! The operations that both sides document, in one normal form.
//!
//! The two documents under construction have the same structure and the paths of our spec, so that the comparison finds
//! corresponding parts at the same pointer. A table leads from these pointers back to our spec. Schemas are expanded in
//! pairs, and theirs only where ours goes on, because a vendor's schema may contain itself.
//!
//! Requests must agree in everything. In responses, ours requires little and accepts `null` nearly everywhere, because
//! responses are read leniently. A vendor that guarantees more than our spec relies on does not differ; one that
//! guarantees less does.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::shape::Shape;
use super::vendor::{Api, DocumentedPath, is_path_parameter, reference, segments};
use crate::diff::change::Change;
use crate::document::Document;
use crate::json::{is_true, items, join, members, text, unescape};
use crate::spec::{Operation, Spec, referred_schema, schema_pointer};

/// Stands for every JSON media type.
const JSON: &str = "JSON";

/// The pointer of all parameters of an operation, which are one object, from that of the operation.
const PARAMETERS: &str = "/parameters/0/schema";

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
    /// Whether a name is that of this location, or of a part of it.
    pub(super) fn contains(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&self.name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', ' ']))
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
    /// Their and our pointer of each operation whose path differs in its trailing slash.
    moved: Vec<(String, String)>,
    /// Parts of our spec that are marked as inferred although they are documented.
    pub(super) documented: BTreeSet<SpecLocation>,
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
        self.locations.insert(operation.pointer.clone(), location.clone());
        if path != operation.path {
            self.moved.push((join(&join("/paths", &path), operation.method), operation.pointer.clone()));
        }
        let their_operation = documented.item.get(operation.method).unwrap_or(&Value::Null);
        let mut pair = OperationPair { spec, ours, theirs, operation, aligned: self };
        if is_inferred(operation.value) {
            pair.aligned.documented.insert(location.clone());
        }
        let mut values = [(); 2].map(|()| json!({ "operationId": operation.id() }));
        let at = At { pointer: operation.pointer.clone(), location, side: CallSide::Request };
        let parts = [
            ("parameters", pair.parameters(&at, documented, their_operation)?),
            ("requestBody", pair.request_bodies(&at.inside("requestBody"), their_operation)?),
            ("responses", pair.responses(&at, their_operation)?),
        ];
        for (keyword, pair) in parts {
            for (value, part) in values.iter_mut().zip(pair).filter(|(_, part)| !part.is_null()) {
                value[keyword] = part;
            }
        }
        let [ours, theirs] = values;
        insert(&mut self.ours, operation.path, operation.method, ours);
        insert(&mut self.theirs, &path, operation.method, theirs);
        Ok(())
    }

    /// Returns the location of a change in our spec, or of the nearest part around it.
    pub(super) fn locate(&self, change: &Change) -> SpecLocation {
        let moved = |(theirs, ours): &(String, String)| {
            Some(format!("{ours}{}", change.pointer.strip_prefix(theirs)?))
        };
        let full = self.moved.iter().find_map(moved).unwrap_or_else(|| change.pointer.clone());
        if let ("now-required" | "now-optional", Some(property)) = (change.kind, self.properties.get(&full)) {
            return property.clone();
        }
        let mut pointer = full.as_str();
        while !self.locations.contains_key(pointer) {
            let Some(end) = pointer.rfind('/') else { break };
            pointer = &pointer[..end];
        }
        let Some(location) = self.locations.get(pointer) else {
            return SpecLocation { name: change.place.clone(), pointer: String::new() };
        };
        let separator = if pointer.ends_with(PARAMETERS) { ' ' } else { '.' };
        let name = full[pointer.len()..].strip_prefix("/properties/");
        let name = name.map(|name| format!("{separator}{}", unescape(name)));
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
    text(value, "x-source") == Some("inferred")
}

/// The position of a pair of values.
#[derive(Clone)]
struct At {
    /// The pointer in the documents under construction.
    pointer: String,
    location: SpecLocation,
    side: CallSide,
}

impl At {
    fn inside(&self, member: &str) -> Self {
        Self { pointer: join(&self.pointer, member), ..self.clone() }
    }

    /// Returns the position of a property, or of another part, with its own location.
    fn part(&self, members: &[&str], location: SpecLocation) -> Self {
        let pointer = members.iter().fold(self.pointer.clone(), |pointer, member| join(&pointer, member));
        Self { pointer, location, side: self.side }
    }
}

/// A value of our document and the corresponding value of theirs.
type Pair = Result<[Value; 2], String>;

/// An operation on both sides.
struct OperationPair<'a, 'd> {
    spec: &'a Spec,
    ours: &'a Api,
    theirs: &'a Api,
    operation: &'a Operation<'a>,
    aligned: &'d mut Aligned,
}

impl OperationPair<'_, '_> {
    /// Returns the parameters of both sides, each as one parameter that is an object.
    fn parameters(&mut self, at: &At, documented: &DocumentedPath<'_>, their_operation: &Value) -> Pair {
        let (mut mine, mut other) = (Shape::default(), Shape::default());
        let mut locations = HashMap::new();
        let mut inferred = Vec::new();
        for (pointer, written) in self.operation.parameters() {
            let parameter = self.ours.follow(written)?;
            let pointer =
                reference(written).map_or(pointer, |target| target.trim_start_matches('#').to_owned());
            let name = text(parameter, "name").unwrap_or_default();
            let location = SpecLocation { name: format!("{} {name}", location_in(parameter)), pointer };
            for key in add_parameter(&mut mine, self.ours, parameter, self.operation.path)? {
                inferred.extend(is_inferred(parameter).then(|| key.clone()));
                locations.insert(key, location.clone());
            }
        }
        // A parameter of the operation replaces that of the path item.
        for parameter in [documented.item, their_operation].iter().flat_map(|it| items(it.get("parameters")))
        {
            add_parameter(&mut other, self.theirs, self.theirs.follow(parameter)?, documented.path)?;
        }
        // An unmatched parameter of a path is not in the other path, so it does not exist.
        let keys = [&mine, &other].map(|shape| shape.fields.keys().cloned().collect::<BTreeSet<_>>());
        let exists = |key: &String| !key.starts_with("path ") || keys.iter().all(|keys| keys.contains(key));
        mine.fields.retain(|key, _| exists(key));
        other.fields.retain(|key, _| exists(key));
        for key in inferred.iter().filter(|key| other.fields.contains_key(*key)) {
            self.aligned.documented.insert(locations[key].clone());
        }
        let at = At { pointer: format!("{}{PARAMETERS}", at.pointer), ..at.clone() };
        self.aligned.locations.insert(at.pointer.clone(), at.location.clone());
        let schemas = self.properties(&at, &|key| locations[key].clone(), &mine, &other)?;
        Ok(schemas.map(|schema| json!([{ "in": "query", "name": "", "schema": schema }])))
    }

    fn request_bodies(&mut self, at: &At, theirs: &Value) -> Pair {
        let mine = self.operation.value.get("requestBody").map(|it| self.ours.follow(it)).transpose()?;
        let other = theirs.get("requestBody").map(|it| self.theirs.follow(it)).transpose()?;
        let [first, second] =
            self.contents(at, mine.unwrap_or(&Value::Null), other.unwrap_or(&Value::Null))?;
        Ok([(mine, first), (other, second)].map(|(body, content)| match body {
            Some(body) if is_true(body, "required") => json!({ "content": content, "required": true }),
            Some(_) => json!({ "content": content }),
            None => Value::Null,
        }))
    }

    /// Returns the responses of both sides. For success, statuses and bodies are compared; for errors, only bodies that
    /// are documented.
    fn responses(&mut self, at: &At, theirs: &Value) -> Pair {
        let theirs: Vec<(&str, &Value)> = members(theirs.get("responses")).collect();
        let is_success = |status: &str| status.starts_with('2');
        let successes: Vec<&str> =
            theirs.iter().map(|(status, _)| *status).filter(|it| is_success(it)).collect();
        let mut values = [json!({}), json!({})];
        let mut known = Vec::new();
        for (status, pointer, mine) in self.operation.responses() {
            known.push(status);
            let location = at.location.part(&format!(" {status}"), &pointer);
            let at =
                |key: &str| At { side: CallSide::Response, ..at.part(&["responses", key], location.clone()) };
            let mut matching: Vec<_> = theirs.iter().filter(|(other, _)| matches(status, other)).collect();
            if matching.is_empty() && is_success(status) && !successes.is_empty() {
                self.aligned.locations.insert(at(status).pointer, location);
                values[0][status] = json!({});
                continue;
            }
            if matching.is_empty() {
                matching.extend(theirs.iter().filter(|(other, _)| *other == "default"));
            }
            let mine = self.ours.follow(mine)?;
            let mut bodies = Vec::new();
            for (their_status, other) in &matching {
                let key = if matching.len() == 1 { status } else { their_status };
                bodies.push((key, self.theirs.follow(other)?));
            }
            let is_documented = bodies.iter().any(|(_, body)| json_schema(body).is_some());
            for (key, other) in bodies {
                let at = at(key);
                self.aligned.locations.insert(at.pointer.clone(), location.clone());
                let is_compared = json_schema(mine).is_some()
                    && (json_schema(other).is_some() || is_success(status) && !is_documented);
                let contents =
                    if is_compared { self.contents(&at, mine, other)? } else { Default::default() };
                for (side, content) in values.iter_mut().zip(contents) {
                    side[key] = json!({ "content": content });
                }
            }
        }
        for status in successes.iter().filter(|status| !known.iter().any(|own| matches(own, status))) {
            values[1][*status] = json!({});
        }
        Ok(values)
    }

    /// Returns the media types of two bodies, with the schemas of JSON.
    fn contents(&mut self, at: &At, ours: &Value, theirs: &Value) -> Pair {
        if let [Some(mine), Some(other)] = [ours, theirs].map(json_schema) {
            let schemas = self.schemas(&at.inside("content").inside(JSON).inside("schema"), mine, other)?;
            return Ok(schemas.map(|schema| json!({ JSON: { "schema": schema } })));
        }
        let media_types = |body: &Value| -> Value {
            if json_schema(body).is_some() {
                return json!({ JSON: {} });
            }
            members(body.get("content")).map(|(name, _)| (name.to_owned(), json!({}))).collect()
        };
        Ok([ours, theirs].map(media_types))
    }

    /// Returns two schemas in normal form.
    fn schemas(&mut self, at: &At, ours: &Value, theirs: &Value) -> Pair {
        let named = referred_schema(ours);
        let location = named.map_or_else(
            || at.location.clone(),
            |name| SpecLocation { name: name.to_owned(), pointer: schema_pointer(name) },
        );
        let at = &At { location, ..at.clone() };
        self.aligned.locations.insert(at.pointer.clone(), at.location.clone());
        let (mine, mut other) = (Shape::read(self.ours, ours)?, Shape::read(self.theirs, theirs)?);
        let target = named.and_then(|name| self.spec.schema(name));
        if (is_inferred(ours) || target.is_some_and(is_inferred)) && other.is_documented() {
            self.aligned.documented.insert(at.location.clone());
        }
        let is_lenient = at.side == CallSide::Response;
        if other.is_empty() || is_lenient && mine.null {
            other.null = mine.null;
        }
        if is_lenient {
            other.required.retain(|name| mine.required.contains(name));
        }
        let mut values = [mine.keywords(), other.keywords()];
        let is_other_type = mine.types != other.types && mine.types.is_disjoint(&other.types);
        if is_other_type || at.pointer.split('/').count() > MAX_DEPTH {
            return Ok(values);
        }
        if !mine.fields.is_empty() && other.fields.is_empty() {
            values[1]["type"] = "object without documented properties".into();
            return Ok(values);
        }
        let property = |name: &str| {
            let pointer = join(&join(&at.location.pointer, "properties"), name);
            at.location.part(&format!(".{name}"), &pointer)
        };
        let objects = self.properties(at, &property, &mine, &other)?;
        for ((value, shape), object) in values.iter_mut().zip([&mine, &other]).zip(objects) {
            if let Some(allowed) = &shape.values {
                let mut allowed = allowed.clone();
                allowed.sort_by_key(Value::to_string);
                value["enum"] = allowed.into();
            }
            members(Some(&object)).for_each(|(keyword, member)| value[keyword] = member.clone());
        }
        if let (Some(mine), Some(other)) = (&mine.items, &other.items) {
            let location = at.location.part("[]", &join(&at.location.pointer, "items"));
            let items = self.schemas(&at.part(&["items"], location), mine, other)?;
            values.iter_mut().zip(items).for_each(|(value, items)| value["items"] = items);
        }
        Ok(values)
    }

    /// Returns the `properties` and `required` of two objects. `locate` returns the location of a property of ours.
    fn properties(
        &mut self,
        at: &At,
        locate: &dyn Fn(&str) -> SpecLocation,
        mine: &Shape,
        other: &Shape,
    ) -> Pair {
        let mut properties = [Map::new(), Map::new()];
        for (name, schema) in &mine.fields {
            let at = at.part(&["properties", name], locate(name));
            let Some(theirs) = other.fields.get(name) else {
                self.aligned.locations.insert(at.pointer, at.location);
                properties[0].insert(name.clone(), json!({}));
                continue;
            };
            self.aligned.properties.insert(at.pointer.clone(), at.location.clone());
            let [first, second] = self.schemas(&at, schema, theirs)?;
            properties[0].insert(name.clone(), first);
            properties[1].insert(name.clone(), second);
        }
        for (name, schema) in other.fields.iter().filter(|(name, _)| !mine.fields.contains_key(*name)) {
            properties[1].insert(name.clone(), Shape::read(self.theirs, schema)?.keywords());
        }
        let [first, second] = properties;
        Ok([(mine, first), (other, second)].map(|(shape, properties)| {
            let required: Vec<_> =
                shape.required.iter().filter(|name| properties.contains_key(*name)).collect();
            json!({ "required": required, "properties": properties })
        }))
    }
}

fn location_in(parameter: &Value) -> &str {
    text(parameter, "in").unwrap_or("query")
}

/// Adds a parameter to the fields of a shape, and returns its key: `query page[number]`, or `path 1` for the first
/// parameter of a path, because names of path parameters do not matter. An object of style `deepObject` is one parameter
/// for each member.
fn add_parameter(shape: &mut Shape, api: &Api, parameter: &Value, path: &str) -> Result<Vec<String>, String> {
    let name = text(parameter, "name").unwrap_or_default();
    let kind = location_in(parameter);
    let mut name = if kind == "header" { name.to_ascii_lowercase() } else { name.to_owned() };
    let mut required = is_true(parameter, "required");
    if kind == "path" {
        let template = format!("{{{name}}}");
        let mut parameters = segments(path).into_iter().filter(|segment| is_path_parameter(segment));
        // A parameter that is not in the path is ignored.
        let Some(index) = parameters.position(|segment| segment == template) else { return Ok(Vec::new()) };
        (name, required) = ((index + 1).to_string(), true);
    }
    if kind == "header" && IGNORED_HEADERS.contains(&name.as_str()) {
        return Ok(Vec::new());
    }
    let schema = parameter.get("schema").or_else(|| json_schema(parameter)).cloned().unwrap_or_default();
    let mut parts = vec![(format!("{kind} {name}"), required, schema)];
    if text(parameter, "style") == Some("deepObject") {
        let object = Shape::read(api, &parts[0].2)?;
        let part = |(field, schema): (String, Value)| {
            (format!("{kind} {name}[{field}]"), required && object.required.contains(&field), schema)
        };
        parts = object.fields.clone().into_iter().map(part).collect();
    }
    let mut keys = Vec::new();
    for (key, required, schema) in parts {
        shape.required.remove(&key);
        shape.required.extend(required.then(|| key.clone()));
        shape.fields.insert(key.clone(), schema);
        keys.push(key);
    }
    Ok(keys)
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
