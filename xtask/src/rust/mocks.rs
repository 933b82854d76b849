//! What the generated helpers for `httpmock` need beside what `progenitor` writes.

use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, File, ImplItem, Item, LitStr};

use super::{doc_text, outermost};

/// Answers carry the vendor's media type, and every public item has its sentence.
pub(crate) fn complete(file: &mut File) {
    MediaType.visit_file_mut(file);
    Docs.visit_file_mut(file);
    super::docs::tidy(file);
}

struct MediaType;

impl VisitMut for MediaType {
    fn visit_lit_str_mut(&mut self, literal: &mut LitStr) {
        if literal.value() == "application/json" {
            *literal = LitStr::new("application/vnd.api+json", literal.span());
        }
    }
}

struct Docs;

impl VisitMut for Docs {
    fn visit_item_mut(&mut self, item: &mut Item) {
        match item {
            Item::Struct(item) => {
                let name = item.ident.to_string();
                let text = match name.strip_suffix("When") {
                    Some(operation) => format!("What a request of `{operation}` is expected to be."),
                    None => format!("What answers a request of `{}`.", name.trim_end_matches("Then")),
                };
                describe(&mut item.attrs, &text);
            }
            Item::Trait(item) => {
                describe(
                    &mut item.attrs,
                    "A method for each operation of the API: what to expect of its request, and what to answer.",
                );
                for member in &mut item.items {
                    if let syn::TraitItem::Fn(function) = member {
                        let name = function.sig.ident.to_string();
                        describe(&mut function.attrs, &format!("Answers requests of `{name}`."));
                    }
                }
            }
            Item::Impl(item) if item.trait_.is_none() => {
                let owner = outermost(&item.self_ty).map(|(name, _)| name.to_string()).unwrap_or_default();
                for member in &mut item.items {
                    if let ImplItem::Fn(function) = member {
                        let text = sentence(&function.sig.ident.to_string(), owner.ends_with("When"));
                        describe(&mut function.attrs, &text);
                    }
                }
            }
            _ => {}
        }
        visit_mut::visit_item_mut(self, item);
    }
}

fn sentence(function: &str, expects: bool) -> String {
    match function {
        "new" => "Begins, from `httpmock`'s own type.".to_owned(),
        "into_inner" => "`httpmock`'s own type, for what this one does not permit.".to_owned(),
        "client_error" => "Answers with a status from 400 to 499. Panics for any other.".to_owned(),
        "server_error" => "Answers with a status from 500 to 599. Panics for any other.".to_owned(),
        "success" => "Answers with a status from 200 to 299. Panics for any other.".to_owned(),
        "body" => "Expects this body.".to_owned(),
        name if expects => format!("Expects this `{name}`."),
        name => format!("Answers `{name}`."),
    }
}

fn describe(attributes: &mut Vec<Attribute>, text: &str) {
    if !attributes.iter().any(|attribute| doc_text(attribute).is_some()) {
        attributes.insert(0, syn::parse_quote!(#[doc = #text]));
    }
}
