//! The spec, asked whether a request or an answer is what it says.
//!
//! The fake reads requests with the generated types, and so with whatever the generator made of the spec. Here the
//! spec judges by itself, and both sides: what a client sent, and what the sandbox made of it. It is read from
//! `generated/contract.json`, in which its schemas stand as JSON Schema.

mod deviation;
mod schema;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use carium_api::Operation;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;

pub(crate) use deviation::Place;
pub use deviation::{Direction, Violation};
use schema::Schemas;

/// What the spec says of each operation, read once for the process.
static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);

struct Contract {
    operations: BTreeMap<String, Terms>,
    schemas: Schemas,
}

/// What the spec says of an operation.
#[derive(Deserialize)]
struct Terms {
    parameters: Vec<Parameter>,
    request: Option<Body>,
    /// By the status as the spec writes it, such as `2XX`.
    answers: BTreeMap<String, Content>,
}

#[derive(Deserialize)]
struct Parameter {
    name: String,
    #[serde(rename = "in")]
    place: String,
    required: bool,
}

#[derive(Deserialize)]
struct Body {
    required: bool,
    content: Content,
}

/// The schemas of a body by its media types. They are compiled by where they stand.
type Content = BTreeMap<String, Value>;

impl Contract {
    fn read() -> Self {
        #[derive(Deserialize)]
        struct File {
            operations: BTreeMap<String, Terms>,
        }
        const TEXT: &str = include_str!("generated/contract.json");
        const REASON: &str = "it was written by the generator, and every test of the sandbox reads it";
        let File { operations } = serde_json::from_str(TEXT).expect(REASON);
        let schemas = Schemas::over(serde_json::from_str(TEXT).expect(REASON));
        Self { operations, schemas }
    }
}

/// How a request differs from what the spec says of its operation.
///
/// Whether the service grants what is asked is its own business: a request without a token or with an id of
/// nothing is one that the spec knows.
pub(crate) fn judge_request(operation: &'static Operation, request: &Request<Bytes>) -> Vec<Violation> {
    Judge::new(operation, Direction::Request).request(request)
}

/// How an answer differs from what the spec says of its operation.
pub(crate) fn judge_answer(operation: &'static Operation, response: &Response<Bytes>) -> Vec<Violation> {
    Judge::new(operation, Direction::Response).answer(response)
}

/// One judgement.
struct Judge {
    operation: &'static Operation,
    direction: Direction,
    /// Where the operation stands in the contract, as a JSON pointer.
    pointer: String,
    found: Vec<Violation>,
}

impl Judge {
    fn new(operation: &'static Operation, direction: Direction) -> Self {
        Self { operation, direction, pointer: format!("/operations/{}", operation.id), found: Vec::new() }
    }

    fn find(&mut self, place: Place, expected: impl Into<String>) {
        let operation = Some(self.operation.id);
        let expected = expected.into();
        self.found.push(Violation { operation, direction: self.direction, place, expected });
    }

    /// What the spec says of the operation; none where the table of operations is ahead of the spec.
    fn terms(&mut self) -> Option<&'static Terms> {
        let terms = CONTRACT.operations.get(self.operation.id);
        if terms.is_none() {
            self.find(Place::Path, "an operation of the spec");
        }
        terms
    }

    fn request(mut self, request: &Request<Bytes>) -> Vec<Violation> {
        if let Some(terms) = self.terms() {
            self.path(terms, request.uri().path());
            self.query(terms, request.uri().query().unwrap_or_default());
            match &terms.request {
                Some(body) if body.required || !request.body().is_empty() => {
                    let at = format!("{}/request/content", self.pointer);
                    self.body(&body.content, &at, request.headers(), request.body());
                }
                Some(_) => {}
                None if request.body().is_empty() => {}
                None => self.find(Place::Body(String::new()), "no body"),
            }
        }
        self.found
    }

    fn answer(mut self, response: &Response<Bytes>) -> Vec<Violation> {
        if let Some(terms) = self.terms() {
            match content_of(&terms.answers, response.status()) {
                None => {
                    let statuses: Vec<_> = terms.answers.keys().map(String::as_str).collect();
                    self.find(Place::Status, format!("one of {}", statuses.join(", ")));
                }
                Some((_, content)) if content.is_empty() => {
                    if !response.body().is_empty() {
                        self.find(Place::Body(String::new()), "no body");
                    }
                }
                Some((status, content)) => {
                    let at = format!("{}/answers/{status}", self.pointer);
                    self.body(content, &at, response.headers(), response.body());
                }
            }
        }
        self.found
    }

    fn path(&mut self, terms: &Terms, path: &str) {
        let segments = |path: &str| {
            // Two of the vendor's own programs write a double slash.
            path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        for (template, segment) in segments(self.operation.path).into_iter().zip(segments(path)) {
            let name = template.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            let Some(name) = name else { continue };
            let is_it = |parameter: &Parameter| parameter.place == "path" && parameter.name == name;
            if let Some(index) = terms.parameters.iter().position(is_it) {
                self.parameter(index, &segment, &Place::Parameter(name.to_owned()));
            }
        }
    }

    fn query(&mut self, terms: &Terms, query: &str) {
        let known = |name: &str| {
            terms.parameters.iter().position(|parameter| parameter.place == "query" && parameter.name == name)
        };
        let mut given = vec![false; terms.parameters.len()];
        // The spec names some filters of a list, and says that there are more.
        let is_filter = |name: &str| name.starts_with("filter[") && name.ends_with(']');
        let has_filters = terms.parameters.iter().any(|parameter| is_filter(&parameter.name));
        for (nth, (name, value)) in form_urlencoded::parse(query.as_bytes()).enumerate() {
            match known(&name) {
                Some(index) if given[index] => {
                    self.find(Place::Parameter(name.into_owned()), "to be given once");
                }
                Some(index) => {
                    given[index] = true;
                    self.parameter(index, &value, &Place::Parameter(name.into_owned()));
                }
                None if has_filters && is_filter(&name) => {}
                None => {
                    let names = terms.parameters.iter().filter(|parameter| parameter.place == "query");
                    let names: Vec<_> = names.map(|parameter| parameter.name.as_str()).collect();
                    let expected = match names.as_slice() {
                        [] => "no parameters".to_owned(),
                        names => format!("one of {}", names.join(", ")),
                    };
                    self.find(Place::UnknownParameter(nth + 1), expected);
                }
            }
        }
        for (parameter, given) in terms.parameters.iter().zip(given) {
            if parameter.place == "query" && parameter.required && !given {
                self.find(Place::Parameter(parameter.name.clone()), "to be given");
            }
        }
    }

    /// A parameter is text; it stands for what its text says where the spec wants a number or a flag.
    fn parameter(&mut self, index: usize, text: &str, place: &Place) {
        let at = format!("{}/parameters/{index}/schema", self.pointer);
        let mut faults = CONTRACT.schemas.faults(&at, &Value::from(text));
        let is_no_text = faults.iter().any(|fault| fault.is_of_another_type);
        if let Some(literal) = serde_json::from_str::<Value>(text).ok().filter(|_| is_no_text) {
            faults = CONTRACT.schemas.faults(&at, &literal);
        }
        for fault in faults {
            self.find(place.clone(), fault.expected);
        }
    }

    /// A body of one of these media types, whose schemas stand at a pointer.
    fn body(&mut self, content: &Content, at: &str, headers: &HeaderMap, body: &[u8]) {
        let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let given = given.split(';').next().unwrap_or_default().trim();
        let media_type = content.keys().find(|each| each.eq_ignore_ascii_case(given));
        if media_type.is_none() {
            let known: Vec<_> = content.keys().map(String::as_str).collect();
            self.find(Place::Header("content-type"), known.join(" or "));
        }
        // A body of another type is judged all the same: the header may be all that is wrong.
        let Some(media_type) = media_type.or_else(|| content.keys().next()) else { return };
        let Ok(value) = serde_json::from_slice(body) else {
            return self.find(Place::Body(String::new()), "JSON");
        };
        let schema = format!("{at}/{}", media_type.replace('~', "~0").replace('/', "~1"));
        for fault in CONTRACT.schemas.faults(&schema, &value) {
            self.find(Place::Body(fault.pointer), fault.expected);
        }
    }
}

/// What the spec says of answers with this status: by the status itself, or by its hundred.
fn content_of(answers: &BTreeMap<String, Content>, status: StatusCode) -> Option<(&str, &Content)> {
    let range = format!("{}XX", status.as_u16() / 100);
    let found = answers.get_key_value(status.as_str()).or_else(|| answers.get_key_value(&range));
    found.or_else(|| answers.get_key_value("default")).map(|(status, content)| (status.as_str(), content))
}
