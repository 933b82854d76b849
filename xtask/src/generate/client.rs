//! Generates the client with `progenitor`: types, builders and one method per operation.

use progenitor::{CrateVers, GenerationSettings, Generator, InterfaceStyle, TagStyle};
use syn::{File, Item};

use super::header::Header;
use super::{Output, without_panic};
use crate::lower;
use crate::rust;
use crate::spec::Spec;

const FOLDER: &str = "crates/carium-api/src/generated";

/// Root module of the generated code, with the lints that are allowed in it.
const ROOT: &str = "\
//! Generated from the files in `specs/`. See `ARCHITECTURE.md`.

// Style lints are allowed. Lints that matter for users (docs, `Debug`, no `unsafe`) are not.
#![allow(clippy::all, clippy::pedantic, clippy::unwrap_used, unused_qualifications)]

pub(crate) mod client;
pub mod onboarding;
pub mod operations;
pub mod types;
";

pub(super) fn outputs(spec: &Spec, header: &Header) -> Result<Vec<Output>, String> {
    let mut file = generate(spec)?;
    let mut types = rust::modules::take(&mut file.items, "types").ok_or("progenitor generated no types")?;

    rust::options::unwrap(&mut types);
    rust::derives::complete(&mut types);
    rust::privacy::hide_types(&mut types, spec);
    rust::docs::document_types(&mut types, spec);
    let sides = spec.sides();
    let required = rust::open::open(&mut types, spec, |name| sides.in_request(name));
    types.attrs.insert(
        0,
        syn::parse_quote!(#![doc = " Types of requests and responses: one per schema of the spec."]),
    );

    keep_calls(&mut file);
    rust::paths::redirect(&mut file);
    rust::calls::use_transport(&mut file)?;
    rust::docs::document_calls(&mut file, spec);
    let mut builder =
        rust::modules::take(&mut file.items, "builder").ok_or("progenitor generated no builders")?;
    rust::privacy::hide_builders(&mut builder.items);
    finish_builders(&mut builder);
    // Import the names that the generator uses from this crate instead.
    builder.items.retain(|item| !matches!(item, Item::Use(_)));
    let imports: File = syn::parse_quote! {
        #[allow(unused_imports)]
        use progenitor_client::encode_path;
        use crate::error::Error;
        use crate::generated::types;
        use crate::request::RequestBuilder;
        use crate::response::ResponseValue;
    };
    builder.items.splice(0..0, imports.items);
    file.items.insert(
        0,
        syn::parse_quote!(
            use crate::client::Client;
        ),
    );

    let code = |path: &str, file: &File| Output {
        path: format!("{FOLDER}/{path}"),
        text: format!("{}\n{}", header.api("//"), rust::print(file)),
    };
    let mut outputs = vec![
        Output { path: format!("{FOLDER}/mod.rs"), text: format!("{}\n{ROOT}", header.both("//")) },
        code("client.rs", &file),
        code("client/builder.rs", &builder),
    ];
    for (name, mut part) in parts_of_types(&mut types) {
        finish_builders(&mut part);
        outputs.push(code(&format!("types/{name}.rs"), &part));
    }
    outputs.push(code("types/required.rs", &required));
    outputs.push(code("types.rs", &types));
    Ok(outputs)
}

/// Completes generated builders.
pub(super) fn finish_builders(file: &mut File) {
    rust::setters::take_options(&mut file.items);
    rust::setters::default_extras(&mut file.items);
}

/// Splits the submodules of the types module into separate files.
pub(super) fn parts_of_types(types: &mut File) -> Vec<(&'static str, File)> {
    let parts = ["builder", "defaults", "error"]
        .into_iter()
        .filter_map(|name| Some((name, rust::modules::take(&mut types.items, name)?)))
        .collect();
    for item in &mut types.items {
        if let Item::Mod(module) = item
            && module.ident == "defaults"
        {
            // The module has no public items.
            module.vis = syn::Visibility::Inherited;
        }
    }
    parts
}

fn generate(spec: &Spec) -> Result<File, String> {
    let openapi = lowered(spec)?;
    without_panic("cannot generate the client", || {
        let tokens = generator().generate_tokens(&openapi).map_err(|error| error.to_string())?;
        syn::parse2(tokens).map_err(|error| format!("progenitor generated invalid Rust: {error}"))
    })
}

/// Returns the lowered spec in the types of `openapiv3`, which `progenitor` reads.
pub(super) fn lowered(spec: &Spec) -> Result<openapiv3::OpenAPI, String> {
    serde_path_to_error::deserialize(lower::lower(spec)).map_err(|error| {
        let pointer = format!("/{}", error.path().to_string().replace('.', "/"));
        let message = format!("this is not valid OpenAPI 3.0: {}", error.inner());
        let fix = "compare this part with a similar one that is valid";
        crate::finding::report(&[spec.document.finding("openapi", &pointer, message, fix)])
    })
}

/// Returns `progenitor` with the settings of this workspace.
pub(super) fn generator() -> Generator {
    let mut settings = GenerationSettings::default();
    settings
        .with_interface(InterfaceStyle::Builder)
        .with_tag(TagStyle::Separate)
        // Ordered maps make printed output deterministic.
        .with_map_type("::std::collections::BTreeMap")
        .with_crate("carium_api", CrateVers::Any, None);
    Generator::new(&settings)
}

/// Keeps only the generated methods. The client itself is written by hand, in `carium_api::client`.
fn keep_calls(file: &mut File) {
    file.items.retain(|item| match item {
        Item::Trait(_) => true,
        Item::Mod(module) => module.ident == "builder",
        Item::Impl(item) => item.trait_.as_ref().is_some_and(|(path, _)| {
            path.segments.last().is_some_and(|name| name.ident.to_string().ends_with("Ext"))
        }),
        _ => false,
    });
}
