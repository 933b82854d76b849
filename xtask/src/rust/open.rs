//! Makes types extensible, so that a new field or value in the spec does not break callers.
//!
//! Structs and value enums become `#[non_exhaustive]`. The module `required` has a plain struct with the required fields
//! of each request type, which converts into it. A new required field is then a compile error at the place where the
//! request is built.

use std::collections::BTreeSet;

use quote::quote;
use syn::visit_mut::{self, VisitMut};
use syn::{Field, File, Item, Path};

use super::syntax::{has_serde_option, named_fields, outermost, serde_text};
use crate::spec::Spec;

/// Marks types as non-exhaustive and returns the module `required` for the request types.
pub(crate) fn open(types: &mut File, spec: &Spec, is_request: impl Fn(&str) -> bool) -> File {
    let required = required(types, is_request);
    for item in &mut types.items {
        match item {
            Item::Struct(item) if named_fields(item).is_some() => {
                item.attrs.push(syn::parse_quote!(#[non_exhaustive]));
            }
            Item::Enum(item) if has_values(spec, &item.ident.to_string()) => {
                item.attrs.push(syn::parse_quote!(#[non_exhaustive]));
            }
            _ => {}
        }
    }
    types.items.push(syn::parse_quote! {
        #[doc = " The required fields of requests: one struct per request type, which converts into it."]
        pub mod required;
    });
    required
}

/// Returns `true` for an enum of values, in contrast to an enum of types.
fn has_values(spec: &Spec, name: &str) -> bool {
    spec.schema(name).is_some_and(|schema| schema.get("enum").is_some())
}

fn required(types: &File, is_request: impl Fn(&str) -> bool) -> File {
    let names: BTreeSet<_> = types.items.iter().filter_map(name_of).collect();
    let mut file: File = syn::parse_quote! {
        //! The required fields of requests: one struct per request type, which converts into it.
    };
    for item in &types.items {
        let Item::Struct(item) = item else { continue };
        let Some(fields) = named_fields(item).filter(|_| is_request(&item.ident.to_string())) else {
            continue;
        };
        let (required_fields, optional_fields): (Vec<_>, Vec<_>) =
            fields.named.iter().partition(|field| is_required(field));
        if required_fields.is_empty() {
            continue;
        }
        let name = &item.ident;
        let doc = format!(" The required fields of [`{name}`](super::{name}).");
        let parts = required_fields.iter().map(|field| {
            let mut field = (*field).clone();
            field.attrs.retain(|attribute| attribute.path().is_ident("doc"));
            AddSuper(&names).visit_type_mut(&mut field.ty);
            field
        });
        let given = required_fields.iter().map(|field| &field.ident);
        let filled = optional_fields.iter().map(|field| {
            let (name, value) = (&field.ident, default_of(field));
            quote!(#name: #value)
        });
        let items: File = syn::parse_quote! {
            #[doc = #doc]
            #[derive(Clone, Debug, PartialEq)]
            pub struct #name { #(#parts),* }

            impl ::std::convert::From<#name> for super::#name {
                fn from(required: #name) -> Self {
                    Self { #(#given: required.#given,)* #(#filled),* }
                }
            }
        };
        file.items.extend(items.items);
    }
    super::privacy::hide_builders(&mut file.items);
    super::docs::tidy(&mut file);
    file
}

fn name_of(item: &Item) -> Option<String> {
    match item {
        Item::Struct(item) => Some(item.ident.to_string()),
        Item::Enum(item) => Some(item.ident.to_string()),
        _ => None,
    }
}

/// Returns `true` if a field has no default.
fn is_required(field: &Field) -> bool {
    let is_option = outermost(&field.ty).is_some_and(|(name, _)| name == "Option");
    !is_option && !has_serde_option(field, "default") && !has_serde_option(field, "flatten")
}

/// Returns the default of a field according to its serde attribute.
fn default_of(field: &Field) -> syn::Expr {
    match serde_text(&field.attrs, "default").and_then(|path| syn::parse_str::<Path>(&path).ok()) {
        Some(path) => syn::parse_quote!(super::#path()),
        None => syn::parse_quote!(::std::default::Default::default()),
    }
}

/// Prefixes the names of types in the parent module with `super::`.
struct AddSuper<'a>(&'a BTreeSet<String>);

impl VisitMut for AddSuper<'_> {
    fn visit_path_mut(&mut self, path: &mut Path) {
        visit_mut::visit_path_mut(self, path);
        let is_beside = path.get_ident().is_some_and(|name| self.0.contains(&name.to_string()));
        if is_beside {
            *path = syn::parse_quote!(super::#path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = "
paths: {/a/: {post: {requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/New'}}}}}}}
components: {schemas: {New: {properties: {kind: {$ref: '#/components/schemas/Kind'}}}, Kind: {enum: [a]}, Read: {}}}
";

    #[test]
    fn marks_types_non_exhaustive_and_lists_required_fields() {
        let mut file = syn::parse_quote! {
            pub enum Kind { A }
            pub enum Choice { A(Kind), B(String) }
            pub struct New {
                #[doc = " The kind."]
                pub kind: Kind,
                pub kinds: ::std::vec::Vec<Kind>,
                pub note: ::std::option::Option<String>,
                #[serde(rename = "type", default = "defaults::new_type")]
                pub type_: String,
                #[serde(default, skip_serializing_if = "::std::vec::Vec::is_empty")]
                pub rest: ::std::vec::Vec<String>,
            }
            pub struct Read { pub kind: Kind }
            pub struct Id(pub ::uuid::Uuid);
        };
        let spec = Spec::parse("t.yaml", SPEC).unwrap();
        let required = super::super::print(&open(&mut file, &spec, |name| spec.sides().of(name).request));
        let open = super::super::print(&file);
        assert_eq!(open.matches("#[non_exhaustive]").count(), 3, "{open}");
        assert!(!open.contains("#[non_exhaustive]\npub enum Choice"), "{open}");
        assert!(required.contains("/// The kind.\n    pub kind: super::Kind,"), "{required}");
        assert!(required.contains("pub kinds: ::std::vec::Vec<super::Kind>,"), "{required}");
        assert!(required.contains("type_: super::defaults::new_type(),"), "{required}");
        assert!(required.contains("rest: ::std::default::Default::default(),"), "{required}");
        assert!(!required.contains("pub note") && !required.contains("struct Read"), "{required}");
        assert!(required.contains("finish_non_exhaustive"), "Debug shows no values: {required}");
    }
}
