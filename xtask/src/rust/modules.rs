//! Splits generated code into files: an inline module becomes a separate file.

use syn::{AttrStyle, File, Item, ItemMod};

/// Moves the items of a module into a new file and leaves `pub mod name;` with its docs.
pub(crate) fn take(items: &mut [Item], name: &str) -> Option<File> {
    let module = find(items, name)?;
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

fn find<'a>(items: &'a mut [Item], name: &str) -> Option<&'a mut ItemMod> {
    items.iter_mut().find_map(|item| match item {
        Item::Mod(module) if module.ident == name => Some(module),
        _ => None,
    })
}
