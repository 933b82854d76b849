//! Generates the table of operations.

use std::collections::BTreeSet;

use quote::{format_ident, quote};
use syn::File;

use super::Output;
use super::header::Header;
use crate::rust;
use crate::spec::Spec;

/// Returns the names of all properties that a request can contain.
fn request_fields(spec: &Spec) -> BTreeSet<&str> {
    let sides = spec.sides();
    spec.schemas()
        .filter(|(name, _)| sides.in_request(name))
        .flat_map(|(_, schema)| crate::spec::members(schema.get("properties")).map(|(name, _)| name))
        .collect()
}

pub(super) fn output(spec: &Spec, header: &Header) -> Output {
    let version =
        spec.root().pointer("/info/version").and_then(serde_json::Value::as_str).unwrap_or_default();
    let operations = spec.operations();
    let names: Vec<_> = operations.iter().map(|operation| rust::calls::row_name(operation.id())).collect();
    let rows = operations.iter().zip(&names).map(|(operation, name)| {
        let (id, path) = (operation.id(), operation.path);
        let tag = operation.tag().unwrap_or_default();
        let needs_token = operation.needs_token();
        let method = format_ident!("{}", operation.method.to_uppercase());
        let retry = match operation.text("x-retry") {
            Some("safe") => format_ident!("Safe"),
            Some("idempotent") => format_ident!("Idempotent"),
            _ => format_ident!("Create"),
        };
        let summary = operation.text("summary").unwrap_or_default().trim_end_matches('.');
        let doc = format!("{summary}: `{method} {path}`.");
        quote! {
            #[doc = #doc]
            pub static #name: Operation = Operation {
                id: #id,
                method: Method::#method,
                path: #path,
                tag: #tag,
                retry: RetryClass::#retry,
                needs_token: #needs_token,
            };
        }
    });
    let fields = request_fields(spec);
    let mut file: File = syn::parse_quote! {
        //! The table of operations. The entry of an operation is passed along with every request.

        use http::Method;

        use crate::operation::{Operation, RetryClass};

        /// The release of the service that this crate was written for.
        pub const API_VERSION: &str = #version;

        /// All operations, in the order of the spec.
        pub static ALL: &[&Operation] = &[#(&#names),*];

        /// The names of all attributes of requests, sorted. A field name in a response is safe to print if it is one of
        /// these.
        pub static FIELDS: &[&str] = &[#(#fields),*];

        #(#rows)*
    };
    rust::docs::tidy(&mut file);
    Output {
        path: "crates/carium-api/src/generated/operations.rs".to_owned(),
        text: format!("{}\n{}", header.api("//"), rust::print(&file)),
    }
}
