//! Which type a name in a file means, well enough to follow calls.
//!
//! Not a compiler: generics are looked through (`Result<Arc<dyn Patients>, Error>` is `Patients`), and of several
//! types with one name the nearest by its module counts. What cannot be told is nothing, never a guess.

use std::collections::HashMap;

use syn::visit::{self, Visit};
use syn::{Fields, Item, Path, PathArguments, Type, UseTree};

use super::source::Source;

/// A struct, an enum or a trait of the files that were read.
pub(super) type TypeId = usize;

/// A declared type.
pub(super) struct Declared<'a> {
    source: usize,
    name: String,
    /// Those of a struct, by name or by number.
    fields: Vec<(String, &'a Type)>,
    pub(super) is_public_trait: bool,
    pub(super) is_trait: bool,
    supertraits: Vec<&'a Path>,
}

/// Where an imported name comes from: a crate that was read, or none of those.
#[derive(Debug, Clone)]
pub(super) struct Import {
    pub(super) of_crate: Option<&'static str>,
    /// The last module of its path.
    pub(super) module: Option<String>,
    pub(super) name: String,
}

pub(super) struct Names<'a> {
    sources: &'a [Source],
    types: Vec<Declared<'a>>,
    by_name: HashMap<String, Vec<TypeId>>,
    imports: Vec<HashMap<String, Import>>,
    aliases: Vec<HashMap<String, &'a Type>>,
}

impl<'a> Names<'a> {
    pub(super) fn new(sources: &'a [Source]) -> Self {
        let mut names = Self {
            sources,
            types: Vec::new(),
            by_name: HashMap::new(),
            imports: vec![HashMap::new(); sources.len()],
            aliases: vec![HashMap::new(); sources.len()],
        };
        for (nth, source) in sources.iter().enumerate() {
            let modules = modules(&source.file.items);
            for item in &source.file.items {
                names.declare(nth, item, &modules);
            }
        }
        names
    }

    fn declare(&mut self, source: usize, item: &'a Item, modules: &[String]) {
        let (name, fields, traits) = match item {
            Item::Struct(item) => (&item.ident, fields(&item.fields), None),
            Item::Enum(item) => (&item.ident, Vec::new(), None),
            Item::Trait(item) => {
                let bounds = item.supertraits.iter().filter_map(|bound| match bound {
                    syn::TypeParamBound::Trait(bound) => Some(&bound.path),
                    _ => None,
                });
                let is_public = matches!(item.vis, syn::Visibility::Public(_));
                (&item.ident, Vec::new(), Some((is_public, bounds.collect())))
            }
            Item::Type(item) => {
                self.aliases[source].insert(item.ident.to_string(), &item.ty);
                return;
            }
            Item::Use(item) => {
                self.import(source, &item.tree, &mut Vec::new(), modules);
                return;
            }
            _ => return,
        };
        let (is_trait, (is_public_trait, supertraits)) = (traits.is_some(), traits.unwrap_or_default());
        let name = name.to_string();
        self.by_name.entry(name.clone()).or_default().push(self.types.len());
        self.types.push(Declared { source, name, fields, is_public_trait, is_trait, supertraits });
    }

    fn import(&mut self, source: usize, tree: &UseTree, path: &mut Vec<String>, modules: &[String]) {
        match tree {
            UseTree::Path(part) => {
                path.push(part.ident.to_string());
                self.import(source, &part.tree, path, modules);
                path.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(source, tree, path, modules);
                }
            }
            UseTree::Name(name) => self.remember(source, &name.ident, &name.ident, path, modules),
            UseTree::Rename(name) => self.remember(source, &name.ident, &name.rename, path, modules),
            UseTree::Glob(_) => {}
        }
    }

    fn remember(
        &mut self,
        source: usize,
        name: &syn::Ident,
        called: &syn::Ident,
        path: &[String],
        modules: &[String],
    ) {
        let of_crate = path.first().and_then(|first| self.crate_of(source, first, modules));
        let import = Import { of_crate, module: path.last().cloned(), name: name.to_string() };
        self.imports[source].insert(called.to_string(), import);
    }

    /// The crate that the first part of a path leads into.
    fn crate_of(&self, source: usize, first: &str, modules: &[String]) -> Option<&'static str> {
        let own = self.sources[source].of_crate;
        if ["crate", "self", "super"].contains(&first) || modules.iter().any(|module| module == first) {
            return Some(own);
        }
        self.sources.iter().map(|source| source.of_crate).find(|name| *name == first)
    }

    pub(super) fn declared(&self, id: TypeId) -> &Declared<'a> {
        &self.types[id]
    }

    pub(super) fn name(&self, id: TypeId) -> &str {
        &self.types[id].name
    }

    /// The crate of a type.
    pub(super) fn crate_of_type(&self, id: TypeId) -> &'static str {
        self.sources[self.types[id].source].of_crate
    }

    /// The traits of a trait that are traits of these files too.
    pub(super) fn supertraits(&self, id: TypeId) -> Vec<TypeId> {
        let declared = &self.types[id];
        declared.supertraits.iter().filter_map(|path| self.of_path(declared.source, path)).collect()
    }

    /// The type of a field.
    pub(super) fn field(&self, id: TypeId, field: &str) -> Option<TypeId> {
        let declared = &self.types[id];
        let (_, ty) = declared.fields.iter().find(|(name, _)| name == field)?;
        self.of_type(declared.source, Some(id), ty)
    }

    /// The type that a written type is about: the first of these files' that is named in it.
    pub(super) fn of_type(&self, source: usize, own: Option<TypeId>, ty: &Type) -> Option<TypeId> {
        struct Paths<'n, 'a> {
            names: &'n Names<'a>,
            source: usize,
            own: Option<TypeId>,
            found: Option<TypeId>,
        }
        impl<'ast> Visit<'ast> for Paths<'_, '_> {
            fn visit_path(&mut self, path: &'ast Path) {
                if self.found.is_some() {
                    return;
                }
                self.found =
                    if path.is_ident("Self") { self.own } else { self.names.of_path(self.source, path) };
                match path.segments.last().filter(|last| last.ident == "Result").map(|last| &last.arguments) {
                    // What it is about is what is there when all goes well.
                    Some(PathArguments::AngleBracketed(arguments)) => {
                        arguments.args.first().into_iter().for_each(|good| self.visit_generic_argument(good));
                    }
                    _ => visit::visit_path(self, path),
                }
            }
        }
        let mut paths = Paths { names: self, source, own, found: None };
        paths.visit_type(ty);
        paths.found
    }

    /// The type that a path names.
    pub(super) fn of_path(&self, source: usize, path: &Path) -> Option<TypeId> {
        let last = path.segments.last()?.ident.to_string();
        if path.segments.len() > 1 {
            let first = path.segments.first()?.ident.to_string();
            let modules = modules(&self.sources[source].file.items);
            // Modules may be imported as well as declared.
            let imported = self.imports[source].get(&first).and_then(|import| import.of_crate);
            let of_crate = imported.or_else(|| self.crate_of(source, &first, &modules))?;
            return self.nearest(source, of_crate, &last);
        }
        if let Some(ty) = self.aliases[source].get(&last) {
            return self.of_type(source, None, ty);
        }
        let own = self.by_name.get(&last)?.iter().copied().find(|id| self.types[*id].source == source);
        own.or_else(|| {
            let import = self.imports[source].get(&last)?;
            self.nearest(source, import.of_crate?, &import.name)
        })
    }

    /// The type of this name in a crate whose file shares most of its path with this one.
    fn nearest(&self, source: usize, of_crate: &str, name: &str) -> Option<TypeId> {
        let in_crate = |id: &TypeId| self.sources[self.types[*id].source].of_crate == of_crate;
        let candidates = self.by_name.get(name)?.iter().copied().filter(in_crate);
        candidates.max_by_key(|id| self.nearness(source, self.types[*id].source))
    }

    /// How many parts of their paths two files share.
    pub(super) fn nearness(&self, one: usize, other: usize) -> usize {
        let parts = |nth: usize| self.sources[nth].path.trim_end_matches(".rs").split('/');
        parts(one).zip(parts(other)).take_while(|(one, other)| one == other).count()
    }

    /// Where a name comes from, if it was imported.
    pub(super) fn imported(&self, source: usize, name: &str) -> Option<&Import> {
        self.imports[source].get(name)
    }
}

fn fields(fields: &Fields) -> Vec<(String, &Type)> {
    let name = |nth: usize, field: &syn::Field| {
        field.ident.as_ref().map_or_else(|| nth.to_string(), ToString::to_string)
    };
    fields.iter().enumerate().map(|(nth, field)| (name(nth, field), &field.ty)).collect()
}

fn modules(items: &[Item]) -> Vec<String> {
    let module = |item: &Item| match item {
        Item::Mod(item) => Some(item.ident.to_string()),
        _ => None,
    };
    items.iter().filter_map(module).collect()
}
