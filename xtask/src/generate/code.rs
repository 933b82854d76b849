//! Generates Rust code with `progenitor` and `typify`: the client, the types of an onboarding row, and the helpers
//! for `httpmock`.

use std::panic::{self, AssertUnwindSafe};

use proc_macro2::TokenStream;
use progenitor::{CrateVers, GenerationSettings, Generator, InterfaceStyle, TagStyle};
use schemars::schema::Schema;
use syn::{File, Item};
use typify::{TypeSpace, TypeSpaceSettings};

use super::files::{Header, Output};
use crate::document;
use crate::json::members;
use crate::lower;
use crate::rust::{self, take_module};
use crate::spec::{ONBOARDING, SPEC, Sources, Spec};

const API: &str = "crates/carium-api/src/generated";
const MOCK: &str = "crates/carium-mock/src/generated";

/// Root module of the generated code of `carium-api`, with the lints that are allowed in it.
const API_ROOT: &str = "\
//! Generated from the files in `specs/`. See `ARCHITECTURE.md`.

// Style lints are allowed. Lints that matter for users (docs, `Debug`, no `unsafe`) are not.
#![allow(clippy::all, clippy::pedantic, clippy::unwrap_used, unused_qualifications)]

pub(crate) mod client;
pub mod onboarding;
pub mod operations;
pub mod types;
";

/// Root module of the generated code of `carium-mock`.
const MOCK_ROOT: &str = "\
//! Generated from `specs/carium.yaml`. See `ARCHITECTURE.md`.

// Style lints are allowed. The wrapped types of `httpmock` do not implement `Debug`.
#![allow(clippy::all, clippy::pedantic, clippy::unwrap_used, missing_debug_implementations, unused_qualifications)]

#[cfg(feature = \"expectations\")]
pub(crate) mod expectations;
#[cfg(feature = \"wire\")]
pub(crate) mod wire;
";

/// Generates the client: types, builders and one method per operation.
pub(super) fn client(spec: &Spec, header: &Header) -> Result<Vec<Output>, String> {
    let openapi = lowered(spec)?;
    let mut file = catch_panic("cannot generate the client", || {
        parse(generator().generate_tokens(&openapi).map_err(|error| error.to_string())?)
    })?;
    let mut types = take_module(&mut file.items, "types").ok_or("progenitor generated no types")?;
    let builder = calls(&mut file, spec)?;
    let mut outputs = vec![
        Output::text(format!("{API}/mod.rs"), &header.both, API_ROOT),
        Output::code(format!("{API}/client.rs"), &header.api, &file),
        Output::code(format!("{API}/client/builder.rs"), &header.api, &builder),
    ];
    let sides = spec.sides();
    let required = complete_types(&mut types, spec, |name| sides.of(name).request)?;
    types.attrs.insert(
        0,
        syn::parse_quote!(#![doc = " Types of requests and responses: one per schema of the spec."]),
    );
    outputs.extend(type_files("types", types, &required, &header.api));
    Ok(outputs)
}

/// Completes the methods of operations and returns their builders.
fn calls(file: &mut File, spec: &Spec) -> Result<File, String> {
    // The client itself is written by hand, in `carium_api::client`.
    file.items.retain(|item| match item {
        Item::Trait(_) => true,
        Item::Mod(module) => module.ident == "builder",
        Item::Impl(item) => item.trait_.as_ref().is_some_and(|(path, _)| {
            path.segments.last().is_some_and(|name| name.ident.to_string().ends_with("Ext"))
        }),
        _ => false,
    });
    rust::calls::use_transport(file)?;
    rust::docs::document_calls(file, spec);
    file.items.insert(
        0,
        Item::Use(syn::parse_quote!(
            use crate::client::Client;
        )),
    );
    let mut builder = take_module(&mut file.items, "builder").ok_or("progenitor generated no builders")?;
    rust::privacy::hide_builders(&mut builder.items);
    rust::options::complete_builders(&mut builder.items);
    // The generated imports are replaced: in this workspace, `carium-api` itself defines most of these names.
    builder.items.retain(|item| !matches!(item, Item::Use(_)));
    let imports: File = syn::parse_quote! {
        use crate::error::Error;
        use crate::generated::types;
        #[allow(unused_imports)]
        use crate::request::{QueryParam, RequestBuilder, encode_path};
        use crate::response::ResponseValue;
    };
    builder.items.splice(0..0, imports.items);
    Ok(builder)
}

/// Generates the types of an onboarding row.
pub(super) fn onboarding(sources: &Sources, header: &Header) -> Result<Vec<Output>, String> {
    let schema = Spec::of_json_schema(&sources.onboarding);
    let lowered = lower::lower_json_schema(&schema, &sources.api);
    let schemas = members(lowered.pointer("/components/schemas"))
        .map(|(name, schema)| {
            let schema: Schema = serde_path_to_error::deserialize(schema.clone())
                .map_err(|error| format!("{ONBOARDING}: {name} is not valid JSON Schema: {error}"))?;
            Ok((name.to_owned(), schema))
        })
        .collect::<Result<Vec<_>, String>>()?;
    let mut types: File = catch_panic("cannot generate the types of the onboarding file", || {
        let mut settings = TypeSpaceSettings::default();
        settings.with_struct_builder(true).with_crate("carium_api", CrateVers::Any, None);
        let mut space = TypeSpace::new(&settings);
        space.add_ref_types(schemas).map_err(|error| error.to_string())?;
        parse(space.to_stream())
    })?;
    // Rows are written by users, like requests.
    let required = complete_types(&mut types, &schema, |_| true)?;
    types.attrs.insert(0, syn::parse_quote!(#![doc = " One row of an onboarding file, and its parts."]));
    Ok(type_files("onboarding", types, &required, &header.both))
}

/// Generates files of the mock crate: typed helpers for `httpmock`, and a copy of the spec.
pub(super) fn mocks(spec: &Spec, header: &Header) -> Result<Vec<Output>, String> {
    let openapi = lowered(spec)?;
    let mut file = catch_panic("cannot generate the helpers for `httpmock`", || {
        let mut generator = generator();
        // The helpers refer to the types of the client. These are generated here again, beside the thread of the client.
        generator.generate_tokens(&openapi).map_err(|error| error.to_string())?;
        parse(generator.httpmock(&openapi, "carium_api").map_err(|error| error.to_string())?)
    })?;
    rust::calls::set_media_type(&mut file);
    rust::docs::document_mocks(&mut file);
    let operations =
        take_module(&mut file.items, "operations").ok_or("progenitor generated no httpmock helpers")?;
    let yaml_header = header.api.replace("// ", "# ");
    Ok(vec![
        Output::text(format!("{MOCK}/mod.rs"), &header.api, MOCK_ROOT),
        Output::code(format!("{MOCK}/wire.rs"), &header.api, &file),
        Output::code(format!("{MOCK}/wire/operations.rs"), &header.api, &operations),
        Output::text(format!("{MOCK}/carium.yaml"), &yaml_header, &spec.document.text),
    ])
}

/// Completes generated types with the passes of [`crate::rust`]. Returns the module `required`.
fn complete_types(types: &mut File, spec: &Spec, is_request: impl Fn(&str) -> bool) -> Result<File, String> {
    rust::patterns::translate(types)?;
    rust::options::unwrap(types);
    rust::derives::complete(types);
    rust::privacy::hide_types(types, spec);
    rust::docs::document_types(types, spec);
    rust::open_objects::read_in_place(types);
    Ok(rust::open::open(types, spec, is_request))
}

/// Returns the file of a module of types, and one file for each of its submodules.
fn type_files(module: &str, mut types: File, required: &File, header: &str) -> Vec<Output> {
    let mut outputs = Vec::new();
    for name in ["builder", "defaults", "error"] {
        if let Some(mut part) = take_module(&mut types.items, name) {
            rust::options::complete_builders(&mut part.items);
            outputs.push(Output::code(format!("{API}/{module}/{name}.rs"), header, &part));
        }
    }
    for item in &mut types.items {
        if let Item::Mod(module) = item
            && module.ident == "defaults"
        {
            // The module has no public items.
            module.vis = syn::Visibility::Inherited;
        }
    }
    outputs.push(Output::code(format!("{API}/{module}/required.rs"), header, required));
    outputs.push(Output::code(format!("{API}/{module}.rs"), header, &types));
    outputs
}

/// Returns the lowered spec in the types of `openapiv3`, which `progenitor` reads.
fn lowered(spec: &Spec) -> Result<openapiv3::OpenAPI, String> {
    serde_path_to_error::deserialize(lower::lower(spec)).map_err(|error| {
        let pointer = format!("/{}", error.path().to_string().replace('.', "/"));
        let message = format!("this is not valid OpenAPI 3.0: {}", error.inner());
        let fix = "compare this part with a similar one that is valid";
        document::report(&[spec.document.finding("openapi", &pointer, message, fix)])
    })
}

/// Returns `progenitor` with the settings of this workspace.
fn generator() -> Generator {
    let mut settings = GenerationSettings::default();
    settings
        .with_interface(InterfaceStyle::Builder)
        .with_tag(TagStyle::Separate)
        // Ordered maps make printed output deterministic.
        .with_map_type("::std::collections::BTreeMap")
        .with_crate("carium_api", CrateVers::Any, None);
    Generator::new(&settings)
}

fn parse(code: TokenStream) -> Result<File, String> {
    syn::parse2(code).map_err(|error| format!("the generator wrote invalid Rust: {error}"))
}

/// Runs a generator and converts a panic into an error. The linter reports the known causes; this covers others.
pub(super) fn catch_panic<T>(failure: &str, run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    result.unwrap_or_else(|cause| {
        let message = cause
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| cause.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        Err(format!(
            "{failure}: the generator panicked ({message})\n    fix: revert the last changes of {SPEC} one by one to find \
             the cause, rewrite it, and add a rule for it to `cargo xtask lint`"
        ))
    })
}
