//! Generates the types of an onboarding row with `typify`, in the version that `progenitor` uses.

use schemars::schema::Schema;
use syn::File;
use typify::{CrateVers, TypeSpace, TypeSpaceSettings};

use super::header::Header;
use super::{Output, Sources, client, without_panic};
use crate::spec::Spec;
use crate::{lower, rust};

const FOLDER: &str = "crates/carium-api/src/generated";

pub(super) fn outputs(sources: &Sources, header: &Header) -> Result<Vec<Output>, String> {
    let schema = Spec::of_json_schema(&sources.onboarding);
    let mut types = generate(&schema, &sources.api)?;
    rust::options::unwrap(&mut types);
    rust::derives::complete(&mut types);
    rust::privacy::hide_types(&mut types, &schema);
    rust::docs::document_types(&mut types, &schema);
    // Rows are written by users, like requests.
    let required = rust::open::open(&mut types, &schema, |_| true);
    types.attrs.insert(0, syn::parse_quote!(#![doc = " One row of an onboarding file, and its parts."]));

    let code = |path: &str, file: &File| Output {
        path: format!("{FOLDER}/{path}"),
        text: format!("{}\n{}", header.both("//"), rust::print(file)),
    };
    let mut outputs = Vec::new();
    for (name, mut part) in client::parts_of_types(&mut types) {
        client::finish_builders(&mut part);
        outputs.push(code(&format!("onboarding/{name}.rs"), &part));
    }
    outputs.push(code("onboarding/required.rs", &required));
    outputs.push(code("onboarding.rs", &types));
    Ok(outputs)
}

fn generate(schema: &Spec, api: &Spec) -> Result<File, String> {
    let lowered = lower::lower_json_schema(schema, api);
    let schemas = crate::spec::members(lowered.pointer("/components/schemas"))
        .map(|(name, schema)| {
            let schema: Schema = serde_path_to_error::deserialize(schema.clone()).map_err(|error| {
                format!("{}: {name} is not valid JSON Schema: {error}", super::ONBOARDING)
            })?;
            Ok((name.to_owned(), schema))
        })
        .collect::<Result<Vec<_>, String>>()?;
    without_panic("cannot generate the types of the onboarding file", || {
        let mut settings = TypeSpaceSettings::default();
        settings.with_struct_builder(true).with_crate("carium_api", CrateVers::Any, None);
        let mut space = TypeSpace::new(&settings);
        space.add_ref_types(schemas).map_err(|error| error.to_string())?;
        syn::parse2(space.to_stream()).map_err(|error| format!("typify generated invalid Rust: {error}"))
    })
}
