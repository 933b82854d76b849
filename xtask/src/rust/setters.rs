//! Makes setters of optional fields accept the value, an `Option` or the text form.
//!
//! The generated builders are inconsistent: some setters accept only an `Option`, others only the text.

use std::collections::BTreeMap;

use quote::quote;
use syn::{FnArg, ImplItem, Item, ItemStruct, Type};

use super::outermost;

/// Rewrites the setters of the optional fields of builders.
pub(crate) fn take_options(items: &mut [Item]) {
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
pub(crate) fn default_extras(items: &mut [Item]) {
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
    let fields = super::named_fields(item).into_iter().flat_map(|fields| &fields.named);
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
    fn changes_only_optional_setters() {
        let mut file: syn::File = syn::parse_quote! {
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
