//! The objects of a document that the rules check, with their locations and names, and the findings in it.

use std::fmt;

use serde_json::Value;

use Form::{Direct, Named};

use crate::document::{Document, Finding};
use crate::json::{join, only_item, text};
use crate::spec::{CallSides, METHODS, Mark, Operation, Sides, Spec};

/// The kinds of objects, with the names of the OpenAPI specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Document,
    Info,
    Tag,
    PathItem,
    Operation,
    Parameter,
    RequestBody,
    MediaType,
    Response,
    Header,
    Example,
    SecurityScheme,
    Components,
    Schema,
    /// A schema of a JSON Schema file of draft 7.
    JsonSchema,
}

/// How a member of an object contains other objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// An object or a list of objects.
    Direct,
    /// A map from names to objects.
    Named,
}

impl Kind {
    /// Returns the members that contain objects, by form and kind.
    fn children(self) -> &'static [(Form, Self, &'static [&'static str])] {
        match self {
            Self::Document => &[
                (Direct, Self::Info, &["info"]),
                (Direct, Self::Tag, &["tags"]),
                (Direct, Self::Components, &["components"]),
                (Named, Self::PathItem, &["paths"]),
            ],
            Self::PathItem => {
                &[(Direct, Self::Parameter, &["parameters"]), (Direct, Self::Operation, &METHODS)]
            }
            Self::Operation => &[
                (Direct, Self::Parameter, &["parameters"]),
                (Direct, Self::RequestBody, &["requestBody"]),
                (Named, Self::Response, &["responses"]),
            ],
            Self::Parameter | Self::Header => &[
                (Direct, Self::Schema, &["schema"]),
                (Named, Self::Example, &["examples"]),
                (Named, Self::MediaType, &["content"]),
            ],
            Self::RequestBody => &[(Named, Self::MediaType, &["content"])],
            Self::MediaType => &[(Direct, Self::Schema, &["schema"]), (Named, Self::Example, &["examples"])],
            Self::Response => &[(Named, Self::Header, &["headers"]), (Named, Self::MediaType, &["content"])],
            Self::Components => &[
                (Named, Self::Schema, &["schemas"]),
                (Named, Self::Response, &["responses"]),
                (Named, Self::Parameter, &["parameters"]),
                (Named, Self::Example, &["examples"]),
                (Named, Self::RequestBody, &["requestBodies"]),
                (Named, Self::Header, &["headers"]),
                (Named, Self::SecurityScheme, &["securitySchemes"]),
            ],
            Self::Schema => &[
                (Direct, Self::Schema, &["items", "additionalProperties", "allOf", "oneOf", "anyOf", "not"]),
                (Named, Self::Schema, &["properties"]),
            ],
            Self::JsonSchema => &[
                (Direct, Self::JsonSchema, &["items", "additionalItems", "contains", "additionalProperties"]),
                (
                    Direct,
                    Self::JsonSchema,
                    &["propertyNames", "allOf", "oneOf", "anyOf", "not", "if", "then", "else"],
                ),
                (
                    Named,
                    Self::JsonSchema,
                    &["properties", "patternProperties", "dependencies", "definitions"],
                ),
            ],
            Self::Info | Self::Tag | Self::Example | Self::SecurityScheme => &[],
        }
    }

    /// Returns the pointer of the map of named objects of this kind, if a `$ref` may replace such an object.
    pub(super) fn section(self) -> Option<&'static str> {
        Some(match self {
            Self::Schema => "/components/schemas",
            Self::Response => "/components/responses",
            Self::Parameter => "/components/parameters",
            Self::Example => "/components/examples",
            Self::RequestBody => "/components/requestBodies",
            Self::Header => "/components/headers",
            Self::SecurityScheme => "/components/securitySchemes",
            Self::JsonSchema => "/definitions",
            _ => return None,
        })
    }

    /// Returns `true` for a schema of either language.
    pub(super) fn is_schema(self) -> bool {
        matches!(self, Self::Schema | Self::JsonSchema)
    }
}

/// An object of the document.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    pub(super) kind: Kind,
    /// The location as a JSON pointer.
    pub(super) pointer: String,
    /// The object, always a map.
    pub(super) value: &'a Value,
    /// The member of the parent that contains the object, for example `properties`.
    pub(super) via: &'static str,
    /// The name or index of the object in that member, or the name of the member itself.
    pub(super) key: String,
    /// The index of the parent in the outline.
    parent: Option<usize>,
}

impl Node<'_> {
    /// Returns the pointer of a member.
    pub(super) fn at(&self, member: &str) -> String {
        join(&self.pointer, member)
    }

    /// Returns `true` if the object has this member.
    pub(super) fn has(&self, member: &str) -> bool {
        self.value.get(member).is_some()
    }

    /// Returns a string member.
    pub(super) fn text(&self, member: &str) -> Option<&str> {
        text(self.value, member)
    }

    /// Returns `true` for a property of an object schema.
    pub(super) fn is_property(&self) -> bool {
        self.kind.is_schema() && self.via == "properties"
    }

    /// Returns `true` for a named schema.
    pub(super) fn is_named_schema(&self) -> bool {
        self.kind.is_schema() && matches!(self.via, "schemas" | "definitions")
    }

    /// Returns `true` if a `$ref` replaces the object.
    pub(super) fn is_reference(&self) -> bool {
        self.kind.section().is_some() && self.has("$ref")
    }
}

/// The document that is checked, with the queries that several rules share.
pub(super) struct Context<'a> {
    pub(super) spec: &'a Spec,
    /// All objects in document order.
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) operations: Vec<Operation<'a>>,
    sides: Sides,
}

impl<'a> Context<'a> {
    /// Creates the context of a document with a root of this kind.
    pub(super) fn new(spec: &'a Spec, kind: Kind) -> Self {
        let mut nodes = Vec::new();
        let root = Origin { kind, via: "", key: String::new(), pointer: String::new(), parent: None };
        visit(&mut nodes, root, spec.root());
        let operations = spec.operations().into_iter().filter(|it| it.value.is_object()).collect();
        Self { spec, nodes, operations, sides: spec.sides() }
    }

    /// Returns the document.
    pub(super) fn document(&self) -> &'a Document {
        &self.spec.document
    }

    /// Returns the objects of one kind, without references.
    pub(super) fn each(&self, kind: Kind) -> impl Iterator<Item = &Node<'a>> {
        self.nodes.iter().filter(move |node| node.kind == kind && !node.is_reference())
    }

    /// Returns all schemas, without references.
    pub(super) fn schemas(&self) -> impl Iterator<Item = &Node<'a>> {
        self.nodes.iter().filter(|node| node.kind.is_schema() && !node.is_reference())
    }

    /// Returns the properties of all schemas, including references.
    pub(super) fn properties(&self) -> impl Iterator<Item = &Node<'a>> {
        self.nodes.iter().filter(|node| node.is_property())
    }

    /// Returns the object that contains another.
    pub(super) fn parent(&self, node: &Node<'_>) -> Option<&Node<'a>> {
        self.nodes.get(node.parent?)
    }

    /// Returns an object and those that contain it, innermost first.
    pub(super) fn ancestors<'n>(&'n self, node: &'n Node<'a>) -> impl Iterator<Item = &'n Node<'a>> {
        std::iter::successors(Some(node), |node| self.parent(node))
    }

    /// Returns the sides of a call that use an object.
    pub(super) fn usage(&self, node: &Node<'a>) -> CallSides {
        for ancestor in self.ancestors(node) {
            match ancestor.kind {
                Kind::Schema if ancestor.is_named_schema() => return self.schema_usage(&ancestor.key),
                Kind::Parameter | Kind::RequestBody => return CallSides::REQUEST,
                Kind::Response => return CallSides::RESPONSE,
                _ => {}
            }
        }
        CallSides::NONE
    }

    /// Returns the sides of a call that use a named schema.
    pub(super) fn schema_usage(&self, name: &str) -> CallSides {
        self.sides.of(name)
    }

    /// Returns the privacy mark of a schema or of the schema that it refers to.
    pub(super) fn mark(&self, schema: &Value) -> Mark {
        match self.spec.mark(schema) {
            Mark::Unmarked => self.spec.mark(self.referenced(schema)),
            mark => mark,
        }
    }

    /// Returns the schema that another refers to, directly or as the only member of an `allOf`, or the schema itself.
    pub(super) fn referenced<'v>(&'v self, schema: &'v Value) -> &'v Value {
        self.spec.resolve(only_item(schema.get("allOf")).unwrap_or(schema))
    }

    /// Returns the name of an object for messages.
    pub(super) fn name(&self, node: &Node<'_>) -> String {
        let key = &node.key;
        let Some(parent) = self.parent(node) else { return "the document".to_owned() };
        let in_components = parent.kind == Kind::Components;
        let owner = || self.name(parent);
        match node.kind {
            Kind::PathItem => format!("path `{key}`"),
            Kind::Operation => match self.operations.iter().find(|it| it.pointer == node.pointer) {
                Some(operation) => operation_name(operation),
                None => format!("operation `{key}` of {}", owner()),
            },
            Kind::Tag => format!("tag `{}`", node.text("name").unwrap_or(key)),
            Kind::Parameter if in_components => format!("parameter `{key}`"),
            Kind::Parameter => {
                let name = text(self.spec.resolve(node.value), "name");
                format!("parameter `{}` of {}", name.unwrap_or(key), owner())
            }
            Kind::RequestBody if in_components => format!("request body `{key}`"),
            Kind::RequestBody => format!("the request body of {}", owner()),
            Kind::Response if in_components => format!("response `{key}`"),
            Kind::Response => format!("response `{key}` of {}", owner()),
            Kind::Schema | Kind::JsonSchema => match node.via {
                "schemas" | "definitions" => format!("schema `{key}`"),
                "properties" => format!("property `{key}` of {}", owner()),
                "schema" => format!("the schema of {}", owner()),
                "items" => format!("the items of {}", owner()),
                via => format!("a schema in `{via}` of {}", owner()),
            },
            Kind::Header => format!("header `{key}` of {}", owner()),
            Kind::SecurityScheme => format!("security scheme `{key}`"),
            Kind::Info | Kind::Components => format!("`{key}`"),
            _ => format!("`{key}` of {}", owner()),
        }
    }
}

/// The findings in a document.
pub(super) struct Findings<'a> {
    context: &'a Context<'a>,
    /// The rule that runs.
    pub(super) rule: &'static str,
    pub(super) all: Vec<Finding>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(context: &'a Context<'a>) -> Self {
        Self { context, rule: "", all: Vec::new() }
    }

    /// Runs a rule with this name.
    pub(super) fn run(&mut self, (name, rule): (&'static str, fn(&Context<'_>, &mut Self))) {
        self.rule = name;
        rule(self.context, self);
    }

    /// Adds a problem of an object, at one of its members unless `member` is empty. The message starts with the name of
    /// the object.
    pub(super) fn add(
        &mut self,
        (node, member): (&Node<'_>, &str),
        problem: impl fmt::Display,
        fix: impl Into<String>,
    ) {
        let pointer = if member.is_empty() { node.pointer.clone() } else { node.at(member) };
        self.add_at(&pointer, format!("{} {problem}", self.context.name(node)), fix);
    }

    /// Adds a problem of an operation, like [`Self::add`].
    pub(super) fn add_operation(
        &mut self,
        (operation, member): (&Operation<'_>, &str),
        problem: impl fmt::Display,
        fix: impl Into<String>,
    ) {
        let at = &operation.pointer;
        let pointer = if member.is_empty() { at.clone() } else { join(at, member) };
        self.add_at(&pointer, format!("{} {problem}", operation_name(operation)), fix);
    }

    /// Adds a finding at a pointer.
    pub(super) fn add_at(&mut self, pointer: &str, message: impl Into<String>, fix: impl Into<String>) {
        self.all.push(self.context.document().finding(self.rule, pointer, message, fix));
    }
}

/// Returns the name of an operation for messages.
pub(super) fn operation_name(operation: &Operation<'_>) -> String {
    match operation.id() {
        "" => format!("operation `{}`", operation.route()),
        id => format!("operation `{id}`"),
    }
}

/// Formats names for a sentence: in backticks, with commas.
pub(super) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Returns `true` if a schema describes objects.
pub(super) fn is_object(schema: &Value) -> bool {
    text(schema, "type") == Some("object") || schema.get("properties").is_some()
}

/// The location of an object that is to be visited.
struct Origin {
    kind: Kind,
    via: &'static str,
    key: String,
    pointer: String,
    parent: Option<usize>,
}

fn visit<'a>(nodes: &mut Vec<Node<'a>>, origin: Origin, value: &'a Value) {
    let Some(map) = value.as_object() else { return };
    let Origin { kind, via, key, pointer, parent } = origin;
    let index = nodes.len();
    nodes.push(Node { kind, pointer: pointer.clone(), value, via, key, parent });
    if nodes[index].is_reference() {
        return;
    }
    for (member, content) in map {
        let children = kind.children().iter();
        let mut children =
            children.flat_map(|(form, kind, names)| names.iter().map(move |name| (*name, *kind, *form)));
        let Some((via, kind, form)) = children.find(|(name, ..)| name == member) else { continue };
        let at = join(&pointer, member);
        let mut enter = |key: &str, pointer, value| {
            visit(nodes, Origin { kind, via, key: key.to_owned(), pointer, parent: Some(index) }, value);
        };
        match content {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let key = index.to_string();
                    enter(&key, join(&at, &key), item);
                }
            }
            Value::Object(members) if form == Named => {
                for (key, item) in members {
                    enter(key, join(&at, key), item);
                }
            }
            _ => enter(via, at, content),
        }
    }
}
