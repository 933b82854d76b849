//! One operation, here and there: its parameters, its body, its answers.

use serde_json::{Map, Value, json};

use super::api::Api;
use super::compare::Findings;
use super::difference::{Place, Side};
use super::schemas;
use super::shape::Shape;
use super::vendor::{Found, is_parameter, segments};
use crate::document::join;
use crate::spec::{Operation, members};

/// Headers that OpenAPI says elsewhere, and that are to be ignored among parameters.
const SAID_ELSEWHERE: [&str; 3] = ["accept", "authorization", "content-type"];

/// The methods of a path item.
pub(super) fn methods_of(item: &Value) -> impl Iterator<Item = &str> {
    const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
    members(Some(item)).map(|(method, _)| method).filter(|method| METHODS.contains(method))
}

/// Compares an operation with the one that was found.
///
/// # Errors
/// A reference leads nowhere, out of the file, or in a circle.
pub(super) fn compare(
    findings: &mut Findings<'_, '_>,
    place: &Place,
    found: &Found<'_>,
) -> Result<(), String> {
    let operation = findings.operation;
    let theirs = found.item.get(operation.method).unwrap_or(&Value::Null);
    if is_inferred(operation.value) {
        findings.is_documented(place);
    }
    if found.path.ends_with('/') != operation.path.ends_with('/') {
        findings.differs(place, None, "slash at the end", operation.path, found.path);
    }
    parameters(findings, place, found, theirs)?;
    body(findings, place, theirs)?;
    answers(findings, place, theirs)
}

pub(super) fn is_inferred(value: &Value) -> bool {
    value.get("x-source").and_then(Value::as_str) == Some("inferred")
}

/// A parameter, with what it is told from the others by.
struct Parameter {
    /// `query page[number]`, or `path 1` for the first of a path, as those go by their places.
    key: String,
    required: bool,
    schema: Value,
    place: Place,
    inferred: bool,
}

fn parameters(
    findings: &mut Findings<'_, '_>,
    place: &Place,
    found: &Found<'_>,
    theirs: &Value,
) -> Result<(), String> {
    let ours = our_parameters(findings.ours, findings.operation)?;
    let shared = found.item.get("parameters").and_then(Value::as_array);
    let own = theirs.get("parameters").and_then(Value::as_array);
    let mut documented: Vec<Parameter> = Vec::new();
    for parameter in shared.into_iter().chain(own).flatten() {
        let parameter = findings.theirs.follow(parameter)?;
        for parameter in spread(findings.theirs, parameter, found.path, place)? {
            // What the operation says comes after what the path says, and counts.
            documented.retain(|it| it.key != parameter.key);
            documented.push(parameter);
        }
    }
    for mine in &ours {
        let Some(other) = documented.iter().find(|it| it.key == mine.key) else {
            if !mine.key.starts_with("path ") {
                let shape = Shape::of(findings.ours, &mine.schema)?;
                findings.differs(
                    &mine.place,
                    Some(Side::Request),
                    "missing in theirs",
                    in_words(&shape, mine.required),
                    "no such parameter",
                );
            }
            continue;
        };
        if mine.inferred {
            findings.is_documented(&mine.place);
        }
        if mine.required != other.required {
            let (ours, theirs) = (requirement(mine.required), requirement(other.required));
            findings.differs(&mine.place, Some(Side::Request), "required", ours, theirs);
        }
        schemas::compare(findings, &mine.place, Side::Request, &mine.schema, &other.schema)?;
    }
    for other in documented.iter().filter(|other| !ours.iter().any(|mine| mine.key == other.key)) {
        if other.key.starts_with("path ") {
            continue;
        }
        let shape = Shape::of(findings.theirs, &other.schema)?;
        findings.differs(
            &other.place,
            Some(Side::Request),
            "new in theirs",
            "no such parameter",
            in_words(&shape, other.required),
        );
    }
    Ok(())
}

fn our_parameters(ours: &Api, operation: &Operation<'_>) -> Result<Vec<Parameter>, String> {
    let mut parameters = Vec::new();
    for (pointer, written) in operation.parameters() {
        let parameter = ours.follow(written)?;
        let pointer = match super::api::reference(written) {
            Some(reference) => reference.trim_start_matches('#').to_owned(),
            None => pointer,
        };
        let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
        let place = Place { name: format!("{} {name}", place_of(parameter)), pointer };
        parameters.extend(
            spread(ours, parameter, operation.path, &place)?
                .into_iter()
                .map(|it| Parameter { place: place.clone(), ..it }),
        );
    }
    Ok(parameters)
}

fn place_of(parameter: &Value) -> &str {
    parameter.get("in").and_then(Value::as_str).unwrap_or("query")
}

/// A parameter as those that are sent: an object in the style `deepObject` is one for each of its members.
fn spread(api: &Api, parameter: &Value, path: &str, around: &Place) -> Result<Vec<Parameter>, String> {
    let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
    let kind = place_of(parameter);
    if kind == "header" && SAID_ELSEWHERE.contains(&name.to_ascii_lowercase().as_str()) {
        return Ok(Vec::new());
    }
    let schema = match parameter.get("schema") {
        Some(schema) => schema.clone(),
        None => json_schema(parameter).cloned().unwrap_or_default(),
    };
    let make = |name: String, required: bool, schema: Value| Parameter {
        key: format!("{kind} {name}"),
        required,
        schema,
        place: Place { name: format!("{} {kind} {name}", around.name), pointer: around.pointer.clone() },
        inferred: is_inferred(parameter),
    };
    if kind == "path" {
        let template = format!("{{{name}}}");
        let mut parameters = segments(path).into_iter().filter(|segment| is_parameter(segment));
        let nth = parameters.position(|segment| segment == template);
        // One that is not in the path is nobody's.
        return Ok(nth.map(|nth| make((nth + 1).to_string(), true, schema)).into_iter().collect());
    }
    let required = parameter.get("required") == Some(&Value::Bool(true));
    let name = if kind == "header" { name.to_ascii_lowercase() } else { name.to_owned() };
    if parameter.get("style").and_then(Value::as_str) == Some("deepObject") {
        let shape = Shape::of(api, &schema)?;
        let fields = shape.fields.into_iter();
        return Ok(fields
            .map(|(field, schema)| {
                let is_required = required && shape.required.contains(&field);
                make(format!("{name}[{field}]"), is_required, schema)
            })
            .collect());
    }
    Ok(vec![make(name, required, schema)])
}

fn body(findings: &mut Findings<'_, '_>, place: &Place, theirs: &Value) -> Result<(), String> {
    let mine = findings.operation.value.get("requestBody").map(|it| findings.ours.follow(it)).transpose()?;
    let other = theirs.get("requestBody").map(|it| findings.theirs.follow(it)).transpose()?;
    let (mine, other) = match (mine, other) {
        (None, None) => return Ok(()),
        (Some(_), None) => {
            findings.differs(place, Some(Side::Request), "missing in theirs", "a body", "no body");
            return Ok(());
        }
        (None, Some(other)) => {
            let theirs = format!("a body, {}", requirement(is_required(other)));
            findings.differs(place, Some(Side::Request), "new in theirs", "no body", theirs);
            return Ok(());
        }
        (Some(mine), Some(other)) => (mine, other),
    };
    if is_required(mine) != is_required(other) {
        let (ours, theirs) = (requirement(is_required(mine)), requirement(is_required(other)));
        findings.differs(place, Some(Side::Request), "required", format!("a body, {ours}"), theirs);
    }
    match (json_schema(mine), json_schema(other)) {
        (Some(mine), Some(other)) => schemas::compare(findings, place, Side::Request, mine, other),
        (Some(_), None) => {
            findings.differs(place, Some(Side::Request), "media type", "JSON", media_types(other));
            Ok(())
        }
        (None, _) => Ok(()),
    }
}

/// The answers. Of those of success, statuses and bodies are compared; of the others, the bodies that are documented.
fn answers(findings: &mut Findings<'_, '_>, place: &Place, theirs: &Value) -> Result<(), String> {
    let pointer = join(&findings.operation.pointer, "responses");
    let ours: Vec<(&str, &Value)> =
        findings.operation.responses().map(|(status, _, answer)| (status, answer)).collect();
    let theirs: Vec<(&str, &Value)> = members(theirs.get("responses")).collect();
    let successes: Vec<_> = theirs.iter().filter(|(status, _)| status.starts_with('2')).collect();
    for (status, _) in ours.iter().filter(|(status, _)| status.starts_with('2')) {
        if !successes.is_empty() && !successes.iter().any(|(other, _)| matches(status, other)) {
            let at = Place { name: place.name.clone(), pointer: join(&pointer, status) };
            findings.differs(&at, Some(Side::Answer), "missing in theirs", *status, listed(&successes));
        }
    }
    for (status, _) in &successes {
        if !ours.iter().any(|(own, _)| matches(own, status)) {
            let ours: Vec<_> = ours.iter().filter(|(own, _)| own.starts_with('2')).collect();
            let at = Place { name: place.name.clone(), pointer: pointer.clone() };
            findings.differs(&at, Some(Side::Answer), "new in theirs", listed(&ours), *status);
        }
    }
    for (status, mine) in &ours {
        let Some(mine) = json_schema(findings.ours.follow(mine)?) else { continue };
        let at = Place { name: format!("{} {status}", place.name), pointer: join(&pointer, status) };
        let exact = theirs.iter().filter(|(other, _)| matches(status, other));
        // Without an answer of its own, a success is what is answered by default.
        let by_default = theirs.iter().filter(|(other, _)| *other == "default");
        let by_default = by_default.filter(|_| !status.starts_with('2') || successes.is_empty());
        let mut bodies = Vec::new();
        for (_, other) in exact.chain(by_default) {
            bodies.push(json_schema(findings.theirs.follow(other)?));
        }
        if status.starts_with('2') && !bodies.is_empty() && bodies.iter().all(Option::is_none) {
            findings.differs(&at, Some(Side::Answer), "missing in theirs", "a body", "no body of JSON");
        }
        for other in bodies.into_iter().flatten() {
            schemas::compare(findings, &at, Side::Answer, mine, other)?;
        }
    }
    Ok(())
}

/// Whether two statuses can be the same, each as it is written: `200`, `2XX`.
fn matches(one: &str, other: &str) -> bool {
    let any = |digit: u8| digit.eq_ignore_ascii_case(&b'x');
    one.len() == other.len()
        && one.bytes().zip(other.bytes()).all(|(one, other)| one == other || any(one) || any(other))
}

fn listed(answers: &[&(&str, &Value)]) -> String {
    answers.iter().map(|(status, _)| *status).collect::<Vec<_>>().join(", ")
}

/// The schema of a body or a parameter in JSON: plain, as JSON:API, or as anything at all.
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
    let found = is_json.iter().find_map(|is| content.iter().find(|(name, _)| is(&essence(name))));
    found.map(|(_, content)| content.get("schema").unwrap_or(&Value::Null))
}

fn media_types(body: &Value) -> String {
    let names: Map<String, Value> =
        body.get("content").and_then(Value::as_object).cloned().unwrap_or_default();
    let names: Vec<_> = names.keys().map(String::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn is_required(value: &Value) -> bool {
    value.get("required") == Some(&json!(true))
}

pub(super) fn requirement(required: bool) -> &'static str {
    if required { "required" } else { "optional" }
}

pub(super) fn in_words(shape: &Shape, required: bool) -> String {
    format!("{}, {}", shape.in_words(), requirement(required))
}
