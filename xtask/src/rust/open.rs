//! Types that can grow without breaking those who use them.
//!
//! A field or a value more in the spec is to be nothing to a program that does not use it. So structs and the enums of
//! values are `#[non_exhaustive]`: nobody outside writes one out or takes it apart whole. What a request cannot do
//! without stands once more in a module of its own, as plain structs: who writes a request names all of it, and the
//! compiler says where one more is required.

use std::collections::BTreeSet;

use quote::quote;
use syn::visit_mut::{self, VisitMut};
use syn::{Field, File, Item, ItemStruct, LitStr, Path};

use super::{named_fields, outermost, serde_says};
use crate::spec::Spec;

/// Marks what can grow, and makes the module of what those that are requests cannot do without.
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
        #[doc = " What requests cannot do without: a struct for each, which becomes the request by `into`."]
        pub mod required;
    });
    required
}

/// Whether a schema is one of a few values, rather than one of a few types.
fn has_values(spec: &Spec, name: &str) -> bool {
    spec.schema(name).is_some_and(|schema| schema.get("enum").is_some())
}

fn required(types: &File, is_request: impl Fn(&str) -> bool) -> File {
    let structs: Vec<_> = types.items.iter().filter_map(as_struct).collect();
    let names: BTreeSet<_> = types.items.iter().filter_map(name_of).collect();
    let mut file: File = syn::parse_quote! {
        //! What requests cannot do without: a struct for each, which becomes the request by `into`.
    };
    for item in structs.into_iter().filter(|item| is_request(&item.ident.to_string())) {
        let Some(fields) = named_fields(item) else { continue };
        let (needed, rest): (Vec<_>, Vec<_>) = fields.named.iter().partition(|field| is_needed(field));
        if needed.is_empty() {
            continue;
        }
        let name = &item.ident;
        let doc = format!(" What a [`{name}`](super::{name}) cannot do without.");
        let parts = needed.iter().map(|field| {
            let mut field = (*field).clone();
            field.attrs.retain(|attribute| attribute.path().is_ident("doc"));
            FromInside(&names).visit_type_mut(&mut field.ty);
            field
        });
        let given = needed.iter().map(|field| &field.ident);
        let filled = rest.iter().map(|field| {
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

fn as_struct(item: &Item) -> Option<&ItemStruct> {
    match item {
        Item::Struct(item) => Some(item),
        _ => None,
    }
}

fn name_of(item: &Item) -> Option<String> {
    match item {
        Item::Struct(item) => Some(item.ident.to_string()),
        Item::Enum(item) => Some(item.ident.to_string()),
        _ => None,
    }
}

/// Whether a request has to say this: nothing stands for it where it is left out.
fn is_needed(field: &Field) -> bool {
    let is_option = outermost(&field.ty).is_some_and(|(name, _)| name == "Option");
    !is_option && !serde_says(field, "default") && !serde_says(field, "flatten")
}

/// What a field has where nothing is said of it, as serde is told.
fn default_of(field: &Field) -> syn::Expr {
    let named =
        field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")).find_map(|attribute| {
            let mut path = None;
            // What cannot be read names nothing.
            let _ = attribute.parse_nested_meta(|meta| {
                if meta.input.peek(syn::Token![=]) {
                    let text = meta.value()?.parse::<LitStr>()?;
                    if meta.path.is_ident("default") {
                        path = text.parse::<Path>().ok();
                    }
                }
                Ok(())
            });
            path
        });
    match named {
        Some(path) => syn::parse_quote!(super::#path()),
        None => syn::parse_quote!(::std::default::Default::default()),
    }
}

/// The types beside the module, as they are called inside it.
struct FromInside<'a>(&'a BTreeSet<String>);

impl VisitMut for FromInside<'_> {
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
    fn what_can_grow_is_open_and_a_request_names_all_that_it_needs() {
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
        let required = super::super::print(&open(&mut file, &spec, |name| spec.sides().in_request(name)));
        let open = super::super::print(&file);
        assert_eq!(open.matches("#[non_exhaustive]").count(), 3, "{open}");
        assert!(!open.contains("#[non_exhaustive]\npub enum Choice"), "{open}");
        assert!(required.contains("/// The kind.\n    pub kind: super::Kind,"), "{required}");
        assert!(required.contains("pub kinds: ::std::vec::Vec<super::Kind>,"), "{required}");
        assert!(required.contains("type_: super::defaults::new_type(),"), "{required}");
        assert!(required.contains("rest: ::std::default::Default::default(),"), "{required}");
        assert!(!required.contains("pub note") && !required.contains("struct Read"), "{required}");
        assert!(required.contains("finish_non_exhaustive"), "what it holds is not printed: {required}");
    }
}
