//! Replaces `reqwest::header` by `http::header` in generated code, so that an implementation of `Transport` needs no HTTP
//! client.

use syn::visit_mut::{self, VisitMut};
use syn::{File, Path};

pub(crate) fn redirect(file: &mut File) {
    Redirect.visit_file_mut(file);
}

struct Redirect;

impl VisitMut for Redirect {
    fn visit_path_mut(&mut self, path: &mut Path) {
        let mut names = path.segments.iter_mut().map(|segment| &mut segment.ident);
        if let (Some(first), Some(second)) = (names.next(), names.next())
            && first == "reqwest"
            && second == "header"
        {
            *first = syn::Ident::new("http", first.span());
        }
        visit_mut::visit_path_mut(self, path);
    }
}
