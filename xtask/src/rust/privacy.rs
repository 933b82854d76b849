//! Replaces `Debug` and `Display` of types with marked values by implementations that hide them.
//!
//! The generators derive `Debug` for every field, including passwords. This pass replaces the derive by an implementation
//! that follows the marks of the spec. A field that the spec does not describe is treated as marked.
//!
//! Builders contain the same values, some of them in messages of failed conversions, so their `Debug` shows no fields.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Field, File, Item, ItemImpl, ItemStruct, Type};

use super::syntax::{has_serde_option, implements, named_fields, outermost, remove_derive, wire_name};
use crate::spec::{Mark, Spec};

/// Hides marked values in types, and all fields in their builders.
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

/// Hides all fields of builders.
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

/// Inserts the implementation that a function returns for an item after the item.
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
        // A newtype of a schema.
        let mark = mark_of(spec, &name);
        return (mark.is_hidden() && remove_derive(&mut item.attrs, "Debug"))
            .then(|| debug_opaque(&item.ident, mark));
    };
    // A mark on the type applies to each field.
    let whole = spec.schema(&name).map_or(Mark::Unmarked, |schema| spec.mark(schema));
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
    // `Unknown` hides its value, so the additional members show only their names.
    if has_serde_option(field, "flatten") && is_map_of_unknown(&field.ty) {
        return Mark::Plain;
    }
    spec.property(owner, &wire_name(field)).map_or(Mark::Phi, |property| spec.mark(property))
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
    // The presence of a value is shown.
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

/// Replaces the generated `Display` of a marked newtype or enum by its label.
fn hide_display(item: &mut ItemImpl, spec: &Spec) {
    let Some((owner, None)) = outermost(&item.self_ty) else { return };
    let mark = mark_of(spec, &owner.to_string());
    if !implements(item, "Display") || !mark.is_hidden() {
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
    fn hides_marked_fields_and_shows_others() {
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
    fn hides_unknown_types_and_all_fields_of_marked_types() {
        let text = hidden(syn::parse_quote! {
            #[derive(Debug)]
            pub struct Undescribed(String);
            #[derive(Debug)]
            pub struct Home { pub street: String }
        });
        assert!(
            text.contains(r#"f.debug_tuple("Undescribed").field(&::carium_api::Redacted::Phi)"#),
            "{text}"
        );
        assert!(text.contains(r#".field("street", &::carium_api::Redacted::Phi)"#), "{text}");
    }

    #[test]
    fn hides_unknown_fields() {
        let text = hidden(syn::parse_quote! {
            #[derive(Debug)]
            pub struct Login { pub undescribed: String }
        });
        assert!(text.contains(r#".field("undescribed", &::carium_api::Redacted::Phi)"#), "{text}");
    }

    #[test]
    fn hides_marked_values_in_display() {
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
    fn builders_show_no_fields() {
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
