//! Makes generated methods send their requests through `Transport`.
//!
//! The code that `progenitor` generates sends requests through three hooks and with `reqwest`'s types. These cannot
//! report a failed sign-in, and their errors print bodies and URLs. This pass replaces the last statements of each
//! method with one call, which receives the operation's entry in the operation table. It also removes the header
//! `api-version`, which the vendor does not use, sets the vendor's media type in `accept`, and replaces
//! `reqwest::header` with `http::header`, so that an implementation of `Transport` needs no HTTP client.

use heck::ToUpperCamelCase as _;
use quote::format_ident;
use syn::visit_mut::{self, VisitMut};
use syn::{Block, Expr, File, Ident, ImplItemFn, LitStr, Path, Stmt};

use super::syntax::{doc_text, string_literal};

/// Returns the name of the static for an operation in the operation table.
pub(crate) fn row_name(operation_id: &str) -> Ident {
    format_ident!("{}", operation_id.to_uppercase())
}

/// Returns the name of the trait with the operations of a tag.
pub(crate) fn trait_name(tag: &str) -> Ident {
    format_ident!("Client{}Ext", tag.to_upper_camel_case())
}

/// Replaces the media type `application/json` with that of the vendor's responses.
pub(crate) fn set_media_type(file: &mut File) {
    struct MediaType;

    impl VisitMut for MediaType {
        fn visit_lit_str_mut(&mut self, literal: &mut LitStr) {
            if literal.value() == "application/json" {
                *literal = LitStr::new("application/vnd.api+json", literal.span());
            }
        }
    }

    MediaType.visit_file_mut(file);
}

/// Rewrites every method that sends a request.
///
/// # Errors
/// Names the methods that do not have the expected form.
pub(crate) fn use_transport(file: &mut File) -> Result<(), String> {
    set_media_type(file);
    let mut rewrite = Rewrite::default();
    rewrite.visit_file_mut(file);
    if rewrite.unexpected.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "the methods of {} do not have the expected form; check whether progenitor was updated",
            rewrite.unexpected.join(", ")
        ))
    }
}

#[derive(Default)]
struct Rewrite {
    unexpected: Vec<String>,
}

impl VisitMut for Rewrite {
    fn visit_impl_item_fn_mut(&mut self, function: &mut ImplItemFn) {
        visit_mut::visit_impl_item_fn_mut(self, function);
        if function.sig.ident == "send" && rewrite(&mut function.block).is_none() {
            let docs: Vec<_> = function.attrs.iter().filter_map(doc_text).collect();
            self.unexpected.push(docs.join(" ").trim().to_owned());
        }
    }

    /// Replaces `client.client.post(url)`, which uses `reqwest`'s client, with a `RequestBuilder`.
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        visit_mut::visit_expr_mut(self, expression);
        if let Expr::MethodCall(call) = expression
            && matches!(&*call.receiver, Expr::Field(field) if is_named(&field.member, "client"))
        {
            let method = format_ident!("{}", call.method.to_string().to_uppercase());
            let url = &call.args;
            *expression = syn::parse_quote!(RequestBuilder::new(::http::Method::#method, #url));
        }
    }

    /// Replaces paths into crates that `carium-api` does not depend on.
    fn visit_path_mut(&mut self, path: &mut Path) {
        let mut names = path.segments.iter_mut().map(|segment| &mut segment.ident);
        if let (Some(first), Some(second)) = (names.next(), names.next())
            && first == "reqwest"
            && second == "header"
        {
            *first = Ident::new("http", first.span());
        } else if path.segments.first().is_some_and(|first| first.ident == "progenitor_client") {
            path.segments = path.segments.iter().skip(1).cloned().collect();
        }
        visit_mut::visit_path_mut(self, path);
    }
}

fn rewrite(block: &mut Block) -> Option<()> {
    let mut operation = None;
    let mut statements = Vec::new();
    let mut replaced = 0;
    for statement in std::mem::take(&mut block.stmts) {
        match classify(&statement) {
            StatementKind::Info(id) => operation = Some(row_name(&id)),
            StatementKind::Hook | StatementKind::Result | StatementKind::ApiVersion => replaced += 1,
            StatementKind::Exec => {
                let row = operation.clone()?;
                statements.push(syn::parse_quote! {
                    let response = client.call(&crate::operations::#row, request).await?;
                });
            }
            StatementKind::Other => statements.push(statement),
        }
    }
    remove_empty_header_map(&mut statements);
    block.stmts = statements;
    // Two hooks, the result and the header. Any other form is unknown.
    (operation.is_some() && replaced == 4).then_some(())
}

/// Removes the header map if the removed header was its only entry.
fn remove_empty_header_map(statements: &mut Vec<Stmt>) {
    let is_map = |statement: &Stmt| matches!(statement, Stmt::Local(local) if matches!(&local.pat, syn::Pat::Ident(name) if name.ident == "header_map"));
    let is_filled = statements.iter().any(|statement| {
        matches!(statement, Stmt::Expr(..)) && quote::quote!(#statement).to_string().contains("header_map")
    });
    if !is_filled {
        statements.retain(|statement| !is_map(statement));
        for statement in statements {
            RemoveHeaders.visit_stmt_mut(statement);
        }
    }
}

struct RemoveHeaders;

impl VisitMut for RemoveHeaders {
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        if let Expr::MethodCall(call) = expression
            && call.method == "headers"
        {
            *expression = (*call.receiver).clone();
        }
        visit_mut::visit_expr_mut(self, expression);
    }

    fn visit_local_mut(&mut self, local: &mut syn::Local) {
        // Without the hooks, the request is not modified.
        if let syn::Pat::Ident(name) = &mut local.pat
            && name.ident == "request"
        {
            name.mutability = None;
            local.attrs.clear();
        }
        visit_mut::visit_local_mut(self, local);
    }
}

enum StatementKind {
    Info(String),
    Hook,
    Exec,
    Result,
    ApiVersion,
    Other,
}

fn classify(statement: &Stmt) -> StatementKind {
    match statement {
        Stmt::Local(local) => {
            let Some(init) = &local.init else { return StatementKind::Other };
            match &*init.expr {
                Expr::Struct(made) if made.path.is_ident("OperationInfo") => made
                    .fields
                    .first()
                    .and_then(|field| string_literal(&field.expr))
                    .map_or(StatementKind::Other, StatementKind::Info),
                Expr::Await(awaited) if is_call(&awaited.base, "exec") => StatementKind::Exec,
                Expr::Try(tried) if matches!(&*tried.expr, Expr::Path(path) if path.path.is_ident("result")) => {
                    StatementKind::Result
                }
                _ => StatementKind::Other,
            }
        }
        Stmt::Expr(Expr::Try(tried), _) => match &*tried.expr {
            Expr::Await(awaited) if is_call(&awaited.base, "pre") || is_call(&awaited.base, "post") => {
                StatementKind::Hook
            }
            _ => StatementKind::Other,
        },
        Stmt::Expr(call @ Expr::MethodCall(_), _) if is_call(call, "append") && names_api_version(call) => {
            StatementKind::ApiVersion
        }
        _ => StatementKind::Other,
    }
}

fn is_named(member: &syn::Member, name: &str) -> bool {
    matches!(member, syn::Member::Named(member) if member == name)
}

fn is_call(expression: &Expr, method: &str) -> bool {
    matches!(expression, Expr::MethodCall(call) if call.method == method)
}

fn names_api_version(expression: &Expr) -> bool {
    quote::quote!(#expression).to_string().contains("\"api-version\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trait_is_named_after_the_tag() {
        assert_eq!(trait_name("caredb"), "ClientCaredbExt");
    }
}
