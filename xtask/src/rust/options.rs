//! Optional fields: their types, and the setters of their builders.
//!
//! The generators wrap every optional property into an `Option`. `Attribute` and `Change` represent absence themselves, and
//! with the `Option` serde would read `null` as `None`. So `Option<Attribute<T>>` becomes `Attribute<T>`, and
//! `Option<Change<T>>` becomes `Change<T>`.
//!
//! The generated setters are inconsistent: some accept only an `Option`, others only the text. They are rewritten to accept
//! the value, an `Option` or the text form.

use std::collections::BTreeMap;

use quote::quote;
use syn::visit_mut::{self, VisitMut};
use syn::{Field, File, FnArg, ImplItem, Item, ItemStruct, Type};

use super::syntax::{named_fields, outermost, wire_name};

/// Types that represent absence themselves, with the predicate for serde.
const TYPES_WITH_ABSENCE: [(&str, &str); 2] =
    [("Attribute", "::carium_api::Attribute::is_missing"), ("Change", "::carium_api::Change::is_keep")];

/// Removes `Option` around types that represent absence themselves.
pub(crate) fn unwrap(file: &mut File) {
    Unwrap.visit_file_mut(file);
}

struct Unwrap;

impl VisitMut for Unwrap {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Some(inner) = wrapped(ty) {
            *ty = inner;
        }
        visit_mut::visit_type_mut(self, ty);
    }

    fn visit_field_mut(&mut self, field: &mut Field) {
        let absence = wrapped(&field.ty).and_then(|inner| absence(&inner));
        visit_mut::visit_field_mut(self, field);
        if let Some(is_absent) = absence {
            let name = wire_name(field);
            field.attrs.retain(|attribute| !attribute.path().is_ident("serde"));
            field.attrs.push(syn::parse_quote! {
                #[serde(rename = #name, default, skip_serializing_if = #is_absent)]
            });
        }
    }
}

/// Returns the type inside an `Option` if it represents absence itself.
fn wrapped(ty: &Type) -> Option<Type> {
    let (name, inner) = outermost(ty)?;
    let inner = inner.filter(|_| name == "Option")?;
    absence(inner).map(|_| inner.clone())
}

fn absence(ty: &Type) -> Option<&'static str> {
    let (name, _) = outermost(ty)?;
    TYPES_WITH_ABSENCE.iter().find(|(own, _)| name == own).map(|(_, is_absent)| *is_absent)
}

/// Completes the setters of builders.
pub(crate) fn complete_builders(items: &mut [Item]) {
    take_options(items);
    default_extras(items);
}

/// Rewrites the setters of the optional fields of builders.
fn take_options(items: &mut [Item]) {
    let optional: BTreeMap<String, Vec<(String, Type)>> = items
        .iter()
        .filter_map(|item| match item {
            Item::Struct(item) => Some((item.ident.to_string(), optional_fields(item))),
            _ => None,
        })
        .collect();
    for item in items {
        let Item::Impl(item) = item else { continue };
        let Type::Path(owner) = &*item.self_ty else { continue };
        let Some(owner) = owner.path.segments.last() else { continue };
        let Some(fields) = optional.get(&owner.ident.to_string()) else { continue };
        for member in &mut item.items {
            let ImplItem::Fn(setter) = member else { continue };
            let field = fields.iter().find(|(name, _)| setter.sig.ident == name);
            let Some((_, ty)) = field.filter(|_| setter.sig.inputs.len() == 2) else { continue };
            let name = &setter.sig.ident;
            let message = format!("invalid value for `{}`: {{e}}", name.to_string().trim_end_matches('_'));
            setter.sig.generics = syn::Generics::default();
            let value: FnArg = syn::parse_quote!(value: impl ::carium_api::IntoOptional<#ty>);
            if let Some(last) = setter.sig.inputs.last_mut() {
                *last = value;
            }
            setter.block = syn::parse_quote!({
                self.#name = value.into_optional().map_err(|e| format!(#message));
                self
            });
        }
    }
}

/// Gives the field `extra` a default, because requests usually have no additional members.
fn default_extras(items: &mut [Item]) {
    for item in items {
        let Item::Impl(item) = item else { continue };
        let text = quote!(#item).to_string();
        if text.contains("\"no value supplied for extra\"") {
            let text = text.replace(
                "extra : Err (\"no value supplied for extra\" . to_string ())",
                "extra : Ok (::std::default::Default::default())",
            );
            if let Ok(parsed) = syn::parse_str(&text) {
                *item = parsed;
            }
        }
    }
}

/// Returns the optional fields of a builder with the type inside the `Option`.
fn optional_fields(item: &ItemStruct) -> Vec<(String, Type)> {
    let fields = named_fields(item).into_iter().flat_map(|fields| &fields.named);
    fields
        .filter_map(|field| {
            // `Result<Option<T>, String>`.
            let Type::Path(result) = &field.ty else { return None };
            let syn::PathArguments::AngleBracketed(arguments) = &result.path.segments.last()?.arguments
            else {
                return None;
            };
            let Some(syn::GenericArgument::Type(ok)) = arguments.args.first() else { return None };
            let (name, inner) = outermost(ok)?;
            let inner = inner.filter(|_| name == "Option")?;
            Some((field.ident.as_ref()?.to_string(), inner.clone()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_option_only_from_types_with_absence() {
        let mut file = syn::parse_quote! {
            struct A {
                #[serde(rename = "x-y", skip_serializing_if = "::std::option::Option::is_none")]
                x_y: ::std::option::Option<::carium_api::Attribute<String>>,
                z: ::std::option::Option<String>,
            }
        };
        unwrap(&mut file);
        let expected: File = syn::parse_quote! {
            struct A {
                #[serde(rename = "x-y", default, skip_serializing_if = "::carium_api::Attribute::is_missing")]
                x_y: ::carium_api::Attribute<String>,
                z: ::std::option::Option<String>,
            }
        };
        assert_eq!(super::super::print(&file), super::super::print(&expected));
    }

    #[test]
    fn changes_only_optional_setters() {
        let mut file: File = syn::parse_quote! {
            pub struct Person { name: Result<String, String>, mail: Result<Option<super::Mail>, String> }
            impl Person {
                pub fn name<T>(mut self, value: T) -> Self where T: TryInto<String> { self }
                pub fn mail<T>(mut self, value: T) -> Self where T: TryInto<Option<super::Mail>> { self }
            }
        };
        take_options(&mut file.items);
        let text = super::super::print(&file);
        assert!(text.contains("fn name<T>"), "{text}");
        assert!(text.contains("value: impl ::carium_api::IntoOptional<super::Mail>"), "{text}");
    }
}
