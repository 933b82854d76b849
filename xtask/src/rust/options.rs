//! Replaces `Option<Attribute<T>>` by `Attribute<T>`, and `Option<Change<T>>` by `Change<T>`.
//!
//! The generators wrap every optional property into an `Option`. These two types represent absence themselves, and with
//! the `Option` serde would read `null` as `None`.

use syn::visit_mut::{self, VisitMut};
use syn::{Field, File, Type};

use super::outermost;

/// Types that represent absence themselves, with the predicate for serde.
const TYPES_WITH_ABSENCE: [(&str, &str); 2] =
    [("Attribute", "::carium_api::Attribute::is_missing"), ("Change", "::carium_api::Change::is_keep")];

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
            let name = super::wire_name(field);
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
}
