//! Documentation of generated items.
//!
//! The generators copy the descriptions of schemas, but not those behind a reference, and do not document the items
//! that they add. This pass gives every public item a doc comment, from the spec if it has a description.

use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Field, File, ImplItem, Item, ItemImpl, ItemStruct, Variant, Visibility};

use super::syntax::{describe, doc_text, named_fields, outermost, serde_text, wire_name};
use crate::json::text;
use crate::spec::{Operation, Spec, referred_schema};

/// Documents the types of the schemas and their builders.
pub(crate) fn document_types(file: &mut File, spec: &Spec) {
    for item in &mut file.items {
        match item {
            Item::Struct(item) => document_struct(item, spec),
            Item::Enum(item) => item.variants.iter_mut().for_each(document_variant),
            Item::Impl(item) => document_builder_function(item),
            Item::Mod(module) if module.ident == "builder" => {
                describe(&mut module.attrs, "Builders of the types. Each setter checks its value.");
                let items = module.content.iter_mut().flat_map(|(_, items)| items);
                items.for_each(|item| document_builder(item, "Builder for a"));
            }
            Item::Mod(module) if module.ident == "defaults" => {
                describe(&mut module.attrs, "Default values of fields.");
            }
            _ => {}
        }
    }
    tidy(file);
}

/// Documents the methods of operations and their builders.
pub(crate) fn document_calls(file: &mut File, spec: &Spec) {
    let operations = spec.operations();
    for item in &mut file.items {
        match item {
            Item::Trait(item) => {
                for member in &mut item.items {
                    if let syn::TraitItem::Fn(function) = member
                        && let Some(operation) =
                            operations.iter().find(|operation| function.sig.ident == operation.id())
                    {
                        document_operation(&mut function.attrs, operation);
                    }
                }
            }
            Item::Mod(module) if module.ident == "builder" => {
                describe(
                    &mut module.attrs,
                    "Builders of calls: set parameters and a body, then call `send`.",
                );
                let items = module.content.iter_mut().flat_map(|(_, items)| items);
                items.for_each(|item| document_builder(item, "Builder for a call: a"));
            }
            _ => {}
        }
    }
    tidy(file);
}

/// Documents every public item of the helpers for `httpmock`.
pub(crate) fn document_mocks(file: &mut File) {
    MockDocs.visit_file_mut(file);
    tidy(file);
}

/// Formats doc comments: a space after the slashes, and one attribute per line.
pub(crate) fn tidy(file: &mut File) {
    Tidy.visit_file_mut(file);
}

fn document_struct(item: &mut ItemStruct, spec: &Spec) {
    if named_fields(item).is_none() {
        return;
    }
    let name = item.ident.to_string();
    for field in &mut item.fields {
        let property = spec.property(&name, &wire_name(field));
        match property.and_then(|property| description(spec, property)) {
            Some(text) => describe(&mut field.attrs, &text),
            None if is_extra(field) => describe(
                &mut field.attrs,
                "Additional members that the spec does not describe, by name. They are kept, serialized, and never printed.",
            ),
            None => {}
        }
    }
}

/// Returns the description of a property, or of the schema that it refers to.
fn description(spec: &Spec, property: &serde_json::Value) -> Option<String> {
    let target = || text(spec.schema(referred_schema(property)?)?, "description");
    text(property, "description").or_else(target).map(crate::lower::for_rustdoc)
}

fn is_extra(field: &Field) -> bool {
    field.ident.as_ref().is_some_and(|name| name == "extra")
}

fn document_variant(variant: &mut Variant) {
    let text = serde_text(&variant.attrs, "rename").unwrap_or_else(|| variant.ident.to_string());
    describe(&mut variant.attrs, &format!("`{text}`"));
}

fn document_builder_function(item: &mut ItemImpl) {
    let Some((owner, None)) = outermost(&item.self_ty) else { return };
    let owner = owner.to_string();
    for member in &mut item.items {
        if let ImplItem::Fn(function) = member
            && function.sig.ident == "builder"
        {
            describe(&mut function.attrs, &format!("Returns a builder for {} `{owner}`.", article(&owner)));
        }
    }
}

fn document_builder(item: &mut Item, beginning: &str) {
    match item {
        Item::Struct(item) if matches!(item.vis, Visibility::Public(_)) => {
            let name = item.ident.to_string();
            if !has_docs(&item.attrs) {
                let beginning = beginning.trim_end_matches(" a");
                describe(
                    &mut item.attrs,
                    &format!("{beginning} {} [`{name}`](super::{name}).", article(&name)),
                );
            }
        }
        Item::Impl(item) if item.trait_.is_none() => {
            for member in &mut item.items {
                let ImplItem::Fn(function) = member else { continue };
                if has_docs(&function.attrs) {
                    continue;
                }
                let name = function.sig.ident.to_string();
                let text = match name.as_str() {
                    "new" => "Creates a builder without parameters.".to_owned(),
                    "body_map" => "Modifies the builder of the body.".to_owned(),
                    _ => format!(
                        "Sets `{}`. An invalid value is reported when the value is built or sent.",
                        name.trim_end_matches('_')
                    ),
                };
                describe(&mut function.attrs, &text);
            }
        }
        _ => {}
    }
}

/// Takes the generator's docs of an operation without its example, which is not compiled, and adds retry class, errors
/// and source.
fn document_operation(attributes: &mut Vec<Attribute>, operation: &Operation<'_>) {
    let lines: Vec<String> = attributes.iter().filter_map(doc_text).collect();
    let text = lines.join("\n");
    let text = text.split("```ignore").next().unwrap_or_default().trim_end();
    let retry = match operation.text("x-retry") {
        Some("safe") => "Safe: it can be retried after any transient failure.",
        Some("idempotent") => "Idempotent: it can be retried after any transient failure.",
        _ => "Create: it can be retried only if the previous attempt was certainly not applied.",
    };
    let source = match operation.text("x-source") {
        Some("examples-page") => "the vendor's Examples page",
        Some("reference") => "the vendor's reference pages",
        Some("vendor-sdk") => "the source of the vendor's Python SDK",
        _ => "inferred; not documented by the vendor",
    };
    describe(
        attributes,
        &format!(
            "{text}\n\n# Retries\n{retry}\n\n# Errors\nSee [`Error`](crate::Error).\n\nSource: {source}."
        ),
    );
}

struct MockDocs;

impl VisitMut for MockDocs {
    fn visit_item_mut(&mut self, item: &mut Item) {
        match item {
            Item::Struct(item) => {
                let name = item.ident.to_string();
                let text = match name.strip_suffix("When") {
                    Some(operation) => format!("Expectations for a request of `{operation}`."),
                    None => {
                        format!("The mocked response to a request of `{}`.", name.trim_end_matches("Then"))
                    }
                };
                describe_new(&mut item.attrs, &text);
            }
            Item::Trait(item) => {
                describe_new(
                    &mut item.attrs,
                    "One method per operation: sets the expected request and the mocked response.",
                );
                for member in &mut item.items {
                    if let syn::TraitItem::Fn(function) = member {
                        let name = function.sig.ident.to_string();
                        describe_new(&mut function.attrs, &format!("Mocks `{name}`."));
                    }
                }
            }
            Item::Impl(item) if item.trait_.is_none() => {
                let owner = outermost(&item.self_ty).map(|(name, _)| name.to_string()).unwrap_or_default();
                for member in &mut item.items {
                    if let ImplItem::Fn(function) = member {
                        let text = mock_method(&function.sig.ident.to_string(), owner.ends_with("When"));
                        describe_new(&mut function.attrs, &text);
                    }
                }
            }
            _ => {}
        }
        visit_mut::visit_item_mut(self, item);
    }
}

fn mock_method(function: &str, expects: bool) -> String {
    let in_range = |range: &str| {
        format!("Responds with a status from {range}.\n\n# Panics\nThe status is outside this range.")
    };
    match function {
        "new" => "Wraps the type of `httpmock`.".to_owned(),
        "into_inner" => {
            "Returns the wrapped type of `httpmock`, for everything that this type does not support."
                .to_owned()
        }
        "client_error" => in_range("400 to 499"),
        "server_error" => in_range("500 to 599"),
        "success" => in_range("200 to 299"),
        "body" => "Expects this body.".to_owned(),
        name if expects => format!("Expects this `{name}`."),
        name => format!("Responds with `{name}`."),
    }
}

/// Documents an item that has no doc comment.
fn describe_new(attributes: &mut Vec<Attribute>, text: &str) {
    if !has_docs(attributes) {
        describe(attributes, text);
    }
}

fn has_docs(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| doc_text(attribute).is_some())
}

fn article(name: &str) -> &'static str {
    if name.starts_with(['A', 'E', 'I', 'O', 'U']) { "an" } else { "a" }
}

struct Tidy;

impl VisitMut for Tidy {
    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        let tidied = std::mem::take(attributes).into_iter().flat_map(|attribute| {
            let Some(text) = doc_text(&attribute) else { return vec![attribute] };
            let style = attribute.style;
            text.trim_end()
                .lines()
                .map(|line| {
                    let line = if line.is_empty() || line.starts_with(' ') {
                        line.to_owned()
                    } else {
                        format!(" {line}")
                    };
                    Attribute { style, ..syn::parse_quote!(#[doc = #line]) }
                })
                .collect()
        });
        attributes.extend(tidied);
    }
}
