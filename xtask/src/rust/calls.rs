//! The generated methods hand their request to the seam.
//!
//! `progenitor` sends a request through three hooks and hands what they return to code that knows
//! `reqwest`'s types only: a failure of sign-in has no way out, and the errors print bodies and URLs. Here
//! the last statements of each method become one call with the operation's row of the table, whose
//! answer has been read whole. The header `api-version`, which the vendor does not know, goes, and `accept`
//! names the vendor's media type.

use quote::format_ident;
use syn::visit_mut::{self, VisitMut};
use syn::{Block, Expr, File, ImplItemFn, LitStr, Stmt};

/// The name of the row of the table of operations that stands for an operation.
pub(crate) fn row_name(operation_id: &str) -> syn::Ident {
    format_ident!("{}", operation_id.to_uppercase())
}

/// Rewrites every method that sends; says which ones do not look as expected.
pub(crate) fn through_the_seam(file: &mut File) -> Result<(), String> {
    let mut rewrite = Rewrite::default();
    rewrite.visit_file_mut(file);
    if rewrite.refused.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "the methods of {} send their requests in a way that this xtask does not know; has progenitor been updated?",
            rewrite.refused.join(", ")
        ))
    }
}

#[derive(Default)]
struct Rewrite {
    refused: Vec<String>,
}

impl VisitMut for Rewrite {
    fn visit_impl_item_fn_mut(&mut self, function: &mut ImplItemFn) {
        visit_mut::visit_impl_item_fn_mut(self, function);
        if function.sig.ident == "send" && rewrite(&mut function.block).is_none() {
            let docs: Vec<_> = function.attrs.iter().filter_map(super::doc_text).collect();
            self.refused.push(docs.join(" ").trim().to_owned());
        }
    }

    /// `client.client.post(url)`, on `reqwest`'s client, becomes a builder of requests that needs none.
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

    fn visit_lit_str_mut(&mut self, literal: &mut LitStr) {
        if literal.value() == "application/json" {
            *literal = LitStr::new("application/vnd.api+json", literal.span());
        }
    }
}

fn rewrite(block: &mut Block) -> Option<()> {
    let mut operation = None;
    let mut statements = Vec::new();
    let mut seen = 0;
    for statement in std::mem::take(&mut block.stmts) {
        match kind(&statement) {
            Kind::Info(id) => operation = Some(row_name(&id)),
            Kind::Hook | Kind::Result | Kind::ApiVersion => seen += 1,
            Kind::Exec => {
                let row = operation.clone()?;
                statements.push(syn::parse_quote! {
                    let response = client.call(&crate::operations::#row, request).await?;
                });
            }
            Kind::Other => statements.push(statement),
        }
    }
    without_idle_headers(&mut statements);
    block.stmts = statements;
    // Both hooks, the result and the header: anything else is a shape that nobody has looked at.
    (operation.is_some() && seen == 4).then_some(())
}

/// Where the header that went was the only one, the map that held it goes too.
fn without_idle_headers(statements: &mut Vec<Stmt>) {
    let is_map = |statement: &Stmt| matches!(statement, Stmt::Local(local) if matches!(&local.pat, syn::Pat::Ident(name) if name.ident == "header_map"));
    let is_filled = statements.iter().any(|statement| {
        matches!(statement, Stmt::Expr(..)) && quote::quote!(#statement).to_string().contains("header_map")
    });
    if !is_filled {
        statements.retain(|statement| !is_map(statement));
        for statement in statements {
            WithoutHeaders.visit_stmt_mut(statement);
        }
    }
}

struct WithoutHeaders;

impl VisitMut for WithoutHeaders {
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        if let Expr::MethodCall(call) = expression
            && call.method == "headers"
        {
            *expression = (*call.receiver).clone();
        }
        visit_mut::visit_expr_mut(self, expression);
    }

    fn visit_local_mut(&mut self, local: &mut syn::Local) {
        // Nothing changes the request any more, now that no hook does.
        if let syn::Pat::Ident(name) = &mut local.pat
            && name.ident == "request"
        {
            name.mutability = None;
            local.attrs.clear();
        }
        visit_mut::visit_local_mut(self, local);
    }
}

enum Kind {
    Info(String),
    Hook,
    Exec,
    Result,
    ApiVersion,
    Other,
}

fn kind(statement: &Stmt) -> Kind {
    match statement {
        Stmt::Local(local) => {
            let Some(init) = &local.init else { return Kind::Other };
            match &*init.expr {
                Expr::Struct(made) if made.path.is_ident("OperationInfo") => {
                    made.fields.first().and_then(|field| text(&field.expr)).map_or(Kind::Other, Kind::Info)
                }
                Expr::Await(awaited) if is_call(&awaited.base, "exec") => Kind::Exec,
                Expr::Try(tried) if matches!(&*tried.expr, Expr::Path(path) if path.path.is_ident("result")) => {
                    Kind::Result
                }
                _ => Kind::Other,
            }
        }
        Stmt::Expr(Expr::Try(tried), _) => match &*tried.expr {
            Expr::Await(awaited) if is_call(&awaited.base, "pre") || is_call(&awaited.base, "post") => {
                Kind::Hook
            }
            _ => Kind::Other,
        },
        Stmt::Expr(call @ Expr::MethodCall(_), _) if is_call(call, "append") && names_api_version(call) => {
            Kind::ApiVersion
        }
        _ => Kind::Other,
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

fn text(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}
