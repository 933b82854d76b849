//! The client: types, builders and a method for each operation, by `progenitor`.

use progenitor::{CrateVers, GenerationSettings, Generator, InterfaceStyle, TagStyle};
use syn::{File, Item};

use super::header::Header;
use super::{Output, without_panic};
use crate::lower;
use crate::rust;
use crate::spec::Spec;

const FOLDER: &str = "crates/carium-api/src/generated";

/// What is allowed in generated code, and why, once for all of it.
const ROOT: &str = "\
//! Generated from the files in `specs/`. See `ARCHITECTURE.md` for how.

// The generators' style is theirs. What must hold for users (docs, Debug, no unsafe) is not allowed here.
#![allow(clippy::all, clippy::pedantic, clippy::unwrap_used, unused_qualifications)]

pub(crate) mod client;
pub mod onboarding;
pub mod operations;
pub mod types;
";

pub(super) fn outputs(spec: &Spec, header: &Header) -> Result<Vec<Output>, String> {
    let mut file = generate(spec)?;
    let mut types = rust::modules::take(&mut file.items, "types").ok_or("progenitor wrote no types")?;

    rust::options::unwrap(&mut types);
    rust::derives::complete(&mut types);
    rust::privacy::hide_types(&mut types, spec);
    rust::docs::document_types(&mut types, spec);
    let sides = spec.sides();
    let required = rust::open::open(&mut types, spec, |name| sides.in_request(name));
    types.attrs.insert(
        0,
        syn::parse_quote!(#![doc = " The types of requests and answers, one for each schema of the spec."]),
    );

    keep_calls(&mut file);
    rust::paths::redirect(&mut file);
    rust::calls::through_the_seam(&mut file)?;
    rust::docs::document_calls(&mut file, spec);
    let mut builder =
        rust::modules::take(&mut file.items, "builder").ok_or("progenitor wrote no builders")?;
    rust::privacy::hide_builders(&mut builder.items);
    finish_builders(&mut builder);
    // The same names that the generator imports, from here.
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

/// What builders get beside what the generators give them.
pub(super) fn finish_builders(file: &mut File) {
    rust::setters::take_options(&mut file.items);
    rust::setters::default_extras(&mut file.items);
}

/// The modules inside the module of types, as files of their own.
pub(super) fn parts_of_types(types: &mut File) -> Vec<(&'static str, File)> {
    let parts = ["builder", "defaults", "error"]
        .into_iter()
        .filter_map(|name| Some((name, rust::modules::take(&mut types.items, name)?)))
        .collect();
    for item in &mut types.items {
        if let Item::Mod(module) = item
            && module.ident == "defaults"
        {
            // It holds nothing that is public.
            module.vis = syn::Visibility::Inherited;
        }
    }
    parts
}

fn generate(spec: &Spec) -> Result<File, String> {
    let openapi = lowered(spec)?;
    without_panic("the client could not be generated", || {
        let tokens = generator().generate_tokens(&openapi).map_err(|error| error.to_string())?;
        syn::parse2(tokens).map_err(|error| format!("progenitor wrote what is not Rust: {error}"))
    })
}

/// The spec as `progenitor` reads it.
pub(super) fn lowered(spec: &Spec) -> Result<openapiv3::OpenAPI, String> {
    serde_path_to_error::deserialize(lower::lower(spec)).map_err(|error| {
        let pointer = format!("/{}", error.path().to_string().replace('.', "/"));
        let what = format!("this is not OpenAPI 3.0: {}", error.inner());
        let mend = "compare this part with one like it that is understood";
        crate::finding::report(&[spec.document.finding("openapi", &pointer, what, mend)])
    })
}

/// The generator, set for this workspace.
pub(super) fn generator() -> Generator {
    let mut settings = GenerationSettings::default();
    settings
        .with_interface(InterfaceStyle::Builder)
        .with_tag(TagStyle::Separate)
        // In order, so that what is printed of a map's names is the same each time.
        .with_map_type("::std::collections::BTreeMap")
        .with_crate("carium_api", CrateVers::Any, None);
    Generator::new(&settings)
}

/// Of the client, the methods are generated; the client itself is written by hand, in `carium_api::client`.
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
