//! Named schemas: which are needed, how they are named, and that both specs define them equally.

use serde_json::Value;

use super::outline::{Context, Findings, Kind, is_object};
use super::privacy::words;
use crate::document::{Document, Finding};
use crate::json::{is_true, join, members, text};
use crate::spec::{Spec, referred_schema};

/// Names of the standard library, the generator and `carium-api` that are in scope of the generated types.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "Attribute", "Box", "Builder", "ByteStream", "Change", "Client", "ClientHooks", "ClientInfo", "Clone", "Copy",
    "Debug", "Default", "Deserialize", "Display", "Drop", "Eq", "Err", "Error", "Fn", "From", "FromStr", "Hash",
    "HashMap", "Into", "Iterator", "Map", "None", "Ok", "OperationInfo", "Option", "Ord", "RequestBuilderExt",
    "ResponseValue", "Result", "Secret", "Self", "Send", "Serialize", "Sized", "Some", "String", "Sync", "ToString",
    "Transport", "TryFrom", "TryInto", "Unknown", "Uuid", "Value", "Vec",
];

/// `named-schema`: objects and enums are named schemas. The generator derives the names of others from their
/// location, so that moving them would rename a public type.
pub(super) fn inline_schemas(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.each(Kind::Schema).filter(|node| !node.is_named_schema()) {
        let kind = match () {
            () if is_object(node.value) => "object",
            () if node.has("enum") => "enum",
            () => continue,
        };
        let problem = format!("is an {kind} without a name");
        findings.add((node, ""), problem, "move it to `components/schemas`, and refer to it with `$ref`");
    }
}

/// `named-schema`: an ID refers to a named schema of `format: uuid`. Each such schema becomes a type, so that the ID
/// of a class cannot be passed as the ID of an appointment. In a response `x-expect` names the schema, so that an
/// unexpected value is accepted.
pub(super) fn ids(context: &Context<'_>, findings: &mut Findings<'_>) {
    let parameters = context
        .each(Kind::Parameter)
        .filter_map(|node| Some((node, node.text("name")?, node.value.get("schema")?)));
    let properties = context
        .properties()
        .filter(|node| node.kind == Kind::Schema)
        .map(|node| (node, node.key.as_str(), node.value));
    for (node, name, schema) in parameters.chain(properties) {
        let schema = match id_form(name) {
            Some(IdForm::One) => schema,
            Some(IdForm::Many) => schema.get("items").unwrap_or(&Value::Null),
            None => continue,
        };
        let usage = context.usage(node);
        let refers = referred_schema(schema).is_some_and(|name| is_id(context, name));
        let (is_typed, fix) = if usage.request {
            (refers, "refer with `$ref` to a schema of `format: uuid` for this kind of ID")
        } else if usage.response {
            let expected = text(schema, "x-expect");
            let is_opaque = name == "id" && is_opaque_string(schema);
            let expects = expected.is_some_and(|name| is_id(context, name));
            (refers || expects || is_opaque, "write `x-expect:` with the schema for this kind of ID")
        } else {
            continue;
        };
        if !is_typed {
            findings.add((node, ""), "is an ID without a schema for its kind", fix);
        }
    }
}

/// `named-schema`: a schema with the name of an ID has `format: uuid`. Otherwise the generator does not create a type
/// for it.
pub(super) fn id_schemas(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.each(Kind::Schema).filter(|node| node.is_named_schema()) {
        if matches!(id_form(&node.key), Some(IdForm::One)) && !is_id(context, &node.key) {
            let problem = "has the name of an ID, but not `format: uuid`";
            findings.add((node, ""), problem, "write `type: string` and `format: uuid`, or rename it");
        }
    }
}

/// `schema-name`: the name of a schema is in PascalCase and not reserved. It becomes the name of a type. The
/// generator converts other names to PascalCase, so that two could become one.
pub(super) fn schema_name(context: &Context<'_>, findings: &mut Findings<'_>) {
    for node in context.nodes.iter().filter(|node| node.is_named_schema()) {
        let (problem, fix) = if RESERVED.contains(&node.key.as_str()) {
            (
                "has a name that is reserved in the generated code",
                "write a more specific name, as in `ErrorObject`",
            )
        } else if !is_pascal_case(&node.key) {
            ("does not have a name in PascalCase", "write one capital letter per word, as in `HttpUrl`")
        } else {
            continue;
        };
        findings.add((node, ""), problem, fix);
    }
}

/// `shared-definition`: a definition in the onboarding schema that has the name of a schema of the API is equal to
/// it, apart from descriptions and examples. Both become the same Rust type.
pub(super) fn shared_definitions(api: &Spec, onboarding: &Document) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_compared = |keyword: &str| !matches!(keyword, "description" | "example" | "examples");
    for (name, definition) in members(onboarding.value.get("definitions")) {
        let Some(schema) = api.schema(name) else { continue };
        let keywords = members(Some(schema)).chain(members(Some(definition))).map(|(keyword, _)| keyword);
        for keyword in keywords.filter(|keyword| is_compared(keyword)) {
            let difference = match schema.get(keyword) {
                expected if expected == definition.get(keyword) => continue,
                Some(expected) => format!("has `{keyword}: {expected}`"),
                None => format!("has no `{keyword}`"),
            };
            findings.push(onboarding.finding(
                "shared-definition",
                &join(&join("/definitions", name), keyword),
                format!("definition `{name}` differs from the schema of that name in the API spec, which {difference}"),
                "make both equal, or rename this one",
            ));
        }
    }
    findings
}

/// `shared-definition`: a property with limits that is in an onboarding row and in a request of the API is a named
/// definition in both. Otherwise, it becomes two Rust types, and the code that copies one to the other does not compile.
pub(super) fn shared_properties(api: &Spec, onboarding: &Document) -> Vec<Finding> {
    let schemas = members(api.root().pointer("/components/schemas"));
    let requested: Vec<(&str, &Value)> =
        schemas.flat_map(|(_, schema)| members(schema.get("properties"))).collect();
    let is_inline = |schema: &Value| {
        let limits = ["minLength", "maxLength", "pattern", "enum", "minimum", "maximum", "format"];
        limits.iter().any(|limit| schema.get(limit).is_some())
    };
    let has_type_of_its_own = |(name, property): &(&str, &Value)| {
        is_inline(property) && requested.iter().any(|(other, schema)| other == name && is_inline(schema))
    };
    let rows = members(onboarding.value.get("properties")).filter(has_type_of_its_own);
    let finding = |(name, _): (&str, &Value)| {
        onboarding.finding(
            "shared-definition",
            &join("/properties", name),
            format!("property `{name}` has limits, and so has the property of that name in the API spec"),
            "write a definition with the same name in both specs, and a `$ref` to it",
        )
    };
    rows.map(finding).collect()
}

/// Whether a name denotes one ID or a list of IDs.
enum IdForm {
    One,
    Many,
}

fn id_form(name: &str) -> Option<IdForm> {
    match words(name).last().map(String::as_str) {
        Some("id") => Some(IdForm::One),
        Some("ids") => Some(IdForm::Many),
        _ => None,
    }
}

/// Returns `true` for a named schema of IDs.
fn is_id(context: &Context<'_>, name: &str) -> bool {
    let format = context.spec.schema(name).and_then(|schema| schema.get("format"));
    format.and_then(Value::as_str) == Some("uuid")
}

/// Returns `true` for a nullable string without a format, such as the ID of an error, which has no kind.
fn is_opaque_string(schema: &Value) -> bool {
    text(schema, "type") == Some("string") && is_true(schema, "nullable") && schema.get("format").is_none()
}

fn is_pascal_case(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_uppercase)
        && bytes.iter().all(u8::is_ascii_alphanumeric)
        && !bytes.windows(2).any(|pair| pair.iter().all(u8::is_ascii_uppercase))
}
