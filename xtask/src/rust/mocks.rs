//! Completes the generated helpers for `httpmock`.

use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, File, ImplItem, Item, LitStr};

use super::{doc_text, outermost};

/// Sets the vendor's media type in responses and documents every public item.
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
                    Some(operation) => format!("Expectations for a request of `{operation}`."),
                    None => {
                        format!("The mocked response to a request of `{}`.", name.trim_end_matches("Then"))
                    }
                };
                describe(&mut item.attrs, &text);
            }
            Item::Trait(item) => {
                describe(
                    &mut item.attrs,
                    "One method per operation: sets the expected request and the mocked response.",
                );
                for member in &mut item.items {
                    if let syn::TraitItem::Fn(function) = member {
                        let name = function.sig.ident.to_string();
                        describe(&mut function.attrs, &format!("Mocks `{name}`."));
                    }
                }
            }
            Item::Impl(item) if item.trait_.is_none() => {
                let owner = outermost(&item.self_ty).map(|(name, _)| name.to_string()).unwrap_or_default();
                for member in &mut item.items {
                    if let ImplItem::Fn(function) = member {
                        let text = method_doc(&function.sig.ident.to_string(), owner.ends_with("When"));
                        describe(&mut function.attrs, &text);
                    }
                }
            }
            _ => {}
        }
        visit_mut::visit_item_mut(self, item);
    }
}

fn method_doc(function: &str, expects: bool) -> String {
    match function {
        "new" => "Wraps the type of `httpmock`.".to_owned(),
        "into_inner" => {
            "Returns the wrapped type of `httpmock`, for everything that this type does not support."
                .to_owned()
        }
        "client_error" => {
            "Responds with a status from 400 to 499.\n\n# Panics\nThe status is outside this range."
                .to_owned()
        }
        "server_error" => {
            "Responds with a status from 500 to 599.\n\n# Panics\nThe status is outside this range."
                .to_owned()
        }
        "success" => "Responds with a status from 200 to 299.\n\n# Panics\nThe status is outside this range."
            .to_owned(),
        "body" => "Expects this body.".to_owned(),
        name if expects => format!("Expects this `{name}`."),
        name => format!("Responds with `{name}`."),
    }
}

fn describe(attributes: &mut Vec<Attribute>, text: &str) {
    if !attributes.iter().any(|attribute| doc_text(attribute).is_some()) {
        attributes.insert(0, syn::parse_quote!(#[doc = #text]));
    }
}
