//! One generated file into several: a module that was written inline becomes a file of its own.

use syn::{AttrStyle, File, Item, ItemMod};

/// Takes the items of a module out, and leaves `pub mod name;` with its docs behind.
pub(crate) fn take(items: &mut [Item], name: &str) -> Option<File> {
    let module = find(items, name)?;
    let (_, items) = module.content.take()?;
    module.semi = Some(syn::token::Semi::default());
    // What is allowed in generated code is said once, at the root of all of it.
    module.attrs.retain(|attribute| !attribute.path().is_ident("allow"));
    // What stood inside goes with the inside.
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
