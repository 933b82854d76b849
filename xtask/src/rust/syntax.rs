//! Helpers for syntax trees: formatting, modules, and parts of items.

use syn::{
    AttrStyle, Attribute, Expr, ExprLit, Field, Fields, FieldsNamed, File, GenericArgument, Ident, Item,
    ItemImpl, ItemStruct, Lit, Meta, Path, PathArguments, Type,
};

/// Formats the code, with a blank line between items. It needs no installed formatter.
pub(crate) fn print(file: &File) -> String {
    let mut parts = Vec::new();
    if !file.attrs.is_empty() {
        parts.push(prettyplease::unparse(&File { items: Vec::new(), ..file.clone() }));
    }
    // Imports and module declarations are not separated by blank lines.
    let is_line = |item: &Item| match item {
        Item::Use(_) => true,
        Item::Mod(module) => module.content.is_none(),
        _ => false,
    };
    for items in file.items.chunk_by(|one, next| is_line(one) && is_line(next)) {
        let items = items.to_vec();
        parts.push(prettyplease::unparse(&File {
            shebang: None,
            frontmatter: None,
            attrs: Vec::new(),
            items,
        }));
    }
    parts.join("\n")
}

/// Moves the items of a module into a new file and leaves `pub mod name;` with its docs.
pub(crate) fn take_module(items: &mut [Item], name: &str) -> Option<File> {
    let module = items.iter_mut().find_map(|item| match item {
        Item::Mod(module) if module.ident == name => Some(module),
        _ => None,
    })?;
    let (_, items) = module.content.take()?;
    module.semi = Some(syn::token::Semi::default());
    // The root module has the `allow` attributes for all generated code.
    module.attrs.retain(|attribute| !attribute.path().is_ident("allow"));
    // Inner attributes move with the content.
    let (attrs, outer) = std::mem::take(&mut module.attrs)
        .into_iter()
        .partition(|attribute| matches!(attribute.style, AttrStyle::Inner(_)));
    module.attrs = outer;
    Some(File { shebang: None, frontmatter: None, attrs, items })
}

/// Returns the JSON name of a field.
pub(super) fn wire_name(field: &Field) -> String {
    let name = || field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
    serde_text(&field.attrs, "rename").unwrap_or_else(name)
}

/// Returns the text of a serde option, such as `rename = "…"`.
pub(super) fn serde_text(attributes: &[Attribute], option: &str) -> Option<String> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("serde")).find_map(|attribute| {
        let mut found = None;
        // An attribute that cannot be parsed has no such option.
        let _ = attribute.parse_nested_meta(|meta| {
            if meta.input.peek(syn::Token![=])
                && let Lit::Str(text) = meta.value()?.parse()?
                && meta.path.is_ident(option)
            {
                found = Some(text.value());
            }
            Ok(())
        });
        found
    })
}

/// Returns `true` if a field has a serde option, such as `flatten`.
pub(super) fn has_serde_option(field: &Field, word: &str) -> bool {
    field.attrs.iter().any(|attribute| {
        attribute.path().is_ident("serde")
            && matches!(&attribute.meta, Meta::List(list) if list.tokens.to_string().contains(word))
    })
}

/// Returns the named fields of a struct.
pub(super) fn named_fields(item: &ItemStruct) -> Option<&FieldsNamed> {
    match &item.fields {
        Fields::Named(fields) => Some(fields),
        Fields::Unnamed(_) | Fields::Unit => None,
    }
}

/// Returns the last segment of a path and its type parameter, if it has exactly one.
pub(super) fn outermost(ty: &Type) -> Option<(&Ident, Option<&Type>)> {
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

/// Returns the text of a string literal.
pub(super) fn string_literal(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

/// Returns the text of a `#[doc = "…"]` attribute.
pub(super) fn doc_text(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => string_literal(&pair.value),
        _ => None,
    }
}

/// Removes a trait from the `derive` attributes, however its path is written. Returns whether it was present.
pub(super) fn remove_derive(attributes: &mut [Attribute], name: &str) -> bool {
    let mut found = false;
    for attribute in attributes.iter_mut().filter(|attribute| attribute.path().is_ident("derive")) {
        let Ok(paths) =
            attribute.parse_args_with(syn::punctuated::Punctuated::<Path, syn::Token![,]>::parse_terminated)
        else {
            continue;
        };
        let kept: Vec<_> = paths
            .iter()
            .filter(|path| path.segments.last().is_none_or(|last| last.ident != name))
            .cloned()
            .collect();
        found |= kept.len() < paths.len();
        *attribute = syn::parse_quote!(#[derive(#(#kept),*)]);
    }
    found
}

/// Replaces the doc comment of an item.
pub(super) fn describe(attributes: &mut Vec<Attribute>, text: &str) {
    attributes.retain(|attribute| doc_text(attribute).is_none());
    attributes.insert(0, syn::parse_quote!(#[doc = #text]));
}

/// Returns `true` for an implementation of a trait with this name.
pub(super) fn implements(item: &ItemImpl, name: &str) -> bool {
    let path = item.trait_.as_ref().map(|(path, _)| path);
    path.and_then(|path| path.segments.last()).is_some_and(|last| last.ident == name)
}
