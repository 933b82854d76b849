//! Generates files of the mock crate: typed helpers for `httpmock`, and a copy of the spec.

use syn::File;

use super::header::Header;
use super::{Output, client, without_panic};
use crate::rust;
use crate::spec::Spec;

const FOLDER: &str = "crates/carium-mock/src/generated";

const ROOT: &str = "\
//! Generated from `specs/carium.yaml`. See `ARCHITECTURE.md`.

// Style lints are allowed. The wrapped types of `httpmock` do not implement `Debug`.
#![allow(clippy::all, clippy::pedantic, clippy::unwrap_used, missing_debug_implementations, unused_qualifications)]

pub(crate) mod wire;
";

pub(super) fn outputs(spec: &Spec, header: &Header) -> Result<Vec<Output>, String> {
    let openapi = client::lowered(spec)?;
    let mut file: File = without_panic("cannot generate the httpmock helpers", || {
        let mut generator = client::generator();
        // The helpers refer to the types that this call generates.
        generator.generate_tokens(&openapi).map_err(|error| error.to_string())?;
        let tokens = generator.httpmock(&openapi, "carium_api").map_err(|error| error.to_string())?;
        syn::parse2(tokens).map_err(|error| format!("progenitor generated invalid Rust: {error}"))
    })?;
    rust::mocks::complete(&mut file);
    let operations = rust::modules::take(&mut file.items, "operations")
        .ok_or("progenitor generated no httpmock helpers")?;
    let code = |path: &str, file: &File| Output {
        path: format!("{FOLDER}/{path}"),
        text: format!("{}\n{}", header.api("//"), rust::print(file)),
    };
    Ok(vec![
        Output { path: format!("{FOLDER}/mod.rs"), text: format!("{}\n{ROOT}", header.api("//")) },
        code("wire.rs", &file),
        code("wire/operations.rs", &operations),
        Output {
            path: format!("{FOLDER}/carium.yaml"),
            text: format!("{}\n{}", header.api("#"), spec.document.text),
        },
    ])
}
