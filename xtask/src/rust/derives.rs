//! Traits and accessors that values of the API should have and the generators do not give.
//!
//! Ids are keys of maps and are copied about; documents are compared in tests; text is asked for its text,
//! all the more where `Display` hides it.

use quote::quote;
use syn::{Attribute, Expr, ExprMatch, File, ImplItem, Item, ItemStruct, Stmt, Type};

use super::outermost;

/// What a newtype over one of these can derive beside `Clone` and `Debug`.
const PLAIN_VALUES: [&str; 3] = ["Uuid", "NaiveDate", "NonZeroU64"];

pub(crate) fn complete(file: &mut File) {
    for mut item in std::mem::take(&mut file.items) {
        if let Item::Struct(ItemStruct { attrs, .. }) | Item::Enum(syn::ItemEnum { attrs, .. }) = &mut item {
            derive(attrs, &["PartialEq"]);
        }
        let mut accessor = None;
        let mut more = Vec::new();
        match &mut item {
            Item::Struct(newtype) if is_newtype_over(newtype, &PLAIN_VALUES) => {
                derive(&mut newtype.attrs, &["Copy", "Eq", "Hash", "Ord", "PartialEq", "PartialOrd"]);
                more.extend(from_inside(newtype));
            }
            Item::Struct(newtype) if is_newtype_over(newtype, &["String"]) => {
                let name = &newtype.ident;
                accessor = Some(syn::parse_quote! {
                    impl #name {
                        /// The text.
                        pub fn as_str(&self) -> &str { &self.0 }
                    }
                });
            }
            Item::Impl(implementation) => {
                accessor = text_of_enum(implementation).or_else(|| text_form(implementation));
            }
            _ => {}
        }
        file.items.push(item);
        file.items.extend(accessor);
        file.items.extend(more);
    }
}

fn is_newtype_over(item: &ItemStruct, names: &[&str]) -> bool {
    let syn::Fields::Unnamed(fields) = &item.fields else { return false };
    fields.unnamed.len() == 1
        && fields.unnamed.first().is_some_and(|field| {
            outermost(&field.ty).is_some_and(|(name, _)| names.iter().any(|known| name == known))
        })
}

/// The generators write an enum's text into its `Display`; the same match serves `as_str`, which says it
/// even where [`super::privacy`] hides the `Display`.
fn text_of_enum(implementation: &syn::ItemImpl) -> Option<Item> {
    let (path, _) = implementation.trait_.as_ref()?;
    if path.segments.last()?.ident != "Display" {
        return None;
    }
    let ImplItem::Fn(function) = implementation.items.first()? else { return None };
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
            /// The text that stands for this on the wire.
            pub fn as_str(&self) -> &'static str {
                match *self { #(#arms),* }
            }
        }
    })
}

/// The setters of optional fields take what the newtype is made of, too; of what counts from 1, a plain number.
fn from_inside(newtype: &ItemStruct) -> Vec<Item> {
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

/// What can be read from its text says so, for the setters of optional fields.
fn text_form(implementation: &syn::ItemImpl) -> Option<Item> {
    let (path, _) = implementation.trait_.as_ref()?;
    let name = &implementation.self_ty;
    (path.segments.last()?.ident == "FromStr")
        .then(|| syn::parse_quote!(impl ::carium_api::FromText for #name {}))
}

/// Adds traits to the derive that an item has.
fn derive(attributes: &mut [Attribute], traits: &[&str]) {
    for name in traits {
        super::remove_derive(attributes, name);
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
    fn ids_can_be_copied_and_enums_say_their_text() {
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
