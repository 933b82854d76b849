//! Passes over the syntax tree of generated Rust code.
//!
//! The generators produce working code. The passes hide marked values, add documentation and adapt the code to the
//! hand-written parts of `carium-api`. Each pass is a module that documents its reason.
//!
//! [`options`] must run before [`privacy`], which reads the resulting types. Otherwise the order does not matter.

pub(crate) mod calls;
pub(crate) mod derives;
pub(crate) mod docs;
pub(crate) mod mocks;
pub(crate) mod modules;
pub(crate) mod names;
pub(crate) mod open;
pub(crate) mod options;
pub(crate) mod paths;
pub(crate) mod privacy;
pub(crate) mod setters;

use syn::{
    Attribute, Expr, ExprLit, Fields, GenericArgument, Ident, Item, Lit, Meta, Path, PathArguments, Type,
};

/// Formats the code, with a blank line between items. It needs no installed formatter.
pub(crate) fn print(file: &syn::File) -> String {
    let mut parts = Vec::new();
    if !file.attrs.is_empty() {
        parts.push(prettyplease::unparse(&syn::File { items: Vec::new(), ..file.clone() }));
    }
    // Imports and module declarations are not separated by blank lines.
    let is_line = |item: &Item| match item {
        Item::Use(_) => true,
        Item::Mod(module) => module.content.is_none(),
        _ => false,
    };
    for items in file.items.chunk_by(|one, next| is_line(one) && is_line(next)) {
        let items = items.to_vec();
        parts.push(prettyplease::unparse(&syn::File {
            shebang: None,
            frontmatter: None,
            attrs: Vec::new(),
            items,
        }));
    }
    parts.join("\n")
}

/// Returns the JSON name of a field.
fn wire_name(field: &syn::Field) -> String {
    let renamed =
        field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")).find_map(|attribute| {
            let mut name = None;
            // Other serde options are skipped, and an attribute that cannot be parsed has no name.
            let _ = attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("rename") {
                    name = Some(meta.value()?.parse::<syn::LitStr>()?.value());
                } else if meta.input.peek(syn::Token![=]) {
                    meta.value()?.parse::<Lit>()?;
                }
                Ok(())
            });
            name
        });
    renamed.unwrap_or_else(|| field.ident.as_ref().map(ToString::to_string).unwrap_or_default())
}

/// Returns `true` if a field has a serde option, such as `flatten`.
fn has_serde_option(field: &syn::Field, word: &str) -> bool {
    field.attrs.iter().any(|attribute| {
        attribute.path().is_ident("serde")
            && matches!(&attribute.meta, Meta::List(list) if list.tokens.to_string().contains(word))
    })
}

/// Returns the named fields of a struct.
fn named_fields(item: &syn::ItemStruct) -> Option<&syn::FieldsNamed> {
    match &item.fields {
        Fields::Named(fields) => Some(fields),
        Fields::Unnamed(_) | Fields::Unit => None,
    }
}

/// Returns the last segment of a path and its type parameter, if it has exactly one.
fn outermost(ty: &Type) -> Option<(&Ident, Option<&Type>)> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let parameter = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
            Some(GenericArgument::Type(ty)) if arguments.args.len() == 1 => Some(ty),
            _ => None,
        },
        _ => None,
    };
    Some((&last.ident, parameter))
}

/// Returns the text of a `#[doc = "…"]` attribute.
fn doc_text(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// Removes a trait from the `derive` attributes. Returns whether it was present.
fn remove_derive(attributes: &mut [Attribute], name: &str) -> bool {
    let mut found = false;
    for attribute in attributes.iter_mut().filter(|attribute| attribute.path().is_ident("derive")) {
        let Ok(paths) =
            attribute.parse_args_with(syn::punctuated::Punctuated::<Path, syn::Token![,]>::parse_terminated)
        else {
            continue;
        };
        let kept: Vec<_> = paths.iter().filter(|path| !path.is_ident(name)).cloned().collect();
        found |= kept.len() < paths.len();
        *attribute = syn::parse_quote!(#[derive(#(#kept),*)]);
    }
    found
}
