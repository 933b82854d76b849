//! Validates documents against the official JSON Schema of their format, and the keywords that the schema leaves
//! open.

use std::sync::LazyLock;

use jsonschema::Validator;
use jsonschema::error::{TypeKind, ValidationError, ValidationErrorKind};
use serde_json::{Value, json};

use super::operations::{RETRY_CLASSES, SOURCES};
use super::outline::{Context, Findings, Kind, listed};
use crate::json::{items, join, members, strings, unescape};

static OPENAPI: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/openapi-3.0.json"));
    serde_json::from_str(text).expect("the vendored schema is valid JSON")
});

static OPENAPI_VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let options = jsonschema::draft4::options().offline().should_validate_formats(true);
    options.build(&OPENAPI).expect("the vendored schema is a valid schema")
});

static DRAFT_7_VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let options = jsonschema::draft7::options().offline().should_validate_formats(true);
    let reference = json!({ "$ref": "http://json-schema.org/draft-07/schema#" });
    options.build(&reference).expect("the meta-schema is part of `jsonschema`")
});

/// `openapi`: the document is valid OpenAPI 3.0 according to the official schema. The generators panic on an invalid
/// document or ignore the invalid part.
pub(super) fn openapi(context: &Context<'_>, findings: &mut Findings<'_>) {
    validate(context, &OPENAPI_VALIDATOR, findings);
}

/// `json-schema`: the document is valid JSON Schema of draft 7 according to its meta-schema, and has no other
/// keywords, which the meta-schema allows.
pub(super) fn json_schema(context: &Context<'_>, findings: &mut Findings<'_>) {
    validate(context, &DRAFT_7_VALIDATOR, findings);
    for node in context.schemas() {
        // Draft 7 allows `true` for any value, but such a property would have no description and no privacy mark.
        for (name, _) in members(node.value.get("properties")).filter(|(_, schema)| !schema.is_object()) {
            let problem = format!("has the property `{name}` without a schema");
            findings.add((node, "properties"), problem, "write a schema, as a map");
        }
        for (keyword, _) in members(Some(node.value)) {
            if !KEYWORDS_OF_DRAFT_7.contains(&keyword) && !keyword.starts_with("x-") {
                let problem = format!("has `{keyword}`, which is not a keyword of JSON Schema draft 7");
                let fix = suggestion(keyword, KEYWORDS_OF_DRAFT_7);
                findings.add((node, keyword), problem, fix);
            }
        }
    }
}

/// `extension`: extensions are spelled correctly, at a place where they have a meaning, and have a valid value. Other
/// extensions are ignored by everything, so a misspelled `x-phi` would print the name of a patient.
pub(super) fn extensions(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.nodes.iter().filter(|node| !node.is_reference()) {
        // OpenAPI also allows extensions beside paths and statuses.
        if matches!(node.kind, Kind::PathItem | Kind::Response) && node.key.starts_with("x-") {
            findings.add((node, ""), "is an unknown extension", "remove it");
        }
        for (name, value) in members(Some(node.value)).filter(|(name, _)| name.starts_with("x-")) {
            let known = EXTENSIONS.iter().find(|extension| extension.name == name);
            let (problem, fix) = match known {
                None => {
                    let names: Vec<_> = EXTENSIONS.iter().map(|extension| extension.name).collect();
                    (format!("has the unknown extension `{name}`"), suggestion(name, &names))
                }
                Some(extension) if !extension.kinds.contains(&node.kind) => (
                    format!("has `{name}`, which has no meaning there"),
                    format!("move it to {}", extension.place),
                ),
                Some(extension) if !extension.values.contain(value) => {
                    (format!("has an invalid `{name}`"), extension.values.fix())
                }
                Some(_) => continue,
            };
            findings.add((node, name), problem, fix);
        }
    }
}

/// `format`: formats are known. Validators and the generator ignore others, so a misspelled `uuid` would be any
/// string.
pub(super) fn formats(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.schemas() {
        if let Some(format) = node.text("format").filter(|format| !FORMATS.contains(format)) {
            let problem = format!("has the unknown format `{format}`");
            findings.add((node, "format"), problem, suggestion(format, FORMATS));
        }
    }
}

/// An extension of this workspace.
struct Extension {
    name: &'static str,
    kinds: &'static [Kind],
    /// The kinds in words.
    place: &'static str,
    values: Values,
}

/// The valid values of an extension.
enum Values {
    Flag,
    SchemaName,
    Text,
    OneOf(&'static [&'static str]),
}

const EXTENSIONS: &[Extension] = &[
    Extension {
        name: "x-retry",
        kinds: &[Kind::Operation],
        place: "an operation",
        values: Values::OneOf(&RETRY_CLASSES),
    },
    Extension {
        name: "x-source",
        kinds: &[Kind::Operation, Kind::Parameter, Kind::Schema],
        place: "an operation, a parameter or a schema",
        values: Values::OneOf(&SOURCES),
    },
    Extension { name: "x-phi", kinds: MARKABLE, place: MARKABLE_PLACE, values: Values::Flag },
    Extension { name: "x-secret", kinds: MARKABLE, place: MARKABLE_PLACE, values: Values::Flag },
    Extension {
        name: "x-expect",
        kinds: &[Kind::Schema],
        place: "a property of a response",
        values: Values::SchemaName,
    },
    Extension {
        name: "x-hint",
        kinds: &[Kind::JsonSchema],
        place: "a property of an onboarding row",
        values: Values::Text,
    },
];

const MARKABLE: &[Kind] = &[Kind::Parameter, Kind::Schema, Kind::JsonSchema];
const MARKABLE_PLACE: &str = "a schema, a property or a parameter";

impl Values {
    fn contain(&self, value: &Value) -> bool {
        match self {
            Self::Flag => value.is_boolean(),
            Self::SchemaName | Self::Text => value.is_string(),
            Self::OneOf(values) => value.as_str().is_some_and(|value| values.contains(&value)),
        }
    }

    fn fix(&self) -> String {
        match self {
            Self::Flag => "write `true` or `false`, without quotes".to_owned(),
            Self::SchemaName => "write the name of a schema".to_owned(),
            Self::Text => "write a text".to_owned(),
            Self::OneOf(values) => format!("write one of {}", listed(values.iter().copied())),
        }
    }
}

/// The formats of OpenAPI 3.0, and those of JSON Schema that `jsonschema` validates.
#[rustfmt::skip]
const FORMATS: &[&str] = &[
    "binary", "byte", "date", "date-time", "double", "duration", "email", "float", "hostname", "int32", "int64", "ipv4", "ipv6",
    "json-pointer", "password", "regex", "time", "uri", "uri-reference", "uuid",
];

#[rustfmt::skip]
const KEYWORDS_OF_DRAFT_7: &[&str] = &[
    "$comment", "$id", "$ref", "$schema", "additionalItems", "additionalProperties", "allOf", "anyOf", "const", "contains",
    "contentEncoding", "contentMediaType", "default", "definitions", "dependencies", "description", "else", "enum", "examples",
    "exclusiveMaximum", "exclusiveMinimum", "format", "if", "items", "maxItems", "maxLength", "maxProperties", "maximum", "minItems",
    "minLength", "minProperties", "minimum", "multipleOf", "not", "oneOf", "pattern", "patternProperties", "properties",
    "propertyNames", "readOnly", "required", "then", "title", "type", "uniqueItems", "writeOnly",
];

/// Fixes for errors at members of OpenAPI objects, where the general fix says too little.
const FIXES: &[(&str, &str)] = &[
    ("openapi", "write `openapi: 3.0.3`; the generators do not support 3.1"),
    ("const", "write `enum` with one value; `const` is a keyword of OpenAPI 3.1"),
    ("examples", "write `example`; `examples` is a keyword of OpenAPI 3.1"),
    ("$defs", "move the schemas to `components/schemas`"),
    ("exclusiveMinimum", "write the limit as `minimum`, and `exclusiveMinimum: true`"),
    ("exclusiveMaximum", "write the limit as `maximum`, and `exclusiveMaximum: true`"),
];

fn validate(context: &Context<'_>, validator: &Validator, findings: &mut Findings<'_>) {
    let errors: Vec<_> = validator.iter_errors(context.spec.root()).collect();
    for error in &errors {
        report(context, error, findings);
    }
    // `report` omits errors that others explain better. This covers the case that there is no other.
    if let Some(error) = errors.first().filter(|_| findings.all.is_empty()) {
        let at = error.instance_path().to_string();
        let message = format!("{} is invalid", subject(context, &at));
        findings.add_at(&at, message, "compare it with the specification");
    }
}

/// Reports a validation error. No message contains a value of the document, because examples may contain real data.
fn report(context: &Context<'_>, error: &ValidationError<'_>, findings: &mut Findings<'_>) {
    let pointer = error.instance_path().to_string();
    match error.kind() {
        ValidationErrorKind::OneOfNotValid { context: alternatives }
        | ValidationErrorKind::AnyOf { context: alternatives } => match discriminator_values(alternatives) {
            Some((at, values)) => {
                let message = format!("{} has an unknown value", subject(context, &at));
                findings.add_at(&at, message, format!("write one of {}", listed(values)));
            }
            None => closest_alternative(&pointer, alternatives)
                .iter()
                .for_each(|error| report(context, error, findings)),
        },
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            for name in unexpected {
                let message =
                    format!("{} has `{name}`, which is not allowed there", subject(context, &pointer));
                let fix = fix_for_unexpected(error.schema_path().as_str(), name);
                findings.add_at(&join(&pointer, name), message, fix);
            }
        }
        // A list also has the wrong type, which is reported separately.
        ValidationErrorKind::Enum { .. } if error.instance().is_array() => {}
        // Another error at the same location says more.
        ValidationErrorKind::OneOfMultipleValid { .. }
            if findings.all.iter().any(|it| it.pointer == pointer) => {}
        _ => {
            let (problem, fix) = problem_and_fix(error, &pointer);
            let fix =
                special_fix(findings.rule, pointer.rsplit('/').next().unwrap_or_default()).unwrap_or(fix);
            findings.add_at(&pointer, format!("{} {problem}", subject(context, &pointer)), fix);
        }
    }
}

/// Returns the problem and the fix of an error that concerns a single value.
fn problem_and_fix(error: &ValidationError<'_>, pointer: &str) -> (String, String) {
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            (format!("has no `{name}`"), format!("add `{name}:`"))
        }
        ValidationErrorKind::Type { .. } if pointer.ends_with("/type") && error.instance().is_array() => {
            let fix = "write one type, and `nullable: true` if the value may be `null`";
            ("is a list, which OpenAPI 3.0 does not support".to_owned(), fix.to_owned())
        }
        ValidationErrorKind::Type { kind } => {
            let expected = match kind {
                TypeKind::Single(kind) => kind.to_string(),
                TypeKind::Multiple(kinds) => {
                    kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(" or ")
                }
            };
            let article = if expected.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
            let note = if expected == "boolean" { ": `true` or `false`, without quotes" } else { "" };
            (format!("is not {article} {expected}"), format!("write {article} {expected}{note}"))
        }
        ValidationErrorKind::Enum { options } => {
            let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let options: Vec<_> = items(Some(options)).map(plain).collect();
            let fix = format!("write one of {}", listed(options.iter().map(String::as_str)));
            ("has an unknown value".to_owned(), fix)
        }
        ValidationErrorKind::Not { schema } if schema.get("required").is_some() => {
            let names = listed(strings(schema.get("required")));
            (format!("has {names}, which exclude each other"), "keep one of them".to_owned())
        }
        _ => (format!("is invalid: {}", error.masked_with("the value")), "change the value".to_owned()),
    }
}

/// Returns the fix for an error at a member with this name, where the general fix says too little.
fn special_fix(rule: &str, member: &str) -> Option<String> {
    FIXES.iter().find(|(name, _)| rule == "openapi" && *name == member).map(|(_, fix)| (*fix).to_owned())
}

/// Returns the name of the value at a pointer: that of an object, or `member` of the closest object.
fn subject(context: &Context<'_>, pointer: &str) -> String {
    let contains =
        |at: &str| pointer.strip_prefix(at).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let nodes = context.nodes.iter().filter(|node| contains(&node.pointer));
    match nodes.max_by_key(|node| node.pointer.len()) {
        None => "the document".to_owned(),
        Some(node) if node.pointer == pointer => context.name(node),
        Some(node) => {
            let member = unescape(&pointer[node.pointer.len() + 1..]);
            format!("`{member}` of {}", context.name(node))
        }
    }
}

/// Returns the errors of the alternative of a `oneOf` or `anyOf` that the value was probably meant to match. Without
/// this choice every mistake in a schema would be reported as "not valid under any of the schemas".
fn closest_alternative<'e>(
    pointer: &str,
    alternatives: &'e [Vec<ValidationError<'static>>],
) -> &'e [ValidationError<'static>] {
    let mismatch = |error: &ValidationError<'_>| {
        let at = error.instance_path().as_str();
        let is_member = |name: &str| at.strip_prefix(pointer) == Some(name);
        match error.kind() {
            // An alternative for another type, for references only, or for anything but references.
            ValidationErrorKind::Type { .. } if at == pointer => 2,
            ValidationErrorKind::Enum { .. } if at == pointer && !error.instance().is_string() => 2,
            ValidationErrorKind::Required { property } if at == pointer && property == "$ref" => 2,
            ValidationErrorKind::AdditionalProperties { unexpected }
                if unexpected.iter().any(|it| it == "$ref") =>
            {
                2
            }
            // An alternative for another kind of security scheme or parameter.
            ValidationErrorKind::Enum { .. } if is_member("/type") || is_member("/in") => 1,
            _ => 0,
        }
    };
    let rank = |errors: &&Vec<_>| (errors.iter().map(mismatch).max(), errors.len());
    alternatives.iter().min_by_key(rank).map(Vec::as_slice).unwrap_or_default()
}

/// Returns the location and the values of the member that selects an alternative (`in` of a parameter, `type` of a
/// security scheme), if its value selects none.
fn discriminator_values<'e>(
    alternatives: &'e [Vec<ValidationError<'static>>],
) -> Option<(String, Vec<&'e str>)> {
    let mut location = None;
    let mut values = Vec::new();
    for errors in alternatives {
        let (at, options) = errors.iter().find_map(|error| match error.kind() {
            ValidationErrorKind::Enum { options } => {
                Some((error.instance_path().as_str(), options.as_array()?))
            }
            _ => None,
        })?;
        if !at.ends_with("/in") && !at.ends_with("/type") || *location.get_or_insert(at) != at {
            return None;
        }
        values.extend(options.iter().filter_map(Value::as_str));
    }
    location.filter(|_| alternatives.len() > 1).map(|at| (at.to_owned(), values))
}

/// Returns the fix for a member that a definition of the OpenAPI schema does not have.
fn fix_for_unexpected(schema_path: &str, name: &str) -> String {
    if let Some(fix) = special_fix("openapi", name) {
        return fix;
    }
    let definition = schema_path.strip_suffix("/additionalProperties").unwrap_or_default();
    match definition {
        "/definitions/Responses" => {
            "write a status from 100 to 599 in quotes, or a range such as `4XX`".to_owned()
        }
        "/definitions/Paths" => format!("write `/{name}`"),
        _ => {
            let definition = OPENAPI.pointer(definition);
            let mut known: Vec<_> =
                members(definition.and_then(|it| it.get("properties"))).map(|(name, _)| name).collect();
            if definition == OPENAPI.pointer("/definitions/PathItem") {
                known.extend(["get", "put", "post", "delete", "patch"]);
            }
            suggestion(name, &known)
        }
    }
}

fn suggestion(word: &str, known: &[&str]) -> String {
    match similar::get_close_matches(word, known, 1, 0.6).first() {
        Some(name) => format!("write `{name}`, or remove it"),
        None => "remove it".to_owned(),
    }
}
