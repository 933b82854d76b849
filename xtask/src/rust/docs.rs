//! Docs that read like documentation.
//!
//! The generators carry the descriptions of schemas over, but not those that stand behind a reference, and
//! say nothing of what they add themselves. Here every public item gets its sentence, from the spec where
//! the spec has one.

use syn::visit_mut::VisitMut;
use syn::{Attribute, Field, File, ImplItem, Item, ItemImpl, ItemStruct, Variant, Visibility};

use super::{doc_text, named_fields, outermost, wire_name};
use crate::spec::{Operation, Spec, referred_schema};

/// Documents the types that stand for the schemas of a spec, and their builders.
pub(crate) fn document_types(file: &mut File, spec: &Spec) {
    for item in &mut file.items {
        match item {
            Item::Struct(item) => document_struct(item, spec),
            Item::Enum(item) => item.variants.iter_mut().for_each(document_variant),
            Item::Impl(item) => document_builder_function(item),
            Item::Mod(module) if module.ident == "builder" => {
                describe(&mut module.attrs, "Builders of the types, which check each part as it is given.");
                let items = module.content.iter_mut().flat_map(|(_, items)| items);
                items.for_each(|item| document_builder(item, "Builds a"));
            }
            Item::Mod(module) if module.ident == "defaults" => {
                describe(&mut module.attrs, "Values that a field has when nothing else is said.");
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
                    "Calls that are being put together: parameters and a body, then `send`.",
                );
                let items = module.content.iter_mut().flat_map(|(_, items)| items);
                items.for_each(|item| document_builder(item, "A call that is being put together: a"));
            }
            _ => {}
        }
    }
    tidy(file);
}

/// Gives every doc a space after its slashes and a line for each of its lines.
pub(crate) fn tidy(file: &mut File) {
    Tidy.visit_file_mut(file);
}

fn document_struct(item: &mut ItemStruct, spec: &Spec) {
    let schema = spec.schema(&item.ident.to_string()).cloned();
    if named_fields(item).is_none() {
        return;
    }
    for field in &mut item.fields {
        let said = schema
            .as_ref()
            .and_then(|schema| schema.get("properties")?.get(wire_name(field)))
            .and_then(|property| description(spec, property));
        match said {
            Some(said) => describe(&mut field.attrs, &said),
            None if is_rest(field) => describe(
                &mut field.attrs,
                "What the service sent beyond the fields above, by name. Kept, sent back, and never printed.",
            ),
            None => {}
        }
    }
}

/// What the spec says of a property: its own description, else that of the schema that it refers to.
fn description(spec: &Spec, property: &serde_json::Value) -> Option<String> {
    let own = property.get("description");
    let target = || spec.schema(referred_schema(property)?)?.get("description");
    own.or_else(target)?.as_str().map(crate::lower::for_rustdoc)
}

fn is_rest(field: &Field) -> bool {
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
            describe(&mut function.attrs, &format!("Begins to build {} `{owner}`.", article(&owner)));
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
                    "new" => "Begins the call, with nothing given yet.".to_owned(),
                    "body_map" => "Changes the body that is being built.".to_owned(),
                    _ => format!(
                        "Sets `{}`. A value that cannot be converted is reported when everything is put together.",
                        name.trim_end_matches('_')
                    ),
                };
                describe(&mut function.attrs, &text);
            }
        }
        _ => {}
    }
}

/// The generators' docs of an operation, less the example that no compiler has read, with what this
/// workspace knows beyond them.
fn document_operation(attributes: &mut Vec<Attribute>, operation: &Operation<'_>) {
    let said: Vec<String> = attributes.iter().filter_map(doc_text).collect();
    let said = said.join("\n");
    let said = said.split("```ignore").next().unwrap_or_default().trim_end();
    let retry = match operation.text("x-retry") {
        Some("safe") => "It changes nothing, so a client may repeat it freely.",
        Some("idempotent") => "Done twice it leaves what it leaves done once, so a client may repeat it.",
        _ => "Done twice it may leave two: a client repeats it only when it was certainly not done.",
    };
    let source = match operation.text("x-source") {
        Some("examples-page") => "the vendor's Examples page",
        Some("reference") => "the vendor's reference pages",
        _ => "inferred; the vendor does not document it",
    };
    describe(
        attributes,
        &format!(
            "{said}\n\n# Repeating\n{retry}\n\n# Errors\nAs for every call: see [`Error`](crate::Error).\n\nSource: {source}."
        ),
    );
}

/// Makes a text the docs of an item, in place of what it had.
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
