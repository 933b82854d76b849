//! The items of a crate, with the names that each of them says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{ImplItem, Item, ItemImpl, TraitItem, Type, UseTree, Visibility};

use super::Use;

/// An item, or a member of one.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) using: Use,
    /// Every name that it says.
    pub(super) words: BTreeSet<String>,
    /// The generated types among them.
    pub(super) types: BTreeSet<String>,
    /// The same of the whole file.
    pub(super) file_words: BTreeSet<String>,
    pub(super) file_types: BTreeSet<String>,
}

/// Reads every item of a crate whose source is in a folder of a workspace.
pub(super) fn read(root: &Path, krate: &str) -> Result<Vec<Found>, String> {
    let mut modules = Vec::new();
    let folder = root.join(krate);
    for path in rust_files(&folder)? {
        let refuse = |error: &dyn std::fmt::Display| format!("{} cannot be read: {error}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| refuse(&error))?;
        let syntax = syn::parse_file(&text).map_err(|error| refuse(&error))?;
        let relative = path.strip_prefix(&folder).unwrap_or(&path);
        let file = format!("{krate}/{}", relative.display());
        modules.push(Module { path: module_path(relative), file, syntax });
    }
    let outline = Outline::of(&modules);
    Ok(modules.iter().flat_map(|module| items_of(module, &outline)).collect())
}

/// A file of the crate.
struct Module {
    path: Vec<String>,
    file: String,
    syntax: syn::File,
}

/// What the crate gives out, and where.
struct Outline {
    /// The modules that are public all the way.
    public: BTreeSet<Vec<String>>,
    /// The names that public modules give out from elsewhere in the crate.
    given_out: BTreeMap<String, Vec<Vec<String>>>,
    /// The generated types that the crate gives out under its own paths.
    generated: BTreeSet<String>,
}

impl Outline {
    fn of(modules: &[Module]) -> Self {
        let mut outline = Self {
            public: BTreeSet::from([Vec::new()]),
            given_out: BTreeMap::new(),
            generated: BTreeSet::new(),
        };
        // Shallow ones first, so that a module is known when those inside it are looked at.
        let mut modules: Vec<_> = modules.iter().collect();
        modules.sort_by_key(|module| module.path.len());
        for module in modules {
            for item in &module.syntax.items {
                match item {
                    Item::Mod(inner) if is_public(&inner.vis) && outline.public.contains(&module.path) => {
                        outline.public.insert([&module.path[..], &[inner.ident.to_string()]].concat());
                    }
                    Item::Use(import) if is_public(&import.vis) => {
                        let mut names = Vec::new();
                        leaves(&import.tree, &mut Vec::new(), &mut names);
                        for (path, name) in names {
                            if is_generated(&path) {
                                outline.generated.insert(name.clone());
                            }
                            outline.given_out.entry(name).or_default().push(module.path.clone());
                        }
                    }
                    _ => {}
                }
            }
        }
        outline
    }

    /// The path under which others reach an item of a module.
    fn public_path(&self, module: &[String], name: &str) -> Option<String> {
        let join = |module: &[String]| [module, &[name.to_owned()]].concat().join("::");
        if self.public.contains(module) {
            return Some(join(module));
        }
        let given_out = self.given_out.get(name)?;
        // By a module around it, the nearest.
        (0..module.len())
            .rev()
            .map(|depth| &module[..depth])
            .find(|around| self.public.contains(*around) && given_out.iter().any(|it| it == around))
            .map(join)
    }
}

fn items_of(module: &Module, outline: &Outline) -> Vec<Found> {
    let aliases = Aliases::of(&module.syntax, outline);
    let public_types: BTreeSet<String> = module
        .syntax
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Struct(item) if is_public(&item.vis) => Some(item.ident.to_string()),
            Item::Enum(item) if is_public(&item.vis) => Some(item.ident.to_string()),
            Item::Trait(item) if is_public(&item.vis) => Some(item.ident.to_string()),
            _ => None,
        })
        .collect();
    let mut parts: Vec<Part> = Vec::new();
    for item in &module.syntax.items {
        parts_of(item, &public_types, &mut parts);
    }
    let said: Vec<_> = parts.iter().map(|part| words_of(part.tokens.clone(), &aliases)).collect();
    let file_words: BTreeSet<String> = said.iter().flat_map(|(words, _)| words).cloned().collect();
    let file_types: BTreeSet<String> = said.iter().flat_map(|(_, types)| types).cloned().collect();
    parts
        .into_iter()
        .zip(said)
        .map(|(part, (words, types))| {
            let public = part.owner.and_then(|owner| outline.public_path(&module.path, &owner));
            let public =
                public.map(|owner| part.member.map_or(owner.clone(), |member| format!("{owner}::{member}")));
            let using = Use { public, file: module.file.clone(), item: part.name };
            Found { using, words, types, file_words: file_words.clone(), file_types: file_types.clone() }
        })
        .collect()
}

/// An item, or a member of one.
struct Part {
    name: String,
    /// The public item that it is or belongs to.
    owner: Option<String>,
    /// The member of that which it is, where others see it.
    member: Option<String>,
    tokens: TokenStream,
}

fn parts_of(item: &Item, public_types: &BTreeSet<String>, parts: &mut Vec<Part>) {
    let whole = |name: String, visibility: &Visibility| Part {
        owner: is_public(visibility).then(|| name.clone()),
        name,
        member: None,
        tokens: item.to_token_stream(),
    };
    match item {
        Item::Fn(item) => parts.push(whole(item.sig.ident.to_string(), &item.vis)),
        Item::Struct(item) => parts.push(whole(item.ident.to_string(), &item.vis)),
        Item::Enum(item) => parts.push(whole(item.ident.to_string(), &item.vis)),
        Item::Type(item) => parts.push(whole(item.ident.to_string(), &item.vis)),
        Item::Const(item) => parts.push(whole(item.ident.to_string(), &item.vis)),
        Item::Static(item) => parts.push(whole(item.ident.to_string(), &item.vis)),
        Item::Trait(owner) => {
            let name = owner.ident.to_string();
            for member in &owner.items {
                if let TraitItem::Fn(function) = member {
                    let member = function.sig.ident.to_string();
                    parts.push(Part {
                        owner: is_public(&owner.vis).then(|| name.clone()),
                        name: format!("{name}::{member}"),
                        member: Some(member),
                        tokens: function.to_token_stream(),
                    });
                }
            }
        }
        Item::Impl(implementation) => parts_of_impl(implementation, public_types, parts),
        // One that gives out is an item; what the others bring in, those who use it say.
        Item::Use(import) if is_public(&import.vis) => {
            let mut names = Vec::new();
            leaves(&import.tree, &mut Vec::new(), &mut names);
            for (path, name) in names.into_iter().filter(|(path, _)| is_generated(path)) {
                let ident = quote::format_ident!("{name}");
                let module = quote::format_ident!("{}", path.last().map_or("types", String::as_str));
                parts.push(Part {
                    owner: Some(name.clone()),
                    name: format!("pub use {name}"),
                    member: None,
                    tokens: quote::quote!(#module::#ident),
                });
            }
        }
        Item::Macro(call) => {
            let name = call.mac.path.to_token_stream().to_string();
            let name = format!("{name}!");
            parts.push(Part { name, owner: None, member: None, tokens: call.mac.tokens.clone() });
        }
        _ => {}
    }
}

fn parts_of_impl(implementation: &ItemImpl, public_types: &BTreeSet<String>, parts: &mut Vec<Part>) {
    let Some(owner) = last_name(&implementation.self_ty) else { return };
    let of_trait = implementation.trait_.as_ref().and_then(|(path, _)| path.segments.last());
    let of_trait = of_trait.map(|segment| segment.ident.to_string());
    for member in &implementation.items {
        let ImplItem::Fn(function) = member else { continue };
        let name = function.sig.ident.to_string();
        let (public_owner, public_member) = match &of_trait {
            None if is_public(&function.vis) => (Some(owner.clone()), Some(name.clone())),
            None => (None, None),
            // What a public type can do by a trait is a part of that type; else it is behind the trait.
            Some(_) if public_types.contains(&owner) => (Some(owner.clone()), None),
            Some(of_trait) => (Some(of_trait.clone()), Some(name.clone())),
        };
        // The types of the trait are said around its functions: `impl From<types::Patient> for …`.
        let mut tokens =
            implementation.trait_.as_ref().map(|(path, _)| path.to_token_stream()).unwrap_or_default();
        tokens.extend(function.to_token_stream());
        parts.push(Part {
            name: format!("{owner}::{name}"),
            owner: public_owner,
            member: public_member,
            tokens,
        });
    }
}

/// How a file calls generated types.
struct Aliases {
    /// The modules that hold them.
    modules: BTreeSet<String>,
    /// Themselves, with the names that they have in the spec.
    types: BTreeMap<String, String>,
}

impl Aliases {
    fn of(file: &syn::File, outline: &Outline) -> Self {
        let mut aliases =
            Self { modules: ["types", "onboarding"].map(str::to_owned).into(), types: BTreeMap::new() };
        for item in &file.items {
            let Item::Use(import) = item else { continue };
            renamed_leaves(&import.tree, &mut Vec::new(), &mut |path, name, alias| {
                if is_generated(path)
                    || outline.generated.contains(name) && path.first().is_some_and(|it| it == "crate")
                {
                    aliases.types.insert(alias.to_owned(), name.to_owned());
                } else if path.last().is_some_and(|it| it == "carium_api")
                    && matches!(name, "types" | "onboarding")
                {
                    aliases.modules.insert(alias.to_owned());
                }
            });
        }
        aliases
    }
}

/// The words of some code, and the generated types among them. Docs are text and have none.
fn words_of(tokens: TokenStream, aliases: &Aliases) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut words, mut types) = (BTreeSet::new(), BTreeSet::new());
    collect(tokens, aliases, &mut words, &mut types);
    (words, types)
}

fn collect(
    tokens: TokenStream,
    aliases: &Aliases,
    words: &mut BTreeSet<String>,
    types: &mut BTreeSet<String>,
) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => collect(group.stream(), aliases, words, types),
            TokenTree::Ident(ident) => {
                let word = ident.to_string();
                let is_colon =
                    |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(it)) if it.as_char() == ':');
                // `types::NewPatient`, not the `NewPatient` of `carium`.
                let before = index.checked_sub(3).filter(|_| is_colon(index - 1) && is_colon(index - 2));
                match before.map(|at| &tokens[at]) {
                    Some(TokenTree::Ident(module)) if aliases.modules.contains(&module.to_string()) => {
                        types.insert(word.clone());
                    }
                    Some(_) => {}
                    None => types.extend(aliases.types.get(&word).cloned()),
                }
                words.insert(word);
            }
            _ => {}
        }
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Whether a path of an import ends in a module of generated types.
fn is_generated(path: &[String]) -> bool {
    path.iter().any(|name| name == "carium_api")
        && path.last().is_some_and(|name| name == "types" || name == "onboarding")
}

fn leaves(tree: &UseTree, path: &mut Vec<String>, names: &mut Vec<(Vec<String>, String)>) {
    renamed_leaves(tree, path, &mut |path, _, alias| names.push((path.to_vec(), alias.to_owned())));
}

/// Calls a function with each name that an import brings, the path to it, and what it is called here.
fn renamed_leaves(tree: &UseTree, path: &mut Vec<String>, visit: &mut impl FnMut(&[String], &str, &str)) {
    match tree {
        UseTree::Path(part) => {
            path.push(part.ident.to_string());
            renamed_leaves(&part.tree, path, visit);
            path.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            // `types::{self, Gender}` brings `types`.
            if let Some((last, before)) = path.split_last() {
                visit(before, last, last);
            }
        }
        UseTree::Name(name) => visit(path, &name.ident.to_string(), &name.ident.to_string()),
        UseTree::Rename(rename) => visit(path, &rename.ident.to_string(), &rename.rename.to_string()),
        UseTree::Group(group) => group.items.iter().for_each(|tree| renamed_leaves(tree, path, visit)),
        UseTree::Glob(_) => {}
    }
}

fn last_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

/// The module that a file is, as names from the root of the crate.
fn module_path(file: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        file.with_extension("").iter().map(|name| name.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|last| last == "lib" || last == "mod") {
        names.pop();
    }
    names
}

/// The files of a folder and those inside it, in order.
fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let refuse = |error: std::io::Error| format!("{} cannot be read: {error}", folder.display());
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(refuse)?;
    let mut paths: Vec<_> = entries.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}
