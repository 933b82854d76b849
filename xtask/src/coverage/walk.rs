//! The calls in the body of a function.
//!
//! A call counts where it can be told what it is made on: a field, a parameter, a variable, the answer of another call
//! with a type of these files. A call of a trait's method leads to what implements it. Whatever cannot be told leads
//! nowhere, so that this rather misses what is there, which somebody then notices, than finds what is not. Whether a call
//! is ever made when it runs is not asked.

use std::collections::{BTreeSet, HashMap};

use quote::ToTokens as _;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Expr, FnArg, Item, Member, Pat};

use super::calls::{Calls, Function, FunctionId};
use super::names::TypeId;

/// The functions that a function calls, as far as that can be told.
pub(super) fn called_by<'a>(calls: &Calls<'a>, function: &Function<'a>) -> Vec<FunctionId> {
    let Some(body) = function.body else { return Vec::new() };
    let mut walk = Walk {
        calls,
        source: function.source,
        owner: function.owner,
        variables: HashMap::new(),
        hint: None,
        called: BTreeSet::new(),
    };
    for input in &function.signature.inputs {
        if let FnArg::Typed(input) = input {
            walk.bind(&input.pat, calls.names.of_type(function.source, function.owner, &input.ty));
        }
    }
    walk.visit_block(body);
    walk.called.into_iter().collect()
}

/// What gives back what it is called on, one way or another.
const THE_SAME: &[&str] = &[
    "as_deref",
    "as_mut",
    "as_ref",
    "borrow",
    "boxed",
    "clone",
    "cloned",
    "expect",
    "iter",
    "into_iter",
    "lock",
    "take",
    "to_owned",
    "unwrap",
    "unwrap_or_default",
];
const WRAPPERS: &[&str] = &["Arc", "Box", "Err", "Ok", "Pin", "Rc", "Some"];

/// The way through one body.
struct Walk<'c, 'a> {
    calls: &'c Calls<'a>,
    source: usize,
    owner: Option<TypeId>,
    variables: HashMap<String, TypeId>,
    /// What the closure that comes next is called with.
    hint: Option<TypeId>,
    called: BTreeSet<FunctionId>,
}

impl Walk<'_, '_> {
    /// The type of what an expression gives, where it can be told.
    fn type_of(&self, expression: &Expr) -> Option<TypeId> {
        let names = &self.calls.names;
        match expression {
            Expr::Path(path) => {
                let name = path.path.get_ident()?.to_string();
                if name == "self" { self.owner } else { self.variables.get(&name).copied() }
            }
            Expr::Field(field) => {
                let name = match &field.member {
                    Member::Named(name) => name.to_string(),
                    Member::Unnamed(nth) => nth.index.to_string(),
                };
                names.field(self.type_of(&field.base)?, &name)
            }
            Expr::MethodCall(call) => {
                let on = self.type_of(&call.receiver)?;
                let name = call.method.to_string();
                match self.calls.of_method(on, &name).first() {
                    Some(id) => self.calls.returned(*id).map(|it| self.instead_of_trait(it, on, *id)),
                    None => THE_SAME.contains(&name.as_str()).then_some(on),
                }
            }
            Expr::Call(call) => {
                let Expr::Path(path) = &*call.func else { return None };
                let wrapper = path.path.segments.first()?.ident.to_string();
                if WRAPPERS.contains(&wrapper.as_str()) && call.args.len() == 1 {
                    return self.type_of(call.args.first()?);
                }
                match self.functions_of(&path.path).first() {
                    Some(id) => self.calls.returned(*id).or_else(|| {
                        let given = call.args.iter().nth(self.calls.gives_back(*id)?)?;
                        self.type_of(given)
                    }),
                    // What makes a value of a tuple struct.
                    None if path.path.is_ident("Self") => self.owner,
                    None => names.of_path(self.source, &path.path),
                }
            }
            Expr::Struct(value) if value.path.is_ident("Self") => self.owner,
            Expr::Struct(value) => names.of_path(self.source, &value.path),
            Expr::Reference(it) => self.type_of(&it.expr),
            Expr::Paren(it) => self.type_of(&it.expr),
            Expr::Group(it) => self.type_of(&it.expr),
            Expr::Await(it) => self.type_of(&it.base),
            Expr::Try(it) => self.type_of(&it.expr),
            Expr::Unary(it) => self.type_of(&it.expr),
            _ => None,
        }
    }

    /// `Self` in a trait is what the method is called on.
    fn instead_of_trait(&self, returned: TypeId, on: TypeId, id: FunctionId) -> TypeId {
        let of_trait = self.calls.functions[id].owner;
        if Some(returned) == of_trait && self.calls.names.declared(returned).is_trait { on } else { returned }
    }

    /// The functions that a path leads to when it is called.
    fn functions_of(&self, path: &syn::Path) -> Vec<FunctionId> {
        let segments = &path.segments;
        if let (Some(last), true) = (segments.last(), segments.len() > 1) {
            let mut owner = path.clone();
            owner.segments = segments.iter().take(segments.len() - 1).cloned().collect();
            let of_type = if owner.is_ident("Self") {
                self.owner
            } else {
                self.calls.names.of_path(self.source, &owner)
            };
            if let Some(of_type) = of_type {
                return self.calls.of_method(of_type, &last.ident.to_string());
            }
        }
        self.calls.of_function(self.source, path).into_iter().collect()
    }

    /// Notes calls, and what runs when what they return is awaited.
    fn note(&mut self, functions: &[FunctionId]) {
        for id in functions {
            self.called.insert(*id);
            let polled = self.calls.returned(*id).and_then(|returned| self.calls.polled.get(&returned));
            self.called.extend(polled);
        }
    }

    /// The arguments of a call; a closure among them is called with what the function says.
    fn arguments<'e>(&mut self, functions: &[FunctionId], arguments: impl Iterator<Item = &'e Expr>) {
        for (nth, argument) in arguments.enumerate() {
            if matches!(argument, Expr::Closure(_)) {
                self.hint = functions.first().and_then(|id| self.calls.argument(*id, nth));
            }
            Visit::visit_expr(self, argument);
            self.hint = None;
        }
    }

    /// Gives the variables of a pattern the type of what they are bound to. A name that is bound to something unknown
    /// is not what it was before.
    fn bind(&mut self, pattern: &Pat, of_type: Option<TypeId>) {
        match pattern {
            Pat::Ident(pattern) => {
                let name = pattern.ident.to_string();
                match of_type {
                    Some(of_type) => self.variables.insert(name, of_type),
                    None => self.variables.remove(&name),
                };
            }
            Pat::Reference(pattern) => self.bind(&pattern.pat, of_type),
            Pat::Paren(pattern) => self.bind(&pattern.pat, of_type),
            Pat::Type(pattern) => {
                let of_type = self.calls.names.of_type(self.source, self.owner, &pattern.ty);
                self.bind(&pattern.pat, of_type);
            }
            Pat::TupleStruct(pattern) => {
                let is_wrapper = pattern.path.get_ident().is_some_and(|it| it == "Some" || it == "Ok");
                for inner in &pattern.elems {
                    self.bind(inner, of_type.filter(|_| is_wrapper));
                }
            }
            Pat::Tuple(pattern) => pattern.elems.iter().for_each(|inner| self.bind(inner, None)),
            Pat::Slice(pattern) => pattern.elems.iter().for_each(|inner| self.bind(inner, None)),
            Pat::Or(pattern) => pattern.cases.iter().for_each(|inner| self.bind(inner, of_type)),
            Pat::Struct(pattern) => {
                let fields = self.calls.names.of_path(self.source, &pattern.path);
                let fields = if pattern.path.is_ident("Self") { self.owner } else { fields };
                for inner in &pattern.fields {
                    let name = inner.member.to_token_stream().to_string();
                    let of_type = fields.and_then(|it| self.calls.names.field(it, &name));
                    self.bind(&inner.pat, of_type);
                }
            }
            _ => {}
        }
    }
}

impl<'ast> Visit<'ast> for Walk<'_, '_> {
    fn visit_local(&mut self, local: &'ast syn::Local) {
        let mut of_type = None;
        if let Some(init) = &local.init {
            self.visit_expr(&init.expr);
            if let Some((_, otherwise)) = &init.diverge {
                self.visit_expr(otherwise);
            }
            if let (Pat::Tuple(pattern), Expr::Tuple(values)) = (&local.pat, &*init.expr) {
                let types: Vec<_> = values.elems.iter().map(|value| self.type_of(value)).collect();
                pattern.elems.iter().zip(types).for_each(|(inner, of_type)| self.bind(inner, of_type));
                return;
            }
            of_type = self.type_of(&init.expr);
        }
        self.bind(&local.pat, of_type);
    }

    fn visit_expr_let(&mut self, condition: &'ast syn::ExprLet) {
        self.visit_expr(&condition.expr);
        self.bind(&condition.pat, self.type_of(&condition.expr));
    }

    fn visit_expr_match(&mut self, choice: &'ast syn::ExprMatch) {
        self.visit_expr(&choice.expr);
        let of_type = self.type_of(&choice.expr);
        for arm in &choice.arms {
            let before = self.variables.clone();
            self.bind(&arm.pat, of_type);
            visit::visit_arm(self, arm);
            self.variables = before;
        }
    }

    fn visit_expr_for_loop(&mut self, each: &'ast syn::ExprForLoop) {
        self.visit_expr(&each.expr);
        self.bind(&each.pat, self.type_of(&each.expr));
        self.visit_block(&each.body);
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        let before = self.variables.clone();
        let mut hint = self.hint.take();
        for input in &closure.inputs {
            self.bind(input, hint.take());
        }
        self.visit_expr(&closure.body);
        self.variables = before;
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.visit_expr(&call.receiver);
        let of_type = self.type_of(&call.receiver);
        let functions =
            of_type.map(|it| self.calls.of_method(it, &call.method.to_string())).unwrap_or_default();
        self.note(&functions);
        self.arguments(&functions, call.args.iter());
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        let functions = match &*call.func {
            Expr::Path(path) => self.functions_of(&path.path),
            other => {
                self.visit_expr(other);
                Vec::new()
            }
        };
        self.note(&functions);
        self.arguments(&functions, call.args.iter());
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        // `tokio::join!(one, other)` and the like; what is not a list of expressions calls nothing that is known.
        let expressions = Punctuated::<Expr, syn::Token![,]>::parse_terminated;
        for expression in expressions.parse2(call.tokens.clone()).into_iter().flatten() {
            Visit::visit_expr(self, &expression);
        }
    }

    // What is declared inside of a body is a function of its own.
    fn visit_item(&mut self, _: &'ast Item) {}
}
