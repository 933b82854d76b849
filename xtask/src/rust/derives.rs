//! Adds traits and accessors that the generators do not provide.
//!
//! IDs are used as map keys and copied, documents are compared in tests, and `as_str` returns the text of values whose
//! `Display` hides it.

use quote::quote;
use syn::{Attribute, Expr, ExprMatch, File, ImplItem, Item, ItemStruct, Stmt, Type};

use super::syntax::{implements, outermost, remove_derive};

/// Types whose newtypes can derive the traits of plain values.
const PLAIN_VALUES: [&str; 3] = ["Uuid", "NaiveDate", "NonZeroU64"];

pub(crate) fn complete(file: &mut File) {
    for mut item in std::mem::take(&mut file.items) {
        if let Item::Struct(ItemStruct { attrs, .. }) | Item::Enum(syn::ItemEnum { attrs, .. }) = &mut item {
            derive(attrs, &["PartialEq"]);
        }
        let mut accessor = None;
        let mut conversions = Vec::new();
        match &mut item {
            Item::Struct(newtype) if is_newtype_over(newtype, &PLAIN_VALUES) => {
                derive(&mut newtype.attrs, &["Copy", "Eq", "Hash", "Ord", "PartialEq", "PartialOrd"]);
                conversions.extend(into_optional_from_inner(newtype));
            }
            Item::Struct(newtype) if is_newtype_over(newtype, &["String"]) => {
                let name = &newtype.ident;
                accessor = Some(syn::parse_quote! {
                    impl #name {
                        /// Returns the text.
                        pub fn as_str(&self) -> &str { &self.0 }
                    }
                });
            }
            Item::Impl(implementation) => {
                accessor = enum_as_str(implementation).or_else(|| from_text(implementation));
            }
            _ => {}
        }
        file.items.push(item);
        file.items.extend(accessor);
        file.items.extend(conversions);
    }
}

fn is_newtype_over(item: &ItemStruct, names: &[&str]) -> bool {
    let syn::Fields::Unnamed(fields) = &item.fields else { return false };
    fields.unnamed.len() == 1
        && fields.unnamed.first().is_some_and(|field| {
            outermost(&field.ty).is_some_and(|(name, _)| names.iter().any(|known| name == known))
        })
}

/// Derives `as_str` for an enum from the `match` in its generated `Display`, which [`super::privacy`] may replace.
fn enum_as_str(implementation: &syn::ItemImpl) -> Option<Item> {
    let ImplItem::Fn(function) =
        implementation.items.first().filter(|_| implements(implementation, "Display"))?
    else {
        return None;
    };
    let [Stmt::Expr(Expr::Match(ExprMatch { arms, .. }), None)] = function.block.stmts.as_slice() else {
        return None;
    };
    let arms = arms
        .iter()
        .map(|arm| match &*arm.body {
            Expr::MethodCall(call) if call.method == "write_str" => call.args.first().map(|text| {
                let pattern = &arm.pat;
                quote!(#pattern => #text)
            }),
            _ => None,
        })
        .collect::<Option<Vec<_>>>()?;
    let name: &Type = &implementation.self_ty;
    Some(syn::parse_quote! {
        impl #name {
            /// Returns the JSON text of this value.
            pub fn as_str(&self) -> &'static str {
                match *self { #(#arms),* }
            }
        }
    })
}

/// Lets setters of optional fields accept the inner value of a newtype, and `u64` for numbers that start at 1.
fn into_optional_from_inner(newtype: &ItemStruct) -> Vec<Item> {
    let name = &newtype.ident;
    let Some(inner) = newtype.fields.iter().next().map(|field| &field.ty) else { return Vec::new() };
    let mut items: Vec<Item> = vec![syn::parse_quote! {
        impl ::carium_api::IntoOptional<#name> for #inner {
            fn into_optional(self) -> ::std::result::Result<::std::option::Option<#name>, ::std::string::String> {
                Ok(Some(#name(self)))
            }
        }
    }];
    if is_newtype_over(newtype, &["NonZeroU64"]) {
        items.push(syn::parse_quote! {
            impl ::carium_api::IntoOptional<#name> for u64 {
                fn into_optional(self) -> ::std::result::Result<::std::option::Option<#name>, ::std::string::String> {
                    ::carium_api::IntoOptional::<#inner>::into_optional(self).map(|inner| inner.map(#name))
                }
            }
        });
    }
    items
}

/// Implements `FromText` for types with `FromStr`, for setters of optional fields.
fn from_text(implementation: &syn::ItemImpl) -> Option<Item> {
    let name = &implementation.self_ty;
    implements(implementation, "FromStr").then(|| syn::parse_quote!(impl ::carium_api::FromText for #name {}))
}

/// Adds traits to the `derive` attribute of an item.
fn derive(attributes: &mut [Attribute], traits: &[&str]) {
    for name in traits {
        remove_derive(attributes, name);
    }
    let traits: Vec<_> = traits.iter().map(|name| quote::format_ident!("{name}")).collect();
    if let Some(derive) = attributes.iter_mut().find(|attribute| attribute.path().is_ident("derive"))
        && let syn::Meta::List(list) = &mut derive.meta
    {
        list.tokens.extend(quote!(, #(#traits),*));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_copy_and_enums_have_as_str() {
        let mut file = syn::parse_quote! {
            #[derive(Clone, Debug)]
            pub struct Id(pub ::uuid::Uuid);
            impl ::std::fmt::Display for Kind {
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    match *self { Self::A => f.write_str("a") }
                }
            }
        };
        complete(&mut file);
        let text = super::super::print(&file);
        assert!(text.contains("Copy"), "{text}");
        assert!(text.contains(r#"Self::A => "a""#), "{text}");
    }
}
