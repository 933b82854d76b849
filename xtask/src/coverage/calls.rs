//! The functions of some files, and what a call can lead to.

use std::collections::{BTreeSet, HashMap};

use quote::ToTokens as _;
use syn::{FnArg, ImplItem, Item, ReturnType, Signature, TraitItem};

use super::names::{Names, TypeId};
use super::source::{Source, identifiers};

pub(super) type FunctionId = usize;

/// A function with its body, where it has one.
pub(super) struct Function<'a> {
    pub(super) source: usize,
    /// The type whose function it is: that of the `impl`, or the trait.
    pub(super) owner: Option<TypeId>,
    /// The trait whose function it implements.
    pub(super) of_trait: Option<TypeId>,
    pub(super) signature: &'a Signature,
    pub(super) body: Option<&'a syn::Block>,
}

impl Function<'_> {
    pub(super) fn name(&self) -> String {
        self.signature.ident.to_string()
    }
}

/// The functions of some files.
pub(super) struct Calls<'a> {
    pub(super) names: Names<'a>,
    sources: &'a [Source],
    pub(super) functions: Vec<Function<'a>>,
    methods: HashMap<(TypeId, String), Vec<FunctionId>>,
    free: HashMap<String, Vec<FunctionId>>,
    /// What runs when a value of a type is awaited.
    pub(super) polled: HashMap<TypeId, FunctionId>,
}

impl<'a> Calls<'a> {
    pub(super) fn of(sources: &'a [Source]) -> Self {
        let mut calls = Self {
            names: Names::new(sources),
            sources,
            functions: Vec::new(),
            methods: HashMap::new(),
            free: HashMap::new(),
            polled: HashMap::new(),
        };
        for (nth, source) in sources.iter().enumerate() {
            for item in &source.file.items {
                calls.add(nth, item);
            }
        }
        calls
    }

    fn add(&mut self, source: usize, item: &'a Item) {
        match item {
            Item::Fn(item) => {
                let function = Function {
                    source,
                    owner: None,
                    of_trait: None,
                    signature: &item.sig,
                    body: Some(&item.block),
                };
                self.free.entry(item.sig.ident.to_string()).or_default().push(self.functions.len());
                self.functions.push(function);
            }
            Item::Trait(item) => {
                let path = syn::Path::from(item.ident.clone());
                let owner = self.names.of_path(source, &path);
                for item in &item.items {
                    if let TraitItem::Fn(item) = item {
                        let (signature, body) = (&item.sig, item.default.as_ref());
                        self.method(Function { source, owner, of_trait: None, signature, body });
                    }
                }
            }
            Item::Impl(item) => {
                let owner = self.names.of_type(source, None, &item.self_ty);
                let of_trait = item.trait_.as_ref().map(|(path, _)| path);
                let is_future =
                    of_trait.and_then(|path| path.segments.last()).is_some_and(|it| it.ident == "Future");
                let of_trait = of_trait.and_then(|path| self.names.of_path(source, path));
                for item in &item.items {
                    let ImplItem::Fn(item) = item else { continue };
                    if let (true, Some(owner)) = (is_future, owner) {
                        self.polled.insert(owner, self.functions.len());
                    }
                    let (signature, body) = (&item.sig, Some(&item.block));
                    self.method(Function { source, owner, of_trait, signature, body });
                }
            }
            _ => {}
        }
    }

    fn method(&mut self, function: Function<'a>) {
        let (id, name) = (self.functions.len(), function.name());
        let types: BTreeSet<_> = [function.owner, function.of_trait].into_iter().flatten().collect();
        for of_type in types {
            self.methods.entry((of_type, name.clone())).or_default().push(id);
        }
        self.functions.push(function);
    }

    /// The path of the file that a function is in, from its crate's `src`, and the crate.
    pub(super) fn file(&self, id: FunctionId) -> (&'static str, &'a str) {
        let source = &self.sources[self.functions[id].source];
        (source.of_crate, &source.path)
    }

    /// The functions that run where a type's method is called.
    pub(super) fn of_method(&self, of_type: TypeId, name: &str) -> Vec<FunctionId> {
        let own = self.methods.get(&(of_type, name.to_owned()));
        let own = own.into_iter().flatten().copied().collect::<Vec<_>>();
        if !own.is_empty() || !self.names.declared(of_type).is_trait {
            return own;
        }
        self.names.supertraits(of_type).into_iter().flat_map(|it| self.of_method(it, name)).collect()
    }

    /// The function that a path names, where it is no type's.
    pub(super) fn of_function(&self, source: usize, path: &syn::Path) -> Option<FunctionId> {
        let mut parts = path.segments.iter().rev().map(|segment| segment.ident.to_string());
        let (last, module) = (parts.next()?, parts.next());
        let imported = self.names.imported(source, &last).filter(|_| module.is_none());
        let (of_crate, module, name) = match imported {
            Some(import) => (import.of_crate?, import.module.clone(), import.name.as_str()),
            None => (self.sources[source].of_crate, module, last.as_str()),
        };
        let module = module.filter(|it| !["self", "super", "crate", of_crate].contains(&it.as_str()));
        let candidates = self.free.get(name)?.iter().copied().filter(|id| {
            let other = self.functions[*id].source;
            self.sources[other].of_crate == of_crate
                && match &module {
                    Some(module) => self.sources[other].module() == module,
                    None => other == source || imported.is_some() || path.segments.len() > 1,
                }
        });
        candidates.max_by_key(|id| self.names.nearness(source, self.functions[*id].source))
    }

    /// The type of what a function returns.
    pub(super) fn returned(&self, id: FunctionId) -> Option<TypeId> {
        let function = &self.functions[id];
        match &function.signature.output {
            ReturnType::Type(_, ty) => self.names.of_type(function.source, function.owner, ty),
            ReturnType::Default => None,
        }
    }

    /// Which argument a function gives back, by its generics: `f<T>(of: impl Future<Output = T>) -> T`.
    pub(super) fn gives_back(&self, id: FunctionId) -> Option<usize> {
        let signature = self.functions[id].signature;
        let returned = identifiers(signature.output.to_token_stream());
        let mut generics = signature.generics.type_params().map(|it| it.ident.to_string());
        let generic = generics.find(|it| returned.contains(it))?;
        let typed = signature.inputs.iter().filter(|input| matches!(input, FnArg::Typed(_)));
        typed.map(|input| identifiers(input.to_token_stream())).position(|words| words.contains(&generic))
    }

    /// The type that a function has for one of its arguments, the receiver not counted.
    pub(super) fn argument(&self, id: FunctionId, nth: usize) -> Option<TypeId> {
        let function = &self.functions[id];
        let typed = function.signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(input) => Some(&*input.ty),
            FnArg::Receiver(_) => None,
        });
        let ty = typed.clone().nth(nth)?;
        let found = self.names.of_type(function.source, function.owner, ty);
        // `F` stands for what its bound says.
        found.or_else(|| {
            let bounds = function
                .signature
                .generics
                .type_params()
                .find(|it| it.ident == ty.to_token_stream().to_string())?;
            let bounds = &bounds.bounds;
            let ty: syn::Type = syn::parse_quote!(impl #bounds);
            self.names.of_type(function.source, function.owner, &ty)
        })
    }
}
