//! Lets structs of attributes read their members in place.
//!
//! A struct whose fields all accept any value accepts any object. Its `Deserialize` is implemented by the macro
//! `open_object` of `carium-api` instead of derived.

use std::collections::BTreeSet;

use quote::{ToTokens as _, quote};
use syn::{Field, File, Item, ItemStruct, Type};

use super::syntax::{has_serde_option, named_fields, outermost, remove_derive, wire_name};

pub(crate) fn read_in_place(types: &mut File) {
    let structs = types.items.iter().filter_map(|item| match item {
        Item::Struct(item) if accepts_any_object(item) => Some(item.ident.to_string()),
        _ => None,
    });
    let open: BTreeSet<String> = structs.collect();
    for mut item in std::mem::take(&mut types.items) {
        let mut reader = None;
        if let Item::Struct(item) = &mut item {
            if open.contains(&item.ident.to_string()) {
                remove_derive(&mut item.attrs, "Deserialize");
                reader = Some(open_object(item, &open));
            }
            for field in item.fields.iter_mut().filter(|field| is_open(field, &open)) {
                field.attrs.push(syn::parse_quote! {
                    #[serde(deserialize_with = "crate::attribute::deserialize_object")]
                });
            }
        }
        types.items.push(item);
        types.items.extend(reader);
    }
}

/// Returns whether all fields are attributes, except the one for additional members.
fn accepts_any_object(item: &ItemStruct) -> bool {
    let Some(fields) = named_fields(item) else { return false };
    let (extra, fields): (Vec<_>, Vec<_>) =
        fields.named.iter().partition(|field| has_serde_option(field, "flatten"));
    extra.len() == 1 && fields.iter().all(|field| attribute(&field.ty).is_some())
}

/// Returns the type of an attribute.
fn attribute(ty: &Type) -> Option<&Type> {
    outermost(ty).filter(|(name, _)| *name == "Attribute").and_then(|(_, parameter)| parameter)
}

fn is_open(field: &Field, open: &BTreeSet<String>) -> bool {
    attribute(&field.ty).is_some_and(|ty| open.contains(&ty.to_token_stream().to_string()))
}

/// Returns the call of the macro that implements `Deserialize`.
fn open_object(item: &mut ItemStruct, open: &BTreeSet<String>) -> Item {
    let members = item.fields.iter().filter(|field| !has_serde_option(field, "flatten")).map(|field| {
        let (name, member) = (&field.ident, wire_name(field));
        let object = is_open(field, open).then(|| quote!(as object));
        quote!(#name: #member #object,)
    });
    let (name, members) = (&item.ident, quote!(#(#members)*));
    syn::parse_quote! {
        crate::open_object::open_object! { #name { #members } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_of_attributes_are_read_by_the_macro() {
        let mut file = syn::parse_quote! {
            #[derive(::serde::Deserialize, ::serde::Serialize, Clone)]
            pub struct Patient {
                #[serde(rename = "attributes", default)]
                pub attributes: ::carium_api::Attribute<PatientAttributes>,
                pub id: PatientId,
            }
            #[derive(::serde::Deserialize, ::serde::Serialize, Clone)]
            pub struct PatientAttributes {
                #[serde(rename = "first-name", default)]
                pub first_name: ::carium_api::Attribute<::std::string::String>,
                pub meta: ::carium_api::Attribute<PatientAttributes>,
                #[serde(flatten)]
                pub extra: ::std::collections::BTreeMap<::std::string::String, ::carium_api::Unknown>,
            }
        };
        read_in_place(&mut file);
        let text = super::super::print(&file);
        assert_eq!(text.matches("::serde::Deserialize").count(), 1, "{text}");
        assert_eq!(text.matches("deserialize_with").count(), 2, "{text}");
        let reader = text.split("open_object!").nth(1).unwrap().split_whitespace().collect::<String>();
        assert_eq!(reader, r#"{PatientAttributes{first_name:"first-name",meta:"meta"asobject,}}"#, "{text}");
    }
}
