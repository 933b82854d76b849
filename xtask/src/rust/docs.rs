//! Documentation of generated items.
//!
//! The generators copy the descriptions of schemas, but not those behind a reference, and do not document the items
//! that they add. This pass gives every public item a doc comment, from the spec if it has a description.

use syn::visit_mut::VisitMut;
use syn::{Attribute, Field, File, ImplItem, Item, ItemImpl, ItemStruct, Variant, Visibility};

use super::{doc_text, named_fields, outermost, wire_name};
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

/// Formats doc comments: a space after the slashes, and one attribute per line.
pub(crate) fn tidy(file: &mut File) {
    Tidy.visit_file_mut(file);
}

fn document_struct(item: &mut ItemStruct, spec: &Spec) {
    let schema = spec.schema(&item.ident.to_string()).cloned();
    if named_fields(item).is_none() {
        return;
    }
    for field in &mut item.fields {
        let text = schema
            .as_ref()
            .and_then(|schema| schema.get("properties")?.get(wire_name(field)))
            .and_then(|property| description(spec, property));
        match text {
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
    let own = property.get("description");
    let target = || spec.schema(referred_schema(property)?)?.get("description");
    own.or_else(target)?.as_str().map(crate::lower::for_rustdoc)
}

fn is_extra(field: &Field) -> bool {
    field.ident.as_ref().is_some_and(|name| name == "extra")
}

fn document_variant(variant: &mut Variant) {
    let renamed = variant.attrs.iter().find_map(|attribute| {
        let mut name = None;
        if attribute.path().is_ident("serde") {
            let _ = attribute.parse_nested_meta(|meta| {
                name = Some(meta.value()?.parse::<syn::LitStr>()?.value());
                Ok(())
            });
        }
        name
    });
    let text = renamed.unwrap_or_else(|| variant.ident.to_string());
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
            if !item.attrs.iter().any(|attribute| doc_text(attribute).is_some()) {
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
                if function.attrs.iter().any(|attribute| doc_text(attribute).is_some()) {
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

/// Replaces the doc comment of an item.
fn describe(attributes: &mut Vec<Attribute>, text: &str) {
    attributes.retain(|attribute| doc_text(attribute).is_none());
    attributes.insert(0, syn::parse_quote!(#[doc = #text]));
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
