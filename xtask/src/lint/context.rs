//! What every rule looks at: the spec, its objects, and how to name them to a reader.

use serde_json::Value;

use super::outline::{self, Node};
use super::words::Kind;
use crate::finding::Finding;
use crate::spec::{Mark, Operation, Sides, Spec};

/// A spec with what more than one rule asks of it, worked out once.
pub(super) struct Context<'a> {
    pub(super) spec: &'a Spec,
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) operations: Vec<Operation<'a>>,
    pub(super) sides: Sides,
}

/// From which side of a call an object can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) request: bool,
    pub(super) response: bool,
}

impl Reach {
    /// Reached from requests, and only from them.
    pub(super) const REQUEST: Self = Self { request: true, response: false };
    /// Reached from responses, and only from them.
    pub(super) const RESPONSE: Self = Self { request: false, response: true };
}

impl<'a> Context<'a> {
    /// The context of a document whose root is an object of this kind.
    pub(super) fn new(spec: &'a Spec, kind: Kind) -> Self {
        Self {
            spec,
            nodes: outline::of(spec.root(), kind),
            // What is not a map is a matter of its shape; every other rule may take maps for granted.
            operations: spec.operations().into_iter().filter(|it| it.value.is_object()).collect(),
            sides: spec.sides(),
        }
    }

    /// The objects of one kind; those that a `$ref` stands for are left out.
    pub(super) fn each(&self, kind: Kind) -> impl Iterator<Item = &Node<'a>> {
        self.nodes.iter().filter(move |node| node.kind == kind && !node.is_reference())
    }

    /// Every schema, of either language; those that a `$ref` stands for are left out.
    pub(super) fn schemas(&self) -> impl Iterator<Item = &Node<'a>> {
        self.nodes.iter().filter(|node| node.kind.is_schema() && !node.is_reference())
    }

    /// The properties of every schema, references among them.
    pub(super) fn properties(&self) -> impl Iterator<Item = &Node<'a>> {
        self.nodes.iter().filter(|node| node.is_property())
    }

    /// The object around one.
    pub(super) fn parent(&self, node: &Node<'_>) -> Option<&Node<'a>> {
        self.nodes.get(node.parent?)
    }

    /// An object and those around it, from the inside out.
    pub(super) fn ancestors<'n>(&'n self, node: &'n Node<'a>) -> impl Iterator<Item = &'n Node<'a>> {
        std::iter::successors(Some(node), |node| self.parent(node))
    }

    /// From which side of a call an object can be reached.
    pub(super) fn reach(&self, node: &Node<'a>) -> Reach {
        for around in self.ancestors(node) {
            match around.kind {
                Kind::Schema if around.is_named_schema() => return self.reach_of(&around.key),
                Kind::Parameter | Kind::RequestBody => return Reach::REQUEST,
                Kind::Response => return Reach::RESPONSE,
                _ => {}
            }
        }
        Reach { request: false, response: false }
    }

    /// From which side of a call a named schema can be reached.
    pub(super) fn reach_of(&self, schema: &str) -> Reach {
        Reach { request: self.sides.in_request(schema), response: self.sides.in_response(schema) }
    }

    /// What the document says of printing the values of a schema, wherever its reference leads.
    pub(super) fn mark(&self, value: &Value) -> Mark {
        match self.spec.mark(value) {
            Mark::Unmarked => self.spec.mark(self.referred(value)),
            mark => mark,
        }
    }

    /// What a schema refers to, by a `$ref` or by an `allOf` with one `$ref`; else the schema itself.
    pub(super) fn referred<'v>(&'v self, value: &'v Value) -> &'v Value {
        match value.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
            Some([only]) => self.spec.resolve(only),
            _ => self.spec.resolve(value),
        }
    }

    /// Reports a finding.
    pub(super) fn report(
        &self,
        out: &mut Vec<Finding>,
        rule: &'static str,
        pointer: &str,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) {
        out.push(self.spec.document.finding(rule, pointer, what, mend));
    }

    /// What to call an object when speaking to a reader.
    pub(super) fn name(&self, node: &Node<'_>) -> String {
        let key = &node.key;
        let around = || self.parent(node).map_or_else(|| "the document".to_owned(), |it| self.name(it));
        let in_components = self.parent(node).is_some_and(|it| it.kind == Kind::Components);
        match node.kind {
            _ if node.parent.is_none() => match node.kind {
                Kind::JsonSchema => "the schema of the document".to_owned(),
                _ => "the document".to_owned(),
            },
            Kind::Info | Kind::Components => format!("`{key}`"),
            Kind::PathItem => format!("path `{key}`"),
            Kind::Operation => match self.operations.iter().find(|it| it.pointer == node.pointer) {
                Some(operation) => operation_name(operation),
                None => format!("operation `{key}` of {}", around()),
            },
            Kind::Tag => format!("tag `{}`", text(node, "name").unwrap_or(key)),
            Kind::Parameter if in_components => format!("parameter `{key}` of `components`"),
            Kind::Parameter => {
                let name = self.spec.resolve(node.value).get("name").and_then(Value::as_str);
                format!("parameter `{}` of {}", name.unwrap_or(key), around())
            }
            Kind::RequestBody if in_components => format!("request body `{key}`"),
            Kind::RequestBody => format!("the request body of {}", around()),
            Kind::Response if in_components => format!("response `{key}`"),
            Kind::Response => format!("response `{key}` of {}", around()),
            Kind::MediaType => format!("`{key}` of {}", around()),
            Kind::Schema | Kind::JsonSchema => match node.via {
                "schemas" | "definitions" => format!("schema `{key}`"),
                "properties" => format!("property `{key}` of {}", around()),
                "schema" => format!("the schema of {}", around()),
                "items" => format!("the items of {}", around()),
                via => format!("a schema in `{via}` of {}", around()),
            },
            Kind::Example if node.via == "examples" => format!("example `{key}` of {}", around()),
            Kind::Header => format!("header `{key}` of {}", around()),
            Kind::SecurityScheme => format!("security scheme `{key}`"),
            _ if node.via == key => format!("`{key}` of {}", around()),
            _ => format!("`{}/{key}` of {}", node.via, around()),
        }
    }
}

/// What to call an operation when speaking to a reader.
pub(super) fn operation_name(operation: &Operation<'_>) -> String {
    match operation.id() {
        "" => format!("operation `{} {}`", operation.method.to_uppercase(), operation.path),
        id => format!("operation `{id}`"),
    }
}

/// A member of an object that is text.
pub(super) fn text<'n>(node: &'n Node<'_>, member: &str) -> Option<&'n str> {
    node.value.get(member).and_then(Value::as_str)
}

/// Whether a schema describes objects.
pub(super) fn is_object(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("object") || schema.get("properties").is_some()
}

/// Names, as a sentence gives them: in backticks, with commas.
pub(super) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
