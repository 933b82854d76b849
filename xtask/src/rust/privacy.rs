//! `Debug` and `Display` that show that a marked value is there, never what it is.
//!
//! The generators derive `Debug` with every field, the password of a login included. Here the derive goes,
//! and an implementation comes in its place that knows the marks of the spec. A field that the spec does
//! not know is treated as marked: what nobody has looked at is not printed.
//!
//! Builders hold the same values, some of them inside messages of failed conversions, and are only asked
//! for while something is put together: theirs shows no field at all.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Field, File, Item, ItemImpl, ItemStruct, Type};

use super::{named_fields, outermost, remove_derive, serde_says, wire_name};
use crate::spec::{Mark, Spec};

/// Hides what the spec marks in the types that stand for its schemas, and everything in their builders.
pub(crate) fn hide_types(file: &mut File, spec: &Spec) {
    with_companions(&mut file.items, |item| match item {
        Item::Struct(item) => hide_struct(item, spec),
        Item::Enum(item) => {
            let mark = mark_of(spec, &item.ident.to_string());
            (mark.is_hidden() && remove_derive(&mut item.attrs, "Debug"))
                .then(|| debug_opaque(&item.ident, mark))
        }
        Item::Impl(item) => {
            hide_display(item, spec);
            None
        }
        Item::Mod(module) if module.ident == "builder" => {
            if let Some((_, items)) = &mut module.content {
                hide_builders(items);
            }
            None
        }
        _ => None,
    });
}

/// Hides everything in the structs that put something together.
pub(crate) fn hide_builders(items: &mut Vec<Item>) {
    with_companions(items, |item| {
        let Item::Struct(item) = item else { return None };
        let (name, label) = (&item.ident, item.ident.to_string());
        let lifetimes = item.generics.lifetimes().map(|_| quote!('_));
        let arguments = if item.generics.params.is_empty() { quote!() } else { quote!(<#(#lifetimes),*>) };
        let implementation = syn::parse_quote! {
            impl ::std::fmt::Debug for #name #arguments {
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    f.debug_struct(#label).finish_non_exhaustive()
                }
            }
        };
        remove_derive(&mut item.attrs, "Debug").then_some(implementation)
    });
}

/// Puts what a function makes of an item right behind it.
fn with_companions(items: &mut Vec<Item>, mut companion: impl FnMut(&mut Item) -> Option<ItemImpl>) {
    for mut item in std::mem::take(items) {
        let implementation = companion(&mut item);
        items.push(item);
        items.extend(implementation.map(Item::Impl));
    }
}

fn mark_of(spec: &Spec, name: &str) -> Mark {
    spec.schema(name).map_or(Mark::Phi, |schema| spec.mark(schema))
}

fn hide_struct(item: &mut ItemStruct, spec: &Spec) -> Option<ItemImpl> {
    let name = item.ident.to_string();
    let Some(fields) = named_fields(item) else {
        // A newtype over one value of the spec.
        let mark = mark_of(spec, &name);
        return (mark.is_hidden() && remove_derive(&mut item.attrs, "Debug"))
            .then(|| debug_opaque(&item.ident, mark));
    };
    // A mark on the whole is one on each part of it.
    let whole = spec.schema(&name).map_or(Mark::Silent, |schema| spec.mark(schema));
    let mark = |field| if whole.is_hidden() { whole } else { field_mark(spec, &name, field) };
    let marks: Vec<_> = fields.named.iter().map(mark).collect();
    if !marks.iter().any(|mark| mark.is_hidden()) {
        return None;
    }
    let shown = fields.named.iter().zip(&marks).map(|(field, mark)| shown(field, *mark));
    let ident = &item.ident;
    let implementation = syn::parse_quote! {
        impl ::std::fmt::Debug for #ident {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(#name) #(#shown)* .finish()
            }
        }
    };
    remove_derive(&mut item.attrs, "Debug").then_some(implementation)
}

fn field_mark(spec: &Spec, owner: &str, field: &Field) -> Mark {
    // The flattened rest of an object prints its names only, by its own type.
    if serde_says(field, "flatten") && is_map_of_unknown(&field.ty) {
        return Mark::Plain;
    }
    let property = spec
        .schema(owner)
        .and_then(|schema| schema.get("properties"))
        .and_then(|properties| properties.get(wire_name(field)));
    property.map_or(Mark::Phi, |property| spec.mark(property))
}

fn is_map_of_unknown(ty: &Type) -> bool {
    quote!(#ty).to_string().replace(' ', "").ends_with("::carium_api::Unknown>")
}

fn shown(field: &Field, mark: Mark) -> TokenStream {
    let Some(ident) = &field.ident else { return quote!() };
    let label = ident.to_string();
    let label = label.strip_prefix("r#").unwrap_or(&label);
    if !mark.is_hidden() {
        return quote!(.field(#label, &self.#ident));
    }
    let hidden = hidden(mark);
    // Whether there is a value may be seen, so that a log still tells what was sent at all.
    match outermost(&field.ty) {
        Some((outer, Some(_))) if outer == "Option" => {
            quote!(.field(#label, &self.#ident.as_ref().map(|_| #hidden)))
        }
        Some((outer, Some(_))) if outer == "Attribute" || outer == "Change" => {
            quote!(.field(#label, &self.#ident.redact(#hidden)))
        }
        _ => quote!(.field(#label, &#hidden)),
    }
}

fn hidden(mark: Mark) -> TokenStream {
    if mark == Mark::Secret {
        quote!(::carium_api::Redacted::Secret)
    } else {
        quote!(::carium_api::Redacted::Phi)
    }
}

fn debug_opaque(ident: &syn::Ident, mark: Mark) -> ItemImpl {
    let (label, hidden) = (ident.to_string(), hidden(mark));
    syn::parse_quote! {
        impl ::std::fmt::Debug for #ident {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_tuple(#label).field(&#hidden).finish()
            }
        }
    }
}

/// The generators give `Display` to newtypes and enums; for a marked one, the value gives way to a label.
fn hide_display(item: &mut ItemImpl, spec: &Spec) {
    let is_display = item
        .trait_
        .as_ref()
        .is_some_and(|(path, _)| path.segments.last().is_some_and(|last| last.ident == "Display"));
    let Some((owner, None)) = outermost(&item.self_ty) else { return };
    let mark = mark_of(spec, &owner.to_string());
    if !is_display || !mark.is_hidden() {
        return;
    }
    let hidden = hidden(mark);
    for member in &mut item.items {
        if let syn::ImplItem::Fn(function) = member {
            function.block = syn::parse_quote!({ ::std::fmt::Display::fmt(&#hidden, f) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = "
components:
  schemas:
    Login:
      properties:
        name: {type: string, x-phi: true}
        password: {type: string, x-secret: true}
        locale: {type: string}
    Mail: {type: string, x-phi: true}
    Home: {type: object, x-phi: true, properties: {street: {type: string}}}
";

    fn hidden(mut file: File) -> String {
        hide_types(&mut file, &Spec::parse("t.yaml", SPEC).unwrap());
        super::super::print(&file)
    }

    #[test]
    fn marked_fields_show_that_they_are_there_and_others_show_what_they_are() {
        let text = hidden(syn::parse_quote! {
            #[derive(Clone, Debug)]
            pub struct Login { pub name: Option<String>, pub password: Secret, pub locale: String }
        });
        assert!(text.contains("#[derive(Clone)]"), "{text}");
        assert!(text.contains("self.name.as_ref().map(|_| ::carium_api::Redacted::Phi)"), "{text}");
        assert!(text.contains(r#".field("password", &::carium_api::Redacted::Secret)"#), "{text}");
        assert!(text.contains(r#".field("locale", &self.locale)"#), "{text}");
    }

    #[test]
    fn a_type_that_the_spec_does_not_know_is_hidden_and_a_mark_on_the_whole_is_on_each_part() {
        let text = hidden(syn::parse_quote! {
            #[derive(Debug)]
            pub struct Surprise(String);
            #[derive(Debug)]
            pub struct Home { pub street: String }
        });
        assert!(text.contains(r#"f.debug_tuple("Surprise").field(&::carium_api::Redacted::Phi)"#), "{text}");
        assert!(text.contains(r#".field("street", &::carium_api::Redacted::Phi)"#), "{text}");
    }

    #[test]
    fn a_field_that_the_spec_does_not_know_is_hidden() {
        let text = hidden(syn::parse_quote! {
            #[derive(Debug)]
            pub struct Login { pub surprise: String }
        });
        assert!(text.contains(r#".field("surprise", &::carium_api::Redacted::Phi)"#), "{text}");
    }

    #[test]
    fn a_marked_value_hides_in_display_too() {
        let text = hidden(syn::parse_quote! {
            #[derive(Debug)]
            pub struct Mail(String);
            impl ::std::fmt::Display for Mail {
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result { self.0.fmt(f) }
            }
        });
        assert!(!text.contains("self.0.fmt"), "{text}");
        assert_eq!(text.matches("::carium_api::Redacted::Phi").count(), 2, "{text}");
    }

    #[test]
    fn builders_show_no_field() {
        let text = hidden(syn::parse_quote! {
            pub mod builder {
                #[derive(Clone, Debug)]
                pub struct Login { name: Result<String, String> }
            }
        });
        assert!(text.contains("finish_non_exhaustive"), "{text}");
        assert!(text.contains("#[derive(Clone)]"), "{text}");
    }
}
